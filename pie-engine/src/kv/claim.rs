//! Slots for the input of a pass: taken from the reserved pages, copied first where a page is shared, and filled for free where the
//! prefix table has them.

use super::pool::Pool;
use super::prefix::ChainId;
use super::segment::Segments;
use super::table::Table;
use super::{Kv, KvError, TableId};
use crate::ids::{ModelNumber, PageId};

/// The input of a pass, as far as pages are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The tokens.
    pub tokens: &'a [u32],
    /// A position for each token.
    pub positions: &'a [u32],
    /// Whether each token sees all before it and itself, and no adapter is applied. Only then can its slots be shared.
    pub plain: bool,
    /// Index of the first token that must be computed, because something is asked about it. With the number of tokens, or more,
    /// all may be reused.
    pub wanted_from: usize,
}

/// The slots of a pass: `start..start + len`. The first `reused` of them are filled already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first slot.
    pub start: u32,
    /// How many slots: one for each input token.
    pub len: u32,
    /// How many leading input tokens were found in the prefix table and need no computation.
    pub reused: u32,
}

impl Claim {
    /// One past the last slot.
    pub fn end(&self) -> u32 {
        self.start + self.len
    }
}

impl Kv {
    /// Takes the next slots of a table for the tokens of a pass. Slots are claimed in the order of the passes and are to be written
    /// in that order.
    ///
    /// The numbers of pages and tokens of the table are the same with and without reuse.
    ///
    /// # Errors
    /// [`KvError::NotReserved`] if the reserved pages are too few; [`KvError::OutOfPages`] if a shared page must be copied and no
    /// page is free, which only happens after a truncation; [`KvError::Positions`].
    pub fn claim(&mut self, id: TableId, input: Input<'_>) -> Result<Claim, KvError> {
        let Self { pool, segments, tables, hits } = self;
        let table = tables.get_mut(id)?;
        let (start, len) = (table.tokens, fitting_len(table, &input, pool.page_size())?);
        if len == 0 {
            return Ok(Claim { start, len, reused: 0 });
        }
        let plain = continues_plain(table, &input);
        if let Some(image) = &mut table.image {
            image.tokens.extend_from_slice(input.tokens);
            table.tokens += len;
            table.plain += if plain { len } else { 0 };
            return Ok(Claim { start, len, reused: 0 });
        }
        let page_size = pool.page_size();
        let first = start / page_size;
        table.list.own_from(first, pool, segments);

        hits.clear();
        if plain && table.idle().is_ok() {
            find_hits(pool, (table.model, table.list.pages(segments)), start, &input, hits);
        }
        let last = (start + len - 1) / page_size;
        let written_pages = first + hits.len() as u32..last + 1;
        require_copies(pool, table.list.pages(segments), first, hits, written_pages.clone())?;

        let reused = attach(pool, table, first, hits);
        for index in written_pages {
            open_page(pool, segments, table, index)?;
        }
        note_tokens(pool, table.list.pages(segments), start + reused, &input.tokens[reused as usize..]);
        table.tokens = start + len;
        if reused > 0 {
            table.written = start + reused;
        }
        if plain {
            table.plain = table.tokens;
        }
        Ok(Claim { start, len, reused })
    }

    /// How many free pages a claim of `tokens` slots takes at most: shared pages that are written to are copied first.
    pub fn claim_pages(&self, id: TableId, tokens: usize) -> Result<u32, KvError> {
        let table = self.tables.get(id)?;
        let first = table.tokens / self.page_size();
        let end = (table.tokens as usize + tokens).div_ceil(self.page_size() as usize);
        let end = end.min(table.list.len() as usize) as u32;
        let shared = |&index: &u32| table.list.is_shared(index, &self.pool, &self.segments);
        Ok((first..end).filter(shared).count() as u32)
    }

    /// Notes that the model has filled all slots before `upto`. Pages that are full and plain now can be found by others. Where the
    /// same content was computed twice at the same time, one of the two pages goes back.
    pub fn written(&mut self, id: TableId, upto: u32) -> Result<(), KvError> {
        let Self { pool, segments, tables, .. } = self;
        let table = tables.resident_mut(id)?;
        debug_assert!(upto <= table.tokens, "slots are claimed before they are written");
        debug_assert!(table.missing.is_empty(), "a pass builds on slots that are to be computed again");
        let page_size = pool.page_size();
        let before = table.written;
        table.written = upto.clamp(before, table.tokens);
        let full = table.written.min(table.plain) / page_size;
        for index in before / page_size..full {
            publish(pool, segments, table, index);
        }
        Ok(())
    }

    /// Gives back claimed slots from the given one on: those of a pass that failed with those of all passes after it, which would
    /// have built on it, or those of guesses that did not hold.
    pub fn abandon(&mut self, id: TableId, from: u32) -> Result<(), KvError> {
        let page_size = self.pool.page_size();
        let table = self.tables.get_mut(id)?;
        table.cut(from.min(table.tokens), page_size);
        if let Some(image) = &mut table.image {
            image.cut(table.tokens, table.written, &mut self.pool);
        }
        Ok(())
    }
}

