//! Runs of pages that several lists have in common, as a tree: a segment names its pages and the segment before it. So a fork shares
//! all full pages by holding one segment, and gives them up the same way.

use super::pool::Pool;
use crate::ids::PageId;

/// Index of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentId(u32);

#[derive(Debug)]
pub(super) struct Segment {
    /// What comes before; held by this segment.
    pub parent: Option<SegmentId>,
    /// Pages in all segments before this one.
    pub start: u32,
    /// At least one page, each held by this segment.
    pub pages: Vec<PageId>,
    /// Lists that end their shared part here, and segments that continue this one.
    pub holders: u32,
}

impl Segment {
    /// Pages up to the end of this segment.
    pub fn end(&self) -> u32 {
        self.start + self.pages.len() as u32
    }
}

#[derive(Debug, Default)]
pub(super) struct Segments {
    arena: Vec<Option<Segment>>,
    free: Vec<SegmentId>,
}

impl Segments {
    pub fn get(&self, id: SegmentId) -> &Segment {
        self.arena[id.0 as usize].as_ref().expect("a held segment exists")
    }

    fn get_mut(&mut self, id: SegmentId) -> &mut Segment {
        self.arena[id.0 as usize].as_mut().expect("a held segment exists")
    }

    /// All segments, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SegmentId, &Segment)> {
        self.arena
            .iter()
            .enumerate()
            .filter_map(|(i, segment)| Some((SegmentId(i as u32), segment.as_ref()?)))
    }

    /// Moves pages behind `parent`, both with their holds, and returns the segment that ends with them, held once. Extends `parent`
    /// itself when nobody else would see it.
    pub fn extend(&mut self, parent: Option<SegmentId>, mut pages: Vec<PageId>) -> SegmentId {
        debug_assert!(!pages.is_empty());
        let Some(id) = parent else {
            return self.insert(Segment { parent: None, start: 0, pages, holders: 1 });
        };
        let segment = self.get_mut(id);
        if segment.holders == 1 {
            segment.pages.append(&mut pages);
            return id;
        }
        let start = segment.end();
        self.insert(Segment { parent, start, pages, holders: 1 })
    }

    /// The segment before or at `id` that ends after exactly `pages` pages, with one hold more. Splits one where needed.
    pub fn hold_first(&mut self, id: SegmentId, pages: u32) -> SegmentId {
        debug_assert!(pages > 0, "no segment ends where the first one starts");
        let mut id = self.with_page(id, pages - 1);
        if pages < self.get(id).end() {
            id = self.split(id, pages);
        }
        self.get_mut(id).holders += 1;
        id
    }

    /// A page on the way to the end of `id`, by its index from the start.
    pub fn page(&self, id: SegmentId, index: u32) -> PageId {
        let segment = self.get(self.with_page(id, index));
        segment.pages[(index - segment.start) as usize]
    }

    /// Whether somebody else than one holder of `id` has a page on the way to its end, through any of the segments from there on.
    pub fn is_shared(&self, id: SegmentId, index: u32) -> bool {
        let mut segment = self.get(id);
        while segment.holders == 1 && segment.start > index {
            segment = self.get(segment.parent.expect("a segment that starts late has one before it"));
        }
        segment.holders > 1
    }

    /// The segment before or at `id` that has the page of this index.
    fn with_page(&self, mut id: SegmentId, index: u32) -> SegmentId {
        while self.get(id).start > index {
            id = self.get(id).parent.expect("a segment that starts late has one before it");
        }
        debug_assert!(index < self.get(id).end());
        id
    }

    /// Moves the pages of `id` before page `at` to a segment of their own, which `id` then continues. Nobody who holds `id` can tell.
    fn split(&mut self, id: SegmentId, at: u32) -> SegmentId {
        let segment = self.get_mut(id);
        let (parent, start) = (segment.parent, segment.start);
        let rest = segment.pages.split_off((at - start) as usize);
        let front = std::mem::replace(&mut segment.pages, rest);
        let front = self.insert(Segment { parent, start, pages: front, holders: 1 });
        let segment = self.get_mut(id);
        (segment.parent, segment.start) = (Some(front), at);
        front
    }

    /// Gives up one hold, and what was held through it alone.
    pub fn release(&mut self, id: SegmentId, pool: &mut Pool) {
        let mut next = Some(id);
        while let Some(id) = next {
            let segment = self.get_mut(id);
            segment.holders -= 1;
            if segment.holders > 0 {
                return;
            }
            next = segment.parent;
            for &page in &segment.pages {
                pool.release(page);
            }
            self.arena[id.0 as usize] = None;
            self.free.push(id);
        }
    }

    /// Appends the pages up to the end of `id` to `into`, in order, but for the first `from`.
    pub fn collect(&self, id: SegmentId, from: u32, into: &mut Vec<PageId>) {
        let first = into.len();
        let total = self.get(id).end().saturating_sub(from) as usize;
        into.resize(first + total, PageId(0));
        let mut next = Some(id);
        while let Some(segment) = next.map(|id| self.get(id)) {
            let skipped = from.saturating_sub(segment.start) as usize;
            let at = first + segment.start.saturating_sub(from) as usize;
            if skipped < segment.pages.len() {
                let pages = &segment.pages[skipped..];
                into[at..at + pages.len()].copy_from_slice(pages);
            }
            next = segment.parent.filter(|_| segment.start > from);
        }
    }

    fn insert(&mut self, segment: Segment) -> SegmentId {
        match self.free.pop() {
            Some(id) => {
                self.arena[id.0 as usize] = Some(segment);
                id
            }
            None => {
                self.arena.push(Some(segment));
                SegmentId(self.arena.len() as u32 - 1)
            }
        }
    }
}
