//! `[parameters]`: what an inferlet takes, and what a caller passed.

use serde_json::{Map, Value};

use super::Manifest;
use crate::error::{Error, Result};

/// One entry of `[parameters]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As in the manifest: an ASCII letter, then letters, digits and `_` or `-`.
    pub name: String,
    /// What it takes.
    pub kind: Type,
    /// The value when none is given.
    pub default: Option<Value>,
    /// It may be left out; the inferlet then gets no such key.
    pub optional: bool,
    /// One line for `--help`.
    pub description: Option<String>,
}

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Text.
    String {
        /// Least and most characters.
        length: (Option<u64>, Option<u64>),
        /// A regular expression that the whole text matches.
        pattern: Option<String>,
    },
    /// A whole number of 64 bits.
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A finite number.
    Float {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Bool,
    /// One of a few strings.
    Enum(Vec<String>),
    /// Any number of one of the above.
    Array {
        /// What each item is.
        items: Box<Type>,
        /// Least and most items.
        length: (Option<u64>, Option<u64>),
    },
}

/// What stands behind `--` on the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// The input of the run, defaults filled in.
    Input(Map<String, Value>),
    /// `--help` was among the arguments.
    Help,
}

/// Reads the arguments behind `--`. Without a manifest, pass `None`: anything is taken.
///
/// # Errors
/// An unknown, missing, repeated or ill-typed parameter; the error names it, what was given and what was expected.
pub fn parse(parameters: Option<&[Parameter]>, args: &[String]) -> Result<Parsed> {
    let _ = (parameters, args);
    Err(Error::bug("parameters cannot be read yet"))
}

/// The text of the inferlet's own `--help`.
pub fn help(manifest: &Manifest) -> String {
    manifest.package.name.clone()
}

/// Checks the JSON of `--input` and fills in defaults. With no `[parameters]` any JSON passes.
///
/// # Errors
/// As for [`parse`].
pub fn check(parameters: Option<&[Parameter]>, input: &Value) -> Result<Value> {
    let _ = parameters;
    Ok(input.clone())
}

/// The JSON Schema of the input.
pub fn json_schema(parameters: Option<&[Parameter]>) -> Value {
    let _ = parameters;
    Value::Bool(true)
}
