//! Suspension: a table gives back all its pages, and gets others with the same content later.
//!
//! There are two ways to bring content back, and each is right for other slots:
//!
//! - **Recomputing.** A slot with a plain past (position counted from 0, causal attention, no adapter) holds what its token and the
//!   tokens before it make of it. These tokens are kept, and the model runs over them once more. Where another table has published
//!   the same pages in the meantime, they are shared and cost nothing.
//! - **Swapping.** The content is copied out of the store and back into it. This works for every slot. For those that are not plain
//!   it is the only way, because nobody remembers the masks and adapters they were computed with.
//!
//! [`Means`] says how plain slots are brought back. The terms and the choice between the two are those of vLLM (Kwon et al.,
//! "Efficient Memory Management for Large Language Model Serving with PagedAttention", SOSP 2023, section 4.5).
//!
//! Slots keep their numbers: a table that comes back has as many tokens, written ones among them, committed pages, and reserved but
//! empty pages as before. So passes that have claimed slots and wait for the model need not know that their table was away, and those
//! that come while it is away claim theirs as if it were not. What it shared with others by a fork it shares again only where the prefix
//! table says so.

use super::claim::{note_tokens, publish};
use super::list::PageList;
use super::pool::Pool;
use super::prefix::ChainId;
use super::table::Table;
use super::{Kv, KvError, TableId};
use crate::ids::{ModelNumber, PageId, SwapId};
use std::ops::Range;

/// How the plain slots of a suspended table are brought back. All others are swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The model runs over their tokens again.
    Recompute,
    /// They are kept outside of the store.
    Swap,
}

/// What a suspension did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// Pages the table had, and will need again.
    pub pages: u32,
    /// How many of them are free now. The others have more holders.
    pub freed: u32,
    /// How many were copied out of the store.
    pub swapped: u32,
}

/// What is left to do for a table that has its pages again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The slots to be computed before any pass of the table runs. Each token's position is the number of its slot; attention is
    /// causal over all slots before it; there is no adapter. Empty if all content is there.
    pub recompute: Range<u32>,
    /// Their tokens.
    pub tokens: Vec<u32>,
    /// Pages that were found in the prefix table.
    pub shared: u32,
    /// Pages that were copied back.
    pub swapped: u32,
}

/// What a suspended table is restored from.
#[derive(Debug)]
pub(super) struct Image {
    /// Pages it needs.
    pub pages: u32,
    /// The tokens of all claimed slots.
    pub tokens: Vec<u32>,
    /// The pages that were copied out, in order.
    pub swapped: Vec<SwappedPage>,
}

#[derive(Debug)]
pub(super) struct SwappedPage {
    /// Index of the page in its table.
    pub index: u32,
    pub swap: SwapId,
}

impl Image {
    /// Adds to the pages that are needed.
    pub fn reserve(&mut self, pages: u32, pool: &Pool) -> Result<(), KvError> {
        let needed = self.pages.saturating_add(pages);
        if needed > pool.capacity() {
            return Err(KvError::OutOfPages { needed, free: pool.free_pages(), capacity: pool.capacity() });
        }
        self.pages = needed;
        Ok(())
    }

    /// Forgets all slots from `tokens` on, of which none from `written` on is kept.
    pub fn cut(&mut self, tokens: u32, written: u32, pool: &mut Pool) {
        self.tokens.truncate(tokens as usize);
        let kept = written.div_ceil(pool.page_size());
        while let Some(page) = self.swapped.pop_if(|page| page.index >= kept) {
            pool.swap_drop(page.swap);
        }
    }

    /// Forgets what was kept outside of the store.
    pub fn drop_swaps(&self, pool: &mut Pool) {
        for page in &self.swapped {
            pool.swap_drop(page.swap);
        }
    }
}

impl Kv {
    /// Takes all pages from a table. Claimed slots stay claimed, and a restoration that was not complete begins anew.
    ///
    /// # Errors
    /// [`KvError::Suspended`] if it was suspended before.
    pub fn suspend(&mut self, id: TableId, means: Means) -> Result<Suspended, KvError> {
        let Self { pool, segments, tables, .. } = self;
        let page_size = pool.page_size();
        let table = tables.resident_mut(id)?;
        let free = pool.free_pages();
        let pages = table.list.collect(segments);
        let tokens = collect_tokens(pool, &pages, 0..table.tokens);
        let swapped = (first_swapped(table, means, page_size)..table.written.div_ceil(page_size))
            .map(|index| {
                let slots = (table.written - index * page_size).min(page_size);
                SwappedPage { index, swap: pool.swap_out(pages[index as usize], slots) }
            })
            .collect::<Vec<_>>();
        table.list.clear(pool, segments);
        let suspended = Suspended {
            pages: pages.len() as u32,
            freed: pool.free_pages() - free,
            swapped: swapped.len() as u32,
        };
        table.missing = 0..0;
        table.image = Some(Box::new(Image { pages: suspended.pages, tokens, swapped }));
        Ok(suspended)
    }

