//! Attention over pages: keys and values are read where they are, in blocks of [`BLOCK`] slots.
//!
//! Each query goes through the blocks that it sees in order of slots and keeps the greatest score so far, the sum of all weights relative to that and
//! the sum of values under these weights (Milakov and Gimelshein, 2018: online softmax). What it computes of a block depends on the block, on which slots
//! it sees and on what it has from earlier blocks, so its bits are the same alone and among others, and however the prompt was cut into passes. So queries can be put
//! together as it suits memory: those of all heads that share a key-value head, of neighbouring tokens, and of sequences that have their first pages in common
//! ([`Tile`]).

use super::numeric::{LANES, Lanes, exp, max_lanes, soft_cap, sum_lanes};
use super::plan::{Plan, Tile};
use super::simd::{Kernel, Level};
use super::store::{Element, Kept, PagedStore};
use crate::ids::PageId;
use std::ops::Range;

/// Slots in a block: one for each lane.
pub(super) const BLOCK: usize = LANES;
/// The longest head there may be; checked when a model is loaded.
pub(super) const LONGEST_HEAD: usize = 256;
/// Queries that go through a block together, at most: what is known of them stays in registers.
const TOGETHER: usize = 4;
/// Running sums of a score, which do not wait for each other.
const SUMS: usize = 4;
/// Registers of a row of results that are worked on at once.
const WIDE: usize = 4;

/// What is known of a query before its last block: the greatest score, and the sum of weights relative to it, in each lane.
#[derive(Clone, Copy)]
pub(super) struct State {
    greatest: f32,
    sums: Lanes,
}

impl State {
    pub const NOTHING: State = State { greatest: f32::NEG_INFINITY, sums: [0.0; LANES] };
}

/// Attention of one tile's queries to what one key-value head keeps of one layer.
pub(super) struct Unit<'a, E> {
    /// Where keys and values are.
    pub store: &'a PagedStore<E>,
    /// Who sees what.
    pub plan: &'a Plan,
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

/// A block of keys and values, and which of its slots are seen.
#[derive(Clone, Copy)]
struct Block<'a, E> {
    kept: Kept<'a, E>,
    seen: u16,
}

impl<E: Element> Kernel for Unit<'_, E> {
    #[inline(always)]
    fn run<L: Level>(mut self, level: L) {
        self.out.fill(0.0);
        self.states.fill(State::NOTHING);
        let (tile, plan) = (self.tile, self.plan);
        let pages = plan.pages(tile.tokens.start);
        self.pass(level, 0..tile.tokens.len(), &pages[..tile.shared_pages], 0);
        let mut first = 0;
        while first < tile.tokens.len() {
            let same = plan.run_length(tile.tokens.start + first).min(tile.tokens.len() - first);
            let pages = plan.pages(tile.tokens.start + first);
            self.pass(level, first..first + same, &pages[tile.shared_pages..], tile.shared_pages);
            first += same;
        }
        for (row, state) in self.out.chunks_exact_mut(self.size).zip(&*self.states) {
            let sum = sum_lanes(state.sums);
            // Who sees nothing gets nothing.
            let scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            row.iter_mut().for_each(|number| *number *= scale);
        }
    }
}

impl<E: Element> Unit<'_, E> {
    /// Takes some tokens of the tile through some pages, whose first has that number in the sequence.
    #[inline(always)]
    fn pass<L: Level>(&mut self, level: L, tokens: Range<usize>, pages: &[PageId], first_page: usize) {
        let (store, layer, head) = (self.store, self.layer, self.head);
        let blocks = store.blocks();
        let kept = |at: usize| store.block(*pages.get(at / blocks)?, layer, head, at % blocks);
        let mut next = kept(0);
        for at in 0..pages.len() * blocks {
            let (number, here) = (first_page * blocks + at, next);
            next = kept(at + 1);
            if let Some(next) = next.filter(|_| tokens.clone().any(|token| self.seen(token, number + 1) != 0))
            {
                // Blocks lie apart in memory, and no processor guesses where the next one is.
                level.prefetch(next.keys);
                level.prefetch(next.values);
            }
            let Some(kept) = here else { continue };
            let mut token = tokens.start;
            while token < tokens.end {
                // Neighbours that see the same slots go on together.
                let seen = self.seen(token, number);
                let first = token;
                while token < tokens.end && self.seen(token, number) == seen {
                    token += 1;
                }
                if seen != 0 {
                    self.rows(level, first * self.group..token * self.group, Block { kept, seen });
                }
            }
        }
    }

    /// The slots of a block that a token of the tile sees, as bits.
    #[inline(always)]
    fn seen(&self, token: usize, block: usize) -> u16 {
        self.plan.visible(self.view, self.tile.tokens.start + token, block)
    }

    /// Takes rows of the result through a block.
    #[inline(always)]
    fn rows<L: Level>(&mut self, level: L, rows: Range<usize>, block: Block<'_, E>) {
        let mut row = rows.start;
        while row < rows.end {
            match rows.end - row {
                1 => self.together::<L, 1>(level, row, block),
                2 => self.together::<L, 2>(level, row, block),
                3 => self.together::<L, 3>(level, row, block),
                _ => self.together::<L, TOGETHER>(level, row, block),
            }
            row += TOGETHER;
        }
    }

    /// Takes `COUNT` rows of the result through a block.
    #[inline(always)]
    fn together<L: Level, const COUNT: usize>(&mut self, level: L, first: usize, block: Block<'_, E>) {
        let mut queries: [&[f32]; COUNT] = [&[]; COUNT];
        for (at, query) in queries.iter_mut().enumerate() {
            let (token, member) = ((first + at) / self.group, (first + at) % self.group);
            let row = self.plan.row(self.tile.tokens.start + token);
            let start = (row * self.heads + self.head * self.group + member) * self.size;
            *query = &self.queries[start..start + self.size];
        }
        let mut weights = scores(level, queries, block.kept.keys);
        let mut shrinks = [0.0; COUNT];
        for ((weights, shrink), state) in
            weights.iter_mut().zip(&mut shrinks).zip(&mut self.states[first..first + COUNT])
        {
            if let Some([scales, _]) = block.kept.scales {
                weights.iter_mut().zip(scales).for_each(|(score, scale)| *score *= scale);
            }
            *shrink = weigh(weights, block.seen, self.cap, state);
            if let Some([_, scales]) = block.kept.scales {
                weights.iter_mut().zip(scales).for_each(|(weight, scale)| *weight *= scale);
            }
        }
        let out = &mut self.out[first * self.size..(first + COUNT) * self.size];
        sum_values(level, out, &shrinks, &weights, block);
    }
}

