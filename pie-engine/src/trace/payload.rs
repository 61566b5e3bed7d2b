//! Values that may be large. In memory they are whole; in a trace file the large ones are a digest and a short head.

use base64::prelude::{BASE64_STANDARD, Engine};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Text longer than this many bytes is written as a digest and a head.
pub const INLINE_TEXT: usize = 4096;
/// More tokens than this are written as a digest and a head.
pub const INLINE_TOKENS: usize = 256;
/// How much of an elided value is kept: characters of a text, bytes of a blob.
const HEAD: usize = 64;
/// How many tokens of an elided list are kept.
const HEAD_TOKENS: usize = 16;

/// What is left of a large value in a trace file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Elided<T> {
    /// Bytes of a text or blob, or tokens of a list.
    pub len: u64,
    /// SHA-256 of the value in hexadecimal; tokens are hashed as little-endian 32-bit numbers.
    pub sha256: String,
    /// The beginning of the value.
    pub head: T,
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Elided<String> {
    /// What is left of a text.
    pub fn of(text: &str) -> Self {
        Elided::with_digest(text, sha256_hex(text.as_bytes()))
    }

    /// The same for a text whose SHA-256 is known.
    pub fn with_digest(text: &str, sha256: String) -> Self {
        Elided { len: text.len() as u64, sha256, head: text.chars().take(HEAD).collect() }
    }
}

/// Text of any length.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Text {
    /// All of it.
    Full(String),
    /// What a trace file keeps of a long one.
    Elided(Elided<String>),
}

impl Text {
    /// The text, or the head of an elided one.
    pub fn as_str(&self) -> &str {
        match self {
            Text::Full(text) => text,
            Text::Elided(elided) => &elided.head,
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::Full(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Full(text.to_owned())
    }
}

/// The two shapes on disk: the value itself, or what is left of it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Shape<V, H> {
    Full(V),
    Elided(Elided<H>),
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Text::Full(text) if text.len() <= INLINE_TEXT => serializer.serialize_str(text),
            Text::Full(text) => Elided::of(text).serialize(serializer),
            Text::Elided(elided) => elided.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::<String, String>::deserialize(deserializer)? {
            Shape::Full(text) => Text::Full(text),
            Shape::Elided(elided) => Text::Elided(elided),
        })
    }
}

/// A list of token ids of any length.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Tokens {
    /// All of them.
    Full(Vec<u32>),
    /// What a trace file keeps of a long list.
    Elided(Elided<Vec<u32>>),
}

impl Tokens {
    /// How many tokens there were.
    pub fn count(&self) -> u64 {
        match self {
            Tokens::Full(tokens) => tokens.len() as u64,
            Tokens::Elided(elided) => elided.len,
        }
    }
}

impl From<Vec<u32>> for Tokens {
    fn from(tokens: Vec<u32>) -> Self {
        Tokens::Full(tokens)
    }
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tokens::Full(tokens) if tokens.len() <= INLINE_TOKENS => tokens.serialize(serializer),
            Tokens::Full(tokens) => {
                let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
                Elided {
                    len: tokens.len() as u64,
                    sha256: sha256_hex(&bytes),
                    head: tokens[..HEAD_TOKENS].to_vec(),
                }
                .serialize(serializer)
            }
            Tokens::Elided(elided) => elided.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::<Vec<u32>, Vec<u32>>::deserialize(deserializer)? {
            Shape::Full(tokens) => Tokens::Full(tokens),
            Shape::Elided(elided) => Tokens::Elided(elided),
        })
    }
}

/// A blob. On disk it is always a digest and a head in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "Elided<String>")]
pub enum Bytes {
    /// All of it.
    Full(Vec<u8>),
    /// What a trace file keeps.
    Elided(Elided<String>),
}

impl Bytes {
    /// What a trace file keeps of a blob.
    pub fn elide(bytes: &[u8]) -> Elided<String> {
        Elided {
            len: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            head: bytes.iter().take(HEAD / 4).map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::Full(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Bytes::Full(bytes) => Bytes::elide(bytes).serialize(serializer),
            Bytes::Elided(elided) => elided.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Elided::deserialize(deserializer).map(Bytes::Elided)
    }
}

/// Bytes that a trace file keeps whole, because a run is played back with them: as text where they are UTF-8, else as an object with them in
/// base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "WholeShape")]
pub struct Whole(Vec<u8>);

impl Whole {
    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text, if the bytes are UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<Vec<u8>> for Whole {
    fn from(bytes: Vec<u8>) -> Self {
        Whole(bytes)
    }
}

impl From<String> for Whole {
    fn from(text: String) -> Self {
        Whole(text.into_bytes())
    }
}

impl From<&str> for Whole {
    fn from(text: &str) -> Self {
        Whole(text.as_bytes().to_vec())
    }
}

/// [`Whole`] on disk.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum WholeShape<'a> {
    Text(Cow<'a, str>),
    Bytes { base64: Cow<'a, str> },
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = match self.as_str() {
            Some(text) => WholeShape::Text(text.into()),
            None => WholeShape::Bytes { base64: BASE64_STANDARD.encode(&self.0).into() },
        };
        shape.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match WholeShape::deserialize(deserializer)? {
            WholeShape::Text(text) => Ok(text.into_owned().into()),
            WholeShape::Bytes { base64 } => {
                let bytes = BASE64_STANDARD.decode(&*base64).map_err(serde::de::Error::custom)?;
                Ok(bytes.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_written_as_it_is() {
        assert_eq!(serde_json::to_string(&Text::from("hi")).unwrap(), r#""hi""#);
    }

    #[test]
    fn a_long_text_is_written_as_digest_and_head_and_stays_so() {
        let text = Text::from("é".repeat(INLINE_TEXT));
        let json = serde_json::to_string(&text).unwrap();
        let read: Text = serde_json::from_str(&json).unwrap();
        let Text::Elided(elided) = &read else { panic!("expected an elided text, got {read:?}") };
        assert_eq!((elided.len, elided.head.chars().count()), (2 * INLINE_TEXT as u64, HEAD));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn a_long_token_list_keeps_its_count() {
        let tokens = Tokens::from((0..1000).collect::<Vec<u32>>());
        let read: Tokens = serde_json::from_str(&serde_json::to_string(&tokens).unwrap()).unwrap();
        assert_eq!(read.count(), 1000);
        assert!(matches!(read, Tokens::Elided(_)));
    }

    #[test]
    fn what_is_played_back_is_written_whole() {
        let text = Whole::from("é".repeat(INLINE_TEXT));
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Whole>(&json).unwrap(), text);
        let bytes = Whole::from(vec![1, 2, 255]);
        let json = serde_json::to_string(&bytes).unwrap();
        assert_eq!(json, r#"{"base64":"AQL/"}"#);
        assert_eq!(serde_json::from_str::<Whole>(&json).unwrap(), bytes);
    }

    #[test]
    fn a_blob_is_never_written_whole() {
        let json = serde_json::to_string(&Bytes::from(vec![1, 2, 255])).unwrap();
        assert!(json.starts_with(r#"{"len":3,"#) && json.ends_with(r#""head":"0102ff"}"#), "{json}");
    }
}
