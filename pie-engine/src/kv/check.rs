//! The page checker: counts everything again and compares.

use super::prefix::ChainId;
use super::table::Table;
use super::{Kv, TableId};
use crate::ids::{PageId, SwapId};
use std::collections::BTreeMap;

/// Something about the pages is wrong. Each is a defect of the engine but for [`Finding::Leaked`], which can be one of its user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A page is counted for more or fewer holders than name it.
    #[error("{page} counts {counted} holders, but {found} name it")]
    Holders {
        /// The page.
        page: PageId,
        /// Holders it counts.
        counted: u32,
        /// Tables and shared segments that name it.
        found: u32,
    },
    /// A table goes on using a page that was released.
    #[error("{table} uses {page}, which was released")]
    UsedAfterRelease {
        /// The table.
        table: TableId,
        /// The page.
        page: PageId,
    },
    /// A page without holders is not among the free ones, or one with holders is, or one is there twice.
    #[error("{page} is {times} times among the free pages and has {holders} holders")]
    Free {
        /// The page.
        page: PageId,
        /// How often it is there.
        times: u32,
        /// Holders it counts.
        holders: u32,
    },
    /// The counts of a table contradict each other.
    #[error(
        "{table} has {committed} committed of {pages} pages for {tokens} tokens, {written} written and {plain} plain"
    )]
    Counts {
        /// The table.
        table: TableId,
        /// Its committed pages.
        committed: u32,
        /// All its pages.
        pages: u32,
        /// Slots that are claimed.
        tokens: u32,
        /// Slots that are written.
        written: u32,
        /// Slots with a plain past.
        plain: u32,
    },
    /// A suspended table still holds pages, or does not know the tokens of all its slots.
    #[error("{table} is suspended with {held} pages and knows {known} of {tokens} tokens")]
    Suspended {
        /// The table.
        table: TableId,
        /// Pages it holds.
        held: u32,
        /// Tokens it knows.
        known: u32,
        /// Slots that are claimed.
        tokens: u32,
    },
    /// Content outside of the store belongs to no suspended table or to several, or a table waits for content that is not kept.
    #[error("{swap} is kept {kept} times outside of the store and {found} suspended pages name it")]
    Swap {
        /// The content.
        swap: SwapId,
        /// How often it is kept: once or not.
        kept: u32,
        /// Pages of suspended tables that name it.
        found: u32,
    },
    /// The parts of a table do not fit together.
    #[error("the shared and the own pages of {table} do not fit together")]
    Torn {
        /// The table.
        table: TableId,
    },
    /// A shared segment is counted for more or fewer holders than continue or end with it.
    #[error("shared pages from {start} to {end} count {counted} holders, but {found} use them")]
    Segment {
        /// Index of its first page in the tables.
        start: u32,
        /// Index of the page after its last.
        end: u32,
        /// Holders it counts.
        counted: u32,
        /// Tables and segments that lead to it.
        found: u32,
    },
    /// An entry of the prefix table leads to a page that is free, published elsewhere, or holds other tokens.
    #[error("the prefix table leads to {page} for tokens that are not published there")]
    Prefix {
        /// The page.
        page: PageId,
    },
    /// A full page of a plain past cannot be found by others.
    #[error("page {index} of {table} is full and plain, but not in the prefix table")]
    Unpublished {
        /// The table.
        table: TableId,
        /// Index of the page in it.
        index: u32,
    },
    /// A table outlived everybody who could use it.
    #[error("{table} was left behind with {pages} pages")]
    Leaked {
        /// The table.
        table: TableId,
        /// Its pages.
        pages: u32,
    },
}

