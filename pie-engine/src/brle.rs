//! Binary run-length encoding: the form of every mask at the component boundary.
//!
//! A mask comes from a guest and may be anything. Reading one is safe whatever it holds; [`Brle::validate`] says whether it
//! covers what it should. Runs of length zero are accepted anywhere, because masks that are put together piece by piece have
//! them; what a mask means, and all that is computed from it, is the same without them.

use crate::bitset::Bitset;
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
        let mut runs = RunWriter::default();
        for (index, &word) in set.words().iter().enumerate() {
            let mut left = (set.len() - index * 64).min(64) as u32;
            let mut bits = word;
            while left > 0 {
                let value = bits & 1 == 1;
                let run = if value { bits.trailing_ones() } else { bits.trailing_zeros() }.min(left);
                runs.push(value, run);
                // A shift by 64 is not defined; nothing is left then.
                bits = bits.checked_shr(run).unwrap_or(0);
                left -= run;
            }
        }
        Brle(runs.runs)
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
