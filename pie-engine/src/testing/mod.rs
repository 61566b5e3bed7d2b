//! Tests of inferlets, from Rust: an inferlet is run beside the dummy in a few lines, and what came of it is text that can be kept as a snapshot.
//!
//! `bakery test` makes its snapshots with what is here. A crate that wants the same in its own `cargo test` keeps them with the library insta
//! (<https://insta.rs>), in files of the same format and content:
//!
//! ```no_run
//! use pie_engine::testing::Subject;
//!
//! let hello = Subject::read("hello.wasm")?;
//! let run = hello.case(serde_json::json!({ "name": "Ada" })).seed(7).redact("$.id")?.run();
//! assert_eq!(run.value(), Some("Hello, Ada!".into()));
//! // insta::with_settings!({ info => &run.conditions(), omit_expression => true }, {
//! //     insta::assert_snapshot!(run.output());
//! //     insta::assert_snapshot!(run.events());
//! //     insta::assert_snapshot!(run.numbers());
//! // });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order: [`Subject`] is what is tested, [`Case`] one way of running it, [`Run`] what came of that. [`layers`] makes text of a run, [`Kept`] keeps
//! it, and [`Conditions`] are what two runs have to have in common to be compared. Nothing here compares anything, or writes a file.
//!
//! Invariants: a layer is a function of the events of a run and of its redactions; ids in it are in order of first appearance.

mod case;
mod conditions;
mod kept;
pub mod layers;
mod vocabulary;

use schemars::JsonSchema;
use serde::Serialize;

pub use case::{Case, Run, Subject, SubjectError};
pub use conditions::Conditions;
pub use kept::{Kept, Observed};
pub use layers::layer;
pub use serde_json_path::ParseError;
pub use vocabulary::Vocabulary;

/// A layer of a run that can be kept as a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// What the caller got: answer, messages, files, text.
    Output,
    /// What the inferlet did: its calls in order, with tokens.
    Events,
    /// Log-probabilities, margins and the like, compared with a tolerance.
    Numbers,
}

impl Layer {
    /// All, in the order in which they are compared.
    pub const ALL: [Layer; 3] = [Layer::Output, Layer::Events, Layer::Numbers];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Output => "output",
            Layer::Events => "events",
            Layer::Numbers => "numbers",
        }
    }
}

/// What is left out of snapshots, or put into other words.
#[derive(Clone, Debug, PartialEq)]
pub struct Redaction {
    /// The kind of event it is about; the answer and what was sent if absent.
    pub event: Option<String>,
    /// What of it; all of it if absent.
    pub path: Option<serde_json_path::JsonPath>,
    /// What stands there instead.
    pub with: String,
}

/// What stands in a snapshot in place of what is redacted, unless something else is said.
pub const REDACTED: &str = "[redacted]";

/// The kinds of events, as traces call them.
pub const KINDS: [&str; 36] = [
    "launched",
    "detached",
    "stdout",
    "stderr",
    "message",
    "file",
    "received",
    "received-file",
    "pushed",
    "pulled",
    "broadcast",
    "subscribed",
    "heard",
    "asked",
    "answered",
    "denied",
    "requested",
    "responded",
    "adapter",
    "matcher-created",
    "forced",
    "model-loaded",
    "context-created",
    "context-saved",
    "snapshot-deleted",
    "context-destroyed",
    "pages",
    "bid",
    "suspended",
    "restored",
    "granted",
    "pass",
    "pass-done",
    "pass-failed",
    "finished",
    "finding",
];
