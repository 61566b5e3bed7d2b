//! Decoders with random weights, held to what the engine relies on.

mod adapters;
pub(super) mod random;
mod reference;
mod tiny;

use super::layers::Decoder;
use super::load::Cpu;
use super::matrix::Number;
use super::{Cache, Candle};
use crate::model::ModelInfo;
use crate::model::conformance::{self, Options};
use candle_core::quantized::GgmlDType;
use random::{Kind, PLAIN, Weights, decoder};

pub(super) fn model(decoder: Decoder<Cpu>, cache: Cache) -> Candle {
    let info = ModelInfo {
        name: "random".to_owned(),
        digest: "random".to_owned(),
        vocab_size: decoder.vocab_size() as u32,
        max_positions: 4096,
        embedding_size: Some(decoder.hidden_size() as u32),
        adapter_targets: decoder.targets.clone(),
        kernel: "test".to_owned(),
    };
    Candle { info, decoder, cache }
}

pub(super) const KINDS: [Kind; 4] = [
    PLAIN,
    Kind { norms_after: true, query_norms: true, bias: true, embeddings_apart: true, ..PLAIN },
    Kind { norms_after: true, windows: true, caps: true, ..PLAIN },
    Kind { query_norms: true, experts: true, embeddings_apart: true, ..PLAIN },
];

/// What is hidden is left out of sums, and the others are then added in other places.
pub(super) const OPTIONS: Options = Options { removal_tolerance: 1e-3 };

#[test]
fn every_kind_of_decoder_has_the_properties_that_the_engine_relies_on() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for cache in [Cache::F32, Cache::F16, Cache::Int8] {
            let model =
                model(decoder(&Cpu::default(), seed as u64, Weights::Dense(Number::F32), kind), cache);
            if let Err(failure) = conformance::check(&model, OPTIONS) {
                panic!("{failure}, with {kind:?} and {cache:?}");
            }
        }
    }
}

#[test]
fn weights_of_every_form_have_these_properties() {
    use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let dense = [Number::F16, Number::BF16].map(Weights::Dense);
    let quantized = [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K].map(Weights::Quantized);
    for weights in dense.into_iter().chain(quantized) {
        let model =
            model(decoder(&Cpu::default(), 9, weights, Kind { one_layer: true, ..PLAIN }), Cache::F16);
        // Activations are rounded to 8 bits before they are multiplied with blocks, so that sums which differ in their last bits can come to differ by a step.
        let removal_tolerance = if matches!(weights, Weights::Dense(_)) { 1e-3 } else { 0.2 };
        if let Err(failure) = conformance::check(&model, Options { removal_tolerance }) {
            panic!("{failure}, with {weights:?}");
        }
    }
}
