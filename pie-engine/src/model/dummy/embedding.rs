//! Embeddings that mean something: texts that share their rarer words are close to each other.

use super::prior::{Prior, Symbol};
use super::vocabulary::FIRST_TEXT;
use crate::splitmix::splitmix64;

/// The length of an embedding.
pub(super) const SIZE: usize = 64;

/// Appends the embedding of a text to a list: a vector of length 1 (up to rounding).
///
/// Each token adds a vector of ones and minus ones, weighted by how rare it is. The sums are whole numbers, so their order does
/// not matter. The state adds a little, so that positions and masks show here too.
pub(super) fn append_embedding(prior: &Prior, tokens: &[Symbol], state: u64, embeddings: &mut Vec<f32>) {
    let mut sums = [0i64; SIZE];
    for &token in tokens.iter().filter(|&&token| token >= FIRST_TEXT) {
        let weight = i64::from(16 - u32::from(prior.count(token)).max(1).ilog2());
        let signs = splitmix64(u64::from(token));
        for (bit, sum) in sums.iter_mut().enumerate() {
            *sum += if signs >> bit & 1 == 1 { weight } else { -weight };
        }
    }
    let mut values = [0f64; SIZE];
    for ((value, sum), dimension) in values.iter_mut().zip(sums).zip(0..) {
        let nudge = (splitmix64(state ^ dimension) >> 40) as f64 / (1u64 << 24) as f64;
        *value = sum as f64 + 2.0 * nudge - 1.0;
    }
    // The nudges are never all zero together with the sums, and a square root is exact to the last bit everywhere.
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    embeddings.extend(values.iter().map(|value| (value / length) as f32));
}
