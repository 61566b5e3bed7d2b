//! Products of rounded rows with packed matrices.
//!
//! Each number of a product is a sum over blocks, in their order: the products of whole numbers of a block are added exactly, and take part in the sum with one rounding.
//! So it has the same bits whatever is computed beside it, and at every level of vector instructions.

use super::super::numeric::{max_lanes, sum_lanes};
use super::super::pool::for_each_piece;
use super::super::simd::{Kernel, LANES, Level, dispatch};
use super::blocks::{BLOCK, Format, Shape};
use super::packed::LINE;
use std::cell::RefCell;
use std::marker::PhantomData;

/// Rows that are multiplied at once, at most: their sums stay in registers.
const TOKENS: usize = 8;

/// Thirty-two numbers of a row, rounded to 8 bits.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
pub(super) struct Rounded {
    /// Whole numbers from -127 to 127, in fours.
    numbers: [[i8; 4]; BLOCK / 4],
    /// What they are multiplied with.
    scale: f32,
    /// The sum of the numbers, scaled.
    sum: f32,
    /// The sums of both halves.
    halves: [f32; 2],
}

thread_local! {
    /// What a row is rounded to.
    static ROUNDED: RefCell<Vec<Rounded>> = const { RefCell::new(Vec::new()) };
}

/// Rounds rows, which are whole blocks, and hands them over.
pub(super) fn round(input: &[f32], product: impl FnOnce(&[Rounded])) {
    ROUNDED.with_borrow_mut(|rounded| {
        rounded.resize(input.len() / BLOCK, Rounded::default());
        for_each_piece(rounded, PIECE, input.len() * OPERATIONS, |at, blocks| {
            let numbers = &input[at * PIECE * BLOCK..][..blocks.len() * BLOCK];
            dispatch(Round { numbers, blocks });
        });
        product(rounded);
    });
}

/// Blocks that a thread rounds at once.
const PIECE: usize = 256;
/// About how many multiplications take as long as rounding a number.
const OPERATIONS: usize = 8;

/// Rounds numbers. There is a block for every 32 of them.
struct Round<'a> {
    numbers: &'a [f32],
    blocks: &'a mut [Rounded],
}

impl Kernel for Round<'_> {
    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let numbers = self.numbers.as_chunks::<BLOCK>().0;
        for (numbers, block) in numbers.iter().zip(self.blocks) {
            *block = round_block(numbers);
        }
    }
}

/// Has what is added to it rounded to a whole number, to the even one of two, which is then in its lowest bits.
const ROUNDING: f32 = 12_582_912.0;

#[inline(always)]
fn round_block(numbers: &[f32; BLOCK]) -> Rounded {
    let mut greatest = [0.0f32; LANES];
    let mut probe = [0.0f32; LANES];
    for half in numbers.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            greatest[lane] = greatest[lane].max(half[lane].abs());
            // Nothing, unless the number is none: then all that is computed from the block is none.
            probe[lane] += half[lane] * 0.0;
        }
    }
    let greatest = max_lanes(greatest);
    let to_whole = if greatest > 0.0 { 127.0 / greatest } else { 0.0 };
    let scale = greatest / 127.0 + sum_lanes(probe);
    let mut whole = [0i8; BLOCK];
    let mut sums = [0i32; 2];
    for (half, sum) in sums.iter_mut().enumerate() {
        for at in half * LANES..(half + 1) * LANES {
            let bits = numbers[at].mul_add(to_whole, ROUNDING).to_bits();
            whole[at] = bits as i8;
            *sum += i32::from(bits as i8);
        }
    }
    let (fours, _) = whole.as_chunks::<4>();
    let mut rounded = Rounded { scale, ..Rounded::default() };
    rounded.numbers.copy_from_slice(fours);
    rounded.halves = [sums[0] as f32 * scale, sums[1] as f32 * scale];
    rounded.sum = (sums[0] + sums[1]) as f32 * scale;
    rounded
}

/// Sixteen rows of a matrix times all rows of an input.
pub(super) struct Group<'a, F: Format, W> {
    pub format: PhantomData<F>,
    /// The packed rows.
    pub bytes: &'a [u8],
    /// The rounded input, row after row.
    pub input: &'a [Rounded],
    /// Blocks in a row.
    pub blocks: usize,
    /// Takes the sixteen numbers of a row.
    pub write: W,
}

impl<F: Format, W: FnMut(usize, &[f32; LANES])> Kernel for Group<'_, F, W> {
    #[inline(always)]
    fn run<L: Level>(mut self, level: L) {
        let rows = self.input.len() / self.blocks;
        let mut row = 0;
        while rows - row >= TOKENS {
            self.tile::<L, TOKENS>(level, row);
            row += TOKENS;
        }
        if rows - row >= TOKENS / 2 {
            self.tile::<L, { TOKENS / 2 }>(level, row);
            row += TOKENS / 2;
        }
        while row < rows {
            self.tile::<L, 1>(level, row);
            row += 1;
        }
    }
}

