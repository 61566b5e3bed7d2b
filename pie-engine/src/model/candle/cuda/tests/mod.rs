//! Kernels, held to what the engine relies on, and to the decoder of the CPU: on a GPU where there is one and the feature is on, otherwise on the processor.

mod emulated;

use super::super::matrix::Number;
use super::super::tests::random::{Kind, PLAIN, Random, Weights, decoder};
use super::super::tests::{KINDS, OPTIONS, model as on_cpu};
use super::super::{Cache, Candle, load::Cpu};
use super::Cuda;
use super::device::Device;
use super::weights::Gpu;
use crate::brle::Brle;
use crate::ids::PageId;
use crate::model::conformance::{self, Options};
use crate::model::source::random::{Format, Recipe};
use crate::model::source::{Architecture, Limits, Source};
use crate::model::{Batch, LowRank, Model, Outputs, Overlay, Sequence};
use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use candle_core::quantized::GgmlDType;
use emulated::Emulated;
use std::sync::{Arc, OnceLock};
use zerocopy::IntoBytes;

const QUANTIZED: [GgmlDType; 10] = [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K];

/// What the tests run on.
fn device() -> Arc<dyn Device> {
    static DEVICE: OnceLock<Arc<dyn Device>> = OnceLock::new();
    Arc::clone(DEVICE.get_or_init(|| {
        #[cfg(feature = "cuda")]
        match super::driver::Driver::open(0) {
            Ok(driver) => return Arc::new(driver),
            Err(reason) => eprintln!("on the processor: {reason}"),
        }
        Arc::new(Emulated::compile())
    }))
}

fn model(seed: u64, weights: Weights, kind: Kind, cache: Cache) -> Cuda {
    let device = device();
    let info = on_cpu(decoder(&Cpu::default(), seed, weights, kind), cache).info;
    let decoder = decoder(&Gpu::new(device.clone()), seed, weights, kind);
    Cuda { info, decoder, cache, device }
}

#[test]
fn every_kind_of_decoder_has_the_properties_that_the_engine_relies_on() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for cache in [Cache::F32, Cache::F16, Cache::Int8] {
            let model = model(seed as u64, Weights::Dense(Number::F32), kind, cache);
            if let Err(failure) = conformance::check(&model, OPTIONS) {
                panic!("{failure}, with {kind:?} and {cache:?}");
            }
        }
    }
}

#[test]
fn weights_of_every_form_have_these_properties() {
    let dense = [Number::F16, Number::BF16].map(Weights::Dense);
    for weights in dense.into_iter().chain(QUANTIZED.map(Weights::Quantized)) {
        let model = model(9, weights, Kind { one_layer: true, ..PLAIN }, Cache::F16);
        if let Err(failure) = conformance::check(&model, Options { removal_tolerance: 2e-3 }) {
            panic!("{failure}, with {weights:?}");
        }
    }
}

/// The rows of two sequences that have their first page in common: one that goes on behind it with a mask, one with an adapter.
fn logits(model: &dyn Model, adapter: &Overlay) -> Vec<f32> {
    let tokens: Vec<u32> = (0..40).map(|token| token * 7 % 48).collect();
    let positions: Vec<u32> = (0..40).collect();
    let (first, second) = ([0, 1, 2].map(PageId), [0, 3, 4].map(PageId));
    let mut store = model.new_store(5, 16);
    let mut outputs = Outputs::default();
    let plain = |pages, range: std::ops::Range<usize>, rows| Sequence {
        tokens: &tokens[range.clone()],
        positions: &positions[range.clone()],
        pages,
        start: range.start as u32,
        masks: None,
        adapter: None,
        rows,
        embeddings: false,
    };
    let prompt = Batch { sequences: vec![plain(&first, 0..16, &[])], page_size: 16 };
    model.forward(&prompt, &mut *store, &mut outputs).unwrap();
    let masks: Vec<Brle> = (16..40).map(|end| Brle(vec![3, 9, 2, end - 13])).collect();
    let masked = Sequence { masks: Some(&masks), ..plain(&first, 16..40, &[0, 23]) };
    let changed = Sequence { adapter: Some(adapter), ..plain(&second, 16..39, &[22]) };
    let batch = Batch { sequences: vec![masked, changed], page_size: 16 };
    model.forward(&batch, &mut *store, &mut outputs).unwrap();
    outputs.logits
}

fn adapter(model: &dyn Model) -> Overlay {
    let mut random = Random(77);
    let mut narrow = |count: u32| random.numbers(3 * count as usize).into_iter().map(|n| n * 0.2).collect();
    let targets = model.info().adapter_targets.iter();
    let layers =
        targets.map(|target| LowRank { down: narrow(target.inputs), up: narrow(target.outputs) }).collect();
    Overlay::new(3, 0.5, layers).unwrap()
}

/// How far the furthest of two rows' numbers are apart: of these weights here, and of those on the CPU.
fn apart(kind: Kind, cache: Cache, (here, on): (Weights, Weights)) -> f32 {
    let (here, there) = (model(5, here, kind, cache), on_cpu(decoder(&Cpu::default(), 5, on, kind), cache));
    let adapter = adapter(&here);
    let (here, there) = (logits(&here, &adapter), logits(&there, &adapter));
    assert_eq!(here.len(), there.len());
    here.iter().zip(&there).fold(0.0, |far, (a, b)| far.max((a - b).abs()))
}

