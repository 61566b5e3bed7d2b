//! Cases of inferlets under the test runners of their languages: `inferlet.testing` under pytest, `inferlet/testing` under the runner of Node.js. Both start the
//! `bakery` that is installed, and tell what it says as their users know it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use snapbox::{Assert, str};

use crate::book::repository;
use crate::support::{javascript, node, python};

/// Where pytest is, installed once below the target folder.
fn pytest() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        python::installed("pytest", &repository().join("sdk/python/tests/pytest-requirements.txt"))
    })
}

/// A folder with a copy of an example in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(example: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("the machine has a folder for temporary files"));
        copy(&repository().join("examples").join(example), &folder.path("hello"));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder is ours");
    }

    /// Puts something else in the place of a text of a file.
    fn change(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).expect("the file is there");
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        self.write(name, &text.replace(from, to));
    }

    /// pytest with these arguments and the plugin.
    fn pytest(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(python::interpreter());
        let sdk = repository().join("sdk/python/src");
        let path = std::env::join_paths([sdk.as_path(), pytest()]).expect("the paths have no separators");
        command.args(["-m", "pytest", "-p", "inferlet.testing", "-p", "no:cacheprovider"]).args(arguments);
        command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").env("COLUMNS", "100");
        self.ended(command, &python::cache())
    }

    /// The runner of Node.js with these arguments.
    fn node(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(node::node());
        command.args(["--test", "--test-reporter=tap"]).args(arguments).env("NO_COLOR", "1");
        self.ended(command, &javascript::cache())
    }

    fn ended(&self, mut command: Command, cache: &Path) -> Output {
        command.current_dir(self.0.path()).env("BAKERY", env!("CARGO_BIN_EXE_bakery")).env("CI", "true");
        command.env("BAKERY_CACHE_DIR", cache).env_remove("GITHUB_ACTIONS").stdin(Stdio::null());
        command.output().expect("the runner is there")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is ours");
    for entry in from.read_dir().expect("the example can be read") {
        let path = entry.expect("the example can be read").path();
        let name = path.file_name().expect("it is in a folder");
        match path.is_dir() {
            true if name == "target" => {}
            true => copy(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).expect("the folder is ours")),
        }
    }
}

/// What a runner has printed; it ended with this code.
#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Makes an accepted answer one that is not given.
fn spoil(folder: &Folder) {
    folder.change("hello/snapshots/greets-ada.output.snap", "Hello, Ada!", "Hallo, Ada!");
}

