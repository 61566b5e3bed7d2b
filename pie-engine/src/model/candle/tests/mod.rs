//! Decoders with random weights, held to what the engine relies on.

mod adapters;
mod reference;

use super::decoder::{Around, Attention, Decoder, Heads, Layer, Linear, Norm, Projections};
use super::feed_forward::{Experts, FeedForward, Gated, Gates};
use super::matrix::{Matrix, Number};
use super::numeric::{Activation, NormWeight};
use super::rope::Rope;
use super::store::CacheShape;
use super::{Cache, Candle};
use crate::model::conformance::{self, Options};
use crate::model::source::RopeScaling;
use crate::model::{Bytes, ModelInfo, Target};
use crate::splitmix::splitmix64;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

const VOCAB: usize = 48;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD_SIZE: usize = 8;

/// How the matrices of a decoder are kept.
#[derive(Clone, Copy, Debug)]
enum Weights {
    Dense(Number),
    Quantized(GgmlDType),
}

impl Weights {
    /// The width of the residual stream, and of feed-forward networks: what rows of whole blocks need, because these tests are not optimized.
    fn width(self) -> usize {
        match self {
            Weights::Dense(_) => 32,
            Weights::Quantized(kind) => 2 * kind.block_size(),
        }
    }
}

/// Numbers from -1 to 1 that follow from a seed.
struct Random(u64);

impl Random {
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.0 = splitmix64(self.0);
                (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn matrix(&mut self, outputs: usize, inputs: usize, weights: Weights) -> Matrix {
        let scale = 1.7 / (inputs as f32).sqrt();
        let numbers: Vec<f32> = self.numbers(outputs * inputs).into_iter().map(|n| n * scale).collect();
        match weights {
            Weights::Dense(number) => {
                let bytes = numbers.iter().flat_map(|n| match number {
                    Number::F32 => n.to_le_bytes().to_vec(),
                    Number::BF16 => half::bf16::from_f32(*n).to_le_bytes().to_vec(),
                    Number::F16 => half::f16::from_f32(*n).to_le_bytes().to_vec(),
                });
                Matrix::dense(outputs, inputs, number, Bytes::new(bytes.collect::<Vec<u8>>()))
            }
            Weights::Quantized(kind) => {
                let tensor = Tensor::from_vec(numbers, (outputs, inputs), &Device::Cpu).unwrap();
                let quantized = QTensor::quantize(&tensor, kind).unwrap();
                Matrix::quantized(outputs, inputs, kind, &quantized.data().unwrap()).unwrap()
            }
        }
    }

    fn norm(&mut self, size: usize) -> Option<Norm> {
        let weight = self.numbers(size).into_iter().map(|number| 1.0 + number / 4.0).collect();
        Some(Norm { weight, kind: NormWeight::Plain, epsilon: 1e-5 })
    }
}

/// What is tried in some decoders and not in others.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    norms_after: bool,
    query_norms: bool,
    bias: bool,
    windows: bool,
    caps: bool,
    experts: bool,
    embeddings_apart: bool,
    one_layer: bool,
}

