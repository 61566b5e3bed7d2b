//! Files in and out of the tree, for the host: before a run and after it.

use super::error::{Result, ScratchError};
use super::names::Vacancy;
use super::tree::{Content, Tree};
use super::walk::{Follow, Place, check_path};
use crate::clock::WallTime;

impl Tree {
    /// Puts a file in, with the directories on the way to it; replaces what it had, but only if all of it fits.
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>, now: WallTime) -> Result<()> {
        check_path(path)?;
        for (end, _) in path.match_indices('/') {
            match self.create_directory(self.root, &path[..end], now) {
                Ok(()) | Err(ScratchError::Exist) => {}
                Err(error) => return Err(error),
            }
        }
        match self.walk(self.root, path, Follow::Always)? {
            Place::Name { must_be_directory: false, node: Some(node), .. } => self.replace(node, bytes, now),
            Place::Name { must_be_directory: false, node: None, parent, name } => {
                self.make(Vacancy { parent, name }, Content::File(bytes), now)?;
                Ok(())
            }
            _ => Err(ScratchError::IsDirectory),
        }
    }

    /// Visits every file by its path from the root, in the order of the entries, parents before children.
    pub fn visit_files(&self, mut visit: impl FnMut(&str, &[u8])) {
        let mut path = String::new();
        // Where the parent's path ends, the name, the node. A list, because the tree may be deeper than the stack.
        let mut pending = vec![(0, "", self.root)];
        while let Some((end, name, node)) = pending.pop() {
            path.truncate(end);
            if end > 0 {
                path.push('/');
            }
            path.push_str(name);
            match &self.node(node).content {
                Content::File(bytes) => visit(&path, bytes),
                Content::SymbolicLink(_) => {}
                Content::Directory(directory) => {
                    let entries = directory.entries.iter().rev();
                    pending.extend(entries.map(|(name, node)| (path.len(), name.as_str(), *node)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scratch, ScratchError, ScratchLimits};
    use crate::clock::VirtualClock;
    use std::sync::Arc;

    fn scratch(bytes: u64, entries: u32) -> Scratch {
        Scratch::new(Arc::new(VirtualClock::new()), ScratchLimits { bytes, entries })
    }

    #[test]
    fn what_is_put_in_comes_out_by_path() {
        let scratch = scratch(100, 10);
        scratch.insert("b", *b"two").unwrap();
        scratch.insert("a/deep/c", *b"one").unwrap();
        scratch.insert("b", *b"three").unwrap();
        let files: Vec<_> = scratch.files().into_iter().collect();
        assert_eq!(files, [("a/deep/c".into(), b"one".to_vec()), ("b".into(), b"three".to_vec())]);
        assert_eq!(scratch.used_bytes(), 8);
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let scratch = scratch(100, 10);
        for path in ["/etc/passwd", "../x", "a/../../x"] {
            assert_eq!(scratch.insert(path, *b"x"), Err(ScratchError::NotPermitted), "{path}");
        }
        assert_eq!(scratch.insert("", *b"x"), Err(ScratchError::NoEntry));
        assert_eq!(scratch.insert("d/", *b"x"), Err(ScratchError::IsDirectory));
        assert!(scratch.files().is_empty());
    }

    #[test]
    fn a_file_that_does_not_fit_changes_nothing() {
        let scratch = scratch(5, 2);
        scratch.insert("a", *b"1234").unwrap();
        assert_eq!(scratch.insert("a", *b"123456"), Err(ScratchError::InsufficientSpace));
        assert_eq!(scratch.insert("b", *b"12"), Err(ScratchError::InsufficientSpace));
        assert_eq!(scratch.files().into_iter().collect::<Vec<_>>(), [("a".to_owned(), b"1234".to_vec())]);
        scratch.insert("b", *b"1").unwrap();
        assert_eq!(scratch.insert("c", *b""), Err(ScratchError::InsufficientSpace));
        assert_eq!(scratch.insert("a/b", *b""), Err(ScratchError::NotDirectory));
    }
}
