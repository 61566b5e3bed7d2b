//! How instances end, at which limits, and what they used.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// `run` returned `ok`: JSON text.
    Ok(Text),
    /// `run` returned an error.
    Error(Text),
    /// It trapped.
    Trap {
        /// What happened, for example `unreachable` or the message of a Rust panic.
        message: String,
        /// Function names of the guest, innermost first, with source lines where the component has them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        backtrace: Vec<String>,
    },
    /// It went over a limit.
    Limit {
        /// Which.
        limit: Limit,
        /// What was used and what is allowed.
        message: String,
    },
    /// It waited for something that cannot come.
    Stuck(String),
    /// The caller ended it.
    Cancelled(String),
}

/// The named limits of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Bytes of linear memory.
    Memory,
    /// Units of fuel: instructions of WebAssembly, roughly, or as much work of the engine in calls.
    Fuel,
    /// Bytes of standard output, standard error, messages and files together.
    Output,
    /// Bytes of recorded events.
    Trace,
    /// Bytes that one call hands over.
    Call,
    /// Bytes of the body of one HTTP request or response.
    Body,
    /// Bytes of messages between inferlets that nobody has taken.
    Messages,
    /// Handles open at once.
    Handles,
    /// Bytes of the WebAssembly stack.
    Stack,
    /// Elements of tables.
    Tables,
    /// Wall-clock time, where the caller sets one.
    Time,
    /// Inferlets alive at once that go back to one launch. Who reaches it gets an error and goes on, as with the next two.
    Children,
    /// Inferlets launched in all that go back to one launch.
    Launches,
    /// Launches of one by another, in a row.
    Depth,
}

impl Limit {
    /// As it is written in a trace and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Memory => "memory",
            Limit::Fuel => "fuel",
            Limit::Output => "output",
            Limit::Trace => "trace",
            Limit::Call => "call",
            Limit::Body => "body",
            Limit::Messages => "messages",
            Limit::Handles => "handles",
            Limit::Stack => "stack",
            Limit::Tables => "tables",
            Limit::Time => "time",
            Limit::Children => "children",
            Limit::Launches => "launches",
            Limit::Depth => "depth",
        }
    }
}

/// What an instance used, as far as it is the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Forward passes.
    pub passes: u64,
    /// Input tokens of all passes.
    pub input_tokens: u64,
    /// Input tokens that were found in the prefix table, which depends on what others computed before.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub reused_tokens: u64,
    /// Tokens that samplers chose; behind a guess that does not hold nothing counts.
    pub sampled_tokens: u64,
    /// Guessed tokens that were verified.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub drafted_tokens: u64,
    /// Those of them that held.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub accepted_tokens: u64,
    /// The most pages its contexts held at once, shared ones counted for each.
    pub peak_pages: u32,
    /// The least margin between first and second logit over all arg max choices: how fragile the run's tokens are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_margin: Option<f32>,
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
