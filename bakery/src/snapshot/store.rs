//! Snapshots as files: `snapshots/CASE.LAYER.snap` beside the manifest, in the format of the library insta (<https://insta.rs>): metadata in a little
//! YAML between two lines of dashes, then the content. What is pending is beside it as `.snap.new`. So `cargo insta review` works on the folder too.
//!
//! Invariants: what is accepted changes only when it is accepted; a file that cannot be read is left as it is; a file is written whole or not at all.

mod format;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use format::{Conditions, Parsed, Snapshot};

use crate::error::{Error, Result};
use crate::project::case::Layer;

/// The folder's name, beside the manifest.
pub const FOLDER: &str = "snapshots";
const ACCEPTED: &str = ".snap";
const PENDING: &str = ".snap.new";

/// The snapshots of a project. The folder is listed once; a file is read when it is asked for.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    /// Names of the files that belong to bakery.
    names: BTreeSet<String>,
}

/// Which snapshot: of which case, and which layer of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What the case's files begin with.
    pub stem: String,
    /// The layer.
    pub layer: Layer,
}

impl Key {
    fn accepted(&self) -> String {
        format!("{}.{}{ACCEPTED}", self.stem, self.layer.name())
    }

    fn pending(&self) -> String {
        format!("{}.{}{PENDING}", self.stem, self.layer.name())
    }

    /// The key of a file and whether it is pending, if the file is a snapshot of bakery's.
    fn of(name: &str) -> Option<(Key, bool)> {
        let (name, pending) = match name.strip_suffix(PENDING) {
            Some(name) => (name, true),
            None => (name.strip_suffix(ACCEPTED)?, false),
        };
        let (stem, layer) = name.rsplit_once('.')?;
        let layer = Layer::ALL.into_iter().find(|known| known.name() == layer)?;
        Some((Key { stem: stem.to_owned(), layer }, pending))
    }
}

impl Folder {
    /// Lists the snapshots beside a manifest. There need not be any.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(project: &Path) -> Result<Folder> {
        let path = project.join(FOLDER);
        let mut names = BTreeSet::new();
        let unreadable =
            |cause| Error::environment(format!("cannot read `{}`", path.display())).caused_by(cause);
        match fs::read_dir(&path) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(unreadable)?.file_name();
                    names.extend(name.to_str().filter(|name| Key::of(name).is_some()).map(str::to_owned));
                }
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            Err(cause) => return Err(unreadable(cause)),
        }
        Ok(Folder { path, names })
    }

    /// Which snapshot a file is, accepted or pending.
    pub fn key_of(file: &str) -> Option<Key> {
        Key::of(file).map(|(key, _)| key)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was accepted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn accepted(&self, key: &Key) -> Result<Parsed> {
        self.read(&key.accepted())
    }

    /// What waits to be accepted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pending(&self, key: &Key) -> Result<Parsed> {
        self.read(&key.pending())
    }

    fn read(&self, name: &str) -> Result<Parsed> {
        if !self.names.contains(name) {
            return Ok(Parsed::Missing);
        }
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(format::parse(bytes)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Parsed::Missing),
            Err(cause) => {
                Err(Error::environment(format!("cannot read `{}`", path.display())).caused_by(cause))
            }
        }
    }

    /// Whether something waits to be accepted.
    pub fn is_pending(&self, key: &Key) -> bool {
        self.names.contains(&key.pending())
    }

    /// All that waits to be accepted, in order.
    pub fn all_pending(&self) -> Vec<Key> {
        self.names
            .iter()
            .filter_map(|name| Key::of(name))
            .filter(|(_, pending)| *pending)
            .map(|(key, _)| key)
            .collect()
    }

    /// What was accepted and is asked for by nobody, and what is pending of such; names of files, in order.
    pub fn obsolete(&self, asked_for: &BTreeSet<Key>) -> Vec<String> {
        let unknown = |name: &&String| Key::of(name).is_some_and(|(key, _)| !asked_for.contains(&key));
        self.names.iter().filter(unknown).cloned().collect()
    }

    /// Where what was accepted is.
    pub fn accepted_path(&self, key: &Key) -> PathBuf {
        self.path.join(key.accepted())
    }

    /// Where what waits to be accepted is.
    pub fn pending_path(&self, key: &Key) -> PathBuf {
        self.path.join(key.pending())
    }

    /// Writes something that waits to be accepted. One that waits already and is the same is left as it is, so that nobody who watches is woken.
    ///
    /// # Errors
    /// Writing failed.
    pub fn propose(&self, key: &Key, snapshot: &Snapshot) -> Result<()> {
        self.write(&key.pending(), snapshot)
    }

    /// Accepts something that was not pending.
    ///
    /// # Errors
    /// Writing failed.
    pub fn accept(&self, key: &Key, snapshot: &Snapshot) -> Result<()> {
        self.write(&key.accepted(), snapshot)?;
        self.remove(&key.pending())
    }

    /// Accepts what is pending. It is written as insta would: without what only a review needs.
    ///
    /// # Errors
    /// The file has gone, is broken, or cannot be replaced.
    pub fn accept_pending(&self, key: &Key) -> Result<()> {
        let path = self.pending_path(key);
        match self.pending(key)? {
            Parsed::Snapshot(snapshot) => self.accept(key, &snapshot),
            Parsed::Missing => Err(Error::usage(format!("`{}` has gone", path.display()))),
            Parsed::Conflict(line) | Parsed::Broken { line, .. } => {
                Err(Error::usage(format!("`{}` is not a snapshot", path.display()))
                    .caused_by(format!("line {line} is not what bakery writes"))
                    .hint("bakery test"))
            }
        }
    }

    /// Drops what is pending.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn reject_pending(&self, key: &Key) -> Result<()> {
        self.remove(&key.pending())
    }

    /// Removes a file of the folder that is a snapshot; one that is not there is gone already.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.names.contains(name) {
            return Ok(());
        }
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
            Err(cause) => {
                Err(Error::environment(format!("cannot remove `{}`", path.display())).caused_by(cause))
            }
        }
    }

    fn write(&self, name: &str, snapshot: &Snapshot) -> Result<()> {
        let path = self.path.join(name);
        let text = snapshot.to_string();
        if self.names.contains(name) && fs::read(&path).is_ok_and(|before| before == text.as_bytes()) {
            return Ok(());
        }
        write_whole(&self.path, &path, text.as_bytes()).map_err(|cause| {
            Error::environment(format!("cannot write `{}`", path.display())).caused_by(cause)
        })
    }
}

/// Writes a file whole or not at all.
fn write_whole(folder: &Path, path: &Path, contents: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bakery-");
    // Temporary files are private unless told otherwise; this one becomes an ordinary file of the user's.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(contents)?;
    file.persist(path)?;
    Ok(())
}
