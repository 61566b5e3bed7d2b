//! Keys and values in pages.
//!
//! A page has, for each layer and each key-value head, blocks of [`BLOCK`] slots, one after the other: first the keys of the block, number by number (all slots'
//! first number, all slots' second ...), then its values, slot by slot. So a query is multiplied with the keys of a block, and the weights that come of it
//! with its values, without any sum across a vector register, and all that one head of one layer needs of a block lies in one place.
//!
//! Pages are made when the first token is written to them.

use super::attention::BLOCK;
use super::scratch::Scratch;
use super::simd::{LANES, Level};
use crate::ids::{PageId, SwapId};
use crate::model::{KvStore, ModelError};
use half::f16;
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;

/// A number of a key or a value as it is kept.
pub(super) trait Element: Copy + Default + Send + Sync + 'static {
    /// The number that is nearest to this one.
    fn keep(number: f32) -> Self;
    /// The number that is kept.
    fn number(self) -> f32;
    /// Numbers that are kept, side by side.
    fn lanes<L: Level>(level: L, kept: &[Self; LANES]) -> L::Floats;
}

impl Element for f32 {
    #[inline(always)]
    fn keep(number: f32) -> f32 {
        number
    }

    #[inline(always)]
    fn number(self) -> f32 {
        self
    }

    #[inline(always)]
    fn lanes<L: Level>(level: L, kept: &[f32; LANES]) -> L::Floats {
        level.load(kept)
    }
}

/// A number of 16 bits (IEEE 754 binary16), as its bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Half(u16);

impl Element for Half {
    #[inline(always)]
    fn keep(number: f32) -> Half {
        // What is too great becomes the greatest there is and not infinity, from which nothing could be computed any more.
        let greatest = f16::MAX.to_f32();
        Half(f16::from_f32(number.clamp(-greatest, greatest)).to_bits())
    }

    #[inline(always)]
    fn number(self) -> f32 {
        // Its exponent and fraction moved to where a number of 32 bits has them is that number over 2^112, subnormal ones too. There is
        // no infinity. Unlike the conversion of the library, this one becomes vector instructions.
        let magnitude = f32::from_bits(u32::from(self.0 & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
        f32::from_bits(magnitude.to_bits() | u32::from(self.0 & 0x8000) << 16)
    }

    #[inline(always)]
    fn lanes<L: Level>(level: L, kept: &[Half; LANES]) -> L::Floats {
        level.kept(kept)
    }
}

/// What one token has in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheShape {
    /// Layers of the model.
    pub layers: usize,
    /// Heads that have keys and values.
    pub heads: usize,
    /// Numbers in a key, and in a value.
    pub head_size: usize,
}

impl CacheShape {
    /// Numbers that are kept of a token.
    pub fn numbers(self) -> usize {
        2 * self.layers * self.heads * self.head_size
    }

