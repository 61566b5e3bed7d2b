//! Two layers of attention in whole numbers.
//!
//! The dummy keeps what a transformer of two layers would keep, with hashes for vectors and wrapping sums for attention:
//!
//! ```text
//! first(i)  = hash(token, position, adapter)
//! second(i) = hash(first(i), sum of first(j) over all j that i sees)
//! state(i)  = hash(second(i), sum of second(j) over all j that i sees)
//! ```
//!
//! A wrapping sum is exact and does not depend on the order, so a state does not depend on chunks, batches or the layout of pages.
//! It does depend on everything else, as in a transformer: hide a slot, move a position, read a stale slot, and every state after
//! it differs; and a slot that was computed under another mask holds something else, even if its token is the same.

use super::store::DummyStore;
use crate::brle::Brle;
use crate::ids::PageId;
use crate::model::{ModelError, Overlay, Sequence};
use crate::splitmix::splitmix64;
use std::ops::Range;

/// One sequence and the store that has its slots.
pub(super) struct Attention<'a> {
    sequence: &'a Sequence<'a>,
    store: &'a mut DummyStore,
}

impl<'a> Attention<'a> {
    /// Checks a sequence, so that everything after can index without a thought.
    pub(super) fn new(
        sequence: &'a Sequence<'a>,
        store: &'a mut DummyStore,
        vocab_size: u32,
    ) -> Result<Self, ModelError> {
        match check(sequence, store, vocab_size) {
            None => Ok(Attention { sequence, store }),
            Some(message) => Err(ModelError::Failed(message)),
        }
    }

    /// Writes what both layers keep of the new tokens.
    pub(super) fn write(&mut self) -> Result<(), ModelError> {
        let sequence = self.sequence;
        let adapter = sequence.adapter.map_or(0, Overlay::digest);
        for (token, (&id, &position)) in sequence.tokens.iter().zip(sequence.positions).enumerate() {
            let slot = self.slot(self.context_slot(token));
            self.store.write(slot, id, position, adapter);
        }
        let mut causal = self.causal_base(DummyStore::first)?;
        for token in 0..sequence.tokens.len() {
            let slot = self.slot(self.context_slot(token));
            let own = self.store.first[slot];
            causal = causal.wrapping_add(own);
            let seen = match sequence.masks {
                None => causal,
                Some(masks) => self.sum_under(&masks[token], DummyStore::first)?,
            };
            self.store.second[slot] = splitmix64(own ^ seen.rotate_left(32));
        }
        Ok(())
    }

    /// Calls `emit` with each requested row and its state.
    pub(super) fn rows(&self, mut emit: impl FnMut(usize, u64)) -> Result<(), ModelError> {
        let sequence = self.sequence;
        if sequence.rows.is_empty() {
            return Ok(());
        }
        let mut causal = self.causal_base(DummyStore::second)?;
        let mut next = 0;
        for &row in sequence.rows {
            let row = row as usize;
            let seen = match sequence.masks {
                None => {
                    let new = self.context_slot(next)..self.context_slot(row + 1);
                    causal = causal.wrapping_add(self.sum(new, DummyStore::second)?);
                    next = row + 1;
                    causal
                }
                Some(masks) => self.sum_under(&masks[row], DummyStore::second)?,
            };
            let own = self.store.second[self.slot(self.context_slot(row))];
            emit(row, splitmix64(own ^ seen.rotate_left(32)));
        }
        Ok(())
    }

    /// Calls `read` with the keys of all slots that a new token sees, but for its own, in the order of the slots.
    pub(super) fn for_each_other(&self, token: usize, mut read: impl FnMut(&[u64])) {
        let own = self.context_slot(token);
        for range in self.visible(token) {
            let before = range.start..range.end.min(own);
            let after = range.start.max(own + 1)..range.end;
            for slots in self.stored(before).chain(self.stored(after)) {
                read(self.store.keys(slots));
            }
        }
    }

    /// The slots of the context that a new token sees, as ranges.
    fn visible(&self, token: usize) -> impl Iterator<Item = Range<usize>> {
        let mask = self.sequence.masks.map(|masks| &masks[token]);
        let causal = mask.is_none().then(|| 0..self.context_slot(token + 1));
        mask.into_iter().flat_map(true_ranges).chain(causal)
    }

    /// The slot of the context that a new token gets.
    fn context_slot(&self, token: usize) -> usize {
        self.sequence.start as usize + token
    }