#[test]
fn each_case_is_a_test_of_pytest_and_a_difference_is_what_its_failure_says() {
    python::prepare();
    let folder = Folder::with("hello-python");
    let report = |folder: &Folder| std::fs::read_to_string(folder.path("report.xml")).unwrap();
    let passed = said(&folder.pytest(&["-q", "--junitxml=report.xml", "hello"]), 0);
    assert!(passed.contains("3 passed"), "{passed}");
    assert!(report(&folder).contains(r#"<property name="passes" value="25""#), "{}", report(&folder));
    spoil(&folder);
    let failed = said(&folder.pytest(&["-q", "--no-header", "hello"]), 1);
    let failure = failed.split("short test summary").next().unwrap_or_default();
    Assert::new().eq(
        failure,
        str![[r#"
.F.                                                                                          [100%]
============================================= FAILURES =============================================
____________________________________________ greets-ada ____________________________________________
output: line 1 of the answer changed: [..]
     answer
    -  Hallo, Ada! It is good to meet you. What would you like to talk about?
    +  Hello, Ada! It is good to meet you. What would you like to talk about?
again: bakery test [..] greets-ada
=====================================[..]
"#]],
    );
    let one = said(&folder.pytest(&["-q", "hello", "-k", "world"]), 0);
    assert!(one.contains("1 passed, 2 deselected"), "{one}");
    assert!(said(&folder.pytest(&["-q", "hello", "--inferlet-update=all"]), 0).contains("3 passed"));
    assert!(said(&folder.pytest(&["-q", "hello"]), 0).contains("3 passed"));
}

#[test]
fn tags_are_marks_of_pytest_and_what_is_wrong_with_a_project_is_said_when_it_is_collected() {
    let folder = Folder::with("hello-python");
    folder.change("hello/Pie.toml", "name = \"greets-ada\"", "name = \"greets-ada\"\ntags = [\"fast\"]");
    let listed = said(&folder.pytest(&["-q", "--collect-only", "-m", "fast", "hello"]), 0);
    assert!(listed.contains("hello/Pie.toml::greets-ada\n\n1/3 tests collected"), "{listed}");
    folder.change("hello/Pie.toml", "tags", "tgas");
    let wrong = said(&folder.pytest(&["-q", "hello"]), 2);
    for part in ["ERROR collecting hello/Pie.toml", "tgas", "did you mean `tags`"] {
        assert!(wrong.contains(part), "`{part}` is not in\n{wrong}");
    }
    let absent = said(&folder.pytest(&["-q", "hello", "--bakery", "no-such-program"]), 2);
    assert!(absent.contains("there is no program `no-such-program`"), "{absent}");
}

#[test]
fn a_function_of_pytest_runs_cases_and_looks_at_what_came_of_them() {
    python::prepare();
    let folder = Folder::with("hello-python");
    folder.write("test_hello.py", include_str!("runners/test_hello.py"));
    let passed = said(&folder.pytest(&["-q", "test_hello.py"]), 0);
    assert!(passed.contains("4 passed"), "{passed}");
    spoil(&folder);
    let failed = said(&folder.pytest(&["-q", "test_hello.py"]), 1);
    for part in ["3 passed", "1 failed", "test_hello[greets-ada]", "-  Hallo, Ada!", "+  Hello, Ada!"] {
        assert!(failed.contains(part), "`{part}` is not in\n{failed}");
    }
}

#[test]
fn each_case_is_a_test_of_nodes_runner_and_a_difference_is_what_its_failure_says() {
    javascript::prepare();
    let folder = Folder::with("hello-typescript");
    let package = folder.path("node_modules/inferlet");
    copy(&repository().join("sdk/javascript/src"), &package.join("src"));
    std::fs::copy(repository().join("sdk/javascript/package.json"), package.join("package.json")).unwrap();
    folder.write("hello.test.mjs", include_str!("runners/hello.test.mjs"));
    let count = |text: &str, what: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {what} ")));
        line.and_then(|count| count.parse::<u32>().ok())
    };
    let passed = said(&folder.node(&["hello.test.mjs"]), 0);
    assert_eq!((count(&passed, "pass"), count(&passed, "fail")), (Some(4), Some(0)), "{passed}");
    assert!(passed.contains("# 25 passes, 25 tokens"), "{passed}");
    spoil(&folder);
    let failed = said(&folder.node(&["hello.test.mjs"]), 1);
    assert_eq!((count(&failed, "pass"), count(&failed, "fail")), (Some(2), Some(2)), "{failed}");
    let parts = ["not ok 2 - greets-ada", "line 1 of the answer changed", "-  Hallo, Ada!", "+  Hello, Ada!"];
    for part in parts.iter().chain(&["expected:", "actual:", "operator: 'bakery test'", "greets-ada\n"]) {
        assert!(failed.contains(part), "`{part}` is not in\n{failed}");
    }
    let one = said(&folder.node(&["--test-name-pattern=world", "hello.test.mjs"]), 0);
    assert_eq!(count(&one, "fail"), Some(0), "{one}");
    folder.change("hello/Pie.toml", "snapshot", "snapshto");
    let wrong = said(&folder.node(&["hello.test.mjs"]), 1);
    assert!(wrong.contains("BakeryError") && wrong.contains("snapshto"), "{wrong}");
}

#[test]
fn what_both_read_is_what_is_printed() {
    // The two read documents field by field, so a field that is called otherwise would be found by their users.
    let schema = Command::new(env!("CARGO_BIN_EXE_bakery")).args(["schema", "test"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let text = schema.to_string();
    let python = std::fs::read_to_string(repository().join("sdk/python/src/inferlet/testing/__init__.py"));
    let node = std::fs::read_to_string(repository().join("sdk/javascript/src/testing/index.js"));
    let (python, node) = (python.unwrap(), node.unwrap());
    for field in
        ["sampled_tokens", "least_margin", "coverage", "again", "problems", "difference", "traces", "tags"]
    {
        let quoted = json!(field).to_string();
        assert!(text.contains(&quoted), "{field} is not in the schema");
        assert!(python.contains(&quoted) && node.contains(field), "{field} is not read");
    }
}
