//! `[[test]]`, in `Pie.toml` and in the files under `tests/`: how an inferlet is run, and what is expected of the run.
//!
//! What is read is checked as strictly as the rest of a manifest, and multiplied by its `matrix`: a [`Case`] is one run. Nothing here runs anything;
//! `snapshot` compares, and `commands/test` runs. `read.rs` has a function for each table, `expect.rs` what is expected, `world.rs` who answers,
//! `schema.rs` the schema for editors.

mod expect;
mod matrix;
mod of_project;
pub(super) mod read;
mod schema;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;

use pie_engine::Limits;
use serde_json::{Map, Value};

pub use pie_engine::testing::{Layer, Redaction};

pub use expect::{Between, Ending, Expect, Finder, Schema};
pub use of_project::of_project;
pub use schema::{WrittenTest, schema};
pub use world::{HttpReply, HttpSaid, McpReplies, McpReply, McpSaid, Request, Server};

/// One run of an inferlet, and what is expected of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Unique in the project. One of several that a matrix made has its values in brackets: `greets[name=Ada,seed=2]`.
    pub name: String,
    /// Where it is written.
    pub origin: Origin,
    /// Words to choose cases by.
    pub tags: Vec<String>,
    /// The parameters of the run, defaults filled in.
    pub parameters: Map<String, Value>,
    /// The model it runs beside.
    pub model: String,
    /// A file of scripted replies for the dummy, relative to the manifest.
    pub script: Option<String>,
    /// The environment variables that it sees; those of the machine it does not.
    pub environment: BTreeMap<String, String>,
    /// The seed of the run.
    pub seed: u64,
    /// Pages of the KV cache, where not the usual number is meant.
    pub pages: Option<u32>,
    /// What the inferlet is sent, in order.
    pub send: Vec<Sending>,
    /// The MCP servers there are.
    pub mcp: BTreeMap<String, Server>,
    /// Who answers HTTP requests. What is not here is refused.
    pub http: Vec<HttpReply>,
    /// The HTTP request that it is to respond to.
    pub request: Option<Request>,
    /// A recording that answers instead of the world and the model, relative to the manifest.
    pub replay: Option<String>,
    /// Limits that are not the usual ones.
    pub limits: CaseLimits,
    /// What is expected in so many words.
    pub expect: Expect,
    /// What is compared with what was accepted before.
    pub layers: Vec<Layer>,
    /// What is not compared.
    pub redactions: Vec<Redaction>,
    /// How far a number may be from the accepted one, absolutely or in proportion.
    pub tolerance: f64,
}

/// How far numbers may be from the accepted ones unless a case says otherwise.
pub const TOLERANCE: f64 = 1e-4;

/// Where a case is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, relative to the project, with `/`.
    pub file: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// The bytes of its name in the file.
    pub span: Range<usize>,
}

/// Something that the inferlet is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// What.
    pub what: Sent,
    /// When.
    pub when: When,
}

/// What an inferlet can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A message.
    Message(String),
    /// A file, relative to the manifest.
    File(String),
}

/// When something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it begins.
    Start,
    /// Once the inferlet waits for it and nothing else can happen.
    Awaited,
    /// Once the inferlet has sent so many messages.
    After(u64),
}

/// Limits of a case; those that are absent are the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseLimits {
    /// Bytes of linear memory.
    pub memory: Option<u64>,
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// Bytes of output.
    pub output: Option<u64>,
    /// Bytes of recorded events.
    pub trace: Option<u64>,
    /// Bytes under `/scratch`.
    pub scratch: Option<u64>,
    /// Inferlets alive at once below it.
    pub children: Option<u32>,
    /// Inferlets launched below it in all.
    pub launches: Option<u32>,
}

impl CaseLimits {
    /// The limits with those of the case in their place.
    #[must_use]
    pub fn over(&self, limits: &Limits) -> Limits {
        Limits {
            memory_bytes: self.memory.unwrap_or(limits.memory_bytes),
            fuel: self.fuel.unwrap_or(limits.fuel),
            output_bytes: self.output.unwrap_or(limits.output_bytes),
            trace_bytes: self.trace.unwrap_or(limits.trace_bytes),
            scratch_bytes: self.scratch.unwrap_or(limits.scratch_bytes),
            children: self.children.unwrap_or(limits.children),
            launches: self.launches.unwrap_or(limits.launches),
            ..limits.clone()
        }
    }
}

impl Case {
    /// Whether anything is expected of it.
    pub fn expects_something(&self) -> bool {
        !self.expect.is_empty() || !self.layers.is_empty()
    }

    /// What its snapshots' files are called, without layer and ending: a name without brackets, which shells would take for a pattern.
    pub fn file_stem(&self) -> String {
        self.name.replace('[', "@").replace(']', "")
    }
}
