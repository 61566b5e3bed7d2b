//! From logits to tokens: pure functions of a row of logits, a mask, a sampler and 64 random bits.
//!
//! The order of every reduction is fixed and no function of the machine's C library is called, so the same arguments give the same
//! bits on any machine. Nothing is sorted that need not be.
//!
//! A mask applies to the samplers and to the probes that speak of probabilities. [`Probe::RawLogits`] and [`Probe::Embedding`] are
//! what the model computed, whatever the mask.
//!
//! Reading order: this file for what can be asked, `row` for the passes over the vocabulary, `choose` for samplers, `read` for
//! probes.

mod choose;
mod exp;
mod rank;
mod read;
mod row;
mod seed;
#[cfg(test)]
mod tests;

pub use choose::{Choice, sample};
pub use read::{Reading, read};
pub use seed::draw_seed;

use std::fmt;

/// Chooses a token. A temperature divides the logits before anything else happens; at temperature 0 every sampler takes the
/// greatest logit. Among equal logits the lowest id is the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// Draws from the whole distribution.
    Multinomial {
        /// Finite, at least 0.
        temperature: f32,
        /// A number mixed into the seed of the draw, see [`draw_seed`].
        seed: u32,
    },
    /// Draws among the `k` greatest logits.
    TopK {
        /// Finite, at least 0.
        temperature: f32,
        /// How many; 0 is the whole vocabulary.
        k: u32,
    },
    /// Draws among the fewest tokens whose probabilities add up to at least `p`.
    TopP {
        /// Finite, at least 0.
        temperature: f32,
        /// Greater than 0, at most 1.
        p: f32,
    },
    /// Draws among the tokens that are at least `p` times as likely as the likeliest.
    MinP {
        /// Finite, at least 0.
        temperature: f32,
        /// Greater than 0, at most 1.
        p: f32,
    },
    /// Keeps the `k` greatest logits, and draws among the fewest of those whose probabilities, normalized to the kept ones, add up to
    /// at least `p`.
    TopKTopP {
        /// Finite, at least 0.
        temperature: f32,
        /// How many; 0 is the whole vocabulary.
        k: u32,
        /// Greater than 0, at most 1.
        p: f32,
    },
}

/// Reads a distribution without choosing from it.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// The likeliest tokens with their probabilities.
    Distribution {
        /// Finite, at least 0. At 0 the arg max has probability 1.
        temperature: f32,
        /// How many; 0 is all that the mask allows.
        k: u32,
    },
    /// The logits as the model computed them.
    RawLogits,
    /// Natural logarithm of a token's probability at temperature 1, negative infinity where the mask forbids it.
    Logprob(u32),
    /// The same for several tokens, in their order.
    Logprobs(Vec<u32>),
    /// Shannon entropy at temperature 1, in nats.
    Entropy,
    /// The model's embedding of the position.
    Embedding,
}

/// Buffers that grow to the size of the vocabulary once and are used for every row after.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Unnormalized probabilities, one per token, the greatest being 1.
    weights: Vec<f32>,
    /// Sums of 64 weights each.
    sums: Vec<f64>,
    /// Tokens under consideration, as [`rank::key`]s.
    keys: Vec<u64>,
}

/// A token could not be chosen, or a distribution not be read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// A parameter of the sampler or probe is out of its range.
    #[error("`{parameter}` is {value}, expected {range}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What it is.
        value: f32,
        /// What it may be.
        range: &'static str,
    },
    /// A probe asks for a token that does not exist.
    #[error("token {token} is outside the vocabulary, whose ids are below {vocab_size}")]
    UnknownToken {
        /// The token.
        token: u32,
        /// The length of a row of logits.
        vocab_size: u32,
    },
    /// The mask does not cover the vocabulary.
    #[error("the logit mask covers {actual} tokens, expected {expected}")]
    MaskLength {
        /// The length of the row of logits.
        expected: usize,
        /// The length of the mask.
        actual: usize,
    },
    /// There is nothing to choose from.
    #[error("the logit mask allows no token that the model could produce")]
    NothingAllowed,
    /// The model computed something that is no logit.
    #[error("the logit of token {token} is {logit}")]
    BadLogit {
        /// The token.
        token: u32,
        /// NaN or positive infinity.
        logit: f32,
    },
    /// The model gave no embedding for this position.
    #[error("the model has no embedding for this position")]
    NoEmbedding,
}

