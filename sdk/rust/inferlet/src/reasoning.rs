//! Reasoning that a model writes down before its answer.

use crate::Result;
use crate::model::Model;
use crate::pie::instruct::reasoning as raw;

/// What a batch of generated tokens amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Nothing: outside a block of reasoning, or no text yet.
    Idle,
    /// A block of reasoning begins.
    Start,
    /// Text of the block.
    Delta(String),
    /// The block has ended; its whole text.
    End(String),
}

/// Finds blocks of reasoning in generated tokens. Stays [`Event::Idle`] for a model without a reasoning format.
#[derive(Debug)]
pub struct Decoder(raw::Decoder);

impl Decoder {
    /// At the start of a turn.
    pub fn new(model: &Model) -> Decoder {
        Decoder(raw::create_decoder(model))
    }

    /// Takes the next tokens, in order and each once.
    ///
    /// # Errors
    ///
    /// On a token outside the vocabulary.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<Event> {
        Ok(match self.0.feed(tokens)? {
            raw::Event::Start => Event::Start,
            raw::Event::Delta(text) if text.is_empty() => Event::Idle,
            raw::Event::Delta(text) => Event::Delta(text),
            raw::Event::Complete(text) => Event::End(text),
        })
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}
