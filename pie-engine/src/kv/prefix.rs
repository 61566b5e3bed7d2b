//! The prefix table: finds the page that continues a sequence of whole pages with given tokens.
//!
//! Every published sequence of whole pages has a name, a [`ChainId`]. An entry leads from the name of a sequence and the tokens of
//! one more page to the page that holds them. The names are given out once and compared, tokens and all, so this is a chain of
//! hashes in which a collision costs time and never gives a wrong page.

use crate::ids::{ModelNumber, PageId};
use std::collections::HashMap;

/// Names a sequence of whole pages of tokens. Never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChainId(u64);

impl ChainId {
    /// The empty sequence of a model: what one has computed is not found by another.
    pub fn root(model: ModelNumber) -> ChainId {
        // Names are given out from 1 on.
        ChainId(if model.0 == 0 { 0 } else { u64::MAX - u64::from(model.0) })
    }
}

/// The place of a published page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The sequence before the page.
    pub parent: ChainId,
    /// The sequence that ends with the page.
    pub id: ChainId,
}

#[derive(Debug, Default)]
pub(super) struct PrefixTable {
    /// Keys are the two halves of the parent's name, then the page's tokens: one slice that can be looked up without being owned.
    /// The hasher's random keys stop an inferlet from choosing tokens that collide. They decide nothing that can be seen, since
    /// the map is never walked but for the checker, which sorts.
    pages: HashMap<Box<[u32]>, PageId>,
    /// Names given out so far.
    named: u64,
    /// The key being looked up, kept for its capacity.
    key: Vec<u32>,
}

impl PrefixTable {
    /// The page that continues `parent` with the tokens of `head` and `tail` together.
    pub fn find(&mut self, parent: ChainId, head: &[u32], tail: &[u32]) -> Option<PageId> {
        self.set_key(parent, head, tail);
        self.pages.get(self.key.as_slice()).copied()
    }

    /// Adds a page, or returns the one that is there already.
    pub fn insert(&mut self, parent: ChainId, tokens: &[u32], page: PageId) -> Result<Link, PageId> {
        self.set_key(parent, tokens, &[]);
        if let Some(&existing) = self.pages.get(self.key.as_slice()) {
            return Err(existing);
        }
        self.pages.insert(self.key.as_slice().into(), page);
        self.named += 1;
        Ok(Link { parent, id: ChainId(self.named) })
    }

    /// Removes the entry of these tokens.
    pub fn remove(&mut self, parent: ChainId, tokens: &[u32]) {
        self.set_key(parent, tokens, &[]);
        let removed = self.pages.remove(self.key.as_slice());
        debug_assert!(removed.is_some(), "a published page has an entry");
    }

    /// All pages with the parent and the tokens they are found by, in order of pages.
    pub fn entries(&self) -> Vec<(PageId, ChainId, &[u32])> {
        let mut entries: Vec<_> =
            self.pages.iter().map(|(key, &page)| (page, parent_of(key), &key[2..])).collect();
        entries.sort_by_key(|entry| entry.0);
        entries
    }

    fn set_key(&mut self, parent: ChainId, head: &[u32], tail: &[u32]) {
        self.key.clear();
        self.key.extend([(parent.0 >> 32) as u32, parent.0 as u32]);
        self.key.extend(head);
        self.key.extend(tail);
    }
}

fn parent_of(key: &[u32]) -> ChainId {
    ChainId(u64::from(key[0]) << 32 | u64::from(key[1]))
}
