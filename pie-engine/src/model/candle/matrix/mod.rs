//! Products with matrices of weights, in whatever form the weights are.
//!
//! A row of a product has the same bits whatever other rows are computed with it, and on every machine: each number of it is one sum of products in an order that
//! follows from the length of the sum.

mod arena;
mod blocks;
mod dense;
mod packed;
mod product;

pub(super) use arena::Arena;
#[cfg(any(test, feature = "cuda"))]
pub(super) use blocks::{Blocks, Shape, shape};
pub(super) use dense::Number;

use super::pool::{Results, for_each_columns};
use crate::model::Bytes;
#[cfg(not(any(test, feature = "cuda")))]
use blocks::{Blocks, Shape, shape};
use candle_core::quantized::GgmlDType;
use dense::{Dense, TILE};
use packed::{Packed, WIDTH, packed};
use product::{Rounded, round};

/// A matrix that rows are multiplied with: `outputs` rows of `inputs` numbers.
pub(super) struct Matrix {
    outputs: usize,
    inputs: usize,
    form: Form,
}

enum Form {
    Dense(Dense),
    Packed(Box<dyn Packed>),
}

impl Matrix {
    /// A matrix of numbers. There have to be as many bytes as that takes.
    pub fn dense(outputs: usize, inputs: usize, number: Number, bytes: Bytes) -> Matrix {
        debug_assert_eq!(bytes.len(), outputs * inputs * number.size());
        Matrix { outputs, inputs, form: Form::Dense(Dense { number, bytes, inputs }) }
    }

    /// A quantized matrix; none if this is no quantized format, or rows are not whole blocks. There have to be as many bytes as that takes.
    pub fn quantized(
        outputs: usize,
        inputs: usize,
        kind: GgmlDType,
        bytes: &[u8],
        arena: &Arena,
    ) -> Option<Matrix> {
        let packed = packed(outputs, inputs, kind, bytes, arena)?;
        Some(Matrix { outputs, inputs, form: Form::Packed(packed) })
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
    pub fn product(&self, input: &[f32], output: &mut Vec<f32>) {
        products(input, [(self, output)]);
    }

    fn is_packed(&self) -> bool {
        matches!(self.form, Form::Packed(_))
    }
}

/// Multiplies each row of `input` with several matrices, all of which take rows of that length: the input is rounded once, and threads meet once.
pub(super) fn products<const COUNT: usize>(input: &[f32], of: [(&Matrix, &mut Vec<f32>); COUNT]) {
    let matrices = of.each_ref().map(|(matrix, _)| *matrix);
    let mut operations = 0;
    let results = of.map(|(matrix, output)| {
        // Everything is written, so what the vector had may stay until then.
        output.resize(input.len() / matrix.inputs * matrix.outputs, 0.0);
        operations += input.len() * matrix.outputs;
        Results::new(output, matrix.outputs, if matrix.is_packed() { WIDTH } else { TILE })
    });
    let multiply = |rounded: &[Rounded]| {
        for_each_columns(&results, operations, |number, columns| match &matrices[number].form {
            Form::Dense(dense) => dense.columns(input, columns),
            Form::Packed(packed) => packed.columns(rounded, columns),
        });
    };
    if matrices.iter().any(|matrix| matrix.is_packed()) { round(input, multiply) } else { multiply(&[]) }
}

/// What tokens are embedded as: a row of numbers for each.
pub(super) struct Table {
    rows: usize,
    inputs: usize,
    form: TableForm,
}

enum TableForm {
    Dense(Dense),
    Blocks { kind: GgmlDType, shape: Shape, bytes: Bytes },
}

impl Table {
    /// Rows of numbers. There have to be as many bytes as that takes.
    pub fn dense(rows: usize, inputs: usize, number: Number, bytes: Bytes) -> Table {
        Table { rows, inputs, form: TableForm::Dense(Dense { number, bytes, inputs }) }
    }

    /// Rows of a quantized format; none if it is no such format, or rows are not whole blocks.
    pub fn quantized(rows: usize, inputs: usize, kind: GgmlDType, bytes: Bytes) -> Option<Table> {
        let shape = shape(kind).filter(|_| inputs.is_multiple_of(kind.block_size()))?;
        Some(Table { rows, inputs, form: TableForm::Blocks { kind, shape, bytes } })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Some rows, one after the other. All of them have to be there.
    pub fn read(&self, ids: &[u32], output: &mut Vec<f32>) {
        output.resize(ids.len() * self.inputs, 0.0);
        for (id, output) in ids.iter().zip(output.chunks_exact_mut(self.inputs)) {
            let id = *id as usize;
            match &self.form {
                TableForm::Dense(dense) => dense.row(id, output),
                TableForm::Blocks { kind, shape, bytes } => {
                    let row = self.inputs / kind.block_size() * kind.type_size();
                    let blocks = bytes[id * row..(id + 1) * row].chunks_exact(kind.type_size());
                    for (bytes, numbers) in blocks.zip(output.chunks_exact_mut(kind.block_size())) {
                        Blocks::read(*kind, bytes).numbers(*shape, numbers);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
