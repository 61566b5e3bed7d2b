//! What makes sense where: the form of conversations, and how they come to an end.

use super::conversation::{Conversation, Part, Place};
use super::prior::{Prior, Symbol, WORD};
use super::vocabulary::{ASSISTANT, CALL_END, END, FIRST_TEXT, REASON_END, TOOL, TURN, USER};
use crate::splitmix::splitmix64;

/// The logit of a token that a rule wants, above every candidate.
const WANTED: f32 = 10.0;
/// Replies have at least this many tokens before a rule ends them,
const SHORTEST_REPLY: usize = 12;
/// and at most so many more, depending on what they reply to.
const REPLY_RANGE: u64 = 37;
/// A reply that goes its own way for so many tokens more is pressed to an end.
const PATIENCE: usize = 24;
/// So many of the last tokens of a reply make it tired of saying the same again,
const RECENT: usize = 64;
/// by so much for each time,
const TIRED: f32 = 1.5;
/// and by so much more for each time in a row.
const TIRED_IN_A_ROW: f32 = 3.0;
/// So many tokens of one kind in a row are not too many.
const LONGEST_RUN: usize = 8;
/// Texts outside of a conversation are not ended before this many tokens.
const SHORTEST_TEXT: usize = 40;

/// Tokens by what they close.
pub(super) struct Closers {
    /// The end of a sentence.
    sentence: Vec<Symbol>,
    /// The end of a string, and perhaps of what it is in.
    string: Vec<Symbol>,
    /// The end of an object or list.
    bracket: Vec<Symbol>,
}

impl Closers {
    pub(super) fn new(prior: &Prior) -> Self {
        let tokens = |holds: fn(&Prior, Symbol) -> bool| {
            (0..prior.vocab_size() as Symbol).filter(|&token| holds(prior, token)).collect()
        };
        Closers {
            sentence: tokens(|prior, token| prior.traits(token).ends_sentence()),
            string: tokens(|prior, token| prior.traits(token).closes_string()),
            bracket: tokens(|prior, token| prior.traits(token).closes_bracket()),
        }
    }
}

/// The rules at the end of a text.
pub(super) struct Rules<'a> {
    pub(super) prior: &'a Prior,
    pub(super) closers: &'a Closers,
    pub(super) conversation: &'a Conversation<'a>,
    pub(super) state: u64,
}

