//! From a path to the place it names, without ever leaving the directory it starts from.

use super::error::{Result, ScratchError};
use super::tree::{Content, NodeId, Tree};

/// The longest name of a directory entry, in bytes, as on most Unix systems.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest path, in bytes, both as an argument and from the root to any entry, so that taking files out is bounded too.
pub const MAX_PATH_BYTES: usize = 4095;

/// How many symbolic links a path may go through, as on Linux.
const MAX_LINKS: u32 = 40;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// As `stat` and `open` do.
    Always,
    /// As `lstat` does: only if a `/` comes after it.
    IfDirectory,
    /// As `open` does when it may make a file: not if a `/` comes after it, because then it could only make a directory.
    UnlessDirectory,
    /// As operations on the name itself do: `unlink`, `rename`, `mkdir`.
    Never,
}

/// Where a path ends.
pub(super) enum Place {
    /// At a name in a directory, which need not exist.
    Name { parent: NodeId, name: String, node: Option<NodeId>, must_be_directory: bool },
    /// At a directory by way of `.` or `..`, so without a name.
    Dots { node: NodeId, dots: Dots },
}

/// How a path ended that did not end in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dots {
    One,
    Two,
}

impl Place {
    /// The node at this place, for operations that need one.
    pub fn existing(&self) -> Result<NodeId> {
        match self {
            Place::Name { node: Some(node), .. } | Place::Dots { node, .. } => Ok(*node),
            Place::Name { node: None, .. } => Err(ScratchError::NoEntry),
        }
    }

    /// Whether what is there has to be a directory.
    pub fn must_be_directory(&self) -> bool {
        match self {
            Place::Name { must_be_directory, .. } => *must_be_directory,
            Place::Dots { .. } => true,
        }
    }
}

/// A walk under way. It keeps the directories from its start to here, so `..` can go back, but not past the start.
struct Walk<'a> {
    tree: &'a Tree,
    directories: Vec<NodeId>,
    /// The components to come, last first.
    pending: Vec<&'a str>,
    must_be_directory: bool,
    links: u32,
}

impl Tree {
    /// Follows `path` from the directory `base`.
    ///
    /// # Errors
    /// `EPERM` for an absolute path and for `..` above `base`, also by way of symbolic links; `ENOENT` and `ENOTDIR` for what is missing
    /// before the last component; `ENAMETOOLONG`, `ELOOP`; `EINVAL` for a NUL.
    pub fn walk(&self, base: NodeId, path: &str, follow: Follow) -> Result<Place> {
        check_path(path)?;
        self.directory(base)?;
        let (directories, pending) = (vec![base], Vec::new());
        let mut walk = Walk { tree: self, directories, pending, must_be_directory: false, links: 0 };
        walk.enter(path);
        while let Some(component) = walk.pending.pop() {
            if let Some(place) = walk.step(component, follow)? {
                return Ok(place);
            }
        }
        // Not reached: a path that is neither empty nor absolute has a last component, and that one ends the walk.
        Err(ScratchError::NoEntry)
    }

    /// The node at `path`, which must be a directory if the path ends in `/`.
    pub fn find(&self, base: NodeId, path: &str, follow: Follow) -> Result<NodeId> {
        let place = self.walk(base, path, follow)?;
        let node = place.existing()?;
        if place.must_be_directory() {
            self.directory(node)?;
        }
        Ok(node)
    }
}

impl<'a> Walk<'a> {
    fn enter(&mut self, path: &'a str) {
        if self.pending.is_empty() {
            self.must_be_directory |= path.ends_with('/');
        }
        self.pending.extend(path.split('/').rev().filter(|component| !component.is_empty()));
    }

    /// Takes one component; returns the place if it was the last.
    fn step(&mut self, component: &'a str, follow: Follow) -> Result<Option<Place>> {
        let is_last = self.pending.is_empty();
        let dots = match component {
            "." => Dots::One,
            ".." => {
                self.directories.pop();
                Dots::Two
            }
            name => return self.step_into(name, is_last, follow),
        };
        let node = self.here()?;
        Ok(is_last.then_some(Place::Dots { node, dots }))
    }

    fn step_into(&mut self, name: &'a str, is_last: bool, follow: Follow) -> Result<Option<Place>> {
        if name.len() > MAX_NAME_BYTES {
            return Err(ScratchError::NameTooLong);
        }
        let tree = self.tree;
        let parent = self.here()?;
        let node = tree.directory(parent)?.entries.get(name).copied();
        match (node, node.map(|node| &tree.node(node).content)) {
            (_, Some(Content::SymbolicLink(target))) if !is_last || self.follows(follow) => {
                self.links += 1;
                if self.links > MAX_LINKS {
                    return Err(ScratchError::Loop);
                }
                self.enter(target);
                Ok(None)
            }
            _ if is_last => {
                let must_be_directory = self.must_be_directory;
                Ok(Some(Place::Name { parent, name: name.to_owned(), node, must_be_directory }))
            }
            (Some(node), Some(Content::Directory(_))) => {
                self.directories.push(node);
                Ok(None)
            }
            (Some(_), _) => Err(ScratchError::NotDirectory),
            (None, _) => Err(ScratchError::NoEntry),
        }
    }

    fn follows(&self, follow: Follow) -> bool {
        match follow {
            Follow::Always => true,
            Follow::IfDirectory => self.must_be_directory,
            Follow::UnlessDirectory => !self.must_be_directory,
            Follow::Never => false,
        }
    }

    fn here(&self) -> Result<NodeId> {
        self.directories.last().copied().ok_or(ScratchError::NotPermitted)
    }
}

/// Checks a path as text, before anything is looked up.
pub(super) fn check_path(path: &str) -> Result<()> {
    match path {
        "" => Err(ScratchError::NoEntry),
        _ if path.len() > MAX_PATH_BYTES => Err(ScratchError::NameTooLong),
        _ if path.starts_with('/') => Err(ScratchError::NotPermitted),
        _ if path.contains('\0') => Err(ScratchError::Invalid),
        _ => Ok(()),
    }
}
