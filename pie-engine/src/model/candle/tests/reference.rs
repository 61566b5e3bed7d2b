//! Attention as its definition has it, in 64 bits, against what is computed block by block.

use super::super::attention::{State, Unit};
use super::super::plan::{Plan, place};
use super::super::simd::{PORTABLE, dispatch};
use super::super::store::{Byte, CacheShape, Element, Half, PagedStore};
use super::random::Random;
use crate::brle::Brle;
use crate::ids::PageId;
use crate::model::{Batch, Sequence};
use proptest::prelude::*;

/// Sixty-four numbers, sixteen and three.
const HEAD_SIZE: usize = 83;
const GROUP: usize = 3;

/// Queries, keys and values of one sequence with one key-value head, and what each token sees.
#[derive(Debug)]
struct Case {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    masks: Vec<Vec<bool>>,
    page_size: u32,
    cap: Option<f32>,
}

impl Case {
    fn tokens(&self) -> usize {
        self.masks.len()
    }

    /// For each token and query head, the sum of values under the softmax of scores.
    fn expected(&self) -> Vec<f64> {
        let row = |numbers: &[f32], row: usize| -> Vec<f64> {
            numbers[row * HEAD_SIZE..(row + 1) * HEAD_SIZE].iter().map(|n| f64::from(*n)).collect()
        };
        let mut expected = Vec::new();
        for query in 0..self.tokens() * GROUP {
            let mut sums = [0.0; HEAD_SIZE];
            let mut total = 0.0;
            for slot in (0..self.tokens()).filter(|slot| self.masks[query / GROUP][*slot]) {
                let score: f64 =
                    row(&self.queries, query).iter().zip(row(&self.keys, slot)).map(|(q, k)| q * k).sum();
                let score = self.cap.map_or(score, |cap| f64::from(cap) * libm::tanh(score / f64::from(cap)));
                let weight = libm::exp(score);
                total += weight;
                sums.iter_mut().zip(row(&self.values, slot)).for_each(|(sum, value)| *sum += weight * value);
            }
            expected.extend(sums.iter().map(|sum| if total > 0.0 { sum / total } else { 0.0 }));
        }
        expected
    }

    fn computed<E: Element>(&self, vector: bool) -> Vec<f32> {
        let shape = CacheShape { layers: 1, heads: 1, head_size: HEAD_SIZE };
        let count = self.tokens() as u32;
        let pages: Vec<PageId> = (0..count.div_ceil(self.page_size)).rev().map(PageId).collect();
        let mut store = PagedStore::<E>::new(shape, count, self.page_size);
        let positions: Vec<u32> = (0..count).collect();
        let masks: Vec<Brle> = self.masks.iter().map(|mask| runs(mask)).collect();
        let sequence = Sequence {
            tokens: &positions,
            positions: &positions,
            pages: &pages,
            start: 0,
            masks: Some(&masks),
            adapter: None,
            rows: &[],
            embeddings: false,
        };
        let batch = Batch { sequences: vec![sequence], page_size: self.page_size };
        let mut plan = Plan::default();
        plan.make(&batch, &mut store.slots, &[None], 8).unwrap();
        for index in 0..self.tokens() {
            let (page, slot) = place(&sequence, index, self.page_size as usize).unwrap();
            let row = index * HEAD_SIZE..(index + 1) * HEAD_SIZE;
            store.write(page, slot, 0, &self.keys[row.clone()], &self.values[row]);
        }
        let mut results = Vec::new();
        for tile in &plan.tiles {
            let rows = tile.tokens.len() * GROUP;
            let (mut out, mut states) = (vec![0.0; rows * HEAD_SIZE], vec![State::NOTHING; rows]);
            let unit = Unit {
                store: &store,
                plan: &plan,
                view: 0,
                layer: 0,
                tile,
                head: 0,
                group: GROUP,
                size: HEAD_SIZE,
                queries: &self.queries,
                heads: GROUP,
                cap: self.cap,
                out: &mut out,
                states: &mut states,
            };
            PORTABLE.set(!vector);
            dispatch(unit);
            PORTABLE.set(false);
            results.extend(out);
        }
        results
    }
}

fn runs(mask: &[bool]) -> Brle {
    let mut runs = vec![0];
    let mut last = false;
    for &seen in mask {
        if seen != last {
            runs.push(0);
            last = seen;
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
    }
    Brle(runs)
}

fn cases() -> impl Strategy<Value = Case> {
    let size = (1usize..40, prop::sample::select(vec![1u32, 4, 16, 20, 32]), any::<u64>(), any::<bool>());
    size.prop_flat_map(|(tokens, page_size, seed, capped)| {
        let masks = prop::collection::vec(prop::collection::vec(any::<bool>(), tokens), tokens);
        masks.prop_map(move |masks| {
            let mut random = Random(seed);
            Case {
                queries: random.numbers(tokens * GROUP * HEAD_SIZE),
                keys: random.numbers(tokens * HEAD_SIZE),
                values: random.numbers(tokens * HEAD_SIZE),
                masks,
                page_size,
                cap: capped.then_some(1.5),
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attention_block_by_block_is_that_of_the_definition(case in cases()) {
        let (expected, computed) = (case.expected(), case.computed::<f32>(true));
        for (at, (expected, computed)) in expected.iter().zip(&computed).enumerate() {
            prop_assert!((expected - f64::from(*computed)).abs() < 1e-5, "number {at}: {computed} for {expected}");
        }
        // Keys and values up to 1 are kept in steps of 1/127, or of 1/2048 and less.
        for (computed, tolerance) in [(case.computed::<Half>(true), 2e-3), (case.computed::<Byte>(true), 3e-2)] {
            for (at, (expected, computed)) in expected.iter().zip(&computed).enumerate() {
                let off = (expected - f64::from(*computed)).abs();
                prop_assert!(off < tolerance, "number {at}: {computed} for {expected}");
            }
        }
        prop_assert_eq!(case.computed::<Byte>(false), case.computed::<Byte>(true));
        prop_assert_eq!(case.computed::<f32>(false), computed, "vector instructions change bits");
    }
}
