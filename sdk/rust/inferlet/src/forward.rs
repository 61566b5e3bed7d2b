//! One forward pass, described step by step.

use crate::adapter::Adapter;
use crate::context::Context;
use crate::output::{Output, ProbeHandle, SampleHandle};
use crate::pass::Pass;
use crate::sample::Probe;
use crate::{Result, Sampler};

/// One pass over a context. Pages are reserved, positions derived and full pages committed by itself.
///
/// ```no_run
/// # async fn example(ctx: &mut inferlet::Context, tokens: &[u32]) -> inferlet::Result<()> {
/// use inferlet::Sampler;
///
/// let mut fwd = ctx.forward();
/// fwd.input(tokens);
/// let handle = fwd.sample(&[tokens.len() as u32 - 1], Sampler::Argmax);
/// let out = fwd.execute().await?;
/// let next = out.token(handle);
/// # Ok(())
/// # }
/// ```
#[must_use = "a pass does nothing until it is executed"]
pub struct Forward<'ctx> {
    ctx: &'ctx mut Context,
    start: u32,
    pass: Pass,
}

impl<'ctx> Forward<'ctx> {
    pub(crate) fn new(ctx: &'ctx mut Context) -> Self {
        let start = ctx.seq_len();
        Forward { ctx, start, pass: Pass::default() }
    }

    /// Adds input tokens at the positions that follow: from [`Forward::start_position`], or from the last token added.
    pub fn input(&mut self, tokens: &[u32]) -> &mut Self {
        let first = self.pass.positions.last().map_or(self.start, |last| last + 1);
        self.pass.tokens.extend_from_slice(tokens);
        self.pass.positions.extend((first..).take(tokens.len()));
        self
    }

    /// Adds input tokens at explicit positions. [`Forward::execute`] fails if the two differ in length.
    pub fn input_at(&mut self, tokens: &[u32], positions: &[u32]) -> &mut Self {
        self.pass.tokens.extend_from_slice(tokens);
        self.pass.positions.extend_from_slice(positions);
        self
    }

    /// Which slots each input token sees: one mask a token (see [`crate::brle`]), over the slots up to the token itself or
    /// over all slots there are after the pass. Without masks attention is causal.
    pub fn attention_mask(&mut self, masks: &[Vec<u32>]) -> &mut Self {
        self.pass.attention = masks.to_vec();
        self
    }

    /// Which tokens samplers and probes of this pass may take into account: one mask over the vocabulary.
    pub fn mask(&mut self, mask: &[u32]) -> &mut Self {
        self.pass.logit_mask = Some(mask.to_vec());
        self
    }

    /// Chooses a token behind each of these inputs, counted from 0 in the order they were added.
    pub fn sample(&mut self, indices: &[u32], sampler: Sampler) -> SampleHandle {
        SampleHandle { request: self.pass.readings.add(indices.to_vec(), sampler.to_raw()) }
    }

    /// Reads the distribution behind one input, counted as in [`Forward::sample`].
    pub fn probe<P: Probe>(&mut self, index: u32, probe: P) -> ProbeHandle<P> {
        ProbeHandle::new(self.pass.readings.add(vec![index], probe.into_raw()))
    }

    /// Applies an adapter in this pass.
    pub fn adapter(&mut self, adapter: &Adapter) -> &mut Self {
        self.pass.adapter = Some(adapter.clone());
        self
    }

    /// Perturbs the adapter with the noise of this seed in this pass (see [`crate::zo`]).
    pub fn zo_seed(&mut self, seed: i64) -> &mut Self {
        self.pass.zo_seed = Some(seed);
        self
    }

    /// The position that the first token added with [`Forward::input`] gets: the length of the context's sequence when
    /// this pass was begun.
    pub fn start_position(&self) -> u32 {
        self.start
    }

    /// Tokens in one KV page.
    pub fn page_size(&self) -> u32 {
        self.ctx.page_size()
    }

    /// Runs the pass.
    ///
    /// # Errors
    ///
    /// If the context has buffered tokens, because they come first: flush them, or feed them yourself with
    /// [`Context::take_buffer`]. Otherwise as the engine says: no input, lists of different lengths, an index past the
    /// input, a mask of the wrong length, a token outside the vocabulary, no pages. The context is as before then.
    pub async fn execute(self) -> Result<Output> {
        let Forward { ctx, pass, .. } = self;
        match ctx.buffer().len() {
            0 => {}
            buffered => {
                return Err(format!(
                    "{buffered} buffered tokens come before this pass: call `flush`, or feed what `take_buffer` returns"
                ));
            }
        }
        let extent = ctx.begin();
        let pending = ctx.submit(&pass, extent)?;
        ctx.set_tail(&pass, 0, extent);
        let raw = ctx.receive(&pending).await?;
        ctx.commit_full_pages(extent.grown(pass.slot_count()))?;
        Ok(Output::new(raw, pass.readings.slot_ranges(), None))
    }
}
