//! Keys and values in pages.
//!
//! A page has, for each layer and each key-value head, blocks of [`BLOCK`] slots, one after the other: first the keys of the block, number by number (all slots'
//! first number, all slots' second ...), then its values, slot by slot. So a query is multiplied with the keys of a block, and the weights that come of it
//! with its values, without any sum across a vector register, and all that one head of one layer needs of a block lies in one place.
//!
//! Pages are made when the first token is written to them.

use super::attention::BLOCK;
use super::numeric::Lanes;
use super::scratch::Scratch;
use super::simd::{LANES, Level};
use super::slots::{KeptSlots, Slots};
use crate::ids::{PageId, SwapId};
use crate::model::KvStore;
use half::f16;
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;

/// A number of a key or a value as it is kept.
pub(super) trait Element: Copy + Default + Send + Sync + 'static {
    /// Whether each key and each value has a scale that its numbers are multiplied with.
    const SCALED: bool = false;
    /// The scale of a key or a value: what its numbers are divided by before they are kept.
    fn scale(_row: &[f32]) -> f32 {
        1.0
    }
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

/// A whole number from -127 to 127, of a key or a value that has a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Byte(u8);

impl Element for Byte {
    const SCALED: bool = true;

    fn scale(row: &[f32]) -> f32 {
        // What is no number is not hidden: `max` would pass it over.
        let greatest = row.iter().fold(0.0f32, |greatest, number| greatest.max(number.abs()));
        greatest / 127.0 + row.iter().map(|number| number * 0.0).sum::<f32>()
    }

    #[inline(always)]
    fn keep(number: f32) -> Byte {
        Byte((number.round_ties_even() as i8) as u8)
    }

    #[inline(always)]
    fn number(self) -> f32 {
        f32::from(self.0 as i8)
    }

    #[inline(always)]
    fn lanes<L: Level>(level: L, kept: &[Byte; LANES]) -> L::Floats {
        level.small(&kept.map(|byte| byte.0))
    }
}

/// What a block of one head keeps.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a, E> {
    /// Keys, number by number.
    pub keys: &'a [E],
    /// Values, slot by slot.
    pub values: &'a [E],
    /// What keys and values of the slots are multiplied with, if that is not 1.
    pub scales: Option<&'a [Lanes; 2]>,
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
    /// For each layer, head and block, the scales of keys and of values. Nothing where there are none.
    scales: Box<[[Lanes; 2]]>,
}

/// Keys and values of all pages.
pub(super) struct PagedStore<E> {
    shape: CacheShape,
    /// Which slots are written.
    pub slots: Slots,
    pages: Vec<Option<Page<E>>>,
    /// Pages that were given back, to be used again.
    spare: Vec<Page<E>>,
    /// What is kept outside of the pages.
    swaps: BTreeMap<SwapId, (Page<E>, KeptSlots)>,
    /// Buffers of a pass, kept so that a step allocates none.
    pub scratch: Scratch,
}

impl<E: Element> PagedStore<E> {
    pub fn new(shape: CacheShape, pages: u32, page_size: u32) -> Self {
        PagedStore {
            shape,
            slots: Slots::new(pages, page_size),
            pages: (0..pages).map(|_| None).collect(),
            spare: Vec::new(),
            swaps: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// Blocks in a page; the last one may be shorter than the others.
    pub fn blocks(&self) -> usize {
        self.slots.blocks()
    }

    fn blank(&mut self) -> Page<E> {
        let blocks = self.blocks();
        self.spare.pop().unwrap_or_else(|| {
            let CacheShape { layers, heads, .. } = self.shape;
            let blocks_of_heads = layers * heads * blocks;
            let scales = if E::SCALED { blocks_of_heads } else { 0 };
            Page {
                numbers: vec![E::default(); blocks_of_heads * 2 * self.shape.half_block()].into_boxed_slice(),
                scales: vec![[[0.0; LANES]; 2]; scales].into_boxed_slice(),
            }
        })
    }

    fn block_number(&self, layer: usize, head: usize, block: usize) -> usize {
        (layer * self.shape.heads + head) * self.blocks() + block
    }

    fn block_range(&self, number: usize) -> Range<usize> {
        let size = 2 * self.shape.half_block();
        number * size..(number + 1) * size
    }

    /// Keys and values of a block of one head; nothing of a page that nobody has written to.
    #[inline(always)]
    pub fn block(&self, page: PageId, layer: usize, head: usize, block: usize) -> Option<Kept<'_, E>> {
        let page = self.pages.get(page.0 as usize)?.as_ref()?;
        let number = self.block_number(layer, head, block);
        let (keys, values) = page.numbers[self.block_range(number)].split_at(self.shape.half_block());
        Some(Kept { keys, values, scales: page.scales.get(number) })
    }

    /// Writes keys and values of a token, those of all heads one after the other, to a slot that was [taken](Slots::take).
    pub fn write(&mut self, page: PageId, slot: usize, layer: usize, keys: &[f32], values: &[f32]) {
        let (size, half) = (self.shape.head_size, self.shape.half_block());
        let (block, lane) = (slot / BLOCK, slot % BLOCK);
        if self.pages.get(page.0 as usize).is_some_and(Option::is_none) {
            let blank = self.blank();
            self.pages[page.0 as usize] = Some(blank);
        }
        for head in 0..self.shape.heads {
            let number = self.block_number(layer, head, block);
            let range = self.block_range(number);
            let Some(Some(page)) = self.pages.get_mut(page.0 as usize) else { return };
            let (block_keys, block_values) = page.numbers[range].split_at_mut(half);
            let (key, value) = (&keys[head * size..][..size], &values[head * size..][..size]);
            let scales = [E::scale(key), E::scale(value)];
            if let Some([of_keys, of_values]) = page.scales.get_mut(number) {
                [of_keys[lane], of_values[lane]] = scales;
            }
            // Nothing but zeros has the scale 0.
            let [to_key, to_value] = scales.map(|scale| if scale == 0.0 { 0.0 } else { 1.0 / scale });
            let kept = block_keys[lane..].iter_mut().step_by(BLOCK);
            key.iter().zip(kept).for_each(|(number, kept)| *kept = E::keep(number * to_key));
            let kept = &mut block_values[lane * size..];
            value.iter().zip(kept).for_each(|(number, kept)| *kept = E::keep(number * to_value));
        }
    }
}

impl<E: Element> Page<E> {
    fn copy_from(&mut self, other: &Page<E>) {
        self.numbers.copy_from_slice(&other.numbers);
        self.scales.copy_from_slice(&other.scales);
    }
}

// The numbers of all slots are copied, and those that were not asked for count as not written.
impl<E: Element> KvStore for PagedStore<E> {
    fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        self.clear(to);
        let mut copy = self.blank();
        let Some(Some(original)) = self.pages.get(from.0 as usize) else {
            self.spare.push(copy);
            return;
        };
        copy.copy_from(original);
        if let Some(place) = self.pages.get_mut(to.0 as usize) {
            *place = Some(copy);
            self.slots.copy(from, to, slots as usize);
        }
    }

