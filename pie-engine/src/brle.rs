//! Binary run-length encoding: the form of every mask at the component boundary.
//!
//! A mask comes from a guest and may be anything. Reading one is safe whatever it holds; [`Brle::validate`] says whether it
//! covers what it should. Runs of length zero are accepted anywhere, because masks that are put together piece by piece have
//! them; what a mask means, and all that is computed from it, is the same without them.

use crate::bitset::{Bitset, ones_of};
use std::ops::Range;

/// A mask as run lengths that alternate between false and true, false first. `[2, 3]` is `00111`, `[0, 1]` is `1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Brle(pub Vec<u32>);

/// A mask does not cover what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mask covers {actual} entries, expected {expected}")]
pub struct BrleError {
    /// The number of entries it should have.
    pub expected: u64,
    /// The sum of its runs.
    pub actual: u64,
}

impl Brle {
    /// A mask of that length with every entry true.
    pub fn all(len: u32) -> Self {
        Brle(vec![0, len])
    }

    /// The shortest encoding of a bitset: no zero-length run but possibly the first, no trailing false run left out.
    pub fn from_bitset(set: &Bitset) -> Self {
        Self::from_blocks(blocks(set.words()), set.len(), usize::MAX).unwrap_or_default()
    }

    /// The shortest encoding of so many entries; none if it has more runs than that. Bits past the length do not count.
    pub(crate) fn from_blocks(
        blocks: impl Iterator<Item = Block> + Clone,
        len: usize,
        most: usize,
    ) -> Option<Self> {
        let mut runs = Vec::with_capacity(count_changes(blocks.clone(), most)? + 1);
        let (mut before, mut written) = (0, 0);
        for (index, block) in blocks.enumerate() {
            if is_constant(&block, before) {
                continue;
            }
            for (word, at) in block.into_iter().zip((index * BLOCK * 64..).step_by(64)) {
                for change in
                    ones_of(changes(word, before)).map(|bit| at + bit).filter(|&change| change < len)
                {
                    runs.push((change - written) as u32);
                    written = change;
                }
                before = word;
            }
        }
        if written < len {
            runs.push((len - written) as u32);
        }
        (runs.len() <= most).then_some(Brle(runs))
    }

    /// The number of entries, true and false. Cannot overflow: a list of 2^32 runs of the greatest length still fits.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|&run| u64::from(run)).sum()
    }

    /// The number of true entries.
    pub fn count(&self) -> u64 {
        self.0.iter().skip(1).step_by(2).map(|&run| u64::from(run)).sum()
    }

    /// Checks that the mask covers exactly that many entries.
    pub fn validate(&self, expected: u64) -> Result<(), BrleError> {
        let actual = self.total();
        if actual == expected { Ok(()) } else { Err(BrleError { expected, actual }) }
    }

    /// One entry, or none past the end. Takes time in the number of runs.
    pub fn get(&self, index: u64) -> Option<bool> {
        let mut end = 0;
        for (at, &run) in self.0.iter().enumerate() {
            end += u64::from(run);
            if index < end {
                return Some(at % 2 == 1);
            }
        }
        None
    }

    /// The ranges of true entries, rising, none empty and no two touching. Allocates nothing.
    pub fn true_ranges(&self) -> TrueRanges<'_> {
        TrueRanges { runs: &self.0, at: 0 }
    }

    /// The same mask as bits, if it covers exactly that many entries.
    pub fn to_bitset(&self, expected: usize) -> Result<Bitset, BrleError> {
        self.validate(expected as u64)?;
        let mut set = Bitset::new(expected);
        // The cast is lossless: every range ends at `expected` at the latest.
        self.true_ranges().for_each(|range| set.insert_range(range.start as usize..range.end as usize));
        Ok(set)
    }

    /// Whether both have the same true entries, in whatever encoding.
    pub fn same(&self, other: &Brle) -> bool {
        self.total() == other.total() && self.true_ranges().eq(other.true_ranges())
    }

    /// What is true in both, in the shortest encoding. Both must cover the same number of entries.
    pub fn intersection(&self, other: &Brle) -> Result<Brle, BrleError> {
        other.validate(self.total())?;
        let mut runs = RunWriter::default();
        let (mut a, mut b) = (Cursor::new(&self.0), Cursor::new(&other.0));
        while a.skip_finished() && b.skip_finished() {
            let run = a.left.min(b.left);
            runs.push(a.value && b.value, run);
            a.left -= run;
            b.left -= run;
        }
        Ok(Brle(runs.runs))
    }
}

