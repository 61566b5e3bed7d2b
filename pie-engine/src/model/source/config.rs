//! An architecture as data. One decoder computes all of them, and does so by these fields: it never asks which family it is.
//!
//! Names and meanings of the fields are those of Hugging Face's `transformers` where it has one for all families.

/// The families that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Llama 2 and 3.x, SmolLM and SmolLM 2, and what others have built in its shape.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Qwen 3 with experts.
    Qwen3Moe,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3, of which only the text is read.
    Gemma3,
    /// Phi 3, Phi 3.5 and Phi 4.
    Phi3,
    /// OLMo 2.
    Olmo2,
    /// Granite 3 without experts.
    Granite,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Architecture; 10] = [
        Architecture::Llama,
        Architecture::Mistral,
        Architecture::Qwen2,
        Architecture::Qwen3,
        Architecture::Qwen3Moe,
        Architecture::Gemma2,
        Architecture::Gemma3,
        Architecture::Phi3,
        Architecture::Olmo2,
        Architecture::Granite,
    ];

    /// The name, which is also the `model_type` of a `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Llama => "llama",
            Architecture::Mistral => "mistral",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
            Architecture::Qwen3Moe => "qwen3_moe",
            Architecture::Gemma2 => "gemma2",
            Architecture::Gemma3 => "gemma3",
            Architecture::Phi3 => "phi3",
            Architecture::Olmo2 => "olmo2",
            Architecture::Granite => "granite",
        }
    }

    /// The architecture of this name.
    pub fn named(name: &str) -> Option<Architecture> {
        Architecture::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// All names, for messages.
    pub fn list() -> String {
        Architecture::ALL.map(|architecture| format!("`{}`", architecture.name())).join(", ")
    }
}

/// Everything about a model but its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The family, for messages only.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads in a layer.
    pub heads: usize,
    /// Key and value heads in a layer; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; `heads * head_dim` need not be `hidden_size`.
    pub head_dim: usize,
    /// Width of the gated MLP.
    pub intermediate_size: usize,
    /// Rows of the embedding. The tokenizer may use fewer.
    pub vocab_size: usize,
    /// The longest context.
    pub max_positions: usize,
    /// The epsilon of all RMS norms.
    pub norm_eps: f64,
    /// What is added to a norm's weights before they multiply: 1 for Gemma in safetensors, else 0.
    pub norm_offset: f32,
    /// Where a layer normalizes.
    pub norms: Norms,
    /// What is normalized of queries and keys before they are rotated.
    pub qk_norm: QkNorm,
    /// Rotary positions.
    pub rope: Rope,
    /// For each layer how many slots a token sees, itself included: `k` at distance less than the window. None is all.
    pub sliding_window: Vec<Option<u32>>,
    /// Scores are `scale * q·k`.
    pub attention_scale: f32,
    /// Scores go through `cap * tanh(score / cap)`.
    pub attention_soft_cap: Option<f32>,
    /// Logits go through the same.
    pub final_soft_cap: Option<f32>,
    /// Logits are divided by this before the cap.
    pub logits_scaling: f32,
    /// Embeddings are multiplied by this. Embeddings as outputs are not.
    pub embedding_scale: f32,
    /// What attention and MLP add to the stream is multiplied by this.
    pub residual_multiplier: f32,
    /// The output matrix is the embedding.
    pub tied_embeddings: bool,
    /// `q_proj`, `k_proj` and `v_proj` have biases.
    pub qkv_bias: bool,
    /// `o_proj` has a bias.
    pub output_bias: bool,
    /// The three matrices of the MLP have biases.
    pub mlp_bias: bool,
    /// Queries, keys and values are the rows of one matrix, `qkv_proj`.
    pub fused_qkv: bool,
    /// Gate and up are the rows of one matrix, `gate_up_proj`.
    pub fused_gate_up: bool,
    /// What the gate goes through.
    pub activation: Activation,
    /// Experts instead of one MLP.
    pub moe: Option<Moe>,
    /// The token that texts begin with.
    pub bos: Option<u32>,
    /// The tokens that end a text, in ascending order.
    pub eos: Vec<u32>,
}

