//! One forward pass on the way to the engine: what [`crate::Forward`] and [`crate::Generator`] both build.

use crate::adapter::Adapter;
use crate::pie::core::inference::{ForwardPass, Sampler as RawSampler};
use crate::pie::zo::zo;
use std::ops::Range;

/// Everything that goes into a pass. `attention` is empty or has one mask for each token.
#[derive(Default)]
pub(crate) struct Pass {
    pub tokens: Vec<u32>,
    pub positions: Vec<u32>,
    pub drafts: Vec<u32>,
    pub draft_positions: Vec<u32>,
    pub wants_drafts: bool,
    pub attention: Vec<Vec<u32>>,
    pub logit_mask: Option<Vec<u32>>,
    pub readings: Readings,
    pub adapter: Option<Adapter>,
    pub zo_seed: Option<i64>,
}

impl Pass {
    /// Slots that the pass will claim in its context.
    pub fn slot_count(&self) -> u32 {
        (self.tokens.len() + self.drafts.len()) as u32
    }

    /// Transfers everything to a raw pass; the caller sets the context.
    pub fn describe(&self, raw: &ForwardPass) {
        raw.input_tokens(&self.tokens, &self.positions);
        if !self.drafts.is_empty() {
            raw.input_speculative_tokens(&self.drafts, &self.draft_positions);
        }
        if self.wants_drafts {
            raw.output_speculative_tokens(true);
        }
        if !self.attention.is_empty() {
            raw.attention_mask(&self.attention);
        }
        if let Some(mask) = &self.logit_mask {
            raw.logit_mask(mask);
        }
        for (indices, sampler) in self.readings.attached() {
            raw.sampler(indices, sampler);
        }
        if let Some(adapter) = &self.adapter {
            raw.adapter(adapter);
        }
        if let Some(seed) = self.zo_seed {
            zo::adapter_seed(raw, seed);
        }
    }
}

/// The samplers and probes of a pass, in the order in which they were asked for. The number of a request is what its
/// handle holds, and stays valid when another request is dropped.
#[derive(Debug, Default, Clone)]
pub(crate) struct Readings {
    requests: Vec<Option<(Vec<u32>, RawSampler)>>,
}

impl Readings {
    /// Adds a request and returns its number.
    pub fn add(&mut self, indices: Vec<u32>, sampler: RawSampler) -> usize {
        self.requests.push(Some((indices, sampler)));
        self.requests.len() - 1
    }

    /// Takes a request back. Its handle reads nothing.
    pub fn remove(&mut self, request: usize) {
        self.requests[request] = None;
    }

    pub fn is_attached(&self, request: usize) -> bool {
        self.requests.get(request).is_some_and(Option::is_some)
    }

    /// Whether this request is the only one.
    pub fn is_only(&self, request: usize) -> bool {
        self.is_attached(request) && self.attached().count() == 1
    }

    /// Replaces the indices of all requests.
    pub fn map_indices(&mut self, map: impl Fn(usize, &[u32]) -> Vec<u32>) {
        for (request, entry) in self.requests.iter_mut().enumerate() {
            if let Some((indices, _)) = entry {
                *indices = map(request, indices);
            }
        }
    }

    pub fn attached(&self) -> impl Iterator<Item = &(Vec<u32>, RawSampler)> {
        self.requests.iter().flatten()
    }

    /// The largest index asked for.
    pub fn last_index(&self) -> Option<u32> {
        self.attached().flat_map(|(indices, _)| indices).copied().max()
    }

    /// For each request, which slots of the output answer it: one slot for each index, in order.
    pub fn slot_ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let mut range_of = |request: &Option<(Vec<u32>, RawSampler)>| {
            let count = request.as_ref().map_or(0, |(indices, _)| indices.len());
            start += count;
            start - count..start
        };
        self.requests.iter().map(&mut range_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_number_when_an_earlier_one_is_removed() {
        let mut readings = Readings::default();
        let sampler = readings.add(vec![4, 5], RawSampler::RawLogits);
        let probe = readings.add(vec![4], RawSampler::Entropy);
        assert_eq!(readings.slot_ranges(), [0..2, 2..3]);
        readings.remove(sampler);
        assert_eq!(readings.slot_ranges(), [0..0, 0..1]);
        assert!(readings.is_attached(probe) && !readings.is_attached(sampler));
    }
}
