//! Adapters against weights into which they are merged.

use super::super::layers::{Decoder, FeedForward, Gated, Gates, Linear, Projections};
use super::super::load::Cpu;
use super::super::matrix::{Matrix, Number};
use super::super::{Cache, Candle};
use super::random::{Kind, Random, Weights, decoder};
use super::{KINDS, model};
use crate::adapter::{Adapter, Adapters, Settings};
use crate::ids::PageId;
use crate::model::{Batch, Bytes, LowRank, Model, Outputs, Overlay, Sequence};

const RANK: usize = 3;
const SCALE: f32 = 0.5;
const TOKENS: [u32; 9] = [3, 14, 15, 9, 26, 5, 35, 8, 32];

/// All matrices that adapters may change.
fn linears(decoder: &mut Decoder<Cpu>) -> Vec<&mut Linear<Cpu>> {
    let mut linears = Vec::new();
    for layer in &mut decoder.layers {
        match &mut layer.attention.projections {
            Projections::Separate { query, key, value } => linears.extend([query, key, value]),
            Projections::Fused(linear) => linears.push(linear),
        }
        linears.push(&mut layer.attention.output);
        if let FeedForward::Dense(Gated { gates, down, .. }) = &mut layer.feed_forward {
            match gates {
                Gates::Separate { gate, up } => linears.extend([gate, up]),
                Gates::Fused(linear) => linears.push(linear),
            }
            linears.push(down);
        }
    }
    linears.retain(|linear| linear.target.is_some());
    linears
}

fn merge(linear: &mut Linear<Cpu>, change: &LowRank, rank: usize, scale: f32) {
    let (outputs, inputs) = (linear.matrix.outputs(), linear.matrix.inputs());
    // Its product with rows that have a single 1 is what it has in the columns.
    let units: Vec<f32> =
        (0..inputs * inputs).map(|at| if at % (inputs + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let mut columns = Vec::new();
    linear.matrix.product(&units, &mut columns);
    let mut weights: Vec<f32> =
        (0..outputs * inputs).map(|at| columns[at % inputs * outputs + at / inputs]).collect();
    for (row, up) in weights.chunks_mut(inputs).zip(change.up.chunks(rank)) {
        for (at, up) in up.iter().enumerate() {
            let down = &change.down[at * inputs..(at + 1) * inputs];
            row.iter_mut().zip(down).for_each(|(weight, down)| *weight += scale * up * down);
        }
    }
    let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    linear.matrix = Matrix::dense(outputs, inputs, Number::F32, Bytes::new(bytes));
}

fn logits(model: &Candle, adapters: &[Option<&Overlay>]) -> Vec<Vec<f32>> {
    let positions: Vec<u32> = (0..TOKENS.len() as u32).collect();
    let pages: Vec<Vec<PageId>> = (0..adapters.len() as u32).map(|index| vec![PageId(index)]).collect();
    let sequences = adapters.iter().zip(&pages).map(|(adapter, pages)| Sequence {
        tokens: &TOKENS,
        positions: &positions,
        pages,
        start: 0,
        masks: None,
        adapter: *adapter,
        rows: &[8],
        embeddings: false,
    });
    let batch = Batch { sequences: sequences.collect(), page_size: 16 };
    let mut outputs = Outputs::default();
    model.forward(&batch, &mut *model.new_store(8, 16), &mut outputs).unwrap();
    outputs.logits.chunks(model.info().vocab_size as usize).map(<[f32]>::to_vec).collect()
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |far, (a, b)| far.max((a - b).abs()))
}

/// Fails unless an adapter beside sequences without one gives what the weights give into which it is merged.
fn assert_merges(kind: Kind, plain: &Candle, overlay: &Overlay) {
    let mut merged = decoder(&Cpu::default(), 3, Weights::Dense(Number::F32), kind);
    for linear in linears(&mut merged) {
        let target = linear.target.unwrap();
        merge(linear, &overlay.layers()[target], overlay.rank(), overlay.scale());
        linear.target = None;
    }
    let merged = logits(&model(merged, Cache::F32), &[None]);
    let together = logits(plain, &[None, Some(overlay), None]);
    assert!(furthest(&together[1], &merged[0]) < 1e-3, "{}", furthest(&together[1], &merged[0]));
    assert!(furthest(&together[1], &together[0]) > 0.05, "the adapter does nothing");
    assert_eq!(together[0], together[2]);
}

fn plain(kind: Kind) -> Candle {
    model(decoder(&Cpu::default(), 3, Weights::Dense(Number::F32), kind), Cache::F32)
}

#[test]
fn an_adapter_is_as_if_it_were_merged_into_the_weights() {
    for kind in [KINDS[0], KINDS[1], Kind { experts: true, ..KINDS[1] }] {
        let plain = plain(kind);
        let mut random = Random(77);
        let changes: Vec<LowRank> = plain
            .info()
            .adapter_targets
            .iter()
            .map(|target| LowRank {
                down: random.numbers(RANK * target.inputs as usize).into_iter().map(|n| n * 0.1).collect(),
                up: random.numbers(RANK * target.outputs as usize).into_iter().map(|n| n * 0.3).collect(),
            })
            .collect();
        assert_merges(kind, &plain, &Overlay::new(RANK as u32, SCALE, changes).unwrap());
    }
}

#[test]
fn what_a_seed_perturbs_is_as_if_it_were_merged_and_is_made_again_from_the_seed() {
    let settings = Settings { rank: 3, alpha: 6.0, population: 4, mu_fraction: 0.5, sigma: 0.1 };
    let plain = plain(KINDS[0]);
    let trained = || {
        let adapter = Adapters::new(plain.info()).create(&"ada".into(), "mine").unwrap();
        adapter.initialize(&settings).unwrap();
        adapter.update(&[0.1, 0.4, 0.2, 0.3], &[11, 12, 13, 14], 1.0).unwrap();
        adapter
    };
    let of = |adapter: &Adapter, seed| adapter.overlay(Some(seed)).unwrap().unwrap();
    let (one, other) = (trained(), trained());
    for seed in [5, -6] {
        let overlay = of(&one, seed);
        assert_merges(KINDS[0], &plain, &overlay);
        assert_eq!(logits(&plain, &[Some(&overlay)]), logits(&plain, &[Some(&of(&other, seed))]));
    }
    // Two candidates in one batch are two.
    let (first, second) = (of(&one, 5), of(&one, -6));
    let together = logits(&plain, &[Some(&first), Some(&second)]);
    assert_eq!([&together[0]], [&logits(&plain, &[Some(&first)])[0]]);
    assert_eq!([&together[1]], [&logits(&plain, &[Some(&second)])[0]]);
    assert!(furthest(&together[0], &together[1]) > 0.01);
}
