//! What is known of the slots of pages, wherever their numbers are: which are written, and the positions of their tokens.

use super::attention::BLOCK;
use crate::ids::PageId;
use crate::model::ModelError;

/// The slots of all pages, in blocks of [`BLOCK`]; the last block of a page may be shorter than the others.
pub(super) struct Slots {
    page_size: usize,
    /// For each block, which of its slots are written, as bits.
    written: Vec<u16>,
    /// The position of each slot's token; meaningless where nothing is written.
    positions: Vec<u32>,
}

/// What is known of a page that is kept outside of the pages.
pub(super) struct KeptSlots {
    written: Vec<u16>,
    positions: Vec<u32>,
}

impl Slots {
    pub fn new(pages: u32, page_size: u32) -> Slots {
        let (pages, page_size) = (pages as usize, page_size as usize);
        let written = vec![0; pages * page_size.div_ceil(BLOCK)];
        Slots { page_size, written, positions: vec![0; pages * page_size] }
    }

    /// Slots in a page.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Blocks in a page.
    pub fn blocks(&self) -> usize {
        self.page_size.div_ceil(BLOCK)
    }

    /// Notes that a token of that position is going to be in a slot.
    pub fn take(&mut self, page: PageId, slot: usize, position: u32) -> Result<(), ModelError> {
        let at = page.0 as usize * self.page_size + slot;
        let missing = || ModelError::Failed(format!("the store has no page {page}"));
        *self.positions.get_mut(at).ok_or_else(missing)? = position;
        self.of_page_mut(page)[slot / BLOCK] |= 1 << (slot % BLOCK);
        Ok(())
    }

    /// Which slots of a block are written, as bits.
    pub fn written(&self, page: PageId, block: usize) -> u16 {
        self.written.get(page.0 as usize * self.blocks() + block).copied().unwrap_or(0)
    }

    /// The positions of a page's tokens.
    pub fn positions(&self, page: PageId) -> &[u32] {
        let start = page.0 as usize * self.page_size;
        self.positions.get(start..start + self.page_size).unwrap_or_default()
    }

    /// Gives a page what another one has in its first `slots` slots.
    pub fn copy(&mut self, from: PageId, to: PageId, slots: usize) {
        let kept = self.keep(from, slots);
        self.restore(to, &kept);
    }

    /// Forgets a page.
    pub fn clear(&mut self, page: PageId) {
        self.of_page_mut(page).fill(0);
    }

    /// What is known of the first `slots` slots of a page.
    pub fn keep(&self, page: PageId, slots: usize) -> KeptSlots {
        let written = (0..self.blocks()).map(|block| {
            let here = slots.saturating_sub(block * BLOCK).min(BLOCK);
            self.written(page, block) & ((1u32 << here) - 1) as u16
        });
        KeptSlots { written: written.collect(), positions: self.positions(page).to_vec() }
    }

    /// Gives a page what was kept.
    pub fn restore(&mut self, page: PageId, kept: &KeptSlots) {
        let start = page.0 as usize * self.page_size;
        if let Some(positions) = self.positions.get_mut(start..start + kept.positions.len()) {
            positions.copy_from_slice(&kept.positions);
            self.of_page_mut(page).copy_from_slice(&kept.written);
        }
    }

    fn of_page_mut(&mut self, page: PageId) -> &mut [u16] {
        let (start, blocks) = (page.0 as usize * self.blocks(), self.blocks());
        self.written.get_mut(start..start + blocks).unwrap_or_default()
    }
}
