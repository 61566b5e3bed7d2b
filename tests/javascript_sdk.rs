//! The JavaScript SDK passes its own tests, which run in Node.js over a fake of the engine: snippets of the reference page and types too.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::node;

/// What is copied: the packages that it needs to be built are installed beside the copy, and not in the source.
const PARTS: [&str; 5] = ["src", "tests", "build.mjs", "reference.mjs", "tsconfig.json"];

/// The chapter of the book that is made of the SDK's comments.
pub const API: &str = "javascript-api.md";

#[test]
fn the_sdk_passes_its_own_tests() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/javascript");
    let home = node::packages(&sdk, "javascript-sdk");
    for part in PARTS {
        let copy = home.join(part);
        if copy.is_dir() {
            std::fs::remove_dir_all(&copy).expect("the target folder can be written");
        }
        copy_all(&sdk.join(part), &copy);
    }
    let mut command = Command::new(node::node());
    command.arg("tests/run.mjs").arg(home.join("work")).current_dir(&home);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    command.env("INFERLET_WIT", repository.join("wit"));
    // The page is made of the comments, and its blocks are among what runs.
    command.env("INFERLET_BOOK", repository.join("book/src").join(API));
    let output = command.stdin(Stdio::null()).output().expect("there is a Node.js");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{}", failures(&said), String::from_utf8_lossy(&output.stderr));
    // A run that finds no tests passes too.
    let passed =
        said.lines().find_map(|line| line.strip_prefix("# pass ")).and_then(|count| count.parse().ok());
    assert!(passed.is_some_and(|count: u32| count >= 150), "{passed:?} tests have passed");
    assert!(said.lines().any(|line| line == "# skipped 0"), "tests were skipped");
}

fn copy_all(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).expect("the target folder can be written");
        return;
    }
    std::fs::create_dir_all(to).expect("the target folder can be written");
    for entry in std::fs::read_dir(from).expect("the SDK can be read") {
        let entry = entry.expect("the SDK can be read");
        copy_all(&entry.path(), &to.join(entry.file_name()));
    }
}

/// The tests that failed, each with what is said about it.
fn failures(said: &str) -> String {
    let mut lines = said.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("not ok") || line.contains("error TS") {
            found.push(line);
            found.extend(lines.by_ref().take(20));
        }
    }
    found.join("\n")
}
