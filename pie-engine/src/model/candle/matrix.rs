//! Products with matrices of weights, in whatever form the weights are.
//!
//! A row of a product has the same bits whatever other rows are computed with it: each number of it is one sum of products in an order that follows from the
//! length of the sum.

use super::numeric::{LANES, sum_lanes};
use super::pool::for_each_piece;
use crate::model::{Bytes, ModelError};
use candle_core::quantized::{GgmlDType, QStorage, QTensor, QuantizedType};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Tensor};
use pulp::{Arch, Simd, WithSimd};
use std::borrow::Cow;
use std::cell::RefCell;

/// Rows of weights that are multiplied at once, and rows that they are multiplied with.
const TILE: usize = 4;

/// How numbers of a dense matrix are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// 32 bits.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of 32 bits.
    BF16,
}

impl Number {
    fn size(self) -> usize {
        if self == Number::F32 { 4 } else { 2 }
    }
}

/// A matrix that rows are multiplied with: `outputs` rows of `inputs` numbers.
pub(super) struct Matrix {
    outputs: usize,
    inputs: usize,
    form: Form,
}

enum Form {
    Dense {
        number: Number,
        /// Numbers in the order of bytes that files have (little-endian).
        bytes: Bytes,
    },
    /// Products through candle's tiles, which give the same bits for any number of rows.
    Tiled(Box<QTensor>),
    /// Products without tiles: candle's tiles of this format give other bits for one row than for several.
    Plain(Box<dyn QuantizedType>),
}

impl Matrix {
    /// A matrix of numbers. There have to be as many bytes as that takes.
    pub fn dense(outputs: usize, inputs: usize, number: Number, bytes: Bytes) -> Matrix {
        debug_assert_eq!(bytes.len(), outputs * inputs * number.size());
        Matrix { outputs, inputs, form: Form::Dense { number, bytes } }
    }

    /// A quantized matrix. There have to be as many bytes as that takes, and rows have to be whole blocks: of some formats an even number,
    /// which candle's products of them rely on.
    pub fn quantized(
        outputs: usize,
        inputs: usize,
        kind: GgmlDType,
        bytes: &[u8],
    ) -> candle_core::Result<Matrix> {
        let pairs = matches!(kind, GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1);
        if pairs && !inputs.is_multiple_of(2 * kind.block_size()) {
            candle_core::bail!(
                "{kind:?} can be computed with in rows of a multiple of {} numbers, not of {inputs}",
                2 * kind.block_size()
            );
        }
        let form = match kind {
            GgmlDType::Q4K | GgmlDType::Q8_0 => {
                let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, kind)?;
                Form::Tiled(Box::new(QTensor::new(storage, (outputs, inputs))?))
            }
            _ => Form::Plain(kind.from_data(Cow::Borrowed(bytes))),
        };
        Ok(Matrix { outputs, inputs, form })
    }

    /// Numbers in a row of the result.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Numbers in a row that it is multiplied with.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Multiplies each row of `input` with the matrix.
    pub fn product(&self, input: &[f32], output: &mut Vec<f32>) -> Result<(), ModelError> {
        let rows = input.len() / self.inputs;
        output.clear();
        match &self.form {
            Form::Dense { number, bytes } => {
                output.resize(rows * self.outputs, 0.0);
                self.dense_product(*number, bytes, input, rows, output);
            }
            Form::Tiled(tensor) => {
                let layout = Layout::contiguous((rows, self.inputs));
                let (product, _) =
                    tensor.cpu_fwd(&CpuStorage::F32(input.to_vec()), &layout).map_err(failed)?;
                if let CpuStorage::F32(product) = product {
                    *output = product;
                }
            }
            Form::Plain(blocks) => {
                output.resize(rows * self.outputs, 0.0);
                blocks.matmul_t((rows, self.inputs, self.outputs), input, output).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Some rows of the matrix as numbers, one after the other: what tokens are embedded as.
    pub fn rows(&self, ids: &[u32], output: &mut Vec<f32>) -> Result<(), ModelError> {
        output.clear();
        output.resize(ids.len() * self.inputs, 0.0);
        match &self.form {
            Form::Dense { number, bytes } => {
                for (id, row) in ids.iter().zip(output.chunks_exact_mut(self.inputs)) {
                    read(*number, row_bytes(bytes, *number, self.inputs, *id as usize), row);
                }
            }
            Form::Tiled(tensor) => {
                let ids = Tensor::new(ids, &Device::Cpu).map_err(failed)?;
                let rows = tensor.embedding(&ids).and_then(|rows| rows.flatten_all()).map_err(failed)?;
                *output = rows.to_vec1().map_err(failed)?;
            }
            Form::Plain(blocks) => {
                let rows = blocks.embedding(ids, self.outputs, self.inputs).map_err(failed)?;
                if let CpuStorage::F32(rows) = rows {
                    *output = rows;
                }
            }
        }
        Ok(())
    }

    fn dense_product(&self, number: Number, bytes: &[u8], input: &[f32], rows: usize, output: &mut [f32]) {
        let work = |columns: &mut Vec<f32>| {
            for_each_piece(columns, TILE * rows, rows * self.outputs * self.inputs, |tile, output| {
                let first = tile * TILE;
                let count = output.len() / rows;
                let bytes = &bytes
                    [first * self.inputs * number.size()..(first + count) * self.inputs * number.size()];
                Arch::new().dispatch(DenseTile { number, bytes, inputs: self.inputs, input, rows, output });
            });
        };
        COLUMNS.with_borrow_mut(|columns| {
            columns.clear();
            columns.resize(output.len(), 0.0);
            work(columns);
            if rows == 1 {
                output.copy_from_slice(columns);
                return;
            }
            // Threads have written a row for each output; callers want one for each input.
            let columns = &*columns;
            for_each_piece(output, self.outputs, rows * self.outputs, |row, output| {
                output.iter_mut().zip(columns[row..].iter().step_by(rows)).for_each(|(to, from)| *to = *from);
            });
        });
    }
}

thread_local! {
    /// A product before it is transposed.
    static COLUMNS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// The rows of weights of a tile as numbers.
    static WEIGHTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

fn failed(error: candle_core::Error) -> ModelError {
    ModelError::Failed(format!("a matrix product failed: {error}"))
}

fn row_bytes(bytes: &[u8], number: Number, inputs: usize, row: usize) -> &[u8] {
    &bytes[row * inputs * number.size()..(row + 1) * inputs * number.size()]
}

/// Reads numbers out of their bytes.
#[inline(always)]
pub(super) fn read(number: Number, bytes: &[u8], output: &mut [f32]) {
    match number {
        Number::F32 => {
            let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            output.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        }
        Number::BF16 => {
            let numbers =
                bytes.as_chunks::<2>().0.iter().map(|bytes| u32::from(u16::from_le_bytes(*bytes)) << 16);
            output.iter_mut().zip(numbers).for_each(|(to, bits)| *to = f32::from_bits(bits));
        }
        Number::F16 => {
            let numbers =
                bytes.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32());
            output.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        }
    }
}

/// Some rows of weights times all rows of an input: for each row of weights, a row of results.
struct DenseTile<'a> {
    number: Number,
    bytes: &'a [u8],
    inputs: usize,
    input: &'a [f32],
    rows: usize,
    output: &'a mut [f32],
}

impl WithSimd for DenseTile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let DenseTile { number, bytes, inputs, input, rows, output } = self;
        WEIGHTS.with_borrow_mut(|weights| {
            weights.clear();
            weights.resize(TILE * inputs, 0.0);
            read(number, bytes, weights);
            for first in (0..rows).step_by(TILE) {
                let count = TILE.min(rows - first);
                let results = products(weights, &input[first * inputs..(first + count) * inputs], inputs);
                for (results, output) in results.iter().zip(output.chunks_exact_mut(rows)) {
                    output[first..first + count].copy_from_slice(&results[..count]);
                }
            }
        });
    }
}

