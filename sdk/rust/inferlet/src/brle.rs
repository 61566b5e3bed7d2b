//! Masks in binary run-length encoding: lengths of runs that alternate between false and true, the first one false.
//!
//! `[2, 3]` is false, false, true, true, true; `[0, 5]` is five times true. The same encoding serves for attention masks
//! (over the slots of a context) and for logit masks (over the vocabulary). What these functions return is normal: no run
//! but the first is empty, and the runs add up to the length asked for. They accept masks that are not.

use std::ops::Range;

/// The mask of `len` positions that is true in all of `ranges`, whatever their order and overlap. Positions from `len` on
/// are left out.
///
/// ```
/// assert_eq!(inferlet::brle::from_ranges([0..2, 5..6], 8), [0, 2, 3, 1, 2]);
/// ```
pub fn from_ranges(ranges: impl IntoIterator<Item = Range<u32>>, len: u32) -> Vec<u32> {
    let mut ranges: Vec<_> =
        ranges.into_iter().map(|r| r.start.min(len)..r.end.min(len)).filter(|r| !r.is_empty()).collect();
    ranges.sort_by_key(|r| r.start);
    let mut runs = Runs::default();
    for range in ranges {
        let start = range.start.max(runs.len);
        runs.push(false, start - runs.len);
        runs.push(true, range.end.saturating_sub(start));
    }
    runs.push(false, len - runs.len);
    runs.lengths
}

/// The mask of `len` positions that is true at `indices`, whatever their order. Indices from `len` on are left out.
///
/// ```
/// assert_eq!(inferlet::brle::from_indices(&[3, 1], 5), [1, 1, 1, 1, 1]);
/// ```
pub fn from_indices(indices: &[u32], len: u32) -> Vec<u32> {
    from_ranges(indices.iter().map(|&index| index..index.saturating_add(1)), len)
}

/// The mask that is true where both are. It is as long as the longer one, and false where the shorter one has ended.
pub fn and(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (mut a, mut b) = (Cursor::new(a), Cursor::new(b));
    let mut runs = Runs::default();
    loop {
        // A mask that has ended is false from there on, as long as the other one needs.
        let (value, count) = match (a.peek(), b.peek()) {
            (None, None) => return runs.lengths,
            (Some((_, n)), None) | (None, Some((_, n))) => (false, n),
            (Some((x, n)), Some((y, m))) => (x && y, n.min(m)),
        };
        runs.push(value, count);
        a.advance(count);
        b.advance(count);
    }
}

/// Number of positions that the mask covers.
pub fn len(mask: &[u32]) -> u32 {
    mask.iter().fold(0, |sum: u32, &run| sum.saturating_add(run))
}

/// Whether the mask is true at `index`. False past its end.
pub fn allows(mask: &[u32], index: u32) -> bool {
    let mut end = 0u32;
    for (run, &length) in mask.iter().enumerate() {
        end = end.saturating_add(length);
        if index < end {
            return run % 2 == 1;
        }
    }
    false
}

/// The index at which the mask is true, if it is so at one only.
///
/// ```
/// assert_eq!(inferlet::brle::only(&[3, 1, 4]), Some(3));
/// assert_eq!(inferlet::brle::only(&[3, 1, 2, 1]), None);
/// ```
pub fn only(mask: &[u32]) -> Option<u32> {
    let (mut end, mut found) = (0u32, None);
    for (run, &length) in mask.iter().enumerate() {
        if run % 2 == 1 && length > 0 {
            if length > 1 || found.is_some() {
                return None;
            }
            found = Some(end);
        }
        end = end.saturating_add(length);
    }
    found
}

/// Whether the mask is true anywhere.
pub fn allows_any(mask: &[u32]) -> bool {
    mask.iter().skip(1).step_by(2).any(|&length| length > 0)
}

/// A mask under construction, kept normal.
#[derive(Default)]
struct Runs {
    lengths: Vec<u32>,
    len: u32,
}

impl Runs {
    fn push(&mut self, value: bool, count: u32) {
        if count == 0 {
            return;
        }
        self.len += count;
        let last_is_true = self.lengths.len().is_multiple_of(2);
        match self.lengths.last_mut() {
            Some(last) if last_is_true == value => *last += count,
            None if value => self.lengths.extend([0, count]),
            _ => self.lengths.push(count),
        }
    }
}

/// Reads a mask run by run, in pieces.
struct Cursor<'a> {
    mask: &'a [u32],
    run: usize,
    used: u32,
}

impl<'a> Cursor<'a> {
    fn new(mask: &'a [u32]) -> Self {
        Cursor { mask, run: 0, used: 0 }
    }

    /// Value and remaining length of the current run, past empty ones.
    fn peek(&mut self) -> Option<(bool, u32)> {
        while *self.mask.get(self.run)? == self.used {
            self.run += 1;
            self.used = 0;
        }
        Some((self.run % 2 == 1, self.mask[self.run] - self.used))
    }

    /// Moves on by at most the current run.
    fn advance(&mut self, count: u32) {
        if let Some((_, left)) = self.peek() {
            self.used += count.min(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(mask: &[u32]) -> Vec<bool> {
        mask.iter().enumerate().flat_map(|(run, &n)| std::iter::repeat_n(run % 2 == 1, n as usize)).collect()
    }

    #[test]
    fn ranges_may_overlap_and_come_in_any_order() {
        assert_eq!(from_ranges([4..9, 0..2, 1..3], 8), [0, 3, 1, 4]);
        assert_eq!(from_ranges([2..4, 3..4], 8), [2, 2, 4]);
        assert_eq!(from_ranges([], 3), [3]);
        assert_eq!(from_ranges([0..9, 0..1], 3), [0, 3]);
        assert_eq!(from_ranges([], 0), [] as [u32; 0]);
    }

    #[test]
    fn a_mask_with_empty_runs_reads_like_the_normal_one() {
        assert!(allows(&[0, 0, 2, 1], 2));
        assert!(!allows(&[0, 0, 2, 1], 1));
        assert!(!allows_any(&[5, 0, 3]));
        assert_eq!(and(&[0, 0, 2, 1], &[0, 3]), [2, 1]);
    }

    proptest! {
        #[test]
        fn from_ranges_is_true_exactly_inside_the_ranges(
            ranges in prop::collection::vec((0u32..40, 0u32..40), 0..6), len in 0u32..40,
        ) {
            let mask = from_ranges(ranges.iter().map(|&(a, b)| a..b), len);
            let expected: Vec<bool> = (0..len).map(|i| ranges.iter().any(|&(a, b)| (a..b).contains(&i))).collect();
            prop_assert_eq!(bits(&mask), expected);
            prop_assert!(mask.iter().skip(1).all(|&n| n > 0), "{:?} is not normal", mask);
        }

        #[test]
        fn and_is_true_where_both_masks_are(
            a in prop::collection::vec(0u32..6, 0..8), b in prop::collection::vec(0u32..6, 0..8),
        ) {
            let both = and(&a, &b);
            prop_assert_eq!(len(&both), len(&a).max(len(&b)));
            for i in 0..len(&both) + 2 {
                prop_assert_eq!(allows(&both, i), allows(&a, i) && allows(&b, i));
            }
            prop_assert_eq!(allows_any(&both), bits(&both).contains(&true));
            let all: Vec<u32> = (0..len(&a)).filter(|&index| allows(&a, index)).collect();
            prop_assert_eq!(only(&a), all.first().copied().filter(|_| all.len() == 1));
        }
    }
}
