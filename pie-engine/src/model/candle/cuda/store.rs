//! Keys and values in pages of a device. What each slot is to a token (written, and at which position) stays here.

use super::super::slots::{KeptSlots, Slots};
use super::super::store::CacheShape;
use super::device::{Device, DeviceError, Memory, Result};
use super::forward::Scratch;
use super::parameters;
use crate::ids::{PageId, SwapId};
use crate::model::KvStore;
use crate::model::candle::Cache;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Slots in a block.
const SLOTS: usize = 16;

/// Keys and values of all pages. Memory of a page is taken when the first token is written to it.
pub(super) struct DeviceStore {
    device: Arc<dyn Device>,
    shape: CacheShape,
    cache: Cache,
    /// Which slots are written.
    pub slots: Slots,
    pages: Vec<Option<Memory>>,
    /// Pages that were given back, to be used again.
    spare: Vec<Memory>,
    /// What is kept outside of the pages, and of the device.
    swaps: BTreeMap<SwapId, (Vec<u8>, KeptSlots)>,
    /// What went wrong where no error can be returned; told to the next pass.
    failed: Option<DeviceError>,
    /// Room of a pass; none before the first.
    pub scratch: Option<Box<Scratch>>,
}

impl DeviceStore {
    pub fn new(
        device: &Arc<dyn Device>,
        shape: CacheShape,
        cache: Cache,
        pages: u32,
        page_size: u32,
    ) -> DeviceStore {
        DeviceStore {
            device: Arc::clone(device),
            shape,
            cache,
            slots: Slots::new(pages, page_size),
            pages: (0..pages).map(|_| None).collect(),
            spare: Vec::new(),
            swaps: BTreeMap::new(),
            failed: None,
            scratch: None,
        }
    }

    /// Where the pages are.
    pub fn device(&self) -> &Arc<dyn Device> {
        &self.device
    }

    /// What kernels are told of the pages, for one layer.
    pub fn described(&self, layer: usize) -> parameters::Cache {
        let CacheShape { layers, heads, head_size } = self.shape;
        parameters::Cache {
            kept: match self.cache {
                Cache::F32 => 0,
                Cache::F16 | Cache::AsWeights => 1,
                Cache::Int8 => 2,
            },
            layers: layers as u32,
            heads: heads as u32,
            size: head_size as u32,
            blocks: self.slots.blocks() as u32,
            layer: layer as u32,
        }
    }

    fn page_bytes(&self) -> usize {
        let CacheShape { layers, heads, head_size } = self.shape;
        let slots = layers * heads * self.slots.blocks() * SLOTS;
        match self.cache {
            Cache::F32 => slots * 2 * head_size * 4,
            Cache::F16 | Cache::AsWeights => slots * 2 * head_size * 2,
            // With a scale for each key and each value.
            Cache::Int8 => slots * 2 * (head_size + 4),
        }
    }

    /// The address of a page, which is taken if it is not there yet.
    pub fn page(&mut self, page: PageId) -> Result<u64> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        match self.pages.get(page.0 as usize) {
            Some(Some(memory)) => Ok(memory.address),
            Some(None) => {
                let memory = self.blank()?;
                Ok(self.pages[page.0 as usize].insert(memory).address)
            }
            None => Err(DeviceError(format!("the store has no page {page}"))),
        }
    }

    /// The address of a page that is read; 0 if nobody has written to it.
    pub fn address(&self, page: PageId) -> u64 {
        self.pages.get(page.0 as usize).and_then(Option::as_ref).map_or(0, |memory| memory.address)
    }

    fn blank(&mut self) -> Result<Memory> {
        let bytes = self.page_bytes();
        self.spare.pop().map_or_else(|| self.device.allocate(bytes), Ok)
    }

    /// Notes what went wrong; returns whether nothing did.
    fn note(&mut self, done: Result<()>) -> bool {
        done.map_err(|error| self.failed = Some(error)).is_ok()
    }
}

// The numbers of all slots are copied, and those that were not asked for count as not written.
impl KvStore for DeviceStore {
    fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        self.clear(to);
        let (original, bytes) = (self.address(from), self.page_bytes());
        if original != 0 {
            let copied = self.page(to).and_then(|copy| self.device.copy(original, copy, bytes));
            if self.note(copied) {
                self.slots.copy(from, to, slots as usize);
            }
        }
    }

    fn clear(&mut self, page: PageId) {
        self.slots.clear(page);
        self.spare.extend(self.pages.get_mut(page.0 as usize).and_then(Option::take));
    }

    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId) {
        let address = self.address(page);
        if address != 0 {
            let mut kept = vec![0; self.page_bytes()];
            let read = self.device.read(address, &mut kept);
            if self.note(read) {
                self.swaps.insert(to, (kept, self.slots.keep(page, slots as usize)));
            }
        }
    }

    fn swap_in(&mut self, from: SwapId, page: PageId) {
        // A page without what was kept for it reads as never written, which the next pass notices.
        let Some((kept, slots)) = self.swaps.remove(&from) else { return };
        let written = self.page(page).and_then(|address| self.device.write(address, &kept));
        if self.note(written) {
            self.slots.restore(page, &slots);
        }
    }

    fn swap_drop(&mut self, swap: SwapId) {
        self.swaps.remove(&swap);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
