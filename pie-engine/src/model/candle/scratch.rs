//! Buffers of a pass.

use super::plan::Plan;
use super::rope::Angles;

/// Buffers of a pass, kept from step to step. Each has a row for each token of the batch, but where it says otherwise.
#[derive(Default)]
pub(super) struct Scratch {
    /// What the pass is.
    pub plan: Plan,
    /// By which angles heads are turned: for each kind of rotation, those of all tokens.
    pub angles: Vec<Angles>,
    /// The ids of all tokens.
    pub tokens: Vec<u32>,
    /// The residual stream.
    pub residual: Vec<f32>,
    /// What goes into a block of a layer.
    pub input: Vec<f32>,
    /// What comes out of it.
    pub output: Vec<f32>,
    /// Queries of all heads.
    pub queries: Vec<f32>,
    /// Keys of all key-value heads.
    pub keys: Vec<f32>,
    /// Values of all key-value heads.
    pub values: Vec<f32>,
    /// What attention gives, in the order in which it is computed.
    pub units: Vec<f32>,
    /// What attention gives, by token and head.
    pub attended: Vec<f32>,
    /// The gate of the feed-forward network, and what is left of it.
    pub gate: Vec<f32>,
    /// What is gated.
    pub up: Vec<f32>,
    /// The rows of one expert's tokens.
    pub expert: ExpertScratch,
}

/// Buffers of a mixture of experts: a row for each token that goes through the expert at hand, but where it says otherwise.
#[derive(Default)]
pub(super) struct ExpertScratch {
    /// How much each expert counts, for each token.
    pub shares: Vec<f32>,
    /// The tokens of the expert, by row, and how much it counts for them.
    pub tokens: Vec<(usize, f32)>,
    /// What goes in.
    pub input: Vec<f32>,
    /// What comes out.
    pub output: Vec<f32>,
}
