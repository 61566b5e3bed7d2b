//! From a checkpoint to a decoder: the only place that knows the names of tensors.

use super::Cache;
use super::attention::LONGEST_HEAD;
use super::layers::{
    Around, Attention, Backend, Decoder, Experts, FeedForward, Gated, Gates, Heads, LARGEST_GROUP, Layer,
    Linear, Norm, Projections, Size,
};
use super::matrix::{Arena, Matrix, Number, Table};
use super::numeric::{Activation, NormWeight};
use super::rope::Rope;
use super::store::CacheShape;
use crate::model::source::{
    self, Config, EMBEDDING, FINAL_NORM, Norms, OUTPUT, QkNorm, RopeScaling, Source, SourceError, Tensor,
    Weights,
};
use crate::model::{Bytes, ModelInfo, Target};
use candle_core::quantized::GgmlDType;

/// A checkpoint that was opened cannot be computed with.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum LoadError {
    /// Something about its tensors.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A number is too great for the kernels.
    #[error("{what} of `{model}` is {is}, and at most {most} can be computed")]
    TooGreat {
        /// The model.
        model: String,
        /// What is too great.
        what: &'static str,
        /// What it is.
        is: usize,
        /// What it may be.
        most: usize,
    },
    /// Blocks that cannot be read.
    #[error("`{name}` cannot be read as a matrix: {reason}")]
    Blocks {
        /// The tensor.
        name: String,
        /// What the library says.
        reason: String,
    },
    /// The device refused.
    #[error("{0}")]
    Device(String),
}

type Result<T> = std::result::Result<T, LoadError>;

/// What a checkpoint came to.
pub(super) struct Loaded<B: Backend> {
    /// What is known of the model.
    pub info: ModelInfo,
    /// How it is computed.
    pub decoder: Decoder<B>,
    /// How keys and values are kept.
    pub cache: Cache,
}

/// Makes the decoder of a checkpoint; `device` is what decides the bits besides the weights.
pub(super) fn load<B: Backend>(
    source: &Source,
    cache: Cache,
    backend: &B,
    device: &str,
) -> Result<Loaded<B>> {
    let config = &source.config;
    let too_great = |what, is, most| LoadError::TooGreat { model: source.name.clone(), what, is, most };
    if config.head_dim > LONGEST_HEAD {
        return Err(too_great("the length of a head", config.head_dim, LONGEST_HEAD));
    }
    let group = config.heads / config.kv_heads.max(1);
    if group > LARGEST_GROUP {
        return Err(too_great("the number of query heads for each key-value head", group, LARGEST_GROUP));
    }
    let decoder = Loader { config, weights: &source.weights, backend, targets: Vec::new() }.decoder()?;
    let plain = source.weights.iter().all(|(_, tensor)| tensor.kind == GgmlDType::F32);
    let cache = match cache {
        Cache::AsWeights if plain => Cache::F32,
        Cache::AsWeights => Cache::F16,
        given => given,
    };
    let info = ModelInfo {
        name: source.name.clone(),
        digest: source.digest.clone(),
        vocab_size: config.vocab_size as u32,
        max_positions: config.max_positions as u32,
        embedding_size: Some(config.hidden_size as u32),
        adapter_targets: decoder.targets.clone(),
        kernel: kernel(device, cache),
    };
    Ok(Loaded { info, decoder, cache })
}

/// What decides the bits besides the weights.
fn kernel(device: &str, cache: Cache) -> String {
    let cache = match cache {
        Cache::F32 => "f32",
        Cache::F16 | Cache::AsWeights => "f16",
        Cache::Int8 => "int8",
    };
    format!("{device}, cache {cache}")
}

/// Numbers in memory, and kernels for the processor.
#[derive(Default)]
pub(super) struct Cpu {
    /// Where packed matrices are put.
    arena: Arena,
}

impl Backend for Cpu {
    type Matrix = Matrix;
    type Table = Table;
    type Numbers = Vec<f32>;

    fn matrix(&self, name: &str, Size { outputs, inputs }: Size, tensor: &Tensor) -> Result<Matrix> {
        match dense(tensor.kind) {
            Some(number) => Ok(Matrix::dense(outputs, inputs, number, tensor.bytes.clone())),
            None => Matrix::quantized(outputs, inputs, tensor.kind, &tensor.bytes, &self.arena)
                .ok_or_else(|| blocks(name, tensor)),
        }
    }

    fn table(&self, name: &str, Size { outputs, inputs }: Size, tensor: &Tensor) -> Result<Table> {
        let bytes = tensor.bytes.clone();
        match dense(tensor.kind) {
            Some(number) => Ok(Table::dense(outputs, inputs, number, bytes)),
            None => Table::quantized(outputs, inputs, tensor.kind, bytes).ok_or_else(|| blocks(name, tensor)),
        }
    }

    fn numbers(&self, numbers: Vec<f32>) -> Result<Vec<f32>> {
        Ok(numbers)
    }
}

/// Makes the decoder of a checkpoint.
struct Loader<'a, B> {
    config: &'a Config,
    weights: &'a Weights,
    backend: &'a B,
    targets: Vec<Target>,
}

