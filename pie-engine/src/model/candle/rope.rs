//! Rotary position embeddings (Su et al., 2021), in the variants that published models use.

use crate::model::source::RopeScaling;
use std::f64::consts::TAU;

/// The angles of one kind of layer.
#[derive(Clone, Debug)]
pub(super) struct Rope {
    /// By how much each pair of numbers is turned from one position to the next.
    frequencies: Vec<f32>,
    /// What turned numbers are multiplied with.
    scale: f32,
    /// What is different at positions beyond the length of the training.
    beyond: Option<Beyond>,
}

/// What is different at positions from `original` on.
///
/// The models were trained with frequencies that depend on the length of the text. Keys in pages have been turned already when the length
/// is known, so here they depend on the position: texts up to `original` tokens are as in training, longer ones have both kinds of keys.
#[derive(Clone, Debug)]
struct Beyond {
    original: u32,
    frequencies: Far,
}

#[derive(Clone, Debug)]
enum Far {
    /// Others.
    Given(Vec<f32>),
    /// Those of a base that grows ("dynamic NTK").
    Growing { theta: f64, factor: f64 },
}

/// Sines and cosines of the positions of a batch: for each token, a row of either.
#[derive(Clone, Debug, Default)]
pub(super) struct Angles {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rope {
    /// Angles for the first `dimensions` numbers of a head.
    pub fn new(theta: f64, dimensions: usize, scaling: &RopeScaling) -> Rope {
        let plain = plain(theta, dimensions);
        let each = |change: &dyn Fn(usize, f64) -> f64| -> Vec<f32> {
            plain.iter().enumerate().map(|(pair, frequency)| change(pair, *frequency) as f32).collect()
        };
        let divided =
            |by: &[f32]| each(&|pair, frequency| frequency / by.get(pair).copied().map_or(1.0, f64::from));
        let (mut scale, mut beyond) = (1.0, None);
        let frequencies = match scaling {
            RopeScaling::None => each(&|_, frequency| frequency),
            RopeScaling::Linear { factor } => each(&|_, frequency| frequency / factor),
            RopeScaling::Dynamic { factor, original } => {
                let frequencies = Far::Growing { theta, factor: *factor };
                beyond = Some(Beyond { original: *original as u32, frequencies });
                each(&|_, frequency| frequency)
            }
            RopeScaling::Yarn { factor, original, beta_fast, beta_slow, attention_factor, truncate } => {
                scale = *attention_factor as f32;
                let ramp = Ramp::yarn(theta, dimensions, *original, (*beta_fast, *beta_slow), *truncate);
                each(&|pair, frequency| {
                    let divided = ramp.at(pair as f64);
                    frequency / factor * divided + frequency * (1.0 - divided)
                })
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original } => {
                // By turns within the training context: few are divided, many are kept.
                each(&|_, frequency| {
                    let turns = *original as f64 * frequency / TAU;
                    let kept =
                        ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                    frequency / factor * (1.0 - kept) + frequency * kept
                })
            }
            RopeScaling::LongRope { short, long, original, attention_factor } => {
                scale = *attention_factor as f32;
                beyond = Some(Beyond { original: *original as u32, frequencies: Far::Given(divided(long)) });
                divided(short)
            }
            RopeScaling::Divided { by } => divided(by),
        };
        Rope { frequencies, scale, beyond }
    }

