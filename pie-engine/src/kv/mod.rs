//! Who holds which page of the KV cache. Integers only: this module knows no tensors, does not wait, and calls nobody.
//!
//! A *table* is the sequence of one context or of one saved snapshot: a row of pages of `page_size` slots. In order of slots it has
//!
//! - **committed** pages: full, and no longer open to truncation;
//! - **working** pages: reserved by the owner and filled by [claims](Kv::claim); the last ones may be empty.
//!
//! A pass goes through three calls. [`Kv::claim`] takes the slots of its input tokens. The model fills them, in one step or several;
//! after each, [`Kv::written`] says how far it came. If the model fails, [`Kv::abandon`] gives the slots back.
//!
//! Pages are shared in two ways. A [fork](Kv::fork) shares all full pages of its original. And full pages whose whole past is *plain*
//! (positions counted from 0, causal attention, no adapter) are published in the prefix table when they are written, so a claim that
//! continues with the same tokens is given these pages and `reused` says how many tokens need no computation. Whoever writes to a
//! page that others hold gets a copy of it first.
//!
//! When pages are short, a table can be [suspended](Kv::suspend): it gives back all its pages and keeps its content otherwise, to be
//! [restored](Kv::restore) later. Meanwhile it can still grow: pages are reserved and slots claimed for when it comes back.
//!
//! What all this does to the tensors is written down in order as [`StoreChange`]s. The engine carries them out with
//! [`Kv::drain_changes`] before each run of the model; nothing else keeps this module and the model's store in step.
//!
//! # Invariants
//! Asserted where they could break in debug builds, and all verified by [`Kv::check`]:
//! - a page's holders are the lists that name it: tables' own pages and shared segments; it is free when there are none;
//! - in a table `committed * page_size <= tokens <= pages * page_size`, and `written <= tokens`;
//! - a page is written to only while its table is its single holder and it is not published;
//! - every full page of the plain and written part of a table is published, but for what a restoration left to be computed again;
//! - a suspended table holds no page, and what is kept outside of the store belongs to one suspended table.
//!
//! Read `table.rs` next, then `claim.rs` and `suspend.rs`; `list.rs` and `segment.rs` are why a fork does not depend on the length.

mod check;
mod claim;
mod error;
mod list;
mod pool;
mod prefix;
mod segment;
mod suspend;
mod table;
#[cfg(test)]
mod tests;

pub use check::Finding;
pub use claim::{Claim, Input};
pub use error::KvError;
pub use pool::StoreChange;
pub use suspend::{Means, Restored, Suspended};
pub use table::{Counts, TableId};

use crate::ids::{ModelNumber, PageId};
use pool::Pool;
use segment::Segments;
use table::Tables;

/// All pages and all tables of an engine.
#[derive(Debug)]
pub struct Kv {
    pool: Pool,
    segments: Segments,
    tables: Tables,
    /// What a claim found in the prefix table, kept for its capacity.
    hits: Vec<PageId>,
}

impl Kv {
    /// A store of `capacity_pages` free pages of `page_size` slots each.
    ///
    /// # Panics
    /// If `page_size` is 0, or there would be more than `u32::MAX` slots.
    pub fn new(capacity_pages: u32, page_size: u32) -> Self {
        assert!(page_size > 0, "a page needs a slot");
        assert!(capacity_pages.checked_mul(page_size).is_some(), "slots are numbered with 32 bits");
        Self {
            pool: Pool::new(capacity_pages, page_size),
            segments: Segments::default(),
            tables: Tables::default(),
            hits: Vec::new(),
        }
    }

    /// Slots in a page.
    pub fn page_size(&self) -> u32 {
        self.pool.page_size()
    }

    /// Pages there are.
    pub fn capacity_pages(&self) -> u32 {
        self.pool.capacity()
    }

    /// Pages that nobody holds.
    pub fn free_pages(&self) -> u32 {
        self.pool.free_pages()
    }

    /// Tables there are.
    pub fn table_count(&self) -> usize {
        self.tables.len()
    }

    /// A new table without pages, for the first model.
    pub fn create(&mut self) -> TableId {
        self.create_for(ModelNumber::default())
    }

    /// A new table without pages. It shares none with tables of other models.
    pub fn create_for(&mut self, model: ModelNumber) -> TableId {
        self.tables.insert(table::Table { model, ..Default::default() })
    }

    /// The model whose numbers are in the pages of a table.
    pub fn model(&self, id: TableId) -> Result<ModelNumber, KvError> {
        Ok(self.tables.get(id)?.model)
    }

