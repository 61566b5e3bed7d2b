//! Generating tokens: the loop around passes, with stop tokens, limits, constraints and speculation.

mod progress;
mod step;
mod verify;

#[cfg(test)]
mod tests;

pub use step::GenStep;

use crate::adapter::Adapter;
use crate::constraint::{Constrain, Constraints, GrammarConstraint, Schema};
use crate::context::Context;
use crate::market::EXPECTED_STEPS;
use crate::output::ProbeHandle;
use crate::pass::Readings;
use crate::sample::Probe;
use crate::spec::{Speculator, check_drafts};
use crate::{Result, Sampler, chat};
use progress::{Checkpoint, Finish, Progress};
use serde::de::DeserializeOwned;
use std::fmt;
use verify::Mask;

/// Generates tokens behind a context, one step at a time: made by [`Context::generate`], configured by its methods, and
/// run by a collector or step by step.
///
/// It ends at the chat template's stop tokens, the model's end of text and the tokens of [`Generator::stop`]. Accepted
/// tokens are part of the context, whether the generator runs to its end or is dropped before.
///
/// ```no_run
/// # async fn example(ctx: &mut inferlet::Context) -> inferlet::Result<()> {
/// use inferlet::Sampler;
///
/// let text = ctx.generate(Sampler::top_p(0.6, 0.95)).max_tokens(256).collect_text().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a generator does nothing until it is run"]
pub struct Generator<'ctx> {
    // The only field with the lifetime, and one without a destructor: so the context is free again after the last use of
    // the generator, and not only where it goes out of scope.
    ctx: &'ctx mut Context,
    sampler: Sampler,
    progress: Progress,
    /// Stop tokens of the chat template, which its decoder understands.
    template_stops: Vec<u32>,
    constraints: Constraints,
    mask: MaskState,
    drafter: Drafter,
    /// Accepted tokens that the constraints and the speculator have not been told about.
    untold: Untold,
    adapter: Option<Adapter>,
    zo_seed: Option<i64>,
    horizon: Option<usize>,
    /// What every step reads: the sampler first, then the probes. Indices count from the position to predict from.
    readings: Readings,
    last_step: LastStep,
    /// Tokens accepted without a pass that no step has reported.
    forced: Vec<u32>,
    /// What went wrong where no error could be returned; the next step reports it.
    fault: Option<String>,
}

/// The request number of the sampler that a generator attaches.
const AUTO_SAMPLER: usize = 0;

/// The mask of the next step.
enum MaskState {
    /// The constraints have to be asked.
    Stale,
    Ready(Mask),
}

/// Where drafts come from.
enum Drafter {
    Off,
    /// The engine's drafter, with what it returned in the last step.
    Engine(Vec<u32>),
    Custom(Box<dyn Speculator>),
}

#[derive(Default)]
struct Untold {
    constraints: Vec<u32>,
    speculator: Vec<u32>,
    /// Drafts of the speculator for the last step that did not hold or were not used.
    rejected: u32,
}

/// What [`Generator::accept`] finds.
enum LastStep {
    /// Nothing to replace: no step yet, or tokens accepted by hand.
    Settled,
    /// The sampler was removed, and no token has been accepted in its place.
    Open,
    /// The step accepted what the sampler chose; this is the state before.
    Sampled(Checkpoint),
    /// The step accepted drafts, which are in the pages.
    Speculated,
}

impl<'ctx> Generator<'ctx> {
    pub(crate) fn new(ctx: &'ctx mut Context, sampler: Sampler) -> Self {
        let template_stops = chat::stop_tokens(ctx.model());
        let mut readings = Readings::default();
        readings.add(vec![0], sampler.to_raw());
        Generator {
            ctx,
            sampler,
            progress: Progress::new(template_stops.clone()),
            template_stops,
            constraints: Constraints::default(),
            mask: MaskState::Stale,
            drafter: Drafter::Off,
            untold: Untold::default(),
            adapter: None,
            zo_seed: None,
            horizon: None,
            readings,
            last_step: LastStep::Settled,
            forced: Vec::new(),
            fault: None,
        }
    }
}

/// Configuration.
impl<'ctx> Generator<'ctx> {
    /// Ends after `n` accepted tokens.
    pub fn max_tokens(mut self, n: usize) -> Self {
        self.progress.limit(n);
        self
    }

    /// Further tokens to end at, besides those of the chat template and the model. The token itself is not accepted.
    pub fn stop(self, tokens: &[u32]) -> Self {
        self.add_stop(tokens)
    }

    /// The same as [`Generator::stop`]: calls add up.
    pub fn add_stop(mut self, tokens: &[u32]) -> Self {
        self.progress.add_stop(tokens);
        self
    }

