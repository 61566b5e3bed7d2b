//! Attention over pages: keys and values are read where they are, in blocks of [`BLOCK`] slots.
//!
//! Each query goes through the blocks that it sees in order of slots and keeps the greatest score so far, the sum of all weights relative to that and
//! the sum of values under these weights (Milakov and Gimelshein, 2018: online softmax). What it computes of a block depends on the block, on which slots
//! it sees and on what it has from earlier blocks, so its bits are the same alone and among others, and however the prompt was cut into passes. So queries can be put
//! together as it suits memory: those of all heads that share a key-value head, of neighbouring tokens, and of sequences that have their first pages in common
//! ([`Tile`]); a block is brought into memory, and from its kept form into numbers, once for all of them.

use super::numeric::{LANES, Lanes, exp, max_lanes, soft_cap, sum_lanes};
use super::plan::{Plan, Tile};
use super::store::{Element, PagedStore};
use crate::ids::PageId;
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Slots in a block: one for each lane.
pub(super) const BLOCK: usize = LANES;
/// The longest head there may be; checked when a model is loaded.
pub(super) const LONGEST_HEAD: usize = 256;

/// What is known of a query before its last block: the greatest score, and the sum of weights relative to it.
#[derive(Clone, Copy)]
pub(super) struct State {
    greatest: f32,
    sum: f32,
}

impl State {
    pub const NOTHING: State = State { greatest: f32::NEG_INFINITY, sum: 0.0 };
}

/// Attention of one tile's queries to what one key-value head keeps of one layer.
pub(super) struct Unit<'a, E> {
    /// Where keys and values are.
    pub store: &'a PagedStore<E>,
    /// Who sees what.
    pub plan: &'a Plan<'a>,
    /// Which visibility holds in this layer.
    pub view: usize,
    /// The layer.
    pub layer: usize,
    /// The tokens that are worked on.
    pub tile: &'a Tile,
    /// The key-value head.
    pub head: usize,
    /// Query heads for each key-value head.
    pub group: usize,
    /// Numbers in a head.
    pub size: usize,
    /// Queries of all tokens and all heads, already scaled.
    pub queries: &'a [f32],
    /// Query heads.
    pub heads: usize,
    /// What scores softly stay below.
    pub cap: Option<f32>,
    /// Where results go: for each token of the tile and each query head of the group, a row as long as a head.
    pub out: &'a mut [f32],
    /// For each row of `out`.
    pub states: &'a mut [State],
}

impl<E: Element> WithSimd for Unit<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) {
        self.out.fill(0.0);
        self.states.fill(State::NOTHING);
        let tile = self.tile;
        let pages = self.plan.pages(tile.tokens.start);
        self.pass(0..tile.tokens.len(), &pages[..tile.shared_pages], 0);
        let mut first = 0;
        while first < tile.tokens.len() {
            let same = self.plan.run_length(tile.tokens.start + first).min(tile.tokens.len() - first);
            let pages = self.plan.pages(tile.tokens.start + first);
            self.pass(first..first + same, &pages[tile.shared_pages..], tile.shared_pages);
            first += same;
        }
        for (row, state) in self.out.chunks_exact_mut(self.size).zip(&*self.states) {
            // Who sees nothing gets nothing.
            let scale = if state.sum > 0.0 { 1.0 / state.sum } else { 0.0 };
            row.iter_mut().for_each(|number| *number *= scale);
        }
    }
}