    /// Numbers in the keys of a block, and in its values.
    fn half_block(self) -> usize {
        self.head_size * BLOCK
    }
}

/// The content of a page.
struct Page<E> {
    numbers: Box<[E]>,
    /// For each block, which of its slots are written.
    written: Box<[u16]>,
    /// The position of each slot's token.
    positions: Box<[u32]>,
}

/// Keys and values of all pages.
pub(super) struct PagedStore<E> {
    shape: CacheShape,
    page_size: usize,
    pages: Vec<Option<Page<E>>>,
    /// Pages that were given back, to be used again.
    spare: Vec<Page<E>>,
    /// What is kept outside of the pages.
    swaps: BTreeMap<SwapId, Page<E>>,
    /// Buffers of a pass, kept so that a step allocates none.
    pub scratch: Scratch,
}

impl<E: Element> PagedStore<E> {
    pub fn new(shape: CacheShape, pages: u32, page_size: u32) -> Self {
        PagedStore {
            shape,
            page_size: page_size as usize,
            pages: (0..pages).map(|_| None).collect(),
            spare: Vec::new(),
            swaps: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// Slots in a page.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Blocks in a page; the last one may be shorter than the others.
    pub fn blocks(&self) -> usize {
        self.page_size.div_ceil(BLOCK)
    }

    fn blank(&mut self) -> Page<E> {
        let blocks = self.blocks();
        self.spare.pop().unwrap_or_else(|| {
            let CacheShape { layers, heads, .. } = self.shape;
            let numbers = layers * heads * blocks * 2 * self.shape.half_block();
            Page {
                numbers: vec![E::default(); numbers].into_boxed_slice(),
                written: vec![0; blocks].into_boxed_slice(),
                positions: vec![0; self.page_size].into_boxed_slice(),
            }
        })
    }

    /// Notes that a token of that position is going to be in a slot. Its keys and values follow layer by layer ([`PagedStore::write`]).
    pub fn take(&mut self, page: PageId, slot: usize, position: u32) -> Result<(), ModelError> {
        let missing = || ModelError::Failed(format!("the store has no page {page}"));
        if self.pages.get(page.0 as usize).ok_or_else(missing)?.is_none() {
            let blank = self.blank();
            self.pages[page.0 as usize] = Some(blank);
        }
        let page = self.pages[page.0 as usize].as_mut().ok_or_else(missing)?;
        page.written[slot / BLOCK] |= 1 << (slot % BLOCK);
        page.positions[slot] = position;
        Ok(())
    }

    /// Which slots of a block are written, as bits.
    pub fn written(&self, page: PageId, block: usize) -> u16 {
        let page = self.pages.get(page.0 as usize).and_then(Option::as_ref);
        page.map_or(0, |page| page.written[block])
    }

    /// The positions of a page's tokens; meaningless where nothing is written.
    pub fn positions(&self, page: PageId) -> &[u32] {
        let page = self.pages.get(page.0 as usize).and_then(Option::as_ref);
        page.map_or(&[], |page| &page.positions)
    }

    fn block_range(&self, layer: usize, head: usize, block: usize) -> Range<usize> {
        let size = 2 * self.shape.half_block();
        let start = ((layer * self.shape.heads + head) * self.blocks() + block) * size;
        start..start + size
    }

    /// Keys and values of a block of one head; nothing of a page that nobody has written to.
    #[inline(always)]
    pub fn block(&self, page: PageId, layer: usize, head: usize, block: usize) -> Option<(&[E], &[E])> {
        let page = self.pages.get(page.0 as usize)?.as_ref()?;
        Some(page.numbers[self.block_range(layer, head, block)].split_at(self.shape.half_block()))
    }

    /// Writes keys and values of a token, those of all heads one after the other, to a slot that was [taken](PagedStore::take).
    pub fn write(&mut self, page: PageId, slot: usize, layer: usize, keys: &[f32], values: &[f32]) {
        let (size, half) = (self.shape.head_size, self.shape.half_block());
        let (block, lane) = (slot / BLOCK, slot % BLOCK);
        for head in 0..self.shape.heads {
            let range = self.block_range(layer, head, block);
            let Some(Some(page)) = self.pages.get_mut(page.0 as usize) else { return };
            let (block_keys, block_values) = page.numbers[range].split_at_mut(half);
            let of_head = head * size..(head + 1) * size;
            let key = keys[of_head.clone()].iter();
            key.zip(block_keys[lane..].iter_mut().step_by(BLOCK))
                .for_each(|(number, kept)| *kept = E::keep(*number));
            let value = values[of_head].iter();
            value.zip(&mut block_values[lane * size..]).for_each(|(number, kept)| *kept = E::keep(*number));
        }
    }
}

impl<E: Element> Page<E> {
    /// Copies what another page holds in its first `slots` slots. The numbers of the others are copied too, and count as not written.
    fn copy_from(&mut self, other: &Page<E>, slots: usize) {
        self.numbers.copy_from_slice(&other.numbers);
        self.positions.copy_from_slice(&other.positions);
        for (block, (written, of_other)) in self.written.iter_mut().zip(&other.written).enumerate() {
            let here = slots.saturating_sub(block * BLOCK).min(BLOCK);
            *written = of_other & ((1u32 << here) - 1) as u16;
        }
    }
}

impl<E: Element> KvStore for PagedStore<E> {
    fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        let mut copy = match self.pages.get_mut(to.0 as usize).and_then(Option::take) {
            Some(page) => page,
            None => self.blank(),
        };
        let Some(Some(original)) = self.pages.get(from.0 as usize) else {
            copy.written.fill(0);
            self.spare.push(copy);
            return;
        };
        copy.copy_from(original, slots as usize);
        if let Some(place) = self.pages.get_mut(to.0 as usize) {
            *place = Some(copy);
        }
    }

    fn clear(&mut self, page: PageId) {
        if let Some(mut page) = self.pages.get_mut(page.0 as usize).and_then(Option::take) {
            page.written.fill(0);
            self.spare.push(page);
        }
    }

    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId) {
        let mut kept = self.blank();
        if let Some(Some(page)) = self.pages.get(page.0 as usize) {
            kept.copy_from(page, slots as usize);
            self.swaps.insert(to, kept);
        }
    }

