//! An evolution strategy: from scores of perturbed weights to a step of the weights.
//!
//! It is the (μ/μ_w, λ) strategy with cumulative step-size adaptation, that is CMA-ES without its covariance matrix: of λ candidates the μ best
//! count, with weights that fall with the logarithm of their rank, and the standard deviation of the noise grows while successive steps agree
//! and shrinks while they cancel out (Hansen and Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies", 2001;
//! names and constants are those of Hansen, "The CMA Evolution Strategy: A Tutorial", 2016). A matrix of covariances would have
//! the square of as many numbers as an adapter has. That noise need not be kept but can be made again from its seed is what makes this
//! practical for large models (Salimans et al., "Evolution Strategies as a Scalable Alternative to Reinforcement Learning", 2017).

use super::noise::noise;

/// How an adapter is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Rank of the low-rank matrices.
    pub rank: u32,
    /// Scale of their product, times the rank.
    pub alpha: f32,
    /// Candidates a round.
    pub population: u32,
    /// The share of the best that an update follows.
    pub mu_fraction: f32,
    /// The first standard deviation of the noise.
    pub sigma: f32,
}

/// Settings or results of a round that make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StrategyError {
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {range}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Not one entry for each candidate.
    #[error("{scores} scores came with {seeds} seeds; both need one for each of the {population} candidates")]
    Count {
        /// Scores there are.
        scores: usize,
        /// Seeds there are.
        seeds: usize,
        /// Entries there should be.
        population: u32,
    },
    /// A score is no number.
    #[error("score {index} is {score}; scores are numbers")]
    Score {
        /// Which.
        index: usize,
        /// What it is.
        score: f32,
    },
}

/// The largest rank, and the largest population.
const MOST_RANK: u32 = 256;
const MOST_CANDIDATES: u32 = 4096;
/// Below this the noise would be lost in the rounding of weights.
const LEAST_SIGMA: f64 = 1e-9;

impl Settings {
    /// Checks every setting against its range.
    pub fn check(&self) -> Result<(), StrategyError> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let checks = [
            ("rank", f64::from(self.rank), (1..=MOST_RANK).contains(&self.rank), "1 to 256"),
            ("alpha", self.alpha.into(), positive(self.alpha), "a number greater than 0"),
            (
                "population-size",
                self.population.into(),
                (2..=MOST_CANDIDATES).contains(&self.population),
                "2 to 4096",
            ),
            (
                "mu-fraction",
                self.mu_fraction.into(),
                positive(self.mu_fraction) && self.mu_fraction <= 1.0,
                "greater than 0, at most 1",
            ),
            ("initial-sigma", self.sigma.into(), positive(self.sigma), "a number greater than 0"),
        ];
        checks.iter().try_for_each(|&(name, value, holds, range)| require(name, value, holds, range))
    }
}

fn require(name: &'static str, value: f64, holds: bool, range: &'static str) -> Result<(), StrategyError> {
    if holds { Ok(()) } else { Err(StrategyError::Setting { name, value, range }) }
}

/// The state of a training, for a number of weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strategy {
    population: u32,
    /// What each of the best candidates counts, best first; they add up to 1.
    recombination: Vec<f64>,
    /// How many equal candidates would vary as much as the weighted mean does.
    effective: f64,
    sigma: f64,
    /// The evolution path: a fading sum of the steps, in units of the noise.
    path: Vec<f32>,
}

impl Strategy {
    /// The start of a training of so many weights, with settings that were checked.
    pub(super) fn new(settings: &Settings, weights: usize) -> Strategy {
        let mu = (f64::from(settings.mu_fraction) * f64::from(settings.population)).floor().max(1.0);
        let raw: Vec<f64> =
            (1..=mu as u32).map(|rank| libm::log(mu + 0.5) - libm::log(rank.into())).collect();
        let total: f64 = raw.iter().sum();
        let recombination: Vec<f64> = raw.iter().map(|weight| weight / total).collect();
        let effective = 1.0 / recombination.iter().map(|weight| weight * weight).sum::<f64>();
        let (population, sigma) = (settings.population, settings.sigma.into());
        Strategy { population, recombination, effective, sigma, path: vec![0.0; weights] }
    }

