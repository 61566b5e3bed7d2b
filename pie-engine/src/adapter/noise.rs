//! Standard normal numbers that follow from a seed.

use crate::splitmix::splitmix64;

/// Keeps these numbers apart from all others that are made of seeds.
const STREAM: u64 = 0x6c6f_7261_6e6f_6973;

/// The endless noise of a seed: number `i` is a function of the seed and of `i`, with the same bits on every machine.
///
/// Pairs are made by the transformation of Box and Muller ("A Note on the Generation of Random Normal Deviates", 1958), with
/// functions that are not the platform's.
pub(super) fn noise(seed: i64) -> impl Iterator<Item = f32> {
    let key = splitmix64(seed as u64 ^ STREAM);
    (0u64..).flat_map(move |pair| {
        let uniform = |index: u64| (splitmix64(key ^ splitmix64(index)) >> 11) as f64 / (1u64 << 53) as f64;
        // From 0 to less than 1; the logarithm is asked about 1 less that.
        let radius = (-2.0 * libm::log(1.0 - uniform(2 * pair))).sqrt();
        let (sine, cosine) = libm::sincos(std::f64::consts::TAU * uniform(2 * pair + 1));
        [(radius * cosine) as f32, (radius * sine) as f32]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_standard_normal() {
        let count = 100_000;
        let numbers: Vec<f64> = noise(7).take(count).map(f64::from).collect();
        let mean = |power: i32| numbers.iter().map(|number| number.powi(power)).sum::<f64>() / count as f64;
        // Bounds of about five standard errors; the seed is fixed.
        assert!(mean(1).abs() < 0.016, "{}", mean(1));
        assert!((mean(2) - 1.0).abs() < 0.023, "{}", mean(2));
        assert!(mean(3).abs() < 0.04 && (mean(4) - 3.0).abs() < 0.16, "{} {}", mean(3), mean(4));
    }

    #[test]
    fn its_bits_are_fixed_and_seeds_differ() {
        let head = |seed| noise(seed).take(3).map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(head(1), head(1));
        assert_ne!(head(1), head(2));
        assert_ne!(head(1), head(-1));
    }
}
