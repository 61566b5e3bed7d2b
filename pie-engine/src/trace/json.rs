//! Values as text of JSON: byte for byte what `serde_json` writes, in half of its time, because a trace is written while its run goes on.
//!
//! `serde_json` looks through each text for what has to be escaped, the names of fields too, byte by byte. What is rare in events is left to it. Keys of maps have
//! to be texts.

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::{Error, Result};

/// Appends a value.
///
/// # Errors
/// It has a map whose keys are no texts, or does not want to be written.
pub fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(Text(out))
}

/// Where a value is to be written.
struct Text<'a>(&'a mut Vec<u8>);

/// A value that has parts, some of which are written.
struct Parts<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next part is the first.
    first: bool,
    end: &'static str,
}

impl<'a> Text<'a> {
    fn put(self, text: &str) -> Result<()> {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn parts(self, begin: &str, end: &'static str) -> Result<Parts<'a>> {
        self.0.extend_from_slice(begin.as_bytes());
        Ok(Parts { out: self.0, first: true, end })
    }

    fn variant(self, variant: &str, begin: &str, end: &'static str) -> Result<Parts<'a>> {
        self.0.push(b'{');
        name(self.0, variant);
        self.parts(begin, end)
    }
}

/// A name that stands in the source, so nothing in it has to be escaped. Where it is called its length is known, and copying it is an instruction or two.
#[inline(always)]
fn name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

impl Parts<'_> {
    #[inline(always)]
    fn next(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    #[inline(always)]
    fn part(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.next();
        append(self.out, value)
    }

    #[inline(always)]
    fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.next();
        name(self.out, key);
        append(self.out, value)
    }

    fn finish(self) -> Result<()> {
        Text(self.out).put(self.end)
    }
}

/// What `serde_json` writes as quickly.
macro_rules! as_ever {
    ($($method:ident($kind:ty))*) => {
        $(#[inline]
        fn $method(self, value: $kind) -> Result<()> {
            serde_json::to_writer(self.0, &value)
        })*
    };
}

impl<'a> Serializer for Text<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    as_ever! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64) serialize_char(char) serialize_bytes(&[u8])
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        // All bytes are looked at, several at a time; most texts are short.
        let escaped =
            value.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == b'"') | (byte == b'\\'));
        if escaped {
            return serde_json::to_writer(self.0, value);
        }
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    fn serialize_none(self) -> Result<()> {
        self.put("null")
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.put("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.put("null")
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut parts = self.parts("{", "}")?;
        parts.field(variant, value)?;
        parts.finish()
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Parts<'a>> {
        self.parts("[", "]")
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<Parts<'a>> {
        self.parts("[", "]")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'a>> {
        self.parts("[", "]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'a>> {
        self.variant(variant, "[", "]}")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Parts<'a>> {
        self.parts("{", "}")
    }

    #[inline]
    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'a>> {
        self.parts("{", "}")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'a>> {
        self.variant(variant, "{", "}}")
    }
}

macro_rules! parts {
    ($($kind:ident::$method:ident($($key:ident)?) by $how:ident)*) => {
        $(impl ser::$kind for Parts<'_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? value: &T) -> Result<()> {
                self.$how($($key,)? value)
            }

            fn end(self) -> Result<()> {
                self.finish()
            }
        })*
    };
}

parts! {
    SerializeSeq::serialize_element() by part
    SerializeTuple::serialize_element() by part
    SerializeTupleStruct::serialize_field() by part
    SerializeTupleVariant::serialize_field() by part
    SerializeStruct::serialize_field(key) by field
    SerializeStructVariant::serialize_field(key) by field
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.next();
        let at = self.out.len();
        append(self.out, key)?;
        if self.out.get(at) == Some(&b'"') { Ok(()) } else { Err(Error::custom("a key of a map is no text")) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.out.push(b':');
        append(self.out, value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    struct Everything<'a> {
        truth: bool,
        small: (i8, u8, i16, u16),
        large: (i32, u32, i64, u64, i128, u128),
        numbers: Vec<f64>,
        short: [f32; 3],
        letter: char,
        texts: Vec<&'a str>,
        nothing: Option<u8>,
        something: Option<&'a str>,
        unit: (),
        kinds: Vec<Kind>,
        tagged: Tagged,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        empty: (Vec<u8>, BTreeMap<String, u8>),
        map: BTreeMap<&'a str, Vec<u8>>,
        value: serde_json::Value,
        #[serde(flatten)]
        flat: Tagged,
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        UnitOfIts,
        New(u8),
        Unit(Unit),
        Two(u8, &'static str),
        Fields { a: u8, b: &'static str },
    }

    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Tagged {
        Something { a: f32 },
        Nothing,
    }

    #[test]
    fn every_kind_of_value_is_what_serde_json_makes_of_it() {
        let everything = Everything {
            truth: true,
            small: (i8::MIN, u8::MAX, i16::MIN, u16::MAX),
            large: (i32::MIN, u32::MAX, i64::MIN, u64::MAX, i128::MIN, u128::MAX),
            numbers: vec![0.0, -0.0, 1.5, 1e300, 5e-324, f64::NAN, f64::NEG_INFINITY],
            short: [0.1, 1.405_549, f32::MAX],
            letter: '"',
            texts: vec![
                "",
                "plain",
                "é ⇒ 🍞",
                "a \"b\" \\ /",
                "\n\t\u{1}\u{7f}",
                "0123456789abcdef0123456789abcdef\u{1f}",
            ],
            nothing: None,
            something: Some("here"),
            unit: (),
            kinds: vec![
                Kind::UnitOfIts,
                Kind::New(1),
                Kind::Unit(Unit),
                Kind::Two(2, "\r"),
                Kind::Fields { a: 3, b: "b" },
            ],
            tagged: Tagged::Nothing,
            skipped: None,
            empty: (Vec::new(), BTreeMap::new()),
            map: BTreeMap::from([("a\nb", vec![1, 2]), ("c", vec![])]),
            value: serde_json::json!({ "z": [1, -2, 0.5, null, { "a": {} }], "b": "\u{2028}" }),
            flat: Tagged::Something { a: -2.5e-8 },
        };
        let mut text = b"before ".to_vec();
        append(&mut text, &everything).unwrap();
        let expected = format!("before {}", serde_json::to_string(&everything).unwrap());
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        assert!(append(&mut Vec::new(), &BTreeMap::from([(1, 2)])).is_err());
    }
}