impl<E: Element> Unit<'_, E> {
    /// Takes some tokens of the tile through some pages, whose first has that number in the sequence.
    #[inline(always)]
    fn pass(&mut self, tokens: Range<usize>, pages: &[PageId], first_page: usize) {
        let mut keys = [[0.0; BLOCK]; LONGEST_HEAD];
        let mut values = [0.0; BLOCK * LONGEST_HEAD];
        let blocks = self.store.blocks();
        for (index, &page) in pages.iter().enumerate() {
            for block in 0..blocks {
                let number = (first_page + index) * blocks + block;
                let mut seen = tokens.clone().map(|token| self.visible(token, number));
                if seen.all(|bits| bits == 0) {
                    continue;
                }
                let Some((kept_keys, kept_values)) = self.store.block(page, self.layer, self.head, block)
                else {
                    continue;
                };
                for (key, kept) in keys.iter_mut().zip(kept_keys.as_chunks::<BLOCK>().0) {
                    *key = kept.map(E::number);
                }
                values.iter_mut().zip(kept_values).for_each(|(value, kept)| *value = kept.number());
                for token in tokens.clone() {
                    let bits = self.visible(token, number);
                    if bits != 0 {
                        self.heads_of(token, bits, &keys[..self.size], &values[..BLOCK * self.size]);
                    }
                }
            }
        }
    }

    /// The slots of a block that a token of the tile sees, as bits.
    #[inline(always)]
    fn visible(&self, token: usize, block: usize) -> u16 {
        self.plan.visible(self.view, self.tile.tokens.start + token, block)
    }

    /// All query heads of one token.
    #[inline(always)]
    fn heads_of(&mut self, token: usize, bits: u16, keys: &[Lanes], values: &[f32]) {
        let row = self.plan.row(self.tile.tokens.start + token);
        for member in 0..self.group {
            let query = (row * self.heads + self.head * self.group + member) * self.size;
            let query = &self.queries[query..query + self.size];
            let at = token * self.group + member;
            let sums = &mut self.out[at * self.size..(at + 1) * self.size];
            attend(query, keys, values, bits, self.cap, &mut self.states[at], sums);
        }
    }
}

/// One query and one block.
#[inline(always)]
fn attend(
    query: &[f32],
    keys: &[Lanes],
    values: &[f32],
    bits: u16,
    cap: Option<f32>,
    state: &mut State,
    sums: &mut [f32],
) {
    let mut scores = score(query, keys);
    for (lane, score) in scores.iter_mut().enumerate() {
        if let Some(cap) = cap {
            *score = soft_cap(*score, cap);
        }
        if bits >> lane & 1 == 0 {
            *score = f32::NEG_INFINITY;
        }
    }
    let greatest = state.greatest.max(max_lanes(scores));
    let shrink = exp(state.greatest - greatest);
    let weights = scores.map(|score| exp(score - greatest));
    *state = State { greatest, sum: state.sum.mul_add(shrink, sum_lanes(weights)) };
    let (sums, rest) = sums.as_chunks_mut::<LANES>();
    let size = sums.len() * LANES + rest.len();
    for (chunk, sums) in sums.iter_mut().enumerate() {
        let mut sum = sums.map(|sum| sum * shrink);
        for (slot, weight) in weights.iter().enumerate() {
            // What is not seen may hold anything, and infinity times 0 is no number.
            if *weight != 0.0 {
                let at = slot * size + chunk * LANES;
                for (sum, value) in sum.iter_mut().zip(&values[at..at + LANES]) {
                    *sum = value.mul_add(*weight, *sum);
                }
            }
        }
        *sums = sum;
    }
    let done = size - rest.len();
    for (offset, sum) in rest.iter_mut().enumerate() {
        *sum *= shrink;
        for (slot, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            *sum = values[slot * size + done + offset].mul_add(*weight, *sum);
        }
    }
}

/// The products of a query with the keys of a block, in four running sums that do not wait for each other.
#[inline(always)]
fn score(query: &[f32], keys: &[Lanes]) -> Lanes {
    let mut sums = [[0.0; LANES]; 4];
    let (queries, query_rest) = query.as_chunks::<4>();
    let (keys, key_rest) = keys.as_chunks::<4>();
    for (query, keys) in queries.iter().zip(keys) {
        for part in 0..4 {
            for lane in 0..LANES {
                sums[part][lane] = keys[part][lane].mul_add(query[part], sums[part][lane]);
            }
        }
    }
    for (part, (query, key)) in query_rest.iter().zip(key_rest).enumerate() {
        for lane in 0..LANES {
            sums[part][lane] = key[lane].mul_add(*query, sums[part][lane]);
        }
    }
    std::array::from_fn(|lane| (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]))
}
