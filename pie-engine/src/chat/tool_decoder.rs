//! Calls of tools.

use super::call::{Call, CallShape};
use super::scan::{Marks, Piece, Scanner, Span};
use crate::tokenizer::Tokenizer;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a batch of generated tokens amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEvent {
    /// No complete call so far.
    Start,
    /// A complete call.
    Call {
        /// The tool's name.
        name: String,
        /// Its arguments: the text of a JSON object, as the model spelled it.
        arguments: String,
    },
}

/// Finds tool calls in the tokens of one turn.
///
/// One call of `feed` gives one event; when a batch completes several calls, the others come with the next calls of `feed`, in order.
/// A call that cannot be read is an error, at its place among the others.
#[derive(Clone, Debug)]
pub struct ToolDecoder {
    scanner: Scanner,
    shape: CallShape,
    /// The text of the call that is open.
    open: Option<String>,
    waiting: VecDeque<Result<Call, String>>,
}

impl ToolDecoder {
    pub(super) fn new(tokenizer: Arc<Tokenizer>, marks: Marks, shape: CallShape) -> ToolDecoder {
        ToolDecoder { scanner: Scanner::new(tokenizer, marks), shape, open: None, waiting: VecDeque::new() }
    }

    /// Takes the next tokens, in order and each once; an empty batch only asks for what waits. Fails on a malformed call, on a turn
    /// that ends inside a call, and on a token outside the vocabulary, in which case none of the batch is used.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<ToolEvent, String> {
        for piece in self.scanner.feed(tokens).map_err(|error| error.to_string())? {
            match piece {
                Piece::Open(Span::Call) => self.open = Some(String::new()),
                Piece::Text(Span::Call, text) => self.open.get_or_insert_default().push_str(&text),
                Piece::Close(Span::Call) => self.close(),
                Piece::End => self.end(),
                Piece::Text(..) | Piece::Open(_) | Piece::Close(_) | Piece::Control(_) => {}
            }
        }
        match self.waiting.pop_front() {
            Some(call) => call.map(|Call { name, arguments }| ToolEvent::Call { name, arguments }),
            None => Ok(ToolEvent::Start),
        }
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.open = None;
        self.waiting.clear();
    }

    fn close(&mut self) {
        let Some(text) = self.open.take() else { return };
        match self.shape.parse(&text) {
            Ok(calls) => self.waiting.extend(calls.into_iter().map(Ok)),
            Err(error) => self.waiting.push_back(Err(error)),
        }
    }

    fn end(&mut self) {
        if self.open.is_some() && self.scanner.closes_calls() {
            self.open = None;
            self.waiting.push_back(Err("malformed tool call: the turn ended inside it".to_owned()));
        } else {
            self.close();
        }
    }
}