impl Rules<'_> {
    /// The token for a symbol that came next in the learned texts, if it makes sense here.
    pub(super) fn admit(&self, symbol: Symbol) -> Option<Symbol> {
        if symbol >= WORD {
            let first = self.conversation.topic.first().copied();
            return first.filter(|_| symbol == self.conversation.topic_symbol);
        }
        if symbol >= FIRST_TEXT {
            return (!self.sentence_ended() || self.begins_sentence(symbol)).then_some(symbol);
        }
        let fits = match (self.conversation.place, symbol) {
            (Place::Text, TURN | END) => {
                // Outside of a conversation a passage ends with the text, and not always where a learned one did.
                let ends = self.sentence_ended() && self.conversation.tokens.len() >= SHORTEST_REPLY;
                return (ends && self.state.is_multiple_of(2)).then_some(END);
            }
            (Place::Message, TURN) => true,
            (Place::Between, USER | ASSISTANT | TOOL | END) => true,
            (Place::Reply { length, part: Part::Answer }, TURN) => length > 0,
            (Place::Reply { part: Part::Reasoning, .. }, REASON_END) => true,
            (Place::Reply { part: Part::Call, .. }, CALL_END) => true,
            _ => false,
        };
        fits.then_some(symbol)
    }

    /// Brings what is open to an end. `followed` is the next symbol of the learned reply under way.
    pub(super) fn end(&self, followed: Option<Symbol>, row: &mut [f32]) {
        match self.conversation.place {
            Place::Ended => row[usize::from(END)] = WANTED,
            Place::Text => {
                let long = self.conversation.tokens.len() >= SHORTEST_TEXT;
                if long && self.sentence_ended() && self.state.is_multiple_of(4) {
                    row[usize::from(END)] = WANTED;
                }
            }
            Place::Reply { part: Part::AfterCall, .. } => row[usize::from(TURN)] = WANTED,
            Place::Reply { length, part } => self.end_reply(length, part, followed, row),
            Place::Message | Place::Between => {}
        }
    }

    fn end_reply(&self, length: usize, part: Part, followed: Option<Symbol>, row: &mut [f32]) {
        let close = match part {
            Part::Reasoning => REASON_END,
            Part::Call => CALL_END,
            Part::Answer | Part::AfterCall => TURN,
        };
        let target = SHORTEST_REPLY + (splitmix64(self.conversation.digest) % REPLY_RANGE) as usize;
        // A learned reply knows better whether a full stop ends a sentence.
        let sentence_ended = self.sentence_ended() && followed.is_none_or(|next| self.begins_sentence(next));
        if sentence_ended && length >= target {
            row[usize::from(close)] = WANTED;
        }
        if followed.is_none() {
            self.press(length.saturating_sub(target + PATIENCE), close, row);
        }
    }

    /// Raises what closes strings, brackets and sentences, the more the longer a reply gets; `length` counts from where it should
    /// have ended. Whatever a grammar may demand, the tokens that bring it to its end become the likeliest in time.
    fn press(&self, length: usize, close: Symbol, row: &mut [f32]) {
        let mut raise =
            |tokens: &[Symbol], by: f32| tokens.iter().for_each(|&token| row[usize::from(token)] += by);
        let over = 0.3 * length.min(100) as f32;
        let reply = self.conversation.reply();
        let structured = reply.first().is_some_and(|&first| self.prior.traits(first).opens());
        if structured {
            let is_mark = |&&symbol: &&Symbol| {
                self.prior.traits(symbol).closes_string() || self.prior.traits(symbol).closes_bracket()
            };
            let since = reply.iter().rev().take_while(|symbol| !is_mark(symbol)).count();
            let by = over + (4.0 * since.saturating_sub(4) as f32).min(30.0);
            let quotes = reply.iter().filter(|&&symbol| self.prior.traits(symbol).has_odd_quotes()).count();
            raise(if quotes % 2 == 1 { &self.closers.string } else { &self.closers.bracket }, by);
        } else {
            raise(&self.closers.sentence, over);
        }
        raise(&[close], over);
        // No reply in prose takes so long: it is held to something.
        let held = length > PATIENCE;
        if held && !structured {
            raise(&self.closers.bracket, over);
            raise(&self.closers.string, over);
        }
        if held {
            raise(&[close], over);
        }
        if held || structured {
            self.tire(over, row);
        }
    }

    /// Lowers what was said often lately, one by one and by kind, but nothing that closes something. However a grammar lets a reply go
    /// round in circles, another way becomes likelier in time, and so does the one that it may have to take.
    fn tire(&self, over: f32, row: &mut [f32]) {
        let reply = self.conversation.reply_tokens();
        let closes = |token: Symbol| {
            let traits = self.prior.traits(token);
            traits.closes_string() || traits.closes_bracket()
        };
        for &token in reply.iter().rev().take(RECENT).filter(|token| !closes(**token)) {
            row[usize::from(token)] -= TIRED;
        }
        let Some(&last) = reply.last() else { return };
        let run =
            |same: &dyn Fn(Symbol) -> bool| reply.iter().rev().take_while(|token| same(**token)).count();
        if !closes(last) {
            row[usize::from(last)] -= TIRED_IN_A_ROW * (run(&|token| token == last) - 1) as f32;
        }
        // Nothing is nested so deep that it takes many more.
        let closings = run(&closes).saturating_sub(LONGEST_RUN) as f32;
        let closers = self.closers.string.iter().chain(&self.closers.bracket);
        closers.for_each(|&token| row[usize::from(token)] -= TIRED_IN_A_ROW * closings);
        let kind = self.kind(last);
        let excess = run(&|token| self.kind(token) == kind).saturating_sub(LONGEST_RUN);
        if excess > 0 {
            let by = over + (1.5 * excess as f32).min(30.0);
            for (logit, token) in row.iter_mut().zip(0..).skip(usize::from(FIRST_TEXT)) {
                if self.kind(token) == kind && !closes(token) {
                    *logit -= by;
                }
            }
        }
    }

    /// Words, digits, or neither.
    fn kind(&self, token: Symbol) -> (bool, bool) {
        let traits = self.prior.traits(token);
        (traits.is_word(), traits.is_digit())
    }

    /// Whether a sentence has just come to its end. The number of an entry in a list is none.
    fn sentence_ended(&self) -> bool {
        let mut before = self.conversation.tokens.iter().rev().map(|&token| self.prior.traits(token));
        before.next().is_some_and(|last| last.ends_sentence())
            && before.next().is_none_or(|number| !number.is_digit())
    }

    /// Whether a sentence can go on with this symbol after another has ended: a capital after a space, or a line break.
    fn begins_sentence(&self, symbol: Symbol) -> bool {
        let traits = self.prior.traits(symbol);
        symbol >= WORD
            || traits.is_capital() && traits.starts_word()
            || traits.is_space()
            || traits.breaks_line()
    }
}
