//! What the dummy has learned: its texts as one stream of symbols, indexed by history.
//!
//! The prior answers one question: after these symbols, what came next in the texts? The index is an array of all places in the
//! stream, sorted by what precedes them, read backwards. All places with a common history are neighbours in it, so each further
//! symbol of a history narrows an interval, and the intervals of all orders come out of one search.
//!
//! The table is made from the texts by `build` and embedded as `prior.bin`, because starting a process must not take the time
//! to encode and sort them.
//!
//! The *topic* of a message (`topic`) is replaced by [`NAME`] or [`WORD`] in the texts. So what was learned about one name or word
//! is known about every other, and the dummy's answers speak of what they were asked. Which of the learned replies it gives is
//! found by comparing messages (`exchanges`).

mod build;
mod exchanges;
mod topic;

pub use build::build_prior;
use topic::topic_hash;
pub(super) use topic::{Topic, replace_topic};

use super::vocabulary::Traits;
use exchanges::Exchanges;

/// A token, or [`NAME`] or [`WORD`].
pub(super) type Symbol = u16;
/// Stands for the topic of a message if that is a name.
pub(super) const NAME: Symbol = Symbol::MAX;
/// Stands for the topic of a message if that is any other word.
pub(super) const WORD: Symbol = Symbol::MAX - 1;
/// How many symbols there are besides tokens.
pub(super) const MARKERS: usize = 2;
/// The longest history that is looked at, in symbols.
pub(super) const MAX_ORDER: usize = 10;

/// The table that [`build_prior`] makes.
const EMBEDDED: &[u8] = include_bytes!("prior.bin");
/// Tells this format from another.
const MAGIC: &[u8; 8] = b"prior-01";

/// The learned texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prior {
    /// Properties of each token.
    traits: Vec<Traits>,
    /// How often each token occurs in the texts.
    counts: Vec<u16>,
    /// The texts.
    symbols: Vec<Symbol>,
    /// Places in `symbols`, sorted by their histories.
    places: Vec<u16>,
    /// For each last symbol of a history, where its places begin in `places`, and the end.
    starts: Vec<u16>,
    /// Hashes of words that are never a topic, sorted.
    function_words: Vec<u64>,
    /// For each message of a user in the texts, a hash of its topic; 0 if it has none.
    topics: Vec<u64>,
    exchanges: Exchanges,
}

/// The places in the texts that share a history with what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// The interval of `places` for each order, from 1; each lies in the one before.
    intervals: [(u16, u16); MAX_ORDER],
    /// The longest history that occurs in the texts.
    pub(super) order: usize,
}

impl Prior {
    /// The embedded table.
    pub(super) fn embedded() -> Prior {
        Prior::read(EMBEDDED).expect("the embedded table is tested to be what `build_prior` makes")
    }

