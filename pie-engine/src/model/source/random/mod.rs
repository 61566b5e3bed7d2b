//! Small checkpoints with random weights, of any architecture and in either format: for tests, and to try things without a download. What such a model says
//! means nothing.
//!
//! A checkpoint is a function of its [`Recipe`], byte for byte. A tensor's numbers follow from the seed and its name in Hugging Face, so the same recipe in another
//! format, or with other layers, has the same numbers as far as the format can hold them.

mod as_folder;
mod as_gguf;
mod tokenizer;

use super::config::{Architecture, Config};
use super::summary::KINDS;
use super::{EMBEDDING, OUTPUT, SourceError, config_json};
use crate::splitmix::splitmix64;
use candle_core::quantized::GgmlDType;
use serde_json::{Value, json};
use std::path::Path;

/// What a checkpoint is made by.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The family.
    pub architecture: Architecture,
    /// In what files, and with what numbers.
    pub format: Format,
    /// Another seed gives other weights.
    pub seed: u64,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// The longest context.
    pub max_positions: usize,
    /// Rows of the embedding; what the tokenizer needs, if that is more.
    pub vocab_size: usize,
    /// Experts, for architectures that have them; two of them compute a token.
    pub experts: usize,
    /// The window, for architectures that have one.
    pub window: u32,
    /// Whether the output matrix is the embedding.
    pub tied: bool,
    /// How rotary frequencies are changed.
    pub rope: RopeKind,
}

/// The files of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A folder as Hugging Face lays it out, with numbers of this type: 32 bits or 16.
    Folder(GgmlDType),
    /// A GGUF file. Matrices whose rows are no whole number of blocks of this type get Q8_0 or 32 bits.
    Gguf(GgmlDType),
}

impl Format {
    /// Types that a folder can have, by name.
    pub const IN_FOLDERS: [&str; 3] = ["f32", "f16", "bf16"];

    /// A folder with numbers of the type of this name.
    pub fn folder(kind: &str) -> Option<Format> {
        Format::IN_FOLDERS.contains(&kind).then(|| named(kind)).flatten().map(Format::Folder)
    }

    /// A GGUF file with numbers of the type of this name.
    pub fn gguf(kind: &str) -> Option<Format> {
        named(kind).map(Format::Gguf)
    }

    /// Types that a GGUF file can have, by name.
    pub fn in_gguf() -> Vec<String> {
        KINDS.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

fn named(kind: &str) -> Option<GgmlDType> {
    KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)).map(|(_, kind)| *kind)
}

/// How rotary frequencies are changed, each with the factors that published models have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RopeKind {
    /// Not at all.
    #[default]
    Plain,
    /// Divided by 4.
    Linear,
    /// By "dynamic NTK" with factor 4.
    Dynamic,
    /// By YaRN with factor 4.
    Yarn,
    /// As in Llama 3.1.
    Llama3,
    /// A divisor for each, as in Phi 3.
    LongRope,
}

impl RopeKind {
    /// All of them.
    pub const ALL: [RopeKind; 6] = [
        RopeKind::Plain,
        RopeKind::Linear,
        RopeKind::Dynamic,
        RopeKind::Yarn,
        RopeKind::Llama3,
        RopeKind::LongRope,
    ];

    /// The name in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            RopeKind::Plain => "default",
            RopeKind::Linear => "linear",
            RopeKind::Dynamic => "dynamic",
            RopeKind::Yarn => "yarn",
            RopeKind::Llama3 => "llama3",
            RopeKind::LongRope => "longrope",
        }
    }
}

impl Recipe {
    /// A small model of an architecture: some 200 thousand weights.
    pub fn new(architecture: Architecture) -> Recipe {
        Recipe {
            architecture,
            format: Format::Folder(GgmlDType::F32),
            seed: 0,
            hidden_size: 64,
            // Every sixth layer of Gemma 3 sees everything.
            layers: if architecture == Architecture::Gemma3 { 6 } else { 2 },
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            intermediate_size: 128,
            max_positions: 2048,
            vocab_size: 0,
            experts: 4,
            window: 16,
            tied: matches!(architecture, Architecture::Gemma2 | Architecture::Gemma3),
            rope: RopeKind::Plain,
        }
    }

    /// Whether there can be such a model.
    pub fn check(&self) -> Result<(), SourceError> {
        config_json::read(&self.settings(&tokenizer::make()), "the recipe").map(|_| ())
    }

    /// Writes the checkpoint: into an empty folder that is there, or to a file.
    pub fn write(&self, path: &Path) -> Result<(), SourceError> {
        let tokenizer = tokenizer::make();
        let settings = self.settings(&tokenizer);
        let config = config_json::read(&settings, "the recipe")?;
        match self.format {
            Format::Folder(kind) => as_folder::write(path, &settings, &config, &tokenizer, kind, self.seed),
            Format::Gguf(kind) => as_gguf::write(path, &config, &tokenizer, kind, self),
        }
    }

    /// The contents of its `config.json`.
    #[cfg(test)]
    pub(super) fn as_settings(&self) -> Value {
        self.settings(&tokenizer::make())
    }