/// The products of [`TILE`] rows of weights with at most so many rows of an input.
#[inline(always)]
fn products(weights: &[f32], input: &[f32], inputs: usize) -> [[f32; TILE]; TILE] {
    let count = input.len() / inputs;
    if count == TILE {
        return tile::<TILE>(weights, input, inputs);
    }
    let mut results = [[0.0; TILE]; TILE];
    for (index, input) in input.chunks_exact(inputs).enumerate() {
        let single = tile::<1>(weights, input, inputs);
        for (results, [product]) in results.iter_mut().zip(single) {
            results[index] = product;
        }
    }
    results
}

#[inline(always)]
fn tile<const ROWS: usize>(weights: &[f32], input: &[f32], inputs: usize) -> [[f32; ROWS]; TILE] {
    let mut sums = [[[0.0f32; LANES]; ROWS]; TILE];
    let weight_rows: [&[f32]; TILE] = std::array::from_fn(|row| &weights[row * inputs..(row + 1) * inputs]);
    let input_rows: [&[f32]; ROWS] = std::array::from_fn(|row| &input[row * inputs..(row + 1) * inputs]);
    let whole = inputs / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let input: [[f32; LANES]; ROWS] = std::array::from_fn(|row| chunk(input_rows[row], at));
        for (weights, sums) in weight_rows.iter().zip(&mut sums) {
            let weights: [f32; LANES] = chunk(weights, at);
            for (input, sums) in input.iter().zip(sums) {
                for lane in 0..LANES {
                    sums[lane] = weights[lane].mul_add(input[lane], sums[lane]);
                }
            }
        }
    }
    for (weights, sums) in weight_rows.iter().zip(&mut sums) {
        for (input, sums) in input_rows.iter().zip(sums) {
            for (lane, (weight, input)) in weights[whole..].iter().zip(&input[whole..]).enumerate() {
                sums[lane] = weight.mul_add(*input, sums[lane]);
            }
        }
    }
    sums.map(|sums| sums.map(sum_lanes))
}

#[inline(always)]
fn chunk(numbers: &[f32], at: usize) -> [f32; LANES] {
    let mut chunk = [0.0; LANES];
    chunk.copy_from_slice(&numbers[at..at + LANES]);
    chunk
}
