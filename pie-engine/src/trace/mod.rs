//! What happened in a run, as data. One owned event type serves the live run, the file on disk, replay and snapshots.

pub mod brief;
mod event;
pub mod json;
pub mod jsonl;
mod outcome;
mod part;
mod payload;
mod recorder;
mod size;

pub use event::Event;
pub use outcome::{Limit, Outcome, Usage};
pub use part::{
    AdapterOperation, AppliedAdapter, GrammarKind, Origin, PageOperation, SamplerCall, Slot, SuspendCause,
};
pub use payload::{Bytes, Elided, Text, Tokens, Whole, sha256_hex};
pub use recorder::{Collected, Discard, Recorder, Sink, Trace};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format number of trace files; a reader refuses a larger one.
pub const FORMAT: u32 = 1;

/// What a trace depends on besides the component and its input. Traces under different headers cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// The model's name.
    pub model: String,
    /// Digest of the model: its weights, or the dummy's rules and script.
    pub model_digest: String,
    /// Digest of the tokenizer.
    pub tokenizer_digest: String,
    /// Digest of the WIT package.
    pub wit_digest: String,
    /// The level of the kernels that computed the model, `scalar` for the dummy.
    pub kernel: String,
    /// The seed of the run.
    pub seed: u64,
    /// The version of the engine.
    pub engine: String,
    /// What it is a fork of, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
    /// Further models that inferlets could load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherModel>,
}

/// A model beside the first, as in [`Header`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OtherModel {
    /// Its name.
    pub model: String,
    /// Digest of the model.
    pub model_digest: String,
    /// Digest of its tokenizer.
    pub tokenizer_digest: String,
    /// The level of the kernels that computed it.
    pub kernel: String,
}

/// Where a run left another one that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fork {
    /// SHA-256 of the trace of the other one.
    pub parent: String,
    /// The number of the event that is not the recorded one.
    pub at: u64,
    /// What was set there, as `NAME=VALUE`.
    pub set: Vec<String>,
}

/// One event, with what is outside of it: its number and its virtual time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Counts from 0 within the trace.
    pub seq: u64,
    /// Virtual time since the start of the run, in nanoseconds.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
