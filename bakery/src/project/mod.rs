//! `Pie.toml` -> [`Project`]: what an inferlet is called, what it needs, which parameters it takes.
//!
//! [`Manifest::parse`] is strict: an unknown key, a wrong type, a bad name or a bad version is an error with its place in the file
//! and, where there is one, a suggestion. The same function reads the manifest that travels inside a component.
//! [`parameters`] checks what a caller passes against `[parameters]` before anything runs.
//!
//! This module reads and describes; it builds nothing, runs nothing and prints nothing. [`manifest`] has the types, `source.rs` the values with
//! their places, `read.rs` one function per table. [`settings`] and [`models`] are the other files there may be: what is
//! set up where an inferlet runs, and names for models.

pub mod case;
pub mod edit;
pub mod interface;
pub mod interpreter;
pub mod javascript;
pub mod language;
mod legacy;
pub mod manifest;
pub mod models;
pub mod name;
pub mod parameters;
pub mod permission;
pub mod python;
mod read;
pub mod settings;
mod source;

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

pub use case::Case;
pub use interpreter::Interpreter;
pub use language::Language;
pub use manifest::{Build, Dependency, Manifest, Package, Permissions};
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
    /// The one file that it is, relative to `root`, where it is no folder: then the manifest was written for it.
    pub file: Option<PathBuf>,
}

impl Project {
    /// Finds the project at `path`, which is relative to `current_dir`: a folder with a manifest, or the manifest itself. Only for the current
    /// folder (`.` or an empty path) the folders above are searched too. The paths of the project are absolute if `current_dir` is.
    ///
    /// # Errors
    /// No manifest there, an unreadable one, a manifest with a mistake, or a folder whose language cannot be told.
    pub fn discover(path: &Path, current_dir: &Path) -> Result<Project> {
        if let Some(project) = Self::without_manifest(path, current_dir)? {
            return Ok(project);
        }
        let (root, shown) = locate(path, current_dir)?;
        let manifest_path = root.join(MANIFEST_NAME);
        let manifest_text = read_manifest(&manifest_path)?;
        let manifest = Manifest::parse(&manifest_text, &shown.to_string_lossy())?;
        let language = manifest.build.language.map_or_else(|| Language::detect(&root), Ok)?;
        Ok(Project { root, manifest_path, manifest_text, manifest, language, file: None })
    }

    /// A project that needs no manifest, if there is one at `path`: a file of Python, JavaScript or TypeScript, or a folder of it. A file that a manifest beside it begins with is
    /// that manifest's project.
    fn without_manifest(path: &Path, current_dir: &Path) -> Result<Option<Project>> {
        let full = current_dir.join(path);
        if full.is_dir() {
            let above = path.components().all(|part| part == Component::CurDir);
            let has_manifest = if above {
                full.ancestors().any(|folder| folder.join(MANIFEST_NAME).is_file())
            } else {
                full.join(MANIFEST_NAME).is_file()
            };
            if has_manifest {
                return Ok(None);
            }
            return match python::of_folder(&full, path)? {
                None => javascript::of_folder(&full, path),
                python => Ok(python),
            };
        }
        let is_python = full.extension().is_some_and(|extension| extension == "py");
        let language = if is_python { Some(Language::Python) } else { javascript::language_of(&full) };
        let Some(language) = language.filter(|_| full.is_file()) else { return Ok(None) };
        let root = full.parent().unwrap_or(&full);
        if root.join(MANIFEST_NAME).is_file() {
            let project = Project::discover(&root.join(MANIFEST_NAME), current_dir)?;
            let named = project.manifest.build.entry.as_deref();
            let entry = match project.language {
                Language::Python => python::entry_of(&project.root, &project.manifest.package.name, named),
                Language::JavaScript | Language::TypeScript => javascript::entry_of(&project.root, named),
                Language::Rust => None,
            };
            if entry.is_some_and(|entry| project.root.join(entry) == full) {
                return Ok(Some(project));
            }
        }
        match language {
            Language::Python => python::of_file(&full, path).map(Some),
            language => javascript::of_file(&full, path, language).map(Some),
        }
    }
}

/// Reads the text of a manifest file.
///
/// # Errors
/// The file is missing, unreadable or not UTF-8.
pub fn read_manifest(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|cause| {
        let shown = path.display();
        match cause.kind() {
            ErrorKind::NotFound => Error::usage(format!("there is no `{shown}`")),
            ErrorKind::InvalidData => Error::usage(format!("`{shown}` is not UTF-8 text")),
            _ => Error::environment(format!("cannot read `{shown}`")).caused_by(cause),
        }
    })
}

/// The folder of the project that `path` means, and what its manifest is called in diagnostics.
fn locate(path: &Path, current_dir: &Path) -> Result<(PathBuf, PathBuf)> {
    if path.components().all(|part| part == Component::CurDir) {
        return locate_above(current_dir);
    }
    let full = current_dir.join(path);
    if full.is_dir() {
        return match full.join(MANIFEST_NAME).is_file() {
            true => Ok((full, path.join(MANIFEST_NAME))),
            false => Err(no_manifest(path, &full)),
        };
    }
    match full.parent() {
        Some(root) if path.file_name().is_some_and(|name| name == MANIFEST_NAME) && full.is_file() => {
            Ok((root.to_owned(), path.to_owned()))
        }
        _ if full.exists() => Err(Error::usage(format!("`{}` is not a project", path.display()))
            .hint(format!("expected a folder with a `{MANIFEST_NAME}`, or the `{MANIFEST_NAME}` itself"))),
        _ => Err(Error::usage(format!("there is no `{}`", path.display()))),
    }
}

/// The current folder or the nearest one above that has a manifest.
fn locate_above(current_dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let has_manifest = |folder: &&Path| folder.join(MANIFEST_NAME).is_file();
    let Some(root) = current_dir.ancestors().find(has_manifest) else {
        return Err(no_manifest(Path::new("."), current_dir));
    };
    let shown = if root == current_dir { PathBuf::new() } else { root.to_owned() };
    Ok((root.to_owned(), shown.join(MANIFEST_NAME)))
}

fn no_manifest(shown: &Path, folder: &Path) -> Error {
    let error = Error::usage(format!("there is no `{MANIFEST_NAME}` in `{}`", shown.display()));
    let twin = fs::read_dir(folder).ok().into_iter().flatten().flatten().map(|entry| entry.file_name()).find(
        |name| {
            name.to_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(MANIFEST_NAME) && name != MANIFEST_NAME)
        },
    );
    match twin {
        Some(twin) => error.hint(format!("rename `{}` to `{MANIFEST_NAME}`", twin.to_string_lossy())),
        None => error.hint("`bakery new NAME` makes a new project"),
    }
}

#[cfg(test)]
mod tests;
