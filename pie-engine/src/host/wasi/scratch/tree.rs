//! The nodes of the file system and what is inside of files: numbers and bytes, no paths.
//!
//! Invariants: a node lives while it has a name or an open handle; `usage.bytes` is the length of all files and symbolic links that live;
//! `usage.entries` counts the names in all directories; a directory has one name, so the tree has no cycle.

use super::ScratchLimits;
use super::error::{Result, ScratchError};
use crate::clock::WallTime;
use slab::Slab;
use std::collections::BTreeMap;

/// A node of the tree. Numbers are used again, but only when nothing refers to them any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(usize);

/// What kind of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Directory,
    /// A path.
    SymbolicLink,
}

/// The times of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was last read. Reading does not change it (`noatime`); only `Tree::set_times` does.
    pub accessed: WallTime,
    /// When its contents last changed.
    pub modified: WallTime,
    /// When anything about it last changed.
    pub changed: WallTime,
}

/// What `stat` tells about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// File, directory or symbolic link.
    pub kind: Kind,
    /// How many names it has.
    pub links: u32,
    /// Bytes of a file or of the path in a symbolic link; 0 for a directory.
    pub size: u64,
    /// Its times.
    pub times: Times,
    /// Differs between any two nodes of one run, also when the first is gone: nodes are numbered in the order they were made.
    pub serial: u64,
}

pub(super) struct Node {
    serial: u64,
    pub links: u32,
    /// Open handles.
    handles: u32,
    pub times: Times,
    pub content: Content,
}

pub(super) enum Content {
    File(Vec<u8>),
    Directory(Directory),
    SymbolicLink(String),
}

#[derive(Default)]
pub(super) struct Directory {
    /// The directory it is in and the length of its name there; none for the root and for what was removed.
    pub parent: Option<(NodeId, usize)>,
    pub entries: BTreeMap<String, NodeId>,
}

#[derive(Default)]
struct Usage {
    bytes: u64,
    entries: u32,
}

pub(super) struct Tree {
    nodes: Slab<Node>,
    limits: ScratchLimits,
    usage: Usage,
    created: u64,
    pub root: NodeId,
}

impl Tree {
    pub fn new(limits: ScratchLimits, now: WallTime) -> Self {
        // Room for the root alone: most instances never touch their files.
        let nodes = Slab::with_capacity(1);
        let mut tree = Tree { nodes, limits, usage: Usage::default(), created: 0, root: NodeId(0) };
        tree.root = tree.add(Content::Directory(Directory::default()), now);
        tree.node_mut(tree.root).links = 1;
        tree
    }