    /// A range of slots of the context as ranges of the store, one for each page.
    fn stored(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let page_size = self.store.page_size();
        let mut at = range.start;
        std::iter::from_fn(move || {
            (at < range.end).then(|| {
                let from = self.slot(at);
                let count = (page_size - at % page_size).min(range.end - at);
                at += count;
                from..from + count
            })
        })
    }

    /// Where the store has a slot of the context.
    fn slot(&self, context_slot: usize) -> usize {
        let page_size = self.store.page_size();
        self.sequence.pages[context_slot / page_size].0 as usize * page_size + context_slot % page_size
    }

    /// The sum over all earlier slots, if that is what the new tokens see.
    fn causal_base(&self, layer: fn(&DummyStore) -> &[u64]) -> Result<u64, ModelError> {
        match self.sequence.masks {
            None => self.sum(0..self.sequence.start as usize, layer),
            Some(_) => Ok(0),
        }
    }

    fn sum_under(&self, mask: &Brle, layer: fn(&DummyStore) -> &[u64]) -> Result<u64, ModelError> {
        true_ranges(mask).try_fold(0u64, |sum, range| Ok(sum.wrapping_add(self.sum(range, layer)?)))
    }

    fn sum(&self, range: Range<usize>, layer: fn(&DummyStore) -> &[u64]) -> Result<u64, ModelError> {
        let mut sum = 0u64;
        for slots in self.stored(range) {
            // What the first layer keeps of a written slot is odd.
            let mut written = 1;
            for (value, first) in
                layer(self.store)[slots.clone()].iter().zip(&self.store.first[slots.clone()])
            {
                sum = sum.wrapping_add(*value);
                written &= first;
            }
            if written == 0 {
                return Err(self.unwritten(slots));
            }
        }
        Ok(sum)
    }

    fn unwritten(&self, slots: Range<usize>) -> ModelError {
        let page_size = self.store.page_size();
        let slot = slots.clone().find(|&slot| self.store.first[slot] == 0).unwrap_or(slots.start);
        let page = PageId((slot / page_size) as u32);
        ModelError::Unwritten { page, slot: (slot % page_size) as u32 }
    }
}

/// What is wrong with a sequence, if anything.
fn check(sequence: &Sequence<'_>, store: &DummyStore, vocab_size: u32) -> Option<String> {
    let count = sequence.tokens.len();
    let end = sequence.start as usize + count;
    let slots = sequence.pages.len() * store.page_size();
    if sequence.positions.len() != count {
        return Some(format!("{count} tokens have {} positions", sequence.positions.len()));
    }
    if end > slots {
        return Some(format!("the context needs {end} slots, its pages have {slots}"));
    }
    let used = sequence.pages.iter().take(end.div_ceil(store.page_size().max(1)));
    if let Some(page) = used.copied().find(|page| page.0 as usize >= store.pages()) {
        return Some(format!("{page} is outside of the store, which has {} pages", store.pages()));
    }
    if let Some(token) = sequence.tokens.iter().find(|&&token| token >= vocab_size) {
        return Some(format!("token {token} is outside the vocabulary, whose ids are below {vocab_size}"));
    }
    if let Some(row) = sequence.rows.iter().find(|&&row| row as usize >= count) {
        return Some(format!("row {row} is asked for, but there are {count} tokens"));
    }
    if !sequence.rows.is_sorted_by(|a, b| a < b) {
        return Some("the rows asked for do not rise".to_owned());
    }
    let masks = sequence.masks?;
    if masks.len() != count {
        return Some(format!("{count} tokens have {} masks", masks.len()));
    }
    masks.iter().enumerate().find_map(|(token, mask)| {
        let own = sequence.start as u64 + token as u64 + 1;
        let wrong = mask.total() != own && mask.total() != end as u64;
        wrong.then(|| format!("mask {token} covers {} slots, expected {own} or {end}", mask.total()))
    })
}

/// The ranges of a mask that was checked to cover no more than the slots of a context.
fn true_ranges(mask: &Brle) -> impl Iterator<Item = Range<usize>> {
    mask.true_ranges().map(|range| range.start as usize..range.end as usize)
}

impl DummyStore {
    fn first(&self) -> &[u64] {
        &self.first
    }

    fn second(&self) -> &[u64] {
        &self.second
    }
}