impl<B: Backend> Loader<'_, B> {
    fn decoder(mut self) -> Result<Decoder<B>> {
        let config = self.config;
        let layers = (0..config.layers).map(|layer| self.layer(layer)).collect::<Result<_>>()?;
        let mut ropes = vec![Rope::new(config.rope.theta, config.rope.rotary_dim, &config.rope.scaling)];
        if let Some(theta) = config.rope.local_theta {
            ropes.push(Rope::new(theta, config.rope.rotary_dim, &RopeScaling::None));
        }
        Ok(Decoder {
            embeddings: self.table(EMBEDDING)?,
            embedding_scale: config.embedding_scale,
            layers,
            norm: self.norm(FINAL_NORM)?,
            head: self.matrix(if config.tied_embeddings { EMBEDDING } else { OUTPUT })?,
            logit_scale: 1.0 / config.logits_scaling,
            logit_cap: config.final_soft_cap,
            residual_scale: config.residual_multiplier,
            heads: Heads {
                queries: config.heads,
                cache: CacheShape {
                    layers: config.layers,
                    heads: config.kv_heads,
                    head_size: config.head_dim,
                },
                scale: config.attention_scale,
                cap: config.attention_soft_cap,
            },
            ropes,
            views: views(config),
            targets: self.targets,
        })
    }

    fn layer(&mut self, layer: usize) -> Result<Layer<B>> {
        let prefix = format!("model.layers.{layer}");
        let norm = |name: &str| self.norm(&format!("{prefix}.{name}.weight")).map(Some);
        let (attention_norms, feed_forward_norms) = match self.config.norms {
            Norms::Before => (
                Around { before: norm("input_layernorm")?, after: None },
                Around { before: norm("post_attention_layernorm")?, after: None },
            ),
            Norms::Around => (
                Around { before: norm("input_layernorm")?, after: norm("post_attention_layernorm")? },
                Around {
                    before: norm("pre_feedforward_layernorm")?,
                    after: norm("post_feedforward_layernorm")?,
                },
            ),
            Norms::After => (
                Around { before: None, after: norm("post_attention_layernorm")? },
                Around { before: None, after: norm("post_feedforward_layernorm")? },
            ),
        };
        let attention = self.attention(layer, &format!("{prefix}.self_attn"))?;
        let feed_forward = self.feed_forward(layer, &format!("{prefix}.mlp"))?;
        Ok(Layer { attention_norms, attention, feed_forward_norms, feed_forward })
    }

    fn attention(&mut self, layer: usize, prefix: &str) -> Result<Attention<B>> {
        let config = self.config;
        let bias = config.qkv_bias;
        let projections = if config.fused_qkv {
            Projections::Fused(self.linear(&format!("{prefix}.qkv_proj"), bias, true)?)
        } else {
            Projections::Separate {
                query: self.turned(&format!("{prefix}.q_proj"))?,
                key: self.turned(&format!("{prefix}.k_proj"))?,
                value: self.linear(&format!("{prefix}.v_proj"), bias, true)?,
            }
        };
        let output = self.linear(&format!("{prefix}.o_proj"), config.output_bias, true)?;
        let norm = |name: &str| match config.qk_norm {
            QkNorm::None => Ok(None),
            QkNorm::Head | QkNorm::All => self.norm(&format!("{prefix}.{name}.weight")).map(Some),
        };
        let window = config.sliding_window.get(layer).copied().flatten();
        Ok(Attention {
            projections,
            output,
            query_norm: norm("q_norm")?,
            key_norm: norm("k_norm")?,
            rope: usize::from(window.is_some() && config.rope.local_theta.is_some()),
            view: views(config).iter().position(|view| *view == window).unwrap_or(0),
        })
    }

    fn feed_forward(&mut self, layer: usize, prefix: &str) -> Result<FeedForward<B>> {
        let config = self.config;
        let Some(moe) = config.moe.as_ref().filter(|moe| moe.in_layer(layer)) else {
            return Ok(FeedForward::Dense(self.gated(prefix, config.fused_gate_up, true)?));
        };
        Ok(FeedForward::Experts(Experts {
            router: self.linear(&format!("{prefix}.gate"), false, false)?,
            experts: (0..moe.experts)
                .map(|expert| self.gated(&format!("{prefix}.experts.{expert}"), false, false))
                .collect::<Result<_>>()?,
            per_token: moe.per_token,
            renormalized: moe.norm_topk,
        }))
    }

    fn gated(&mut self, prefix: &str, fused: bool, is_target: bool) -> Result<Gated<B>> {
        let bias = self.config.mlp_bias && is_target;
        let gates = if fused {
            Gates::Fused(self.linear(&format!("{prefix}.gate_up_proj"), bias, is_target)?)
        } else {
            Gates::Separate {
                gate: self.linear(&format!("{prefix}.gate_proj"), bias, is_target)?,
                up: self.linear(&format!("{prefix}.up_proj"), bias, is_target)?,
            }
        };
        Ok(Gated {
            gates,
            down: self.linear(&format!("{prefix}.down_proj"), bias, is_target)?,
            activation: match self.config.activation {
                source::Activation::Silu => Activation::Silu,
                source::Activation::GeluTanh => Activation::Gelu,
            },
        })
    }

    fn norm(&self, name: &str) -> Result<Norm<B>> {
        Ok(Norm {
            weight: self.numbers(name)?,
            kind: if self.config.norm_offset == 0.0 { NormWeight::Plain } else { NormWeight::FromOne },
            epsilon: self.config.norm_eps as f32,
        })
    }

    fn numbers(&self, name: &str) -> Result<B::Numbers> {
        self.backend.numbers(self.weights.require(name)?.to_f32()?)
    }

    fn table(&self, name: &str) -> Result<B::Table> {
        let tensor = self.weights.require(name)?;
        self.backend.table(name, size(name, tensor)?, tensor)
    }

    fn matrix(&self, name: &str) -> Result<B::Matrix> {
        let tensor = self.weights.require(name)?;
        self.backend.matrix(name, size(name, tensor)?, tensor)
    }

    fn linear(&mut self, module: &str, biased: bool, is_target: bool) -> Result<Linear<B>> {
        let name = format!("{module}.weight");
        let size = size(&name, self.weights.require(&name)?)?;
        let bias = if biased { Some(self.numbers(&format!("{module}.bias"))?) } else { None };
        let target = is_target.then(|| self.target(module, size));
        Ok(Linear { matrix: self.matrix(&name)?, bias, target })
    }

    /// The number of a new target of adapters.
    fn target(&mut self, module: &str, size: Size) -> usize {
        let (inputs, outputs) = (size.inputs as u32, size.outputs as u32);
        self.targets.push(Target { name: module.to_owned(), inputs, outputs });
        self.targets.len() - 1
    }

    /// A projection whose results are rotated. Its rows are brought into the order in which number `i` is rotated with number `i + half`.
    fn turned(&mut self, module: &str) -> Result<Linear<B>> {
        let config = self.config;
        if !config.rope.interleaved {
            return self.linear(module, config.qkv_bias, true);
        }
        let name = format!("{module}.weight");
        let tensor = self.weights.require(&name)?;
        let rows = tensor.shape.first().copied().unwrap_or(0);
        let order: Vec<usize> =
            (0..rows).map(|row| row_of(row, config.head_dim, config.rope.rotary_dim)).collect();
        let row = tensor.bytes.len().checked_div(rows).unwrap_or(0);
        let bytes: Vec<u8> =
            order.iter().flat_map(|from| &tensor.bytes[from * row..(from + 1) * row]).copied().collect();
        let reordered = Tensor { bytes: Bytes::new(bytes), ..tensor.clone() };
        let size = size(&name, tensor)?;
        let matrix = self.backend.matrix(&name, size, &reordered)?;
        let mut bias = None;
        if config.qkv_bias {
            let numbers = self.weights.require(&format!("{module}.bias"))?.to_f32()?;
            let ordered = order.iter().filter_map(|from| numbers.get(*from).copied()).collect();
            bias = Some(self.backend.numbers(ordered)?);
        }
        Ok(Linear { matrix, bias, target: Some(self.target(module, size)) })
    }
}

