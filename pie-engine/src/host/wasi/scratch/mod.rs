//! The scratch folder: a file system in memory, one for each run, that guests see as `/scratch`.
//!
//! It does what POSIX says and reports the errors that Linux would, but nothing of it reaches a disk: it is bounded by
//! [`ScratchLimits`], its times come from the clock of the run, and it ends with the run. No operation waits.
//!
//! Reading order: `tree` holds nodes and bytes, `walk` finds the node for a path, `names` does what changes names, `transfer` is
//! for the host, and [`Handle`] is the
//! face of it all to `wasi:filesystem`. It does not know permissions, owners or devices: whoever has the folder may do anything in it.

mod error;
mod handle;
mod names;
mod transfer;
mod tree;
mod walk;

#[cfg(all(test, target_os = "linux"))]
mod against_linux;
#[cfg(test)]
mod tests;

pub use error::{Result, ScratchError};
pub use handle::{Entry, Handle};
pub use names::OpenHow;
pub use tree::{Kind, Stat, Times};
pub use walk::{Follow, MAX_NAME_BYTES, MAX_PATH_BYTES};

use crate::clock::{Clock, WallTime};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::Tree;

/// How much a scratch folder may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchLimits {
    /// Bytes of all files and symbolic links together, those that are open but have no name any more included.
    pub bytes: u64,
    /// Entries of all directories together.
    pub entries: u32,
}

impl Default for ScratchLimits {
    /// 64 MiB in 16,384 entries.
    fn default() -> Self {
        ScratchLimits { bytes: 64 << 20, entries: 16_384 }
    }
}

/// A scratch folder. Clones are the same folder.
#[derive(Clone)]
pub struct Scratch {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    tree: Mutex<Tree>,
}

impl Scratch {
    /// An empty folder whose times come from `clock`.
    pub fn new(clock: Arc<dyn Clock>, limits: ScratchLimits) -> Self {
        let tree = Mutex::new(Tree::new(limits, clock.wall()));
        Scratch { shared: Arc::new(Shared { clock, tree }) }
    }

    /// Puts a file in, with the directories on the way to it; replaces what it had. `path` is relative to the folder.
    ///
    /// # Errors
    /// Those of a path (absolute, out of the folder, a file where a directory is needed) and of the limits; then directories may have been
    /// made, but the file is as it was.
    pub fn insert(&self, path: &str, bytes: impl Into<Vec<u8>>) -> Result<()> {
        let now = self.now();
        self.tree().insert(path, bytes.into(), now)
    }

    /// All files by path, relative to the folder. A file with several names is there under each; symbolic links are not followed and empty
    /// directories are left out.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        self.tree().visit_files(|path, bytes| {
            files.insert(path.to_owned(), bytes.to_vec());
        });
        files
    }

    /// How many bytes of the limit are in use.
    pub fn used_bytes(&self) -> u64 {
        self.tree().used_bytes()
    }

    fn now(&self) -> WallTime {
        self.shared.clock.wall()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        // A panic elsewhere must not take the files with it.
        self.shared.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_same(&self, other: &Scratch) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("used_bytes", &self.used_bytes()).finish_non_exhaustive()
    }
}