    fn clear(&mut self, page: PageId) {
        self.slots.clear(page);
        self.spare.extend(self.pages.get_mut(page.0 as usize).and_then(Option::take));
    }

    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId) {
        let mut kept = self.blank();
        let Some(Some(original)) = self.pages.get(page.0 as usize) else {
            self.spare.push(kept);
            return;
        };
        kept.copy_from(original);
        self.swaps.insert(to, (kept, self.slots.keep(page, slots as usize)));
    }

    fn swap_in(&mut self, from: SwapId, page: PageId) {
        // A page without what was kept for it reads as never written, which the next pass notices.
        let Some((kept, slots)) = self.swaps.remove(&from) else { return };
        self.clear(page);
        if let Some(place) = self.pages.get_mut(page.0 as usize) {
            *place = Some(kept);
            self.slots.restore(page, &slots);
        }
    }

    fn swap_drop(&mut self, swap: SwapId) {
        self.spare.extend(self.swaps.remove(&swap).map(|(page, _)| page));
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
        store.slots.take(PageId(1), 17, 40).unwrap();
        store.write(PageId(1), 17, 1, &keys, &values);
        assert_eq!((store.slots.written(PageId(1), 0), store.slots.written(PageId(1), 1)), (0, 2));
        assert_eq!(store.slots.positions(PageId(1))[17], 40);
        let block = store.block(PageId(1), 1, 1, 1).unwrap();
        let key: Vec<f32> = block.keys.iter().skip(1).step_by(BLOCK).copied().collect();
        assert_eq!(key, [4.0, 5.0, 6.0]);
        assert_eq!(block.values[3..6], [10.0, 11.0, 12.0]);
        assert!(block.scales.is_none());
        assert!(store.block(PageId(0), 0, 0, 0).is_none());
        assert!(store.slots.take(PageId(2), 0, 0).is_err());
    }

    #[test]
    fn whole_numbers_are_kept_with_a_scale_for_each_key_and_each_value() {
        let shape = CacheShape { layers: 1, heads: 2, head_size: 3 };
        let mut store = PagedStore::<Byte>::new(shape, 2, 20);
        store.slots.take(PageId(0), 18, 0).unwrap();
        store.write(PageId(0), 18, 0, &[0.0; 6], &[0.0, 0.0, 0.0, -254.0, 100.0, 3.0]);
        store.copy(PageId(0), PageId(1), 19);
        for page in [PageId(0), PageId(1)] {
            let Kept { values, scales, .. } = store.block(page, 0, 1, 1).unwrap();
            assert_eq!(scales.unwrap().map(|scales| scales[2]), [0.0, 2.0]);
            assert_eq!(
                values[6..9].iter().map(|byte| byte.number()).collect::<Vec<_>>(),
                [-127.0, 50.0, 2.0]
            );
        }
        store.write(PageId(0), 18, 0, &[f32::NAN; 6], &[1.0, f32::INFINITY, 1.0, 0.0, 0.0, 0.0]);
        let scales = store.block(PageId(0), 0, 0, 1).unwrap().scales.unwrap();
        assert!(scales.iter().all(|scales| scales[2].is_nan()), "what is no number shows");
    }

    #[test]
    fn a_copy_has_only_the_slots_that_were_asked_for() {
        let mut store = PagedStore::<Half>::new(CacheShape { layers: 1, heads: 1, head_size: 4 }, 3, 20);
        for slot in 0..18 {
            store.slots.take(PageId(0), slot, slot as u32).unwrap();
            store.write(PageId(0), slot, 0, &[1.0; 4], &[2.0; 4]);
        }
        store.copy(PageId(0), PageId(1), 17);
        assert_eq!((store.slots.written(PageId(1), 0), store.slots.written(PageId(1), 1)), (u16::MAX, 1));
        store.swap_out(PageId(0), 3, SwapId(7));
        store.clear(PageId(0));
        assert_eq!(store.slots.written(PageId(0), 0), 0);
        store.swap_in(SwapId(7), PageId(2));
        assert_eq!((store.slots.written(PageId(2), 0), store.slots.written(PageId(2), 1)), (7, 0));
    }
}
