//! Blocks of quantized numbers as ggml defines them.
//!
//! Each format writes a number as `scale * quant + minimum`: `quant` a whole number from 0 up, `scale` and `minimum` the same for a block of 32 numbers or for
//! each half of it. Either there are 16 bits of scale for each block, or 16 bits for eight blocks, and a few bits by which each block multiplies them.

use super::packed::Layout;
use candle_core::quantized::GgmlDType;

/// Numbers in a block.
pub(super) const BLOCK: usize = 32;

/// How a format writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Shape {
    /// Bits of a quant that are kept together.
    pub low: usize,
    /// Bits above them, kept apart.
    pub high: usize,
    /// Blocks that share their scale of 16 bits: 1, or 8 with factors of their own.
    pub blocks: usize,
    /// Scales of a block: 1, or one for each half.
    pub parts: usize,
    /// The quant that stands for 0; none where minima are written.
    pub zero: Option<u8>,
}

/// The shape of a quantized format; none if numbers are no blocks, or blocks that nobody writes into files.
pub(in super::super) const fn shape(kind: GgmlDType) -> Option<Shape> {
    let (low, high, blocks, parts, zero) = match kind {
        GgmlDType::Q4_0 => (4, 0, 1, 1, Some(8)),
        GgmlDType::Q4_1 => (4, 0, 1, 1, None),
        GgmlDType::Q5_0 => (4, 1, 1, 1, Some(16)),
        GgmlDType::Q5_1 => (4, 1, 1, 1, None),
        GgmlDType::Q8_0 => (8, 0, 1, 1, Some(128)),
        GgmlDType::Q2K => (2, 0, 8, 2, None),
        GgmlDType::Q3K => (2, 1, 8, 2, Some(4)),
        GgmlDType::Q4K => (4, 0, 8, 1, None),
        GgmlDType::Q5K => (4, 1, 8, 1, None),
        GgmlDType::Q6K => (4, 2, 8, 2, Some(32)),
        _ => return None,
    };
    Some(Shape { low, high, blocks, parts, zero })
}

/// A quantized format, known where code is compiled.
pub(super) trait Format: Send + Sync {
    /// Which.
    const KIND: GgmlDType;
    /// Its shape.
    const SHAPE: Shape = match shape(Self::KIND) {
        Some(shape) => shape,
        None => panic!("not a quantized format"),
    };
    /// Where things are once it is packed.
    const LAYOUT: Layout = Layout::new(Self::SHAPE);
}

/// One block, or eight that share a scale.
#[derive(Clone, Debug)]
pub(in super::super) struct Blocks {
    /// The quants; those of one block are the first 32.
    pub quants: [u8; 8 * BLOCK],
    /// The scale, as the bits of a number of 16 bits.
    pub scale: [u8; 2],
    /// The minimum, or what minima are multiples of.
    pub minimum: [u8; 2],
    /// What the scale is multiplied with, for each part of each block.
    pub scales: [i8; 16],
    /// What the minimum is multiplied with, and subtracted.
    pub minima: [i8; 16],
}

impl Blocks {
    /// Nothing but zeros.
    pub const ZEROS: Blocks =
        Blocks { quants: [0; 256], scale: [0; 2], minimum: [0; 2], scales: [0; 16], minima: [0; 16] };

    /// Reads what the file has. There have to be as many bytes as the format needs for a block.
    #[inline(always)]
    pub fn read(kind: GgmlDType, bytes: &[u8]) -> Blocks {
        let mut blocks = Blocks::ZEROS;
        match kind {
            GgmlDType::Q4_0 | GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 => {
                blocks.legacy(kind, bytes)
            }
            GgmlDType::Q8_0 => {
                let (scale, numbers) = bytes.split_at(2);
                blocks.scale.copy_from_slice(scale);
                // Signed numbers from -128 become unsigned ones.
                blocks.quants.iter_mut().zip(numbers).for_each(|(quant, number)| *quant = number ^ 0x80);
            }
            GgmlDType::Q2K => blocks.q2k(bytes),
            GgmlDType::Q3K => blocks.q3k(bytes),
            GgmlDType::Q4K | GgmlDType::Q5K => blocks.q4k_q5k(kind, bytes),
            GgmlDType::Q6K => blocks.q6k(bytes),
            _ => {}
        }
        blocks
    }

