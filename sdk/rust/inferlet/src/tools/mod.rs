//! Tools that the model may call: telling it about them, and reading its calls.
//!
//! A tool is described to the model by a JSON object with `name`, `description` and `parameters` (a JSON Schema). The
//! [`crate::tool`] attribute makes that description, and the way back from JSON arguments to a call, from a Rust function.

mod registry;

#[doc(hidden)]
pub use registry::{describe, parse_arguments, to_json};

pub use registry::{Tool, ToolFuture, Tools};

use crate::Result;
use crate::inference::{Grammar, Matcher};
use crate::model::Model;
use crate::pie::instruct::tool_use as raw;
use schemars::generate::SchemaSettings;

/// What a batch of generated tokens amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call may be coming: nothing complete so far.
    Start,
    /// A complete call: the tool's name, and its arguments as JSON.
    Call(String, String),
}

/// Finds tool calls in generated tokens. Stays [`Event::Start`] for a model without a tool format.
#[derive(Debug)]
pub struct Decoder(raw::Decoder);

impl Decoder {
    /// At the start of a turn.
    pub fn new(model: &Model) -> Decoder {
        Decoder(raw::create_decoder(model))
    }

    /// Takes the next tokens, in order and each once.
    ///
    /// # Errors
    ///
    /// On a token outside the vocabulary.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<Event> {
        Ok(match self.0.feed(tokens)? {
            raw::Event::Start => Event::Start,
            raw::Event::Call((name, arguments)) => Event::Call(name, arguments),
        })
    }

    /// Back to the start of a turn.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// Tokens that tell the model about tools, each described as JSON.
///
/// # Errors
///
/// On invalid JSON, a description without a name, or a model that has no tool format.
pub fn equip_prefix<S: AsRef<str>>(model: &Model, tools: &[S]) -> Result<Vec<u32>> {
    raw::equip(model, &owned(tools))
}

/// Tokens that give the model the result of a call, as JSON.
pub fn answer_prefix(model: &Model, name: &str, result_json: &str) -> Vec<u32> {
    raw::answer(model, name, result_json)
}

/// The first complete call in a finished text: name, and arguments as JSON.
pub fn parse_call(model: &Model, text: &str) -> Option<(String, String)> {
    let tokens = model.tokenizer().encode(text);
    // One token at a time: an event reports one call, and the first is wanted.
    let mut decoder = Decoder::new(model);
    tokens.iter().find_map(|token| match decoder.feed(&[*token]) {
        Ok(Event::Call(name, arguments)) => Some((name, arguments)),
        Ok(Event::Start) | Err(_) => None,
    })
}

/// The grammar of calls to these tools in the model's own format; `None` if it has none.
pub fn native_grammar<S: AsRef<str>>(model: &Model, tools: &[S]) -> Option<Grammar> {
    raw::format(model, &owned(tools)).map(Grammar::new)
}

/// A matcher at the start of that grammar; `None` if the model has no tool format. Pass it to
/// [`crate::GrammarConstraint::new`].
pub fn native_matcher<S: AsRef<str>>(model: &Model, tools: &[S]) -> Option<Matcher> {
    native_grammar(model, tools).map(|grammar| Matcher::new(&grammar, model.tokenizer()))
}

/// The JSON Schema of a type, without references: many tool formats, and small models, cannot follow them.
pub(crate) fn schema_of<T: schemars::JsonSchema>() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.into()
}

fn owned<S: AsRef<str>>(tools: &[S]) -> Vec<String> {
    tools.iter().map(|tool| tool.as_ref().to_owned()).collect()
}
