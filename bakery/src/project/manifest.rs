//! The manifest's types: one struct per table of `Pie.toml`, described here for readers, for rustdoc and for the JSON Schema that editors use.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use semver::{Version, VersionReq};
use serde::Serialize;

use super::case::{Case, WrittenTest};
use super::parameters::Declaration;
use super::{Interpreter, Language, Parameter, read};
use crate::error::Result;

/// What an inferlet is, needs and takes: a whole `Pie.toml`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(title = "Pie.toml", rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Who the inferlet is.
    pub package: Package,
    /// The versions of the interfaces it works with, by short name: `core`, `instruct`, `mcp`, `zo`.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub runtime: BTreeMap<String, VersionReq>,
    /// What it takes, in this order. Without this table it takes anything; with an empty one it takes nothing.
    #[schemars(with = "Option<BTreeMap<String, Declaration>>")]
    pub parameters: Option<Vec<Parameter>>,
    /// Other inferlets that it launches.
    #[schemars(with = "Option<BTreeMap<String, WrittenDependency>>")]
    pub dependencies: BTreeMap<String, Dependency>,
    /// What it may reach. All of it is closed unless written here.
    #[schemars(with = "Option<Permissions>")]
    pub permissions: Permissions,
    /// What differs from building the folder as it is.
    #[schemars(with = "Option<Build>")]
    pub build: Build,
    /// Its tests, in this order. There may be more in files under `tests/`.
    #[schemars(rename = "test", with = "Option<Vec<WrittenTest>>")]
    pub tests: Vec<Case>,
}

/// Who the inferlet is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// A letter from a to z, then letters, digits, `-` and `_`; at most 64.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z]([-_]?[A-Za-z0-9])*$"))]
    pub name: String,
    /// Its own version, in three parts.
    pub version: Version,
    /// One line about it.
    pub description: Option<String>,
    /// `Name <address>`, as many as there are.
    #[schemars(with = "Option<Vec<String>>")]
    pub authors: Vec<String>,
    /// An SPDX expression.
    pub license: Option<String>,
    /// Where the source is.
    pub repository: Option<String>,
    /// A file beside the manifest.
    pub readme: Option<String>,
    /// Words to find it by.
    #[schemars(with = "Option<Vec<String>>")]
    pub keywords: Vec<String>,
}

/// Another inferlet that this one launches.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dependency {
    /// The versions that will do.
    #[schemars(with = "String")]
    pub version: VersionReq,
    /// A project folder, relative to the manifest, that is used as it is.
    pub path: Option<String>,
}

/// A dependency as it is written.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum WrittenDependency {
    /// The versions that will do.
    Version(String),
    /// More than the versions.
    Table(Dependency),
}

/// What the inferlet may reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Permissions {
    /// Hosts for outgoing HTTP: `api.example.com`, `*.example.com`, each with an optional `:port`.
    #[schemars(with = "Option<Vec<String>>")]
    pub network: Vec<String>,
    /// What `/scratch` may hold, such as `64 MiB`.
    #[schemars(rename = "scratch", with = "Option<String>")]
    pub scratch_bytes: Option<u64>,
    /// Environment variables that are passed through.
    #[schemars(with = "Option<Vec<String>>")]
    pub environment: Vec<String>,
}

/// What differs from building the folder as it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Build {
    /// The language, where the files do not tell.
    pub language: Option<Language>,
    /// Cargo profile; `release` unless given.
    pub profile: Option<String>,
    /// Cargo features to turn on.
    #[schemars(with = "Option<Vec<String>>")]
    pub features: Vec<String>,
    /// Whether Cargo's default features are on; they are unless this says otherwise.
    #[schemars(with = "Option<bool>")]
    pub default_features: bool,
    /// The package to build, where the folder is a Cargo workspace.
    pub package: Option<String>,
    /// The file that a program in Python, JavaScript or TypeScript begins with; `main.py`, `main.ts` and the like, or that of the package, unless given.
    pub entry: Option<String>,
    /// What runs JavaScript; QuickJS unless given. `spidermonkey` is built with Node.js.
    pub engine: Option<Interpreter>,
}

impl Default for Build {
    fn default() -> Self {
        Build {
            language: None,
            profile: None,
            features: Vec::new(),
            default_features: true,
            package: None,
            entry: None,
            engine: None,
        }
    }
}

impl Manifest {
    /// Reads a manifest. `file_name` is what diagnostics call it.
    ///
    /// # Errors
    /// The first mistake in the file, with its place: TOML that is not well-formed, an unknown key, a wrong type, a bad name or version,
    /// an interface this engine does not have.
    pub fn parse(text: &str, file_name: &str) -> Result<Manifest> {
        read::manifest(text, file_name)
    }

    /// The JSON Schema of `Pie.toml`, for editors.
    pub fn schema() -> Schema {
        schema_without_null::<Manifest>()
    }
}

/// The schema of a TOML file.
pub(super) fn schema_without_null<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(without_null);
    settings.into_generator().into_root_schema_for::<T>()
}

/// TOML has no null: what is optional is left out. Takes `null` out of a schema and of all schemas in it.
fn without_null(schema: &mut Schema) {
    if let Some(types) = schema.get_mut("type").and_then(|types| types.as_array_mut()) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(choices) = schema.get_mut("anyOf").and_then(|choices| choices.as_array_mut()) {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [serde_json::Value::Object(only)] = choices.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            only.into_iter().for_each(|(key, value)| drop(schema.insert(key, value)));
        }
    }
    transform_subschemas(&mut without_null, schema);
}
