//! Sets of tokens that may come next.

use crate::bitset::Bitset;
use crate::brle::Brle;
use toktrie::SimpleVob;

/// A mask over the vocabulary, in whichever form is smaller. The two forms of one set are never both made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Run lengths: 4 bytes for each change between possible and not.
    Ranges(Brle),
    /// A bit for each token.
    Bits(Bitset),
}

impl Mask {
    /// The smaller form of a set over that many tokens.
    pub(super) fn from_set(set: &SimpleVob, size: u32) -> Self {
        let words = set.as_slice().chunks(2);
        let words =
            words.map(|pair| u64::from(pair[0]) | pair.get(1).map_or(0, |high| u64::from(*high) << 32));
        let bits = Bitset::from_words(words.collect(), size as usize);
        let run_bytes = 4 * (changes(&bits) + 1);
        if run_bytes < 8 * bits.words().len() {
            Mask::Ranges(Brle::from_bitset(&bits))
        } else {
            Mask::Bits(bits)
        }
    }

    /// The number of tokens, possible or not.
    pub fn size(&self) -> u64 {
        match self {
            Mask::Ranges(runs) => runs.total(),
            Mask::Bits(bits) => bits.len() as u64,
        }
    }

    /// The number of possible tokens.
    pub fn count(&self) -> u64 {
        match self {
            Mask::Ranges(runs) => runs.count(),
            Mask::Bits(bits) => bits.count() as u64,
        }
    }

    /// Whether a token is possible.
    pub fn allows(&self, token: u32) -> bool {
        match self {
            Mask::Ranges(runs) => runs.get(u64::from(token)) == Some(true),
            Mask::Bits(bits) => bits.get(token as usize) == Some(true),
        }
    }

    /// The token, if one alone is possible.
    pub fn only(&self) -> Option<u32> {
        match self {
            Mask::Ranges(runs) => {
                let mut ranges = runs.true_ranges();
                let first = ranges.next().filter(|range| range.end - range.start == 1)?;
                ranges.next().is_none().then_some(first.start as u32)
            }
            Mask::Bits(bits) if bits.count() == 1 => bits.ones().next().map(|token| token as u32),
            Mask::Bits(_) => None,
        }
    }

    /// As run lengths, the form at the component boundary.
    pub fn into_brle(self) -> Brle {
        match self {
            Mask::Ranges(runs) => runs,
            Mask::Bits(bits) => Brle::from_bitset(&bits),
        }
    }

    /// As bits.
    pub fn into_bitset(self) -> Bitset {
        match self {
            Mask::Ranges(runs) => {
                let mut bits = Bitset::new(runs.total() as usize);
                runs.true_ranges().for_each(|run| bits.insert_range(run.start as usize..run.end as usize));
                bits
            }
            Mask::Bits(bits) => bits,
        }
    }
}

/// How often neighbouring bits differ, counting a leading one. Bits past the length are zero, so the end of a last run counts.
fn changes(bits: &Bitset) -> usize {
    let mut carry = 0;
    let each = bits.words().iter().map(|&word| {
        let shifted = word << 1 | carry;
        carry = word >> 63;
        (word ^ shifted).count_ones() as usize
    });
    each.sum()
}
