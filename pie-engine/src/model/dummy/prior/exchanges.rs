//! Which of the learned conversations a message resembles most.
//!
//! A message is a set of words. For every word the index has a bit set of the exchanges (a message and the reply to it) whose
//! message has it, so comparing a message with all exchanges at once is a few additions of bit sets.

use super::topic::{word_hash, words};
use super::{NAME, Prior, Symbol, WORD};
use crate::model::dummy::vocabulary::{ASSISTANT, FIRST_TEXT, USER};
use crate::splitmix::splitmix64;
use std::ops::Range;

/// Words in a set of exchanges.
const SET_WORDS: usize = 4;
/// Binary digits of a score, which cannot be reached by a message of the longest length that is looked at.
const SCORE_BITS: usize = 7;
/// How many exchanges are found for a message.
const CLOSEST: usize = 5;
/// Exchanges that are more points behind the best are not close.
const FARTHEST: u32 = 3;
/// What it counts that a reply speaks of the topic.
const MENTION_WEIGHT: usize = 2;
/// Words of a message beyond this number are not looked at.
const MAX_WORDS: usize = 16;

/// Stands, less a number, for a message of a certain length.
const LENGTH: u64 = 1 << 63;
/// Stands for a message of one word.
const ONLY_WORD: u64 = u64::MAX;

/// A set of up to 256 exchanges.
type Set = [u64; SET_WORDS];

/// The conversations of the texts, by the words of their messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exchanges {
    /// Where in the symbols each reply is, without the cue.
    replies: Vec<Range<u16>>,
    /// Hashes of words, sorted, and the exchanges whose message has them.
    words: Vec<(u64, Set)>,
    /// Exchanges whose reply can be given about no topic, a name, and a word.
    usable: [Set; 3],
    /// Those among the last two whose reply speaks of the topic.
    mentions: [Set; 2],
}

impl Exchanges {
    /// Finds the exchanges in the texts. Those past the size of a set are left out.
    pub(super) fn index(prior: &Prior) -> Exchanges {
        let mut found = Exchanges::default();
        let mut words: Vec<(u64, usize)> = Vec::new();
        let symbols = &prior.symbols;
        let users = (0..symbols.len()).filter(|&at| symbols[at] == USER);
        for (user, &topic) in users.zip(&prior.topics) {
            let message = run(symbols, user + 1);
            let cue = message.end + 1;
            let number = found.replies.len();
            if symbols.get(cue) != Some(&ASSISTANT) || number == SET_WORDS * 64 {
                continue;
            }
            let reply = run(symbols, cue + 1);
            // Replies that begin with a control token are tool calls and reasoning.
            if reply.is_empty() {
                continue;
            }
            found.use_for_topics(number, &symbols[reply.clone()]);
            words.extend(features(prior, &symbols[message], topic).map(|feature| (feature, number)));
            found.replies.push(reply.start as u16..reply.end as u16);
        }
        words.sort_unstable();
        for (feature, number) in words {
            if found.words.last().is_none_or(|(last, _)| *last != feature) {
                found.words.push((feature, Set::default()));
            }
            if let Some((_, set)) = found.words.last_mut() {
                insert(set, number);
            }
        }
        found
    }

    fn use_for_topics(&mut self, number: usize, reply: &[Symbol]) {
        let (name, word) = (reply.contains(&NAME), reply.contains(&WORD));
        let sets = self.usable.iter_mut().chain(&mut self.mentions);
        for (set, _) in
            sets.zip([!name && !word, !word, !name, name && !word, word && !name]).filter(|(_, holds)| *holds)
        {
            insert(set, number);
        }
    }

    /// Where the replies are to the messages that share most with this one, in which the topic is replaced, best first, with
    /// how many points they are behind the best. Among equals, `choice` decides.
    pub(super) fn closest(
        &self,
        prior: &Prior,
        message: &[Symbol],
        topic: u64,
        choice: u64,
    ) -> impl Iterator<Item = (Range<usize>, u32)> {
        let mut planes = [Set::default(); SCORE_BITS];
        for feature in features(prior, message, topic) {
            if let Ok(at) = self.words.binary_search_by_key(&feature, |(word, _)| *word) {
                let set = &self.words[at].1;
                let weight = match count(set) {
                    0..=4 => 3,
                    5..=16 => 2,
                    _ => 1,
                };
                (0..weight).for_each(|_| add(&mut planes, *set));
            }
        }
        let (usable, mentions) = match message.iter().find(|&&symbol| symbol >= WORD) {
            None => (&self.usable[0], Set::default()),
            Some(&NAME) => (&self.usable[1], self.mentions[0]),
            Some(_) => (&self.usable[2], self.mentions[1]),
        };
        (0..MENTION_WEIGHT).for_each(|_| add(&mut planes, mentions));
        let mut left = *usable;
        let mut best = 0;
        (0..CLOSEST).map_while(move |_| {
            let number = pick(&greatest(&planes, left), choice)?;
            left[number / 64] &= !(1 << (number % 64));
            let score =
                planes.iter().rev().fold(0, |score, plane| score << 1 | u32::from(contains(plane, number)));
            best = score.max(best);
            let reply = self.replies.get(number).filter(|_| best - score <= FARTHEST)?;
            Some((usize::from(reply.start)..usize::from(reply.end), best - score))
        })
    }
}

