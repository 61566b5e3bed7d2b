//! Turns of a conversation in the model's chat template, as tokens and back.
//!
//! [`crate::Context`] has a method for each of the functions here, which return the tokens instead of appending them.

use crate::Result;
use crate::model::Model;
use crate::pie::instruct::chat as raw;

/// A message with instructions for the model.
pub fn system(model: &Model, text: &str) -> Vec<u32> {
    raw::system(model, text)
}

/// A message of the user.
pub fn user(model: &Model, text: &str) -> Vec<u32> {
    raw::user(model, text)
}

/// A complete answer of the model.
pub fn assistant(model: &Model, text: &str) -> Vec<u32> {
    raw::assistant(model, text)
}

/// The head of the model's turn.
pub fn cue(model: &Model) -> Vec<u32> {
    raw::cue(model)
}

/// What closes a turn of the model.
pub fn seal(model: &Model) -> Vec<u32> {
    raw::seal(model)
}

/// Tokens that end the model's turn, and the model's end of text.
pub fn stop_tokens(model: &Model) -> Vec<u32> {
    raw::stop_tokens(model)
}

/// What a batch of generated tokens amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Text to show.
    Delta(String),
    /// The turn has ended; its whole text. A [`crate::Generator`] keeps the token that says so to itself: see
    /// [`crate::Generator::stopped_by`].
    Done(String),
    /// Nothing yet, for instance in the middle of a character.
    Idle,
    /// A control token that is neither text nor the end of the turn.
    Interrupt(u32),
}

/// Turns generated tokens into text, keeping incomplete characters back.
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
            raw::Event::Delta(text) if text.is_empty() => Event::Idle,
            raw::Event::Delta(text) => Event::Delta(text),
            raw::Event::Interrupt(token) => Event::Interrupt(token),
            raw::Event::Done(text) => Event::Done(text),
        })
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}
