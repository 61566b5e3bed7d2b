//! Functions on numbers and rows of numbers with the same bits on every machine: sums in a fixed order, no function of the platform.
//!
//! Sums are kept in [`LANES`] running sums, so that vector instructions of any width compute them, and these are added up in a fixed
//! tree. A fused multiplication and addition rounds once on every machine, if slowly on one that has none.

use super::pool::for_each_piece;
use pulp::{Arch, Simd, WithSimd};

/// Running sums of a reduction: one register of the widest vector instructions, or several of narrower ones.
pub(super) use super::simd::LANES;

/// The running sums of a reduction, or numbers to be worked on at once.
pub(super) type Lanes = [f32; LANES];

/// The sum of all lanes, in the order of a balanced tree.
#[inline(always)]
pub(super) fn sum_lanes(lanes: Lanes) -> f32 {
    let mut sums = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The greatest of all lanes.
#[inline(always)]
pub(super) fn max_lanes(lanes: Lanes) -> f32 {
    let mut greatest = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            greatest[lane] = greatest[lane].max(greatest[lane + width]);
        }
        width /= 2;
    }
    greatest[0]
}

/// `e` to the power of `x`, within two units in the last place; 0 below the least normal number.
///
/// Writes `x` as `n ln 2 + r` with `r` in -0.35 to 0.35, and sums the series of `e^r`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// The upper bits of ln 2: its product with any exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;
    // Beyond these the result is 0 or not finite.
    let inside = x.clamp(-87.0, 88.7);
    let n = (inside * std::f32::consts::LOG2_E).round_ties_even();
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, inside));
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let power = series.into_iter().fold(1.0f32 / 5040.0, |sum, term| sum.mul_add(r, term));
    // Two factors, because 2 to the 128 is not a number of this type.
    let half = (n as i32) >> 1;
    let two_to = |exponent: i32| f32::from_bits(((exponent + 127) as u32) << 23);
    let value = power * two_to(half) * two_to(n as i32 - half);
    if x < -87.0 { 0.0 } else { value }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// x times the logistic function of x.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * logistic(x)
}

/// The approximation of GELU through the hyperbolic tangent (Hendrycks and Gimpel, 2016), as published models use it.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    const SCALE: f32 = 0.797_884_6;
    // (1 + tanh u) / 2 is the logistic function of 2u.
    x * logistic(2.0 * SCALE * (0.044_715 * x * x).mul_add(x, x))
}

/// Brings a number softly between `-cap` and `cap`.
#[inline(always)]
pub(super) fn soft_cap(x: f32, cap: f32) -> f32 {
    let small = exp(-2.0 * (x / cap).abs());
    (cap * (1.0 - small) / (1.0 + small)).copysign(x)
}

/// The sum of products, in running sums.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] = a.mul_add(*b, sums[lane]);
    }
    sum_lanes(sums)
}

/// How the weights of a norm are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NormWeight {
    /// As they are.
    Plain,
    /// As differences from 1, as Gemma has them.
    FromOne,
}

/// Root mean square norm of a row: each number over the root of the mean square of all, times its weight.
pub(super) struct RmsNorm<'a> {
    /// What is normed, and where the result goes.
    pub row: &'a mut [f32],
    /// A weight for each number.
    pub weight: &'a [f32],
    /// How they are meant.
    pub kind: NormWeight,
    /// Added to the mean square.
    pub epsilon: f32,
}

impl RmsNorm<'_> {
    /// Norms the row in its place.
    pub fn apply(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let RmsNorm { row, weight, kind, epsilon } = self;
        let mean = dot(row, row) / row.len() as f32;
        let scale = 1.0 / (mean + epsilon).sqrt();
        let offset = if kind == NormWeight::FromOne { 1.0 } else { 0.0 };
        for (number, weight) in row.iter_mut().zip(weight) {
            *number = *number * scale * (weight + offset);
        }
    }
}

/// Which function is between the two products of a gated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// [`silu`].
    Silu,
    /// [`gelu`].
    Gelu,
}

