//! What adapters change, on a device: for as long as passes need it.

use super::super::layers::Size;
use super::device::{Device, Result};
use super::weights::Matrix;
use crate::model::{Batch, Overlay};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The narrow matrices of a target, down and up.
type Pair = (Matrix, Matrix);

/// The adapters of the last pass, by their digests.
#[derive(Default)]
pub(super) struct Overlays {
    kept: BTreeMap<u64, Vec<Option<Pair>>>,
}

impl Overlays {
    /// Takes the adapters of a batch, and gives up those that are not in it.
    pub fn keep(&mut self, device: &dyn Device, batch: &Batch<'_>) -> Result<()> {
        let mut last = std::mem::take(&mut self.kept);
        for adapter in batch.sequences.iter().filter_map(|sequence| sequence.adapter) {
            let digest = adapter.digest();
            if let Entry::Vacant(place) = self.kept.entry(digest) {
                place.insert(last.remove(&digest).map_or_else(|| upload(device, adapter), Ok)?);
            }
        }
        Ok(())
    }

    /// What an adapter of the batch changes in a target; none if nothing.
    pub fn of(&self, adapter: &Overlay, target: usize) -> Option<&Pair> {
        self.kept.get(&adapter.digest())?.get(target)?.as_ref()
    }
}

fn upload(device: &dyn Device, adapter: &Overlay) -> Result<Vec<Option<Pair>>> {
    let rank = adapter.rank();
    let pairs = adapter.layers().iter().map(|layer| {
        if layer.down.is_empty() || layer.up.is_empty() {
            return Ok(None);
        }
        let of_down = Size { outputs: rank, inputs: layer.down.len() / rank };
        let of_up = Size { outputs: layer.up.len() / rank, inputs: rank };
        let down = Matrix::of_numbers(device, of_down, &layer.down)?;
        Ok(Some((down, Matrix::of_numbers(device, of_up, &layer.up)?)))
    });
    pairs.collect()
}
