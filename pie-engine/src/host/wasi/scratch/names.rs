//! Operations on names: open, make, remove, rename, link. Which error comes first follows Linux.

use super::error::{Result, ScratchError};
use super::tree::{Content, Directory, Kind, NodeId, Tree};
use super::walk::{Dots, Follow, MAX_PATH_BYTES, Place, check_path};
use crate::clock::WallTime;
use std::ops::Bound;

/// How a path is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenHow {
    /// Whether a symbolic link at the end is followed.
    pub follow: Follow,
    /// Make the file if it is not there.
    pub create: bool,
    /// With `create`: fail if it is there.
    pub exclusive: bool,
    /// Fail unless it is a directory.
    pub directory: bool,
    /// Cut the file to no length.
    pub truncate: bool,
    /// The file will be written.
    pub write: bool,
}

/// A place for a new name: a directory and a name that is not in it.
pub(super) struct Vacancy {
    pub parent: NodeId,
    pub name: String,
}

impl Tree {
    /// Opens or makes a file, or opens a directory.
    pub fn open_at(&mut self, base: NodeId, path: &str, how: OpenHow, now: WallTime) -> Result<NodeId> {
        if how.directory && (how.create || how.truncate) {
            return Err(ScratchError::Invalid);
        }
        let follow = match how {
            OpenHow { create: false, follow, .. } => follow,
            OpenHow { exclusive: false, follow: Follow::Always, .. } => Follow::UnlessDirectory,
            _ => Follow::Never,
        };
        let place = self.walk(base, path, follow)?;
        match place {
            Place::Dots { .. } if how.create && how.exclusive => Err(ScratchError::Exist),
            place if how.create && place.must_be_directory() => Err(ScratchError::IsDirectory),
            Place::Name { parent, name, node: None, .. } if how.create => {
                self.make(Vacancy { parent, name }, Content::File(Vec::new()), now)
            }
            Place::Name { node: Some(_), .. } if how.create && how.exclusive => Err(ScratchError::Exist),
            place => self.open_existing(&place, how, now),
        }
    }

    fn open_existing(&mut self, place: &Place, how: OpenHow, now: WallTime) -> Result<NodeId> {
        let node = place.existing()?;
        let must_be_directory = how.directory || place.must_be_directory();
        match self.node(node).content.kind() {
            Kind::Directory if how.write || how.truncate || how.create => Err(ScratchError::IsDirectory),
            Kind::Directory => Ok(node),
            _ if must_be_directory => Err(ScratchError::NotDirectory),
            Kind::SymbolicLink => Err(ScratchError::Loop),
            Kind::File => {
                if how.truncate {
                    self.set_size(node, 0, now)?;
                }
                Ok(node)
            }
        }
    }

    /// Makes a directory.
    pub fn create_directory(&mut self, base: NodeId, path: &str, now: WallTime) -> Result<()> {
        let (vacancy, _) = self.vacancy(base, path)?;
        self.make(vacancy, Content::Directory(Directory::default()), now)?;
        Ok(())
    }

    /// Makes a symbolic link at `path`. `EPERM` if its target is an absolute path.
    pub fn symbolic_link(&mut self, target: &str, base: NodeId, path: &str, now: WallTime) -> Result<()> {
        check_path(target)?;
        let vacancy = self.vacancy_for_file(base, path)?;
        self.make(vacancy, Content::SymbolicLink(target.to_owned()), now)?;
        Ok(())
    }

    /// The target of a symbolic link; `EINVAL` if it is something else.
    pub fn read_link(&self, base: NodeId, path: &str) -> Result<&str> {
        match &self.node(self.find(base, path, Follow::IfDirectory)?).content {
            Content::SymbolicLink(target) => Ok(target),
            _ => Err(ScratchError::Invalid),
        }
    }

    /// Gives a file a second name; `EPERM` for a directory.
    pub fn hard_link(
        &mut self,
        (old_base, old_path, follow): (NodeId, &str, Follow),
        (new_base, new_path): (NodeId, &str),
        now: WallTime,
    ) -> Result<()> {
        let node = self.find(old_base, old_path, follow)?;
        let vacancy = self.vacancy_for_file(new_base, new_path)?;
        if self.directory(node).is_ok() {
            return Err(ScratchError::NotPermitted);
        }
        self.check_vacancy(&vacancy)?;
        self.enter(vacancy, node, now)
    }

