//! What the engine costs an inferlet: to come to its first host call, a call, a pass, a message to another one and back.
//!
//! Needs the guest `tests/guests/meter`, built: `METER=…/meter.wasm cargo bench -p pie-engine --bench engine`. The script `tests/bench/run`
//! builds and passes it.

use criterion::{Criterion, criterion_group};
use pie_engine::loaded::LoadedModel;
use pie_engine::model::candle::{Cache, Device};
use pie_engine::model::source::{Limits as SourceLimits, Source};
use pie_engine::model::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs};
use pie_engine::trace::{Discard, Event, Header, Outcome, Record, Sink};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Limits, Runtime, RuntimeConfig};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The moments at which messages of the guest arrived.
#[derive(Clone, Default)]
struct Moments(Arc<Mutex<Vec<Instant>>>);

impl Sink for Moments {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, record: &Arc<Record>) {
        if matches!(record.event, Event::Message { .. }) {
            self.0.lock().expect("no bench thread panics").push(Instant::now());
        }
    }
}

/// A model whose computing is timed, so that the rest of a step can be told from it.
struct Timed {
    model: Arc<dyn Model>,
    computing: Mutex<Duration>,
}

impl Model for Timed {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        self.model.new_store(pages, page_size)
    }

    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        let begun = Instant::now();
        let result = self.model.forward(batch, store, outputs);
        *self.computing.lock().expect("no bench thread panics") += begun.elapsed();
        result
    }
}

/// The model that is part of bakery.
fn tiny() -> (LoadedModel, Arc<Timed>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bakery/models/tiny/tiny.gguf");
    let source = Source::open(&path, "tiny", &SourceLimits::default()).expect("the model can be opened");
    let mut loaded =
        LoadedModel::from_source(&source, Cache::default(), Device::Cpu).expect("the model can be loaded");
    let timed = Arc::new(Timed { model: loaded.model, computing: Mutex::default() });
    loaded.model = timed.clone();
    (loaded, timed)
}

/// An engine that has launched the guest before.
fn warm() -> (Engine, Inferlet) {
    warm_on(LoadedModel::dummy())
}

