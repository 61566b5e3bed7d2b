//! Samplers.
//!
//! Every one of them first says which tokens it keeps, then draws from those in the order of their ids: the token is the first
//! at which the running sum of weights exceeds the drawn share of the total.

use super::row::{BLOCK, Peak, Row, sum};
use super::seed::unit;
use super::{SampleError, Sampler, Scratch, rank};
use crate::bitset::Bitset;

/// What a sampler chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: u32,
    /// For a greedy choice, by how much its logit is greater than that of the next allowed token; none where there was nothing else to
    /// choose, and none for a random choice.
    pub margin: Option<f32>,
}

/// Chooses a token from a row of logits.
///
/// The mask covers the vocabulary; without one, every token is allowed. `draw` is 64 random bits, from [`super::draw_seed`];
/// a greedy sampler does not look at them.
///
/// Fails on a parameter out of range, a mask of the wrong length, a logit that is NaN or positive infinity, and when the mask
/// leaves nothing to choose.
pub fn sample(
    logits: &[f32],
    mask: Option<&Bitset>,
    sampler: &Sampler,
    draw: u64,
    scratch: &mut Scratch,
) -> Result<Choice, SampleError> {
    sampler.validate()?;
    let row = Row::new(logits, mask)?;
    let peak = row.peak()?;
    if sampler.is_greedy() {
        let margin = row.runner_up(peak)?.map(|second| peak.logit - second);
        return Ok(Choice { token: peak.token, margin });
    }
    let mut drawing = Drawing { row, peak, temperature: sampler.temperature(), share: unit(draw), scratch };
    let token = match *sampler {
        Sampler::Multinomial { .. } | Sampler::TopK { k: 0, .. } => drawing.draw_from_all(),
        Sampler::TopK { k, .. } => drawing.draw_from_top(k),
        Sampler::TopP { p, .. } | Sampler::TopKTopP { k: 0, p, .. } => drawing.draw_from_nucleus(p),
        Sampler::MinP { p, .. } => drawing.draw_from_likely(p),
        Sampler::TopKTopP { k, p, .. } => drawing.draw_from_top_nucleus(k, p),
    };
    Ok(Choice { token, margin: None })
}

/// A random choice under way.
struct Drawing<'a> {
    row: Row<'a>,
    peak: Peak,
    temperature: f32,
    /// From 0 to less than 1.
    share: f64,
    scratch: &'a mut Scratch,
}

impl Drawing<'_> {
    fn draw_from_all(&mut self) -> u32 {
        let total = self.row.weigh(self.peak, self.temperature, self.scratch);
        self.draw_weighed(total)
    }

    fn draw_from_top(&mut self, k: u32) -> u32 {
        self.rank_top(k);
        self.draw_ranked()
    }

    fn draw_from_nucleus(&mut self, p: f32) -> u32 {
        let total = self.row.weigh(self.peak, self.temperature, self.scratch);
        if p == 1.0 {
            return self.draw_weighed(total);
        }
        // All tokens lighter than this together weigh less than what top-p may leave out, so none of them is in the nucleus. The
        // factor covers the rounding of the sums.
        let floor = 0.999 * (1.0 - f64::from(p)) * total / self.row.logits.len() as f64;
        self.row.rank_weighed(floor as f32, self.scratch);
        rank::keep_first(&mut self.scratch.keys, 0);
        self.keep_share(f64::from(p) * total);
        self.draw_ranked()
    }

    fn draw_from_likely(&mut self, p: f32) -> u32 {
        self.row.weigh(self.peak, self.temperature, self.scratch);
        let Scratch { weights, sums, .. } = &mut *self.scratch;
        // The peak weighs exactly 1, so a weight is the ratio to the likeliest.
        weights.iter_mut().for_each(|weight| *weight = if *weight >= p { *weight } else { 0.0 });
        sums.clear();
        sums.extend(weights.chunks(BLOCK).map(sum));
        let total = sums.iter().sum();
        self.draw_weighed(total)
    }

    fn draw_from_top_nucleus(&mut self, k: u32, p: f32) -> u32 {
        self.rank_top(k);
        let total: f64 = self.scratch.keys.iter().map(|&key| self.weight(key)).sum();
        self.keep_share(f64::from(p) * total);
        self.draw_ranked()
    }

    /// Fills `keys` with the `k` tokens that rank first, and weighs those.
    fn rank_top(&mut self, k: u32) {
        self.row.rank_all(self.scratch);
        rank::keep_first(&mut self.scratch.keys, k);
        self.row.weigh_ranked(self.peak, self.temperature, self.scratch);
    }

    fn weight(&self, key: u64) -> f64 {
        f64::from(self.scratch.weights[rank::token(key) as usize])
    }

    /// Of the ranked keys, keeps the fewest whose weights reach `target`.
    fn keep_share(&mut self, target: f64) {
        let mut reached = 0.0;
        let short = self.scratch.keys.iter().take_while(|&&key| {
            let enough = reached >= target;
            reached += self.weight(key);
            !enough
        });
        let kept = short.count();
        self.scratch.keys.truncate(kept);
    }

    /// Draws from all tokens by `weights` and `sums`.
    fn draw_weighed(&self, total: f64) -> u32 {
        let target = self.share * total;
        let mut reached = 0.0;
        let mut last = self.peak.token;
        for (block, &block_sum) in self.scratch.sums.iter().enumerate() {
            if reached + block_sum <= target {
                reached += block_sum;
                continue;
            }
            // Within a block the sum may be rounded differently: then the last token with any weight is the one.
            let weights = &self.scratch.weights[block * BLOCK..];
            for (token, &weight) in
                (block * BLOCK..).zip(weights).take(BLOCK).filter(|(_, weight)| **weight > 0.0)
            {
                reached += f64::from(weight);
                last = token as u32;
                if reached > target {
                    break;
                }
            }
            return last;
        }
        last
    }

    /// Draws from the tokens in `keys`.
    fn draw_ranked(&mut self) -> u32 {
        let mut keys = std::mem::take(&mut self.scratch.keys);
        keys.sort_unstable_by_key(|&key| rank::token(key));
        let total: f64 = keys.iter().map(|&key| self.weight(key)).sum();
        let target = self.share * total;
        let mut reached = 0.0;
        let drawn = keys.iter().find(|&&key| {
            reached += self.weight(key);
            reached > target
        });
        // Only a product rounded up to the total finds none.
        let token = drawn.map_or(self.peak.token, |&key| rank::token(key));
        self.scratch.keys = keys;
        token
    }
}
