//! Sets of tokens that may come next.

use crate::bitset::Bitset;
use crate::brle::{BLOCK, Block, Brle};
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
        let words = size.div_ceil(64) as usize;
        // A run is half a word.
        match Brle::from_blocks(blocks(set), size as usize, (2 * words).saturating_sub(1)) {
            Some(runs) => Mask::Ranges(runs),
            None => {
                let mut bits = Vec::with_capacity(words.next_multiple_of(BLOCK));
                blocks(set).for_each(|block| bits.extend_from_slice(&block));
                Mask::Bits(Bitset::from_words(bits, size as usize))
            }
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

/// The set's bits, with zeros behind the last.
fn blocks(set: &SimpleVob) -> impl Iterator<Item = Block> + Clone + '_ {
    let (blocks, rest) = set.as_slice().as_chunks::<{ 2 * BLOCK }>();
    let last = (!rest.is_empty()).then(|| std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0)));
    let joined = |halves: [u32; 2 * BLOCK]| {
        std::array::from_fn(|at| u64::from(halves[2 * at]) | u64::from(halves[2 * at + 1]) << 32)
    };
    blocks.iter().copied().chain(last).map(joined)
}
