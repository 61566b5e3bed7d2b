//! `[parameters]`: what an inferlet takes, and whether what a caller passed is that.
//!
//! One declaration has four readers: [`parse`] for arguments behind `--`, [`check`] for JSON input, [`help`] for `--help`, and
//! [`json_schema`] for other programs. An inferlet without `[parameters]` takes anything, so each of them takes `Option<&[Parameter]>`.
//!
//! What a value must be is in [`Type`] (`value.rs`); how a declaration is written in a manifest is in `declare.rs`.

mod arguments;
mod declare;
mod help;
mod schema;
mod value;

use serde_json::{Map, Value};

pub use arguments::{Parsed, parse};
pub(super) use declare::declare;
pub use help::help;
pub use schema::{Declaration, json_schema};
pub use value::{Pattern, Type};

use crate::error::{Error, Result};
use crate::suggest;

/// One entry of `[parameters]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As in the manifest, and as the inferlet sees it.
    pub name: String,
    /// What it takes.
    pub kind: Type,
    /// The value when none is given; it has passed [`Parameter::accept`].
    pub default: Option<Value>,
    /// Whether it may be left out although it has no default; the inferlet then gets no such key.
    pub optional: bool,
    /// One line for `--help`.
    pub description: Option<String>,
}

impl Parameter {
    /// The name as a command-line flag: `--max-tokens` for `max_tokens`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Whether a run needs a value for it from the caller.
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.optional
    }

    /// The value as the inferlet gets it: checked, and whole numbers turned into floats where floats are taken.
    ///
    /// # Errors
    /// The value is of another type or out of range; the error names the parameter, the value and what was expected.
    pub fn accept(&self, value: &Value) -> Result<Value> {
        self.kind.accept(value).map_err(|mismatch| mismatch.error(&self.title()))
    }

    /// How the parameter is called in a message.
    fn title(&self) -> String {
        format!("the parameter `{}`", self.name)
    }
}

/// Checks the JSON of `--input` and fills in defaults. A `null` counts as not given. Without `[parameters]` any JSON passes as it is.
///
/// # Errors
/// Something else than an object, or an unknown, missing or ill-typed parameter.
pub fn check(parameters: Option<&[Parameter]>, input: &Value) -> Result<Value> {
    let Some(parameters) = parameters else { return Ok(input.clone()) };
    let Value::Object(given) = input else {
        return Err(Error::usage(format!("the input must be a JSON object, not {}", value::shown(input)))
            .hint(format!("for example `{}`", example(parameters))));
    };
    let mut accepted = Map::new();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let parameter = find(parameters, name)?;
        accepted.insert(name.clone(), parameter.accept(value)?);
    }
    fill(parameters, &accepted).map(Value::Object)
}

/// The parameter of exactly this name.
pub(super) fn find<'a>(parameters: &'a [Parameter], name: &str) -> Result<&'a Parameter> {
    parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| unknown(parameters, name))
}

/// The parameters in the order of the manifest, with defaults where nothing was given.
pub(super) fn fill(parameters: &[Parameter], given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let missing: Vec<_> =
        parameters.iter().filter(|p| p.is_required() && !given.contains_key(&p.name)).collect();
    if !missing.is_empty() {
        return Err(missing_error(&missing));
    }
    let value = |parameter: &Parameter| {
        let value = given.get(&parameter.name).or(parameter.default.as_ref())?;
        Some((parameter.name.clone(), value.clone()))
    };
    Ok(parameters.iter().filter_map(value).collect())
}

fn unknown(parameters: &[Parameter], name: &str) -> Error {
    let names = parameters.iter().map(|parameter| parameter.name.as_str());
    let error = Error::usage(format!("there is no parameter `{name}`"));
    if parameters.is_empty() {
        return error.hint("this inferlet takes no parameters");
    }
    let all = || format!("the parameters are {}", quoted(names.clone()));
    error.hint(suggest::did_you_mean(name, names.clone()).unwrap_or_else(all))
}

fn missing_error(missing: &[&Parameter]) -> Error {
    let names = quoted(missing.iter().map(|parameter| parameter.name.as_str()));
    let message = match missing {
        [_] => format!("the parameter {names} is missing"),
        _ => format!("the parameters {names} are missing"),
    };
    let usage = missing.iter().map(|parameter| help::usage(parameter)).collect::<Vec<_>>().join(" ");
    Error::usage(message).hint(format!("add `-- {usage}`")).hint("`-- --help` describes the parameters")
}

/// `` `a`, `b` and `c` ``
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    value::listed(&names, "and")
}

/// A JSON object that these parameters would take, required ones only.
fn example(parameters: &[Parameter]) -> String {
    let required = parameters.iter().filter(|parameter| parameter.is_required());
    let object: Map<_, _> = required.map(|p| (p.name.clone(), p.kind.example())).collect();
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests;
