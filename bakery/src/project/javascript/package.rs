//! `package.json` (<https://docs.npmjs.com/cli/configuring-npm/package-json>): what a project is called, and what `bakery` in it says.
//!
//! `bakery` has `entry`, the file that the program begins with, and the tables of `Pie.toml` but for `[package]` and `[build]`, as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table};

use crate::error::{Error, Result};

/// The file's name.
pub const FILE: &str = "package.json";

/// The tables of `Pie.toml` that `bakery` may have.
const TABLES: [&str; 5] = ["runtime", "parameters", "dependencies", "permissions", "test"];

/// What bakery reads of it.
#[derive(Clone, Debug, Default)]
pub struct PackageJson {
    /// The name, without a scope.
    pub name: Option<String>,
    /// The version, as written.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// What it depends on when it runs, with the versions that will do.
    pub dependencies: BTreeMap<String, String>,
    /// The file that the program begins with.
    pub entry: Option<String>,
    /// Tables of a manifest.
    pub manifest: Vec<(String, Item)>,
}

impl PackageJson {
    /// Reads that of a folder, if there is one.
    ///
    /// # Errors
    /// It is no JSON object, or `bakery` in it has something that nobody reads.
    pub fn read(root: &Path, shown: &Path) -> Result<Option<PackageJson>> {
        match std::fs::read_to_string(root.join(FILE)) {
            Ok(text) => Self::parse(&text, &shown.display().to_string()).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn parse(text: &str, shown: &str) -> Result<PackageJson> {
        let document: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| Error::usage(format!("`{shown}` is no JSON object")).caused_by(error))?;
        let string = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
        let dependencies = document.get("dependencies").and_then(Value::as_object);
        let mut package = PackageJson {
            name: string("name").map(|name| name.rsplit('/').next().unwrap_or(&name).to_owned()),
            version: string("version"),
            description: string("description"),
            dependencies: dependencies
                .into_iter()
                .flatten()
                .filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())))
                .collect(),
            ..PackageJson::default()
        };
        let bakery = document.get("bakery").and_then(Value::as_object);
        for (key, value) in bakery.into_iter().flatten() {
            match key.as_str() {
                "entry" => package.entry = value.as_str().map(str::to_owned),
                key if TABLES.contains(&key) => {
                    let item = item(value).ok_or_else(|| {
                        Error::usage(format!(
                            "`bakery.{key}` in `{shown}` is not what `[{key}]` of a `Pie.toml` is"
                        ))
                    })?;
                    package.manifest.push((key.to_owned(), item));
                }
                _ => {
                    return Err(Error::usage(format!("`bakery` in `{shown}` has an unknown key `{key}`"))
                        .hint(format!("there are `entry` and the tables `{}`", TABLES.join("`, `"))));
                }
            }
        }
        Ok(package)
    }

    /// What the project depends on besides the SDK, which bakery brings.
    pub fn foreign(&self) -> impl Iterator<Item = &str> {
        self.dependencies.keys().map(String::as_str).filter(|name| *name != "inferlet")
    }
}

/// A table or a list of tables of a manifest that is written in JSON.
fn item(value: &Value) -> Option<Item> {
    match value {
        Value::Object(object) => table(object).map(Item::Table),
        Value::Array(list) => {
            let tables: Option<ArrayOfTables> = list.iter().map(|value| table(value.as_object()?)).collect();
            tables.map(Item::ArrayOfTables)
        }
        _ => None,
    }
}

/// A table of TOML; `None` if JSON says what TOML cannot.
pub fn table(object: &Map<String, Value>) -> Option<Table> {
    let mut table = Table::new();
    for (key, value) in object {
        table.insert(key, Item::Value(toml(value)?));
    }
    Some(table)
}

fn toml(value: &Value) -> Option<toml_edit::Value> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => Some((*truth).into()),
        Value::Number(number) => number.as_i64().map(Into::into).or_else(|| number.as_f64().map(Into::into)),
        Value::String(text) => Some(text.into()),
        Value::Array(values) => values.iter().map(toml).collect::<Option<Array>>().map(Into::into),
        Value::Object(object) => {
            let mut table = InlineTable::new();
            for (key, value) in object {
                table.insert(key, toml(value)?);
            }
            Some(table.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_an_error() {
        for (text, message) in [
            ("[]", "is no JSON object"),
            ("{", "is no JSON object"),
            (r#"{ "bakery": { "entri": "a" } }"#, "unknown key `entri`"),
            (r#"{ "bakery": { "permissions": 3 } }"#, "is not what `[permissions]`"),
            (r#"{ "bakery": { "parameters": { "a": null } } }"#, "is not what `[parameters]`"),
        ] {
            let error = PackageJson::parse(text, "package.json").unwrap_err();
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn the_sdk_is_no_dependency_to_install() {
        let text = r#"{ "dependencies": { "inferlet": "^0.1.0", "zod": "4" }, "devDependencies": { "typescript": "7" } }"#;
        let package = PackageJson::parse(text, "package.json").unwrap();
        assert_eq!(package.foreign().collect::<Vec<_>>(), ["zod"]);
    }
}
