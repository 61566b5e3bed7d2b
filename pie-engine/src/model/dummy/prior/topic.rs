//! What a message is about: the name or word in it that an answer is likely to repeat.

use super::{NAME, Prior, Symbol, WORD};
use crate::splitmix::splitmix64;
use std::ops::Range;

/// A topic is at most this many tokens.
const MAX_TOKENS: usize = 12;

/// The topic of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Topic {
    /// Where it is, empty if there is none.
    pub(in super::super) place: Range<usize>,
    /// What stands for it: [`NAME`] or [`WORD`].
    pub(in super::super) symbol: Symbol,
}

impl Topic {
    /// Finds the topic of a message: the last name, that is words with capitals that do not begin a sentence, all that stand
    /// together. If there is none, the last word that is not a function word and does not begin a sentence. It always begins
    /// with a space, as words do inside a text.
    pub(in super::super) fn of(prior: &Prior, message: &[Symbol]) -> Topic {
        let mut name = 0..0;
        let mut word = 0..0;
        for found in words(prior, message) {
            if begins_sentence(prior, message, found.start) || prior.is_function_word(&message[found.clone()])
            {
                continue;
            }
            if !is_capital(prior, &message[found.clone()]) {
                word = found;
            } else if name.end == found.start && !name.is_empty() {
                name.end = found.end;
            } else {
                name = found;
            }
        }
        let (place, symbol) = if name.is_empty() { (word, WORD) } else { (name, NAME) };
        Topic { place: if place.len() <= MAX_TOKENS { place } else { 0..0 }, symbol }
    }
}

/// Appends tokens to a list of symbols, with the topic replaced wherever it stands as a whole word.
pub(in super::super) fn replace_topic(
    prior: &Prior,
    tokens: &[Symbol],
    topic: &[Symbol],
    symbol: Symbol,
    symbols: &mut Vec<Symbol>,
) {
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        let rest = &tokens[at..];
        let is_topic = topic.first() == Some(&token)
            && rest.starts_with(topic)
            && rest.get(topic.len()).is_none_or(|&next| !prior.traits(next).is_letters());
        symbols.push(if is_topic { symbol } else { token });
        at += if is_topic { topic.len() } else { 1 };
    }
}

/// The words of a message, with the space before them.
pub(super) fn words<'a>(prior: &'a Prior, message: &'a [Symbol]) -> impl Iterator<Item = Range<usize>> + 'a {
    let starts = move |&at: &usize| {
        let traits = prior.traits(message[at]);
        let letters_follow = || message.get(at + 1).is_some_and(|&next| prior.traits(next).is_letters());
        // A word without a space is one only at the very start.
        traits.starts_word() || traits.is_space() && letters_follow() || at == 0 && traits.is_letters()
    };
    (0..message.len()).filter(starts).map(|start| {
        let more = message[start + 1..].iter().take_while(|&&token| prior.traits(token).is_letters());
        start..start + 1 + more.count()
    })
}

fn is_capital(prior: &Prior, word: &[Symbol]) -> bool {
    let letters = word.iter().map(|&token| prior.traits(token)).find(|traits| traits.is_word());
    letters.is_some_and(|letters| letters.is_capital())
}

fn begins_sentence(prior: &Prior, message: &[Symbol], start: usize) -> bool {
    start.checked_sub(1).is_none_or(|before| prior.traits(message[before]).ends_sentence())
}

/// A hash of a topic's tokens, 0 for none.
pub(super) fn topic_hash(tokens: &[Symbol]) -> u64 {
    // Not the hash of the same word elsewhere in a message.
    if tokens.is_empty() { 0 } else { splitmix64(!word_hash(tokens)) }
}

/// A hash of a word's tokens.
pub(super) fn word_hash(tokens: &[Symbol]) -> u64 {
    tokens.iter().fold(0, |hash, &token| splitmix64(hash ^ u64::from(token)))
}

impl Prior {
    fn is_function_word(&self, tokens: &[Symbol]) -> bool {
        self.function_words.binary_search(&word_hash(tokens)).is_ok()
    }
}
