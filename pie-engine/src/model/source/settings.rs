//! What any reader of settings holds against sense before the decoder computes with it.

use super::SourceError;
use super::config::{Config, Rope, RopeScaling};
use crate::tokenizer::MAX_VOCAB_SIZE;

/// The largest values that are read, by the names of `config.json`. They are several times those of the largest published models and small
/// enough that no product of two of them overflows.
const MOST: [(&str, usize); 9] = [
    ("hidden_size", 1 << 17),
    ("num_hidden_layers", 1 << 10),
    ("num_attention_heads", 1 << 11),
    ("num_key_value_heads", 1 << 11),
    ("head_dim", 1 << 12),
    ("intermediate_size", 1 << 20),
    ("moe_intermediate_size", 1 << 20),
    ("num_experts", 1 << 10),
    ("max_position_embeddings", 1 << 28),
];

/// The largest value of a setting.
pub(super) fn most(key: &str) -> usize {
    if key == "vocab_size" {
        return MAX_VOCAB_SIZE as usize;
    }
    MOST.iter().find(|(name, _)| *name == key).map_or(1 << 28, |(_, most)| *most)
}

impl Config {
    /// Holds all settings against each other. `file` is for messages.
    pub(super) fn check(self, file: &str) -> Result<Config, SourceError> {
        let wrong = |key: &str, reason: String| Err(SourceError::setting(file, key, reason));
        let counts = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_positions),
        ];
        for (key, value) in counts {
            if value == 0 || value > most(key) {
                return wrong(key, format!("is {value}; it has to be from 1 to {}", most(key)));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let (heads, kv_heads) = (self.heads, self.kv_heads);
            return wrong(
                "num_key_value_heads",
                format!("is {kv_heads}, which does not divide {heads} heads"),
            );
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0) {
            return wrong("rms_norm_eps", format!("is {}; it has to be a small number", self.norm_eps));
        }
        if let Some(moe) = &self.moe
            && (moe.per_token == 0 || moe.per_token > moe.experts || moe.experts > most("num_experts"))
        {
            let (some, all) = (moe.per_token, moe.experts);
            return wrong("num_experts_per_tok", format!("is {some}, of {all} experts"));
        }
        let numbers = [
            ("attention scale", self.attention_scale),
            ("logits_scaling", self.logits_scaling),
            ("embedding_multiplier", self.embedding_scale),
            ("residual_multiplier", self.residual_multiplier),
            ("attn_logit_softcapping", self.attention_soft_cap.unwrap_or(1.0)),
            ("final_logit_softcapping", self.final_soft_cap.unwrap_or(1.0)),
        ];
        for (key, value) in numbers {
            if !value.is_finite() || value == 0.0 {
                return wrong(key, format!("is {value}; it has to be a number other than 0"));
            }
        }
        self.rope.check(file, self.head_dim)?;
        Ok(self)
    }
}

impl Rope {
    fn check(&self, file: &str, head_dim: usize) -> Result<(), SourceError> {
        let wrong = |key: &str, reason: String| Err(SourceError::setting(file, key, reason));
        let dim = self.rotary_dim;
        if dim == 0 || dim % 2 == 1 || dim > head_dim {
            return wrong(
                "partial_rotary_factor",
                format!(
                    "makes {dim} of {head_dim} dimensions of a head rotate; it has to be an even number of them"
                ),
            );
        }
        for theta in [Some(self.theta), self.local_theta].into_iter().flatten() {
            if !(theta.is_finite() && theta > 1.0) {
                return wrong("rope_theta", format!("is {theta}; it has to be above 1"));
            }
        }
        let lists: &[(&str, &[f32])] = match &self.scaling {
            RopeScaling::LongRope { short, long, .. } => &[("short_factor", short), ("long_factor", long)],
            RopeScaling::Divided { by } => &[("rope_freqs.weight", by)],
            _ => &[],
        };
        for (key, list) in lists {
            if list.len() != dim / 2 {
                return wrong(key, format!("has {} numbers; it needs {}", list.len(), dim / 2));
            }
            if list.iter().any(|number| !number.is_finite() || *number <= 0.0) {
                return wrong(key, "has a number that is not above 0".to_owned());
            }
        }
        let factors = match self.scaling {
            RopeScaling::None | RopeScaling::Divided { .. } => [1.0; 3],
            RopeScaling::Linear { factor } => [factor, 1.0, 1.0],
            RopeScaling::Dynamic { factor, original } => [factor, original as f64, 1.0],
            RopeScaling::Yarn { factor, original, attention_factor, .. } => {
                [factor, original as f64, attention_factor]
            }
            RopeScaling::Llama3 { factor, original, low_freq_factor, high_freq_factor } => {
                [factor, original as f64, high_freq_factor - low_freq_factor]
            }
            RopeScaling::LongRope { original, attention_factor, .. } => {
                [1.0, original as f64, attention_factor]
            }
        };
        if factors.iter().any(|factor| !(factor.is_finite() && *factor > 0.0)) {
            return wrong("rope_scaling", format!("has a factor that is not above 0: {:?}", self.scaling));
        }
        Ok(())
    }
}
