//! The physical pages: how many lists hold each, which tokens are in it, and which comes next.

use super::KvError;
use super::prefix::{ChainId, Link, PrefixTable};
use crate::ids::{PageId, SwapId};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Something the model's store must do to stay in step with the page numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreChange {
    /// Copy the first `slots` slots of a page to another.
    Copy {
        /// The page with the content.
        from: PageId,
        /// The page that gets it.
        to: PageId,
        /// How many slots, from 1 to the page size.
        slots: u32,
    },
    /// Forget a page, because nobody holds it any more. It may be handed out again at once.
    Clear(PageId),
    /// Keep the first `slots` slots of a page outside of the store.
    SwapOut {
        /// The page with the content.
        page: PageId,
        /// How many slots, from 1 to the page size.
        slots: u32,
        /// What the content is called from now on; a name that was never used.
        to: SwapId,
    },
    /// Put content that was kept outside into a page, from its first slot on, and keep it no longer.
    SwapIn {
        /// What the content is called.
        from: SwapId,
        /// The page that gets it.
        page: PageId,
    },
    /// Forget content that was kept outside, because nobody will ask for it.
    SwapDrop(SwapId),
}

#[derive(Debug, Default)]
struct Page {
    /// Lists that name this page; 0 when it is free.
    holders: u32,
    /// Whether the model may have written to it since it was handed out.
    touched: bool,
    /// Its place in the prefix table.
    published: Option<Link>,
}

#[derive(Debug)]
pub(super) struct Pool {
    capacity: u32,
    page_size: u32,
    /// The pages that have been handed out at least once: all numbers below its length.
    pages: Vec<Page>,
    /// `page_size` tokens for each of `pages`, meaningful where a table has claimed the slot.
    tokens: Vec<u32>,
    /// The pages among `pages` that are free. The lowest goes first.
    free: BinaryHeap<Reverse<u32>>,
    prefix: PrefixTable,
    /// What is kept outside of the store.
    swaps: BTreeSet<SwapId>,
    /// Names given out for it so far.
    swapped: u64,
    changes: Vec<StoreChange>,
}

impl Pool {
    pub fn new(capacity: u32, page_size: u32) -> Self {
        Self {
            capacity,
            page_size,
            pages: Vec::new(),
            tokens: Vec::new(),
            free: BinaryHeap::new(),
            prefix: PrefixTable::default(),
            swaps: BTreeSet::new(),
            swapped: 0,
            changes: Vec::new(),
        }
    }

    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    pub fn free_pages(&self) -> u32 {
        self.capacity - self.handed_out() + self.free.len() as u32
    }

    /// Pages that have been handed out at least once; free ones are among them.
    pub fn handed_out(&self) -> u32 {
        self.pages.len() as u32
    }

    pub fn free_list(&self) -> impl Iterator<Item = PageId> {
        self.free.iter().map(|&Reverse(page)| PageId(page))
    }

    pub fn prefix(&self) -> &PrefixTable {
        &self.prefix
    }

    pub fn holders(&self, page: PageId) -> u32 {
        self.pages[page.0 as usize].holders
    }

    pub fn is_shared(&self, page: PageId) -> bool {
        self.holders(page) > 1
    }

