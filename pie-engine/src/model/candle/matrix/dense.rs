//! Matrices of numbers as they are: 32 bits, or 16.

use super::super::numeric::{LANES, sum_lanes};
use super::super::pool::Columns;
use crate::model::Bytes;
use pulp::{Arch, Simd, WithSimd};
use std::cell::RefCell;

/// Rows of weights that are multiplied at once, and rows that they are multiplied with.
pub(super) const TILE: usize = 4;

/// How numbers of a dense matrix are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Number {
    /// 32 bits.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of 32 bits.
    BF16,
}

impl Number {
    /// Bytes of a number.
    pub(super) fn size(self) -> usize {
        if self == Number::F32 { 4 } else { 2 }
    }
}

/// Rows of numbers.
#[derive(Clone)]
pub(super) struct Dense {
    /// How they are kept.
    pub number: Number,
    /// Numbers in the order of bytes that files have (little-endian).
    pub bytes: Bytes,
    /// Numbers in a row.
    pub inputs: usize,
}

impl Dense {
    /// Reads a row.
    pub fn row(&self, row: usize, output: &mut [f32]) {
        let size = self.inputs * self.number.size();
        read(self.number, &self.bytes[row * size..(row + 1) * size], output);
    }

    /// Multiplies each row of the input with some rows of this matrix, which are columns of the result.
    pub fn columns(&self, input: &[f32], output: &mut Columns<'_>) {
        let row = self.inputs * self.number.size();
        let bytes = &self.bytes[output.range.start * row..output.range.end * row];
        Arch::new().dispatch(DenseTile { number: self.number, bytes, inputs: self.inputs, input, output });
    }
}

thread_local! {
    /// The rows of weights of a tile as numbers.
    static WEIGHTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Reads numbers out of their bytes.
#[inline(always)]
fn read(number: Number, bytes: &[u8], output: &mut [f32]) {
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
struct DenseTile<'a, 'b> {
    number: Number,
    bytes: &'a [u8],
    inputs: usize,
    input: &'a [f32],
    output: &'a mut Columns<'b>,
}

impl WithSimd for DenseTile<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let DenseTile { number, bytes, inputs, input, output } = self;
        let rows = input.len() / inputs;
        WEIGHTS.with_borrow_mut(|weights| {
            weights.clear();
            weights.resize(TILE * inputs, 0.0);
            read(number, bytes, weights);
            for first in (0..rows).step_by(TILE) {
                let count = TILE.min(rows - first);
                let results = products(weights, &input[first * inputs..(first + count) * inputs], inputs);
                for at in 0..count {
                    for (number, results) in output.row(first + at).iter_mut().zip(&results) {
                        *number = results[at];
                    }
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
