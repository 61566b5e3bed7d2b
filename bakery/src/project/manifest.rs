//! The manifest's types: one struct per table of `Pie.toml`.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

use super::{Language, Parameter};
use crate::error::{Error, Result};

/// A whole `Pie.toml`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// `[package]`
    pub package: Package,
    /// `[runtime]`: the versions of the interfaces the inferlet works with, by the interface's short name (`core`, `instruct`, `mcp`, `zo`).
    pub runtime: BTreeMap<String, VersionReq>,
    /// `[parameters]` in the order of the file. Without the table (`None`) an inferlet takes anything; an empty table takes nothing.
    pub parameters: Option<Vec<Parameter>>,
    /// `[dependencies]`: other inferlets that this one launches.
    pub dependencies: BTreeMap<String, Dependency>,
    /// `[permissions]`
    pub permissions: Permissions,
    /// `[build]`
    pub build: Build,
    /// `[[test]]` in the order of the file.
    pub tests: Vec<Test>,
}

/// `[package]`: who the inferlet is.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// An ASCII letter, then letters, digits, `-` and `_`; at most 64 bytes.
    pub name: String,
    /// The inferlet's own version.
    pub version: Version,
    /// One line about it.
    pub description: Option<String>,
    /// `Name <address>`, as many as there are.
    pub authors: Vec<String>,
    /// An SPDX expression.
    pub license: Option<String>,
    /// Where the source is.
    pub repository: Option<String>,
    /// A file beside the manifest.
    pub readme: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
}

/// One entry of `[dependencies]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// The versions that will do.
    pub version: VersionReq,
    /// A project folder beside this one, relative to the manifest.
    pub path: Option<String>,
}

/// `[permissions]`: what the inferlet may reach. All of it is closed unless written here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permissions {
    /// Hosts that outgoing HTTP may reach: `api.example.com`, `*.example.com`, each with an optional `:port`.
    pub network: Vec<String>,
    /// Bytes that `/scratch` may hold; `None` is the engine's default.
    pub scratch_bytes: Option<u64>,
    /// Environment variables that are passed through.
    pub environment: Vec<String>,
}

/// `[build]`: what differs from building the folder as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// The language, where the files do not tell.
    pub language: Option<Language>,
    /// Cargo profile; `release` unless given.
    pub profile: Option<String>,
    /// Cargo features to turn on.
    pub features: Vec<String>,
    /// Whether Cargo's default features are on.
    pub default_features: bool,
    /// The package to build, where the folder is a Cargo workspace.
    pub package: Option<String>,
}

impl Default for Build {
    fn default() -> Self {
        Build { language: None, profile: None, features: Vec::new(), default_features: true, package: None }
    }
}

/// One `[[test]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name, unique in the file.
    pub name: String,
    /// The parameters of the run, already checked against `[parameters]`.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// A file of scripted replies, relative to the manifest.
    pub script: Option<String>,
    /// The seed of the run; 0 unless given.
    pub seed: u64,
    /// Session messages sent to the inferlet, in order.
    pub send: Vec<String>,
}

impl Manifest {
    /// Reads a manifest. `file_name` is what diagnostics call it.
    ///
    /// # Errors
    /// The first mistake in the file, with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Manifest> {
        let _ = text;
        Err(Error::bug(format!("`{file_name}`: manifests cannot be read yet")))
    }

    /// The JSON Schema of `Pie.toml`, for editors.
    pub fn schema() -> serde_json::Value {
        serde_json::Value::Bool(true)
    }
}
