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
    /// In a reply, where it or its answer begins in `symbols`; else their end.
    reply: usize,
    /// The topic of the message; may be empty.
    pub(super) topic: &'a [Symbol],
    /// What stands for it.
    pub(super) topic_symbol: Symbol,
    /// In a reply, a number that depends on all that came before it; else 0.
    pub(super) digest: u64,
}

impl<'a> Conversation<'a> {
    /// Reads a text.
    pub(super) fn read(prior: &Prior, text: &'a mut VisibleText) -> Self {
        let VisibleText { tokens, symbols, .. } = text;
        let place = place(tokens);
        let before = match place {
            Place::Reply { length, .. } => &tokens[..tokens.len() - length],
            _ => &[],
        };
        // Without a message nothing is replaced.
        let user = before.iter().rposition(|&token| token == USER);
        let start = user.map_or(tokens.len(), |user| user + 1);
        let topic = Topic::of(prior, text_run(&tokens[start..]));
        let topic_tokens = &tokens[start..][topic.place];
        symbols.clear();
        symbols.extend_from_slice(&tokens[..start]);
        replace_topic(prior, &tokens[start..], topic_tokens, topic.symbol, symbols);
        let message = start..start + text_run(&symbols[start..]).len();
        let opened = symbols.iter().rposition(|&symbol| symbol == ASSISTANT || symbol == REASON_END);
        let reply = if before.is_empty() { symbols.len() } else { opened.map_or(0, |opened| opened + 1) };
        let (topic, topic_symbol) = (topic_tokens, topic.symbol);
        Conversation { tokens, symbols, place, message, reply, topic, topic_symbol, digest: digest(before) }
    }

    /// The symbols of the last message of the user, empty outside of a reply.
    pub(super) fn message(&self) -> &'a [Symbol] {
        &self.symbols[self.message.clone()]
    }

    /// The tokens since the cue, empty outside of a reply.
    pub(super) fn reply_tokens(&self) -> &'a [Symbol] {
        match self.place {
            Place::Reply { length, .. } => &self.tokens[self.tokens.len() - length..],
            _ => &[],
        }
    }

    /// The symbols since the cue or the end of reasoning, empty outside of a reply.
    pub(super) fn reply(&self) -> &'a [Symbol] {
        &self.symbols[self.reply..]
    }
}

/// A number that depends on all tokens and their order.
fn digest(tokens: &[Symbol]) -> u64 {
    tokens.iter().fold(0, |hash: u64, &token| {
        (hash.rotate_left(5) ^ u64::from(token)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// The text tokens at the start of some symbols.
fn text_run(symbols: &[Symbol]) -> &[Symbol] {
    let length = symbols.iter().take_while(|&&symbol| symbol >= FIRST_TEXT).count();
    &symbols[..length]
}

fn place(tokens: &[Symbol]) -> Place {
    // The control tokens up to `TURN` are those that open and close turns.
    let boundary = tokens.iter().rposition(|&token| token <= TURN);
    let (last, reply) = boundary.map_or((None, tokens), |at| (Some(tokens[at]), &tokens[at + 1..]));
    match last {
        Some(END) => Place::Ended,
        Some(TURN) => Place::Between,
        Some(SYSTEM | USER | TOOL) => Place::Message,
        Some(ASSISTANT) => Place::Reply { length: reply.len(), part: part(reply) },
        _ => Place::Text,
    }
}

fn part(reply: &[Symbol]) -> Part {
    match reply.iter().rev().find(|&&token| token < FIRST_TEXT) {
        Some(&REASON) => Part::Reasoning,
        Some(&CALL) => Part::Call,
        Some(&CALL_END) => Part::AfterCall,
        _ => Part::Answer,
    }
}
