use super::Scratch;
use super::error::Result;
use super::names::OpenHow;
use super::tree::{Kind, NodeId, Stat, Tree};
use super::walk::Follow;
use crate::clock::WallTime;
use bytes::Bytes;

/// An open file or directory. What it refers to lives at least as long, whatever happens to its name.
///
/// Paths are relative to the directory that the handle is; [`ScratchError::NotDirectory`](super::ScratchError) if it is a file.
pub struct Handle {
    scratch: Scratch,
    node: NodeId,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

impl Scratch {
    /// Opens the root directory.
    pub fn root(&self) -> Handle {
        let mut tree = self.tree();
        let node = tree.root;
        tree.open(node);
        Handle { scratch: self.clone(), node }
    }
}

impl Handle {
    fn read_tree<T>(&self, read: impl FnOnce(&Tree) -> T) -> T {
        read(&self.scratch.tree())
    }

    fn change_tree<T>(&self, change: impl FnOnce(&mut Tree, WallTime) -> T) -> T {
        let now = self.scratch.now();
        change(&mut self.scratch.tree(), now)
    }

    /// What kind of node it is; that never changes.
    pub fn kind(&self) -> Kind {
        self.stat().kind
    }

    /// What it is and how large.
    pub fn stat(&self) -> Stat {
        self.read_tree(|tree| tree.stat(self.node))
    }

    /// The same for what is at `path`.
    pub fn stat_at(&self, path: &str, follow: Follow) -> Result<Stat> {
        self.read_tree(|tree| Ok(tree.stat(tree.find(self.node, path, follow)?)))
    }

    /// Sets the times that are given.
    pub fn set_times(&self, accessed: Option<WallTime>, modified: Option<WallTime>) {
        self.change_tree(|tree, now| tree.set_times(self.node, accessed, modified, now));
    }

    /// The same for what is at `path`.
    pub fn set_times_at(
        &self,
        path: &str,
        follow: Follow,
        accessed: Option<WallTime>,
        modified: Option<WallTime>,
    ) -> Result<()> {
        self.change_tree(|tree, now| {
            let node = tree.find(self.node, path, follow)?;
            tree.set_times(node, accessed, modified, now);
            Ok(())
        })
    }

    /// Up to `length` bytes from `offset` on; none at and past the end.
    pub fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.read_tree(|tree| tree.read(self.node, offset, length).map(Bytes::copy_from_slice))
    }

    /// Writes all of `bytes` at `offset`, after zeros if that is past the end, or nothing at all.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change_tree(|tree, now| tree.write(self.node, offset, bytes, now))
    }

    /// Writes all of `bytes` at the end, or nothing at all.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        self.change_tree(|tree, now| tree.append(self.node, bytes, now))
    }

    /// Cuts the file, or extends it with zeros.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.change_tree(|tree, now| tree.set_size(self.node, size, now))
    }

    /// Opens what is at `path`, or makes it.
    pub fn open_at(&self, path: &str, how: OpenHow) -> Result<Handle> {
        let node = self.change_tree(|tree, now| {
            let node = tree.open_at(self.node, path, how, now)?;
            tree.open(node);
            Ok(node)
        })?;
        Ok(Handle { scratch: self.scratch.clone(), node })
    }

    /// Makes a directory.
    pub fn create_directory_at(&self, path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.create_directory(self.node, path, now))
    }

    /// Removes an empty directory.
    pub fn remove_directory_at(&self, path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.remove_directory(self.node, path, now))
    }

    /// Removes the name of a file or symbolic link.
    pub fn unlink_file_at(&self, path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.unlink_file(self.node, path, now))
    }

    /// Moves `path` to `new_path` under `new`, which must be of the same scratch folder.
    pub fn rename_at(&self, path: &str, new: &Handle, new_path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.rename((self.node, path), (new.node, new_path), now))
    }

    /// Gives the file at `path` a second name, `new_path` under `new`, which must be of the same scratch folder.
    pub fn link_at(&self, path: &str, follow: Follow, new: &Handle, new_path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.hard_link((self.node, path, follow), (new.node, new_path), now))
    }

    /// Makes a symbolic link at `path`.
    pub fn symbolic_link_at(&self, target: &str, path: &str) -> Result<()> {
        self.change_tree(|tree, now| tree.symbolic_link(target, self.node, path, now))
    }

    /// The target of a symbolic link.
    pub fn read_link_at(&self, path: &str) -> Result<String> {
        self.read_tree(|tree| tree.read_link(self.node, path).map(str::to_owned))
    }

    /// The entry after the name `after`, or the first, in the order of their bytes. A reader that goes on like this sees every entry that
    /// stays, whatever comes and goes meanwhile, and holds no copy of the directory.
    pub fn next_entry(&self, after: Option<&str>) -> Result<Option<Entry>> {
        self.read_tree(|tree| {
            let next = tree.next_entry(self.node, after)?;
            Ok(next.map(|(name, node)| Entry { name: name.to_owned(), kind: tree.stat(node).kind }))
        })
    }

    /// Whether both are the same node.
    pub fn is_same(&self, other: &Handle) -> bool {
        self.node == other.node && self.scratch.is_same(&other.scratch)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.scratch.tree().open(self.node);
        Handle { scratch: self.scratch.clone(), node: self.node }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.scratch.tree().close(self.node);
    }
}