    /// The bytes that decide the table, for a digest.
    pub(super) fn embedded_bytes() -> &'static [u8] {
        EMBEDDED
    }

    /// The number of tokens.
    pub(super) fn vocab_size(&self) -> usize {
        self.traits.len()
    }

    /// Numbers all symbols from 0, tokens first.
    pub(super) fn symbol_index(&self, symbol: Symbol) -> usize {
        symbol_index(symbol, self.vocab_size())
    }

    /// The learned replies whose messages are most like this one, in which the topic is replaced: a few of them, best first, with
    /// how much worse than the best they fit. Among equals, `choice` decides.
    pub(super) fn closest_replies(
        &self,
        message: &[Symbol],
        topic: &[Symbol],
        choice: u64,
    ) -> impl Iterator<Item = (&[Symbol], u32)> {
        self.exchanges
            .closest(self, message, topic_hash(topic), choice)
            .map(|(reply, gap)| (&self.symbols[reply], gap))
    }

    pub(super) fn traits(&self, token: Symbol) -> Traits {
        self.traits.get(usize::from(token)).copied().unwrap_or_default()
    }

    /// How often a token occurs in the texts.
    pub(super) fn count(&self, token: Symbol) -> u16 {
        self.counts.get(usize::from(token)).copied().unwrap_or(0)
    }

    /// Finds the places for a history, given with the last symbol first.
    pub(super) fn find(&self, history: &[Symbol]) -> Matches {
        let mut matches = Matches::default();
        let Some(&last) = history.first() else { return matches };
        let bucket = self.symbol_index(last);
        let (mut start, mut end) = (usize::from(self.starts[bucket]), usize::from(self.starts[bucket + 1]));
        for (order, &symbol) in history.iter().enumerate().take(MAX_ORDER) {
            if order > 0 {
                let interval = &self.places[start..end];
                let before = interval.partition_point(|&place| self.back(place, order) < Some(symbol));
                let through =
                    interval[before..].partition_point(|&place| self.back(place, order) == Some(symbol));
                (start, end) = (start + before, start + before + through);
            }
            if start == end {
                break;
            }
            matches.intervals[order] = (start as u16, end as u16);
            matches.order = order + 1;
        }
        matches
    }

    /// The symbols that followed the places of one order without those of the next, with gaps if there are more than `limit`.
    pub(super) fn followers(
        &self,
        matches: &Matches,
        order: usize,
        limit: usize,
    ) -> impl Iterator<Item = Symbol> {
        let (start, end) = matches.intervals[order - 1];
        let inner = matches.intervals.get(order).filter(|_| order < matches.order).copied();
        let (from, to) = inner.unwrap_or((end, end));
        let (before, after) = (&self.places[start.into()..from.into()], &self.places[to.into()..end.into()]);
        let gap = (before.len() + after.len()).div_ceil(limit).max(1);
        before.iter().chain(after).step_by(gap).map(|&place| self.symbols[usize::from(place)])
    }

    /// The symbol at a distance before a place; none before the start of the stream.
    fn back(&self, place: u16, distance: usize) -> Option<Symbol> {
        usize::from(place).checked_sub(distance + 1).map(|at| self.symbols[at])
    }

    /// Reads what [`Prior::write`] wrote; none if it is something else.
    fn read(bytes: &[u8]) -> Option<Prior> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let [vocab, length, words, topics] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let traits = reader.u16s(vocab)?.into_iter().map(Traits).collect();
        let symbols: Vec<Symbol> = reader.u16s(length)?;
        let places = reader.u16s(length.saturating_sub(1))?;
        let function_words = reader.u64s(words)?;
        let topics = reader.u64s(topics)?;
        let (counts, starts) = (counts(&symbols, vocab), starts(&symbols, &places, vocab)?);
        let exchanges = Exchanges::default();
        let prior = Prior { traits, counts, symbols, places, starts, function_words, topics, exchanges };
        Some(Prior { exchanges: Exchanges::index(&prior), ..prior })
    }

    /// The table as bytes: [`MAGIC`], four lengths, then traits, symbols, places, function words and topics, all little
    /// endian.
    fn write(&self) -> Vec<u8> {
        let lengths = [self.traits.len(), self.symbols.len(), self.function_words.len(), self.topics.len()];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(lengths.iter().flat_map(|&length| (length as u32).to_le_bytes()));
        let traits = self.traits.iter().map(|traits| &traits.0);
        bytes.extend(traits.chain(&self.symbols).chain(&self.places).flat_map(|value| value.to_le_bytes()));
        bytes.extend(self.function_words.iter().chain(&self.topics).flat_map(|value| value.to_le_bytes()));
        bytes
    }
}

fn counts(symbols: &[Symbol], vocab: usize) -> Vec<u16> {
    let mut counts = vec![0; vocab];
    for &symbol in symbols {
        if let Some(count) = counts.get_mut(usize::from(symbol)) {
            *count += 1;
        }
    }
    counts
}

fn symbol_index(symbol: Symbol, vocab: usize) -> usize {
    if symbol >= WORD { vocab + usize::from(symbol - WORD) } else { usize::from(symbol) }
}

/// Where the places of each last symbol begin; none if a place lies outside.
fn starts(symbols: &[Symbol], places: &[u16], vocab: usize) -> Option<Vec<u16>> {
    let mut starts = vec![0u16; vocab + MARKERS + 1];
    for &place in places {
        let last = *symbols.get(usize::from(place).checked_sub(1)?)?;
        *starts.get_mut(symbol_index(last, vocab) + 1)? += 1;
    }
    for bucket in 1..starts.len() {
        starts[bucket] += starts[bucket - 1];
    }
    Some(starts)
}

/// Takes apart the bytes of a table.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<usize> {
        self.take(4).map(|bytes| bytes.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
    }

    fn u64s(&mut self, count: usize) -> Option<Vec<u64>> {
        let (numbers, _) = self.take(count.checked_mul(8)?)?.as_chunks();
        Some(numbers.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
    }

    fn u16s(&mut self, count: usize) -> Option<Vec<u16>> {
        let (numbers, _) = self.take(count.checked_mul(2)?)?.as_chunks();
        Some(numbers.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect())
    }
}