    /// Ends a table. Pages that only it held are free at once. Slots that were claimed and not yet written are forgotten too.
    pub fn destroy(&mut self, id: TableId) -> Result<(), KvError> {
        let mut table = self.tables.remove(id)?;
        table.list.clear(&mut self.pool, &mut self.segments);
        if let Some(image) = table.image {
            image.drop_swaps(&mut self.pool);
        }
        Ok(())
    }

    /// A second table with the same content and as many committed pages. Full pages are shared, a partly filled one is copied, and
    /// reserved but empty ones stay with the original.
    ///
    /// Takes a time that does not depend on the length, and at most one page.
    ///
    /// # Errors
    /// [`KvError::Busy`] while claimed slots are not written; [`KvError::OutOfPages`] if the copy finds no page.
    pub fn fork(&mut self, id: TableId) -> Result<TableId, KvError> {
        let page_size = self.pool.page_size();
        let table = self.tables.resident_mut(id)?;
        table.idle()?;
        let (full, rest) = (table.tokens / page_size, table.tokens % page_size);
        let copy = if rest > 0 { Some(self.pool.take()?) } else { None };

        let mut list = table.list.share(full, &mut self.segments);
        if let Some(copy) = copy {
            self.pool.copy(table.list.page(full, &self.segments), copy, rest);
            list.push(copy);
        }
        let fork = table.with_list(list);
        Ok(self.tables.insert(fork))
    }

    /// Adds `pages` empty working pages. A suspended table gets them when it is restored.
    ///
    /// # Errors
    /// [`KvError::OutOfPages`] if fewer are free, or if a suspended table would need more than there are; then none is added.
    pub fn reserve(&mut self, id: TableId, pages: u32) -> Result<(), KvError> {
        let table = self.tables.get_mut(id)?;
        if let Some(image) = &mut table.image {
            return image.reserve(pages, &self.pool);
        }
        self.pool.require(pages)?;
        for _ in 0..pages {
            table.list.push(self.pool.take()?);
        }
        Ok(())
    }

    /// Gives back up to `pages` empty working pages from the end, and says how many it were.
    pub fn release(&mut self, id: TableId, pages: u32) -> Result<u32, KvError> {
        let table = self.tables.get_mut(id)?;
        let used = table.tokens.div_ceil(self.pool.page_size());
        let empty = table.page_count() - used;
        let released = pages.min(empty);
        if let Some(image) = &mut table.image {
            image.pages -= released;
            return Ok(released);
        }
        table.list.shorten(table.list.len() - released, &mut self.pool, &mut self.segments);
        Ok(released)
    }

    /// Makes the first `pages` working pages committed. A page counts as full when all its slots are claimed.
    ///
    /// # Errors
    /// [`KvError::NotFull`] if fewer are full; then nothing changes.
    pub fn commit(&mut self, id: TableId, pages: u32) -> Result<(), KvError> {
        let page_size = self.pool.page_size();
        let table = self.tables.get_mut(id)?;
        let full = table.tokens / page_size - table.committed;
        if pages > full {
            return Err(KvError::NotFull { asked: pages, full });
        }
        table.committed += pages;
        debug_assert!(table.committed * page_size <= table.tokens);
        Ok(())
    }

    /// Forgets the last `tokens` tokens of the working pages, at most all of them, and says how many it were. Pages that become empty
    /// stay reserved.
    ///
    /// # Errors
    /// [`KvError::Busy`] while claimed slots are not written.
    pub fn truncate(&mut self, id: TableId, tokens: u32) -> Result<u32, KvError> {
        let page_size = self.pool.page_size();
        let table = self.tables.resident_mut(id)?;
        table.idle()?;
        let dropped = tokens.min(table.tokens - table.committed * page_size);
        table.cut(table.tokens - dropped, page_size);
        Ok(dropped)
    }

    /// How much the table holds, or will hold when it is restored.
    pub fn counts(&self, id: TableId) -> Result<Counts, KvError> {
        Ok(self.tables.get(id)?.counts(self.pool.page_size()))
    }

    /// The pages of the table in order of slots: committed, working, and reserved but empty ones.
    pub fn pages(&self, id: TableId) -> Result<&[PageId], KvError> {
        Ok(self.tables.resident(id)?.list.pages(&self.segments))
    }

    /// What to do to the model's store, in order, since it was last asked. To be carried out before the model runs next.
    pub fn drain_changes(&mut self) -> std::vec::Drain<'_, StoreChange> {
        self.pool.drain_changes()
    }
}
