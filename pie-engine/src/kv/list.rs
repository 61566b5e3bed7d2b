//! The pages of one table: a front part in segments shared with other tables, and a rest of its own.

use super::pool::Pool;
use super::segment::{SegmentId, Segments};
use crate::ids::PageId;
use std::cell::OnceCell;

/// A row of pages, each held once by it or by its segments.
#[derive(Debug, Default)]
pub(super) struct PageList {
    /// The segment that the shared part ends with; held by this list.
    trunk: Option<SegmentId>,
    /// Pages in the shared part: where `trunk` ends.
    trunk_pages: u32,
    /// The pages after it.
    own: Vec<PageId>,
    /// All pages in one slice, made when somebody asks. A fork that never runs does not pay for it.
    flat: OnceCell<Vec<PageId>>,
}

impl PageList {
    pub fn len(&self) -> u32 {
        self.trunk_pages + self.own.len() as u32
    }

    pub fn trunk(&self) -> Option<SegmentId> {
        self.trunk
    }

    pub fn own(&self) -> &[PageId] {
        &self.own
    }

    /// All pages in order. The first call after a fork takes a time that grows with the length.
    pub fn pages(&self, segments: &Segments) -> &[PageId] {
        match self.trunk {
            None => &self.own,
            Some(_) => self.flat.get_or_init(|| self.collect(segments)),
        }
    }

    /// One page, without looking at all.
    pub fn page(&self, index: u32, segments: &Segments) -> PageId {
        match self.trunk.filter(|_| index < self.trunk_pages) {
            Some(trunk) => segments.page(trunk, index),
            None => self.own[(index - self.trunk_pages) as usize],
        }
    }

    /// Whether others have a page too, by itself or with the segment it is in: then it has to be copied before it is written to.
    pub fn is_shared(&self, index: u32, pool: &Pool, segments: &Segments) -> bool {
        let trunk = self.trunk.filter(|_| index < self.trunk_pages);
        trunk.is_some_and(|trunk| segments.is_shared(trunk, index))
            || pool.is_shared(self.page(index, segments))
    }

    /// All pages in order, put together anew.
    pub fn collect(&self, segments: &Segments) -> Vec<PageId> {
        let mut pages = Vec::with_capacity(self.len() as usize + 1);
        if let Some(trunk) = self.trunk {
            segments.collect(trunk, 0, &mut pages);
        }
        pages.extend(&self.own);
        pages
    }

    /// Whether the parts fit together: the shared part ends where the own one begins, and the slice that [`Self::pages`] keeps is
    /// made of them.
    pub fn fits_together(&self, segments: &Segments) -> bool {
        let trunk_end = self.trunk.map_or(0, |trunk| segments.get(trunk).end());
        trunk_end == self.trunk_pages && self.flat.get().is_none_or(|flat| *flat == self.collect(segments))
    }

    /// Appends a page, with the caller's hold.
    pub fn push(&mut self, page: PageId) {
        self.own.push(page);
        if let Some(flat) = self.flat.get_mut() {
            flat.push(page);
        }
    }

    /// Puts a page in the place of one of the list's own, and returns that one. The holds change hands with them.
    pub fn replace(&mut self, index: u32, page: PageId) -> PageId {
        debug_assert!(index >= self.trunk_pages, "the shared part is not changed");
        if let Some(flat) = self.flat.get_mut() {
            flat[index as usize] = page;
        }
        std::mem::replace(&mut self.own[(index - self.trunk_pages) as usize], page)
    }

    /// Makes all pages from `index` on the list's own, so that they can be replaced or released one by one.
    pub fn own_from(&mut self, index: u32, pool: &mut Pool, segments: &mut Segments) {
        let Some(trunk) = self.trunk.filter(|_| index < self.trunk_pages) else { return };
        let mut own = Vec::with_capacity((self.len() - index) as usize + 1);
        segments.collect(trunk, index, &mut own);
        for &page in &own {
            pool.hold(page);
        }
        own.append(&mut self.own);
        self.own = own;
        self.trunk = (index > 0).then(|| segments.hold_first(trunk, index));
        self.trunk_pages = index;
        segments.release(trunk, pool);
    }

    /// A list of the first `count` pages, which both lists share from now on.
    pub fn share(&mut self, count: u32, segments: &mut Segments) -> PageList {
        debug_assert!(count <= self.len());
        if count > self.trunk_pages {
            let rest = self.own.split_off((count - self.trunk_pages) as usize);
            let full = std::mem::replace(&mut self.own, rest);
            self.trunk = Some(segments.extend(self.trunk, full));
            self.trunk_pages = count;
        }
        let trunk = self.trunk.filter(|_| count > 0).map(|trunk| segments.hold_first(trunk, count));
        PageList { trunk, trunk_pages: count, ..PageList::default() }
    }

    /// Gives back all pages from `length` on.
    pub fn shorten(&mut self, length: u32, pool: &mut Pool, segments: &mut Segments) {
        self.own_from(length, pool, segments);
        for page in self.own.drain((length - self.trunk_pages) as usize..) {
            pool.release(page);
        }
        if let Some(flat) = self.flat.get_mut() {
            flat.truncate(length as usize);
        }
    }

    /// Gives back all pages.
    pub fn clear(&mut self, pool: &mut Pool, segments: &mut Segments) {
        for page in self.own.drain(..) {
            pool.release(page);
        }
        if let Some(trunk) = self.trunk.take() {
            segments.release(trunk, pool);
        }
        *self = PageList::default();
    }

    /// Damage for the checker to find.
    #[cfg(test)]
    pub fn tear(&mut self) {
        self.trunk = None;
    }
}
