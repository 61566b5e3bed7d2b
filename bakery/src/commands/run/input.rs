//! What the inferlet is given: parameters behind `--`, or JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Args;
use crate::environment::Environment;
use crate::error::{Error, Place, Result};
use crate::project::parameters::{self, Parsed};
use crate::project::{Manifest, Package};
use crate::ui::Ui;

/// What the arguments amount to.
pub(super) enum Input {
    /// JSON text, checked against the manifest, with its defaults.
    Json(String),
    /// `-- --help`: what the inferlet takes is asked for.
    Help,
}

/// Reads `--input` or the parameters.
pub(super) fn read(args: &Args, manifest: Option<&Manifest>, env: &Environment) -> Result<Input> {
    let declared = manifest.and_then(|manifest| manifest.parameters.as_deref());
    if let Some(input) = &args.input {
        let value = parse_json(input, env)?;
        return Ok(Input::Json(parameters::check(declared, &value)?.to_string()));
    }
    match parameters::parse(declared, &args.parameters)? {
        Parsed::Input(map) => Ok(Input::Json(Value::Object(map).to_string())),
        Parsed::Help => Ok(Input::Help),
    }
}

/// Prints what the inferlet takes.
pub(super) fn help(args: &Args, manifest: Option<&Manifest>, ui: &Ui) -> Result<()> {
    let Some(manifest) = manifest else {
        let message = format!("`{}` has no manifest that says what it takes", args.path.display());
        return Err(Error::usage(message).hint("--manifest Pie.toml"));
    };
    if !ui.json() {
        return ui.line(parameters::help(manifest).trim_end());
    }
    let Package { name, version, description, .. } = &manifest.package;
    ui.document(&InferletDocument::Inferlet {
        name: name.clone(),
        version: version.to_string(),
        description: description.clone(),
        input: parameters::json_schema(manifest.parameters.as_deref()),
    })
}

/// What `bakery run PATH --json -- --help` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "inferlet")]
pub enum InferletDocument {
    /// What its manifest says.
    Inferlet {
        /// The inferlet's name.
        name: String,
        /// Its version.
        version: String,
        /// One line about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The JSON Schema of its input.
        input: Value,
    },
}

/// JSON on the command line, or in the file behind `@`.
fn parse_json(input: &str, env: &Environment) -> Result<Value> {
    let (text, name) = match input.strip_prefix('@') {
        None => (input.to_owned(), "--input"),
        Some(path) => {
            let text = std::fs::read_to_string(env.current_dir.join(path))
                .map_err(|error| Error::usage(format!("cannot read `{path}`")).caused_by(error))?;
            (text, path)
        }
    };
    serde_json::from_str(&text).map_err(|error| {
        let start = offset(&text, error.line(), error.column());
        let found = error.to_string();
        let label = found.rsplit_once(" at line ").map_or(found.as_str(), |(found, _)| found).to_owned();
        let place = Place { file: name.to_owned(), span: start..start + 1, label, text: text.clone() };
        Error::usage("the input is not JSON").at(place)
    })
}

/// The byte at a line and column, both from 1; the parser counts columns in bytes, and from 0 at the start of a line.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        let error = parse_json(text, &Environment::empty("/")).unwrap_err();
        let place = error.place.unwrap();
        format!("{:?} {}", place.line_and_column(), place.label)
    }

    #[test]
    fn a_mistake_in_json_has_its_place() {
        assert_eq!(mistake("{\"a\": }"), "(1, 7) expected value");
        assert_eq!(mistake("{\n  \"a\": 1,\n  é\n}"), "(3, 3) key must be a string");
        assert_eq!(mistake("[1"), "(1, 2) EOF while parsing a list");
        assert_eq!(mistake(""), "(1, 1) EOF while parsing a value");
    }
}