impl<F: Format, W: FnMut(usize, &[f32; LANES])> Group<'_, F, W> {
    #[inline(always)]
    fn tile<L: Level, const COUNT: usize>(&mut self, level: L, first: usize) {
        let rows: [&[Rounded]; COUNT] = std::array::from_fn(|row| {
            &self.input[(first + row) * self.blocks..(first + row + 1) * self.blocks]
        });
        let mut sums = [level.splat(0.0); COUNT];
        for (number, superblock) in self.bytes.chunks_exact(F::LAYOUT.size).enumerate() {
            let scale = level.halves(array(superblock, 0));
            let minimum = if F::SHAPE.zero.is_none() {
                level.halves(array(superblock, F::LAYOUT.minima))
            } else {
                scale
            };
            for block in 0..F::SHAPE.blocks {
                let at = F::LAYOUT.quants + block * F::LAYOUT.block;
                let quants = quants::<L, F>(level, &superblock[at..at + F::LAYOUT.block]);
                let factors = factors::<L, F>(level, superblock, block, scale, minimum);
                for (row, sum) in rows.iter().zip(&mut sums) {
                    *sum =
                        add::<L, F>(level, *sum, &quants, &factors, &row[number * F::SHAPE.blocks + block]);
                }
            }
        }
        for (row, sum) in sums.into_iter().enumerate() {
            (self.write)(first + row, &level.lanes(sum));
        }
    }
}

/// The quants of a block of sixteen rows, in fours.
#[inline(always)]
fn quants<L: Level, F: Format>(level: L, bytes: &[u8]) -> [L::Bytes; BLOCK / 4] {
    let Shape { low, high, .. } = F::SHAPE;
    let mut quants = [level.bytes(array(bytes, 0)); BLOCK / 4];
    for (four, quant) in quants.iter_mut().enumerate() {
        *quant = field(level, bytes, low, four);
        if high > 0 {
            let above = field(level, &bytes[low * LINE..], high, four);
            *quant = level.join(*quant, above, low as u32);
        }
    }
    quants
}

/// Four numbers of each row, where each has so many bits.
#[inline(always)]
fn field<L: Level>(level: L, bytes: &[u8], width: usize, four: usize) -> L::Bytes {
    let line = level.bytes(array(bytes, four % width * LINE));
    level.field(line, (four / width * width) as u32, ((1u32 << width) - 1) as u8)
}

/// Scale and minimum of each part of a block.
#[inline(always)]
fn factors<L: Level, F: Format>(
    level: L,
    superblock: &[u8],
    block: usize,
    scale: L::Floats,
    minimum: L::Floats,
) -> [[L::Floats; 2]; 2] {
    let inner = F::SHAPE.blocks > 1;
    // Formats with one part leave the second as it is.
    let mut factors = [[scale, minimum]; 2];
    for (part, [scale, minimum]) in factors.iter_mut().enumerate().take(F::SHAPE.parts) {
        let at = (block * F::SHAPE.parts + part) * LANES;
        if inner {
            *scale = level.mul(*scale, level.small(array(superblock, F::LAYOUT.scale_factors + at)));
        }
        if let Some(zero) = F::SHAPE.zero {
            *minimum = level.mul(*scale, level.splat(-f32::from(zero)));
        } else if inner {
            let factor = level.small(array(superblock, F::LAYOUT.minimum_factors + at));
            *minimum = level.mul(*minimum, level.mul(factor, level.splat(-1.0)));
        }
    }
    factors
}

/// Adds the products of a block.
#[inline(always)]
fn add<L: Level, F: Format>(
    level: L,
    mut sum: L::Floats,
    quants: &[L::Bytes; BLOCK / 4],
    factors: &[[L::Floats; 2]; 2],
    row: &Rounded,
) -> L::Floats {
    let parts = F::SHAPE.parts;
    let row_scale = level.splat(row.scale);
    for (part, [scale, minimum]) in factors.iter().enumerate().take(parts) {
        let mut products = level.zeros();
        let fours = part * 8 / parts..(part + 1) * 8 / parts;
        for (quants, numbers) in quants[fours.clone()].iter().zip(&row.numbers[fours]) {
            products = level.dot(products, *quants, *numbers);
        }
        sum = level.mul_add(level.mul(level.numbers(products), row_scale), *scale, sum);
        let of_numbers = if parts == 1 { row.sum } else { row.halves[part] };
        sum = level.mul_add(*minimum, level.splat(of_numbers), sum);
    }
    sum
}

/// An array of bytes that is there: offsets follow from the layout.
#[inline(always)]
fn array<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..].first_chunk().expect("a superblock has all of its parts")
}
