//! Quantized matrices in the order in which they are computed with: sixteen rows side by side, a lane for each.
//!
//! A group of sixteen rows is a sequence of superblocks (one block of the format, or the eight that share a scale). A superblock has
//!
//! - scales of 16 bits, a number for each row, and minima if the format writes them;
//! - if blocks have factors of their own, 8 bits for each part of each block and each row, and as many for minima;
//! - the quants of each block, in lines of 64 bytes: low bits, then bits above them. Four neighbouring numbers of a row are the four bytes of its lane; where a quant
//!   takes 8 / n bits, a byte has the quants of n such groups of four.
//!
//! It takes as much memory as the file and up to 4 percent more, and in Q2_K, which writes factors in 4 bits, 19 percent.

use super::super::pool::{Columns, for_each_piece};
use super::super::simd::{LANES, dispatch};
use super::arena::Arena;
use super::blocks::{BLOCK, Blocks, Format, Shape};
use super::product::{Group, Rounded};
use crate::model::Bytes;
use candle_core::quantized::GgmlDType;
use std::marker::PhantomData;

/// Bytes of a line.
pub(super) const LINE: usize = 4 * LANES;

/// Where things are in a superblock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Where minima begin; scales are at the beginning.
    pub minima: usize,
    /// Where factors of scales begin.
    pub scale_factors: usize,
    /// Where factors of minima begin.
    pub minimum_factors: usize,
    /// Where quants begin.
    pub quants: usize,
    /// Bytes of quants in a block.
    pub block: usize,
    /// Bytes in all.
    pub size: usize,
}

impl Layout {
    /// The layout of a format.
    pub const fn new(shape: Shape) -> Layout {
        let factors = if shape.blocks > 1 { shape.blocks * shape.parts * LANES } else { 0 };
        let explicit = shape.zero.is_none();
        let minima = 2 * LANES;
        let scale_factors = if explicit { 2 * minima } else { minima };
        let minimum_factors = scale_factors + factors;
        let quants = if explicit { minimum_factors + factors } else { minimum_factors };
        let block = (shape.low + shape.high) * LINE;
        Layout { minima, scale_factors, minimum_factors, quants, block, size: quants + shape.blocks * block }
    }
}

/// Columns that one thread computes before it looks for more, of several groups: the rows that they are multiplied with stay in its cache for all of them.
pub(super) const WIDTH: usize = 4 * LANES;