    /// Gives a suspended table pages again. What cannot be brought back by copying is to be computed by the model, which
    /// [`Kv::recomputed`] is told of.
    ///
    /// # Errors
    /// [`KvError::Resident`] if the table is not suspended; [`KvError::OutOfPages`] if too few pages are free. Then nothing changes.
    pub fn restore(&mut self, id: TableId) -> Result<Restored, KvError> {
        let Self { pool, segments, tables, hits } = self;
        let page_size = pool.page_size();
        let table = tables.get_mut(id)?;
        let full = table.written.min(table.plain) / page_size;
        let image = table.image.as_deref().ok_or(KvError::Resident(id))?;
        find_leading(pool, table.model, &image.tokens, full, hits);
        let shared = hits.len() as u32;
        pool.require(image.pages - shared)?;

        let Some(image) = table.image.take() else { return Err(KvError::Resident(id)) };
        table.list = take_pages(pool, hits, &image)?;
        let pages = table.list.pages(segments);
        note_tokens(pool, pages, shared * page_size, &image.tokens[(shared * page_size) as usize..]);
        let swapped = swap_in(pool, pages, shared, &image);
        let first_swapped = image.swapped.first().map_or(u32::MAX, |page| page.index);
        table.missing = shared * page_size..first_swapped.saturating_mul(page_size).min(table.written);
        let recompute = table.missing.clone();
        if recompute.is_empty() {
            table.missing = 0..0;
            (shared..full).for_each(|index| publish(pool, segments, table, index));
            return Ok(Restored { recompute: 0..0, tokens: Vec::new(), shared, swapped });
        }
        let tokens = image.tokens[recompute.start as usize..recompute.end as usize].to_vec();
        Ok(Restored { recompute, tokens, shared, swapped })
    }

    /// Notes that the model has computed the slots before `upto` again. Pages that are full and plain can be found by others.
    ///
    /// # Errors
    /// [`KvError::Suspended`] if the table was suspended in the meantime; then there is nothing to note.
    pub fn recomputed(&mut self, id: TableId, upto: u32) -> Result<(), KvError> {
        let Self { pool, segments, tables, .. } = self;
        let page_size = pool.page_size();
        let table = tables.resident_mut(id)?;
        let before = table.missing.start;
        if table.missing.is_empty() || upto <= before {
            return Ok(());
        }
        let filled = upto.min(table.missing.end);
        table.missing.start = filled;
        if table.missing.is_empty() {
            table.missing = 0..0;
        }
        for index in before / page_size..filled.min(table.plain) / page_size {
            publish(pool, segments, table, index);
        }
        Ok(())
    }

    /// The tokens in the slots of a table from `first` on, claimed ones included, suspended or not.
    pub fn tokens(&self, id: TableId, first: u32) -> Result<Vec<u32>, KvError> {
        let table = self.tables.get(id)?;
        let first = first.min(table.tokens);
        Ok(match &table.image {
            Some(image) => image.tokens[first as usize..].to_vec(),
            None => collect_tokens(&self.pool, table.list.pages(&self.segments), first..table.tokens),
        })
    }

    /// Whether passes can run on the table: it has its pages, and nothing is left to be computed again.
    pub fn is_ready(&self, id: TableId) -> Result<bool, KvError> {
        let table = self.tables.get(id)?;
        Ok(table.image.is_none() && table.missing.is_empty())
    }

    /// Whether the table is suspended.
    pub fn is_suspended(&self, id: TableId) -> Result<bool, KvError> {
        Ok(self.tables.get(id)?.image.is_some())
    }
}

/// Index of the first page to be copied out; all slots before it are brought back by computing. Where some are not computed again
/// yet, there is nothing to copy of them.
fn first_swapped(table: &Table, means: Means, page_size: u32) -> u32 {
    match means {
        Means::Swap if table.missing.is_empty() => 0,
        _ if table.plain >= table.written => table.written.div_ceil(page_size),
        _ => table.plain / page_size,
    }
}

fn collect_tokens(pool: &Pool, pages: &[PageId], slots: Range<u32>) -> Vec<u32> {
    let page_size = pool.page_size();
    let (first_page, end_page) =
        (slots.start / page_size, slots.end.div_ceil(page_size).max(slots.start / page_size));
    let mut tokens = Vec::with_capacity(((end_page - first_page) * page_size) as usize);
    for &page in &pages[first_page as usize..end_page as usize] {
        tokens.extend_from_slice(pool.tokens(page));
    }
    tokens.truncate((slots.end - first_page * page_size) as usize);
    tokens.drain(..(slots.start - first_page * page_size) as usize);
    tokens
}

/// Finds the published pages that hold the first of at most `full` pages of tokens.
fn find_leading(pool: &mut Pool, model: ModelNumber, tokens: &[u32], full: u32, hits: &mut Vec<PageId>) {
    hits.clear();
    let mut parent = ChainId::root(model);
    for tokens in tokens.chunks_exact(pool.page_size() as usize).take(full as usize) {
        let Some(hit) = pool.find_whole(parent, tokens) else { return };
        let Some(chain) = pool.chain(hit) else { return };
        hits.push(hit);
        parent = chain;
    }
}

/// The found pages and as many free ones as are missing. Those that tokens go to are open to writing.
fn take_pages(pool: &mut Pool, hits: &[PageId], image: &Image) -> Result<PageList, KvError> {
    let mut list = PageList::default();
    for &hit in hits {
        pool.hold(hit);
        list.push(hit);
    }
    let used = (image.tokens.len() as u32).div_ceil(pool.page_size());
    for index in hits.len() as u32..image.pages {
        let page = pool.take()?;
        if index < used {
            pool.touch(page);
        }
        list.push(page);
    }
    Ok(list)
}

/// Brings back what was copied out, but for pages that were found, and says how many pages it were.
fn swap_in(pool: &mut Pool, pages: &[PageId], found: u32, image: &Image) -> u32 {
    let (dropped, kept): (Vec<_>, Vec<_>) = image.swapped.iter().partition(|page| page.index < found);
    dropped.iter().for_each(|page| pool.swap_drop(page.swap));
    kept.iter().for_each(|page| pool.swap_in(page.swap, pages[page.index as usize]));
    kept.len() as u32
}
