//! The cases of the examples: `[[test]]` in their `Pie.toml`, and `snapshots/` beside it. All of them pass, and what comes of them is the same with any
//! number of threads and each time.
//!
//! `bakery test examples/NAME` and `bakery review examples/NAME` accept what has changed. With `BAKERY_TEST_REPETITIONS=N` they are run so often.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::book::repository;

/// How many cases run at once, time after time.
const JOBS: [&str; 2] = ["1", "2"];

/// The examples in Rust.
fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("examples")).expect("there are examples");
    let folders = entries.map(|entry| entry.expect("the folder can be read").path());
    let rust = |path: &PathBuf| path.to_string_lossy().ends_with("-rust") && path.join("Pie.toml").is_file();
    let mut examples: Vec<PathBuf> = folders.filter(rust).collect();
    examples.sort();
    examples
}

/// What `bakery test --json` prints of some projects, without times.
fn tested(projects: &[PathBuf], jobs: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakery"));
    command.arg("test").args(projects).args(["--json", "--jobs", jobs]).env("CI", "true");
    // The folder in which other tests have built them.
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"));
    let output = command.stdin(Stdio::null()).output().expect("bakery is there");
    let text = String::from_utf8(output.stdout).expect("documents are text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let mut documents: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is a document")).collect();
    for document in &mut documents {
        document.as_object_mut().expect("a document is an object").remove("elapsed_ms");
    }
    documents
}

#[test]
fn the_cases_of_every_example_pass_and_give_the_same_with_any_number_of_threads() {
    let examples = examples();
    assert!(examples.len() >= 30, "only {} examples", examples.len());
    let first = tested(&examples, JOBS[0]);
    for example in &examples {
        let shown = example.display().to_string();
        assert!(first.iter().any(|document| document["project"] == shown), "`{shown}` has no case");
    }
    let times =
        std::env::var("BAKERY_TEST_REPETITIONS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    for _ in 0..times {
        for jobs in JOBS {
            assert_eq!(tested(&examples, jobs), first, "--jobs {jobs}");
        }
    }
}
