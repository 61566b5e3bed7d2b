//! Where the random bits of a draw come from.

use crate::splitmix::splitmix64;

/// 64 random bits for one draw, a pure function of what identifies it: the seed of the instance, its context, a counter of draws
/// within that context, and the number given to the sampler. So what an instance draws never depends on who else runs.
pub fn draw_seed(instance_seed: u64, context: u64, counter: u64, parameter: u32) -> u64 {
    [context, counter, u64::from(parameter)]
        .iter()
        .fold(splitmix64(instance_seed), |hash, &part| splitmix64(hash ^ part))
}

/// The draw as a number in `0.0..1.0`, a multiple of 2^-53.
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_part_changes_every_draw() {
        let mut seen = BTreeSet::new();
        for instance in 0..8 {
            for context in 0..8 {
                for counter in 0..8 {
                    for parameter in 0..8 {
                        assert!(seen.insert(draw_seed(instance, context, counter, parameter)));
                    }
                }
            }
        }
    }

    #[test]
    fn its_bits_are_fixed() {
        assert_eq!(draw_seed(1, 2, 3, 4), 0xd55ccd4aeb3ccafb);
    }

    #[test]
    fn draws_fill_the_unit_interval_evenly() {
        let mut bins = [0u32; 10];
        for counter in 0..10_000 {
            let at = unit(draw_seed(7, 1, counter, 0));
            assert!((0.0..1.0).contains(&at));
            bins[(at * 10.0) as usize] += 1;
        }
        // Each bin is binomial(10000, 0.1): standard deviation 30. The seed is fixed, so this cannot flake.
        assert!(bins.iter().all(|&bin| bin.abs_diff(1000) < 120), "{bins:?}");
        assert_eq!(unit(u64::MAX), 1.0 - f64::EPSILON / 2.0);
    }
}