#[test]
fn logits_are_those_of_the_cpu() {
    for kind in KINDS {
        for (cache, near) in [(Cache::F32, 1e-5), (Cache::F16, 5e-3), (Cache::Int8, 5e-2)] {
            let far = apart(kind, cache, [Weights::Dense(Number::F32); 2].into());
            assert!(far <= near, "{far}, with {kind:?} and {cache:?}");
        }
    }
    let dense = [Number::F16, Number::BF16].map(|number| [Weights::Dense(number); 2].into());
    // Inputs of quantized matrices are rounded to 8 bits there, but for the numbers that they stand for.
    let quantized = QUANTIZED.map(|kind| (Weights::Quantized(kind), Weights::Exact(kind)));
    for weights in dense.into_iter().chain(quantized) {
        let far = apart(Kind { one_layer: true, ..PLAIN }, Cache::F32, weights);
        assert!(far <= 2e-5, "{far}, with {weights:?}");
    }
}

#[test]
fn a_context_of_many_stretches_is_that_of_the_cpu() {
    let kind = Kind { windows: true, caps: true, ..PLAIN };
    let weights = Weights::Dense(Number::F32);
    let rows = |model: &dyn Model| {
        let positions: Vec<u32> = (0..300).collect();
        let tokens: Vec<u32> = positions.iter().map(|position| position * 5 % 48).collect();
        let pages: Vec<PageId> = (0..19).rev().map(PageId).collect();
        let sequence = Sequence {
            tokens: &tokens,
            positions: &positions,
            pages: &pages,
            start: 0,
            masks: None,
            adapter: None,
            rows: &[0, 127, 128, 299],
            embeddings: true,
        };
        let mut outputs = Outputs::default();
        let batch = Batch { sequences: vec![sequence], page_size: 16 };
        model.forward(&batch, &mut *model.new_store(19, 16), &mut outputs).unwrap();
        [outputs.logits, outputs.embeddings].concat()
    };
    let here = rows(&on_cpu(decoder(&Cpu::default(), 6, weights, kind), Cache::F32));
    let there = rows(&model(6, weights, kind, Cache::F32));
    let far = here.iter().zip(&there).fold(0.0f32, |far, (a, b)| far.max((a - b).abs()));
    assert!(here.len() == there.len() && far <= 2e-5, "{far}");
}

#[test]
fn a_checkpoint_gives_the_logits_that_it_gives_on_the_cpu() {
    for (architecture, kind) in
        [(Architecture::Qwen3, Q8_0), (Architecture::Gemma3, GgmlDType::F32), (Architecture::Llama, Q4K)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        let recipe = Recipe { hidden_size: 256, format: Format::Gguf(kind), ..Recipe::new(architecture) };
        recipe.write(&path).unwrap();
        let source = Source::open(&path, "m", &Limits::default()).unwrap();
        let here = Candle::load(&source, Cache::AsWeights).unwrap();
        let there = Cuda::load_on(device(), &source, Cache::AsWeights).unwrap();
        assert_ne!(here.info().kernel, there.info().kernel);
        assert_eq!(here.slot_bytes(), there.slot_bytes());
        let adapter = adapter(&here);
        let (here, there) = (logits(&here, &adapter), logits(&there, &adapter));
        let largest = here.iter().fold(0.0f32, |most, number| most.max(number.abs()));
        let far = here.iter().zip(&there).fold(0.0f32, |far, (a, b)| far.max((a - b).abs()));
        assert!(far <= 0.03 * largest, "{far} of {largest}, {architecture:?} in {kind:?}");
    }
}

#[test]
fn weights_that_are_no_numbers_end_the_pass_with_an_error() {
    let mut model = model(5, Weights::Dense(Number::F32), PLAIN, Cache::Int8);
    let spoilt = vec![f32::NAN; model.decoder.norm.weight.count];
    model
        .device
        .write(
            model.decoder.layers[0].attention_norms.before.as_mut().unwrap().weight.memory.address,
            spoilt.as_bytes(),
        )
        .unwrap();
    let sequence = Sequence {
        tokens: &[1, 2],
        positions: &[0, 1],
        pages: &[PageId(0)],
        start: 0,
        masks: None,
        adapter: None,
        rows: &[1],
        embeddings: false,
    };
    let batch = Batch { sequences: vec![sequence], page_size: 16 };
    let error = model.forward(&batch, &mut *model.new_store(1, 16), &mut Outputs::default()).unwrap_err();
    assert!(error.to_string().contains("the weights give no numbers"), "{error}");
}

/// Needs NVIDIA's runtime compiler, and no GPU: see `.ci/cuda`.
#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs libnvrtc, which `.ci/cuda` provides"]
fn the_kernels_compile_for_gpus_from_turing_to_blackwell() {
    for capability in [(7, 5), (8, 0), (8, 9), (9, 0), (10, 0), (12, 0)] {
        super::driver::compile(capability).unwrap();
    }
}