fn decoder(seed: u64, weights: Weights, kind: Kind) -> Decoder {
    let width = weights.width();
    let mut random = Random(seed);
    let mut targets = Vec::new();
    let mut linear = |random: &mut Random, name: String, outputs: usize, inputs: usize| {
        let target = Target { name, inputs: inputs as u32, outputs: outputs as u32 };
        targets.push(target);
        Linear {
            matrix: random.matrix(outputs, inputs, weights),
            bias: kind.bias.then(|| random.numbers(outputs)),
            target: Some(targets.len() - 1),
        }
    };
    let layer_count = if kind.one_layer { 1 } else { 2 };
    let layers = (0..layer_count)
        .map(|layer| {
            let mut of_layer = |random: &mut Random, name: &str, outputs, inputs| {
                linear(random, format!("model.layers.{layer}.{name}"), outputs, inputs)
            };
            let around = |random: &mut Random| Around {
                before: random.norm(width),
                after: random.norm(width).filter(|_| kind.norms_after),
            };
            let attention = Attention {
                projections: if kind.embeddings_apart {
                    let rows = (HEADS + 2 * KV_HEADS) * HEAD_SIZE;
                    Projections::Fused(of_layer(&mut random, "self_attn.qkv_proj", rows, width))
                } else {
                    Projections::Separate {
                        query: of_layer(&mut random, "self_attn.q_proj", HEADS * HEAD_SIZE, width),
                        key: of_layer(&mut random, "self_attn.k_proj", KV_HEADS * HEAD_SIZE, width),
                        value: of_layer(&mut random, "self_attn.v_proj", KV_HEADS * HEAD_SIZE, width),
                    }
                },
                output: output_linear(&mut random, width, kind),
                query_norm: random.norm(HEAD_SIZE).filter(|_| kind.query_norms),
                key_norm: random.norm(HEAD_SIZE).filter(|_| kind.query_norms),
                rope: 0,
                view: usize::from(kind.windows && layer % 2 == 0),
            };
            let mut gated = |random: &mut Random, name: &str| Gated {
                gates: if kind.embeddings_apart {
                    Gates::Fused(of_layer(random, &format!("{name}.gate_up_proj"), 2 * width, width))
                } else {
                    Gates::Separate {
                        gate: of_layer(random, &format!("{name}.gate_proj"), width, width),
                        up: of_layer(random, &format!("{name}.up_proj"), width, width),
                    }
                },
                down: of_layer(random, &format!("{name}.down_proj"), width, width),
                activation: if kind.caps { Activation::Gelu } else { Activation::Silu },
            };
            let feed_forward = if kind.experts {
                let experts = (0..6)
                    .map(|expert| {
                        let mut expert = gated(&mut random, &format!("mlp.experts.{expert}"));
                        let gates = match &mut expert.gates {
                            Gates::Separate { gate, up } => vec![gate, up],
                            Gates::Fused(linear) => vec![linear],
                        };
                        gates.into_iter().chain([&mut expert.down]).for_each(|linear| linear.target = None);
                        expert
                    })
                    .collect();
                let matrix = random.matrix(6, width, Weights::Dense(Number::F32));
                let router = Linear { matrix, bias: None, target: None };
                FeedForward::Experts(Experts { router, experts, per_token: 2, renormalized: true })
            } else {
                FeedForward::Dense(gated(&mut random, "mlp"))
            };
            Layer {
                attention_norms: around(&mut random),
                attention,
                feed_forward_norms: around(&mut random),
                feed_forward,
            }
        })
        .collect();
    Decoder {
        embeddings: random.matrix(VOCAB, width, weights),
        embedding_scale: if kind.caps { 4.0 } else { 1.0 },
        layers,
        norm: random.norm(width).unwrap(),
        head: kind.embeddings_apart.then(|| random.matrix(VOCAB, width, weights)),
        logit_scale: 1.0,
        logit_cap: kind.caps.then_some(5.0),
        residual_scale: 1.0,
        heads: Heads {
            queries: HEADS,
            cache: CacheShape { layers: layer_count, heads: KV_HEADS, head_size: HEAD_SIZE },
            scale: 1.0 / (HEAD_SIZE as f32).sqrt(),
            cap: kind.caps.then_some(3.0),
        },
        ropes: vec![Rope::new(1e4, HEAD_SIZE - 2, &RopeScaling::None)],
        views: vec![None, Some(7)],
        targets,
    }
}

/// What attention gives goes back without a bias, and adapters leave it alone, so that there is such a matrix too. Its rows are no whole blocks.
fn output_linear(random: &mut Random, width: usize, kind: Kind) -> Linear {
    let matrix = random.matrix(width, HEADS * HEAD_SIZE, Weights::Dense(Number::F32));
    Linear { matrix, bias: kind.bias.then(|| random.numbers(width)), target: None }
}

fn model(decoder: Decoder, cache: Cache) -> Candle {
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

/// With all that can be on, off.
const PLAIN: Kind = Kind {
    norms_after: false,
    query_norms: false,
    bias: false,
    windows: false,
    caps: false,
    experts: false,
    embeddings_apart: false,
    one_layer: false,
};

const KINDS: [Kind; 4] = [
    PLAIN,
    Kind { norms_after: true, query_norms: true, bias: true, embeddings_apart: true, ..PLAIN },
    Kind { norms_after: true, windows: true, caps: true, ..PLAIN },
    Kind { query_norms: true, experts: true, embeddings_apart: true, ..PLAIN },
];

/// What is hidden is left out of sums, and the others are then added in other places.
const OPTIONS: Options = Options { removal_tolerance: 1e-3 };

#[test]
fn every_kind_of_decoder_has_the_properties_that_the_engine_relies_on() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for cache in [Cache::F32, Cache::F16] {
            let model = model(decoder(seed as u64, Weights::Dense(Number::F32), kind), cache);
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
        let model = model(decoder(9, weights, Kind { one_layer: true, ..PLAIN }), Cache::F16);
        // Activations are rounded to 8 bits before they are multiplied with blocks, so that sums which differ in their last bits can come to differ by a step.
        let removal_tolerance = if matches!(weights, Weights::Dense(_)) { 1e-3 } else { 0.2 };
        if let Err(failure) = conformance::check(&model, Options { removal_tolerance }) {
            panic!("{failure}, with {weights:?}");
        }
    }
}

#[test]
fn rows_that_candle_cannot_compute_with_are_refused() {
    let bytes = [0; 2 * 20];
    let error = Matrix::quantized(2, 32, GgmlDType::Q4_1, &bytes).err().unwrap();
    assert!(
        error.to_string().starts_with("Q4_1 can be computed with in rows of a multiple of 64"),
        "{error}"
    );
}
