//! JSON Schema, before the library compiles it: what cannot be enforced is found and named here, and the rest is put into a form
//! that the library understands as the specification means it.
//!
//! Read are drafts [2020-12](https://json-schema.org/draft/2020-12), 2019-09 and 7.

mod format;
mod keyword;
mod number;
mod pattern;
mod reader;

use super::error::{GrammarError, Notation};
use super::limits::MAX_SCHEMA_DEPTH;
use serde_json::{Value, json};

/// A schema that was read.
pub(super) struct Read {
    /// What the library shall compile.
    pub schema: Value,
    /// Whether integers without sign have no upper bound in it, so that it is up to the matcher to keep them within 64 bits.
    pub is_unsigned: bool,
}

/// Who keeps integers without sign within 64 bits: the library's own have one bit less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsigned {
    /// The schema does, at 63 bits.
    Bounded,
    /// The matcher.
    Guarded,
}

/// Reads and checks a schema.
pub(super) fn read(text: &str, unsigned: Unsigned) -> Result<Read, GrammarError> {
    if text.trim().is_empty() {
        return Err(GrammarError::Empty(Notation::JsonSchema));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let mut reader = reader::Reader::new(&schema, unsigned)?;
    let mut read = reader.schema(&schema, "#")?;
    reader.finish()?;
    if read == Value::Bool(true) {
        read = json!({});
    }
    if let Some(root) = read.as_object_mut() {
        let mut options = json!({ "whitespace_pattern": GAP });
        if reader.keys_are_ambiguous {
            // All escapes but `\u0061`, which could spell a listed key as another one.
            options["json_allowed_escapes"] = json!("nrbtf\\\"");
        }
        root.insert("x-guidance".to_owned(), options);
    }
    Ok(Read { schema: read, is_unsigned: reader.numbers.are_unsigned() })
}

/// White space between the parts of a JSON text: one space, or a new line with some indentation. JSON has no bound for it, and models
/// that are held to a grammar are known to write nothing else until their limit.
const GAP: &str = r"\x20|\x0D?\x0A[\x20\x09]{0,20}";

fn not_json(error: &serde_json::Error) -> GrammarError {
    let message = error.to_string();
    let message = if message.starts_with("recursion limit exceeded") {
        format!("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    } else {
        format!("the schema is no JSON: {message}")
    };
    GrammarError::Syntax { place: super::Place::nowhere(), message }
}

fn wrong(at: &str, message: &str) -> GrammarError {
    GrammarError::Schema { at: at.to_owned(), message: message.to_owned() }
}

fn unsupported(keyword: &str, at: &str, why: &str) -> GrammarError {
    GrammarError::Unsupported { keyword: keyword.to_owned(), at: at.to_owned(), why: why.to_owned() }
}
