//! The dummy's KV cache: three numbers a slot.

use super::scratch::Scratch;
use crate::ids::{PageId, SwapId};
use crate::model::{KvStore, ModelError};
use crate::splitmix::splitmix64;
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the dummy keeps for every token it has read. All arrays are indexed by page times page size plus slot.
pub struct DummyStore {
    page_size: usize,
    /// Position in the upper half, token in the lower: sorts as positions do.
    keys: Vec<u64>,
    /// What the first layer keeps: a hash of token, position and adapter. Odd once the slot is written, 0 before.
    pub(super) first: Vec<u64>,
    /// What the second layer keeps: a hash of the same and of all that the token saw.
    pub(super) second: Vec<u64>,
    /// What is kept outside of the pages: keys, first and second of some slots.
    swaps: BTreeMap<SwapId, [Vec<u64>; 3]>,
    /// Buffers of a pass, kept so that no pass allocates.
    pub(super) scratch: Scratch,
}

impl DummyStore {
    pub(super) fn new(pages: u32, page_size: u32) -> Self {
        let slots = pages as usize * page_size as usize;
        DummyStore {
            page_size: page_size as usize,
            keys: vec![0; slots],
            first: vec![0; slots],
            second: vec![0; slots],
            swaps: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// The number of pages.
    pub(super) fn pages(&self) -> usize {
        self.keys.len().checked_div(self.page_size).unwrap_or(0)
    }

    pub(super) fn check_page_size(&self, page_size: u32) -> Result<(), ModelError> {
        if page_size as usize == self.page_size {
            return Ok(());
        }
        let message = format!("the batch has pages of {page_size} slots, the store of {}", self.page_size);
        Err(ModelError::Failed(message))
    }

    pub(super) fn page_size(&self) -> usize {
        self.page_size
    }

    /// Keys of a range of slots that lies in one page.
    pub(super) fn keys(&self, slots: Range<usize>) -> &[u64] {
        &self.keys[slots]
    }

    /// Writes what the first layer keeps of a token.
    pub(super) fn write(&mut self, slot: usize, token: u32, position: u32, adapter: u64) {
        let key = u64::from(position) << 32 | u64::from(token);
        self.keys[slot] = key;
        self.first[slot] = splitmix64(key ^ splitmix64(adapter)) | 1;
    }

    fn page(&self, page: PageId) -> Range<usize> {
        let start = page.0 as usize * self.page_size;
        start..start + self.page_size
    }
}

impl KvStore for DummyStore {
    fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        let (from, to) = (self.page(from), self.page(to).start);
        let from = from.start..from.end.min(from.start + slots as usize);
        for array in [&mut self.keys, &mut self.first, &mut self.second] {
            array.copy_within(from.clone(), to);
        }
    }

    fn clear(&mut self, page: PageId) {
        let page = self.page(page);
        for array in [&mut self.keys, &mut self.first, &mut self.second] {
            array[page.clone()].fill(0);
        }
    }

    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId) {
        let page = self.page(page);
        let slots = page.start..page.end.min(page.start + slots as usize);
        let kept = [&self.keys, &self.first, &self.second].map(|array| array[slots.clone()].to_vec());
        self.swaps.insert(to, kept);
    }

    fn swap_in(&mut self, from: SwapId, page: PageId) {
        // A page without what was kept for it reads as never written, which the next pass notices.
        let Some(kept) = self.swaps.remove(&from) else { return };
        let start = self.page(page).start;
        for (array, kept) in [&mut self.keys, &mut self.first, &mut self.second].into_iter().zip(kept) {
            array[start..start + kept.len()].copy_from_slice(&kept);
        }
    }

    fn swap_drop(&mut self, swap: SwapId) {
        self.swaps.remove(&swap);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