/// The same beside some model.
fn warm_on(model: LoadedModel) -> (Engine, Inferlet) {
    let path = std::env::var_os("METER").expect("METER names the built guest; `tests/bench/run` sets it");
    let wasm = std::fs::read(path).expect("the guest can be read");
    let engine = Engine::new(EngineConfig::new(model)).expect("the engine starts");
    let inferlet = engine.compile(&wasm).expect("the guest is an inferlet");
    run(&engine, &inferlet, r#""launch""#.to_owned());
    (engine, inferlet)
}

/// Runs the guest, and says when it was asked to and when its messages came.
fn run(engine: &Engine, inferlet: &Inferlet, input: String) -> (Instant, Vec<Instant>) {
    let moments = Moments::default();
    let launch = Launch::new(input).limits(Limits { fuel: u64::MAX, ..Limits::default() });
    let asked = Instant::now();
    let finished = engine.run(inferlet, launch, Box::new(moments.clone()));
    assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
    let moments = moments.0.lock().expect("no bench thread panics").clone();
    (asked, moments)
}

fn launches(c: &mut Criterion) {
    let (engine, inferlet) = warm();
    let mut group = c.benchmark_group("launch");
    group.bench_function("to the first host call", |b| {
        b.iter_custom(|times| {
            let to_first_call = |_| {
                let (asked, moments) = run(&engine, &inferlet, r#""launch""#.to_owned());
                moments[0] - asked
            };
            (0..times).map(to_first_call).sum::<Duration>()
        });
    });
    group.throughput(criterion::Throughput::Elements(1));
    group.bench_function("to the end", |b| {
        b.iter(|| engine.run(&inferlet, Launch::new(r#""launch""#), Box::new(Discard)));
    });
    group.finish();
}

/// The guest does a thing as often as the benchmark asks; the time from the message before to the one after counts.
fn between_messages(c: &mut Criterion, what: &str, name: &str) {
    let (engine, inferlet) = warm();
    c.bench_function(name, |b| {
        b.iter_custom(|times| {
            let (_, moments) = run(&engine, &inferlet, format!(r#"{{"{what}":{times}}}"#));
            let [.., before, after] = moments[..] else { panic!("the guest sends at least two messages") };
            after - before
        });
    });
}

fn calls(c: &mut Criterion) {
    between_messages(c, "control", "control call, guest to guest");
}

fn passes(c: &mut Criterion) {
    between_messages(c, "passes", "pass of one token on the dummy, guest to guest");
}

/// Two guests on one engine: one pushes a message and waits for the other's, which waits for the first.
fn messages(c: &mut Criterion) {
    let (engine, inferlet) = warm();
    c.bench_function("message to another inferlet and back", |b| {
        b.iter_custom(|times| conversation(&engine, &inferlet, times));
    });
}

/// How long so many messages take, each with an answer.
fn conversation(engine: &Engine, inferlet: &Inferlet, times: u64) -> Duration {
    let limits = Limits { fuel: u64::MAX, trace_bytes: u64::MAX, ..Limits::default() };
    let moments = Moments::default();
    let launch = |what: &str| {
        let launch = Launch::new(format!(r#"{{"{what}":{times}}}"#)).limits(limits.clone());
        (inferlet.clone(), launch)
    };
    let finished = engine.run_all(vec![launch("return"), launch("serve")], Box::new(moments.clone()));
    assert!(finished.iter().all(|finished| matches!(finished.outcome, Outcome::Ok(_))), "{finished:?}");
    let moments = moments.0.lock().expect("no bench thread panics");
    // Both say that they begin; who serves says so again, and when it ends.
    let [.., before, after] = moments[..] else { panic!("the guests send four messages") };
    after - before
}

/// The middle of some times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The figures that the project promises, beside what it promises: medians, of single launches and of batches of everything that is shorter
/// than a clock can tell.
fn figures() {
    const LAUNCHES: u32 = 5000;
    const BATCHES: u32 = 50;
    const BATCH: u32 = 200;
    for instances in [1, 64, 1024] {
        let times = (0..11).map(|_| {
            let started = Instant::now();
            let runtime = Runtime::new(RuntimeConfig { instances, ..RuntimeConfig::default() });
            runtime.map(|_| started.elapsed())
        });
        match times.collect::<Result<Vec<Duration>, _>>() {
            Ok(times) => {
                println!("a runtime for {instances} instances at once, median: {:.1?}", median(times))
            }
            Err(error) => {
                println!("a runtime for {instances} instances at once is not to be had here: {error}")
            }
        }
    }
    let (engine, inferlet) = warm();
    let to_first_call = (0..LAUNCHES).map(|_| {
        let (asked, moments) = run(&engine, &inferlet, r#""launch""#.to_owned());
        moments[0] - asked
    });
    println!(
        "launch to the first host call, median: {:.1?} (at most 100 µs)",
        median(to_first_call.collect())
    );
    let started = Instant::now();
    for _ in 0..LAUNCHES {
        engine.run(&inferlet, Launch::new(r#""launch""#), Box::new(Discard));
    }
    let launches = f64::from(LAUNCHES) / started.elapsed().as_secs_f64();
    println!("launches to their end, one after the other: {launches:.0} a second (at least 5000)");
    for (what, name, most) in
        [("control", "control call", "1 µs"), ("passes", "pass of one token on the dummy", "15 µs")]
    {
        let batches = (0..BATCHES).map(|_| {
            let (_, moments) = run(&engine, &inferlet, format!(r#"{{"{what}":{BATCH}}}"#));
            let [.., before, after] = moments[..] else { panic!("the guest sends at least two messages") };
            (after - before) / BATCH
        });
        println!("{name}, guest to guest, median: {:.2?} (at most {most})", median(batches.collect()));
    }
    let (model, timed) = tiny();
    let (on_tiny, inferlet_on_tiny) = warm_on(model);
    let computing = || *timed.computing.lock().expect("no bench thread panics");
    let (mut whole, mut rest) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let before = computing();
        let (_, moments) = run(&on_tiny, &inferlet_on_tiny, format!(r#"{{"passes":{BATCH}}}"#));
        let [.., begun, ended] = moments[..] else { panic!("the guest sends at least two messages") };
        whole.push((ended - begun) / BATCH);
        rest.push((ended - begun).saturating_sub(computing() - before) / BATCH);
    }
    println!(
        "pass of one token on `tiny`, guest to guest, median: {:.2?}, of which outside the model {:.2?} (at most 60 µs)",
        median(whole),
        median(rest)
    );
    let batches = (0..BATCHES).map(|_| conversation(&engine, &inferlet, BATCH.into()) / BATCH);
    println!(
        "message to another inferlet and back, median: {:.2?} (at most 10 µs)",
        median(batches.collect())
    );
}

criterion_group!(benches, launches, calls, passes, messages);

fn main() {
    // `cargo test` runs benches to see that they work, without anybody to read the figures.
    if std::env::args().any(|argument| argument == "--bench") {
        figures();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
