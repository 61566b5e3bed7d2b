//! Contexts under memory pressure: forks of a long context, and 200 contexts on pages for 20 against the same with pages for all.
//!
//! `cargo bench -p pie-engine --bench pressure`. Forks are timed by the best of a few runs. The 200 contexts run with many pages and with few in turn, in
//! several rounds, and the median of the rounds' ratios counts. Times are those of the processor, where the system tells them: all is on one thread that never
//! waits, so on an idle machine it is the time that passes, and on a busy one it still is what the work takes.
//!
//! With `-- once default`, `once all`, `once none` or `once ample` there is one run only, with few pages and what it computes again, or with pages for all: for whoever
//! counts instructions or looks where time goes (`valgrind --tool=callgrind target/release/deps/pressure-… once default`).

use pie_engine::engine::operation::{Answer, Ask, Envelope, Operation, Port, QUEUE, Source};
use pie_engine::engine::request::Draft;
use pie_engine::engine::{Core, CoreConfig};
use pie_engine::ids::{ContextId, InstanceId, ModelNumber};
use pie_engine::loaded::LoadedModel;
use pie_engine::sample::Sampler;
use pie_engine::trace::{Event, FORMAT, Header, Outcome, PageOperation, Record, Recorder, Sink};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

const PAGE_SIZE: u32 = 16;
const CONTEXTS: u64 = 200;
/// What each of them reads and then generates.
const PROMPT: u32 = 256;
const DRAWS: u32 = 256;
const PAGES_EACH: u32 = (PROMPT + DRAWS) / PAGE_SIZE;
const RUNS: u32 = 3;
const ROUNDS: u32 = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [once, which, ..] = &arguments[..]
        && once == "once"
    {
        return self::once(which);
    }
    forks();
    two_hundred();
}

/// Counts what was computed again.
#[derive(Clone, Default)]
struct Recomputed(Arc<AtomicU64>);

impl Sink for Recomputed {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, record: &Arc<Record>) {
        if let Event::Step { recomputed, .. } = record.event {
            self.0.fetch_add(recomputed.into(), Ordering::Relaxed);
        }
    }
}

fn recorder(sink: Recomputed) -> Recorder {
    let text = String::new;
    let header = Header {
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
    };
    Recorder::new(Box::new(sink), &header)
}

fn core(config: CoreConfig) -> Core {
    Core::new(LoadedModel::dummy().into(), config)
}

/// The mean time of a fork through the engine for contexts of several lengths, and the pages that forks take.
fn forks() {
    const FORKS: u32 = 1000;
    let forked = [1_003, 10_003, 100_003, 100_000].map(|length: u32| fork(length, FORKS));
    for (time, length, pages) in forked {
        let partial = if length % PAGE_SIZE == 0 { "no" } else { "its" };
        println!(
            "fork of a context of {length} tokens: {:.2?}; {FORKS} forks take {pages} pages: each {partial} partial one",
            time / FORKS
        );
    }
    let [short, _, long, _] = forked.map(|(time, ..)| time.as_secs_f64());
    println!("ratio of 100 k tokens to 1 k: {:.2} (independent of length)", long / short);
}

/// How long so many forks of a context take at best, its length, and how many pages they take.
fn fork(length: u32, forks: u32) -> (Duration, u32, u32) {
    let pages = length.div_ceil(PAGE_SIZE);
    let mut core = core(CoreConfig::new(pages + forks, PAGE_SIZE));
    let instance = InstanceId(1);
    core.admit(instance, "ada".into(), 0, recorder(Recomputed::default()));
    let create = |core: &mut Core, source| {
        let (reply, _) = oneshot::channel();
        core.handle(Envelope {
            instance,
            operation: Operation::Create { model: ModelNumber::default(), source, reply },
        });
    };
    create(&mut core, Source::Empty);
    let context = ContextId(1);
    let (reply, _) = oneshot::channel();
    let (operation, count) = (PageOperation::Reserve, pages);
    core.handle(Envelope { instance, operation: Operation::Pages { context, operation, count, reply } });
    let request =
        Box::new(draft(context, 0, prompt(0, length)).check(1024).expect("the pass is well formed"));
    let (reply, _) = oneshot::channel();
    core.handle(Envelope { instance, operation: Operation::Execute { request, reply } });
    while core.step() {}
    let free = core.free_pages();
    let mut forked = context.0;
    let times = (0..RUNS).map(|_| {
        let started = Instant::now();
        for _ in 0..forks {
            create(&mut core, Source::Fork(context));
        }
        let (elapsed, taken) = (started.elapsed(), free - core.free_pages());
        for _ in 0..forks {
            forked += 1;
            let (reply, _) = oneshot::channel();
            core.handle(Envelope {
                instance,
                operation: Operation::Destroy { context: ContextId(forked), reply },
            });
        }
        (elapsed, taken)
    });
    let (elapsed, taken) = times.min().expect("there is a run");
    (elapsed, length, taken)
}

fn once(which: &str) {
    let scarce = CoreConfig::new(20 * PAGES_EACH, PAGE_SIZE);
    let config = match which {
        "ample" => CoreConfig::new(CONTEXTS as u32 * PAGES_EACH, PAGE_SIZE),
        "all" => CoreConfig { recompute_tokens: u32::MAX, ..scarce },
        "none" => CoreConfig { recompute_tokens: 0, ..scarce },
        _ => scarce,
    };
    let (time, tokens) = run(config, CONTEXTS, PROMPT, DRAWS);
    println!("{time:.2?}, {tokens} tokens computed again");
}