/// Where the row of a projection is in a file in which neighbours are rotated with each other.
fn row_of(row: usize, head: usize, rotated: usize) -> usize {
    let (start, within, half) = (row / head * head, row % head, rotated / 2);
    start
        + match within {
            first if first < half => 2 * first,
            second if second < rotated => 2 * (second - half) + 1,
            rest => rest,
        }
}

fn dense(kind: GgmlDType) -> Option<Number> {
    match kind {
        GgmlDType::F32 => Some(Number::F32),
        GgmlDType::F16 => Some(Number::F16),
        GgmlDType::BF16 => Some(Number::BF16),
        _ => None,
    }
}

fn size(name: &str, tensor: &Tensor) -> Result<Size> {
    match *tensor.shape.as_slice() {
        [outputs, inputs] => Ok(Size { outputs, inputs }),
        _ => {
            let reason = format!("it has the shape {:?}", tensor.shape);
            Err(LoadError::Blocks { name: name.to_owned(), reason })
        }
    }
}

pub(super) fn blocks(name: &str, tensor: &Tensor) -> LoadError {
    let (kind, block) = (tensor.kind, tensor.kind.block_size());
    let reason =
        format!("its rows of {:?} numbers are no whole blocks of {kind:?}, which have {block}", tensor.shape);
    LoadError::Blocks { name: name.to_owned(), reason }
}

/// The kinds of sight in the layers, each once.
fn views(config: &Config) -> Vec<Option<u32>> {
    let mut views = Vec::new();
    for view in config
        .sliding_window
        .iter()
        .copied()
        .chain((config.sliding_window.len() < config.layers).then_some(None))
    {
        if !views.contains(&view) {
            views.push(view);
        }
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_rotated_with_their_neighbours_are_found() {
        let order: Vec<usize> = (0..16).map(|row| row_of(row, 8, 6)).collect();
        assert_eq!(order, [0, 2, 4, 1, 3, 5, 6, 7, 8, 10, 12, 9, 11, 13, 14, 15]);
    }
}