    /// The angles of these positions, in place of what was there.
    pub fn angles(&self, positions: impl Iterator<Item = u32>, angles: &mut Angles) {
        angles.half = self.frequencies.len();
        angles.cosines.clear();
        angles.sines.clear();
        for position in positions {
            let far = self.beyond.as_ref().filter(|beyond| position >= beyond.original);
            match far.map(|beyond| (&beyond.frequencies, beyond.original)) {
                None => angles.push(position, self.scale, &self.frequencies),
                Some((Far::Given(frequencies), _)) => angles.push(position, self.scale, frequencies),
                Some((Far::Growing { theta, factor }, original)) => {
                    let dimensions = 2 * self.frequencies.len();
                    let length = f64::from(position) + 1.0;
                    let growth = factor * length / f64::from(original) - (factor - 1.0);
                    let theta = theta * libm::pow(growth, dimensions as f64 / (dimensions as f64 - 2.0));
                    let frequencies: Vec<f32> =
                        plain(theta, dimensions).into_iter().map(|frequency| frequency as f32).collect();
                    angles.push(position, self.scale, &frequencies);
                }
            }
        }
    }
}

/// `theta^(-2i / dimensions)` for each pair.
fn plain(theta: f64, dimensions: usize) -> Vec<f64> {
    (0..dimensions / 2).map(|pair| libm::pow(theta, -2.0 * pair as f64 / dimensions as f64)).collect()
}

/// A line from 0 at one pair to 1 at another, and level on both sides.
struct Ramp {
    from: f64,
    to: f64,
}

impl Ramp {
    /// From pairs that turn often within the training context to those that turn seldom (Peng et al., 2023).
    fn yarn(theta: f64, dimensions: usize, original: usize, (fast, slow): (f64, f64), whole: bool) -> Ramp {
        let dimensions = dimensions as f64;
        let pair =
            |turns: f64| dimensions * libm::log(original as f64 / (turns * TAU)) / (2.0 * libm::log(theta));
        let (mut from, mut to) = (pair(fast), pair(slow));
        if whole {
            (from, to) = (from.floor(), to.ceil());
        }
        (from, to) = (from.max(0.0), to.min(dimensions - 1.0));
        if from == to {
            to += 0.001;
        }
        Ramp { from, to }
    }

    fn at(&self, pair: f64) -> f64 {
        ((pair - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

impl Angles {
    fn push(&mut self, position: u32, scale: f32, frequencies: &[f32]) {
        for frequency in frequencies {
            // The product is rounded to 32 bits, as where the models were trained: at position 100,000 that makes a difference.
            let angle = f64::from(position as f32 * frequency);
            self.cosines.push((libm::cos(angle) as f32) * scale);
            self.sines.push((libm::sin(angle) as f32) * scale);
        }
    }

    /// Cosines and sines, token by token, and how many there are of each for a token.
    #[cfg(any(test, feature = "cuda"))]
    pub fn numbers(&self) -> (&[f32], &[f32], usize) {
        (&self.cosines, &self.sines, self.half)
    }

    /// Turns the heads of all tokens, each of `size` numbers: number `i` of a head and number `i + half` are a pair. What is behind the
    /// pairs is left as it is.
    pub fn turn(&self, rows: &mut [f32], row_length: usize, size: usize) {
        let half = self.half;
        if half == 0 {
            return;
        }
        let angles = self.cosines.chunks_exact(half).zip(self.sines.chunks_exact(half));
        for (row, (cosines, sines)) in rows.chunks_exact_mut(row_length).zip(angles) {
            for head in row.chunks_exact_mut(size) {
                let (first, second) = head.split_at_mut(half);
                for (((a, b), cosine), sine) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                    (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_turned_by_their_angle_and_the_rest_is_left() {
        let rope = Rope { frequencies: vec![std::f32::consts::FRAC_PI_2, 0.0], scale: 1.0, beyond: None };
        let mut rows = vec![1.0, 2.0, 3.0, 4.0, 9.0, 1.0, 2.0, 3.0, 4.0, 9.0];
        let mut angles = Angles::default();
        rope.angles([0, 1].into_iter(), &mut angles);
        angles.turn(&mut rows, 5, 5);
        assert_eq!(rows[..5], [1.0, 2.0, 3.0, 4.0, 9.0]);
        let turned = [-3.0, 2.0, 1.0, 4.0, 9.0];
        assert!(rows[5..].iter().zip(turned).all(|(a, b)| (a - b).abs() < 1e-6), "{rows:?}");
    }

    #[test]
    fn angles_change_only_beyond_the_length_of_the_training() {
        let dynamic = RopeScaling::Dynamic { factor: 4.0, original: 10 };
        let (rope, plain) = (Rope::new(1e4, 8, &dynamic), Rope::new(1e4, 8, &RopeScaling::None));
        let of = |rope: &Rope, position| {
            let mut angles = Angles::default();
            rope.angles(std::iter::once(position), &mut angles);
            angles.cosines
        };
        assert_eq!(of(&rope, 9), of(&plain, 9));
        assert_ne!(of(&rope, 20), of(&plain, 20));
    }
}
