//! Descriptions of tools, and how a model is told about them.

use super::ChatError;
use super::call::CallShape;
use super::derive::variables;
use super::jinja::Jinja;
use super::shield::{Shield, Shown, TOOL_NAME, USER};
use super::template::{Slot, Template, Writer};
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
    /// A published template, rendered anew for each list.
    Rendered(Box<Rendered>),
}

impl From<Template> for Equip {
    fn from(template: Template) -> Self {
        Equip::Fragment(template)
    }
}

/// A template that writes tools down in its own way.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    pub(super) jinja: Jinja,
    /// The variables of every rendering.
    pub(super) base: Value,
    pub(super) way: ToolWay,
    /// What a conversation starts with, which is no part of the fragment.
    pub(super) begin: Option<String>,
    /// What precedes a message of the user.
    pub(super) user_before: String,
}

/// How a template takes tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolWay {
    /// As the variable `tools`.
    Variable,
    /// As a JSON list in the member `tools` of a system message.
    SystemMessage,
}

impl Equip {
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, tools: &[Tool]) -> Result<Vec<u32>, String> {
        match self {
            Equip::Fragment(template) => {
                let list = Value::Array(tools.iter().map(Tool::description).collect()).to_string();
                Ok(template.tokens(tokenizer, &[(Slot::Tools, &list)]))
            }
            Equip::Rendered(rendered) => {
                let mut shield = Shield::new(tokenizer);
                let list = tools.iter().map(|tool| shield.hide(tool.function())).collect();
                let text = rendered.text(list)?;
                let mut writer = Writer::new(tokenizer);
                for shown in shield.reveal(&text) {
                    match shown {
                        Shown::Template(text) => writer.template(text),
                        Shown::Hidden(text) => writer.text(text),
                    }
                }
                Ok(writer.finish())
            }
        }
    }
}

impl Rendered {
    /// Whether the template shows the tools that it is given, apart from the user's message.
    pub(super) fn shows_tools(&self) -> bool {
        let tool = Tool {
            name: TOOL_NAME.into(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {}}),
        };
        self.text(vec![tool.function()]).is_ok_and(|text| text.contains(TOOL_NAME))
    }

    /// What the template puts before the user's message when there are tools.
    fn text(&self, tools: Vec<Value>) -> Result<String, String> {
        let user = json!({"role": "user", "content": USER});
        let variables = match self.way {
            ToolWay::Variable => variables(
                &self.base,
                &[user],
                // The second is a switch of Llama's templates; the tools are not to be inside the message.
                &json!({"tools": tools, "tools_in_user_message": false}),
            ),
            ToolWay::SystemMessage => {
                let list = Value::Array(tools).to_string();
                variables(
                    &self.base,
                    &[json!({"role": "system", "content": "", "tools": list}), user],
                    &json!({}),
                )
            }
        };
        let text = self.jinja.render(&variables)?;
        let before = text.split_once(USER).map(|(before, _)| before);
        let before = before.and_then(|before| before.strip_suffix(self.user_before.as_str()));
        let before = before.ok_or("it puts tools into the message of the user")?;
        let begin = self.begin.as_deref().unwrap_or_default();
        Ok(before.strip_prefix(begin).unwrap_or(before).to_owned())
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

    /// The same as published templates expect it.
    fn function(&self) -> Value {
        json!({"type": "function", "function": self.description()})
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
