//! Every template makes a project that builds, passes its own tests, and prints what it says it prints.
//!
//! The cases are those of the template's `Pie.toml`, with the snapshots that the template has. With `UPDATE_EXPECT=1` these are written anew; look at
//! the change before you commit it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bakery::project::case::Sent;
use bakery::project::{Case, Language, Project};
use bakery::scaffold::{self, Template};

use crate::book::repository;
use crate::support::{javascript, python};

#[test]
fn every_template_makes_a_project_that_does_what_it_says() {
    let world = tempfile::tempdir().expect("the machine has a folder for temporary files");
    for template in scaffold::catalog().unwrap() {
        let name = format!("my-{}", template.id());
        printed(bakery(world.path()).args([
            "new",
            &name,
            "--lang",
            template.language.name(),
            "--template",
            &template.kind,
        ]));
        let project = Project::discover(Path::new(&name), world.path()).unwrap();
        let component = world.path().join(&name).with_extension("wasm");
        match template.language {
            Language::Python => python::prepare(),
            Language::JavaScript | Language::TypeScript => javascript::prepare(),
            Language::Rust => {}
        }
        cases_pass(&template, &project);
        if template.language != Language::Rust {
            printed(bakery(&project.root).args(["build", ".", "-o"]).arg(&component));
            for case in &project.manifest.tests {
                let [as_it_is, built] = [&project.root, &component].map(|target| run(&project, case, target));
                assert_eq!(
                    as_it_is,
                    built,
                    "case `{}` of the template `{}`, built",
                    case.name,
                    template.id()
                );
            }
        }
        native_tests_pass(&project);
    }
}

/// The cases of a new project pass with the snapshots that it came with.
fn cases_pass(template: &Template, project: &Project) {
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        printed(bakery(&project.root).args(["test", "--update", "all"]));
        let kept = repository().join("templates").join(template.id()).join("snapshots");
        for entry in fs::read_dir(project.root.join("snapshots")).unwrap() {
            let entry = entry.unwrap();
            write(&kept.join(entry.file_name()), &fs::read_to_string(entry.path()).unwrap());
        }
        return;
    }
    assert!(project.manifest.tests.len() >= 2, "{} has too few cases", template.id());
    printed(bakery(&project.root).arg("test").env("CI", "true"));
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("it is in a folder");
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).expect("the repository can be written");
}

/// What a case prints, and its trace.
fn run(project: &Project, case: &Case, target: &Path) -> (String, String) {
    let mut command = bakery(&project.root);
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let trace = folder.path().join("trace.jsonl");
    command.arg("run").arg(target).args(["--quiet", "--seed", &case.seed.to_string()]);
    command.arg("--trace").arg(&trace);
    command.args(["--input", &serde_json::Value::from(case.parameters.clone()).to_string()]);
    for sending in &case.send {
        if let Sent::Message(message) = &sending.what {
            command.args(["--send", message]);
        }
    }
    if let Some(script) = &case.script {
        command.arg("--script").arg(project.root.join(script));
    }
    let found = printed(&mut command);
    (found, fs::read_to_string(trace).expect("bakery has written the trace"))
}

/// The project's own tests, which finds the SDK by the settings that `bakery new` wrote.
fn native_tests_pass(project: &Project) {
    if matches!(project.language, Language::JavaScript | Language::TypeScript) {
        return;
    }
    if project.language == Language::Python {
        // It says on standard error how many there were, and fails where there is none.
        printed(in_folder(python::interpreter(), &project.root).args(["-m", "unittest"]));
        return;
    }
    let output = printed(in_folder("cargo", &project.root).arg("test").env("RUSTFLAGS", "-Dwarnings"));
    assert!(output.contains("test result: ok. ") && !output.contains(" 0 passed"), "{output}");
}

/// `bakery` with the tools of whoever runs the tests.
fn bakery(folder: &Path) -> Command {
    let mut command = in_folder(env!("CARGO_BIN_EXE_bakery"), folder);
    if folder.join("pyproject.toml").exists() {
        command.env("BAKERY_CACHE_DIR", python::cache());
    }
    if folder.join("package.json").exists() {
        command.env("BAKERY_CACHE_DIR", javascript::cache());
    }
    command
}

/// A program that shares one target folder with all of its kind, so that what templates have in common is compiled once.
fn in_folder(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a command whose standard input is empty. Returns its standard output, or fails with all it printed.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program is there");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout
}