    /// Removes the name of a file or symbolic link.
    pub fn unlink_file(&mut self, base: NodeId, path: &str, now: WallTime) -> Result<()> {
        let Place::Name { parent, name, node, must_be_directory } = self.walk(base, path, Follow::Never)?
        else {
            return Err(ScratchError::IsDirectory);
        };
        let node = node.ok_or(ScratchError::NoEntry)?;
        if self.directory(node).is_ok() {
            return Err(ScratchError::IsDirectory);
        }
        if must_be_directory {
            return Err(ScratchError::NotDirectory);
        }
        self.strike(parent, &name, now)
    }

    /// Removes an empty directory.
    pub fn remove_directory(&mut self, base: NodeId, path: &str, now: WallTime) -> Result<()> {
        let (parent, name, node) = match self.walk(base, path, Follow::Never)? {
            Place::Name { parent, name, node, .. } => (parent, name, node.ok_or(ScratchError::NoEntry)?),
            Place::Dots { dots: Dots::One, .. } => return Err(ScratchError::Invalid),
            Place::Dots { dots: Dots::Two, .. } => return Err(ScratchError::NotEmpty),
        };
        if !self.directory(node)?.entries.is_empty() {
            return Err(ScratchError::NotEmpty);
        }
        self.strike(parent, &name, now)
    }

    /// Moves a name, over what was there if POSIX allows it.
    pub fn rename(
        &mut self,
        (old_base, old_path): (NodeId, &str),
        (new_base, new_path): (NodeId, &str),
        now: WallTime,
    ) -> Result<()> {
        let old = self.walk(old_base, old_path, Follow::Never)?;
        let new = self.walk(new_base, new_path, Follow::Never)?;
        let Place::Name { parent: old_parent, name: old_name, node: moved, .. } = &old else {
            return Err(ScratchError::Busy);
        };
        let Place::Name { parent, name, node: replaced, .. } = &new else {
            return Err(ScratchError::Busy);
        };
        let moved = moved.ok_or(ScratchError::NoEntry)?;
        let is_directory = self.directory(moved).is_ok();
        if !is_directory && (old.must_be_directory() || new.must_be_directory()) {
            return Err(ScratchError::NotDirectory);
        }
        self.check_replace(moved, *old_parent, *parent, *replaced)?;
        if *replaced == Some(moved) {
            return Ok(());
        }
        self.check_parent(*parent, name.len() + self.height(moved))?;
        if replaced.is_some() {
            self.strike(*parent, name, now)?;
        }
        // Held open, so that it outlives the moment in which it has no name.
        self.open(moved);
        self.strike(*old_parent, old_name, now)?;
        self.enter(Vacancy { parent: *parent, name: name.clone() }, moved, now)?;
        self.close(moved);
        Ok(())
    }

    /// Whether `moved` may go into `parent`, in the place of `replaced`.
    fn check_replace(
        &self,
        moved: NodeId,
        old_parent: NodeId,
        parent: NodeId,
        replaced: Option<NodeId>,
    ) -> Result<()> {
        if self.is_within(parent, moved) {
            return Err(ScratchError::Invalid);
        }
        let Some(replaced) = replaced else { return Ok(()) };
        if replaced == moved {
            return Ok(());
        }
        if self.is_within(old_parent, replaced) {
            return Err(ScratchError::NotEmpty);
        }
        match (self.directory(moved), self.directory(replaced)) {
            (Ok(_), Err(_)) => Err(ScratchError::NotDirectory),
            (Err(_), Ok(_)) => Err(ScratchError::IsDirectory),
            (Ok(_), Ok(directory)) if !directory.entries.is_empty() => Err(ScratchError::NotEmpty),
            _ => Ok(()),
        }
    }

    /// Whether `directory` is `ancestor` or somewhere below it.
    fn is_within(&self, directory: NodeId, ancestor: NodeId) -> bool {
        let mut here = Some(directory);
        while let Some(node) = here {
            if node == ancestor {
                return true;
            }
            here = self.parent(node).map(|(parent, _)| parent);
        }
        false
    }

