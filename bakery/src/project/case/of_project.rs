//! All cases of a project: those of its manifest, then those of the files under `tests/`, in the order of their names.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::{MANIFEST_NAME, Project};
use super::{Case, read};
use crate::error::{Error, Place, Result};

/// The folder of files with tests.
const FOLDER: &str = "tests";

/// Reads them. `shown` is the project's folder as the user would type it, for diagnostics.
///
/// # Errors
/// A file cannot be read or has a mistake, two cases have one name, or of one nothing is expected.
pub fn of_project(project: &Project, shown: &Path) -> Result<Vec<Case>> {
    let mut taken = BTreeMap::new();
    let mut cases = Vec::new();
    add(
        &mut cases,
        &mut taken,
        project.manifest.tests.clone(),
        MANIFEST_NAME,
        &project.manifest_text,
        shown,
    )?;
    for path in files(&project.root.join(FOLDER))? {
        let name = format!("{FOLDER}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let called = shown.join(&name).display().to_string();
        let text = fs::read_to_string(&path).map_err(|cause| match cause.kind() {
            ErrorKind::InvalidData => Error::usage(format!("`{called}` is not UTF-8 text")),
            _ => Error::environment(format!("cannot read `{called}`")).caused_by(cause),
        })?;
        let read = read::file(&text, &called, project.manifest.parameters.as_deref())?;
        add(&mut cases, &mut taken, read, &name, &text, shown)?;
    }
    Ok(cases)
}

/// Adds the cases of a file, once they are found to be in order.
fn add(
    cases: &mut Vec<Case>,
    taken: &mut BTreeMap<String, String>,
    read: Vec<Case>,
    file: &str,
    text: &str,
    shown: &Path,
) -> Result<()> {
    for mut case in read {
        file.clone_into(&mut case.origin.file);
        let place = |label: &str| Place {
            file: shown.join(file).display().to_string(),
            text: text.to_owned(),
            span: case.origin.span.clone(),
            label: label.to_owned(),
        };
        if !case.expects_something() {
            return Err(Error::usage(format!("of the test `{}` nothing is expected", case.name))
                .at(place("neither `expect` nor `snapshot`"))
                .hint("keep what it does: `snapshot = [\"output\"]`")
                .hint("or say what is expected: `expect = { contains = \"…\" }`"));
        }
        // Names that differ in case only would share a file on some machines.
        if let Some(earlier) = taken.insert(case.name.to_lowercase(), file.to_owned()) {
            return Err(Error::usage(format!("two tests are called `{}`", case.name))
                .at(place(&format!("already taken in `{earlier}`"))));
        }
        cases.push(case);
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(cause) => {
            return Err(Error::environment(format!("cannot read `{}`", folder.display())).caused_by(cause));
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        let unreadable =
            |cause| Error::environment(format!("cannot read `{}`", folder.display())).caused_by(cause);
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|found| found == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
