//! The text of a turn that a person is meant to see.

use super::scan::{Marks, Piece, Scanner, Span};
use crate::tokenizer::Tokenizer;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a batch of generated tokens amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatEvent {
    /// Text to show; empty if the batch adds none.
    Delta(String),
    /// A control token in the visible text that is neither the end of the turn nor a mark around reasoning or a call.
    Interrupt(u32),
    /// The turn has ended; all of its visible text.
    Done(String),
}

/// Turns the tokens of one turn into its visible text: without reasoning, without tool calls.
///
/// One call gives one event. When a batch amounts to several, text that belongs together is one `Delta`, and what remains comes with
/// the next calls, in order. `Done` does not wait: it comes with the batch that holds the end, and stands for the text that was still to
/// come, since it has all of it. So the deltas together are always a beginning of the text in `Done`, and how the tokens are cut into
/// batches changes neither that text nor the order of things.
#[derive(Clone, Debug)]
pub struct ChatDecoder {
    scanner: Scanner,
    text: String,
    waiting: VecDeque<ChatEvent>,
}

impl ChatDecoder {
    pub(super) fn new(tokenizer: Arc<Tokenizer>, marks: Marks) -> ChatDecoder {
        ChatDecoder { scanner: Scanner::new(tokenizer, marks), text: String::new(), waiting: VecDeque::new() }
    }

    /// Takes the next tokens, in order and each once; an empty batch only asks for what waits. Tokens after the end of the turn are
    /// passed over until [`reset`](Self::reset). Fails on a token outside the vocabulary, and then uses none of the batch.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<ChatEvent, String> {
        for piece in self.scanner.feed(tokens).map_err(|error| error.to_string())? {
            match piece {
                Piece::Text(Span::Visible, text) => self.add(&text),
                Piece::Control(token) => self.waiting.push_back(ChatEvent::Interrupt(token)),
                Piece::End => self.end(),
                Piece::Text(..) | Piece::Open(_) | Piece::Close(_) => {}
            }
        }
        Ok(self.waiting.pop_front().unwrap_or(ChatEvent::Delta(String::new())))
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.text.clear();
        self.waiting.clear();
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        match self.waiting.back_mut() {
            Some(ChatEvent::Delta(delta)) => delta.push_str(text),
            _ => self.waiting.push_back(ChatEvent::Delta(text.to_owned())),
        }
    }

    fn end(&mut self) {
        self.waiting.retain(|event| !matches!(event, ChatEvent::Delta(_)));
        self.waiting.push_front(ChatEvent::Done(self.text.clone()));
    }
}
