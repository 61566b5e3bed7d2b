//! What a model writes down before it answers.

use super::scan::{Marks, Piece, Scanner, Span};
use crate::tokenizer::Tokenizer;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a batch of generated tokens amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReasoningEvent {
    /// A block of reasoning begins.
    Start,
    /// Text of the block; empty outside a block, and if the batch adds none.
    Delta(String),
    /// The block has ended; all of its text.
    Complete(String),
}

/// Finds blocks of reasoning in the tokens of one turn.
///
/// One call gives one event; what remains of a batch comes with the next calls, in order. `Complete` stands for everything of its
/// block that was still to come. A turn that ends inside a block completes it.
#[derive(Clone, Debug)]
pub struct ReasoningDecoder {
    scanner: Scanner,
    /// The text of the block that is open.
    block: Option<String>,
    waiting: VecDeque<ReasoningEvent>,
    begun: bool,
}

impl ReasoningDecoder {
    pub(super) fn new(tokenizer: Arc<Tokenizer>, marks: Marks) -> ReasoningDecoder {
        let scanner = Scanner::new(tokenizer, marks);
        ReasoningDecoder { scanner, block: None, waiting: VecDeque::new(), begun: false }
    }

    /// Takes the next tokens, in order and each once; an empty batch only asks for what waits. Fails on a token outside the
    /// vocabulary, and then uses none of the batch.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<ReasoningEvent, String> {
        let pieces = self.scanner.feed(tokens).map_err(|error| error.to_string())?;
        if !self.begun && !tokens.is_empty() {
            self.begun = true;
            if self.scanner.begins_in_reasoning() {
                self.open();
            }
        }
        for piece in pieces {
            match piece {
                Piece::Open(Span::Reasoning) => self.open(),
                Piece::Text(Span::Reasoning, text) => self.add(&text),
                Piece::Close(Span::Reasoning) | Piece::End => self.close(),
                Piece::Text(..) | Piece::Open(_) | Piece::Close(_) | Piece::Control(_) => {}
            }
        }
        Ok(self.waiting.pop_front().unwrap_or(ReasoningEvent::Delta(String::new())))
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.block = None;
        self.waiting.clear();
        self.begun = false;
    }

    fn open(&mut self) {
        self.block = Some(String::new());
        self.waiting.push_back(ReasoningEvent::Start);
    }

    fn add(&mut self, text: &str) {
        let Some(block) = &mut self.block else { return };
        block.push_str(text);
        match self.waiting.back_mut() {
            Some(ReasoningEvent::Delta(delta)) => delta.push_str(text),
            _ => self.waiting.push_back(ReasoningEvent::Delta(text.to_owned())),
        }
    }

    fn close(&mut self) {
        let Some(block) = self.block.take() else { return };
        // Whatever waits behind the last complete block belongs to this one.
        while matches!(self.waiting.back(), Some(ReasoningEvent::Start | ReasoningEvent::Delta(_))) {
            self.waiting.pop_back();
        }
        self.waiting.push_back(ReasoningEvent::Complete(block));
    }
}
