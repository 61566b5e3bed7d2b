//! Where in a conversation a text ends.

use super::prior::{Prior, Symbol, Topic, replace_topic};
use super::scratch::VisibleText;
use super::vocabulary::{
    ASSISTANT, CALL, CALL_END, END, FIRST_TEXT, REASON, REASON_END, SYSTEM, TOOL, TURN, USER,
};
use std::ops::Range;

/// What the next token is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A text outside of any conversation.
    Text,
    /// A turn of the system, of the user or of a tool.
    Message,
    /// Nothing: a turn was closed.
    Between,
    /// Nothing: the text was ended.
    Ended,
    /// The model's own turn, so many tokens after the cue.
    Reply {
        /// Tokens since the cue.
        length: usize,
        /// Which part of the turn.
        part: Part,
    },
}

/// The part of the model's turn that the next token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The answer.
    Answer,
    /// Reasoning that is not closed.
    Reasoning,
    /// A tool call that is not closed.
    Call,
    /// Nothing: a tool call was closed.
    AfterCall,
}

/// A text and what follows from its control tokens.
#[derive(Clone, Debug)]
pub(super) struct Conversation<'a> {
    /// The text.
    pub(super) tokens: &'a [Symbol],
    /// The text with the topic replaced, from the last message of the user on.
    pub(super) symbols: &'a [Symbol],
    /// What comes next.
    pub(super) place: Place,
    /// In a reply, the last message of the user, a range of `symbols`; else empty.
    pub(super) message: Range<usize>,
    /// In a reply, where it begins in `symbols`; else their end.
    reply: usize,
    /// The topic of the message; may be empty.
    pub(super) topic: &'a [Symbol],
    /// What stands for it.
    pub(super) topic_symbol: Symbol,
}

impl<'a> Conversation<'a> {
    /// Reads a text.
    pub(super) fn read(prior: &Prior, text: &'a mut VisibleText) -> Self {
        let VisibleText { tokens, symbols, .. } = text;
        // The control tokens up to `TURN` are those that open and close turns.
        let boundary = tokens.iter().rposition(|&token| token <= TURN);
        let place = match boundary.map(|at| tokens[at]) {
            Some(END) => Place::Ended,
            Some(TURN) => Place::Between,
            Some(SYSTEM | USER | TOOL) => Place::Message,
            Some(ASSISTANT) => {
                let reply = &tokens[boundary.map_or(0, |at| at + 1)..];
                Place::Reply { length: reply.len(), part: part(reply) }
            }
            _ => Place::Text,
        };
        symbols.clear();
        let user = match place {
            Place::Reply { .. } => tokens.iter().rposition(|&token| token == USER),
            _ => None,
        };
        let start = user.map_or(tokens.len(), |user| user + 1);
        let length = tokens[start..].iter().take_while(|&&token| token >= FIRST_TEXT).count();
        let topic = Topic::of(prior, &tokens[start..start + length]);
        let topic_tokens = &tokens[start..][topic.place];
        symbols.extend_from_slice(&tokens[..start]);
        replace_topic(prior, &tokens[start..], topic_tokens, topic.symbol, symbols);
        let message = symbols[start..].iter().take_while(|&&symbol| symbol >= FIRST_TEXT).count();
        let cue = symbols.iter().rposition(|&symbol| symbol == ASSISTANT);
        Conversation {
            tokens,
            place,
            message: start..start + message,
            reply: if user.is_some() { cue.map_or(symbols.len(), |cue| cue + 1) } else { symbols.len() },
            symbols,
            topic: topic_tokens,
            topic_symbol: topic.symbol,
        }
    }

    /// The symbols of the last message of the user, empty outside of a reply.
    pub(super) fn message(&self) -> &'a [Symbol] {
        &self.symbols[self.message.clone()]
    }

    /// The symbols since the cue, empty outside of a reply.
    pub(super) fn reply(&self) -> &'a [Symbol] {
        &self.symbols[self.reply..]
    }

    /// A number that depends on all that came before the reply.
    pub(super) fn digest(&self) -> u64 {
        let before = self.tokens.len() - self.place.reply_length();
        self.tokens[..before].iter().fold(0, |hash: u64, &token| {
            (hash.rotate_left(5) ^ u64::from(token)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }
}

impl Place {
    /// Tokens since the cue; 0 outside of a reply.
    pub(super) fn reply_length(self) -> usize {
        if let Place::Reply { length, .. } = self { length } else { 0 }
    }
}

fn part(reply: &[Symbol]) -> Part {
    match reply.iter().rev().find(|&&token| token < FIRST_TEXT) {
        Some(&REASON) => Part::Reasoning,
        Some(&CALL) => Part::Call,
        Some(&CALL_END) => Part::AfterCall,
        Some(&REASON_END) | Some(_) | None => Part::Answer,
    }
}
