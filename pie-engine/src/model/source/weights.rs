//! Tensors by the names that Hugging Face gives them, whatever the file calls them, in the memory of the mapped files.
//!
//! Nothing is copied or converted. Quantized numbers are blocks as ggml has them, row by row.

use super::{Config, SourceError, kind_name};
use crate::model::Bytes;
use candle_core::quantized::GgmlDType;
use half::{bf16, f16};
use std::collections::BTreeMap;
use std::ops::Range;

/// All tensors of a model.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

/// A tensor that keeps its bytes in memory.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name in the file, for messages.
    pub file_name: String,
    /// Row-major, as Hugging Face has it: a matrix is `[out, in]`.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub kind: GgmlDType,
    /// The numbers.
    pub bytes: Bytes,
}

/// A tensor in somebody else's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorView<'a> {
    /// Row-major, as Hugging Face has it: a matrix is `[out, in]`.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub kind: GgmlDType,
    /// The numbers. They lie where numbers of this type can be read in place.
    pub bytes: &'a [u8],
}

impl Weights {
    pub(super) fn new(tensors: BTreeMap<String, Tensor>) -> Weights {
        Weights { tensors }
    }

    /// A tensor, by Hugging Face's name for it, such as `model.layers.0.self_attn.q_proj.weight`.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        self.tensors.get(name).map(Tensor::view)
    }

    /// The same, for who keeps it.
    pub fn shared(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The same, or an error that names it.
    pub fn require(&self, name: &str) -> Result<&Tensor, SourceError> {
        self.tensors.get(name).ok_or_else(|| SourceError::NoTensor { name: name.to_owned() })
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// All tensors with their names, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many bytes all tensors have together.
    pub fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.bytes.len() as u64).sum()
    }

    /// The tensors that a model of these settings has, once all of them are there and have the right shapes. Files may have more, for pictures for example.
    pub(super) fn checked(mut self, config: &Config) -> Result<Weights, SourceError> {
        let mut tensors = BTreeMap::new();
        for (name, expected) in config.tensors() {
            let Some(tensor) = self.tensors.remove(&name) else { return Err(SourceError::NoTensor { name }) };
            if tensor.shape != expected {
                return Err(SourceError::Shape { name, shape: tensor.shape, expected });
            }
            tensors.insert(name, tensor);
        }
        Ok(Weights { tensors })
    }
}

impl Tensor {
    /// What is in it.
    pub fn view(&self) -> TensorView<'_> {
        TensorView { shape: self.shape.clone(), kind: self.kind, bytes: &self.bytes }
    }

    /// Some of its rows, which are those of the first dimension.
    ///
    /// # Panics
    /// There are not so many.
    pub fn rows(&self, rows: Range<usize>) -> Tensor {
        let all = self.shape.first().copied().unwrap_or(0);
        let row = self.bytes.len().checked_div(all).unwrap_or(0);
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let bytes = self.bytes.slice(rows.start * row..rows.end * row).expect("rows lie within their tensor");
        Tensor { file_name: self.file_name.clone(), shape, kind: self.kind, bytes }
    }

    /// One of a stack, without the first dimension.
    ///
    /// # Panics
    /// There are not so many.
    pub fn slice(&self, index: usize) -> Tensor {
        let mut slice = self.rows(index..index + 1);
        slice.shape.remove(0);
        slice
    }

    /// The numbers as they are meant, which copies them. Fails on types that are blocks, and on what is not finite.
    pub fn to_f32(&self) -> Result<Vec<f32>, SourceError> {
        let numbers: Vec<f32> = match self.kind {
            GgmlDType::F32 => chunks(&self.bytes).map(f32::from_le_bytes).collect(),
            GgmlDType::F16 => chunks(&self.bytes).map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            GgmlDType::BF16 => chunks(&self.bytes).map(|bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            other => {
                return Err(SourceError::Blocks { name: self.file_name.clone(), kind: kind_name(other) });
            }
        };
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(place) => Err(SourceError::NotFinite { name: self.file_name.clone(), place }),
            None => Ok(numbers),
        }
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|chunk| chunk.try_into().unwrap_or([0; N]))
}

/// How many bytes a tensor takes; none if its rows are no whole number of blocks, or the number is too large.
pub(super) fn size(kind: GgmlDType, shape: &[usize]) -> Option<usize> {
    let row = shape.last().copied().unwrap_or(1);
    if !row.is_multiple_of(kind.block_size()) {
        return None;
    }
    let elements = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))?;
    (elements / kind.block_size()).checked_mul(kind.type_size())
}