    /// Restricts what is generated. Several constraints all hold.
    pub fn constrain(mut self, constraint: impl Constrain + 'static) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// Restricts what is generated to what a schema describes.
    ///
    /// # Errors
    ///
    /// If the schema does not compile.
    pub fn constrain_with(self, schema: impl Schema) -> Result<Self> {
        let constraint = schema.build_constraint(self.ctx.model())?;
        Ok(self.constrain(constraint))
    }

    /// Verifies the drafts of a speculator. Excludes [`Generator::system_speculation`].
    pub fn speculator(mut self, speculator: impl Speculator + 'static) -> Self {
        self.set_drafter(Drafter::Custom(Box::new(speculator)));
        self
    }

    /// Verifies the drafts of the engine's drafter. Excludes [`Generator::speculator`].
    pub fn system_speculation(mut self) -> Self {
        self.set_drafter(Drafter::Engine(Vec::new()));
        self
    }

    /// Applies an adapter in every step.
    pub fn adapter(mut self, adapter: &Adapter) -> Self {
        self.adapter = Some(adapter.clone());
        self
    }

    /// Perturbs the adapter with the noise of this seed in every step (see [`crate::zo`]).
    pub fn zo_seed(mut self, seed: i64) -> Self {
        self.zo_seed = Some(seed);
        self
    }

    /// How many tokens to expect, for planning bids in the market for pages. Without it the engine's default bid stays.
    pub fn horizon(mut self, n: usize) -> Self {
        self.horizon = Some(n);
        self
    }

    /// Reads the distribution in every step. Index 0 is the position that the next token is predicted from; with
    /// speculation 1 and on are the drafts.
    pub fn probe_each_step<P: Probe>(&mut self, index: u32, probe: P) -> ProbeHandle<P> {
        ProbeHandle::new(self.readings.add(vec![index], probe.into_raw()))
    }

    fn set_drafter(&mut self, drafter: Drafter) {
        if !matches!(self.drafter, Drafter::Off) {
            self.fault =
                Some("`speculator` and `system_speculation` exclude each other; choose one".to_owned());
        }
        self.drafter = drafter;
    }
}

/// Inspection.
impl Generator<'_> {
    /// Whether the generation has ended.
    pub fn is_done(&self) -> bool {
        self.progress.finish().is_some()
    }

    /// Number of tokens accepted so far.
    pub fn tokens_generated(&self) -> usize {
        self.progress.accepted()
    }

    /// The stop token that ended the generation, for decoders that want to see it.
    pub fn stopped_by(&self) -> Option<u32> {
        match self.progress.finish() {
            Some(Finish::Stop(token)) => Some(token),
            _ => None,
        }
    }
}

/// Step by step.
impl<'ctx> Generator<'ctx> {
    /// The next step, or `None` when the generation has ended. A step that is dropped without having been executed
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// If the context has no token to predict from, if the constraints allow no token, or if a speculator answers what
    /// makes no sense.
    // Not an iterator: the step borrows the generator.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<GenStep<'_, 'ctx>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.is_done() {
            return Ok(None);
        }
        if matches!(self.last_step, LastStep::Open) {
            return Err("the last step chose no token: after `clear_sampler` call `accept`".to_owned());
        }
        if matches!(self.mask, MaskState::Stale) {
            let told = std::mem::take(&mut self.untold.constraints);
            self.mask = MaskState::Ready(self.constraints.step(&told)?);
        }
        let drafts = self.next_drafts()?;
        if self.ctx.bidding().begin_step(self.horizon.is_some()) {
            self.ctx.bid_for(self.expected_steps());
        }
        Ok(Some(GenStep::new(self, drafts)))
    }

    /// Accepts tokens that you chose: after [`GenStep::clear_sampler`], or in place of what the step's sampler chose; tokens that
    /// constraints had forced before that stay. Further calls before the next step add to them. Stop tokens and the limit apply.
    pub fn accept(&mut self, tokens: &[u32]) {
        match self.last_step {
            LastStep::Sampled(before) => {
                let undone = self.progress.accepted();
                self.progress.restore(before);
                let undone = undone - self.progress.accepted();
                self.untold.forget(undone);
                let buffer = self.ctx.buffer_mut();
                buffer.truncate(buffer.len().saturating_sub(undone));
            }
            LastStep::Speculated => {
                self.fault = Some(
                    "`accept` cannot replace what a speculative step has verified; call `clear_sampler` before it"
                        .to_owned(),
                );
                return;
            }
            LastStep::Settled | LastStep::Open => {}
        }
        self.last_step = LastStep::Settled;
        self.forget_engine_drafts();
        let count = self.progress.accept(tokens);
        self.ctx.append(&tokens[..count]);
        self.untold.add(&tokens[..count]);
        self.mask = MaskState::Stale;
    }

    fn forget_engine_drafts(&mut self) {
        if let Drafter::Engine(drafts) = &mut self.drafter {
            drafts.clear();
        }
    }

    /// Drafts for the next step, as far as it can use them.
    fn next_drafts(&mut self) -> Result<Vec<u32>> {
        let mut drafts = self.ask_drafter()?;
        // Whatever is verified beyond the end of the generation would be taken back, and would have drawn random numbers.
        drafts.truncate(self.progress.useful_drafts(&drafts));
        drafts.truncate(self.ctx.affordable_drafts(drafts.len()));
        Ok(drafts)
    }

    /// Whether drafts are verified at all. Under a constraint each draft would need a mask of its own, and a pass has one. What the arg max chooses under
    /// a mask is what it chooses without, if that is allowed; what another sampler draws is not, so with it there would be other tokens with
    /// drafts than without.
    fn speculates(&self) -> bool {
        let exact = self.constraints.is_empty() || self.sampler.is_argmax();
        exact && !matches!(self.drafter, Drafter::Off)
    }

    fn ask_drafter(&mut self) -> Result<Vec<u32>> {
        let usable = self.speculates() && !self.ctx.buffer().is_empty();
        if !matches!(self.drafter, Drafter::Custom(_)) {
            self.untold.speculator.clear();
        }
        match &mut self.drafter {
            Drafter::Off => Ok(Vec::new()),
            Drafter::Engine(drafts) if !usable => {
                drafts.clear();
                Ok(Vec::new())
            }
            Drafter::Engine(drafts) => Ok(drafts.clone()),
            Drafter::Custom(speculator) => {
                self.untold.tell(speculator.as_mut());
                if !usable {
                    return Ok(Vec::new());
                }
                let (drafts, positions) = speculator.draft();
                check_drafts(&drafts, &positions, self.ctx.seq_len() + self.ctx.buffer().len() as u32)?;
                // Until a step says otherwise.
                self.untold.rejected = drafts.len() as u32;
                Ok(drafts)
            }
        }
    }

    fn expected_steps(&self) -> u32 {
        let expected = self.horizon.or(self.progress.max_tokens()).unwrap_or(EXPECTED_STEPS as usize);
        expected.saturating_sub(self.progress.accepted()).max(1).try_into().unwrap_or(u32::MAX)
    }
}

