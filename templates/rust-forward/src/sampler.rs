//! The choice of a token from a distribution. Nothing here knows the model, so all of it is tested
//! with `cargo test`.

/// Draws among the candidates that are not much less likely than the likeliest one.
pub struct SurpriseSampler {
    /// A candidate counts if its probability is at least this part of the highest one.
    threshold: f32,
    random: SplitMix64,
    total_surprise: f32,
    draws: usize,
}

impl SurpriseSampler {
    /// Leaves out candidates that are more than `bits` bits less likely than the likeliest. With 0
    /// bits that one always wins.
    pub fn new(bits: f32, seed: u64) -> Self {
        SurpriseSampler {
            threshold: (-bits).exp2(),
            random: SplitMix64(seed),
            total_surprise: 0.0,
            draws: 0,
        }
    }

    /// The index of the chosen candidate; `None` if there is none that could be. `probabilities` need
    /// not add up to 1.
    pub fn choose(&mut self, probabilities: &[f32]) -> Option<usize> {
        let highest = probabilities.iter().copied().fold(0.0, f32::max);
        let least = highest * self.threshold;
        let weight = |p: f32| if p > 0.0 && p >= least { p } else { 0.0 };
        let total: f32 = probabilities.iter().copied().map(weight).sum();
        let mut remaining = self.random.next_unit() * total;
        let mut chosen = None;
        for (index, p) in probabilities
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, p)| weight(*p) > 0.0)
        {
            chosen = Some(index);
            remaining -= p;
            if remaining < 0.0 {
                break;
            }
        }
        self.total_surprise -= probabilities[chosen?].log2();
        self.draws += 1;
        chosen
    }

    /// How unlikely the chosen candidates were on average, in bits.
    pub fn mean_surprise(&self) -> f32 {
        if self.draws == 0 {
            0.0
        } else {
            self.total_surprise / self.draws as f32
        }
    }
}

/// A small generator of random numbers (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1, 1 not included.
    fn next_unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::SurpriseSampler;

    /// How often each candidate is chosen in 10,000 draws.
    fn counts(bits: f32, probabilities: &[f32]) -> Vec<u32> {
        let mut sampler = SurpriseSampler::new(bits, 1);
        let mut counts = vec![0; probabilities.len()];
        for _ in 0..10_000 {
            counts[sampler.choose(probabilities).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn without_surprise_the_likeliest_candidate_wins() {
        assert_eq!(counts(0.0, &[0.4, 0.35, 0.25]), [10_000, 0, 0]);
    }

    #[test]
    fn candidates_are_chosen_as_often_as_they_are_likely() {
        let counts = counts(20.0, &[0.5, 0.3, 0.2]);
        for (count, expected) in counts.iter().zip([5000_u32, 3000, 2000]) {
            // Five standard deviations; the seed is fixed, so this never fails by chance.
            assert!(count.abs_diff(expected) < 250, "{counts:?}");
        }
    }

    #[test]
    fn what_is_too_surprising_is_left_out() {
        // One bit less likely is in, more than two bits are not.
        let counts = counts(2.0, &[0.6, 0.3, 0.1]);
        assert_eq!(counts[2], 0);
        assert!(counts[1] > 3000, "{counts:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut sampler = SurpriseSampler::new(5.0, seed);
            (0..32)
                .map(|_| sampler.choose(&[0.3, 0.3, 0.4]))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn nothing_is_chosen_from_nothing() {
        let mut sampler = SurpriseSampler::new(3.0, 1);
        assert_eq!(sampler.choose(&[]), None);
        assert_eq!(sampler.choose(&[0.0, 0.0]), None);
        assert_eq!(sampler.mean_surprise(), 0.0);
    }

    #[test]
    fn surprise_is_measured_in_bits() {
        let mut sampler = SurpriseSampler::new(0.0, 1);
        sampler.choose(&[0.25]);
        sampler.choose(&[1.0]);
        assert_eq!(sampler.mean_surprise(), 1.0);
    }
}