impl Kv {
    /// Verifies that the counts add up with the tables and the prefix table. Takes a time that grows with all pages in use.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_segments(&mut findings);
        for (id, table) in self.tables.iter() {
            self.check_table(id, table, &mut findings);
        }
        self.check_holders(&mut findings);
        self.check_free(&mut findings);
        self.check_prefix(&mut findings);
        self.check_swaps(&mut findings);
        findings
    }

    /// The tables that exist and are not among those in use.
    pub fn leaks(&self, mut alive: Vec<TableId>) -> Vec<Finding> {
        alive.sort_unstable();
        let left = self.tables.iter().filter(|(id, _)| alive.binary_search(id).is_err());
        left.map(|(table, content)| Finding::Leaked { table, pages: content.page_count() }).collect()
    }

    fn check_segments(&self, findings: &mut Vec<Finding>) {
        let mut holders = BTreeMap::new();
        let parents = self.segments.iter().filter_map(|(_, segment)| segment.parent);
        let trunks = self.tables.iter().filter_map(|(_, table)| table.list.trunk());
        for id in parents.chain(trunks) {
            *holders.entry(id).or_default() += 1;
        }
        for (id, segment) in self.segments.iter() {
            let found = holders.get(&id).copied().unwrap_or(0);
            let follows = segment.parent.map_or(0, |parent| self.segments.get(parent).end()) == segment.start;
            if found != segment.holders || !follows || segment.pages.is_empty() {
                let (start, end, counted) = (segment.start, segment.end(), segment.holders);
                findings.push(Finding::Segment { start, end, counted, found });
            }
        }
    }

    fn check_table(&self, id: TableId, table: &Table, findings: &mut Vec<Finding>) {
        let page_size = self.page_size();
        let &Table { ref list, committed, tokens, written, plain, ref missing, ref image, model } = table;
        let pages = table.page_count();
        if committed * page_size > tokens
            || tokens > pages * page_size
            || written > tokens
            || plain > tokens
            || missing.end > written
        {
            findings.push(Finding::Counts { table: id, committed, pages, tokens, written, plain });
        }
        if !list.fits_together(&self.segments) {
            findings.push(Finding::Torn { table: id });
        }
        let pages = list.collect(&self.segments);
        for &page in pages.iter().filter(|&&page| self.pool.holders(page) == 0) {
            findings.push(Finding::UsedAfterRelease { table: id, page });
        }
        if let Some(image) = image {
            let (held, known) = (list.len(), image.tokens.len() as u32);
            if held > 0 || known != tokens {
                findings.push(Finding::Suspended { table: id, held, known, tokens });
            }
            return;
        }
        let filled = if missing.is_empty() { written } else { missing.start };
        let mut parent = ChainId::root(model);
        for (index, page) in (0..filled.min(plain) / page_size).zip(pages) {
            match self.pool.link(page) {
                Some(link) if link.parent == parent => parent = link.id,
                _ => findings.push(Finding::Unpublished { table: id, index }),
            }
        }
    }

    fn check_holders(&self, findings: &mut Vec<Finding>) {
        let mut found = vec![0; self.pool.handed_out() as usize];
        let shared = self.segments.iter().flat_map(|(_, segment)| &segment.pages);
        let own = self.tables.iter().flat_map(|(_, table)| table.list.own());
        for page in shared.chain(own) {
            found[page.0 as usize] += 1;
        }
        for (page, found) in (0..).map(PageId).zip(found) {
            let counted = self.pool.holders(page);
            if counted != found {
                findings.push(Finding::Holders { page, counted, found });
            }
        }
    }

    fn check_free(&self, findings: &mut Vec<Finding>) {
        let mut free = vec![0; self.pool.handed_out() as usize];
        for page in self.pool.free_list() {
            free[page.0 as usize] += 1;
        }
        for (page, times) in (0..).map(PageId).zip(free) {
            let holders = self.pool.holders(page);
            if times != u32::from(holders == 0) {
                findings.push(Finding::Free { page, times, holders });
            }
        }
    }

    fn check_swaps(&self, findings: &mut Vec<Finding>) {
        let mut swaps: BTreeMap<SwapId, (u32, u32)> = BTreeMap::new();
        for &swap in self.pool.swaps() {
            swaps.entry(swap).or_default().0 += 1;
        }
        let images = self.tables.iter().filter_map(|(_, table)| table.image.as_deref());
        for page in images.flat_map(|image| &image.swapped) {
            swaps.entry(page.swap).or_default().1 += 1;
        }
        for (swap, (kept, found)) in swaps.into_iter().filter(|&(_, counts)| counts != (1, 1)) {
            findings.push(Finding::Swap { swap, kept, found });
        }
    }

    fn check_prefix(&self, findings: &mut Vec<Finding>) {
        let entries = self.pool.prefix().entries();
        for &(page, parent, tokens) in &entries {
            let link = self.pool.link(page);
            if link.is_none_or(|link| link.parent != parent) || self.pool.tokens(page) != tokens {
                findings.push(Finding::Prefix { page });
            }
        }
        let listed = |page| entries.binary_search_by_key(&page, |entry| entry.0).is_ok();
        for page in (0..self.pool.handed_out()).map(PageId) {
            if self.pool.link(page).is_some() && !listed(page) {
                findings.push(Finding::Prefix { page });
            }
        }
    }
}

/// Damage for the checker to find.
#[cfg(test)]
impl Kv {
    /// Counts a holder that there is not.
    pub(crate) fn hold_for_nobody(&mut self, page: PageId) {
        self.pool.hold(page);
    }

    /// Gives back a page that is in use.
    pub(crate) fn release_in_use(&mut self, page: PageId) {
        self.pool.release(page);
    }
}