    fn parent(&self, node: NodeId) -> Option<(NodeId, usize)> {
        self.directory(node).ok().and_then(|directory| directory.parent)
    }

    /// The entry after the name `after`, or the first one; entries are in the order of their bytes.
    pub fn next_entry(&self, directory: NodeId, after: Option<&str>) -> Result<Option<(&str, NodeId)>> {
        let entries = &self.directory(directory)?.entries;
        self.check_not_removed(directory)?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = entries.range::<str, _>((start, Bound::Unbounded));
        Ok(rest.next().map(|(name, node)| (name.as_str(), *node)))
    }

    /// A name that is free, and whether it was written with a `/` at the end.
    fn vacancy(&self, base: NodeId, path: &str) -> Result<(Vacancy, bool)> {
        match self.walk(base, path, Follow::Never)? {
            Place::Name { parent, name, node: None, must_be_directory } => {
                Ok((Vacancy { parent, name }, must_be_directory))
            }
            _ => Err(ScratchError::Exist),
        }
    }

    /// The same for what will not be a directory.
    fn vacancy_for_file(&self, base: NodeId, path: &str) -> Result<Vacancy> {
        match self.vacancy(base, path)? {
            (_, true) => Err(ScratchError::NoEntry),
            (vacancy, false) => Ok(vacancy),
        }
    }

    /// Makes a node with a name.
    pub fn make(&mut self, vacancy: Vacancy, content: Content, now: WallTime) -> Result<NodeId> {
        self.check_vacancy(&vacancy)?;
        self.charge(content.bytes())?;
        let node = self.add(content, now);
        self.enter(vacancy, node, now)?;
        Ok(node)
    }

    fn check_vacancy(&self, vacancy: &Vacancy) -> Result<()> {
        self.check_parent(vacancy.parent, vacancy.name.len())?;
        self.check_entries()
    }

    /// Whether a directory may take an entry whose path from there on is `bytes` long.
    fn check_parent(&self, parent: NodeId, bytes: usize) -> Result<()> {
        self.check_not_removed(parent)?;
        let mut total = bytes;
        let mut here = parent;
        while let Some((parent, name)) = self.parent(here) {
            total += name + 1;
            here = parent;
        }
        if total > MAX_PATH_BYTES { Err(ScratchError::NameTooLong) } else { Ok(()) }
    }

    /// A directory that was removed while somebody has it open is there no more.
    fn check_not_removed(&self, directory: NodeId) -> Result<()> {
        if self.node(directory).links == 0 { Err(ScratchError::NoEntry) } else { Ok(()) }
    }

    /// Enters a name; `check_vacancy` or `check_parent` has said that it may be.
    fn enter(&mut self, vacancy: Vacancy, node: NodeId, now: WallTime) -> Result<()> {
        let Vacancy { parent, name } = vacancy;
        if let Ok(directory) = self.directory_mut(node) {
            directory.parent = Some((parent, name.len()));
        }
        self.directory_mut(parent)?.entries.insert(name, node);
        self.count_entry();
        self.touch(parent, now);
        let node = self.node_mut(node);
        node.links += 1;
        node.times.changed = now;
        Ok(())
    }

    /// Strikes a name out, and frees its node if that was all there was of it.
    fn strike(&mut self, parent: NodeId, name: &str, now: WallTime) -> Result<()> {
        let node = self.directory_mut(parent)?.entries.remove(name).ok_or(ScratchError::NoEntry)?;
        self.uncount_entry();
        self.touch(parent, now);
        if let Ok(directory) = self.directory_mut(node) {
            directory.parent = None;
        }
        let struck = self.node_mut(node);
        struck.links -= 1;
        struck.times.changed = now;
        self.collect(node);
        Ok(())
    }

    /// Bytes of the longest path below a node, each name with the `/` before it.
    fn height(&self, node: NodeId) -> usize {
        let mut longest = 0;
        let mut pending = vec![(node, 0)];
        while let Some((node, bytes)) = pending.pop() {
            longest = longest.max(bytes);
            if let Ok(directory) = self.directory(node) {
                let entries = directory.entries.iter();
                pending.extend(entries.map(|(name, child)| (*child, bytes + 1 + name.len())));
            }
        }
        longest
    }
}