    fn settings(&self, tokenizer: &tokenizer::Made) -> Value {
        let class = match self.architecture {
            Architecture::Llama => "LlamaForCausalLM",
            Architecture::Mistral => "MistralForCausalLM",
            Architecture::Qwen2 => "Qwen2ForCausalLM",
            Architecture::Qwen3 => "Qwen3ForCausalLM",
            Architecture::Qwen3Moe => "Qwen3MoeForCausalLM",
            Architecture::Gemma2 => "Gemma2ForCausalLM",
            Architecture::Gemma3 => "Gemma3ForCausalLM",
            Architecture::Phi3 => "Phi3ForCausalLM",
            Architecture::Olmo2 => "Olmo2ForCausalLM",
            Architecture::Granite => "GraniteForCausalLM",
        };
        let kind = match self.format {
            Format::Folder(GgmlDType::F16) => "float16",
            Format::Folder(GgmlDType::BF16) => "bfloat16",
            _ => "float32",
        };
        let name = self.architecture.name();
        let mut settings = json!({
            "architectures": [class],
            "model_type": if self.architecture == Architecture::Gemma3 { "gemma3_text" } else { name },
            "torch_dtype": kind,
            "vocab_size": self.vocab_size.max(tokenizer.vocab_size()),
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": self.max_positions,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000.0,
            "rope_scaling": self.rope_scaling(),
            "hidden_act": "silu",
            "attention_bias": false,
            "attention_dropout": 0.0,
            "tie_word_embeddings": self.tied,
            "bos_token_id": null,
            "eos_token_id": tokenizer.end,
            "pad_token_id": tokenizer.end,
            "use_cache": true,
        });
        let own = self.own_settings();
        for (key, value) in own.as_object().into_iter().flatten() {
            settings[key] = value.clone();
        }
        settings
    }

    /// The settings that only this architecture has.
    fn own_settings(&self) -> Value {
        match self.architecture {
            Architecture::Llama => json!({"mlp_bias": false}),
            Architecture::Mistral => json!({"sliding_window": self.window}),
            Architecture::Qwen2 | Architecture::Qwen3 => {
                json!({"use_sliding_window": false, "sliding_window": null, "max_window_layers": self.layers})
            }
            Architecture::Qwen3Moe => json!({
                "num_experts": self.experts,
                "num_experts_per_tok": self.experts.min(2),
                "moe_intermediate_size": self.intermediate_size,
                "norm_topk_prob": true,
                "decoder_sparse_step": 1,
                "mlp_only_layers": [],
                "use_sliding_window": false,
                "sliding_window": null,
            }),
            Architecture::Gemma2 => json!({
                "hidden_act": "gelu_pytorch_tanh",
                "hidden_activation": "gelu_pytorch_tanh",
                "query_pre_attn_scalar": self.head_dim,
                "attn_logit_softcapping": 50.0,
                "final_logit_softcapping": 30.0,
                "sliding_window": self.window,
            }),
            Architecture::Gemma3 => json!({
                "hidden_activation": "gelu_pytorch_tanh",
                "query_pre_attn_scalar": self.head_dim,
                "rope_theta": 1_000_000.0,
                "rope_local_base_freq": 10000.0,
                "sliding_window": self.window,
                "sliding_window_pattern": 6,
            }),
            Architecture::Phi3 => json!({
                "sliding_window": null,
                "original_max_position_embeddings": self.original(),
            }),
            Architecture::Olmo2 => json!({}),
            Architecture::Granite => json!({
                "mlp_bias": false,
                "embedding_multiplier": 12.0,
                "attention_multiplier": 1.0 / self.head_dim as f64,
                "residual_multiplier": 0.22,
                "logits_scaling": 8.0,
            }),
        }
    }

    /// The longest context of the training that there was not.
    fn original(&self) -> usize {
        if self.rope == RopeKind::Plain { self.max_positions } else { (self.max_positions / 4).max(2) }
    }

    fn rope_scaling(&self) -> Value {
        let kind = self.rope.name();
        match self.rope {
            RopeKind::Plain => Value::Null,
            RopeKind::Linear | RopeKind::Dynamic => json!({"rope_type": kind, "factor": 4.0}),
            RopeKind::Yarn => json!({
                "rope_type": kind,
                "factor": 4.0,
                "original_max_position_embeddings": self.original(),
            }),
            RopeKind::Llama3 => json!({
                "rope_type": kind,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": self.original(),
            }),
            RopeKind::LongRope => {
                let divisors = |step: f64| -> Vec<f64> {
                    (0..self.head_dim / 2).map(|index| 1.0 + step * index as f64).collect()
                };
                json!({
                    "rope_type": kind,
                    "short_factor": divisors(0.0625),
                    "long_factor": divisors(0.5),
                    "original_max_position_embeddings": self.original(),
                })
            }
        }
    }
}

/// The numbers of a tensor, by its name in Hugging Face.
fn numbers(seed: u64, name: &str, shape: &[usize], config: &Config) -> Vec<f32> {
    let begin = name.bytes().fold(splitmix64(seed), |state, byte| splitmix64(state ^ u64::from(byte)));
    let width = shape.last().copied().unwrap_or(1) as f32;
    let (mean, spread) = match name {
        // So that logits are not all alike.
        EMBEDDING | OUTPUT => (0.0, 3.0 / width.sqrt()),
        name if name.ends_with("norm.weight") => (1.0 - config.norm_offset, 0.1),
        name if name.ends_with(".bias") => (0.0, 0.1),
        _ => (0.0, 1.0 / width.sqrt()),
    };
    let count: usize = shape.iter().product();
    (0..count as u64).map(|index| mean + spread * normal(splitmix64(begin.wrapping_add(index)))).collect()
}

/// A number with mean 0 and variance 1, close enough to a normal distribution for weights: the sum of four uniform ones.
fn normal(bits: u64) -> f32 {
    let sum: u32 = (0..4).map(|part| u32::from((bits >> (16 * part)) as u16)).sum();
    // Four times the mean of a part; the variance of a part is 65,536² / 12.
    let centred = sum as f32 - 2.0 * 65_535.0;
    centred * (3.0_f32.sqrt() / 65_536.0)
}
