//! What the engine costs an inferlet: to come to its first host call, a call, a pass, a message to another one and back.
//!
//! Needs the guest `tests/guests/meter`, built: `METER=…/meter.wasm cargo bench -p pie-engine --bench engine`. The script `tests/bench/run`
//! builds and passes it.

use criterion::{Criterion, criterion_group, criterion_main};
use pie_engine::trace::{Discard, Event, Header, Outcome, Record, Sink};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Limits};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The moments at which messages of the guest arrived.
#[derive(Clone, Default)]
struct Moments(Arc<Mutex<Vec<Instant>>>);

impl Sink for Moments {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, record: &Record) {
        if matches!(record.event, Event::Message { .. }) {
            self.0.lock().expect("no bench thread panics").push(Instant::now());
        }
    }
}

/// An engine that has launched the guest before.
fn warm() -> (Engine, Inferlet) {
    let path = std::env::var_os("METER").expect("METER names the built guest; `tests/bench/run` sets it");
    let wasm = std::fs::read(path).expect("the guest can be read");
    let engine = Engine::new(EngineConfig::dummy()).expect("the engine starts");
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
    let limits = Limits { fuel: u64::MAX, trace_bytes: u64::MAX, ..Limits::default() };
    c.bench_function("message to another inferlet and back", |b| {
        b.iter_custom(|times| {
            let moments = Moments::default();
            let launch = |what: &str| {
                let launch = Launch::new(format!(r#"{{"{what}":{times}}}"#)).limits(limits.clone());
                (inferlet.clone(), launch)
            };
            let finished = engine.run_all(vec![launch("return"), launch("serve")], Box::new(moments.clone()));
            assert!(
                finished.iter().all(|finished| matches!(finished.outcome, Outcome::Ok(_))),
                "{finished:?}"
            );
            let moments = moments.0.lock().expect("no bench thread panics");
            // Both say that they begin; who serves says so again, and when it ends.
            let [.., before, after] = moments[..] else { panic!("the guests send four messages") };
            after - before
        });
    });
}

criterion_group!(benches, launches, calls, passes, messages);
criterion_main!(benches);
