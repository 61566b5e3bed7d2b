//! Text to token ids and back, for any Hugging Face `tokenizer.json` whose tokens spell out their text: byte-level BPE, and
//! BPE or unigram models in the style of SentencePiece.
//!
//! The merging itself is the `tokenizers` library's. Here are the things around it that an engine needs: the bytes of
//! each token, a vocabulary without surprises (ids checked, no truncation, no dropout), an encoder for text from outside that
//! cannot produce control tokens, and a decoder for streams.
//!
//! Invariants: encoding and decoding are functions of their input and the file; no input panics; decoding token by token
//! gives the same text as decoding at once.
//!
//! Reading order: this file, then `load` for what is checked, `piece` for bytes, `words` for the dummy's cuts, `stream` for streams.

mod load;
mod piece;
mod shared;
mod stream;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use piece::char_of as byte_char;
pub use stream::StreamDecoder;

use shared::Pipeline;
use std::collections::HashSet;
use std::ops::Range;

/// The tokenizer of the dummy model, as `examples/train-dummy-tokenizer.rs` makes it.
pub const DUMMY_JSON: &[u8] = include_bytes!("../model/dummy/assets/tokenizer.json");

/// Ids must be below this number, so that a row of logits stays a sensible size.
pub const MAX_VOCAB_SIZE: u32 = 1 << 22;

/// A tokenizer file that cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenizerError {
    /// The file is no `tokenizer.json`, or contradicts itself.
    #[error("malformed tokenizer: {0}")]
    Malformed(String),
    /// The file is in order, but of a kind that no supported language model has.
    #[error("unsupported tokenizer: {0}")]
    Unsupported(String),
    /// A token id is so large that no row of logits could hold it.
    #[error("token id {id} is not below the limit of {MAX_VOCAB_SIZE}")]
    IdTooLarge {
        /// The id.
        id: u32,
    },
}

/// A token id that the vocabulary does not have.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("token id {id} is not in the vocabulary, whose ids are below {vocab_size}")]
pub struct UnknownToken {
    /// The id.
    pub id: u32,
    /// One more than the largest id there is.
    pub vocab_size: u32,
}

/// Ids and, at the same place, bytes; in ascending order of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    ids: Vec<u32>,
    bytes: Vec<Vec<u8>>,
}

/// A loaded tokenizer. It is immutable; share it in an `Arc`.
pub struct Tokenizer {
    /// With all added tokens: finds special tokens in a text.
    full: Pipeline,
    /// Without the control tokens: reads them as ordinary text.
    plain: Pipeline,
    vocab: Table,
    special: Table,
    control: HashSet<u32>,
    /// Whether decoding drops the space that encoding puts before the first word.
    strips_first_space: bool,
    split_regex: String,
    digest: String,
    /// Ids below this one that are not in use stand for nothing.
    logits: u32,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tokenizer { digest, .. } = self;
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size()).field("digest", digest).finish()
    }
}

impl Tokenizer {
    /// The same for a model that has so many logits. Those above the vocabulary were never trained, but a sampler can choose one: such a token has no text.
    pub fn covering(self, logits: u32) -> Tokenizer {
        Tokenizer { logits, ..self }
    }

    /// Reads a `tokenizer.json`.
    ///
    /// Truncation, padding and dropout in the file are ignored: they belong to training.
    pub fn from_json(json: &[u8]) -> Result<Tokenizer, TokenizerError> {
        load::load(json)
    }

    /// The tokenizer of the dummy model.
    pub fn dummy() -> Tokenizer {
        Tokenizer::from_json(DUMMY_JSON).expect("the embedded tokenizer is tested to load")
    }

