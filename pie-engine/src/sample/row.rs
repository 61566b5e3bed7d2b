//! One row of logits under a mask, and the passes over the whole vocabulary, in blocks of 64 tokens (one word of the mask).

use super::exp::exp_nonpositive;
use super::{SampleError, Scratch, rank};
use crate::bitset::{Bitset, ones_of};

/// Tokens in a block.
pub(super) const BLOCK: usize = 64;
/// Sums and maxima run in this many lanes, which is what lets the compiler vectorize them and what fixes their order.
const LANES: usize = 8;

/// A row of logits and which tokens of it are allowed; without a mask, all.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) logits: &'a [f32],
    mask: Option<&'a Bitset>,
}

/// The greatest allowed logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    pub(super) logit: f32,
    pub(super) token: u32,
}

impl<'a> Row<'a> {
    pub(super) fn new(logits: &'a [f32], mask: Option<&'a Bitset>) -> Result<Self, SampleError> {
        match mask {
            Some(mask) if mask.len() != logits.len() => {
                Err(SampleError::MaskLength { expected: logits.len(), actual: mask.len() })
            }
            _ => Ok(Row { logits, mask }),
        }
    }

    pub(super) fn allows(&self, token: u32) -> bool {
        self.mask.is_none_or(|mask| mask.get(token as usize) == Some(true))
    }

    /// The logits of each block and a word of which are allowed. Bits past the end are zero.
    fn blocks(self) -> impl Iterator<Item = (&'a [f32], u64)> {
        self.logits.chunks(BLOCK).enumerate().map(move |(index, block)| {
            let allowed = self.mask.map_or(u64::MAX, |mask| mask.words()[index]);
            (block, allowed & (u64::MAX >> (BLOCK - block.len())))
        })
    }

    /// The arg max. Fails if an allowed logit is NaN or positive infinity, and if all are negative infinity.
    pub(super) fn peak(self) -> Result<Peak, SampleError> {
        let (logit, start) = self.max_except(None)?;
        if logit == f32::NEG_INFINITY {
            return Err(SampleError::NothingAllowed);
        }
        let candidates = self.tokens_from(start);
        let token = candidates.into_iter().find(|&token| self.logits[token as usize] == logit);
        Ok(Peak { logit, token: token.expect("the maximum is that of an allowed token of this block") })
    }

    /// The greatest allowed logit that is not the peak's, none if that is negative infinity or there is no other.
    pub(super) fn runner_up(self, peak: Peak) -> Result<Option<f32>, SampleError> {
        let (logit, _) = self.max_except(Some(peak.token as usize))?;
        Ok((logit > f32::NEG_INFINITY).then_some(logit))
    }

    /// The greatest allowed logit but for that of one token, and the first block that has it; negative infinity if there is none.
    fn max_except(self, except: Option<usize>) -> Result<(f32, usize), SampleError> {
        let mut max = f32::NEG_INFINITY;
        let mut at = 0;
        let mut sound = true;
        for (index, (block, mut allowed)) in self.blocks().enumerate() {
            if let Some(token) = except.filter(|token| token / BLOCK == index) {
                allowed &= !(1 << (token % BLOCK));
            }
            let (block_max, block_sound) = block_max(block, allowed);
            if block_max > max {
                (max, at) = (block_max, index);
            }
            sound &= block_sound;
        }
        if sound { Ok((max, at)) } else { Err(self.first_bad()) }
    }

    fn first_bad(self) -> SampleError {
        let logit = |token: u32| self.logits[token as usize];
        let bad = self.tokens().find(|&token| !is_logit(logit(token)));
        bad.map_or(SampleError::NothingAllowed, |token| SampleError::BadLogit { token, logit: logit(token) })
    }

    /// The allowed tokens, rising.
    pub(super) fn tokens(self) -> impl Iterator<Item = u32> {
        self.tokens_from(0)
    }

    /// The allowed tokens of a block and of those after it, rising.
    fn tokens_from(self, start: usize) -> impl Iterator<Item = u32> {
        self.blocks()
            .enumerate()
            .skip(start)
            .flat_map(|(index, (_, allowed))| ones_of(allowed).map(move |bit| (index * BLOCK + bit) as u32))
    }

