//! Decoders with random weights.

use super::super::layers::{
    Around, Attention, Backend, Decoder, Experts, FeedForward, Gated, Gates, Heads, Layer, Linear, Norm,
    Projections, Size,
};
use super::super::matrix::Number;
use super::super::numeric::{Activation, NormWeight};
use super::super::rope::Rope;
use super::super::store::CacheShape;
use crate::model::source::{self, RopeScaling};
use crate::model::{Bytes, Target};
use crate::splitmix::splitmix64;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

const VOCAB: usize = 48;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD_SIZE: usize = 8;
const EXPERTS: usize = 6;

/// How the matrices of a decoder are kept.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Weights {
    Dense(Number),
    Quantized(GgmlDType),
    /// The numbers that quantized ones stand for, in 32 bits.
    Exact(GgmlDType),
}

impl Weights {
    /// The width of the residual stream, and of feed-forward networks: what rows of whole blocks need, because these tests are not optimized.
    fn width(self) -> usize {
        match self {
            Weights::Dense(_) => 32,
            Weights::Quantized(kind) | Weights::Exact(kind) => kind.block_size(),
        }
    }
}

/// What is tried in some decoders and not in others.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Kind {
    pub norms_after: bool,
    pub query_norms: bool,
    pub bias: bool,
    pub windows: bool,
    pub caps: bool,
    pub experts: bool,
    /// Embeddings are not the output matrix, and matrices that can be one are one.
    pub embeddings_apart: bool,
    pub one_layer: bool,
}

/// With all that can be on, off.
pub(in super::super) const PLAIN: Kind = Kind {
    norms_after: false,
    query_norms: false,
    bias: false,
    windows: false,
    caps: false,
    experts: false,
    embeddings_apart: false,
    one_layer: false,
};

/// Numbers that follow from a seed.
pub(in super::super) struct Random(pub u64);

impl Random {
    /// Numbers from -1 to 1.
    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.0 = splitmix64(self.0);
                (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// A matrix as a file has it.
    fn tensor(&mut self, outputs: usize, inputs: usize, weights: Weights) -> source::Tensor {
        source::Tensor {
            file_name: String::new(),
            shape: vec![outputs, inputs],
            kind: match weights {
                Weights::Dense(Number::F32) | Weights::Exact(_) => GgmlDType::F32,
                Weights::Dense(Number::F16) => GgmlDType::F16,
                Weights::Dense(Number::BF16) => GgmlDType::BF16,
                Weights::Quantized(kind) => kind,
            },
            bytes: Bytes::new(self.bytes(outputs, inputs, weights)),
        }
    }

    /// The rows of a matrix as a file has them.
    fn bytes(&mut self, outputs: usize, inputs: usize, weights: Weights) -> Vec<u8> {
        let scale = 1.7 / (inputs as f32).sqrt();
        let numbers: Vec<f32> = self.numbers(outputs * inputs).into_iter().map(|n| n * scale).collect();
        match weights {
            Weights::Dense(number) => numbers
                .iter()
                .flat_map(|n| match number {
                    Number::F32 => n.to_le_bytes().to_vec(),
                    Number::BF16 => half::bf16::from_f32(*n).to_le_bytes().to_vec(),
                    Number::F16 => half::f16::from_f32(*n).to_le_bytes().to_vec(),
                })
                .collect(),
            Weights::Quantized(kind) => {
                let tensor = Tensor::from_vec(numbers, (outputs, inputs), &Device::Cpu).unwrap();
                QTensor::quantize(&tensor, kind).unwrap().data().unwrap().into_owned()
            }
            Weights::Exact(kind) => {
                let tensor = Tensor::from_vec(numbers, (outputs, inputs), &Device::Cpu).unwrap();
                let quantized = QTensor::quantize(&tensor, kind).unwrap().dequantize(&Device::Cpu).unwrap();
                let numbers = quantized.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                numbers.into_iter().flat_map(f32::to_le_bytes).collect()
            }
        }
    }
}

/// A decoder of that kind.
pub(in super::super) fn decoder<B: Backend>(
    backend: &B,
    seed: u64,
    weights: Weights,
    kind: Kind,
) -> Decoder<B> {
    let (random, width) = (Random(seed), weights.width());
    let mut maker = Maker { backend, random, weights, width, kind, targets: Vec::new() };
    let layer_count = if kind.one_layer { 1 } else { 2 };
    let layers = (0..layer_count).map(|layer| maker.layer(layer)).collect();
    let tensor = maker.random.tensor(VOCAB, width, weights);
    let size = Size { outputs: VOCAB, inputs: width };
    let embeddings = backend.table("embeddings", size, &tensor).unwrap();
    let norm = maker.norm(width);
    let head = if kind.embeddings_apart {
        maker.matrix(VOCAB, width, weights)
    } else {
        backend.matrix("head", size, &tensor).unwrap()
    };
    Decoder {
        embeddings,
        embedding_scale: if kind.caps { 4.0 } else { 1.0 },
        layers,
        norm,
        head,
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
        targets: maker.targets,
    }
}

struct Maker<'a, B> {
    backend: &'a B,
    random: Random,
    weights: Weights,
    width: usize,
    kind: Kind,
    targets: Vec<Target>,
}

