//! Low-rank changes to weights, as a model is given them.

use crate::splitmix::splitmix64;
use serde::{Deserialize, Serialize};

/// A matrix of a model's weights that adapters may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The module's name, as in the files of adapters.
    pub name: String,
    /// Length of what it takes: columns.
    pub inputs: u32,
    /// Length of what it gives: rows.
    pub outputs: u32,
}

/// A change of one matrix: the product of two narrow ones, whose common side is the rank.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LowRank {
    /// `lora_A`: one row of `inputs` numbers for each rank.
    pub down: Vec<f32>,
    /// `lora_B`: one row of `rank` numbers for each output.
    pub up: Vec<f32>,
}

impl LowRank {
    /// All its numbers.
    pub fn numbers(&self) -> impl Iterator<Item = &f32> {
        self.down.iter().chain(&self.up)
    }

    /// All its numbers, in the same order.
    pub fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.down.iter_mut().chain(&mut self.up)
    }

    fn is_nothing(&self) -> bool {
        let zero = |numbers: &[f32]| numbers.iter().all(|number| *number == 0.0);
        zero(&self.down) || zero(&self.up)
    }
}

/// Changes of all targets of a model: what an adapter comes to in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    rank: usize,
    scale: f32,
    layers: Vec<LowRank>,
    digest: u64,
}

impl Overlay {
    /// The changes `scale * up * down`, one for each target in the order of the model, all of one rank. None if nothing would
    /// change: then a pass is one without adapter.
    pub fn new(rank: u32, scale: f32, layers: Vec<LowRank>) -> Option<Overlay> {
        if scale == 0.0 || layers.iter().all(LowRank::is_nothing) {
            return None;
        }
        let numbers = layers.iter().flat_map(LowRank::numbers);
        let digest = numbers.fold(splitmix64(u64::from(scale.to_bits())), |digest, number| {
            splitmix64(digest ^ u64::from(number.to_bits()))
        });
        Some(Overlay { rank: rank as usize, scale, layers, digest: digest | 1 })
    }

    /// Stands for all its numbers; never 0.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The common side of its matrices.
    #[cfg(any(test, feature = "cuda"))]
    pub(in crate::model) fn rank(&self) -> usize {
        self.rank
    }

    /// What changes are multiplied with.
    #[cfg(any(test, feature = "cuda"))]
    pub(in crate::model) fn scale(&self) -> f32 {
        self.scale
    }

    /// The changes, one for each target.
    #[cfg(any(test, feature = "cuda"))]
    pub(in crate::model) fn layers(&self) -> &[LowRank] {
        &self.layers
    }

    /// Bytes that it takes, roughly.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| 4 * (layer.down.len() + layer.up.len()) as u64).sum()
    }

    /// Adds the change of one target, applied to `input`, to `output`. The order of the sums is fixed. What has no number in the layer
    /// counts as zero.
    pub fn add(&self, target: usize, input: &[f32], output: &mut [f32]) {
        let Some(layer) = self.layers.get(target) else { return };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let middle: Vec<f32> = layer.down.chunks(input.len().max(1)).map(|row| dot(row, input)).collect();
        for (sum, row) in output.iter_mut().zip(layer.up.chunks(self.rank.max(1))) {
            *sum += self.scale * dot(row, &middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay() -> Overlay {
        let layer = LowRank { down: vec![1.0, 2.0, 3.0, 0.0, 1.0, 0.0], up: vec![1.0, 0.0, 0.5, 2.0] };
        Overlay::new(2, 0.5, vec![layer]).unwrap()
    }

    #[test]
    fn a_change_is_the_scaled_product_of_its_matrices() {
        let mut output = [10.0, 20.0];
        overlay().add(0, &[1.0, 1.0, 1.0], &mut output);
        assert_eq!(output, [10.0 + 0.5 * 6.0, 20.0 + 0.5 * (0.5 * 6.0 + 2.0)]);
    }

    #[test]
    fn what_changes_nothing_is_no_overlay() {
        let zero_up = LowRank { down: vec![1.0; 3], up: vec![0.0; 2] };
        assert_eq!(Overlay::new(1, 1.0, vec![zero_up, LowRank::default()]), None);
        assert_eq!(Overlay::new(2, 0.0, overlay().layers), None);
    }

    #[test]
    fn the_digest_follows_from_all_numbers() {
        let mut layers = overlay().layers;
        assert_eq!(Overlay::new(2, 0.5, layers.clone()).unwrap().digest(), overlay().digest());
        assert_ne!(Overlay::new(2, 0.25, layers.clone()).unwrap().digest(), overlay().digest());
        layers[0].up[3] += 1e-6;
        assert_ne!(Overlay::new(2, 0.5, layers).unwrap().digest(), overlay().digest());
    }
}
