//! What a pass is, before any number is computed: which token sees which slots, and which tokens go through attention together.

use super::attention::BLOCK;
use super::slots::Slots;
use crate::ids::PageId;
use crate::model::{Batch, ModelError, Sequence};
use std::ops::Range;

/// Tokens that go through attention together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Which, in the order of the plan.
    pub tokens: Range<usize>,
    /// How many of their first pages all of them have in common.
    pub shared_pages: usize,
}

/// A token in the order of the plan.
#[derive(Clone, Copy)]
struct Token {
    /// The sequence in the batch.
    sequence: usize,
    /// The row among all tokens of the batch.
    row: usize,
    /// Where its bits begin in each view.
    bits: usize,
    /// How many words of bits it has.
    blocks: usize,
}

/// Where what is known of a token is.
#[cfg(any(test, feature = "cuda"))]
pub(super) struct Span {
    /// Its row among all tokens of the batch.
    pub row: usize,
    /// Where its pages begin among [all](Plan::all_pages).
    pub pages: usize,
    /// Where its bits begin among [those](Plan::bits) of a view.
    pub bits: usize,
    /// How many words of bits it has.
    pub blocks: usize,
}

/// A batch, taken apart. Its buffers are kept from pass to pass.
///
/// Tokens are in an order in which sequences with common first pages are neighbours.
#[derive(Default)]
pub(super) struct Plan {
    /// The pages of all sequences, as far as they have slots that are written.
    pages: Vec<PageId>,
    /// Which of them belong to each sequence.
    sequences: Vec<Range<usize>>,
    /// The row of each sequence's first token among all tokens of the batch.
    first_rows: Vec<usize>,
    /// The sequences, ordered by their pages.
    order: Vec<usize>,
    tokens: Vec<Token>,
    /// For each view, the slots that tokens see, a word for each block.
    views: Vec<Vec<u16>>,
    /// The same for one token, without regard to windows.
    seen: Vec<u16>,
    /// The tiles.
    pub tiles: Vec<Tile>,
}

impl Plan {
    /// Takes a batch apart, and takes the slots of its tokens in the slots. A view is a length of window, or none where there is no window; tiles
    /// have at most `longest_tile` tokens.
    pub fn make(
        &mut self,
        batch: &Batch<'_>,
        slots: &mut Slots,
        views: &[Option<u32>],
        longest_tile: usize,
    ) -> Result<(), ModelError> {
        for sequence in &batch.sequences {
            take(sequence, slots)?;
        }
        self.clear(views.len());
        let mut row = 0;
        for sequence in &batch.sequences {
            let end = sequence.start as usize + sequence.tokens.len();
            let pages = &sequence.pages[..end.div_ceil(slots.page_size()).min(sequence.pages.len())];
            self.sequences.push(self.pages.len()..self.pages.len() + pages.len());
            self.pages.extend_from_slice(pages);
            self.first_rows.push(row);
            row += sequence.tokens.len();
        }
        let (pages, sequences) = (&self.pages, &self.sequences);
        self.order.extend(0..sequences.len());
        self.order.sort_unstable_by_key(|&sequence| (&pages[sequences[sequence].clone()], sequence));
        for at in 0..self.order.len() {
            let sequence = self.order[at];
            for index in 0..batch.sequences[sequence].tokens.len() {
                self.add(&batch.sequences[sequence], sequence, index, slots, views)?;
            }
        }
        self.tile(longest_tile);
        Ok(())
    }

    fn clear(&mut self, views: usize) {
        self.pages.clear();
        self.sequences.clear();
        self.first_rows.clear();
        self.order.clear();
        self.tokens.clear();
        self.tiles.clear();
        self.views.resize_with(views, Vec::new);
        self.views.iter_mut().for_each(Vec::clear);
    }