/// A packed matrix.
pub(super) trait Packed: Send + Sync {
    /// Multiplies each row of the input with some rows of it, which are columns of the result: from a multiple of [`WIDTH`] on, up to the next or the last.
    fn columns(&self, input: &[Rounded], output: &mut Columns<'_>);
}

/// Packs the rows of a matrix; none if this is no quantized format, or rows are not whole blocks. There have to be as many bytes as that takes.
pub(super) fn packed(
    outputs: usize,
    inputs: usize,
    kind: GgmlDType,
    bytes: &[u8],
    arena: &Arena,
) -> Option<Box<dyn Packed>> {
    macro_rules! of_kind {
        ($($kind:ident)*) => {
            match kind {
                $(GgmlDType::$kind => {
                    struct Of;
                    impl Format for Of {
                        const KIND: GgmlDType = GgmlDType::$kind;
                    }
                    Some(Box::new(Matrix::<Of>::new(outputs, inputs, bytes, arena)))
                })*
                _ => None,
            }
        };
    }
    if !inputs.is_multiple_of(kind.block_size()) {
        return None;
    }
    of_kind!(Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2K Q3K Q4K Q5K Q6K)
}

/// A packed matrix of a format.
struct Matrix<F> {
    bytes: Bytes,
    /// Blocks in a row.
    blocks: usize,
    /// Bytes of a group.
    group: usize,
    format: PhantomData<F>,
}

impl<F: Format> Matrix<F> {
    fn new(outputs: usize, inputs: usize, bytes: &[u8], arena: &Arena) -> Self {
        let blocks = inputs / BLOCK;
        let group = blocks / F::SHAPE.blocks * F::LAYOUT.size;
        let length = outputs.div_ceil(LANES) * group;
        let row = inputs / F::KIND.block_size() * F::KIND.type_size();
        let mut memory = arena.take(length);
        let work = |at: usize, group: &mut [u8]| pack::<F>(&bytes[at * LANES * row..], row, group);
        for_each_piece(&mut memory, group, outputs * inputs, work);
        Matrix { bytes: Bytes::new(memory), blocks, group, format: PhantomData }
    }
}

impl<F: Format> Packed for Matrix<F> {
    fn columns(&self, input: &[Rounded], output: &mut Columns<'_>) {
        let groups = output.range.start / LANES..output.range.end.div_ceil(LANES);
        let bytes = &self.bytes[groups.start * self.group..groups.end * self.group];
        for (at, bytes) in bytes.chunks_exact(self.group).enumerate() {
            let write = |row: usize, numbers: &[f32; LANES]| {
                let columns = &mut output.row(row)[at * LANES..];
                columns.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
            };
            dispatch(Group::<F, _> { bytes, input, blocks: self.blocks, write, format: PhantomData });
        }
    }
}

/// Packs up to sixteen rows, as the file has them, each so many bytes long. Lanes without a row have zeros.
fn pack<F: Format>(rows: &[u8], row: usize, group: &mut [u8]) {
    let (shape, layout, size) = (F::SHAPE, F::LAYOUT, F::KIND.type_size());
    let mut blocks = [Blocks::ZEROS; LANES];
    for (number, superblock) in group.chunks_exact_mut(layout.size).enumerate() {
        let rows = rows.chunks_exact(row).take(LANES);
        for (lane, (row, blocks)) in rows.zip(&mut blocks).enumerate() {
            *blocks = Blocks::read(F::KIND, &row[number * size..(number + 1) * size]);
            superblock[2 * lane..][..2].copy_from_slice(&blocks.scale);
            if shape.zero.is_none() {
                superblock[layout.minima + 2 * lane..][..2].copy_from_slice(&blocks.minimum);
            }
            if shape.blocks > 1 {
                for part in 0..shape.blocks * shape.parts {
                    superblock[layout.scale_factors + part * LANES + lane] = blocks.scales[part] as u8;
                    if shape.zero.is_none() {
                        superblock[layout.minimum_factors + part * LANES + lane] = blocks.minima[part] as u8;
                    }
                }
            }
        }
        for (block, packed) in superblock[layout.quants..].chunks_exact_mut(layout.block).enumerate() {
            pack_block::<F>(&blocks, block, packed);
        }
    }
}

/// Packs the quants of one block of all rows.
#[inline(always)]
fn pack_block<F: Format>(rows: &[Blocks; LANES], block: usize, packed: &mut [u8]) {
    let Shape { low, high, .. } = F::SHAPE;
    // Four neighbours of each row, side by side with those of the others.
    let mut fours = [[0u32; LANES]; BLOCK / 4];
    for (lane, row) in rows.iter().enumerate() {
        let quants = row.quants[block * BLOCK..][..BLOCK].as_chunks::<4>().0;
        fours.iter_mut().zip(quants).for_each(|(four, quants)| four[lane] = u32::from_le_bytes(*quants));
    }
    let (low_lines, high_lines) = packed.split_at_mut(low * LINE);
    for (lines, width, below) in [(low_lines, low, 0), (high_lines, high, low)] {
        let each = 0x0101_0101 * ((1u32 << width) - 1);
        for (at, line) in lines.chunks_exact_mut(LINE).enumerate() {
            let mut words = [0u32; LANES];
            for (group, four) in fours.iter().skip(at).step_by(width).enumerate() {
                // Shifts stay inside each byte, because what is shifted has no more bits than there is room for.
                for (word, four) in words.iter_mut().zip(four) {
                    *word |= (four >> below & each) << (group * width);
                }
            }
            for (bytes, word) in line.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::shape;
    use super::*;
    use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};

    #[test]
    fn packed_matrices_take_little_more_than_the_file() {
        for kind in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K] {
            let packed = Layout::new(shape(kind).unwrap()).size as f64;
            let more = packed / (LANES * kind.type_size()) as f64;
            let most = if kind == Q2K { 1.20 } else { 1.04 };
            assert!((1.0..most).contains(&more), "{kind:?}: {more}");
        }
    }
}
