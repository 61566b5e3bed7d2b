//! The engine's loop: collect operations, plan a step, run the model, sample, deliver.
//!
//! One thread owns the [`Core`]: the queue, the pages and the model. Instances reach it with [`operation::Operation`]s; it never
//! waits for them. Nothing in it knows WebAssembly, time or threads, so what it does is a function of the order of operations.

pub mod bus;
mod contexts;
pub mod inbox;
pub mod operation;
mod passes;
mod pressure;
#[cfg(test)]
mod pressure_tests;
pub mod request;
mod sampling;
mod sanitize;
mod speculation;
mod step;
mod taping;
#[cfg(test)]
mod tests;

use crate::ids::{ContextId, InstanceId, PassId};
use crate::interleaving::Interleaving;
use crate::kv::{Kv, StoreChange, TableId};
use crate::loaded::Models;
use crate::model::tape::Tape;
use crate::model::{KvStore, Outputs};
use crate::sample::Scratch;
use crate::sched::market::{Credits, Sums};
use crate::sched::{self, Queue};
use crate::trace::{Event, Outcome, Recorder, Usage};
use operation::{Counts, Envelope, Operation};
use passes::Pending;
use pressure::Pressure;
pub use sanitize::PageChecks;
use speculation::Follower;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How large the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConfig {
    /// Pages of the KV store.
    pub pages: u32,
    /// Tokens in a page.
    pub page_size: u32,
    /// What one step may hold.
    pub step: sched::Limits,
    /// Contexts that give way when pages are short are computed again when they come back, if the model has read so many tokens of
    /// them at most; longer ones are kept outside of the store. Tokens under masks or adapters are always kept.
    pub recompute_tokens: u32,
    /// The credits that an instance begins with, and all those together that go back to it.
    pub endowment: Credits,
    /// When the pages are checked.
    pub checks: PageChecks,
}

impl CoreConfig {
    /// An engine of so many pages of so many tokens.
    pub fn new(pages: u32, page_size: u32) -> Self {
        let step = sched::Limits::default();
        CoreConfig {
            pages,
            page_size,
            // A prefill that takes an eighth of a step at most.
            recompute_tokens: step.step_tokens / 8,
            step,
            endowment: Credits::whole(1000),
            checks: PageChecks::AtEnd,
        }
    }
}

/// Everything that instances share.
pub struct Core {
    models: Models,
    config: CoreConfig,
    kv: Kv,
    /// The numbers of each model's pages.
    stores: Vec<Box<dyn KvStore>>,
    instances: BTreeMap<InstanceId, Entry>,
    /// Saved contexts, by user and name.
    snapshots: BTreeMap<(Arc<str>, String), TableId>,
    generated_names: u64,
    queue: Queue,
    passes: BTreeMap<u64, Pending>,
    next_pass: u64,
    /// Passes that need nothing computed, because all their tokens were found in the prefix table.
    complete: VecDeque<u64>,
    /// Operations that wait for the passes of their context, or for its content.
    deferred: VecDeque<Envelope>,
    pressure: Pressure,
    /// Where events go that are about nobody in particular, while there is a trace.
    recorder: Option<Recorder>,
    /// What is done with passes besides computing them, in this trace.
    tape: Option<Box<dyn Tape>>,
    /// Which passes that could be in a step are, in this trace.
    interleaving: Interleaving,
    /// What the page checker has found in this trace.
    findings: Vec<String>,
    steps: u64,
    outputs: Outputs,
    scratch: Scratch,
}

/// What the engine knows about an instance.
struct Entry {
    recorder: Recorder,
    user: Arc<str>,
    seed: u64,
    contexts: BTreeMap<ContextId, Context>,
    created: u64,
    passes: u64,
    /// Draws of passes that have no context.
    draws: u64,
    /// Pages held by all its contexts.
    held: u32,
    usage: Usage,
}