impl<B: Backend> Maker<'_, B> {
    fn matrix(&mut self, outputs: usize, inputs: usize, weights: Weights) -> B::Matrix {
        let tensor = self.random.tensor(outputs, inputs, weights);
        self.backend.matrix("a matrix", Size { outputs, inputs }, &tensor).unwrap()
    }

    fn numbers(&mut self, count: usize) -> B::Numbers {
        let numbers = self.random.numbers(count);
        self.backend.numbers(numbers).unwrap()
    }

    fn norm(&mut self, size: usize) -> Norm<B> {
        let weight = self.random.numbers(size).into_iter().map(|number| 1.0 + number / 4.0).collect();
        Norm { weight: self.backend.numbers(weight).unwrap(), kind: NormWeight::Plain, epsilon: 1e-5 }
    }

    fn layer(&mut self, layer: usize) -> Layer<B> {
        let prefix = format!("model.layers.{layer}");
        let attention_norms = self.around();
        let attention = self.attention(layer, &prefix);
        let feed_forward_norms = self.around();
        let feed_forward = self.feed_forward(&prefix);
        Layer { attention_norms, attention, feed_forward_norms, feed_forward }
    }

    fn around(&mut self) -> Around<B> {
        let after = self.kind.norms_after.then(|| self.norm(self.width));
        Around { before: Some(self.norm(self.width)), after }
    }

    fn attention(&mut self, layer: usize, prefix: &str) -> Attention<B> {
        let (queries, keys) = (HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE);
        let projections = if self.kind.embeddings_apart {
            Projections::Fused(self.target(format!("{prefix}.qkv_proj"), queries + 2 * keys))
        } else {
            Projections::Separate {
                query: self.target(format!("{prefix}.q_proj"), queries),
                key: self.target(format!("{prefix}.k_proj"), keys),
                value: self.target(format!("{prefix}.v_proj"), keys),
            }
        };
        // Adapters leave it alone, so that there is such a matrix too. Its rows are no whole blocks.
        let matrix = self.matrix(self.width, queries, Weights::Dense(Number::F32));
        let bias = self.kind.bias.then(|| self.numbers(self.width));
        let mut norm = || self.kind.query_norms.then(|| self.norm(HEAD_SIZE));
        Attention {
            projections,
            output: Linear { matrix, bias, target: None },
            query_norm: norm(),
            key_norm: norm(),
            rope: 0,
            view: usize::from(self.kind.windows && layer.is_multiple_of(2)),
        }
    }

    fn feed_forward(&mut self, prefix: &str) -> FeedForward<B> {
        if !self.kind.experts {
            let gated = self.gated(|maker, name, outputs| maker.target(format!("{prefix}.{name}"), outputs));
            return FeedForward::Dense(gated);
        }
        let experts = (0..EXPERTS).map(|_| self.gated(|maker, _, outputs| maker.linear(outputs))).collect();
        let matrix = self.matrix(EXPERTS, self.width, Weights::Dense(Number::F32));
        let router = Linear { matrix, bias: None, target: None };
        FeedForward::Experts(Experts { router, experts, per_token: 2, renormalized: true })
    }

    fn gated(&mut self, mut linear: impl FnMut(&mut Self, &str, usize) -> Linear<B>) -> Gated<B> {
        let width = self.width;
        let gates = if self.kind.embeddings_apart {
            Gates::Fused(linear(self, "gate_up_proj", 2 * width))
        } else {
            Gates::Separate { gate: linear(self, "gate_proj", width), up: linear(self, "up_proj", width) }
        };
        let activation = if self.kind.caps { Activation::Gelu } else { Activation::Silu };
        Gated { gates, down: linear(self, "down_proj", width), activation }
    }

    /// A matrix from the width of the decoder that adapters may change.
    fn target(&mut self, name: String, outputs: usize) -> Linear<B> {
        self.targets.push(Target { name, inputs: self.width as u32, outputs: outputs as u32 });
        Linear { target: Some(self.targets.len() - 1), ..self.linear(outputs) }
    }

    fn linear(&mut self, outputs: usize) -> Linear<B> {
        Linear {
            matrix: self.matrix(outputs, self.width, self.weights),
            bias: self.kind.bias.then(|| self.numbers(outputs)),
            target: None,
        }
    }
}
