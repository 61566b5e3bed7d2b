//! Instances that share too few pages, as programs without WebAssembly.

mod broken;
mod contention;
mod unchanged;

use super::operation::{
    Answer, Ask, Counts, Envelope, Operation, PassCell, Port, QUEUE, Quote, Reply, Source,
};
use super::request::Draft;
use super::{Core, CoreConfig, PageChecks};
use crate::brle::Brle;
use crate::ids::{ContextId, InstanceId, ModelNumber};
use crate::loaded::LoadedModel;
use crate::sample::{Probe, Sampler};
use crate::trace::{Collected, Event, FORMAT, Header, Outcome, PageOperation, Recorder, SuspendCause};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::sync::mpsc;

const PAGE_SIZE: u32 = 4;

/// An inferlet's side of the engine.
struct Guest {
    port: Port,
    /// As in a component, whoever calls the engine holds up all others of the instance until it has its answer; waiting for a pass does not.
    calling: tokio::sync::Mutex<()>,
    vocabulary: u32,
    log: Arc<Mutex<Vec<String>>>,
}

/// A context as its owner knows it.
#[derive(Clone, Copy, Debug)]
struct Ctx {
    id: ContextId,
    counts: Counts,
}

impl Ctx {
    fn len(&self) -> u32 {
        self.counts.committed * PAGE_SIZE + self.counts.tokens
    }

    fn pages(&self) -> u32 {
        self.counts.committed + self.counts.working
    }
}

impl Guest {
    async fn call<T>(&self, make: impl FnOnce(Reply<T>) -> Operation) -> Result<T, String> {
        let _calling = self.calling.lock().await;
        self.port.call(make).await
    }

    async fn create(&self, source: Source) -> Result<Ctx, String> {
        let (id, counts) =
            self.call(|reply| Operation::Create { model: ModelNumber::default(), source, reply }).await?;
        Ok(Ctx { id, counts })
    }

    async fn pages(&self, ctx: &mut Ctx, operation: PageOperation, count: u32) -> Result<(), String> {
        let context = ctx.id;
        let counts = self.call(|reply| Operation::Pages { context, operation, count, reply }).await?;
        ctx.counts = counts;
        Ok(())
    }

    async fn reserve_for(&self, ctx: &mut Ctx, tokens: u32) -> Result<(), String> {
        let missing = (ctx.len() + tokens).div_ceil(PAGE_SIZE).saturating_sub(ctx.pages());
        if missing > 0 { self.pages(ctx, PageOperation::Reserve, missing).await } else { Ok(()) }
    }

    /// Executes a pass over tokens that follow from `first`, and gives where its answers will be.
    async fn submit(
        &self,
        ctx: &mut Ctx,
        input: &[u32],
        asks: &[Ask],
        masked: bool,
    ) -> Result<PassCell, String> {
        self.reserve_for(ctx, input.len() as u32).await?;
        let (start, end) = (ctx.len(), ctx.len() + input.len() as u32);
        let mut draft = Draft { context: Some(Ok(ctx.id)), ..Draft::default() };
        draft.input(input.to_vec(), (start..end).collect());
        // Every token sees the first one, those of its own pass before it, and itself.
        let mask = |at: u32| if start == 0 { vec![0, at + 1] } else { vec![0, 1, start - 1, at + 1 - start] };
        draft.masks = masked.then(|| (start..end).map(|at| Brle(mask(at))).collect());
        for ask in asks {
            draft.ask(vec![input.len() as u32 - 1], ask.clone());
        }
        let request = draft.check(self.vocabulary)?;
        let cell = request.cell.clone();
        let request = Box::new(request);
        let (_, counts) = self.call(|reply| Operation::Execute { request, reply }).await?;
        ctx.counts = counts;
        Ok(cell)
    }

    async fn run(
        &self,
        ctx: &mut Ctx,
        input: &[u32],
        asks: &[Ask],
        masked: bool,
    ) -> Result<Vec<Answer>, String> {
        self.submit(ctx, input, asks, masked).await?.wait().await.clone().map(|output| output.answers)
    }

    /// Draws tokens, each from those before it.
    async fn draw(&self, ctx: &mut Ctx, first: u32, count: u32) -> Result<Vec<u32>, String> {
        let (mut last, mut drawn) = (first, Vec::new());
        let ask = Ask::Sample(Sampler::TopP { temperature: 1.0, p: 0.95 });
        for _ in 0..count {
            let answers = self.run(ctx, &[last], std::slice::from_ref(&ask), false).await?;
            let [Answer::Token(token)] = answers[..] else { return Err(format!("{answers:?}")) };
            drawn.push(token);
            last = token;
        }
        Ok(drawn)
    }

    async fn destroy(&self, ctx: Ctx) -> Result<(), String> {
        self.call(|reply| Operation::Destroy { context: ctx.id, reply }).await
    }

    async fn suspend(&self, ctx: Ctx) -> Result<(), String> {
        self.call(|reply| Operation::Suspend { context: ctx.id, reply }).await
    }

    async fn bid(&self, ctx: Ctx, value: f64) -> Result<(), String> {
        self.call(|reply| Operation::Bid { context: ctx.id, value, reply }).await
    }

    async fn quote(&self, quote: Quote) -> Result<f64, String> {
        self.call(|reply| Operation::Quote { quote, reply }).await
    }

    async fn save(&self, ctx: Ctx, name: &str) -> Result<String, String> {
        let name = Some(name.to_owned());
        self.call(|reply| Operation::Save { context: ctx.id, name, reply }).await
    }

