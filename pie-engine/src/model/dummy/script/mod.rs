//! Replies that a user has written for the dummy to give.
//!
//! ```toml
//! [[reply]]
//! when = { contains = "weather" }   # of what was said since the model's last turn; also `exact`, `regex`, `turn`
//! reasoning = "I should look it up."
//! text = "Let me see."
//! tool-calls = [{ name = "get_weather", arguments = { city = "Paris" } }]
//! ```
//!
//! The first reply whose conditions all hold is given; one without `when` always is. Where none applies, the dummy answers as it
//! would without a script. A script only raises the logits of its tokens: samplers, masks and drafters do their work as ever.
//!
//! This file reads scripts; `given` finds the reply and the place in it.

mod given;
#[cfg(test)]
mod tests;

pub use given::ScriptedReplies;

use crate::tokenizer::Tokenizer;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use toml::Spanned;

/// A script that can be followed.
#[derive(Clone, Debug)]
pub struct Script {
    replies: Vec<Reply>,
    source: String,
}

/// A script that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// The line of the mistake, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// One reply and when to give it.
#[derive(Clone, Debug)]
struct Reply {
    when: Conditions,
    reasoning: Option<String>,
    text: String,
    /// JSON objects with `name` and `arguments`.
    calls: Vec<Value>,
}

/// All of these must hold.
#[derive(Clone, Debug, Default)]
struct Conditions {
    contains: Option<String>,
    exact: Option<String>,
    regex: Option<Regex>,
    /// The number of the model's turn, from 1.
    turn: Option<u64>,
}

impl Script {
    /// Reads a script.
    ///
    /// Fails with the line for what is no TOML, for unknown keys, a regular expression that is none, a reply that says
    /// nothing, a turn 0 and a script without replies.
    pub fn parse(source: &str) -> Result<Script, ScriptError> {
        let file: ScriptFile = toml::from_str(source).map_err(|error| ScriptError {
            line: line_of(source, error.span()),
            message: error.message().to_owned(),
        })?;
        let at =
            |span: Range<usize>, message: String| ScriptError { line: line_of(source, Some(span)), message };
        if file.reply.is_empty() {
            return Err(at(0..0, "the script has no `[[reply]]`".to_owned()));
        }
        let replies = file.reply.into_iter().map(|entry| reply(entry, at)).collect::<Result<_, _>>()?;
        Ok(Script { replies, source: source.to_owned() })
    }

    /// The script in the dummy's tokens; the tokenizer is [`Tokenizer::dummy`].
    pub fn encode(&self, tokenizer: &Tokenizer) -> ScriptedReplies {
        ScriptedReplies::new(self, tokenizer)
    }
}

fn reply(
    entry: Spanned<ReplyEntry>,
    at: impl Fn(Range<usize>, String) -> ScriptError,
) -> Result<Reply, ScriptError> {
    let span = entry.span();
    let ReplyEntry { when, reasoning, text, tool_calls } = entry.into_inner();
    if text.as_deref().unwrap_or_default().is_empty() && reasoning.is_none() && tool_calls.is_empty() {
        return Err(at(span, "the reply has no `text`, `reasoning` or `tool-calls`".to_owned()));
    }
    if let Some(turn) = when.turn.as_ref().filter(|turn| *turn.get_ref() == 0) {
        return Err(at(turn.span(), "turns are counted from 1".to_owned()));
    }
    let regex = when.regex.map(|pattern| {
        let error = |error: regex::Error| {
            at(pattern.span(), format!("the regular expression cannot be used: {error}"))
        };
        Regex::new(pattern.get_ref()).map_err(error)
    });
    let turn = when.turn.map(Spanned::into_inner);
    let conditions =
        Conditions { contains: when.contains, exact: when.exact, regex: regex.transpose()?, turn };
    let calls = tool_calls.into_iter().map(|call| {
        let arguments = call.arguments.into_iter().map(|(key, value)| (key, json(value))).collect();
        serde_json::json!({ "name": call.name, "arguments": Value::Object(arguments) })
    });
    Ok(Reply { when: conditions, reasoning, text: text.unwrap_or_default(), calls: calls.collect() })
}

/// The line of the start of a span, from 1.
fn line_of(source: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(source.len()));
    1 + source.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count()
}

/// A TOML value as JSON. Dates become strings; numbers that JSON does not have become null.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::from(truth),
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(entries) => entries.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

/// What a script file looks like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    #[serde(default)]
    reply: Vec<Spanned<ReplyEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ReplyEntry {
    #[serde(default)]
    when: When,
    reasoning: Option<String>,
    text: Option<String>,
    #[serde(default)]
    tool_calls: Vec<Call>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    contains: Option<String>,
    exact: Option<String>,
    regex: Option<Spanned<String>>,
    turn: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: toml::Table,
}