    /// Fills `weights` with `e^((logit - peak) / temperature)`, 0 for what is not allowed, and `sums` with the sums of blocks.
    /// Returns the sum of all. The temperature is greater than 0.
    pub(super) fn weigh(self, peak: Peak, temperature: f32, scratch: &mut Scratch) -> f64 {
        scratch.weights.resize(self.logits.len(), 0.0);
        scratch.sums.clear();
        for ((block, allowed), weights) in self.blocks().zip(scratch.weights.chunks_mut(BLOCK)) {
            weigh_block(block, allowed, |logit| (logit - peak.logit) / temperature, weights);
            scratch.sums.push(sum(weights));
        }
        scratch.sums.iter().sum()
    }

    /// Fills `weights` as [`Row::weigh`] does, but only for the tokens in `keys`; the others' stay whatever they were.
    pub(super) fn weigh_ranked(self, peak: Peak, temperature: f32, scratch: &mut Scratch) {
        scratch.weights.resize(self.logits.len(), 0.0);
        for token in scratch.keys.iter().map(|&key| rank::token(key) as usize) {
            scratch.weights[token] = exp_nonpositive((self.logits[token] - peak.logit) / temperature);
        }
    }

    /// After [`Row::weigh`], fills `keys` with the tokens whose weight is at least `floor` and not 0.
    pub(super) fn rank_weighed(self, floor: f32, scratch: &mut Scratch) {
        let Scratch { weights, keys, .. } = scratch;
        keys.clear();
        let heavy = (0..).zip(weights.iter()).filter(|(_, weight)| **weight >= floor && **weight > 0.0);
        keys.extend(heavy.map(|(token, _)| rank::key(self.logits[token as usize], token)));
    }

    /// Fills `keys` with all allowed tokens.
    pub(super) fn rank_all(self, scratch: &mut Scratch) {
        scratch.keys.clear();
        match self.mask {
            Some(_) => {
                scratch.keys.extend(self.tokens().map(|token| rank::key(self.logits[token as usize], token)))
            }
            None => {
                scratch.keys.extend((0..).zip(self.logits).map(|(token, &logit)| rank::key(logit, token)))
            }
        }
    }
}

/// Whether a number can be a logit. Negative infinity can: it is what a model gives to a token it never produces.
#[inline(always)]
fn is_logit(value: f32) -> bool {
    value < f32::INFINITY
}

/// The greatest allowed logit of a block, and whether all allowed ones are logits.
fn block_max(block: &[f32], allowed: u64) -> (f32, bool) {
    let mut maxima = [f32::NEG_INFINITY; LANES];
    let mut sound = [true; LANES];
    if allowed == u64::MAX {
        for lanes in block.chunks_exact(LANES) {
            for (lane, &logit) in lanes.iter().enumerate() {
                sound[lane] &= is_logit(logit);
                maxima[lane] = if logit > maxima[lane] { logit } else { maxima[lane] };
            }
        }
    } else {
        for bit in ones_of(allowed) {
            sound[0] &= is_logit(block[bit]);
            maxima[0] = if block[bit] > maxima[0] { block[bit] } else { maxima[0] };
        }
    }
    let max = maxima.into_iter().fold(f32::NEG_INFINITY, |max, lane| if lane > max { lane } else { max });
    (max, sound.into_iter().all(|lane| lane))
}

#[inline(always)]
fn weigh_block(block: &[f32], allowed: u64, scale: impl Fn(f32) -> f32, weights: &mut [f32]) {
    if allowed == 0 {
        weights.fill(0.0);
        return;
    }
    for (weight, &logit) in weights.iter_mut().zip(block) {
        *weight = exp_nonpositive(scale(logit));
    }
    if allowed != u64::MAX {
        for (bit, weight) in weights.iter_mut().enumerate() {
            *weight = if allowed >> bit & 1 == 1 { *weight } else { 0.0 };
        }
    }
}

/// The sum of a block's weights, in double precision and in lanes.
pub(super) fn sum(weights: &[f32]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let chunks = weights.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &weight) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(weight);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&weight| f64::from(weight)).sum::<f64>()
}