/// A context of an instance.
struct Context {
    table: TableId,
    /// How often samplers have drawn in it; each draw has its own randomness.
    draws: u64,
    /// Passes that were accepted and have not been answered.
    in_flight: u32,
    /// Whether one of them has guesses: until they are verified, nobody knows where the next pass begins.
    verifying: bool,
    /// Guessed tokens that did not hold.
    rejected: u64,
    /// What guesses are taken from, once somebody has asked for some.
    drafter: Option<Follower>,
}

impl Core {
    /// An engine with empty pages.
    pub fn new(models: Models, config: CoreConfig) -> Self {
        let stores =
            models.iter().map(|model| model.model.new_store(config.pages, config.page_size)).collect();
        Core {
            kv: Kv::new(config.pages, config.page_size),
            pressure: Pressure::new(&config),
            models,
            config,
            stores,
            instances: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            generated_names: 0,
            queue: Queue::default(),
            passes: BTreeMap::new(),
            next_pass: 0,
            complete: VecDeque::new(),
            deferred: VecDeque::new(),
            recorder: None,
            tape: None,
            interleaving: Interleaving::default(),
            findings: Vec::new(),
            steps: 0,
            outputs: Outputs::default(),
            scratch: Scratch::default(),
        }
    }

    /// Begins a trace: steps count from 1 again, and hold what they can. Snapshots stay.
    pub fn begin(&mut self, recorder: Recorder) {
        self.steps = 0;
        self.tape = self.models.first().model.tape();
        self.interleaving = Interleaving::default();
        self.recorder = Some(recorder);
        self.findings.clear();
    }

    /// Has steps hold what an interleaving says, from now to the end of the trace.
    pub fn interleave(&mut self, interleaving: Interleaving) {
        self.interleaving = interleaving;
    }

    /// Lets an instance take part. Its randomness follows from `seed`.
    pub fn admit(&mut self, instance: InstanceId, user: Arc<str>, seed: u64, recorder: Recorder) {
        self.instances.insert(instance, Entry::new(user, seed, recorder));
        self.pressure.market.ledger().open(instance, self.config.endowment);
    }

    /// Lets an instance take part that another one has launched: the two have their credits together.
    pub fn admit_child(
        &mut self,
        parent: InstanceId,
        instance: InstanceId,
        user: Arc<str>,
        seed: u64,
        recorder: Recorder,
    ) {
        self.instances.insert(instance, Entry::new(user, seed, recorder));
        self.pressure.market.ledger().share(instance, parent);
    }

    /// Carries out an operation, or keeps it until the passes of its context are done and there are pages for it.
    pub fn handle(&mut self, envelope: Envelope) {
        if self.must_wait(&envelope) {
            self.deferred.push_back(envelope);
        } else if let Some(envelope) = self.wish(envelope) {
            self.perform(envelope);
        }
        self.inspect();
    }

    fn perform(&mut self, Envelope { instance, operation }: Envelope) {
        let free = self.kv.free_pages();
        // Who asked may be gone: then nobody reads the answer, and `release` has freed or will free what it made.
        match operation {
            Operation::Create { model, source, reply } => {
                let _ = reply.send(self.create(instance, model, source));
            }
            Operation::Save { context, name, reply } => {
                let _ = reply.send(self.save(instance, context, name));
            }
            Operation::Delete { name, reply } => {
                let _ = reply.send(self.delete(instance, name));
            }
            Operation::Destroy { context, reply } => {
                let _ = reply.send(self.destroy(instance, context));
            }
            Operation::Suspend { context, reply } => {
                let _ = reply.send(self.suspend(instance, context));
            }
            Operation::Bid { context, value, reply } => {
                let _ = reply.send(self.bid(instance, context, value));
            }
            Operation::Quote { quote, reply } => {
                let _ = reply.send(self.quote(instance, quote));
            }
            Operation::Pages { context, operation, count, reply } => {
                let _ = reply.send(self.pages(instance, context, operation, count));
            }
            Operation::Execute { request, reply } => {
                let _ = reply.send(self.execute(instance, *request));
            }
        }
        self.charge(instance, free);
    }