    /// Makes a node without a name. The caller names or opens it before it returns to anybody.
    pub fn add(&mut self, content: Content, now: WallTime) -> NodeId {
        let times = Times { accessed: now, modified: now, changed: now };
        let serial = self.created;
        self.created += 1;
        NodeId(self.nodes.insert(Node { serial, links: 0, handles: 0, times, content }))
    }

    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0).expect("names and handles keep their nodes alive")
    }

    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(id.0).expect("names and handles keep their nodes alive")
    }

    /// The directory `id`, or `ENOTDIR`.
    pub fn directory(&self, id: NodeId) -> Result<&Directory> {
        match &self.node(id).content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(ScratchError::NotDirectory),
        }
    }

    pub fn directory_mut(&mut self, id: NodeId) -> Result<&mut Directory> {
        match &mut self.node_mut(id).content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(ScratchError::NotDirectory),
        }
    }

    fn file(&self, id: NodeId) -> Result<&Vec<u8>> {
        match &self.node(id).content {
            Content::File(bytes) => Ok(bytes),
            Content::Directory(_) => Err(ScratchError::IsDirectory),
            Content::SymbolicLink(_) => Err(ScratchError::Loop),
        }
    }

    pub fn stat(&self, id: NodeId) -> Stat {
        let node = self.node(id);
        let (kind, size) = (node.content.kind(), node.content.bytes());
        Stat { kind, links: node.links, size, times: node.times, serial: node.serial }
    }

    /// Sets the times that are given.
    pub fn set_times(
        &mut self,
        id: NodeId,
        accessed: Option<WallTime>,
        modified: Option<WallTime>,
        now: WallTime,
    ) {
        let times = &mut self.node_mut(id).times;
        times.accessed = accessed.unwrap_or(times.accessed);
        times.modified = modified.unwrap_or(times.modified);
        times.changed = now;
    }

    /// Notes that the contents of a node changed.
    pub fn touch(&mut self, id: NodeId, now: WallTime) {
        let times = &mut self.node_mut(id).times;
        times.modified = now;
        times.changed = now;
    }

    /// Up to `length` bytes from `offset` on; none at and past the end.
    pub fn read(&self, id: NodeId, offset: u64, length: usize) -> Result<&[u8]> {
        let bytes = self.file(id)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        Ok(&bytes[start..end])
    }

    /// Writes all of `bytes` at `offset`, after zeros if that is past the end, or nothing at all.
    pub fn write(&mut self, id: NodeId, offset: u64, bytes: &[u8], now: WallTime) -> Result<()> {
        let length = self.file(id)?.len() as u64;
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(ScratchError::FileTooLarge)?;
        if end > length {
            self.resize(id, end)?;
        }
        self.touch(id, now);
        let file = self.file_mut(id)?;
        // Both fit: the file is at least `end` long.
        let start = offset as usize;
        file[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Writes at the end.
    pub fn append(&mut self, id: NodeId, bytes: &[u8], now: WallTime) -> Result<()> {
        let end = self.file(id)?.len() as u64;
        self.write(id, end, bytes, now)
    }

    /// Cuts the file, or extends it with zeros.
    pub fn set_size(&mut self, id: NodeId, size: u64, now: WallTime) -> Result<()> {
        self.resize(id, size)?;
        self.touch(id, now);
        Ok(())
    }

    /// Puts `bytes` in the place of what the file had, or changes nothing.
    pub fn replace(&mut self, id: NodeId, bytes: Vec<u8>, now: WallTime) -> Result<()> {
        let (old, new) = (self.file(id)?.len() as u64, bytes.len() as u64);
        self.charge(new.saturating_sub(old))?;
        self.refund(old.saturating_sub(new));
        *self.file_mut(id)? = bytes;
        self.touch(id, now);
        Ok(())
    }

    fn file_mut(&mut self, id: NodeId) -> Result<&mut Vec<u8>> {
        match &mut self.node_mut(id).content {
            Content::File(bytes) => Ok(bytes),
            Content::Directory(_) => Err(ScratchError::IsDirectory),
            Content::SymbolicLink(_) => Err(ScratchError::Loop),
        }
    }

    fn resize(&mut self, id: NodeId, size: u64) -> Result<()> {
        let length = self.file(id)?.len() as u64;
        self.charge(size.saturating_sub(length))?;
        self.refund(length.saturating_sub(size));
        let free = self.limits.bytes - self.usage.bytes;
        let file = self.file_mut(id)?;
        // Now that it is charged for, it is at most `limits.bytes`, and so is the capacity.
        grow(file, size as usize, free as usize);
        file.resize(size as usize, 0);
        if file.is_empty() {
            file.shrink_to_fit();
        }
        Ok(())
    }

    /// Takes `bytes` from the quota.
    pub fn charge(&mut self, bytes: u64) -> Result<()> {
        let used = self.usage.bytes.checked_add(bytes).ok_or(ScratchError::InsufficientSpace)?;
        if used > self.limits.bytes {
            return Err(ScratchError::InsufficientSpace);
        }
        self.usage.bytes = used;
        Ok(())
    }

    fn refund(&mut self, bytes: u64) {
        self.usage.bytes -= bytes;
    }

    /// Bytes of the quota in use.
    pub fn used_bytes(&self) -> u64 {
        self.usage.bytes
    }

    /// Whether the quota leaves room for one more directory entry.
    pub fn check_entries(&self) -> Result<()> {
        if self.usage.entries < self.limits.entries { Ok(()) } else { Err(ScratchError::InsufficientSpace) }
    }

    /// Counts a directory entry.
    pub fn count_entry(&mut self) {
        self.usage.entries += 1;
    }

    /// Uncounts a directory entry.
    pub fn uncount_entry(&mut self) {
        self.usage.entries -= 1;
    }

    /// Counts a handle.
    pub fn open(&mut self, id: NodeId) {
        self.node_mut(id).handles += 1;
    }

    /// Uncounts a handle.
    pub fn close(&mut self, id: NodeId) {
        self.node_mut(id).handles -= 1;
        self.collect(id);
    }

    /// Frees a node that has neither name nor handle.
    pub fn collect(&mut self, id: NodeId) {
        let node = self.node(id);
        if node.links == 0 && node.handles == 0 {
            let bytes = node.content.bytes();
            self.refund(bytes);
            self.nodes.remove(id.0);
        }
    }
}

impl Content {
    pub fn kind(&self) -> Kind {
        match self {
            Content::File(_) => Kind::File,
            Content::Directory(_) => Kind::Directory,
            Content::SymbolicLink(_) => Kind::SymbolicLink,
        }
    }

    /// What it counts against the quota.
    pub fn bytes(&self) -> u64 {
        match self {
            Content::File(bytes) => bytes.len() as u64,
            Content::Directory(_) => 0,
            Content::SymbolicLink(target) => target.len() as u64,
        }
    }
}

/// Makes room for `size` bytes: twice as much as before, so that many small writes stay cheap, but not more than is `free` besides.
fn grow(file: &mut Vec<u8>, size: usize, free: usize) {
    if size > file.capacity() {
        let room = size.max((2 * file.capacity()).min(size + free));
        file.reserve_exact(room - file.len());
    }
}

#[cfg(test)]
impl Tree {
    /// How many bytes the files take up, their room to grow included.
    pub fn capacity(&self) -> usize {
        let file = |node: &Node| if let Content::File(bytes) = &node.content { bytes.capacity() } else { 0 };
        self.nodes.iter().map(|(_, node)| file(node)).sum()
    }

    /// Counts everything again and compares.
    pub fn check(&self) {
        let (mut bytes, mut entries, mut links) = (0, 0, BTreeMap::from([(self.root.0, 1)]));
        for (id, node) in &self.nodes {
            assert!(node.links > 0 || node.handles > 0, "node {id} is kept for nothing");
            bytes += node.content.bytes();
            let Content::Directory(directory) = &node.content else { continue };
            assert!(node.links <= 1, "directory {id} has several names");
            entries += directory.entries.len() as u32;
            for (name, child) in &directory.entries {
                *links.entry(child.0).or_insert(0) += 1;
                if let Content::Directory(directory) = &self.node(*child).content {
                    assert_eq!(directory.parent, Some((NodeId(id), name.len())));
                }
            }
        }
        assert_eq!((self.usage.bytes, self.usage.entries), (bytes, entries));
        for (id, node) in &self.nodes {
            assert_eq!(node.links, links.get(&id).copied().unwrap_or(0), "names of node {id}");
        }
    }
}
