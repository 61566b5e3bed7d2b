//! What `bakery model … --json` prints.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

/// What `bakery model … --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "model")]
pub enum ModelDocument {
    /// `bakery model list`.
    Models {
        /// Models that are part of bakery.
        embedded: Vec<EmbeddedModel>,
        /// Names, in alphabetical order.
        names: Vec<NamedModel>,
        /// Repositories of which something was fetched, in alphabetical order.
        fetched: Vec<FetchedModel>,
    },
    /// `bakery model pull`.
    ModelPulled {
        /// What was asked for.
        source: String,
        /// Where the model is, absolute.
        path: PathBuf,
        /// The name that it was given.
        name: Option<String>,
    },
    /// `bakery model show`.
    Model(Box<ShownModel>),
    /// `bakery model remove`.
    ModelRemoved {
        /// The name or the repository.
        source: String,
        /// Bytes that this freed; none for a name, which frees nothing.
        bytes: Option<u64>,
    },
    /// `bakery model random`.
    ModelMade {
        /// The folder or file, absolute.
        path: PathBuf,
        /// Its architecture.
        architecture: String,
        /// How many weights it has.
        parameters: u64,
        /// Digest of what decides its outputs.
        digest: String,
    },
}

/// A model that is part of bakery.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EmbeddedModel {
    /// Its name.
    pub name: String,
    /// Bytes that it takes in the executable.
    pub bytes: u64,
}

/// A name for a model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NamedModel {
    /// The name.
    pub name: String,
    /// What it stands for: a path, or `hf:…`.
    pub source: String,
}

/// A repository of which something was fetched.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FetchedModel {
    /// `hf:owner/repo`.
    pub source: String,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// A model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownModel {
    /// The name that inferlets load it by.
    pub name: String,
    /// The folder or file, absolute; none for a model that is part of bakery.
    pub path: Option<PathBuf>,
    /// Its family.
    pub architecture: String,
    /// How many weights it has.
    pub parameters: u64,
    /// Bytes of the weights, which is what they take of memory.
    pub bytes: u64,
    /// Types of the weights' numbers, the most bytes first.
    pub numbers: Vec<ShownNumbers>,
    /// Number of layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Query heads in a layer.
    pub heads: usize,
    /// Key and value heads in a layer.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the MLP, or of an expert.
    pub intermediate_size: usize,
    /// Experts in a layer.
    pub experts: Option<usize>,
    /// Experts that compute a token.
    pub experts_per_token: Option<usize>,
    /// The longest context, in tokens.
    pub max_positions: usize,
    /// Layers in which a token sees a window only.
    pub windowed_layers: usize,
    /// How rotary frequencies are scaled.
    pub rope: String,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// One more than the largest id that the tokenizer makes.
    pub tokens: u32,
    /// Whether its chat format marks reasoning.
    pub reasoning: bool,
    /// Whether its chat format has tools.
    pub tools: bool,
    /// Digest of what decides its outputs.
    pub digest: String,
}

/// Tensors of one type.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownNumbers {
    /// The type, as GGUF calls it.
    pub kind: String,
    /// How many tensors.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Bytes for a person.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}