    /// Where all credits are.
    pub fn sums(&self) -> Sums {
        self.pressure.market.sums()
    }

    /// Pages that nobody holds.
    pub fn free_pages(&self) -> u32 {
        self.kv.free_pages()
    }

    /// Ends an instance: its passes are forgotten, its contexts freed, its end recorded.
    pub fn release(&mut self, instance: InstanceId, outcome: Outcome) -> Usage {
        self.deferred.retain(|envelope| envelope.instance != instance);
        self.forget_wishes(instance);
        let Some(entry) = self.instances.get(&instance) else { return Usage::default() };
        let contexts: Vec<ContextId> = entry.contexts.keys().copied().collect();
        self.forget_passes(contexts::ENDED, |pending| pending.instance == instance);
        for context in contexts {
            self.free_context(instance, context);
        }
        self.pressure.market.ledger().close(instance);
        let Some(entry) = self.instances.remove(&instance) else { return Usage::default() };
        let usage = entry.usage;
        entry.recorder.record(Event::Finished { instance, outcome, usage });
        usage
    }

    fn entry(&mut self, instance: InstanceId) -> Result<&mut Entry, String> {
        self.instances.get_mut(&instance).ok_or_else(|| format!("instance {instance} has ended"))
    }

    fn context(&mut self, instance: InstanceId, context: ContextId) -> Result<&mut Context, String> {
        let entry = self.entry(instance)?;
        entry.contexts.get_mut(&context).ok_or_else(|| format!("context {context} has ended"))
    }

    fn record(&self, instance: InstanceId, event: Event) {
        if let Some(entry) = self.instances.get(&instance) {
            entry.recorder.record(event);
        }
    }

    fn counts(&self, table: TableId) -> Counts {
        // A table that is gone holds nothing.
        self.kv.counts(table).map_or_else(
            |_| Counts::default(),
            |counts| Counts {
                committed: counts.committed_pages,
                working: counts.working_pages,
                tokens: counts.working_tokens,
                rejected: 0,
            },
        )
    }

    /// Gives back the pages of a table.
    fn free_table(&mut self, table: TableId) {
        self.depart(table);
        let freed = self.kv.destroy(table);
        debug_assert!(freed.is_ok(), "tables are destroyed once: {freed:?}");
    }

    /// Brings the models' stores up to what the page manager has decided. A page has numbers in one of them, and for the others there is nothing to do.
    fn sync_stores(&mut self) {
        for change in self.kv.drain_changes() {
            for store in &mut self.stores {
                match change {
                    StoreChange::Clear(page) => store.clear(page),
                    StoreChange::Copy { from, to, slots } => store.copy(from, to, slots),
                    StoreChange::SwapOut { page, slots, to } => store.swap_out(page, slots, to),
                    StoreChange::SwapIn { from, page } => store.swap_in(from, page),
                    StoreChange::SwapDrop(swap) => store.swap_drop(swap),
                }
            }
        }
    }
}

impl Entry {
    fn new(user: Arc<str>, seed: u64, recorder: Recorder) -> Self {
        Entry {
            recorder,
            user,
            seed,
            contexts: BTreeMap::new(),
            created: 0,
            passes: 0,
            draws: 0,
            held: 0,
            usage: Usage::default(),
        }
    }

    /// A context grew or shrank.
    fn adjust(&mut self, before: Counts, after: Counts) {
        let (before, after) = (before.committed + before.working, after.committed + after.working);
        self.held = self.held + after - before;
        self.usage.peak_pages = self.usage.peak_pages.max(self.held);
    }

    fn next_pass(&mut self) -> PassId {
        self.passes += 1;
        PassId(self.passes)
    }
}
