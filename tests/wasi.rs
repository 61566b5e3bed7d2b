//! What Rust's standard library makes of the engine's WASI: `tests/guests/wasi-probe` uses files, time, randomness and streams, checks what must
//! hold, and prints what it saw.

use std::sync::OnceLock;

use pie_engine::trace::{Collected, Event, Outcome, Record};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch};

use crate::support::World;
use crate::support::rust::guest;

/// What the probe prints but for its random numbers.
const SEEN: &str = r#"
[environment]
NAME=Ada
0 arguments
[time]
3600s later
3600s by the calendar
since 1767225600 s
[random]
[stdin]
0 bytes
[files]
["one", "two", "three"]
two
"one\nt"
modified at 1767229200 s
NotFound
[directories]
["a", "b", "c", "y"]
[false, false, false, true]
500 entries
["a.txt"]
[links]
through the other name
[walls]
[space]
63 MiB, then no more
17 bytes
"#;

/// The engine and the probe, compiled once for all tests.
fn probe() -> &'static (Engine, Inferlet) {
    static PROBE: OnceLock<(Engine, Inferlet)> = OnceLock::new();
    PROBE.get_or_init(|| {
        let engine = Engine::new(EngineConfig::dummy()).unwrap();
        let inferlet = engine.compile(&guest("wasi-probe")).unwrap();
        (engine, inferlet)
    })
}

fn run(then: &str, seed: u64) -> (Outcome, Vec<Record>) {
    let (engine, inferlet) = probe();
    let trace = Collected::default();
    let environment = vec![("NAME".to_owned(), "Ada".to_owned())];
    let launch = Launch::new(format!(r#"{{"then":"{then}"}}"#)).seed(seed).environment(environment);
    let finished = engine.run(inferlet, launch, Box::new(trace.clone()));
    assert_eq!(finished.findings, [""; 0]);
    (finished.outcome, trace.records())
}

/// The text on the standard output.
fn printed(records: &[Record]) -> String {
    let text = |record: &Record| match &record.event {
        Event::Stdout { text, .. } => text.as_str().to_owned(),
        _ => String::new(),
    };
    records.iter().map(text).collect()
}

/// The line below `[random]`, and the text without it.
fn split_random(text: &str) -> (String, String) {
    let (before, after) = text.split_once("[random]\n").unwrap();
    let (random, after) = after.split_once('\n').unwrap();
    (random.to_owned(), format!("{before}[random]\n{after}"))
}

#[test]
fn the_standard_library_finds_what_it_needs() {
    let (outcome, records) = run("answer", 1);
    assert_eq!(outcome, Outcome::Ok(r#""done""#.into()), "{}", printed(&records));
    assert_eq!(split_random(&printed(&records)).1, SEEN.trim_start());
    assert_eq!(records.last().unwrap().at, 3_600_000_000_000, "the probe slept an hour of virtual time");
}

#[test]
fn runs_are_equal_but_for_the_seed() {
    let (_, first) = run("answer", 1);
    assert_eq!(first, run("answer", 1).1);
    let (_, other) = run("answer", 2);
    let (first, other) = (split_random(&printed(&first)), split_random(&printed(&other)));
    assert_ne!(first.0, other.0);
    assert_eq!(first.1, other.1);
}

#[test]
fn a_program_that_exits_gives_no_answer() {
    let (Outcome::Error(message), _) = run("exit", 1) else { panic!("it has an answer") };
    let message = message.as_str();
    assert!(message.contains("the program ended itself with exit code"), "{message}");
}

#[test]
fn a_panic_of_the_standard_library_says_where() {
    let (Outcome::Trap { message, .. }, _) = run("panic", 1) else { panic!("it has an answer") };
    assert!(message.contains("wasi-probe/src/lib.rs") && message.contains("as it was asked"), "{message}");
}

#[test]
fn what_is_left_under_scratch_is_kept_when_the_user_asks_for_it() {
    let world = World::new();
    world.write("probe.wasm", guest("wasi-probe"));
    let run = |then: &str, folder: &str| {
        let input = format!(r#"{{"then":"{then}"}}"#);
        world.bakery(["run", "probe.wasm", "--input", &input, "--keep-scratch", folder]).output().unwrap()
    };
    let output = run("leave", "kept");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.contains("Kept ") && stderr.contains("in `kept`"), "{stderr}");
    let kept = world.work().join("kept");
    assert_eq!(std::fs::read_to_string(kept.join("shelf/a loaf.txt")).unwrap(), "rye\n");
    let names: Vec<_> = kept.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");

    let again = run("leave", "kept");
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert_eq!((again.status.code(), again.stdout.len()), (Some(2), 0), "it did not run: {stderr}");
    assert!(stderr.contains("`kept` is not empty"), "{stderr}");

    let failed = run("panic", "failed");
    assert_eq!(failed.status.code(), Some(1));
    assert!(world.work().join("failed/full").is_file(), "also what a run leaves that fails");
}