/// Collectors: run to the end and return everything.
impl Generator<'_> {
    /// All accepted tokens.
    pub async fn collect_tokens(mut self) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        while let Some(step) = self.next()? {
            tokens.extend(step.execute().await?.tokens);
        }
        Ok(tokens)
    }

    /// The text, decoded by the chat template.
    pub async fn collect_text(mut self) -> Result<String> {
        let mut decoder = chat::Decoder::new(self.ctx.model());
        let mut text = String::new();
        while let Some(step) = self.next()? {
            let out = step.execute().await?;
            feed(&mut decoder, &out.tokens, &mut text)?;
        }
        // The template's own stop token makes the decoder hand over what it still holds back.
        if let Some(token) = self.stopped_by().filter(|token| self.template_stops.contains(token)) {
            feed(&mut decoder, &[token], &mut text)?;
        }
        Ok(text)
    }

    /// A value: constrains the output to the JSON Schema of `T`, and parses it.
    ///
    /// # Errors
    ///
    /// If the schema does not compile, or the limit cut the text before it was complete.
    pub async fn collect_json<T: DeserializeOwned + schemars::JsonSchema>(self) -> Result<T> {
        let schema = crate::tools::schema_of::<T>().to_string();
        let limit = self.progress.max_tokens();
        let constraint = GrammarConstraint::from_json_schema(&schema, self.ctx.model())?;
        let text = self.constrain(constraint).collect_text().await?;
        serde_json::from_str(&text).map_err(|error| {
            let what = std::any::type_name::<T>();
            match limit.filter(|_| error.is_eof()) {
                Some(limit) => format!("the limit of {limit} tokens cut the `{what}` short: {text}"),
                None => format!("the output is no `{what}`: {error}: {text}"),
            }
        })
    }
}

fn feed(decoder: &mut chat::Decoder, tokens: &[u32], text: &mut String) -> Result<()> {
    if tokens.is_empty() {
        return Ok(());
    }
    match decoder.feed(tokens)? {
        chat::Event::Delta(delta) => text.push_str(&delta),
        chat::Event::Done(whole) => *text = whole,
        chat::Event::Idle | chat::Event::Interrupt(_) => {}
    }
    Ok(())
}

impl Untold {
    fn add(&mut self, tokens: &[u32]) {
        self.constraints.extend_from_slice(tokens);
        self.speculator.extend_from_slice(tokens);
    }

    /// Takes back the last `count` tokens.
    fn forget(&mut self, count: usize) {
        for list in [&mut self.constraints, &mut self.speculator] {
            list.truncate(list.len().saturating_sub(count));
        }
    }

    fn tell(&mut self, speculator: &mut dyn Speculator) {
        match std::mem::take(&mut self.rejected) {
            0 => {}
            rejected => speculator.rollback(rejected),
        }
        if !self.speculator.is_empty() {
            speculator.accept(&std::mem::take(&mut self.speculator));
        }
    }
}

impl fmt::Debug for Generator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("sampler", &self.sampler)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