    /// Candidates a round.
    pub(super) fn population(&self) -> u32 {
        self.population
    }

    /// The standard deviation of the noise.
    pub(super) fn sigma(&self) -> f32 {
        self.sigma as f32
    }

    /// Bytes that it takes, roughly.
    pub(super) fn bytes(&self) -> u64 {
        4 * self.path.len() as u64
    }

    /// Moves weights to the weighted mean of the best candidates, and adapts the noise.
    pub(super) fn update<'a>(
        &mut self,
        weights: impl Iterator<Item = &'a mut f32>,
        scores: &[f32],
        seeds: &[i64],
        max_sigma: f32,
    ) -> Result<(), StrategyError> {
        self.check(scores, seeds, max_sigma)?;
        let count = self.path.len();
        let mut step = vec![0f64; count];
        for (seed, share) in self.shares(scores, seeds) {
            for (sum, noise) in step.iter_mut().zip(noise(seed)) {
                *sum += share * f64::from(noise);
            }
        }
        for (weight, step) in weights.zip(&step) {
            *weight += (self.sigma * step) as f32;
        }
        let n = count.max(1) as f64;
        let fading = (self.effective + 2.0) / (n + self.effective + 5.0);
        let damping = 1.0 + 2.0 * (((self.effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + fading;
        let fresh = (fading * (2.0 - fading) * self.effective).sqrt();
        let mut square = 0.0;
        for (path, step) in self.path.iter_mut().zip(&step) {
            *path = ((1.0 - fading) * f64::from(*path) + fresh * step) as f32;
            square += f64::from(*path) * f64::from(*path);
        }
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        let growth = libm::exp(fading / damping * (square.sqrt() / expected - 1.0));
        self.sigma = (self.sigma * growth).max(LEAST_SIGMA).min(max_sigma.into());
        Ok(())
    }

    fn check(&self, scores: &[f32], seeds: &[i64], max_sigma: f32) -> Result<(), StrategyError> {
        let population = self.population as usize;
        if scores.len() != population || seeds.len() != population {
            let (scores, seeds) = (scores.len(), seeds.len());
            return Err(StrategyError::Count { scores, seeds, population: self.population });
        }
        if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
            return Err(StrategyError::Score { index, score: scores[index] });
        }
        let positive = max_sigma.is_finite() && max_sigma > 0.0;
        require("max-sigma", max_sigma.into(), positive, "a number greater than 0")
    }

    /// What the noise of each seed counts, those that count nothing left out. Candidates of equal score count equally, so that the
    /// order in which they come means nothing.
    fn shares(&self, scores: &[f32], seeds: &[i64]) -> Vec<(i64, f64)> {
        let mut order: Vec<(f32, i64)> = scores.iter().copied().zip(seeds.iter().copied()).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shares = Vec::new();
        let mut rank = 0;
        for equals in order.chunk_by(|a, b| a.0 == b.0) {
            let places = self.recombination.iter().skip(rank).take(equals.len());
            let share = places.sum::<f64>() / equals.len() as f64;
            shares.extend(equals.iter().map(|&(_, seed)| (seed, share)));
            rank += equals.len();
        }
        shares.retain(|&(_, share)| share > 0.0);
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as _;

    const SETTINGS: Settings = Settings { rank: 1, alpha: 1.0, population: 12, mu_fraction: 0.5, sigma: 0.5 };

    /// Trains weights on a score, and returns them with the last sigma.
    fn train(mut weights: Vec<f32>, rounds: i64, score: impl Fn(&[f32]) -> f32) -> (Vec<f32>, f32) {
        let mut strategy = Strategy::new(&SETTINGS, weights.len());
        for round in 0..rounds {
            let seeds: Vec<i64> = (0..12).map(|candidate| round * 12 + candidate).collect();
            let scores: Vec<f32> = seeds
                .iter()
                .map(|&seed| {
                    let sigma = strategy.sigma();
                    let candidate: Vec<f32> = weights
                        .iter()
                        .zip(noise(seed))
                        .map(|(weight, noise)| weight + sigma * noise)
                        .collect();
                    score(&candidate)
                })
                .collect();
            strategy.update(weights.iter_mut(), &scores, &seeds, 10.0).unwrap();
        }
        (weights, strategy.sigma())
    }

    #[test]
    fn it_finds_the_top_of_a_hill_and_becomes_careful_there() {
        let goal: Vec<f32> = (0..20).map(|index| index as f32 / 5.0 - 2.0).collect();
        let hill = |weights: &[f32]| -weights.iter().zip(&goal).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let (weights, sigma) = train(vec![0.0; 20], 400, hill);
        assert!(hill(&weights) > -1e-4, "{weights:?}");
        assert!(sigma < 0.01, "{sigma}");
    }

    #[test]
    fn it_takes_larger_steps_on_a_slope_without_an_end() {
        let (_, sigma) = train(vec![0.0; 10], 60, |weights| weights.iter().sum());
        assert!(sigma > 5.0, "{sigma}");
    }

    #[test]
    fn sigma_stays_below_its_bound() {
        let mut strategy = Strategy::new(&SETTINGS, 4);
        let (scores, seeds): (Vec<f32>, Vec<i64>) = (0..12).map(|index| (index as f32, index)).unzip();
        strategy.update([0.0; 4].iter_mut(), &scores, &seeds, 0.125).unwrap();
        assert_eq!(strategy.sigma(), 0.125);
    }

    #[test]
    fn results_that_make_no_sense_are_refused_and_change_nothing() {
        let mut strategy = Strategy::new(&SETTINGS, 4);
        let before = strategy.clone();
        let (scores, seeds) = ([1.0f32; 12], [3i64; 12]);
        let mut weights = [1.0; 4];
        let mut bad = scores;
        bad[3] = f32::NAN;
        let errors = [
            strategy.update(weights.iter_mut(), &scores[..11], &seeds, 1.0),
            strategy.update(weights.iter_mut(), &scores, &seeds[..3], 1.0),
            strategy.update(weights.iter_mut(), &bad, &seeds, 1.0),
            strategy.update(weights.iter_mut(), &scores, &seeds, 0.0),
            strategy.update(weights.iter_mut(), &scores, &seeds, f32::NAN),
        ];
        let texts = [
            "11 scores came with 12 seeds",
            "12 scores came with 3",
            "score 3 is NaN",
            "`max-sigma` is 0",
            "NaN",
        ];
        for (error, text) in errors.into_iter().zip(texts) {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert_eq!((strategy, weights), (before, [1.0; 4]));
    }

    #[test]
    fn settings_are_held_to_their_ranges() {
        assert_eq!(SETTINGS.check(), Ok(()));
        let bad = [
            Settings { rank: 0, ..SETTINGS },
            Settings { rank: 257, ..SETTINGS },
            Settings { alpha: f32::NAN, ..SETTINGS },
            Settings { population: 1, ..SETTINGS },
            Settings { mu_fraction: 0.0, ..SETTINGS },
            Settings { mu_fraction: 1.5, ..SETTINGS },
            Settings { sigma: f32::INFINITY, ..SETTINGS },
        ];
        assert!(bad.iter().all(|settings| settings.check().is_err()));
    }

    proptest! {
        #[test]
        fn the_order_of_the_candidates_means_nothing(
            scores in prop::collection::vec((0..4u8).prop_map(f32::from), 12), turn in 0..12usize,
        ) {
            let step = |scores: &[f32], seeds: &[i64]| {
                let mut weights = [0.0; 6];
                Strategy::new(&SETTINGS, 6).update(weights.iter_mut(), scores, seeds, 1.0).unwrap();
                weights.map(f32::to_bits)
            };
            let seeds: Vec<i64> = (0..12).collect();
            let (mut turned_scores, mut turned_seeds) = (scores.clone(), seeds.clone());
            turned_scores.rotate_left(turn);
            turned_seeds.rotate_left(turn);
            prop_assert_eq!(step(&scores, &seeds), step(&turned_scores, &turned_seeds));
        }
    }
}