impl Sampler {
    /// The number that divides the logits.
    pub fn temperature(&self) -> f32 {
        match *self {
            Sampler::Multinomial { temperature, .. }
            | Sampler::TopK { temperature, .. }
            | Sampler::TopP { temperature, .. }
            | Sampler::MinP { temperature, .. }
            | Sampler::TopKTopP { temperature, .. } => temperature,
        }
    }

    /// Whether the sampler takes the arg max and needs no random bits.
    pub fn is_greedy(&self) -> bool {
        self.temperature() == 0.0
    }

    /// The parameter to give to [`draw_seed`]: the sampler's own number, 0 for those that have none.
    pub fn seed(&self) -> u32 {
        match *self {
            Sampler::Multinomial { seed, .. } => seed,
            _ => 0,
        }
    }

    /// Checks every parameter against its range.
    pub fn validate(&self) -> Result<(), SampleError> {
        check_temperature(self.temperature())?;
        match *self {
            Sampler::Multinomial { .. } | Sampler::TopK { .. } => Ok(()),
            Sampler::TopP { p, .. } | Sampler::MinP { p, .. } | Sampler::TopKTopP { p, .. } => check_share(p),
        }
    }
}

impl Probe {
    /// Checks every parameter against its range, tokens against the vocabulary.
    pub fn validate(&self, vocab_size: u32) -> Result<(), SampleError> {
        let known = |token: u32| {
            if token < vocab_size { Ok(()) } else { Err(SampleError::UnknownToken { token, vocab_size }) }
        };
        match self {
            Probe::Distribution { temperature, .. } => check_temperature(*temperature),
            Probe::Logprob(token) => known(*token),
            Probe::Logprobs(tokens) => tokens.iter().try_for_each(|&token| known(token)),
            Probe::RawLogits | Probe::Entropy | Probe::Embedding => Ok(()),
        }
    }
}

fn check_temperature(value: f32) -> Result<(), SampleError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(SampleError::Parameter { parameter: "temperature", value, range: "a finite number of at least 0" })
}

fn check_share(value: f32) -> Result<(), SampleError> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(SampleError::Parameter { parameter: "p", value, range: "a number greater than 0 and at most 1" })
}

/// As in a trace: the name in the interface, then the arguments in its order.
impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sampler::Multinomial { temperature, seed } => write!(f, "multinomial {temperature} {seed}"),
            Sampler::TopK { temperature, k } => write!(f, "top-k {temperature} {k}"),
            Sampler::TopP { temperature, p } => write!(f, "top-p {temperature} {p}"),
            Sampler::MinP { temperature, p } => write!(f, "min-p {temperature} {p}"),
            Sampler::TopKTopP { temperature, k, p } => write!(f, "top-k-top-p {temperature} {k} {p}"),
        }
    }
}

/// As in a trace: the name in the interface, then the arguments in its order.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Distribution { temperature, k } => write!(f, "dist {temperature} {k}"),
            Probe::RawLogits => f.write_str("raw-logits"),
            Probe::Logprob(token) => write!(f, "logprob {token}"),
            Probe::Logprobs(tokens) => {
                f.write_str("logprobs")?;
                tokens.iter().try_for_each(|token| write!(f, " {token}"))
            }
            Probe::Entropy => f.write_str("entropy"),
            Probe::Embedding => f.write_str("embedding"),
        }
    }
}
