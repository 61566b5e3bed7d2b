//! What events are made of: causes, operations and answers.

use super::{Bytes, Text};
use crate::ids::ContextId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the content of a new context came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// It is empty.
    New,
    /// Another context of the instance was forked.
    Fork {
        /// The original.
        from: ContextId,
    },
    /// A snapshot was opened and stays.
    Open {
        /// The snapshot's name.
        name: String,
    },
    /// A snapshot was taken and is gone.
    Take {
        /// The snapshot's name.
        name: String,
    },
}

/// What a grammar is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrammarKind {
    /// JSON Schema.
    JsonSchema,
    /// A regular expression.
    Regex,
    /// Lark's EBNF.
    Lark,
    /// EBNF with `::=`.
    Ebnf,
}

/// What was done with an adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum AdapterOperation {
    /// `adapter.create`.
    Create,
    /// `adapter.open` found it.
    Open,
    /// `adapter.fork`.
    Fork {
        /// The name of the copy.
        to: String,
    },
    /// `adapter.destroy`.
    Destroy,
    /// `adapter.load`.
    Load {
        /// The file.
        path: Text,
    },
    /// `adapter.save`.
    Save {
        /// The file.
        path: Text,
    },
    /// `zo.initialize`.
    Initialize {
        /// The rank of its matrices.
        rank: u32,
        /// The scale of their product, times the rank.
        alpha: f32,
        /// Candidates a round.
        population: u32,
        /// The standard deviation of the noise.
        sigma: f32,
    },
    /// `zo.update`.
    Update {
        /// The highest score of the round.
        best: f32,
        /// The mean of the scores.
        mean: f32,
        /// The standard deviation of the noise from now on.
        sigma: f32,
    },
}

/// An adapter in a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedAdapter {
    /// Its name.
    pub name: String,
    /// The seed of the noise that was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Stands for the weights as they were applied; absent where they change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What was done to the pages of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageOperation {
    /// `reserve-working-pages`.
    Reserve,
    /// `commit-working-pages`.
    Commit,
    /// `release-working-pages`.
    Release,
    /// `truncate-working-page-tokens`.
    Truncate,
}

/// Why a context was suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SuspendCause {
    /// Its owner called `context.suspend`.
    Asked,
    /// Pages are short, and others bid more or were in their turn.
    Short,
    /// The model failed to compute it again.
    Failed,
}

/// One `sampler` call of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SamplerCall {
    /// Indices into the pass's input tokens.
    pub indices: Vec<u32>,
    /// The sampler or probe and its arguments, for example `top-p 0.6 0.95`.
    pub sampler: String,
}

/// One answer of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// The token a sampler chose.
    Token(u32),
    /// A top-k distribution: its entries by falling probability, at most eight are kept.
    Distribution {
        /// How many entries the caller got.
        count: u32,
        /// The first token ids.
        ids: Vec<u32>,
        /// Their probabilities.
        probabilities: Vec<f32>,
    },
    /// Raw logits.
    Logits(Bytes),
    /// Log-probabilities in the order of the question.
    Logprobs(Vec<f32>),
    /// Shannon entropy in nats.
    Entropy(f32),
    /// An embedding.
    Embedding(Bytes),
}
