//! What a pass returned, read through the handles that asked for it.

use crate::pie::core::inference::{Output as RawOutput, SlotOutput};
use std::marker::PhantomData;
use std::ops::Range;

/// Refers to what a sampler chose in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleHandle {
    pub(crate) request: usize,
}

/// Refers to what a probe of type `P` read in one pass.
#[derive(Debug)]
pub struct ProbeHandle<P> {
    pub(crate) request: usize,
    probe: PhantomData<fn() -> P>,
}

impl<P> ProbeHandle<P> {
    pub(crate) fn new(request: usize) -> Self {
        ProbeHandle { request, probe: PhantomData }
    }
}

impl<P> Clone for ProbeHandle<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for ProbeHandle<P> {}

/// Either kind of handle. Reading with the wrong kind gives nothing, as does reading the output of another pass.
pub trait Handle: sealed::Sealed {}

mod sealed {
    pub trait Sealed {
        fn request(&self) -> usize;
    }
}

impl Handle for SampleHandle {}

impl sealed::Sealed for SampleHandle {
    fn request(&self) -> usize {
        self.request
    }
}

impl<P> Handle for ProbeHandle<P> {}

impl<P> sealed::Sealed for ProbeHandle<P> {
    fn request(&self) -> usize {
        self.request
    }
}

/// The answer to one pass.
#[derive(Debug, Clone)]
pub struct Output {
    /// The tokens that a [`crate::Generator`] accepted in this step: those that its constraints forced, and what was chosen behind
    /// them; cut at a stop token, which is not among them, and at the limit. Empty for a [`crate::Forward`], and after [`crate::GenStep::clear_sampler`].
    pub tokens: Vec<u32>,
    raw: RawOutput,
    /// Which slots answer which request.
    ranges: Vec<Range<usize>>,
    auto_sampler: Option<SampleHandle>,
}

impl Output {
    pub(crate) fn new(raw: RawOutput, ranges: Vec<Range<usize>>, auto_sampler: Option<SampleHandle>) -> Self {
        Output { tokens: Vec::new(), raw, ranges, auto_sampler }
    }

    /// Of a step that needed no pass.
    pub(crate) fn without_pass(tokens: Vec<u32>) -> Self {
        let raw = RawOutput { slots: Vec::new(), spec_tokens: Vec::new(), spec_positions: Vec::new() };
        Output { tokens, raw, ranges: Vec::new(), auto_sampler: None }
    }

    /// The token that a sampler chose, at its first index if it has several.
    pub fn token(&self, handle: impl Handle) -> Option<u32> {
        self.slots(&handle).iter().find_map(as_token)
    }

    /// The tokens that a sampler chose, in the order of its indices.
    pub fn tokens_at(&self, handle: impl Handle) -> Vec<u32> {
        self.slots(&handle).iter().filter_map(as_token).collect()
    }

    /// Token ids and their probabilities, most likely first: of a [`crate::sample::Distribution`] probe.
    pub fn distribution(&self, handle: impl Handle) -> Option<(&[u32], &[f32])> {
        match self.slots(&handle) {
            [SlotOutput::Distribution((ids, probabilities))] => Some((ids, probabilities)),
            _ => None,
        }
    }

    /// One `f32` for every entry of the vocabulary, as bytes in native order: of a [`crate::sample::Logits`] probe.
    pub fn logits(&self, handle: impl Handle) -> Option<&[u8]> {
        match self.slots(&handle) {
            [SlotOutput::Logits(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Natural logarithms of probabilities: of a [`crate::sample::Logprob`] or [`crate::sample::Logprobs`] probe.
    pub fn logprobs(&self, handle: impl Handle) -> Option<&[f32]> {
        match self.slots(&handle) {
            [SlotOutput::Logprobs(values)] => Some(values),
            _ => None,
        }
    }

    /// In nats: of a [`crate::sample::Entropy`] probe.
    pub fn entropy(&self, handle: impl Handle) -> Option<f32> {
        match self.slots(&handle) {
            [SlotOutput::Entropy(nats)] => Some(*nats),
            _ => None,
        }
    }

    /// `f32` values as bytes in native order: of a [`crate::sample::Embedding`] probe.
    pub fn embedding(&self, handle: impl Handle) -> Option<&[u8]> {
        match self.slots(&handle) {
            [SlotOutput::Embedding(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// The handle of the sampler that a [`crate::Generator`] attached by itself. `None` for a [`crate::Forward`], and
    /// after [`crate::GenStep::clear_sampler`].
    pub fn auto_sampler(&self) -> Option<SampleHandle> {
        self.auto_sampler
    }

    /// All slots as the engine returned them, and the drafts of its drafter.
    pub fn raw(&self) -> &RawOutput {
        &self.raw
    }

    fn slots(&self, handle: &impl Handle) -> &[SlotOutput] {
        self.ranges.get(handle.request()).and_then(|range| self.raw.slots.get(range.clone())).unwrap_or(&[])
    }
}

fn as_token(slot: &SlotOutput) -> Option<u32> {
    match slot {
        SlotOutput::Token(id) => Some(*id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Entropy, Logits};

    fn output() -> Output {
        let slots = vec![
            SlotOutput::Token(7),
            SlotOutput::Token(8),
            SlotOutput::Entropy(0.5),
            SlotOutput::Distribution((vec![3, 1], vec![0.75, 0.25])),
        ];
        let raw = RawOutput { slots, spec_tokens: vec![], spec_positions: vec![] };
        Output::new(raw, vec![0..2, 2..3, 3..4, 4..4], None)
    }

    #[test]
    fn a_handle_reads_the_slots_of_its_request() {
        let out = output();
        let sample = SampleHandle { request: 0 };
        assert_eq!(out.token(sample), Some(7));
        assert_eq!(out.tokens_at(sample), [7, 8]);
        assert_eq!(out.entropy(ProbeHandle::<Entropy>::new(1)), Some(0.5));
        let (ids, probabilities) = out.distribution(ProbeHandle::<Logits>::new(2)).unwrap();
        assert_eq!((ids, probabilities), (&[3, 1][..], &[0.75, 0.25][..]));
    }

    #[test]
    fn a_handle_of_the_wrong_kind_or_of_another_pass_reads_nothing() {
        let out = output();
        assert_eq!(out.entropy(SampleHandle { request: 0 }), None);
        assert_eq!(out.token(ProbeHandle::<Entropy>::new(1)), None);
        assert_eq!(out.logits(ProbeHandle::<Logits>::new(1)), None);
        assert_eq!(out.token(SampleHandle { request: 3 }), None);
        assert_eq!(out.token(SampleHandle { request: 9 }), None);
        assert!(out.tokens_at(SampleHandle { request: 9 }).is_empty());
    }
}