/// The number of input tokens, if they come with positions and have room in the table's pages.
fn fitting_len(table: &Table, input: &Input<'_>, page_size: u32) -> Result<u32, KvError> {
    let (tokens, positions) = (input.tokens.len(), input.positions.len());
    if tokens != positions {
        return Err(KvError::Positions { tokens, positions });
    }
    let (reserved, used) = (table.page_count() * page_size, table.tokens);
    let needed = tokens as u64;
    match u32::try_from(tokens) {
        Ok(len) if len <= reserved - used => Ok(len),
        _ => Err(KvError::NotReserved { reserved, used, needed }),
    }
}

/// Whether the input prolongs the table's plain past.
fn continues_plain(table: &Table, input: &Input<'_>) -> bool {
    input.plain && table.plain == table.tokens && is_consecutive(input.positions, table.tokens)
}

fn is_consecutive(positions: &[u32], start: u32) -> bool {
    positions.iter().zip(start..).all(|(&position, expected)| position == expected)
}

/// Finds the pages that hold what the table would hold, from the page of slot `start` on, up to the first that is not there or has a
/// wanted token in it.
fn find_hits(
    pool: &mut Pool,
    (model, pages): (ModelNumber, &[PageId]),
    start: u32,
    input: &Input<'_>,
    hits: &mut Vec<PageId>,
) {
    let page_size = pool.page_size() as usize;
    let start = start as usize;
    let end = start + input.wanted_from.min(input.tokens.len());
    let first = start / page_size;
    let Some(mut parent) = parent_of(pool, model, pages, first) else { return };
    for (index, &page) in pages.iter().enumerate().take(end / page_size).skip(first) {
        let kept = start.saturating_sub(index * page_size);
        let tokens = &input.tokens[index * page_size + kept - start..(index + 1) * page_size - start];
        let Some(hit) = pool.find(parent, page, kept as u32, tokens) else { return };
        let Some(chain) = pool.chain(hit) else { return };
        hits.push(hit);
        parent = chain;
    }
}

/// The name of the sequence before page `index`.
fn parent_of(pool: &Pool, model: ModelNumber, pages: &[PageId], index: usize) -> Option<ChainId> {
    match index.checked_sub(1) {
        None => Some(ChainId::root(model)),
        Some(before) => pool.chain(pages[before]),
    }
}

/// Fails if the shared ones among the pages to be written cannot all be copied, counting the pages that `hits` make free.
fn require_copies(
    pool: &Pool,
    pages: &[PageId],
    first: u32,
    hits: &[PageId],
    written: std::ops::Range<u32>,
) -> Result<(), KvError> {
    let shared =
        pages[written.start as usize..written.end as usize].iter().filter(|&&page| pool.is_shared(page));
    let replaced = pages[first as usize..].iter().zip(hits);
    let freed = replaced.filter(|&(&page, &hit)| page != hit && !pool.is_shared(page));
    pool.require((shared.count() as u32).saturating_sub(freed.count() as u32))
}

/// Puts the found pages in the place of reserved ones and returns how many new tokens they hold.
fn attach(pool: &mut Pool, table: &mut Table, first: u32, hits: &[PageId]) -> u32 {
    for (index, &hit) in (first..).zip(hits) {
        pool.hold(hit);
        let replaced = table.list.replace(index, hit);
        pool.release(replaced);
    }
    match hits.len() as u32 {
        0 => 0,
        pages => (first + pages) * pool.page_size() - table.tokens,
    }
}

/// Makes a page ready for new tokens: the table's alone, and unknown to the prefix table.
fn open_page(pool: &mut Pool, segments: &Segments, table: &mut Table, index: u32) -> Result<(), KvError> {
    let page = table.list.pages(segments)[index as usize];
    if !pool.is_shared(page) {
        pool.unpublish(page);
        pool.touch(page);
        return Ok(());
    }
    let copy = pool.take()?;
    match table.tokens.saturating_sub(index * pool.page_size()) {
        0 => pool.touch(copy),
        kept => pool.copy(page, copy, kept),
    }
    table.list.replace(index, copy);
    pool.release(page);
    Ok(())
}

/// Notes the tokens of the slots from `slot` on.
pub(super) fn note_tokens(pool: &mut Pool, pages: &[PageId], mut slot: u32, mut tokens: &[u32]) {
    let page_size = pool.page_size();
    while !tokens.is_empty() {
        let at = slot % page_size;
        let (now, later) = tokens.split_at(tokens.len().min((page_size - at) as usize));
        pool.set_tokens(pages[(slot / page_size) as usize], at, now);
        slot += now.len() as u32;
        tokens = later;
    }
}

/// Publishes a page that became full, or takes the page that was published with the same content in its place.
pub(super) fn publish(pool: &mut Pool, segments: &Segments, table: &mut Table, index: u32) {
    let pages = table.list.pages(segments);
    let page = pages[index as usize];
    let Some(parent) = parent_of(pool, table.model, pages, index as usize) else {
        debug_assert!(false, "the pages of a plain past are published");
        return;
    };
    if let Some(twin) = pool.publish(page, parent) {
        pool.hold(twin);
        table.list.replace(index, twin);
        pool.release(page);
    }
}