/// Numbers that a thread sends through an activation at once.
const PIECE: usize = 4096;
/// About how many multiplications of a matrix take as long as an activation.
const OPERATIONS: usize = 32;

/// `gate = activation(gate) * up`, number by number.
pub(super) struct Gate<'a> {
    /// What goes through the activation, and where the result goes.
    pub gate: &'a mut [f32],
    /// What it is multiplied with.
    pub up: &'a [f32],
    /// The function.
    pub activation: Activation,
}

impl Gate<'_> {
    /// Computes it.
    pub fn apply(self) {
        let Gate { gate, up, activation } = self;
        let operations = gate.len() * OPERATIONS;
        for_each_piece(gate, PIECE, operations, |at, gate| {
            let up = &up[at * PIECE..][..gate.len()];
            Arch::new().dispatch(Gate { gate, up, activation });
        });
    }
}

impl WithSimd for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let pairs = self.gate.iter_mut().zip(self.up);
        match self.activation {
            Activation::Silu => pairs.for_each(|(gate, up)| *gate = silu(*gate) * up),
            Activation::Gelu => pairs.for_each(|(gate, up)| *gate = gelu(*gate) * up),
        }
    }
}

/// [`soft_cap`] of each number.
pub(super) struct SoftCap<'a> {
    /// The numbers.
    pub numbers: &'a mut [f32],
    /// What they stay below.
    pub cap: f32,
}

impl SoftCap<'_> {
    /// Computes it.
    pub fn apply(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for SoftCap<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        self.numbers.iter_mut().for_each(|number| *number = soft_cap(*number, self.cap));
    }
}

/// The numbers of a row as shares that add up to 1: e to each, over the sum.
pub(super) fn softmax(row: &mut [f32]) {
    let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for number in row.iter_mut() {
        *number = exp(*number - greatest);
        sum += *number;
    }
    row.iter_mut().for_each(|number| *number /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_that_of_the_mathematical_library(x in -87.0f32..88.0) {
            let expected = libm::exp(f64::from(x));
            prop_assert!((f64::from(exp(x)) - expected).abs() <= 2.5e-7 * expected, "{} for {expected}", exp(x));
        }

        #[test]
        fn activations_are_their_definitions(x in -30.0f32..30.0) {
            let x64 = f64::from(x);
            let silu64 = x64 / (1.0 + libm::exp(-x64));
            let gelu64 = 0.5 * x64 * (1.0 + libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x64 + 0.044_715 * x64.powi(3))));
            prop_assert!((f64::from(silu(x)) - silu64).abs() <= 1e-6 * x64.abs());
            prop_assert!((f64::from(gelu(x)) - gelu64).abs() <= 1e-6 * x64.abs());
            prop_assert!((f64::from(soft_cap(x, 5.0)) - 5.0 * libm::tanh(x64 / 5.0)).abs() <= 1e-6);
        }

        #[test]
        fn vector_instructions_change_no_bit(row in prop::collection::vec(-9.0f32..9.0, 1..70)) {
            let up: Vec<f32> = row.iter().rev().copied().collect();
            let (mut plain, mut fast) = (row.clone(), row.clone());
            let gate = |gate| Gate { gate, up: &up, activation: Activation::Gelu };
            gate(&mut plain).with_simd(pulp::Scalar);
            gate(&mut fast).apply();
            prop_assert_eq!(&plain, &fast);
            let norm = |row| RmsNorm { row, weight: &up, kind: NormWeight::FromOne, epsilon: 1e-6 };
            norm(&mut plain).with_simd(pulp::Scalar);
            norm(&mut fast).apply();
            prop_assert_eq!(plain, fast);
        }
    }

    #[test]
    fn exp_ends_in_zero_and_not_in_noise() {
        assert_eq!([exp(f32::NEG_INFINITY), exp(-88.0), exp(0.0)], [0.0, 0.0, 1.0]);
        assert!(exp(88.7).is_finite() && exp(-87.0) > 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn shares_add_up_to_one() {
        let mut row = [1.0, 3.0, -2.0, 3.0];
        softmax(&mut row);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(row[1], row[3]);
    }
}