fn two_hundred() {
    let pages = CONTEXTS as u32 * PAGES_EACH;
    let ample = || run(CoreConfig::new(pages, PAGE_SIZE), CONTEXTS, PROMPT, DRAWS).0;
    let means = [("by default", None), ("computing all again", Some(u32::MAX)), ("swapping all", Some(0))];
    let mut rounds: [Vec<Round>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for ((_, recompute_tokens), rounds) in means.iter().zip(&mut rounds) {
            let before = ample();
            let config = CoreConfig::new(20 * PAGES_EACH, PAGE_SIZE);
            let recompute_tokens = recompute_tokens.unwrap_or(config.recompute_tokens);
            let (scarce, tokens) = run(CoreConfig { recompute_tokens, ..config }, CONTEXTS, PROMPT, DRAWS);
            // As many tokens in contexts of the length that they were computed again in.
            let length = PROMPT + DRAWS / 2;
            let needed = match tokens / u64::from(length) {
                0 => Duration::ZERO,
                contexts => run(CoreConfig::new(pages, PAGE_SIZE), contexts, length, 0).0,
            };
            // Whatever slows the machine down meanwhile does it to both.
            let ample = (before + ample()) / 2;
            rounds.push(Round { ample, scarce, tokens, needed });
        }
    }
    println!("\n{CONTEXTS} contexts of {} tokens, medians of {ROUNDS} rounds", PROMPT + DRAWS);
    for ((name, _), rounds) in means.iter().zip(&rounds) {
        let median = |of: &dyn Fn(&Round) -> f64| median(rounds.iter().map(of).collect());
        let seconds = |of: &dyn Fn(&Round) -> Duration| {
            Duration::from_secs_f64(median(&|round| of(round).as_secs_f64()))
        };
        println!(
            "pages for all: {:.2?}; for 20, {name}: {:.2?}; {} tokens computed again, which takes {:.2?}: ratio {:.2}",
            seconds(&|round| round.ample),
            seconds(&|round| round.scarce),
            rounds[0].tokens,
            seconds(&|round| round.needed),
            median(&Round::ratio)
        );
    }
}

/// What the same work took with pages for all and with few, one right after the other.
struct Round {
    ample: Duration,
    scarce: Duration,
    /// How many tokens were computed again, and what that takes by itself.
    tokens: u64,
    needed: Duration,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.scarce.as_secs_f64() / (self.ample + self.needed).as_secs_f64()
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The time that the processor has spent on this thread, or the time that has passed where the system does not tell.
fn spent() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let passed = BEGUN.elapsed();
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next()?.parse().ok());
    spent.map_or(passed, Duration::from_nanos)
}

/// Whether a future was woken.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn run(config: CoreConfig, contexts: u64, length: u32, draws: u32) -> (Duration, u64) {
    let mut core = core(config);
    let sink = Recomputed::default();
    let recorder = recorder(sink.clone());
    let (sender, mut operations) = mpsc::channel(QUEUE);
    let started = spent();
    core.begin(recorder.clone());
    let mut running = BTreeMap::new();
    for number in 0..contexts {
        let instance = InstanceId(number + 1);
        core.admit(instance, "ada".into(), number, recorder.clone());
        let port = Port::new(instance, sender.clone());
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        running.insert(instance, (Box::pin(generate(port, number, length, draws)), ready));
    }
    // As the engine's driver does: each that is woken goes on until it waits, then there is a step.
    while !running.is_empty() {
        let mut moved = false;
        running.retain(|&instance, (future, ready)| {
            if !ready.0.swap(false, Ordering::Relaxed) {
                return true;
            }
            moved = true;
            let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(ready))));
            while let Ok(envelope) = operations.try_recv() {
                core.handle(envelope);
            }
            let Poll::Ready(result) = polled else { return true };
            result.expect("all finish");
            core.release(instance, Outcome::Ok("null".into()));
            false
        });
        assert!(moved || core.step(), "somebody can always go on");
    }
    (spent() - started, sink.0.load(Ordering::Relaxed))
}

fn prompt(number: u64, length: u32) -> Vec<u32> {
    (0..length).map(|at| 100 + (number as u32 * 37 + at * 11) % 900).collect()
}

fn draft(context: ContextId, start: u32, tokens: Vec<u32>) -> Draft {
    let mut draft = Draft::default();
    draft.context = Some(Ok(context));
    let end = start + tokens.len() as u32;
    draft.input(tokens, (start..end).collect());
    draft
}

/// Reads a prompt, and draws tokens one after the other.
async fn generate(port: Port, number: u64, length: u32, draws: u32) -> Result<(), String> {
    let (context, _) = port
        .call(|reply| Operation::Create { model: ModelNumber::default(), source: Source::Empty, reply })
        .await?;
    let (mut input, mut at, mut pages) = (prompt(number, length), 0, 0);
    for _ in 0..=draws {
        let next = at + input.len() as u32;
        let count = next.div_ceil(PAGE_SIZE).saturating_sub(pages);
        if count > 0 {
            let operation = PageOperation::Reserve;
            port.call(|reply| Operation::Pages { context, operation, count, reply }).await?;
            pages += count;
        }
        let mut pass = draft(context, at, std::mem::take(&mut input));
        pass.ask(vec![next - at - 1], Ask::Sample(Sampler::TopP { temperature: 1.0, p: 0.9 }));
        let request = Box::new(pass.check(1024)?);
        let cell = request.cell.clone();
        port.call(|reply| Operation::Execute { request, reply }).await?;
        let answers = cell.wait().await.clone()?.answers;
        let [Answer::Token(token)] = answers[..] else { return Err(format!("{answers:?}")) };
        (input, at) = (vec![token], next);
    }
    Ok(())
}