    /// Scale, perhaps a minimum, perhaps fifth bits, and nibbles: those of the first half below, those of the second above.
    fn legacy(&mut self, kind: GgmlDType, bytes: &[u8]) {
        let (scale, mut rest) = bytes.split_at(2);
        self.scale.copy_from_slice(scale);
        if matches!(kind, GgmlDType::Q4_1 | GgmlDType::Q5_1) {
            let (minimum, after) = rest.split_at(2);
            self.minimum.copy_from_slice(minimum);
            rest = after;
        }
        let (nibbles, mut fifth) = (&rest[rest.len() - 16..], 0);
        if let Some((bits, _)) = rest.split_first_chunk::<4>().filter(|_| rest.len() > 16) {
            fifth = u32::from_le_bytes(*bits);
        }
        for (at, nibble) in nibbles.iter().enumerate() {
            self.quants[at] = nibble & 0xf | ((fifth >> at & 1) << 4) as u8;
            self.quants[at + 16] = nibble >> 4 | ((fifth >> (at + 16) & 1) << 4) as u8;
        }
    }

    /// Four bits of scale and four of minimum for each half block, pairs of bits, scale, minimum.
    fn q2k(&mut self, bytes: &[u8]) {
        let (scales, rest) = bytes.split_at(16);
        let (pairs, rest) = rest.split_at(64);
        for (at, byte) in scales.iter().enumerate() {
            self.scales[at] = (byte & 0xf) as i8;
            self.minima[at] = (byte >> 4) as i8;
        }
        self.pairs(pairs);
        self.scale.copy_from_slice(&rest[..2]);
        self.minimum.copy_from_slice(&rest[2..4]);
    }

    /// Third bits, pairs of bits, six bits of scale for each half block, scale.
    fn q3k(&mut self, bytes: &[u8]) {
        let (third, rest) = bytes.split_at(32);
        let (pairs, rest) = rest.split_at(64);
        let (scales, scale) = rest.split_at(12);
        self.pairs(pairs);
        for (block, quants) in self.quants.chunks_exact_mut(BLOCK).enumerate() {
            quants.iter_mut().zip(third).for_each(|(quant, third)| *quant |= (third >> block & 1) << 2);
        }
        for at in 0..16 {
            let low = scales[at % 8] >> (at / 8 * 4) & 0xf;
            let high = scales[8 + at % 4] >> (at / 4 * 2) & 3;
            self.scales[at] = (low | high << 4) as i8 - 32;
        }
        self.scale.copy_from_slice(scale);
    }

    /// Pairs of bits: in each half of 32 bytes, those of four blocks.
    fn pairs(&mut self, pairs: &[u8]) {
        for (quants, pairs) in self.quants.chunks_exact_mut(4 * BLOCK).zip(pairs.chunks_exact(BLOCK)) {
            for (block, quants) in quants.chunks_exact_mut(BLOCK).enumerate() {
                quants.iter_mut().zip(pairs).for_each(|(quant, pairs)| *quant = pairs >> (2 * block) & 3);
            }
        }
    }

    /// Scale, minimum, six bits of scale and six of minimum for each block, perhaps fifth bits, nibbles of two blocks in 32 bytes.
    fn q4k_q5k(&mut self, kind: GgmlDType, bytes: &[u8]) {
        self.scale.copy_from_slice(&bytes[..2]);
        self.minimum.copy_from_slice(&bytes[2..4]);
        let (packed, rest) = bytes[4..].split_at(12);
        for at in 0..4 {
            self.scales[at] = (packed[at] & 63) as i8;
            self.minima[at] = (packed[at + 4] & 63) as i8;
            self.scales[at + 4] = (packed[at + 8] & 0xf | packed[at] >> 6 << 4) as i8;
            self.minima[at + 4] = (packed[at + 8] >> 4 | packed[at + 4] >> 6 << 4) as i8;
        }
        let nibbles = &rest[rest.len() - 128..];
        for (quants, nibbles) in self.quants.chunks_exact_mut(2 * BLOCK).zip(nibbles.chunks_exact(BLOCK)) {
            let (first, second) = quants.split_at_mut(BLOCK);
            first.iter_mut().zip(nibbles).for_each(|(quant, nibbles)| *quant = nibbles & 0xf);
            second.iter_mut().zip(nibbles).for_each(|(quant, nibbles)| *quant = nibbles >> 4);
        }
        if kind == GgmlDType::Q5K {
            for (block, quants) in self.quants.chunks_exact_mut(BLOCK).enumerate() {
                quants.iter_mut().zip(rest).for_each(|(quant, fifth)| *quant |= (fifth >> block & 1) << 4);
            }
        }
    }

