//! `pie_engine::testing`: what `bakery test` does, in a test of a Rust crate, with the library insta and in files of the same format.

use std::path::{Path, PathBuf};
use std::process::Command;

use pie_engine::testing::{Layer, Run, Subject, SubjectError};
use pie_engine::trace::Outcome;
use serde_json::json;

use crate::book::repository;
use crate::support::{World, guest};

/// Where another run of this program is to keep its snapshots.
const KEPT_IN: &str = "BAKERY_TEST_KEPT_IN";

/// The component of an example in Rust.
fn example(name: &str) -> Subject {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let wasm = folder.path().join("it.wasm");
    let status = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["build", "--quiet", "--locked"])
        .arg(repository().join("examples").join(name))
        .arg("-o")
        .arg(&wasm)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"))
        .status();
    assert!(status.expect("bakery is there").success(), "{name} cannot be built");
    Subject::read(wasm).expect("it was just built")
}

/// Holds the layers of a run against files of snapshots, as `bakery test` calls them.
fn held_against(folder: &Path, case: &str, run: &Run, layers: &[Layer]) {
    insta::with_settings!({
        snapshot_path => folder,
        prepend_module_to_snapshot => false,
        omit_expression => true,
        info => &run.conditions(),
    }, {
        for layer in layers {
            insta::assert_snapshot!(format!("{case}.{}", layer.name()), run.layer(*layer));
        }
    });
}

#[test]
fn a_rust_crate_is_held_to_the_very_snapshots_of_bakery_test() {
    let hello = example("hello-rust");
    for (case, name) in [("greets-the-world", "World"), ("greets-ada", "Ada")] {
        let run = hello.case(json!({ "name": name })).launch(|launch| launch.name("hello-rust")).run();
        assert_eq!(run.finished().findings, [""; 0]);
        let accepted = repository().join("examples/hello-rust/snapshots");
        held_against(&accepted, case, &run, &[Layer::Output, Layer::Events]);
    }
}

// ANCHOR: case
#[test]
fn what_a_case_says_is_what_the_inferlet_gets() {
    let talks = Subject::new(&guest::conversing()).unwrap();
    let run = talks
        .case(json!({}))
        .send("first")
        .send(r#"{"id": 7}"#)
        .redact("$.id")
        .unwrap()
        .leave_out("received")
        .run();
    insta::assert_snapshot!(run.output(), @r#"
    message
      first

    message
      {"id":"[redacted]"}

    answer (JSON)
      null
    "#);
    insta::assert_snapshot!(run.events(), @r#"
    i1 launched program="guest" input="{}"
    i1 message text="first"
    i1 message text="{\"id\": 7}"
    i1 finished outcome=ok passes=0 input_tokens=0 sampled_tokens=0
    "#);
    assert_eq!(run.value(), Some(json!(null)));
}
// ANCHOR_END: case

#[test]
fn seeds_interleavings_limits_and_pages_are_those_of_the_case() {
    let scoring = example("logprob-scoring-rust");
    let question = json!({ "question": "Is bread baked?", "answers": ["Yes.", "No."] });
    let run = |seed| scoring.case(question.clone()).seed(seed).pages(64).run();
    let (one, other) = (run(1), run(1));
    assert!(one.numbers().contains("logprobs"), "{}", one.numbers());
    assert_eq!(one.numbers(), other.numbers());
    assert_eq!(one.conditions().differ(&run(2).conditions()).as_deref(), Some("seed was `1` and is `2`"));
    let endless = Subject::new(&guest::doing("(loop $again (br $again))")).unwrap();
    let limits = pie_engine::Limits { fuel: 10_000, ..pie_engine::Limits::default() };
    let run = endless.case(json!(null)).interleaving(3).launch(|launch| launch.limits(limits)).run();
    assert!(matches!(run.finished().outcome, Outcome::Limit { .. }), "{:?}", run.finished());
    assert_eq!(run.value(), None);
    assert!(scoring.case(json!({})).pages(0).try_run().is_err());
}

#[test]
fn what_is_no_inferlet_is_told_apart() {
    let absent = Subject::read("nowhere/it.wasm").err().expect("there is no file");
    assert!(matches!(&absent, SubjectError::Unreadable { .. }), "{absent}");
    assert_eq!(absent.to_string(), "cannot read `nowhere/it.wasm`");
    let text = Subject::new(b"text").err().expect("it is no component");
    assert!(text.to_string().contains("not WebAssembly"), "{text}");
    let case = Subject::new(&guest::answering("1")).unwrap().case(json!({}));
    assert!(case.redact("$[").is_err());
}

/// Not a test of its own: the next one runs it, with the variables that insta reads once in a process.
#[test]
#[ignore = "the next test runs it"]
fn keeps_a_snapshot_with_insta() {
    let Some(folder) = std::env::var_os(KEPT_IN).map(PathBuf::from) else { return };
    let run = Subject::new(&guest::answering(r#""Hello""#)).unwrap().case(json!({})).run();
    held_against(&folder, "greets", &run, &[Layer::Output, Layer::Events]);
}

#[test]
fn what_a_rust_crate_has_kept_with_insta_passes_under_bakery_test() {
    let world = World::new();
    let manifest = "[package]\nname = \"guest\"\nversion = \"0.1.0\"\n\n[build]\nlanguage = \"rust\"\n\n";
    let test = "[[test]]\nname = \"greets\"\nsnapshot = [\"output\", \"events\"]\n";
    world.write("guest/Pie.toml", format!("{manifest}{test}"));
    world.write("guest/it.wasm", guest::answering(r#""Hello""#));
    let folder = world.work().join("guest/snapshots");
    let output = Command::new(std::env::current_exe().expect("the tests are a program"))
        .args(["--ignored", "--exact", "library::keeps_a_snapshot_with_insta"])
        .env(KEPT_IN, &folder)
        .env("INSTA_UPDATE", "always")
        .output()
        .expect("the tests are a program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(folder.join("greets.output.snap").is_file() && folder.join("greets.events.snap").is_file());
    let tested = ["test", "guest", "--component", "guest/it.wasm"];
    world.bakery(tested).env("CI", "true").assert().success().stdout_eq("1 case: 1 passed[..]\n");
}