    async fn delete(&self, name: &str) -> Result<(), String> {
        let name = name.to_owned();
        self.call(|reply| Operation::Delete { name, reply }).await
    }

    /// Waits until others have run.
    async fn give_way(&self) -> Result<(), String> {
        let mut draft = Draft::default();
        draft.input(vec![1], vec![0]);
        let request = draft.check(self.vocabulary)?;
        let cell = request.cell.clone();
        let request = Box::new(request);
        self.call(|reply| Operation::Execute { request, reply }).await?;
        cell.wait().await.clone().map(drop)
    }

    fn log(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

/// Waits for all, which go on side by side.
async fn join(futures: impl Iterator<Item: Future<Output = Result<(), String>>>) -> Result<(), String> {
    let mut running: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        let mut error = None;
        running.retain_mut(|future| match future.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                error = result.err().or(error.take());
                false
            }
        });
        match error {
            Some(error) => Poll::Ready(Err(error)),
            None if running.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

/// What came of a run.
struct Ran {
    core: Core,
    logs: Vec<Vec<String>>,
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    findings: Vec<String>,
}

impl Ran {
    fn suspensions(&self) -> Vec<(InstanceId, SuspendCause)> {
        let suspended = self.events.iter().filter_map(|event| match event {
            Event::Suspended { instance, cause, .. } => Some((*instance, *cause)),
            _ => None,
        });
        suspended.collect()
    }

    /// Tokens that were computed again, and pages that were copied back.
    fn brought_back(&self) -> (u32, u32) {
        self.events.iter().fold((0, 0), |(tokens, pages), event| match event {
            Event::Restored { recompute, swapped, .. } => (tokens + recompute, pages + swapped),
            _ => (tokens, pages),
        })
    }

    fn errors(&self) -> Vec<Option<&str>> {
        let errors = self.outcomes.iter().map(|outcome| match outcome {
            Outcome::Error(text) => Some(text.as_str()),
            _ => None,
        });
        errors.collect()
    }

    fn all_well(self) -> Self {
        assert_eq!(self.findings, [""; 0]);
        assert_eq!(self.errors(), vec![None; self.outcomes.len()]);
        self
    }
}

fn config(pages: u32) -> CoreConfig {
    CoreConfig { checks: PageChecks::Always, ..CoreConfig::new(pages, PAGE_SIZE) }
}

fn header() -> Header {
    let text = String::new;
    Header {
        format: FORMAT,
        model: text(),
        model_digest: text(),
        tokenizer_digest: text(),
        wit_digest: text(),
        kernel: text(),
        seed: 0,
        engine: text(),
        fork: None,
        others: Vec::new(),
    }
}

type Program = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// Runs so many instances of a program side by side, as the engine's driver does: each goes on until it waits, in order of numbers, then there
/// is a step.
fn run<F>(mut core: Core, count: u64, program: impl Fn(u64, Guest) -> F) -> Ran
where
    F: Future<Output = Result<(), String>> + 'static,
{
    let trace = Collected::default();
    let recorder = Recorder::new(Box::new(trace.clone()), &header());
    let vocabulary = core.models.first().info().vocab_size;
    let (sender, mut operations) = mpsc::channel(QUEUE);
    let (mut running, mut logs, mut outcomes) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    core.begin(recorder.clone());
    for number in 0..count {
        let instance = InstanceId(number + 1);
        core.admit(instance, "ada".into(), number, recorder.clone());
        let log = Arc::new(Mutex::new(Vec::new()));
        let port = Port::new(instance, sender.clone());
        let guest = Guest { port, calling: tokio::sync::Mutex::default(), vocabulary, log: Arc::clone(&log) };
        let future: Program = Box::pin(program(number, guest));
        running.insert(instance, future);
        logs.push(log);
    }
    while !running.is_empty() {
        while poll(&mut core, &mut running, &mut outcomes, &mut operations) {}
        if !running.is_empty() {
            core.tick(Duration::from_millis(core.steps));
            assert!(core.step(), "nothing can happen any more");
        }
        assert!(core.sums().is_conserved());
    }
    let findings = core.finish();
    let logs = logs.into_iter().map(|log| std::mem::take(&mut *log.lock().unwrap())).collect();
    Ran { core, logs, outcomes: outcomes.into_values().collect(), events: trace.events(), findings }
}

/// Lets each instance go on once. False when all wait for the engine.
fn poll(
    core: &mut Core,
    running: &mut BTreeMap<InstanceId, Program>,
    outcomes: &mut BTreeMap<InstanceId, Outcome>,
    operations: &mut mpsc::Receiver<Envelope>,
) -> bool {
    let mut moved = false;
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let instances: Vec<InstanceId> = running.keys().copied().collect();
    for instance in instances {
        let future = running.get_mut(&instance).expect("it has not ended");
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        while let Ok(envelope) = operations.try_recv() {
            core.handle(envelope);
            moved = true;
        }
        let Poll::Ready(result) = polled else { continue };
        let outcome =
            result.map_or_else(|error| Outcome::Error(error.into()), |()| Outcome::Ok("null".into()));
        running.remove(&instance);
        core.release(instance, outcome.clone());
        outcomes.insert(instance, outcome);
        moved = true;
    }
    // A part of an instance may have let another one go on that had been polled before it.
    moved || woken.0.load(Ordering::Relaxed)
}

/// Whether anybody was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn dummy(config: CoreConfig) -> Core {
    Core::new(LoadedModel::dummy().into(), config)
}

fn prompt(number: u64, length: u32) -> Vec<u32> {
    (0..length).map(|at| 100 + (number as u32 * 37 + at * 11) % 900).collect()
}
