//! One step of a generation: its pass, and what the generation makes of the output.

use super::verify::{Verified, verify};
use super::{AUTO_SAMPLER, Drafter, Generator, LastStep, MaskState};
use crate::brle;
use crate::output::{Output, ProbeHandle, SampleHandle};
use crate::pages::Extent;
use crate::pass::{Pass, Readings};
use crate::sample::Probe;
use crate::{Result, Sampler};

/// The next step of a [`Generator`], ready to be executed.
#[must_use = "a step does nothing until it is executed"]
#[derive(Debug)]
pub struct GenStep<'g, 'ctx> {
    generator: &'g mut Generator<'ctx>,
    readings: Readings,
    drafts: Vec<u32>,
}

/// A pass and how it stands to the sequence.
struct Plan {
    pass: Pass,
    /// How the pages are filled before it.
    extent: Extent,
    /// The pass only reads the last token once more: its slot is dropped afterwards.
    rerun: bool,
}

impl<'g, 'ctx> GenStep<'g, 'ctx> {
    pub(super) fn new(generator: &'g mut Generator<'ctx>, drafts: Vec<u32>) -> Self {
        let readings = generator.readings.clone();
        GenStep { generator, readings, drafts }
    }

    /// Removes the sampler that the generator attached. Choose a token yourself, from a probe for instance, and hand it to
    /// [`Generator::accept`]. The step makes no use of drafts then.
    pub fn clear_sampler(&mut self) {
        self.readings.remove(AUTO_SAMPLER);
        self.drafts.clear();
    }

    /// Reads the distribution in this step. Index 0 is the position that the next token is predicted from; with
    /// speculation 1 and on are the drafts.
    pub fn probe<P: Probe>(&mut self, index: u32, probe: P) -> ProbeHandle<P> {
        ProbeHandle::new(self.readings.add(vec![index], probe.into_raw()))
    }

    /// Attaches another sampler in this step, indices as for [`GenStep::probe`]. The generator does not accept what it
    /// chooses: hand it to [`Generator::accept`].
    pub fn sample(&mut self, indices: &[u32], sampler: Sampler) -> SampleHandle {
        SampleHandle { request: self.readings.add(indices.to_vec(), sampler.to_raw()) }
    }

    /// Runs the pass and accepts what the generator's sampler chose, in [`Output::tokens`].
    ///
    /// Where the constraints allow one token only, it is accepted without asking the model, and fed with the pass for the first
    /// token that is a choice; it comes first in [`Output::tokens`]. If the generation ends with such tokens, there is no pass. A step that
    /// reads anything itself, or has no sampler, is about the very next token: it always has its pass, and so has each step with
    /// speculation, whose drafters want to see what was chosen.
    pub async fn execute(self) -> Result<Output> {
        let GenStep { generator, readings, drafts } = self;
        let sampled = readings.is_attached(AUTO_SAMPLER);
        if readings.is_only(AUTO_SAMPLER) && !generator.speculates() {
            generator.force()?;
            if generator.is_done() {
                return Ok(Output::without_pass(std::mem::take(&mut generator.forced)));
            }
        }
        let extent = generator.ctx.begin();
        let plan = generator.plan(extent, readings, drafts)?;
        let submitted = generator.ctx.submit_step(&plan.pass, extent, plan.rerun);
        let pending = submitted.map_err(|error| generator.explain(error, &plan.pass))?;
        let raw = generator.ctx.receive(&pending).await?;
        if let Some(mask) = &plan.pass.logit_mask {
            generator.constraints.trust(mask);
        }
        if let Drafter::Engine(next) = &mut generator.drafter {
            next.clone_from(&raw.spec_tokens);
        }
        let handle = sampled.then_some(SampleHandle { request: AUTO_SAMPLER });
        let mut out = Output::new(raw, plan.pass.readings.slot_ranges(), handle);
        match handle {
            Some(handle) => {
                let chosen = generator.settle(&plan, &out.tokens_at(handle))?;
                out.tokens = std::mem::take(&mut generator.forced);
                out.tokens.extend(chosen);
            }
            None => {
                generator.last_step = LastStep::Open;
                generator.keep(&plan, 0)?;
            }
        }
        Ok(out)
    }
}

