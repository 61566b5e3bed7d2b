//! `Pie.toml` -> [`Project`]: what an inferlet is called, what it needs, which parameters it takes.
//!
//! [`Manifest::parse`] is strict: an unknown key, a wrong type, a bad name or a bad version is an error with its place in the file
//! and, where there is one, a suggestion. The same function reads the manifest that travels inside a component.
//! [`parameters`] checks what a caller passes against `[parameters]` before anything runs.
//!
//! This module reads and describes; it builds nothing, runs nothing and prints nothing.
//! Start at [`manifest`] for the types.

pub mod language;
pub mod manifest;
pub mod parameters;

use std::path::{Path, PathBuf};

pub use language::Language;
pub use manifest::{Build, Dependency, Manifest, Package, Permissions, Test};
pub use parameters::{Parameter, Type};

use crate::error::{Error, Result};

/// The manifest's file name.
pub const MANIFEST_NAME: &str = "Pie.toml";

/// A folder with a `Pie.toml` in it.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder that holds the manifest.
    pub root: PathBuf,
    /// The manifest's path: `root` and [`MANIFEST_NAME`].
    pub manifest_path: PathBuf,
    /// The manifest as written; it travels inside the component.
    pub manifest_text: String,
    /// The manifest, checked.
    pub manifest: Manifest,
    /// What the inferlet is written in.
    pub language: Language,
}

impl Project {
    /// Finds the project at `path`: a folder with a manifest, or the manifest itself. Only for the current folder (`.` or an empty path) are
    /// the folders above searched too.
    ///
    /// # Errors
    /// No manifest there, an unreadable one, a manifest with a mistake, or a folder whose language cannot be told.
    pub fn discover(path: &Path) -> Result<Project> {
        Err(Error::bug(format!("`{}`: projects cannot be read yet", path.display())))
    }
}