    /// Token ids of a text. Special tokens that are spelled out in it become their ids; none is added.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        encode_with(&self.full, text, false)
    }

    /// Like [`encode`](Self::encode), with the special tokens that the file says belong around a text (begin of text and the like).
    pub fn encode_with_special(&self, text: &str) -> Vec<u32> {
        encode_with(&self.full, text, true)
    }

    /// Token ids of a text that comes from outside. What looks like a control token in it stays text: no id for
    /// which [`is_control`](Self::is_control) holds comes out.
    ///
    /// The text is taken as the continuation of something, so tokenizers that put a space before the first word of a
    /// document do not put one here.
    pub fn encode_text(&self, text: &str) -> Vec<u32> {
        let ids = encode_with(&self.plain, text, false);
        if ids.iter().any(|id| self.control.contains(id)) { self.encode_apart(text) } else { ids }
    }

    /// The rare case where the model's own vocabulary has a piece spelled like a control token: cuts the text inside each such
    /// piece.
    fn encode_apart(&self, text: &str) -> Vec<u32> {
        let mut cuts = Vec::new();
        if let Ok(encoding) = self.plain.encode(text, false) {
            for (id, (start, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                if self.control.contains(id) {
                    cuts.extend((*start..=*end).filter(|at| text.is_char_boundary(*at)));
                }
            }
        }
        cuts.push(text.len());
        let mut ids = Vec::new();
        let mut from = 0;
        for cut in cuts {
            // Offsets of neighbouring pieces touch, and those of a normalised text may overlap.
            if cut > from {
                ids.extend(encode_with(&self.plain, &text[from..cut], false));
                from = cut;
            }
        }
        ids.retain(|id| !self.control.contains(id));
        ids
    }

    /// The text of some tokens, special ones spelled out. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// Fails on the first id that is not in the vocabulary.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, UnknownToken> {
        let mut bytes = Vec::with_capacity(tokens.len() * 4);
        for &token in tokens {
            bytes.extend_from_slice(self.bytes_of(token)?);
        }
        let skip = usize::from(self.strips_first_space && bytes.first() == Some(&b' '));
        Ok(String::from_utf8_lossy(&bytes[skip..]).into_owned())
    }

    /// The bytes that a token stands for, which need not be UTF-8; none for an id that is not in use.
    pub fn token_bytes(&self, token: u32) -> Option<&[u8]> {
        let index = self.vocab.index(token)?;
        Some(&self.vocab.bytes[index])
    }

    /// Like [`token_bytes`](Self::token_bytes), with an error that names the id; nothing for an id that only the model has.
    pub fn bytes_of(&self, token: u32) -> Result<&[u8], UnknownToken> {
        let padding = || (token < self.logits).then_some(&[][..]);
        self.token_bytes(token)
            .or_else(padding)
            .ok_or(UnknownToken { id: token, vocab_size: self.vocab_size() })
    }

    /// Where control tokens are spelled out in a text: byte ranges in rising order, with ids. A range includes white space that
    /// the token takes with it.
    pub fn control_spans(&self, text: &str) -> Vec<(Range<usize>, u32)> {
        let Ok(encoding) = self.full.encode(text, false) else { return Vec::new() };
        let tokens = encoding.get_ids().iter().zip(encoding.get_offsets());
        let spans = tokens.filter(|(id, _)| self.is_control(**id));
        spans.map(|(id, (start, end))| (*start..*end, *id)).collect()
    }

    /// The added token that is spelled exactly so.
    pub fn special_id(&self, content: &str) -> Option<u32> {
        let added = self.full.get_added_vocabulary().get_vocab();
        added.get(content).copied()
    }

    /// Whether a token steers the conversation (begin of text, end of turn, opening of a tool call, …) instead of being part of a text.
    pub fn is_control(&self, token: u32) -> bool {
        self.control.contains(&token)
    }

    /// All tokens: ids in ascending order and, at the same place, their bytes.
    pub fn vocabs(&self) -> (&[u32], &[Vec<u8>]) {
        (&self.vocab.ids, &self.vocab.bytes)
    }

    /// The control tokens, in the form of [`vocabs`](Self::vocabs).
    pub fn special_tokens(&self) -> (&[u32], &[Vec<u8>]) {
        (&self.special.ids, &self.special.bytes)
    }

    /// The regular expression that cuts a text into the words that are then merged into tokens; empty if there is none.
    /// Where a file cuts in several steps, their expressions are joined with `|`.
    pub fn split_regex(&self) -> &str {
        &self.split_regex
    }

    /// One more than the largest id. Not every smaller number needs to be in use.
    pub fn vocab_size(&self) -> u32 {
        self.vocab.ids.last().map_or(0, |last| last + 1)
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Table {
    /// Where an id is; at its own number as long as no smaller id is missing.
    fn index(&self, id: u32) -> Option<usize> {
        let guess = id as usize;
        if self.ids.get(guess) == Some(&id) { Some(guess) } else { self.ids.binary_search(&id).ok() }
    }
}

/// Encodes, and where a vocabulary cannot express a character (it has neither bytes nor an unknown token) leaves just that
/// character out, as the library does for most such files.
fn encode_with(tokenizer: &Pipeline, text: &str, special: bool) -> Vec<u32> {
    match tokenizer.encode_fast(text, special) {
        Ok(encoding) => encoding.get_ids().to_vec(),
        Err(_) => {
            let Some(middle) =
                (1..text.len()).rev().find(|at| *at <= text.len().div_ceil(2) && text.is_char_boundary(*at))
            else {
                return Vec::new();
            };
            let (left, right) = text.split_at(middle);
            let mut ids = encode_with(tokenizer, left, special);
            ids.extend(encode_with(tokenizer, right, false));
            ids
        }
    }
}