impl Generator<'_> {
    /// Accepts tokens for as long as the constraints allow one only. What the model would say makes no difference to them.
    fn force(&mut self) -> Result<()> {
        // Without a token to predict from, it is for the pass to say so.
        if self.ctx.seq_len() == 0 && self.ctx.buffer().is_empty() {
            return Ok(());
        }
        while let MaskState::Ready(Some(mask)) = &self.mask
            && let Some(token) = self.constraints.only(mask)
        {
            if self.progress.accept(&[token]) == 0 {
                break;
            }
            self.last_step = LastStep::Settled;
            self.ctx.append(&[token]);
            self.untold.add(&[token]);
            self.forced.push(token);
            self.mask = MaskState::Stale;
            if self.is_done() {
                break;
            }
            let told = std::mem::take(&mut self.untold.constraints);
            self.mask = MaskState::Ready(self.constraints.step(&told)?);
        }
        Ok(())
    }

    /// Says whose mask it is that the engine did not take.
    fn explain(&self, error: String, pass: &Pass) -> String {
        match pass.logit_mask {
            Some(_) => format!("{error} (constrained by {})", self.constraints.names()),
            None => error,
        }
    }

    /// Builds the pass: the buffered tokens and the drafts behind them, or the last token once more if nothing is buffered.
    fn plan(&self, extent: Extent, mut readings: Readings, drafts: Vec<u32>) -> Result<Plan> {
        let (tokens, positions, attention, rerun) = match self.ctx.buffer() {
            [] => {
                let tail = self.ctx.tail(extent).ok_or(
                    "there is no token to predict from: append one, or call `cue`, before `generate`",
                )?;
                let seq_len = extent.seq_len();
                // The token is in the sequence already. In its second appearance it sees what it saw in the first.
                let sees = brle::from_ranges([0..seq_len - 1, seq_len..seq_len + 1], seq_len + 1);
                (vec![tail.token], vec![tail.position], vec![sees], true)
            }
            buffer => (buffer.to_vec(), extent.positions(0, buffer.len() as u32), Vec::new(), false),
        };
        let anchor = tokens.len() as u32 - 1;
        let last = drafts.len() as u32;
        if let Some(index) = readings.last_index().filter(|&index| index > last) {
            return Err(format!("index {index} is past this step, whose last one is {last}"));
        }
        readings.map_indices(|request, indices| match request {
            AUTO_SAMPLER => (anchor..=anchor + last).collect(),
            _ => indices.iter().map(|index| anchor + index).collect(),
        });
        let logit_mask = match &self.mask {
            // Drafts are checked against the constraints afterwards: each needs a mask of its own.
            MaskState::Ready(mask) if drafts.is_empty() => mask.clone(),
            _ => None,
        };
        let pass = Pass {
            draft_positions: extent.positions(tokens.len() as u32, last),
            tokens,
            positions,
            drafts,
            wants_drafts: self.speculates() && matches!(self.drafter, Drafter::Engine(_)),
            attention,
            logit_mask,
            readings,
            adapter: self.adapter.clone(),
            zo_seed: self.zo_seed,
        };
        Ok(Plan { pass, extent, rerun })
    }

    /// Accepts what the sampler chose, and leaves in the context exactly what was accepted.
    fn settle(&mut self, plan: &Plan, chosen: &[u32]) -> Result<Vec<u32>> {
        let drafts = &plan.pass.drafts;
        if chosen.len() != drafts.len() + 1 {
            return Err(format!(
                "the engine chose {} tokens, {} were asked for",
                chosen.len(),
                drafts.len() + 1
            ));
        }
        let before = self.progress.checkpoint();
        let verified = if drafts.is_empty() {
            self.last_step = LastStep::Sampled(before);
            Verified { accepted: 1, held: 0, next_mask: None }
        } else {
            self.last_step = LastStep::Speculated;
            self.check(drafts, chosen)
        };
        let count = self.progress.accept(&chosen[..verified.accepted]);
        let accepted = &chosen[..count];
        let in_pages = count.min(verified.held);
        self.ctx.truncate((verified.held - in_pages) as u32)?;
        self.keep(plan, in_pages)?;
        self.ctx.append(&accepted[in_pages..]);
        self.untold.speculator.extend_from_slice(accepted);
        self.untold.rejected = self.untold.rejected.saturating_sub(in_pages as u32);
        self.mask = match verified.next_mask {
            Some(mask) => MaskState::Ready(mask),
            None => {
                // The verification has moved the constraints over all but the last.
                self.untold.constraints.extend(accepted.last());
                MaskState::Stale
            }
        };
        Ok(accepted.to_vec())
    }

    /// What stays in the pages: the input of the pass with the first `drafts` of its drafts, or nothing of a pass that only
    /// read the last token once more.
    fn keep(&mut self, plan: &Plan, drafts: usize) -> Result<()> {
        if plan.rerun {
            self.ctx.end_rerun();
            return Ok(());
        }
        self.ctx.set_tail(&plan.pass, drafts, plan.extent);
        self.ctx.commit_full_pages(plan.extent.grown((plan.pass.tokens.len() + drafts) as u32))
    }

    fn check(&mut self, drafts: &[u32], chosen: &[u32]) -> Verified {
        let mask = match std::mem::replace(&mut self.mask, MaskState::Stale) {
            MaskState::Ready(mask) => mask,
            MaskState::Stale => None,
        };
        verify(drafts, chosen, mask, |token| match self.constraints.step(&[token]) {
            Ok(mask) => Some(mask),
            Err(dead_end) => {
                self.fault = Some(dead_end);
                None
            }
        })
    }
}
