//! What to read at a position of a pass: a [`Sampler`] chooses a token, a [`Probe`] looks at the distribution.
//!
//! A temperature divides the logits before the softmax. 0 means the arg max, and ties go to the lowest token id.

use crate::pie::core::inference::Sampler as RawSampler;

/// Chooses one token per slot.
///
/// ```
/// use inferlet::Sampler;
/// assert_eq!(Sampler::top_p(0.6, 0.95), Sampler::TopP { temperature: 0.6, p: 0.95 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// The most likely token.
    Argmax,
    /// Among the fewest tokens whose probabilities add up to at least `p`.
    TopP {
        /// Divides the logits.
        temperature: f32,
        /// In 0 to 1.
        p: f32,
    },
    /// Among the `k` most likely tokens.
    TopK {
        /// Divides the logits.
        temperature: f32,
        /// At least 1.
        k: u32,
    },
    /// Among the tokens at least `p` times as likely as the likeliest.
    MinP {
        /// Divides the logits.
        temperature: f32,
        /// In 0 to 1.
        p: f32,
    },
    /// Among the `k` most likely tokens, and of those as [`Sampler::TopP`].
    TopKTopP {
        /// Divides the logits.
        temperature: f32,
        /// At least 1.
        k: u32,
        /// In 0 to 1.
        p: f32,
    },
    /// Among all tokens.
    Multinomial {
        /// Divides the logits.
        temperature: f32,
        /// Draws, or a seed; 0 takes the next number of the instance's own generator.
        draws: u32,
    },
}

impl Sampler {
    /// [`Sampler::TopP`].
    pub const fn top_p(temperature: f32, p: f32) -> Self {
        Sampler::TopP { temperature, p }
    }

    /// [`Sampler::TopK`].
    pub const fn top_k(temperature: f32, k: u32) -> Self {
        Sampler::TopK { temperature, k }
    }

    /// [`Sampler::MinP`].
    pub const fn min_p(temperature: f32, p: f32) -> Self {
        Sampler::MinP { temperature, p }
    }

    /// [`Sampler::TopKTopP`].
    pub const fn top_k_top_p(temperature: f32, k: u32, p: f32) -> Self {
        Sampler::TopKTopP { temperature, k, p }
    }

    /// [`Sampler::Multinomial`].
    pub const fn multinomial(temperature: f32, draws: u32) -> Self {
        Sampler::Multinomial { temperature, draws }
    }

    /// Whether it takes the most likely token, so that the same pass always chooses the same.
    pub(crate) fn is_argmax(self) -> bool {
        matches!(self, Sampler::Argmax) || matches!(self.to_raw(), RawSampler::Multinomial((0.0, _)))
    }

    pub(crate) fn to_raw(self) -> RawSampler {
        match self {
            // The interface has no case of its own for it: temperature 0 means the arg max.
            Sampler::Argmax => RawSampler::Multinomial((0.0, 0)),
            Sampler::TopP { temperature, p } => RawSampler::TopP((temperature, p)),
            Sampler::TopK { temperature, k } => RawSampler::TopK((temperature, k)),
            Sampler::MinP { temperature, p } => RawSampler::MinP((temperature, p)),
            Sampler::TopKTopP { temperature, k, p } => RawSampler::TopKTopP((temperature, k, p)),
            Sampler::Multinomial { temperature, draws } => RawSampler::Multinomial((temperature, draws)),
        }
    }
}

/// Reads the model's distribution at a position without choosing a token. The types of this module implement it.
pub trait Probe: sealed::Sealed {}

pub(crate) mod sealed {
    use super::RawSampler;

    pub trait Sealed {
        fn into_raw(self) -> RawSampler;
    }
}

macro_rules! probe {
    ($probe:ty, $self:ident => $raw:expr) => {
        impl Probe for $probe {}
        impl sealed::Sealed for $probe {
            fn into_raw($self) -> RawSampler {
                $raw
            }
        }
    };
}

/// The logits as the model computed them; read with [`crate::Output::logits`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logits;

/// The `k` most likely tokens with their probabilities, most likely first; read with [`crate::Output::distribution`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// Divides the logits.
    pub temperature: f32,
    /// 0 for the whole vocabulary.
    pub k: u32,
}

/// Natural logarithm of the probability of this token at temperature 1; read with [`crate::Output::logprobs`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logprob(
    /// Token id.
    pub u32,
);

/// The same for several tokens, in their order; read with [`crate::Output::logprobs`].
#[derive(Debug, Clone, PartialEq)]
pub struct Logprobs(
    /// Token ids.
    pub Vec<u32>,
);

/// Shannon entropy of the distribution at temperature 1, in nats; read with [`crate::Output::entropy`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entropy;

/// The last hidden state; read with [`crate::Output::embedding`]. An error where the model has none to give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding;

probe!(Logits, self => RawSampler::RawLogits);
probe!(Distribution, self => RawSampler::Dist((self.temperature, self.k)));
probe!(Logprob, self => RawSampler::Logprob(self.0));
probe!(Logprobs, self => RawSampler::Logprobs(self.0));
probe!(Entropy, self => RawSampler::Entropy);
probe!(Embedding, self => RawSampler::Embedding);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argmax_is_temperature_zero() {
        assert!(matches!(Sampler::Argmax.to_raw(), RawSampler::Multinomial((0.0, 0))));
        assert!(Sampler::multinomial(0.0, 7).is_argmax());
        assert!(!Sampler::multinomial(0.1, 7).is_argmax());
    }
}
