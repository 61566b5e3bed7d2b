//! Models that the engine has loaded, and their tokenizers.

use crate::Result;
use crate::pie::core::model as raw;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// A loaded model. Clones share one handle, and the weights are the engine's.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    raw: raw::Model,
    tokenizer: Tokenizer,
}

impl Model {
    /// Binds to the model that the engine serves under `name`; `default` is the first one.
    ///
    /// # Errors
    ///
    /// Names the models there are, if it is none of them.
    pub fn load(name: &str) -> Result<Model> {
        let raw = raw::Model::load(name)?;
        let tokenizer = Tokenizer { raw: raw.tokenizer(), split_regex: OnceLock::new() };
        Ok(Model { shared: Arc::new(Shared { name: name.to_owned(), raw, tokenizer }) })
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.shared.tokenizer
    }
}

/// The handle underneath, for calls to [`crate::pie`].
impl Deref for Model {
    type Target = raw::Model;

    fn deref(&self) -> &raw::Model {
        &self.shared.raw
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// Translates between text and token ids.
#[derive(Debug)]
pub struct Tokenizer {
    raw: raw::Tokenizer,
    split_regex: OnceLock<String>,
}

impl Tokenizer {
    /// Text to token ids. Adds no special tokens, but recognises those that are spelled out in the text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.raw.encode(text)
    }

    /// Token ids to text, special tokens spelled out. Bytes that are no complete UTF-8 become U+FFFD: to decode a stream
    /// piece by piece use [`crate::chat::Decoder`].
    ///
    /// # Errors
    ///
    /// On an id outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.raw.decode(ids)
    }

    /// All token ids in ascending order, and the bytes of each.
    pub fn vocabs(&self) -> (Vec<u32>, Vec<Vec<u8>>) {
        self.raw.vocabs()
    }

    /// Control tokens (begin of text, end of turn and the like), in the form of [`Tokenizer::vocabs`].
    pub fn special_tokens(&self) -> (Vec<u32>, Vec<Vec<u8>>) {
        self.raw.special_tokens()
    }

    /// The regular expression that cuts text into words before they are merged into tokens; empty if there is none.
    pub fn split_regex(&self) -> &str {
        self.split_regex.get_or_init(|| self.raw.split_regex())
    }
}

/// The handle underneath, for calls to [`crate::pie`].
impl Deref for Tokenizer {
    type Target = raw::Tokenizer;

    fn deref(&self) -> &raw::Tokenizer {
        &self.raw
    }
}