    fn swap_in(&mut self, from: SwapId, page: PageId) {
        // A page without what was kept for it reads as never written, which the next pass notices.
        let Some(kept) = self.swaps.remove(&from) else { return };
        self.clear(page);
        if let Some(place) = self.pages.get_mut(page.0 as usize) {
            *place = Some(kept);
        }
    }

    fn swap_drop(&mut self, swap: SwapId) {
        if let Some(mut page) = self.swaps.remove(&swap) {
            page.written.fill(0);
            self.spare.push(page);
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_numbers_are_those_of_the_library() {
        for bits in 0..=u16::MAX {
            let expected = f16::from_bits(bits);
            if expected.is_finite() {
                assert_eq!(Half(bits).number().to_bits(), expected.to_f32().to_bits(), "{bits:#x}");
                assert_eq!(Half::keep(expected.to_f32()), Half(bits), "{bits:#x}");
            }
        }
        assert_eq!(Half::keep(1e9).number(), 65504.0);
        assert_eq!(Half::keep(f32::NEG_INFINITY).number(), -65504.0);
    }

    #[test]
    fn a_token_is_found_where_it_was_written() {
        let shape = CacheShape { layers: 2, heads: 2, head_size: 3 };
        let mut store = PagedStore::<f32>::new(shape, 2, 20);
        let (keys, values) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        store.take(PageId(1), 17, 40).unwrap();
        store.write(PageId(1), 17, 1, &keys, &values);
        assert_eq!((store.written(PageId(1), 0), store.written(PageId(1), 1)), (0, 2));
        assert_eq!(store.positions(PageId(1))[17], 40);
        let (block_keys, block_values) = store.block(PageId(1), 1, 1, 1).unwrap();
        let key: Vec<f32> = block_keys.iter().skip(1).step_by(BLOCK).copied().collect();
        assert_eq!(key, [4.0, 5.0, 6.0]);
        assert_eq!(block_values[3..6], [10.0, 11.0, 12.0]);
        assert!(store.block(PageId(0), 0, 0, 0).is_none());
        assert!(store.take(PageId(2), 0, 0).is_err());
    }

    #[test]
    fn a_copy_has_only_the_slots_that_were_asked_for() {
        let mut store = PagedStore::<Half>::new(CacheShape { layers: 1, heads: 1, head_size: 4 }, 3, 20);
        for slot in 0..18 {
            store.take(PageId(0), slot, slot as u32).unwrap();
        }
        store.copy(PageId(0), PageId(1), 17);
        assert_eq!((store.written(PageId(1), 0), store.written(PageId(1), 1)), (u16::MAX, 1));
        store.swap_out(PageId(0), 3, SwapId(7));
        store.clear(PageId(0));
        assert_eq!(store.written(PageId(0), 0), 0);
        store.swap_in(SwapId(7), PageId(2));
        assert_eq!((store.written(PageId(2), 0), store.written(PageId(2), 1)), (7, 0));
    }
}
