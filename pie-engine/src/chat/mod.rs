//! What a model needs around plain text: turns of a conversation, the marks around its reasoning, the form of its tool calls.
//!
//! A format is data. The dummy's is a TOML file; those of real models are cut out of the chat template they are published with
//! (`derive`), with a table of what is known about families for what no template says (`family`).
//!
//! Invariants: text from outside (messages, names, results, descriptions) never becomes a control token; what a decoder makes
//! of a stream of tokens does not depend on how the stream is cut into batches.
//!
//! Not here: parsing a finished text, which the SDKs do, and compiling the grammars of calls, which are written here.
//!
//! Reading order: this file; `template` for how text becomes tokens; `scan` for how tokens become spans of text, and the three
//! decoders that fold over it.

mod call;
mod call_grammar;
mod chat_decoder;
mod derive;
#[cfg(test)]
mod derive_tests;
mod family;
mod format;
mod jinja;
mod reasoning_decoder;
mod scan;
mod shield;
mod template;
#[cfg(test)]
mod tests;
mod tool;
mod tool_decoder;

pub use chat_decoder::{ChatDecoder, ChatEvent};
pub use format::ChatFormat;
pub use reasoning_decoder::{ReasoningDecoder, ReasoningEvent};
pub use tool_decoder::{ToolDecoder, ToolEvent};

/// A chat format cannot do what was asked.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChatError {
    /// The model was not made for it.
    #[error("model `{model}` does not support {feature}")]
    Unsupported {
        /// What was asked for.
        feature: &'static str,
        /// The model's name.
        model: String,
    },
    /// The chat template that the model is published with cannot be used.
    #[error("the chat template of model `{model}` cannot be used: {reason}")]
    Template {
        /// The model's name.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// The description of a tool is not valid.
    #[error("tool {number} is not valid: {reason}")]
    Tool {
        /// Its place in the list, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}