/// Where a layer normalizes. Names of the weights are those of Hugging Face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// What goes into attention (`input_layernorm`) and into the MLP (`post_attention_layernorm`).
    Before,
    /// What goes in and what comes out: `input_layernorm`, `post_attention_layernorm`, `pre_feedforward_layernorm`,
    /// `post_feedforward_layernorm`.
    Around,
    /// What comes out: `post_attention_layernorm`, `post_feedforward_layernorm`.
    After,
}

/// What is normalized of queries and keys, with weights `q_norm` and `k_norm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// Nothing.
    None,
    /// Each head by itself; the weights are as wide as a head.
    Head,
    /// All heads of a token together.
    All,
}

/// What the gate of an MLP goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by its approximation with `tanh`.
    GeluTanh,
}

/// Experts. Layer `i` has them if [`Moe::in_layer`] says so; other layers have an MLP of `intermediate_size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moe {
    /// How many there are.
    pub experts: usize,
    /// How many compute a token.
    pub per_token: usize,
    /// The width of one.
    pub intermediate_size: usize,
    /// Whether the weights of those that compute a token are made to sum to 1.
    pub norm_topk: bool,
    /// Which layers have them.
    pub layers: Vec<bool>,
}

impl Moe {
    /// Whether this layer has experts.
    pub fn in_layer(&self, layer: usize) -> bool {
        self.layers.get(layer).copied().unwrap_or(false)
    }
}

/// Rotary positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the wavelengths.
    pub theta: f64,
    /// The base in layers with a sliding window, whose wavelengths are not scaled; none if all layers have the same.
    pub local_theta: Option<f64>,
    /// How wavelengths are changed for contexts longer than those of the training.
    pub scaling: RopeScaling,
    /// How many of the dimensions of a head are rotated, the first ones; even.
    pub rotary_dim: usize,
    /// Whether dimension `2i` is rotated with `2i + 1` instead of `i` with `i + rotary_dim / 2`. llama.cpp's converter orders the rows of
    /// `q_proj` and `k_proj` so for Llama and its kin; within a head, row `2i` is what is row `i` elsewhere, and row `2i + 1` is row
    /// `i + rotary_dim / 2`.
    pub interleaved: bool,
}

/// How wavelengths are changed. `rotary_dim / 2` frequencies `theta^(-2i / rotary_dim)` are divided, or cosine and sine multiplied.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All frequencies divided by a number.
    Linear {
        /// The number.
        factor: f64,
    },
    /// The base grows with the context, beyond `original` positions ("dynamic NTK").
    Dynamic {
        /// How much longer contexts are to be.
        factor: f64,
        /// `max_position_embeddings`.
        original: usize,
    },
    /// Low frequencies divided, high ones kept, a ramp between (YaRN).
    Yarn {
        /// How much longer contexts are to be.
        factor: f64,
        /// The longest context of the training.
        original: usize,
        /// Turns within the training context above which a frequency is kept.
        beta_fast: f64,
        /// Turns below which it is divided.
        beta_slow: f64,
        /// What cosine and sine are multiplied by.
        attention_factor: f64,
        /// Whether the ends of the ramp are whole numbers.
        truncate: bool,
    },
    /// Low frequencies divided, high ones kept, a ramp between (Llama 3.1).
    Llama3 {
        /// How much longer contexts are to be.
        factor: f64,
        /// Turns within the training context below which a frequency is divided.
        low_freq_factor: f64,
        /// Turns above which it is kept.
        high_freq_factor: f64,
        /// The longest context of the training.
        original: usize,
    },
    /// Each frequency divided by a number of its own, which are others in long contexts.
    LongRope {
        /// Divisors while the context is at most `original` long.
        short: Vec<f32>,
        /// Divisors beyond.
        long: Vec<f32>,
        /// The longest context of the training.
        original: usize,
        /// What cosine and sine are multiplied by.
        attention_factor: f64,
    },
    /// Each frequency divided by a number of its own (`rope_freqs` in GGUF, where llama.cpp's converter puts Llama 3.1's).
    Divided {
        /// The divisors.
        by: Vec<f32>,
    },
}
