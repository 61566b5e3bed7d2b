//! The one seam between the engine and a model. A model is stateless over its weights; what a context has seen is in the pages of
//! a [`KvStore`], which the engine names by number and the model fills.

mod bytes;
pub mod candle;
pub mod conformance;
pub mod dummy;
mod overlay;
pub mod source;
pub mod tape;

pub use bytes::Bytes;
pub use overlay::{LowRank, Overlay, Target};

use crate::brle::Brle;
use crate::ids::{PageId, SwapId};
use serde::{Deserialize, Serialize};
use std::any::Any;

/// What is known about a model before it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The name that inferlets load it by.
    pub name: String,
    /// Digest of everything that decides its outputs.
    pub digest: String,
    /// Number of token ids; a row of logits has this length.
    pub vocab_size: u32,
    /// The longest context, in tokens: positions run from 0 to this less one.
    pub max_positions: u32,
    /// Length of an embedding, or none where the model has none to give.
    pub embedding_size: Option<u32>,
    /// The matrices that adapters may change; none if it takes no adapters.
    pub adapter_targets: Vec<Target>,
    /// Level of the kernels that compute it, `scalar` for the dummy.
    pub kernel: String,
}

/// Tensors (or whatever a model keeps per token) in pages. Slot `i` of a context is slot `i % page_size` of its page
/// `i / page_size`.
pub trait KvStore: Any + Send {
    /// Copies the first `slots` slots of one page to another, for a fork in the middle of a page.
    fn copy(&mut self, from: PageId, to: PageId, slots: u32);
    /// Forgets a page that was given back, so that reading it is noticed.
    fn clear(&mut self, page: PageId);
    /// Keeps the first `slots` slots of a page outside of the pages, under a name that was never used.
    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId);
    /// Puts what is kept under this name into a page, from its first slot on, and keeps it no longer.
    fn swap_in(&mut self, from: SwapId, page: PageId);
    /// Keeps what has this name no longer.
    fn swap_drop(&mut self, swap: SwapId);
    /// The concrete store, for the model that made it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Some tokens of one context: the unit of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// The tokens to compute; at least one, each below the vocabulary size.
    pub tokens: &'a [u32],
    /// A position for each token.
    pub positions: &'a [u32],
    /// The pages of the context, in order; the new tokens' slots lie inside.
    pub pages: &'a [PageId],
    /// The slot of the first new token, which is the number of slots already written.
    pub start: u32,
    /// For each token, which slots it sees: the mask covers slots `0..start + i + 1` or all `0..start + n`. Without masks each token
    /// sees all earlier slots and itself.
    pub masks: Option<&'a [Brle]>,
    /// What an adapter changes for these tokens. What their slots keep was made with it; other slots keep what they were made with.
    pub adapter: Option<&'a Overlay>,
    /// Indices into `tokens` whose outputs are wanted, rising, without duplicates.
    pub rows: &'a [u32],
    /// Whether those rows need embeddings besides logits.
    pub embeddings: bool,
}

/// Everything that runs in one step.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    /// The sequences, in the order of their outputs.
    pub sequences: Vec<Sequence<'a>>,
    /// Slots in a page.
    pub page_size: u32,
}

/// What a step computed, reused from step to step.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// One row of `vocab_size` logits per requested row, in the order of sequences and rows.
    pub logits: Vec<f32>,
    /// One embedding per requested row of the sequences that asked for them, in that order.
    pub embeddings: Vec<f32>,
}

/// A model failed to compute a batch. Nobody in the batch gets an answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// A slot was read that nobody had written.
    #[error("slot {slot} of {page} was read before it was written")]
    Unwritten {
        /// The page.
        page: PageId,
        /// The slot in it.
        slot: u32,
    },
    /// Anything else, for example a device that ran out of memory.
    #[error("{0}")]
    Failed(String),
}

/// A language model.
///
/// Outputs must not depend on how work is batched: a row's bits are the same alone and among others, computed at once or in
/// chunks, after a fork or a prefix hit, and with any number of threads.
pub trait Model: Send + Sync {
    /// What is known about it.
    fn info(&self) -> &ModelInfo;
    /// Makes a store for that many pages.
    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore>;
    /// Bytes of memory that a slot of its store takes; 0 if they do not count.
    fn slot_bytes(&self) -> u64 {
        0
    }
    /// Within how many tokens the model has to be shown to the end of a text that a grammar holds, for one that does not come to it by
    /// itself; see [`Model::heed`].
    fn needs_showing(&self) -> Option<u32> {
        None
    }
    /// Moves a row of logits so that one of these tokens is chosen, which lead a text to its end. The row is a copy that only samplers see.
    /// Nothing for models that need no showing.
    fn heed(&self, _row: &mut [f32], _tokens: &[u32]) {}
    /// What is done with the passes of a run besides computing them; nothing for most models. Asked once for each run.
    fn tape(&self) -> Option<Box<dyn tape::Tape>> {
        None
    }
    /// Writes the slots of all new tokens and computes the requested rows into `outputs`, which it clears first.
    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError>;
}