/// The text tokens from a place on.
fn run(symbols: &[Symbol], start: usize) -> Range<usize> {
    let length = symbols[start..].iter().take_while(|&&symbol| symbol >= FIRST_TEXT).count();
    start..start + length
}

/// What is compared of a message: its words, how it begins, how it ends, how long it is, its topic and what kind
/// of topic that is.
fn features<'a>(prior: &'a Prior, message: &'a [Symbol], topic: u64) -> impl Iterator<Item = u64> + 'a {
    let words = words(prior, message).take(MAX_WORDS).flat_map(|word| {
        let hash = word_hash(&message[word.clone()]);
        // The first word counts as itself and as the first.
        let only = word.start == 0 && word.end + 1 >= message.len();
        [Some(hash), (word.start == 0).then(|| splitmix64(hash)), only.then_some(ONLY_WORD)]
    });
    let kind = message.iter().copied().find(|&symbol| symbol >= WORD);
    // Two messages of like length are more alike.
    let length = LENGTH - u64::from((message.len() as u32 / 2).max(1).ilog2());
    let end = message.last().copied().filter(|&last| last < WORD && !prior.traits(last).is_word());
    words
        .chain([kind, end].map(|symbol| symbol.map(|symbol| !u64::from(symbol))))
        .flatten()
        .chain([length, topic])
}

fn count(set: &Set) -> u32 {
    set.iter().map(|word| word.count_ones()).sum()
}

fn contains(set: &Set, number: usize) -> bool {
    set[number / 64] >> (number % 64) & 1 == 1
}

fn insert(set: &mut Set, number: usize) {
    set[number / 64] |= 1 << (number % 64);
}

/// Adds one to the scores of a set: binary addition with a bit set for each digit.
fn add(planes: &mut [Set; SCORE_BITS], mut carry: Set) {
    for plane in planes {
        for (digit, carry) in plane.iter_mut().zip(&mut carry) {
            (*digit, *carry) = (*digit ^ *carry, *digit & *carry);
        }
    }
}

/// Those of a set that have the greatest score.
fn greatest(planes: &[Set; SCORE_BITS], set: Set) -> Set {
    planes.iter().rev().fold(set, |best, plane| {
        let better: Set = std::array::from_fn(|word| best[word] & plane[word]);
        if better == Set::default() { best } else { better }
    })
}

/// One member of a set.
fn pick(set: &Set, choice: u64) -> Option<usize> {
    let mut left = (choice % u64::from(count(set).max(1))) as u32;
    for (index, &word) in set.iter().enumerate() {
        if left < word.count_ones() {
            return crate::bitset::ones_of(word).nth(left as usize).map(|bit| index * 64 + bit);
        }
        left -= word.count_ones();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_exchange_of_the_texts_is_left_out() {
        let prior = Prior::embedded();
        assert!(prior.exchanges.replies.len() < SET_WORDS * 64, "raise `SET_WORDS`");
    }

    #[test]
    fn a_learned_message_finds_its_own_reply_among_the_best() {
        let prior = Prior::embedded();
        let symbols = &prior.symbols;
        let users = (0..symbols.len()).filter(|&at| symbols[at] == USER);
        let mut found = 0;
        for (user, &topic) in users.zip(&prior.topics) {
            let message = run(symbols, user + 1);
            let own = run(symbols, message.end + 2);
            let usable = prior.exchanges.replies.iter().any(|reply| usize::from(reply.start) == own.start);
            let mut closest = prior.exchanges.closest(&prior, &symbols[message], topic, 0);
            if usable {
                assert!(closest.any(|(reply, gap)| reply == own && gap == 0), "the reply at {own:?}");
                found += 1;
            }
        }
        assert_eq!(found, prior.exchanges.replies.len());
    }

    #[test]
    fn scores_add_up_in_binary() {
        let mut planes = [Set::default(); SCORE_BITS];
        for number in 0..100 {
            (0..number).for_each(|_| {
                let mut one = Set::default();
                insert(&mut one, number);
                add(&mut planes, one);
            });
        }
        let all = [u64::MAX; SET_WORDS];
        assert!(contains(&greatest(&planes, all), 99));
        assert_eq!(count(&greatest(&planes, all)), 1);
        assert_eq!(pick(&greatest(&planes, all), 12345), Some(99));
        assert_eq!(pick(&Set::default(), 1), None);
    }
}