    pub fn drain_changes(&mut self) -> std::vec::Drain<'_, StoreChange> {
        self.changes.drain(..)
    }

    /// Fails if fewer than `needed` pages are free.
    pub fn require(&self, needed: u32) -> Result<(), KvError> {
        let free = self.free_pages();
        if needed > free {
            return Err(KvError::OutOfPages { needed, free, capacity: self.capacity });
        }
        Ok(())
    }

    /// Hands out the lowest free page, with the caller as its one holder.
    pub fn take(&mut self) -> Result<PageId, KvError> {
        self.require(1)?;
        let page = match self.free.pop() {
            Some(Reverse(page)) => page,
            None => {
                let page = self.handed_out();
                self.pages.push(Page::default());
                self.tokens.resize(self.tokens.len() + self.page_size as usize, 0);
                page
            }
        };
        let state = &mut self.pages[page as usize];
        debug_assert!(state.holders == 0 && !state.touched && state.published.is_none());
        state.holders = 1;
        Ok(PageId(page))
    }

    /// Counts one more list that names the page.
    pub fn hold(&mut self, page: PageId) {
        let state = &mut self.pages[page.0 as usize];
        debug_assert!(state.holders > 0, "{page} is held by nobody");
        state.holders += 1;
    }

    /// Counts one list less. The last one makes the page free and ends its entry in the prefix table.
    pub fn release(&mut self, page: PageId) {
        let state = &mut self.pages[page.0 as usize];
        debug_assert!(state.holders > 0, "{page} is released twice");
        state.holders -= 1;
        if state.holders > 0 {
            return;
        }
        if std::mem::take(&mut state.touched) {
            self.changes.push(StoreChange::Clear(page));
        }
        self.unpublish(page);
        self.free.push(Reverse(page.0));
    }

    /// Notes that the model is going to write to the page, so that it is cleared when it becomes free.
    pub fn touch(&mut self, page: PageId) {
        let state = &mut self.pages[page.0 as usize];
        debug_assert!(state.holders == 1 && state.published.is_none(), "{page} is not open to writing");
        state.touched = true;
    }

    /// Copies slots of one page to another, here and later in the model's store.
    pub fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        self.touch(to);
        let source = self.first_slot(from);
        let target = self.first_slot(to);
        self.tokens.copy_within(source..source + slots as usize, target);
        self.changes.push(StoreChange::Copy { from, to, slots });
    }

    /// Keeps the first `slots` slots of a page outside of the store.
    pub fn swap_out(&mut self, page: PageId, slots: u32) -> SwapId {
        self.swapped += 1;
        let to = SwapId(self.swapped);
        self.swaps.insert(to);
        self.changes.push(StoreChange::SwapOut { page, slots, to });
        to
    }

    /// Puts what was kept outside into a page that the caller has touched.
    pub fn swap_in(&mut self, from: SwapId, page: PageId) {
        let kept = self.swaps.remove(&from);
        debug_assert!(kept, "{from} is used twice");
        self.changes.push(StoreChange::SwapIn { from, page });
    }

    /// Forgets what was kept outside.
    pub fn swap_drop(&mut self, swap: SwapId) {
        let kept = self.swaps.remove(&swap);
        debug_assert!(kept, "{swap} is used twice");
        self.changes.push(StoreChange::SwapDrop(swap));
    }

    /// What is kept outside of the store.
    pub fn swaps(&self) -> &BTreeSet<SwapId> {
        &self.swaps
    }

    /// The tokens of a page. A slot that no table has claimed holds anything.
    pub fn tokens(&self, page: PageId) -> &[u32] {
        let first = self.first_slot(page);
        &self.tokens[first..first + self.page_size as usize]
    }

    /// Notes the tokens of some slots, from slot `at` of the page on.
    pub fn set_tokens(&mut self, page: PageId, at: u32, tokens: &[u32]) {
        debug_assert!(at as usize + tokens.len() <= self.page_size as usize);
        let first = self.first_slot(page) + at as usize;
        self.tokens[first..first + tokens.len()].copy_from_slice(tokens);
    }

    /// The page that is published behind `parent` and holds the first `kept` tokens of `page` and then `tokens`: one page in all.
    pub fn find(&mut self, parent: ChainId, page: PageId, kept: u32, tokens: &[u32]) -> Option<PageId> {
        debug_assert_eq!(kept as usize + tokens.len(), self.page_size as usize);
        let first = self.first_slot(page);
        self.prefix.find(parent, &self.tokens[first..first + kept as usize], tokens)
    }

    /// The page that is published behind `parent` and holds these tokens, which are those of one page.
    pub fn find_whole(&mut self, parent: ChainId, tokens: &[u32]) -> Option<PageId> {
        debug_assert_eq!(tokens.len(), self.page_size as usize);
        self.prefix.find(parent, &[], tokens)
    }

    /// The name of the sequence that ends with this page, if the page is published.
    pub fn chain(&self, page: PageId) -> Option<ChainId> {
        self.link(page).map(|link| link.id)
    }

    pub fn link(&self, page: PageId) -> Option<Link> {
        self.pages[page.0 as usize].published
    }

    /// Makes a full and written page known as the continuation of `parent`. If another page is already known as that, it stays and
    /// is returned.
    pub fn publish(&mut self, page: PageId, parent: ChainId) -> Option<PageId> {
        debug_assert!(self.link(page).is_none(), "{page} is published twice");
        let first = self.first_slot(page);
        let tokens = &self.tokens[first..first + self.page_size as usize];
        match self.prefix.insert(parent, tokens, page) {
            Ok(link) => {
                self.pages[page.0 as usize].published = Some(link);
                None
            }
            Err(existing) => Some(existing),
        }
    }

    /// Takes a page out of the prefix table, if it is there.
    pub fn unpublish(&mut self, page: PageId) {
        let Some(link) = self.pages[page.0 as usize].published.take() else { return };
        let first = self.first_slot(page);
        self.prefix.remove(link.parent, &self.tokens[first..first + self.page_size as usize]);
    }

    fn first_slot(&self, page: PageId) -> usize {
        page.0 as usize * self.page_size as usize
    }

    /// Damage for the checker to find.
    #[cfg(test)]
    pub fn lose_free_page(&mut self) {
        self.free.pop();
    }
}
