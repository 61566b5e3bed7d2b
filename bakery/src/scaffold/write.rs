//! Files into a new folder: all of them or none.
//!
//! Everything is written into a folder of its own beside the target, which is renamed at the end. Whatever goes wrong before that, Ctrl-C included,
//! takes the folder away again. A target that exists and is empty stays the same folder (it may be somebody's current one), so there the entries
//! are moved one by one, and moved back if one of them fails.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::File;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Writes the files into `target`, which must not exist or be empty. Folders above it are made. `shown` is what errors call the target.
///
/// # Errors
/// The target has something in it or is no folder, the disk refuses, or the user asked to stop. Then everything is as before.
pub fn write(files: &[File], target: &Path, shown: &Path, interrupt: &Interrupt) -> Result<()> {
    let exists = check_target(target, shown)?;
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = FoldersAbove::make(parent)?;
    let staging = tempfile::Builder::new()
        .prefix(".bakery-new-")
        .tempdir_in(parent)
        .map_err(|cause| cannot_write(parent, cause))?;
    fill(files, staging.path(), interrupt)?;
    if exists {
        move_entries(staging.path(), target).map_err(|cause| cannot_write(target, cause))?;
    } else {
        publish(staging, target)?;
    }
    above.keep();
    Ok(())
}

/// Whether the target exists; if so it is an empty folder.
fn check_target(target: &Path, shown: &Path) -> Result<bool> {
    let shown = shown.display();
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(Error::usage(format!("the folder `{shown}` is not empty"))
                .hint("give another name, or another folder with `--path`")),
        },
        // A link that leads nowhere is there too.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(target).is_err() => {
            Ok(false)
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => {
            Err(Error::usage(format!("there is a file `{shown}` in the way")))
        }
        Err(cause) => Err(Error::environment(format!("cannot look into `{shown}`")).caused_by(cause)),
    }
}

fn fill(files: &[File], folder: &Path, interrupt: &Interrupt) -> Result<()> {
    for file in files {
        interrupt.check()?;
        let path = folder.join(&file.path);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &file.contents));
        written.map_err(|cause| cannot_write(&file.path, cause))?;
    }
    interrupt.check()
}

/// The last step for a target that does not exist yet.
fn publish(staging: TempDir, target: &Path) -> Result<()> {
    open_to_others(staging.path()).map_err(|cause| cannot_write(target, cause))?;
    fs::rename(staging.path(), target).map_err(|cause| cannot_write(target, cause))?;
    // The folder has another name now; there is nothing left to remove.
    let _ = staging.keep();
    Ok(())
}

/// A temporary folder is its owner's alone; a project has the permissions that its parent's other folders have.
fn open_to_others(folder: &Path) -> io::Result<()> {
    let probe = folder.join(".probe");
    fs::create_dir(&probe)?;
    let permissions = fs::metadata(&probe)?.permissions();
    fs::remove_dir(&probe)?;
    fs::set_permissions(folder, permissions)
}

/// Moves what is in `from` into `to`, or nothing.
fn move_entries(from: &Path, to: &Path) -> io::Result<()> {
    let mut moved = Vec::new();
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let (source, target) = (from.join(&name), to.join(&name));
        if let Err(cause) = fs::rename(&source, &target) {
            for (source, target) in moved {
                // Best effort: the first failure is the one to report.
                let _ = fs::rename::<PathBuf, PathBuf>(target, source);
            }
            return Err(cause);
        }
        moved.push((source, target));
    }
    Ok(())
}

/// The folders that were made above the target; they go again unless they are kept.
struct FoldersAbove {
    /// Outermost first.
    made: Vec<PathBuf>,
}

impl FoldersAbove {
    fn make(folder: &Path) -> Result<Self> {
        let missing: Vec<_> =
            folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        let mut above = FoldersAbove { made: Vec::new() };
        for path in missing.into_iter().rev() {
            fs::create_dir(path).map_err(|cause| cannot_write(path, cause))?;
            above.made.push(path.to_owned());
        }
        Ok(above)
    }

    fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for FoldersAbove {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // Only empty folders go, so nothing of anybody else's can be lost.
            let _ = fs::remove_dir(path);
        }
    }
}

fn cannot_write(path: &Path, cause: io::Error) -> Error {
    Error::environment(format!("cannot write `{}`", path.display())).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_were_moved_go_back_when_one_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for path in [from.join("a"), from.join("m"), from.join("z"), to.join("m/occupied")] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(from.join("m/new"), "").unwrap();
        move_entries(&from, &to).unwrap_err();
        let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
        assert_eq!((names(&from), names(&to)), (3, 1));
    }
}
