//! The cases of the examples: `[[test]]` in their `Pie.toml`, and `snapshots/` beside it. All of them pass, and what comes of them is the same with any
//! number of threads and each time.
//!
//! `bakery test examples/NAME` and `bakery review examples/NAME` accept what has changed. With `BAKERY_TEST_REPETITIONS=N` they are run so often with each number of
//! jobs, and what `BAKERY_TEST_RELEASE` names is run instead of the program that was just built: `tests/bench/repeat` does both.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::book::repository;
use crate::support::{javascript, python};

/// How many cases run at once, time after time.
const JOBS: [&str; 2] = ["1", "2"];

/// The examples in some languages.
fn examples(languages: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("examples")).expect("there are examples");
    let folders = entries.map(|entry| entry.expect("the folder can be read").path());
    let is_wanted = |path: &PathBuf| {
        let language = path.to_string_lossy().rsplit('-').next().map(str::to_owned);
        language.is_some_and(|language| languages.contains(&&*language)) && path.join("Pie.toml").is_file()
    };
    let mut examples: Vec<PathBuf> = folders.filter(is_wanted).collect();
    examples.sort();
    examples
}

/// What `bakery test --json` prints of some projects, without times.
fn tested(mut command: Command, projects: &[PathBuf], jobs: &str) -> Vec<Value> {
    command.arg("test").args(projects).args(["--json", "--jobs", jobs]).env("CI", "true");
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

/// All cases pass, and give the same however many of them run at once.
fn pass(languages: &[&str], bakery: impl Fn() -> Command) {
    let examples = examples(languages);
    assert!(examples.len() >= 15, "only {} examples", examples.len());
    let first = tested(bakery(), &examples, JOBS[0]);
    for example in &examples {
        let shown = example.display().to_string();
        assert!(first.iter().any(|document| document["project"] == shown), "`{shown}` has no case");
    }
    let times =
        std::env::var("BAKERY_TEST_REPETITIONS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    for time in 1..=times {
        for jobs in JOBS {
            let documents = tested(bakery(), &examples, jobs);
            assert_eq!(documents, first, "time {time} with --jobs {jobs}");
        }
    }
}

#[test]
fn the_cases_of_every_example_in_rust_pass_and_give_the_same_with_any_number_of_threads() {
    pass(&["rust"], || {
        let program =
            std::env::var_os("BAKERY_TEST_RELEASE").unwrap_or_else(|| env!("CARGO_BIN_EXE_bakery").into());
        let mut bakery = Command::new(program);
        // The folder in which other tests have built them.
        bakery.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"));
        bakery
    });
}

#[test]
fn the_cases_of_every_example_in_python_pass_and_give_the_same_with_any_number_of_threads() {
    python::prepare();
    pass(&["python"], python::bakery);
}

#[test]
fn the_cases_of_every_example_in_javascript_pass_and_give_the_same_with_any_number_of_threads() {
    javascript::prepare();
    pass(&["typescript", "javascript"], javascript::bakery);
}
