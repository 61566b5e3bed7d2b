//! `--watch`: runs again when something has changed, and only then.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::support::{World, guest, python};

/// How long the slowest machine may take to do something.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long nothing has to happen for there to be no loop: many times what a run of these cases takes.
const QUIET: Duration = Duration::from_secs(3);

/// A command that watches, and the lines that it prints to both streams.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(world: &World, arguments: &[&str]) -> Watching {
        Self::start_with(world, &world.work().join(".cache"), arguments)
    }

    fn start_with(world: &World, cache: &Path, arguments: &[&str]) -> Watching {
        // Both streams are one, so that lines come in the order in which they were written.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 2>&1"#, env!("CARGO_BIN_EXE_bakery")]);
        command.env_clear().env("HOME", world.work()).env("BAKERY_CACHE_DIR", cache);
        command.current_dir(world.work()).args(arguments).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("there is a shell");
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("it is a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Watching { child, lines }
    }

    /// All lines up to one that holds a text.
    #[track_caller]
    fn until(&self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no `{text}` in\n{all}"));
            all += &format!("{line}\n");
            if line.contains(text) {
                return all;
            }
        }
    }

    /// Nothing more is printed.
    #[track_caller]
    fn is_quiet(&self) {
        let next = self.lines.recv_timeout(QUIET);
        assert_eq!(next, Err(RecvTimeoutError::Timeout));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WAITING: &str = "waiting for a file to change";

#[test]
fn tests_run_again_when_a_source_changes_and_not_for_what_they_write_themselves() {
    let world = World::new();
    let manifest = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n[build]\nlanguage = \"rust\"\n[[test]]\nname = \"greets\"\nsnapshot = [\"output\"]\n";
    world.write("hello/Pie.toml", manifest);
    world.write("hello/hello.wasm", guest::answering("\"Hello\""));
    let arguments =
        ["test", "hello", "--component", "hello/hello.wasm", "--watch", "--junit", "hello/report.xml"];
    let watching = Watching::start(&world, &arguments);
    let first = watching.until(WAITING);
    assert!(first.contains("1 snapshot to review"), "{first}");
    // A proposal and a report were written, which wakes nobody; nor does saving a file as it was, or an output.
    watching.is_quiet();
    world.write("hello/Pie.toml", manifest);
    world.write("hello/target/noise", "x");
    world.write("hello/snapshots/other.output.snap.new", "x");
    watching.is_quiet();
    // Somebody accepts it.
    let snapshots = world.work().join("hello/snapshots");
    std::fs::rename(snapshots.join("greets.output.snap.new"), snapshots.join("greets.output.snap")).unwrap();
    let second = watching.until(WAITING);
    assert!(second.contains("Changed `hello/snapshots/greets.output.snap`"), "{second}");
    assert!(second.contains("1 case: 1 passed"), "{second}");
    watching.is_quiet();
    world.write("hello/hello.wasm", guest::answering("\"Hallo\""));
    let third = watching.until(WAITING);
    assert!(
        third.contains("Changed `hello/hello.wasm`") && third.contains("`Hallo` and not `Hello`"),
        "{third}"
    );
    // A mistake is told, and mended.
    world.write("hello/Pie.toml", "[package]\nnam = 1\n");
    let fourth = watching.until(WAITING);
    assert!(fourth.contains("unknown key `nam`"), "{fourth}");
    world.write("hello/Pie.toml", manifest);
    let fifth = watching.until(WAITING);
    assert!(fifth.contains("1 failed"), "{fifth}");
    watching.is_quiet();
}

/// A program of a project in Python that answers with a word.
fn answering(word: &str) -> String {
    format!("async def main() -> str:\n    print(\"working\")\n    return \"{word}\"\n")
}

#[test]
fn a_run_comes_again_when_a_source_changes_and_not_for_what_it_writes_itself() {
    let world = World::new();
    world.write("hello.wasm", guest::answering("\"Hello\""));
    let arguments = ["run", "hello.wasm", "--watch", "--record", "kept", "--trace", "t.jsonl"];
    let watching = Watching::start(&world, &arguments);
    let first = watching.until(WAITING);
    assert!(first.contains("Hello") && !first.contains("Changed"), "{first}");
    // A recording and a trace were written beside it, which wakes nobody; nor do other files, or the same bytes again.
    watching.is_quiet();
    world.write("hello.wasm", guest::answering("\"Hello\""));
    world.write("other.wasm", guest::answering("\"Hello\""));
    watching.is_quiet();
    world.write("hello.wasm", guest::answering("\"Hallo\""));
    let second = watching.until(WAITING);
    assert!(second.contains("Changed `hello.wasm`") && second.contains("Hallo"), "{second}");
    // What fails is told, and no reason to stop.
    world.write("hello.wasm", guest::failing("no bread"));
    let third = watching.until(WAITING);
    assert!(third.contains("no bread"), "{third}");
    world.write("hello.wasm", "text");
    let fourth = watching.until(WAITING);
    assert!(fourth.contains("not an inferlet that can be run"), "{fourth}");
    world.write("hello.wasm", guest::answering("\"Hello\""));
    let fifth = watching.until(WAITING);
    assert!(fifth.contains("Hello"), "{fifth}");
    watching.is_quiet();
    assert!(world.work().join("kept/run.json").is_file());
}

#[test]
fn a_run_of_a_project_is_built_anew_and_reads_no_standard_input() {
    python::prepare();
    let world = World::new();
    world.write("hello/Pie.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n");
    world.write("hello/main.py", answering("one"));
    let replies = |text: &str| format!("[[reply]]\nwhen = {{ contains = \"Hi\" }}\ntext = \"{text}\"\n");
    world.write("replies.toml", replies("a"));
    let arguments = ["run", "hello", "--watch", "--script", "replies.toml"];
    let watching = Watching::start_with(&world, &python::cache(), &arguments);
    let first = watching.until(WAITING);
    assert!(first.contains("one"), "{first}");
    watching.is_quiet();
    world.write("hello/words.py", "WORD = \"two\"\n");
    let second = watching.until(WAITING);
    assert!(second.contains("Changed `hello/words.py`"), "{second}");
    world.write("hello/main.py", answering("two").replace("async", "from words import WORD\nasync"));
    assert!(watching.until(WAITING).contains("two"));
    world.write("replies.toml", replies("b"));
    let fourth = watching.until(WAITING);
    assert!(fourth.contains("Changed `replies.toml`") && fourth.contains("two"), "{fourth}");
    watching.is_quiet();
}
