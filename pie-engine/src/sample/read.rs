//! Probes.

use super::row::{Peak, Row};
use super::{Probe, SampleError, Scratch, rank};
use crate::bitset::Bitset;

/// What a probe read.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Tokens and their probabilities, likeliest first, equally likely ones by rising id.
    Distribution {
        /// The tokens.
        ids: Vec<u32>,
        /// A probability for each of them. They add up to 1 if the list is complete.
        probabilities: Vec<f32>,
    },
    /// One logit for each token of the vocabulary.
    Logits(Vec<f32>),
    /// Natural logarithms of probabilities, in the order of the question.
    Logprobs(Vec<f32>),
    /// Nats.
    Entropy(f32),
    /// Of the length that the model says.
    Embedding(Vec<f32>),
}

/// Reads what a probe asks for from a row of logits, or from the embedding of the same position.
///
/// Fails on a parameter out of range, a mask of the wrong length, a logit that is NaN or positive infinity, a mask that allows
/// nothing, and an embedding that is not there.
pub fn read(
    logits: &[f32],
    embedding: Option<&[f32]>,
    mask: Option<&Bitset>,
    probe: &Probe,
    scratch: &mut Scratch,
) -> Result<Reading, SampleError> {
    probe.validate(logits.len() as u32)?;
    let row = Row::new(logits, mask)?;
    match probe {
        Probe::Distribution { temperature, k } => distribution(row, *temperature, *k, scratch),
        Probe::RawLogits => Ok(Reading::Logits(logits.to_vec())),
        Probe::Logprob(token) => logprobs(row, &[*token], scratch),
        Probe::Logprobs(tokens) => logprobs(row, tokens, scratch),
        Probe::Entropy => entropy(row, scratch),
        Probe::Embedding => match embedding {
            Some(embedding) => Ok(Reading::Embedding(embedding.to_vec())),
            None => Err(SampleError::NoEmbedding),
        },
    }
}

fn distribution(
    row: Row<'_>,
    temperature: f32,
    k: u32,
    scratch: &mut Scratch,
) -> Result<Reading, SampleError> {
    let peak = row.peak()?;
    row.rank_all(scratch);
    rank::keep_first(&mut scratch.keys, k);
    let ids: Vec<u32> = scratch.keys.iter().map(|&key| rank::token(key)).collect();
    let probabilities = if temperature == 0.0 {
        ids.iter().map(|&token| if token == peak.token { 1.0 } else { 0.0 }).collect()
    } else {
        let total = row.weigh(peak, temperature, scratch);
        ids.iter().map(|&token| (f64::from(scratch.weights[token as usize]) / total) as f32).collect()
    };
    Ok(Reading::Distribution { ids, probabilities })
}

/// `ln p = (logit - peak) - ln sum e^(logit - peak)`.
fn logprobs(row: Row<'_>, tokens: &[u32], scratch: &mut Scratch) -> Result<Reading, SampleError> {
    let peak = row.peak()?;
    let log_total = libm::log(row.weigh(peak, 1.0, scratch));
    let logprob = |token: u32| match row.allows(token) {
        true => (below(row.logits[token as usize], peak) - log_total) as f32,
        false => f32::NEG_INFINITY,
    };
    Ok(Reading::Logprobs(tokens.iter().map(|&token| logprob(token)).collect()))
}

/// `H = -sum p ln p = ln sum w - (sum w ln w) / sum w` for weights `w = e^(logit - peak)`.
fn entropy(row: Row<'_>, scratch: &mut Scratch) -> Result<Reading, SampleError> {
    let peak = row.peak()?;
    let total = row.weigh(peak, 1.0, scratch);
    let weighted = scratch.weights.iter().zip(row.logits).map(|(&weight, &logit)| {
        // Zero times negative infinity would be NaN; in the limit the term is zero.
        if weight == 0.0 { 0.0 } else { f64::from(weight) * below(logit, peak) }
    });
    let nats = libm::log(total) - weighted.sum::<f64>() / total;
    // Rounding can leave a hair below zero.
    Ok(Reading::Entropy(nats.max(0.0) as f32))
}

fn below(logit: f32, peak: Peak) -> f64 {
    f64::from(logit) - f64::from(peak.logit)
}