    /// Adds a token and what it sees.
    fn add(
        &mut self,
        sequence: &Sequence<'_>,
        number: usize,
        index: usize,
        slots: &Slots,
        views: &[Option<u32>],
    ) -> Result<(), ModelError> {
        let bits = self.views.first().map_or(0, Vec::len);
        let Plan { pages, sequences, first_rows, tokens, views: of_views, seen, .. } = self;
        let pages = &pages[sequences[number].clone()];
        let blocks = pages.len() * slots.blocks();
        tokens.push(Token { sequence: number, row: first_rows[number] + index, bits, blocks });
        seen.clear();
        seen.resize(blocks, 0);
        match sequence.masks {
            Some(masks) => {
                for range in masks[index].true_ranges() {
                    see(seen, range.start as usize..range.end as usize, slots);
                }
            }
            None => see(seen, 0..sequence.start as usize + index + 1, slots),
        }
        for (block, bits) in seen.iter().enumerate() {
            let (page, within) = (pages[block / slots.blocks()], block % slots.blocks());
            let unwritten = bits & !slots.written(page, within);
            if unwritten != 0 {
                let slot = within * BLOCK + unwritten.trailing_zeros() as usize;
                return Err(ModelError::Unwritten { page, slot: slot as u32 });
            }
        }
        let position = sequence.positions[index];
        for (view, window) in of_views.iter_mut().zip(views) {
            let start = view.len();
            view.extend_from_slice(seen);
            if let Some(window) = window {
                for (block, bits) in view[start..].iter_mut().enumerate().filter(|(_, bits)| **bits != 0) {
                    let (page, within) = (pages[block / slots.blocks()], block % slots.blocks());
                    let positions = slots.positions(page)[within * BLOCK..].iter().take(BLOCK);
                    for (slot, &other) in positions.enumerate() {
                        if u64::from(other) + u64::from(*window) <= u64::from(position) {
                            *bits &= !(1 << slot);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn tile(&mut self, longest: usize) {
        let mut start = 0;
        while start < self.tokens.len() {
            let mut shared = self.pages(start).len();
            let mut end = start + 1;
            while end < self.tokens.len() && end - start < longest {
                if self.tokens[end].sequence != self.tokens[end - 1].sequence {
                    let pages = self.pages(start).iter().zip(self.pages(end));
                    let common = pages.take_while(|(a, b)| a == b).count();
                    if common == 0 {
                        break;
                    }
                    shared = shared.min(common);
                }
                end += 1;
            }
            self.tiles.push(Tile { tokens: start..end, shared_pages: shared });
            start = end;
        }
    }

    /// The pages of a token's sequence, as far as they have slots that are written.
    pub fn pages(&self, token: usize) -> &[PageId] {
        &self.pages[self.sequences[self.tokens[token].sequence].clone()]
    }

    /// The pages of all sequences.
    #[cfg(any(test, feature = "cuda"))]
    pub fn all_pages(&self) -> &[PageId] {
        &self.pages
    }

    /// Where each token's pages and bits are.
    #[cfg(any(test, feature = "cuda"))]
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.tokens.iter().map(|token| Span {
            row: token.row,
            pages: self.sequences[token.sequence].start,
            bits: token.bits,
            blocks: token.blocks,
        })
    }

    /// The slots that tokens see, a word for each block.
    #[cfg(any(test, feature = "cuda"))]
    pub fn bits(&self, view: usize) -> &[u16] {
        &self.views[view]
    }

    /// How many tokens in a row, from this one on, are of its sequence.
    pub fn run_length(&self, token: usize) -> usize {
        let sequence = self.tokens[token].sequence;
        self.tokens[token..].iter().take_while(|token| token.sequence == sequence).count()
    }

    /// The row of a token among all tokens of the batch.
    #[inline(always)]
    pub fn row(&self, token: usize) -> usize {
        self.tokens[token].row
    }

    /// How many slots all tokens see, in whole blocks.
    pub fn seen(&self, view: usize) -> usize {
        self.views[view].iter().filter(|bits| **bits != 0).count() * BLOCK
    }

    /// The slots of a block that a token sees, as bits.
    #[inline(always)]
    pub fn visible(&self, view: usize, token: usize, block: usize) -> u16 {
        let Token { bits, blocks, .. } = self.tokens[token];
        if block < blocks { self.views[view][bits + block] } else { 0 }
    }
}

fn take(sequence: &Sequence<'_>, slots: &mut Slots) -> Result<(), ModelError> {
    for (index, &position) in sequence.positions.iter().enumerate() {
        let (page, slot) = place(sequence, index, slots.page_size())?;
        slots.take(page, slot, position)?;
    }
    Ok(())
}

/// The page and the slot in it of a new token.
pub(super) fn place(
    sequence: &Sequence<'_>,
    index: usize,
    page_size: usize,
) -> Result<(PageId, usize), ModelError> {
    let slot = sequence.start as usize + index;
    let missing = || ModelError::Failed(format!("the context has no page for its slot {slot}"));
    let page = *sequence.pages.get(slot / page_size).ok_or_else(missing)?;
    Ok((page, slot % page_size))
}

/// Sets the bits of a range of slots.
fn see(seen: &mut [u16], range: Range<usize>, slots: &Slots) {
    let (page_size, blocks) = (slots.page_size(), slots.blocks());
    let mut slot = range.start;
    while slot < range.end {
        let (page, in_page) = (slot / page_size, slot % page_size);
        let lane = in_page % BLOCK;
        // As far as the block, the page and the range go.
        let count = (BLOCK - lane).min(page_size - in_page).min(range.end - slot);
        let Some(bits) = seen.get_mut(page * blocks + in_page / BLOCK) else { return };
        *bits |= (((1u32 << count) - 1) << lane) as u16;
        slot += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brle::Brle;

    fn sequence<'a>(pages: &'a [PageId], start: u32, positions: &'a [u32]) -> Sequence<'a> {
        Sequence {
            tokens: positions,
            positions,
            pages,
            start,
            masks: None,
            adapter: None,
            rows: &[],
            embeddings: false,
        }
    }

    fn planned(batch: &Batch<'_>, slots: &mut Slots, views: &[Option<u32>]) -> Result<Plan, ModelError> {
        let mut plan = Plan::default();
        plan.make(batch, slots, views, 8)?;
        Ok(plan)
    }

    fn written(pages: u32, page_size: u32) -> Slots {
        let mut slots = Slots::new(pages, page_size);
        for slot in 0..pages * page_size {
            slots.take(PageId(slot / page_size), (slot % page_size) as usize, slot).unwrap();
        }
        slots
    }

    fn seen(plan: &Plan, view: usize, token: usize, blocks: usize) -> Vec<u16> {
        (0..blocks).map(|block| plan.visible(view, token, block)).collect()
    }

    #[test]
    fn a_token_sees_what_is_before_it_and_itself() {
        let pages = [PageId(0), PageId(1)];
        let batch = Batch { sequences: vec![sequence(&pages, 5, &[5, 6, 7])], page_size: 4 };
        let plan = planned(&batch, &mut written(2, 4), &[None, Some(3)]).unwrap();
        assert_eq!(seen(&plan, 0, 0, 2), [0b1111, 0b11]);
        assert_eq!(seen(&plan, 0, 2, 3), [0b1111, 0b1111, 0]);
        assert_eq!(seen(&plan, 1, 0, 2), [0b1000, 0b11], "a window of three");
        assert_eq!(plan.tiles, [Tile { tokens: 0..3, shared_pages: 2 }]);
    }

    #[test]
    fn masks_and_long_pages_are_cut_into_blocks() {
        let pages = [PageId(0), PageId(1)];
        let masks = [Brle(vec![3, 16, 1, 2])];
        let positions = [21];
        let mut masked = sequence(&pages, 21, &positions);
        masked.masks = Some(&masks);
        let batch = Batch { sequences: vec![masked], page_size: 20 };
        let plan = planned(&batch, &mut written(2, 20), &[None]).unwrap();
        // Slots 3 to 18, 20 and 21: blocks of 16 and 4 slots in each page.
        assert_eq!(seen(&plan, 0, 0, 4), [0xfff8, 0b111, 0b11, 0]);
    }

    #[test]
    fn sequences_with_common_first_pages_are_worked_on_together() {
        let pages = [[0, 1, 2], [7, 8, 9], [0, 1, 3], [0, 4, 5]].map(|ids| ids.map(PageId));
        let sequences = pages.iter().map(|pages| sequence(pages, 10, &[10])).collect();
        let plan = planned(&Batch { sequences, page_size: 4 }, &mut written(10, 4), &[None]).unwrap();
        assert_eq!(
            plan.tiles,
            [Tile { tokens: 0..3, shared_pages: 1 }, Tile { tokens: 3..4, shared_pages: 3 }]
        );
        assert_eq!((0..4).map(|token| plan.row(token)).collect::<Vec<_>>(), [0, 2, 3, 1]);
    }

    #[test]
    fn reading_what_nobody_wrote_is_an_error_that_names_the_slot() {
        let pages = [PageId(0), PageId(1)];
        let batch = Batch { sequences: vec![sequence(&pages, 5, &[5])], page_size: 4 };
        let mut slots = Slots::new(2, 4);
        (0..3).for_each(|slot| slots.take(PageId(0), slot, 0).unwrap());
        let error = planned(&batch, &mut slots, &[None]).err().unwrap();
        assert_eq!(error, ModelError::Unwritten { page: PageId(0), slot: 3 });
        let past = Batch { sequences: vec![sequence(&pages, 8, &[8])], page_size: 4 };
        assert!(planned(&past, &mut slots, &[None]).is_err());
    }
}
