//! A set of small integers as bits: the form masks over the vocabulary take inside the engine.

use std::ops::Range;

/// A mask of fixed length, 64 entries to a word, entry 0 in the lowest bit of the first word. Bits past the length are zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitset {
    words: Vec<u64>,
    len: usize,
}

impl Bitset {
    /// A mask of that length with every entry false.
    pub fn new(len: usize) -> Self {
        Bitset { words: vec![0; len.div_ceil(64)], len }
    }

    /// A mask of that length with every entry true.
    pub fn full(len: usize) -> Self {
        Bitset::from_words(vec![u64::MAX; len.div_ceil(64)], len)
    }

    /// A mask from its words. Missing words are false, words and bits past the length are dropped.
    pub fn from_words(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(64), 0);
        if let (Some(last), 1..) = (words.last_mut(), len % 64) {
            *last &= low_bits(len % 64);
        }
        Bitset { words, len }
    }

    /// The number of entries, true and false.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries at all. For "no entry is true" see [`Bitset::count`].
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words, `len / 64` of them rounded up.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// One entry, or none past the end.
    pub fn get(&self, index: usize) -> Option<bool> {
        (index < self.len).then(|| self.words[index / 64] >> (index % 64) & 1 == 1)
    }

    /// Makes an entry true. Past the end it does nothing.
    pub fn insert(&mut self, index: usize) {
        if index < self.len {
            self.words[index / 64] |= 1 << (index % 64);
        }
    }

    /// Makes a range of entries true, as far as it lies inside.
    pub fn insert_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.len);
        let mut at = range.start;
        while at < end {
            let stop = end.min((at / 64 + 1) * 64);
            self.words[at / 64] |= low_bits(stop - at) << (at % 64);
            at = stop;
        }
    }

    /// The number of true entries.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps what is true in both. Entries past the end of `other` become false.
    pub fn intersect_with(&mut self, other: &Bitset) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(index).copied().unwrap_or(0);
        }
    }

    /// The true entries, rising.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(index, &word)| ones_of(word).map(move |bit| index * 64 + bit))
    }
}

/// The positions of the set bits of a word, rising.
pub(crate) fn ones_of(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

/// A word with its `count` lowest bits set, `count` from 1 to 64.
fn low_bits(count: usize) -> u64 {
    u64::MAX >> (64 - count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from_bools(bools: &[bool]) -> Bitset {
        let mut set = Bitset::new(bools.len());
        bools.iter().enumerate().filter(|(_, bit)| **bit).for_each(|(index, _)| set.insert(index));
        set
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_vector_of_bools(
            a in prop::collection::vec(any::<bool>(), 0..200),
            b in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let set = from_bools(&a);
            prop_assert_eq!(set.len(), a.len());
            prop_assert_eq!(set.count(), a.iter().filter(|bit| **bit).count());
            for index in 0..a.len() + 3 {
                prop_assert_eq!(set.get(index), a.get(index).copied());
            }
            let ones: Vec<usize> = (0..a.len()).filter(|index| a[*index]).collect();
            prop_assert_eq!(set.ones().collect::<Vec<_>>(), ones);
            let mut both = set.clone();
            both.intersect_with(&from_bools(&b));
            let expected: Vec<bool> = (0..a.len()).map(|i| a[i] && b.get(i).copied().unwrap_or(false)).collect();
            prop_assert_eq!(both, from_bools(&expected));
            prop_assert_eq!(Bitset::from_words(set.words().to_vec(), a.len()), set);
        }

        #[test]
        fn inserting_a_range_inserts_each_entry_that_is_inside(len in 0usize..200, start in 0usize..220, end in 0usize..220) {
            let mut set = Bitset::new(len);
            set.insert_range(start..end);
            let expected: Vec<bool> = (0..len).map(|index| (start..end).contains(&index)).collect();
            prop_assert_eq!(set, from_bools(&expected));
        }
    }

    #[test]
    fn bits_past_the_length_are_dropped() {
        assert_eq!(Bitset::full(65).words(), [u64::MAX, 1]);
        assert_eq!(Bitset::from_words(vec![u64::MAX; 3], 3).words(), [7]);
        assert_eq!(Bitset::from_words(vec![], 3), Bitset::new(3));
        assert_eq!(Bitset::full(128).count(), 128);
    }
}