    /// Nibbles, pairs of bits above them, a signed scale for each half block, scale.
    fn q6k(&mut self, bytes: &[u8]) {
        let (nibbles, rest) = bytes.split_at(128);
        let (pairs, rest) = rest.split_at(64);
        self.pairs(pairs);
        for (quants, nibbles) in self.quants.chunks_exact_mut(4 * BLOCK).zip(nibbles.chunks_exact(2 * BLOCK))
        {
            let (first, second) = quants.split_at_mut(2 * BLOCK);
            first.iter_mut().zip(nibbles).for_each(|(quant, nibbles)| *quant = *quant << 4 | nibbles & 0xf);
            second.iter_mut().zip(nibbles).for_each(|(quant, nibbles)| *quant = *quant << 4 | nibbles >> 4);
        }
        for (scale, byte) in self.scales.iter_mut().zip(rest) {
            *scale = *byte as i8;
        }
        self.scale.copy_from_slice(&rest[16..18]);
    }

    /// The numbers.
    pub fn numbers(&self, shape: Shape, output: &mut [f32]) {
        let half = |bytes: [u8; 2]| half::f16::from_le_bytes(bytes).to_f32();
        let part = BLOCK / shape.parts;
        let numbers = output.chunks_exact_mut(part).zip(self.quants.chunks_exact(part));
        for (at, (numbers, quants)) in numbers.enumerate() {
            let inner = shape.blocks > 1;
            let scale = if inner { half(self.scale) * f32::from(self.scales[at]) } else { half(self.scale) };
            let minimum = match shape.zero {
                Some(zero) => scale * -f32::from(zero),
                None if inner => -half(self.minimum) * f32::from(self.minima[at]),
                None => half(self.minimum),
            };
            for (number, quant) in numbers.iter_mut().zip(quants) {
                *number = f32::from(*quant).mul_add(scale, minimum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splitmix::splitmix64;
    use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    use std::borrow::Cow;

    #[test]
    fn blocks_are_read_as_candle_reads_them() {
        for kind in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K] {
            let (size, count) = (kind.type_size(), 24);
            let mut state = 7;
            let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
                state = splitmix64(state);
                (state >> 32) as u8
            })
            .take(count * size)
            .collect();
            // Scales and minima that are numbers.
            let halves: &[usize] = match kind {
                Q2K => &[80, 82],
                Q3K => &[108],
                Q6K => &[208],
                Q4_0 | Q5_0 | Q8_0 => &[0],
                _ => &[0, 2],
            };
            for block in bytes.chunks_exact_mut(size) {
                for at in halves {
                    block[*at + 1] &= 0xbb;
                }
            }
            let numbers = count * kind.block_size();
            let theirs = kind.from_data(Cow::Borrowed(&bytes)).dequantize(numbers).unwrap();
            let candle_core::CpuStorage::F32(theirs) = theirs else { panic!("numbers of 32 bits") };
            let mut ours = vec![0.0; numbers];
            for (bytes, ours) in bytes.chunks_exact(size).zip(ours.chunks_exact_mut(kind.block_size())) {
                Blocks::read(kind, bytes).numbers(shape(kind).unwrap(), ours);
            }
            for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                let off = (ours - theirs).abs();
                assert!(off <= 1e-3 + 1e-5 * theirs.abs(), "{kind:?}, number {at}: {ours} for {theirs}");
            }
        }
    }
}
