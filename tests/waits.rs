//! Inferlets that wait through async functions: `tests/guests/waits` exports an async `run` and has several things under way at once. Its
//! traces are recorded in `tests/waits`; `UPDATE_TRACES=1` records them anew.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bakery::build::check::{Form, check};
use pie_engine::trace::jsonl::Writer;
use pie_engine::trace::{Collected, Event, Outcome};
use pie_engine::{Catalog, Engine, EngineConfig, Inferlet, Launch, Runtime, RuntimeConfig};
use semver::Version;

use crate::support::World;
use crate::support::rust::guest;

/// The component, built once for all tests.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("waits"))
}

fn engine(threads: usize) -> (Engine, Inferlet) {
    let runtime = Runtime::new(RuntimeConfig { threads, ..RuntimeConfig::default() }).unwrap();
    let engine = Engine::on(Arc::new(runtime), EngineConfig::dummy()).unwrap();
    let inferlet = engine.compile(component()).unwrap();
    (engine, inferlet)
}

/// Runs it, and sends a message once nothing else can happen, and then a file. Gives the end, and the whole trace.
fn run((engine, inferlet): &(Engine, Inferlet), input: &str) -> (Outcome, String) {
    let launch = Launch::new(input);
    let control = launch.control();
    control.open();
    let client = std::thread::spawn(move || {
        if control.awaited() {
            control.send("hello".to_owned());
        }
        if control.awaited() {
            control.send_file(vec![1, 2, 3]);
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    let finished = engine.run(inferlet, launch, Box::new(Writer::new(file.reopen().unwrap())));
    client.join().unwrap();
    assert_eq!(finished.findings, [""; 0]);
    (finished.outcome, std::fs::read_to_string(file.path()).unwrap())
}

/// Runs it on several engines, more than once on each, and compares every trace with the recorded one.
fn leaves_its_recorded_trace(name: &str, input: &str, answer: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/waits").join(name);
    for (number, threads) in [1, 1, 2].into_iter().enumerate() {
        let engine = engine(threads);
        for again in 0..2 {
            let (outcome, trace) = run(&engine, input);
            assert_eq!(outcome, Outcome::Ok(answer.into()));
            if number == 0
                && again == 0
                && std::env::var_os("UPDATE_TRACES").is_some_and(|value| value == "1")
            {
                std::fs::write(&path, &trace).unwrap();
            }
            let recorded = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                recorded == trace,
                "run {number}.{again} with {threads} threads\nrecorded:\n{recorded}\nnow:\n{trace}"
            );
        }
    }
}

#[test]
fn passes_a_message_a_file_and_a_sleep_overlap() {
    leaves_its_recorded_trace(
        "overlap.jsonl",
        "\"overlap\"",
        r#"[" upon a", " it for", "hello", [1, 2, 3]]"#,
    );
}

#[test]
fn a_wait_that_was_given_up_can_be_taken_up_again() {
    leaves_its_recorded_trace("give-up.jsonl", "\"give up\"", "\"hello\"");
}

#[test]
fn a_subscription_is_waited_for_until_it_ends() {
    leaves_its_recorded_trace("listen.jsonl", "\"listen\"", r#"["early", "late", ""]"#);
}

#[test]
fn children_are_waited_for() {
    let told = [(); 2].map(|()| {
        let (engine, inferlet) = engine(1);
        let catalog = Catalog::default().with("waits", Version::new(1, 0, 0), inferlet.clone());
        let (trace, launch) = (Collected::default(), Launch::new("\"children\"").programs(Arc::new(catalog)));
        let finished = engine.run(&inferlet, launch, Box::new(trace.clone()));
        assert_eq!(finished.findings, [""; 0]);
        (finished.outcome, trace.records())
    });
    assert_eq!(told[0], told[1]);
    let answer = r#"["rested", "there is no way to wait called \"no way\""]"#;
    assert_eq!(told[0].0, Outcome::Ok(answer.into()));
    let ends: Vec<(u64, u64)> = told[0]
        .1
        .iter()
        .filter_map(|record| match record.event {
            Event::Finished { instance, .. } => Some((instance.0, record.at / 1_000_000)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(3, 0), (2, 5), (1, 5)]);
}

#[test]
fn the_check_knows_an_async_run_and_its_imports() {
    let checked = check(component(), None).unwrap();
    assert_eq!((checked.export.as_str(), checked.form), ("pie:waits/run", Form::Async));
    assert!(checked.imports.iter().any(|import| import == "pie:core/wait"), "{:?}", checked.imports);
}

#[test]
fn the_command_line_runs_an_async_run() {
    let world = World::new();
    world.write("waits.wasm", component());
    world
        .bakery(["run", "waits.wasm", "--input", "\"give up\""])
        .stdin("hello\n")
        .assert()
        .success()
        .stdout_eq("gave up\nhello\n");
}
