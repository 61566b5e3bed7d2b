//! Recordings whose runs were killed: what was there stays, what is left is told apart, and the next one takes its place.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use snapbox::str;

use super::record::{output, read, world};
use crate::support::World;

/// How long something that takes milliseconds may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run that records, and waits for a message that does not come.
struct Waiting(Child);

impl Waiting {
    fn start(world: &World, folder: &str) -> Waiting {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bakery"));
        command.env_clear().env("HOME", world.work()).env("BAKERY_CACHE_DIR", world.work().join(".cache"));
        command.current_dir(world.work()).args(["run", "it.wasm", "--record", folder]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let trace = world.work().join(folder).join("unfinished-recording/trace.jsonl");
        let begun = Instant::now();
        while !std::fs::read_to_string(&trace).is_ok_and(|text| text.contains(r#""event":"launched""#)) {
            assert!(begun.elapsed() < PATIENCE, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(5));
        }
        Waiting(child)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn names(world: &World, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(world.work().join(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const WHOLE: [&str; 3] = ["passes.jsonl", "run.json", "trace.jsonl"];

#[test]
fn a_recording_stays_until_there_is_another_one() {
    let world = world("chat-with-receive-rust");
    let recorded = output(&world, &["--record", "kept"], "Hello!\n");
    assert_eq!(names(&world, "kept"), WHOLE);
    let before = WHOLE.map(|name| read(&world, &format!("kept/{name}")));
    let waiting = Waiting::start(&world, "kept");
    world.bakery(["run", "it.wasm", "--record", "kept"]).stdin("Hi!\n").assert().code(2).stderr_eq(str![[
        r#"
error: another run records to `kept`
   hint: give `--record` another folder, or wait for its end

"#
    ]]);
    waiting.kill();
    assert_eq!(WHOLE.map(|name| read(&world, &format!("kept/{name}"))), before);
    assert_eq!(output(&world, &["--replay", "kept"], ""), recorded);
    let other = output(&world, &["--record", "kept"], "And you?\n");
    assert_eq!(names(&world, "kept"), WHOLE);
    assert_ne!(other, recorded);
    assert_eq!(output(&world, &["--replay", "kept"], ""), other);
}

#[test]
fn a_recording_whose_run_was_killed_is_told_apart_and_replaced() {
    let world = world("chat-with-receive-rust");
    Waiting::start(&world, "new").kill();
    assert_eq!(names(&world, "new"), ["unfinished-recording"]);
    world.bakery(["run", "it.wasm", "--replay", "new"]).assert().code(2).stderr_eq(str![[r#"
error: `new` is not a whole recording
  cause: its run was stopped before it ended
   hint: record the run again
   hint: bakery trace show new/unfinished-recording/trace.jsonl

"#]]);
    // What was moved up already when the machine stopped is of no use by itself.
    world.write("new/passes.jsonl", "");
    let recorded = output(&world, &["--record", "new"], "Hello!\n");
    assert_eq!(names(&world, "new"), WHOLE);
    assert_eq!(output(&world, &["--replay", "new"], ""), recorded);
}

#[test]
fn what_is_no_recording_is_not_taken_for_one() {
    let world = world("hello-rust");
    world.write("a/unfinished-recording/trace.jsonl", "mine");
    world.write("a/notes.txt", "mine");
    world.write("b/unfinished-recording/notes.txt", "mine");
    world.write("c/run.json", r#"{"name": "mine"}"#);
    world.write("d/trace.jsonl", "mine");
    let files = ["a/unfinished-recording/trace.jsonl", "a/notes.txt", "b/unfinished-recording/notes.txt"];
    for folder in ["a", "b", "c", "d"] {
        let assert = world.bakery(["run", "it.wasm", "--record", folder]).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.starts_with(&format!("error: `{folder}` is not empty\n")), "{said}");
    }
    for file in files.into_iter().chain(["c/run.json", "d/trace.jsonl"]) {
        assert!(read(&world, file).contains("mine"), "{file}");
    }
    // Beside a whole recording there may be other files, which stay.
    output(&world, &["--record", "e"], "");
    world.write("e/notes.txt", "mine");
    output(&world, &["--record", "e", "--seed", "1"], "");
    assert_eq!(names(&world, "e"), ["notes.txt", "passes.jsonl", "run.json", "trace.jsonl"]);
}