/// Words that are looked at together: in most masks of grammars there are long stretches in which nothing changes.
pub(crate) const BLOCK: usize = 8;

/// See [`BLOCK`].
pub(crate) type Block = [u64; BLOCK];

/// Words in blocks, with words of zero behind the last.
fn blocks(words: &[u64]) -> impl Iterator<Item = Block> + Clone + '_ {
    let (blocks, rest) = words.as_chunks();
    let last = (!rest.is_empty()).then(|| std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0)));
    blocks.iter().copied().chain(last)
}

/// How often an entry differs from the one before it, counting a true one at the start; none if that is more than `most`.
fn count_changes(blocks: impl Iterator<Item = Block>, most: usize) -> Option<usize> {
    let (mut before, mut count) = (0, 0);
    for block in blocks {
        if is_constant(&block, before) {
            continue;
        }
        for word in block {
            count += changes(word, before).count_ones() as usize;
            before = word;
        }
        if count > most {
            return None;
        }
    }
    Some(count)
}

/// Whether all entries are as the last one of the word before.
fn is_constant(block: &Block, before: u64) -> bool {
    let same = if before >> 63 == 0 { 0 } else { u64::MAX };
    // Without a way out in the middle it is compiled to vector instructions.
    block.iter().fold(0, |differing, word| differing | (word ^ same)) == 0
}

/// One where an entry of a word differs from the one before it, the first from the last of the word before.
fn changes(word: u64, before: u64) -> u64 {
    word ^ (word << 1 | before >> 63)
}

/// The iterator of [`Brle::true_ranges`].
#[derive(Clone, Debug)]
pub struct TrueRanges<'a> {
    /// What is left, beginning with a false run.
    runs: &'a [u32],
    /// The entry at which `runs` begins.
    at: u64,
}

impl TrueRanges<'_> {
    fn next_run(&mut self) -> Option<Range<u64>> {
        let [off, rest @ ..] = self.runs else { return None };
        let (on, rest) = rest.split_first().map_or((0, rest), |(on, rest)| (*on, rest));
        let start = self.at + u64::from(*off);
        self.at = start + u64::from(on);
        self.runs = rest;
        Some(start..self.at)
    }
}

impl Iterator for TrueRanges<'_> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let mut range = self.next_run()?;
        while range.is_empty() {
            range = self.next_run()?;
        }
        // A false run of length zero does not end a range.
        while self.runs.first() == Some(&0) {
            range.end = self.next_run()?.end;
        }
        Some(range)
    }
}

/// Writes runs, joining neighbours of one value.
#[derive(Default)]
struct RunWriter {
    runs: Vec<u32>,
}

impl RunWriter {
    fn push(&mut self, value: bool, run: u32) {
        if run == 0 {
            return;
        }
        if self.runs.is_empty() && value {
            self.runs.push(0);
        }
        // The last run is true if their number is even.
        let same = !self.runs.is_empty() && self.runs.len().is_multiple_of(2) == value;
        match self.runs.last_mut() {
            Some(last) if same => match last.checked_add(run) {
                Some(sum) => *last = sum,
                // Longer than one run can say: a zero-length run of the other value joins two.
                None => self.runs.extend([0, run]),
            },
            _ => self.runs.push(run),
        }
    }
}

/// Reads runs piece by piece.
struct Cursor<'a> {
    rest: &'a [u32],
    value: bool,
    left: u32,
}

impl<'a> Cursor<'a> {
    fn new(runs: &'a [u32]) -> Self {
        // As if a true run of length zero came before the first.
        Cursor { rest: runs, value: true, left: 0 }
    }

