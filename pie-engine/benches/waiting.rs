//! How much memory ten thousand inferlets take that all wait for a message at once, and how long it takes to launch and to end them.
//!
//! Needs the guest `tests/guests/meter`, built: `METER=…/meter.wasm cargo bench -p pie-engine --bench waiting`. The script `tests/bench/run`
//! builds and passes it. It measures once: memory does not vary, and the times are told for orientation.

use pie_engine::trace::{Discard, Outcome};
use pie_engine::{Engine, EngineConfig, Launch, Limits, Runtime, RuntimeConfig};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

const INSTANCES: u32 = 10_000;

fn main() {
    let path = std::env::var_os("METER").expect("METER names the built guest; `tests/bench/run` sets it");
    let wasm = std::fs::read(path).expect("the guest can be read");
    let ceiling = Limits::default();
    let runtime = Runtime::new(RuntimeConfig { instances: INSTANCES, ceiling, ..RuntimeConfig::default() });
    let runtime = Arc::new(runtime.expect("the runtime starts"));
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let inferlet = engine.compile(&wasm).expect("the guest is an inferlet");
    engine.run(&inferlet, Launch::new(r#""launch""#), Box::new(Discard));

    let launches: Vec<_> = (0..INSTANCES).map(|_| (inferlet.clone(), Launch::new(r#""wait""#))).collect();
    let controls: Vec<_> = launches.iter().map(|(_, launch)| launch.control()).collect();
    for control in &controls {
        control.open();
    }
    let before = resident_bytes();
    let started = Instant::now();
    let watcher = thread::spawn(move || {
        for control in &controls {
            assert!(control.awaited(), "an inferlet ended instead of waiting");
        }
        let (launched, held) = (started.elapsed(), resident_bytes());
        for control in &controls {
            control.close();
        }
        (launched, held)
    });
    let finished = engine.run_all(launches, Box::new(Discard));
    let total = started.elapsed();
    assert!(finished.iter().all(|finished| matches!(finished.outcome, Outcome::Ok(_))), "all end well");
    let (launched, held) = watcher.join().expect("the watcher does not panic");
    let each = (held - before) / u64::from(INSTANCES);
    let rate = f64::from(INSTANCES) / launched.as_secs_f64();
    println!("{INSTANCES} instances waiting at once: {each} bytes each");
    println!(
        "launched until all waited in {launched:.2?} ({rate:.0} a second), ended in {:.2?}",
        total - launched
    );
}

/// Resident memory of this process, in bytes, as Linux tells it.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells the resident size");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("the size is a number of kB") << 10
}