/// The products of queries with the keys of a block.
#[inline(always)]
fn scores<E: Element, L: Level, const COUNT: usize>(
    level: L,
    queries: [&[f32]; COUNT],
    keys: &[E],
) -> [Lanes; COUNT] {
    let mut sums = [[level.splat(0.0); SUMS]; COUNT];
    for (number, keys) in keys.as_chunks::<BLOCK>().0.iter().enumerate() {
        let keys = E::lanes(level, keys);
        for (query, sums) in queries.iter().zip(&mut sums) {
            let sum = &mut sums[number % SUMS];
            *sum = level.mul_add(keys, level.splat(query[number]), *sum);
        }
    }
    let mut scores = [[0.0; LANES]; COUNT];
    for (score, [a, b, c, d]) in scores.iter_mut().zip(sums) {
        *score = level.lanes(level.add(level.add(a, b), level.add(c, d)));
    }
    scores
}

/// Turns scores into weights relative to the greatest score so far. Gives what all before has to be multiplied with.
#[inline(always)]
fn weigh(scores: &mut Lanes, seen: u16, cap: Option<f32>, state: &mut State) -> f32 {
    for (lane, score) in scores.iter_mut().enumerate() {
        if let Some(cap) = cap {
            *score = soft_cap(*score, cap);
        }
        if seen >> lane & 1 == 0 {
            *score = f32::NEG_INFINITY;
        }
    }
    let greatest = state.greatest.max(max_lanes(*scores));
    let shrink = exp(state.greatest - greatest);
    for (score, sum) in scores.iter_mut().zip(&mut state.sums) {
        *score = exp(*score - greatest);
        *sum = sum.mul_add(shrink, *score);
    }
    state.greatest = greatest;
    shrink
}

/// Adds the values of a block to rows of results.
#[inline(always)]
fn sum_values<E: Element, L: Level, const COUNT: usize>(
    level: L,
    out: &mut [f32],
    shrinks: &[f32; COUNT],
    weights: &[Lanes; COUNT],
    block: Block<'_, E>,
) {
    let size = out.len() / COUNT;
    let mut at = 0;
    while size - at >= WIDE * LANES {
        sum_part::<E, L, COUNT, WIDE>(level, out, at, shrinks, weights, block);
        at += WIDE * LANES;
    }
    while size - at >= LANES {
        sum_part::<E, L, COUNT, 1>(level, out, at, shrinks, weights, block);
        at += LANES;
    }
    for (row, (shrink, weights)) in out.chunks_exact_mut(size).zip(shrinks.iter().zip(weights)) {
        for (offset, sum) in row.iter_mut().enumerate().skip(at) {
            *sum *= shrink;
            for slot in (0..BLOCK).filter(|slot| block.seen >> slot & 1 == 1) {
                *sum = block.kept.values[slot * size + offset].number().mul_add(weights[slot], *sum);
            }
        }
    }
}

/// `WIDE` registers of each row, from some number on.
#[inline(always)]
fn sum_part<E: Element, L: Level, const COUNT: usize, const WIDE: usize>(
    level: L,
    out: &mut [f32],
    at: usize,
    shrinks: &[f32; COUNT],
    weights: &[Lanes; COUNT],
    block: Block<'_, E>,
) {
    let size = out.len() / COUNT;
    let mut sums = [[level.splat(0.0); WIDE]; COUNT];
    for (row, (sums, shrink)) in sums.iter_mut().zip(shrinks).enumerate() {
        let out = out[row * size + at..].as_chunks::<LANES>().0;
        for (sum, before) in sums.iter_mut().zip(out) {
            *sum = level.mul(level.load(before), level.splat(*shrink));
        }
    }
    for slot in 0..BLOCK {
        // What is not seen may hold anything, and infinity times 0 is no number.
        if block.seen >> slot & 1 == 0 {
            continue;
        }
        let values = block.kept.values[slot * size + at..].as_chunks::<LANES>().0;
        for (part, values) in values.iter().enumerate().take(WIDE) {
            let values = E::lanes(level, values);
            for (sums, weights) in sums.iter_mut().zip(weights) {
                sums[part] = level.mul_add(values, level.splat(weights[slot]), sums[part]);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        let out = out[row * size + at..].as_chunks_mut::<LANES>().0;
        for (sum, after) in sums.into_iter().zip(out) {
            *after = level.lanes(sum);
        }
    }
}