    /// Moves to a run with something left; false when there is none.
    fn skip_finished(&mut self) -> bool {
        while self.left == 0 {
            let [run, rest @ ..] = self.rest else { return false };
            (self.left, self.rest, self.value) = (*run, rest, !self.value);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(mask: &Brle) -> Vec<bool> {
        let runs = mask.0.iter().enumerate();
        runs.flat_map(|(at, &run)| std::iter::repeat_n(at % 2 == 1, run as usize)).collect()
    }

    fn masks() -> impl Strategy<Value = Brle> {
        let run = prop_oneof![Just(0u32), 0u32..5, 0u32..100];
        prop::collection::vec(run, 0..20).prop_map(Brle)
    }

    proptest! {
        #[test]
        fn it_means_what_its_expansion_means(mask in masks()) {
            let bools = expand(&mask);
            prop_assert_eq!(mask.total(), bools.len() as u64);
            prop_assert_eq!(mask.count(), bools.iter().filter(|bit| **bit).count() as u64);
            for index in 0..bools.len() + 2 {
                prop_assert_eq!(mask.get(index as u64), bools.get(index).copied());
            }
        }

        #[test]
        fn its_ranges_are_maximal_and_cover_exactly_the_true_entries(mask in masks()) {
            let bools = expand(&mask);
            let ranges: Vec<_> = mask.true_ranges().collect();
            prop_assert!(ranges.iter().all(|range| !range.is_empty()));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            let covered: Vec<bool> =
                (0..bools.len() as u64).map(|index| ranges.iter().any(|range| range.contains(&index))).collect();
            prop_assert_eq!(covered, bools);
        }

        #[test]
        fn going_through_a_bitset_gives_the_shortest_encoding_of_the_same_mask(mask in masks()) {
            let bools = expand(&mask);
            let set = mask.to_bitset(bools.len()).unwrap();
            prop_assert_eq!((0..bools.len()).map(|i| set.get(i).unwrap()).collect::<Vec<_>>(), bools.clone());
            let short = Brle::from_bitset(&set);
            prop_assert!(short.0.iter().skip(1).all(|run| *run > 0));
            prop_assert_eq!(expand(&short), bools);
            let within = |most| Brle::from_blocks(blocks(set.words()), set.len(), most);
            prop_assert_eq!(within(short.0.len()), Some(short.clone()));
            prop_assert_eq!(short.0.len().checked_sub(1).and_then(within), None);
        }

        #[test]
        fn an_intersection_is_true_where_both_are(a in masks(), b in masks(), extra in any::<bool>()) {
            let (mut a, mut b) = (a, b);
            let len = a.total().max(b.total());
            for mask in [&mut a, &mut b] {
                if extra && mask.0.len() % 2 == 1 {
                    mask.0.push(0);
                }
                mask.0.push((len - mask.total()) as u32);
            }
            let expected: Vec<bool> = expand(&a).iter().zip(expand(&b)).map(|(x, y)| *x && y).collect();
            let both = a.intersection(&b).unwrap();
            prop_assert!(both.0.iter().skip(1).all(|run| *run > 0));
            prop_assert_eq!(expand(&both), expected);
        }
    }

    #[test]
    fn a_mask_of_the_wrong_length_is_refused_with_both_lengths() {
        let error = Brle(vec![2, 3]).validate(6).unwrap_err();
        assert_eq!(error, BrleError { expected: 6, actual: 5 });
        assert_eq!(error.to_string(), "the mask covers 5 entries, expected 6");
        assert!(Brle(vec![2, 3]).validate(5).is_ok());
        assert!(Brle(vec![2, 3]).to_bitset(4).is_err());
        assert!(Brle(vec![2, 3]).intersection(&Brle(vec![4])).is_err());
    }

    #[test]
    fn sums_past_32_bits_neither_wrap_nor_allocate() {
        let huge = Brle(vec![u32::MAX, u32::MAX, u32::MAX]);
        assert_eq!(huge.total(), 3 * u64::from(u32::MAX));
        assert!(huge.validate(2).is_err());
        assert!(huge.to_bitset(1 << 10).is_err());
        let max = u64::from(u32::MAX);
        assert_eq!(huge.true_ranges().collect::<Vec<_>>(), vec![max..2 * max]);
        assert_eq!(huge.intersection(&huge).unwrap(), huge);
    }

    #[test]
    fn runs_longer_than_one_number_can_say_survive_an_intersection() {
        let split = Brle(vec![0, u32::MAX, 0, 7]);
        let both = split.intersection(&split).unwrap();
        assert_eq!(both.total(), split.total());
        assert_eq!(both.true_ranges().collect::<Vec<_>>(), vec![0..u64::from(u32::MAX) + 7]);
    }
}
