//! Descriptions of tools, and how a model is told about them.

use super::ChatError;
use super::call::CallShape;
use super::template::{Slot, Template};
use crate::tokenizer::Tokenizer;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How one model calls tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolFormat {
    pub(super) equip: Equip,
    /// The turn that carries a result; none if the template has no such role.
    #[serde(default)]
    pub(super) answer: Option<Template>,
    /// Marks that open a call.
    pub(super) open: Vec<String>,
    /// Marks that close it. Without any, a call ends where its JSON does.
    #[serde(default)]
    pub(super) close: Vec<String>,
    /// Text at the start of a turn that is itself the beginning of a call.
    #[serde(default)]
    pub(super) bare: Option<String>,
    /// Marks around all the calls of a turn, which say nothing more.
    #[serde(default)]
    pub(super) around: Vec<String>,
    #[serde(default)]
    pub(super) shape: CallShape,
}

/// How a model learns about its tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Template")]
pub(super) enum Equip {
    /// A fragment around a JSON list.
    Fragment(Template),
}

impl From<Template> for Equip {
    fn from(template: Template) -> Self {
        Equip::Fragment(template)
    }
}

impl Equip {
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, tools: &[Tool]) -> Result<Vec<u32>, ChatError> {
        match self {
            Equip::Fragment(template) => {
                let list = Value::Array(tools.iter().map(Tool::description).collect()).to_string();
                Ok(template.tokens(tokenizer, &[(Slot::Tools, &list)]))
            }
        }
    }
}

/// A tool that a model may call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) description: String,
    /// JSON Schema of the arguments.
    pub(super) parameters: Value,
}

impl Tool {
    /// `{"name", "description", "parameters"}`.
    pub(super) fn description(&self) -> Value {
        json!({"name": self.name, "description": self.description, "parameters": self.parameters})
    }
}

/// Reads descriptions; the error names the first one that is wrong.
pub(super) fn parse_all(tools: &[String]) -> Result<Vec<Tool>, ChatError> {
    let mut parsed: Vec<Tool> = Vec::with_capacity(tools.len());
    for (index, text) in tools.iter().enumerate() {
        let invalid = |reason| ChatError::Tool { number: index + 1, reason };
        let tool = parse(text).map_err(invalid)?;
        if parsed.iter().any(|earlier| earlier.name == tool.name) {
            return Err(invalid(format!("there is already a tool named `{}`", tool.name)));
        }
        parsed.push(tool);
    }
    Ok(parsed)
}

fn parse(text: &str) -> Result<Tool, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let outer = value.as_object().ok_or_else(|| format!("expected a JSON object, found {}", kind(&value)))?;
    let function = match outer.get("function") {
        Some(function) => function
            .as_object()
            .ok_or_else(|| format!("`function` is {}, expected an object", kind(function)))?,
        None => outer,
    };
    let name = string(function, "name")?.filter(|name| !name.is_empty()).ok_or("`name` is missing")?;
    let description = string(function, "description")?.unwrap_or_default();
    let parameters = match function.get("parameters") {
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(other) => {
            return Err(format!("`parameters` of `{name}` is {}, expected an object", kind(other)));
        }
    };
    Ok(Tool { name: name.to_owned(), description: description.to_owned(), parameters })
}

fn string<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{key}` is {}, expected a string", kind(other))),
    }
}

/// The kind of a JSON value, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
