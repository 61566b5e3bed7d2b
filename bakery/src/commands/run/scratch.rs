//! `--keep-scratch`: what the inferlet left under `/scratch` becomes files.

use std::path::{Component, Path, PathBuf};

use pie_engine::launch::KeptScratch;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::received_files::write_atomically;
use crate::ui::Ui;

/// Refuses a folder in which there is something: files of two runs would be taken for those of one.
pub(super) fn check(folder: &Path, env: &Environment) -> Result<()> {
    let full = env.current_dir.join(folder);
    let shown = folder.display();
    match full.read_dir().map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::usage(format!("`{shown}` is not empty"))
            .hint("give `--keep-scratch` a folder that is empty or new")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::usage(format!("`{shown}` cannot be used")).caused_by(error)),
    }
}

/// Writes the files, each whole or not at all. Symbolic links and empty folders are left out.
pub(super) fn keep(folder: &Path, kept: &KeptScratch, env: &Environment, ui: &Ui) -> Result<()> {
    check(folder, env)?;
    let files = kept.get().map(pie_engine::host::wasi::Scratch::files).unwrap_or_default();
    let full = env.current_dir.join(folder);
    let unwritable = |path: &Path| Error::environment(format!("cannot write `{}`", path.display()));
    std::fs::create_dir_all(&full).map_err(|error| unwritable(folder).caused_by(error))?;
    for (name, bytes) in &files {
        let relative = below(name).ok_or_else(|| {
            Error::environment(format!("this machine has no place for the inferlet's file {name:?}"))
        })?;
        let path = full.join(&relative);
        let parent = path.parent().unwrap_or(&full);
        write_atomically(parent, &path, bytes)
            .map_err(|error| unwritable(&folder.join(&relative)).caused_by(error))?;
    }
    let count = files.len();
    ui.status(
        "Kept",
        format_args!("{count} file{} in `{}`", if count == 1 { "" } else { "s" }, folder.display()),
    );
    Ok(())
}

/// The path of a file as this machine writes it, if it stays below its folder. What is an ordinary name for an inferlet may be a drive or a way
/// up elsewhere.
fn below(name: &str) -> Option<PathBuf> {
    let path: PathBuf = name.split('/').collect();
    let ordinary = path.components().all(|component| matches!(component, Component::Normal(_)));
    (ordinary && path.components().count() == name.split('/').count()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn files_stay_below_their_folder() {
        assert_eq!(below("a/b.txt"), Some(["a", "b.txt"].iter().collect()));
        assert_eq!(below("a b\n…").as_deref(), Some("a b\n…".as_ref()));
        for name in ["../a", "a/../../b", "/etc/passwd", "a//b", "", "a/./b"] {
            assert_eq!(below(name), None, "{name:?}");
        }
    }
}
