//! `pyproject.toml`: `[project]` (<https://packaging.python.org/en/latest/specifications/pyproject-toml/>) and `[tool.bakery]`.
//!
//! `[tool.bakery]` has `entry`, the file that the program begins with, and the tables of `Pie.toml` but for `[package]` and `[build]`.

use std::path::Path;

use toml_edit::{DocumentMut, Item};

use crate::error::{Error, Place, Result};

/// The file's name.
pub const FILE: &str = "pyproject.toml";

/// The tables of `Pie.toml` that `[tool.bakery]` may have.
const TABLES: [&str; 5] = ["runtime", "parameters", "dependencies", "permissions", "test"];

/// What bakery reads of it.
#[derive(Clone, Debug, Default)]
pub struct PyProject {
    /// The project's name, as written.
    pub name: String,
    /// Its version, if it is written there.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// What it depends on, as pip writes it.
    pub dependencies: Vec<String>,
    /// The file that it begins with.
    pub entry: Option<String>,
    /// Tables of a manifest.
    pub manifest: Vec<(String, Item)>,
}

impl PyProject {
    /// Reads that of a folder; `None` if there is none, or it has no `[project]`.
    ///
    /// # Errors
    /// It is not TOML, or one of the values is of another type.
    pub fn read(root: &Path, shown: &Path) -> Result<Option<PyProject>> {
        let Ok(text) = std::fs::read_to_string(root.join(FILE)) else { return Ok(None) };
        Self::parse(&text, &shown.display().to_string())
    }

    fn parse(text: &str, shown: &str) -> Result<Option<PyProject>> {
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let span = error.span().unwrap_or(0..0);
            let place = Place {
                file: shown.to_owned(),
                text: text.to_owned(),
                span,
                label: error.message().to_owned(),
            };
            Error::usage(format!("`{shown}` is not TOML")).at(place)
        })?;
        let Some(project) = document.get("project").and_then(Item::as_table_like) else { return Ok(None) };
        let string = |key: &str| project.get(key).and_then(Item::as_str).map(str::to_owned);
        let Some(name) = string("name") else {
            return Err(Error::usage(format!("`{shown}` has a `[project]` without a name"))
                .hint("[project]\nname = \"hello\"\nversion = \"0.1.0\""));
        };
        let bakery = document.get("tool").and_then(|tool| tool.get("bakery")).and_then(Item::as_table_like);
        let mut read = PyProject {
            name,
            version: string("version"),
            description: string("description"),
            dependencies: strings(project.get("dependencies"), shown)?,
            ..PyProject::default()
        };
        for (key, item) in bakery.into_iter().flat_map(|table| table.iter()) {
            match key {
                "entry" => read.entry = item.as_str().map(str::to_owned),
                key if TABLES.contains(&key) => read.manifest.push((key.to_owned(), item.clone())),
                _ => {
                    return Err(Error::usage(format!(
                        "`[tool.bakery]` in `{shown}` has an unknown key `{key}`"
                    ))
                    .hint(format!("there are `entry` and the tables `{}`", TABLES.join("`, `"))));
                }
            }
        }
        Ok(Some(read))
    }
}

fn strings(item: Option<&Item>, shown: &str) -> Result<Vec<String>> {
    let Some(item) = item else { return Ok(Vec::new()) };
    let list = item.as_array().and_then(|list| {
        list.iter().map(|entry| entry.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    list.ok_or_else(|| Error::usage(format!("`project.dependencies` in `{shown}` is no list of strings")))
}

/// What a project depends on besides the SDK, which bakery brings.
pub fn foreign(dependencies: &[String]) -> Vec<String> {
    dependencies.iter().filter(|text| requirement_name(text) != "inferlet").cloned().collect()
}

/// The normalized name in a requirement (<https://packaging.python.org/en/latest/specifications/name-normalization/>).
pub fn requirement_name(requirement: &str) -> String {
    let text = requirement.trim();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let words = text[..end].split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_no_dependency_to_install() {
        let all = ["inferlet>=0.1", "Pydantic-Core == 2", "attrs"].map(str::to_owned);
        assert_eq!(foreign(&all), ["Pydantic-Core == 2", "attrs"]);
        assert_eq!(requirement_name("Pydantic_Core[x]>=2; python_version>'3'"), "pydantic-core");
    }

    #[test]
    fn a_file_without_a_project_is_none_and_mistakes_are_errors() {
        assert!(PyProject::parse("[tool.black]\n", "p").unwrap().is_none());
        for (text, message) in [
            ("[project\n", "is not TOML"),
            ("[project]\nversion = \"1\"\n", "without a name"),
            ("[project]\nname = \"a\"\ndependencies = \"b\"\n", "no list of strings"),
            ("[project]\nname = \"a\"\n[tool.bakery]\nentri = \"b\"\n", "unknown key `entri`"),
        ] {
            let error = PyProject::parse(text, "p").unwrap_err();
            assert!(error.message.contains(message), "{error}");
        }
    }
}
