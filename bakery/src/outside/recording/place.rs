//! Where a recording is made: in a folder of its own within the one that it is for, from which its files are moved up once they are whole.
//!
//! So a recording that is there stays until there is another one. What a run leaves that was killed is where its name says what it is, and goes when the next one begins. Nothing
//! is ever taken away but files of recordings.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{PASSES, RUN, TRACE};
use crate::environment::Environment;
use crate::error::{Error, Result};

/// The folder within that of a recording in which it is made.
pub(super) const UNFINISHED: &str = "unfinished-recording";

/// A folder that a recording is made in. While it is there, nobody else records to it.
pub(super) struct Place {
    shown: PathBuf,
    folder: PathBuf,
    /// What will say that the recording is whole. It is locked, which ends with the process, however that ends.
    run: File,
}

impl Place {
    /// Takes a folder that is new, empty, or holds a recording, whole or not.
    ///
    /// # Errors
    /// There is something else in it, another run records to it, or it cannot be written.
    pub fn take(folder: &Path, env: &Environment) -> Result<Place> {
        let (shown, folder) = (folder.to_owned(), env.current_dir.join(folder));
        let failed = |cause| unwritable(&shown, cause);
        let found = names(&folder).map_err(failed)?;
        let known = found.iter().all(|name| [UNFINISHED, TRACE, PASSES].iter().any(|known| name == known));
        let ours = found.is_empty() || (known && has(&found, UNFINISHED)) || is_whole(&folder, &found);
        let unfinished = folder.join(UNFINISHED);
        let begun = names(&unfinished).map_err(failed)?;
        if !ours || !begun.iter().all(|name| [TRACE, PASSES, RUN].iter().any(|known| name == known)) {
            return Err(Error::usage(format!("`{}` is not empty", shown.display()))
                .hint("give `--record` a folder that is empty or new, or a recording to replace"));
        }
        fs::create_dir_all(&unfinished).map_err(failed)?;
        let run = File::options().write(true).create(true).truncate(false).open(unfinished.join(RUN));
        let run = run.map_err(failed)?;
        if let Err(TryLockError::WouldBlock) = run.try_lock() {
            return Err(Error::usage(format!("another run records to `{}`", shown.display()))
                .hint("give `--record` another folder, or wait for its end"));
        }
        for name in [TRACE, PASSES] {
            remove(&unfinished.join(name)).map_err(failed)?;
        }
        Ok(Place { shown, folder, run })
    }

    /// Where a file of the recording is written.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(UNFINISHED).join(name)
    }

    /// Moves the recording to where it belongs. What is given says what its run began with.
    ///
    /// # Errors
    /// A file cannot be written or moved.
    pub fn complete(&self, begun: &[u8]) -> Result<()> {
        self.move_up(begun).map_err(|cause| self.unwritable(cause))
    }

    fn move_up(&self, begun: &[u8]) -> io::Result<()> {
        self.run.set_len(0)?;
        (&self.run).write_all(begun)?;
        // What is neither the old one nor the new one is none.
        remove(&self.folder.join(RUN))?;
        for name in [TRACE, PASSES, RUN] {
            fs::rename(self.file(name), self.folder.join(name))?;
        }
        fs::remove_dir(self.folder.join(UNFINISHED))
    }

    /// The error of a recording that cannot be written.
    pub fn unwritable(&self, cause: io::Error) -> Error {
        unwritable(&self.shown, cause)
    }
}

fn unwritable(shown: &Path, cause: io::Error) -> Error {
    Error::environment(format!("cannot write `{}`", shown.display())).caused_by(cause)
}

/// What is in a folder; nothing in one that is not there.
fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    match folder.read_dir() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(cause) => Err(cause),
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
    }
}

fn has(names: &BTreeSet<OsString>, name: &str) -> bool {
    names.contains(name.as_ref() as &std::ffi::OsStr)
}

/// Whether there is a recording, of whatever format. A file of somebody else's may have the name of one of its files.
fn is_whole(folder: &Path, names: &BTreeSet<OsString>) -> bool {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "it is only asked whether they are there")]
    struct Any {
        format: u32,
        program: String,
        seed: u64,
    }
    let is_one = |text: String| serde_json::from_str::<Any>(&text).is_ok();
    has(names, RUN)
        && ((has(names, TRACE) && has(names, PASSES))
            || fs::read_to_string(folder.join(RUN)).is_ok_and(is_one))
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
