//! Recordings: what the model said is kept, and played back with no model, in runs and in tests.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use snapbox::str;

use crate::book::repository;
use crate::support::{World, guest};

/// A world with the component of an example in it.
pub(super) fn world(example: &str) -> World {
    let world = World::new();
    let status = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["build", "--quiet", "--locked"])
        .arg(repository().join("examples").join(example))
        .arg("-o")
        .arg(world.work().join("it.wasm"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"))
        .status();
    assert!(status.unwrap().success(), "{example} cannot be built");
    world
}

pub(super) fn read(world: &World, file: &str) -> String {
    std::fs::read_to_string(world.work().join(file)).unwrap()
}

pub(super) fn output(world: &World, arguments: &[&str], stdin: &str) -> String {
    let output = world.bakery(["run", "it.wasm"]).args(arguments).stdin(stdin).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_was_recorded_runs_again_with_no_model_and_leaves_the_same_trace() {
    for (example, stdin) in [
        ("hello-rust", ""),
        ("chat-with-receive-rust", "Hello!\nAnd you?\n"),
        ("logprob-scoring-rust", ""),
        ("forward-sampling-rust", ""),
        ("ngram-speculation-rust", ""),
    ] {
        let world = world(example);
        let recorded = output(&world, &["--record", "kept", "--seed", "3"], stdin);
        assert!(!recorded.is_empty(), "{example}");
        assert_eq!(
            output(&world, &["--replay", "kept", "--trace", "again.jsonl"], ""),
            recorded,
            "{example}"
        );
        assert_eq!(read(&world, "again.jsonl"), read(&world, "kept/trace.jsonl"), "{example}");
    }
}

#[test]
fn a_trace_is_the_same_in_its_file_and_in_the_recording() {
    let world = world("chat-with-receive-rust");
    // Longer than what comes, and gone then.
    world.write("t.jsonl", "old\n".repeat(100_000));
    // Its text is made on another thread than that of a short one.
    let long = format!("Hello!\n{}\n", "really ".repeat(2400));
    output(&world, &["--trace", "t.jsonl", "--record", "kept"], &long);
    let trace = read(&world, "t.jsonl");
    assert_eq!(trace, read(&world, "kept/trace.jsonl"));
    assert_eq!(trace.matches(r#""event":"received""#).count(), 3);
    assert!(trace.contains(r#""text":{"len":16800,"#), "{trace}");
    output(&world, &["--replay", "kept", "--trace", "again.jsonl"], "");
    assert_eq!(trace, read(&world, "again.jsonl"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_cannot_be_written_ends_the_run_and_leaves_no_whole_recording() {
    let world = world("hello-rust");
    let full =
        |more: &[&str]| world.bakery(["run", "it.wasm", "--trace", "/dev/full"]).args(more).assert().code(3);
    full(&[]).stderr_eq(str![[r#"
error: cannot write `/dev/full`
  cause: No space left on device (os error 28)

"#]]);
    full(&["--record", "kept"]).stderr_eq(str![[r#"
error: cannot write the trace
  cause: `/dev/full`: No space left on device (os error 28)

"#]]);
    assert!(!world.work().join("kept/run.json").exists());
}

#[test]
fn answers_come_from_the_recording_and_a_pass_that_differs_gets_none() {
    let world = world("hello-rust");
    output(&world, &["--record", "kept", "--", "--name", "Ada"], "");
    let passes = read(&world, "kept/passes.jsonl");
    let first: Value = serde_json::from_str(passes.lines().next().unwrap()).unwrap();
    let token = first["replies"][0]["token"].as_u64().unwrap();
    // Another token in the first answer makes the second pass another one.
    world.write("kept/passes.jsonl", passes.replacen(&format!("{{\"token\":{token}}}"), "{\"token\":60}", 1));
    world.bakery(["run", "it.wasm", "--replay", "kept"]).assert().code(1).stdout_eq("").stderr_eq(str![[r#"
error: the run was cancelled: the recording cannot answer: pass 2 of instance 1 is not the recorded one: its `tokens` is [60], and [55] was recorded

"#]]);
    let cut: String = passes.split_inclusive('\n').take(3).collect();
    world.write("kept/passes.jsonl", cut);
    world.bakery(["run", "it.wasm", "--replay", "kept"]).assert().code(1).stderr_eq(str![[r#"
error: the run was cancelled: the recording cannot answer: instance 1 runs pass 4, and 3 of it were recorded

"#]]);
    world.write("kept/passes.jsonl", &passes[..passes.len() - 9]);
    world.bakery(["run", "it.wasm", "--replay", "kept"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `kept/passes.jsonl`
  cause: line 25 is not a pass: EOF while parsing [..]
   hint: record the run again

"#]]);
    world.write("kept/passes.jsonl", &passes);
    world.bakery(["run", "it.wasm", "--replay", "kept", "--", "--name", "Bob"]).assert().code(2).stderr_eq(
        str![[r#"
error: `kept/trace.jsonl` cannot be replayed
  cause: it was recorded with another input: {"name":"Ada"}
   hint: --input '{"name":"Ada"}'

"#]],
    );
    std::fs::remove_file(world.work().join("kept/run.json")).unwrap();
    world.bakery(["run", "it.wasm", "--replay", "kept"]).assert().code(2).stderr_eq(str![[r#"
error: `kept` is not a whole recording
  cause: cannot read `kept/run.json`: No such file or directory (os error 2)
   hint: recordings are what `bakery run --record` writes

"#]]);
    world.bakery(["run", "it.wasm", "--record", "kept"]).assert().code(2).stderr_eq(str![[r#"
error: `kept` is not empty
   hint: give `--record` a folder that is empty or new, or a recording to replace

"#]]);
}

#[test]
fn a_recording_is_replaced_by_that_of_a_run_and_by_nothing_else() {
    let world = World::new();
    world.write("it.wasm", guest::answering("\"Hello\""));
    output(&world, &["--record", "kept"], "");
    let kept = ["run.json", "trace.jsonl", "passes.jsonl"].map(|file| format!("kept/{file}"));
    let before = kept.each_ref().map(|file| read(&world, file));
    world.write("it.wasm", "text");
    world.bakery(["run", "it.wasm", "--record", "kept"]).assert().code(2);
    world.bakery(["run", "it.wasm", "--record", "new"]).assert().code(2);
    assert_eq!(kept.each_ref().map(|file| read(&world, file)), before);
    assert!(!world.work().join("new").exists());
    world.write("it.wasm", guest::answering("\"Hallo\""));
    output(&world, &["--record", "kept"], "");
    assert!(read(&world, &kept[1]).contains("Hallo"));
}

#[test]
fn a_test_can_run_from_a_recording() {
    let world = world("hello-rust");
    let recorded = output(&world, &["--record", "hello/kept", "--seed", "9", "--", "--name", "Cleo"], "");
    let manifest = std::fs::read_to_string(repository().join("examples/hello-rust/Pie.toml")).unwrap();
    let head = manifest.split("[[test]]").next().unwrap();
    let test = "[[test]]\nname = \"as-recorded\"\nreplay = \"kept\"\nsnapshot = [\"output\", \"events\", \"numbers\"]\n";
    world.write("hello/Pie.toml", format!("{head}[build]\nlanguage = \"rust\"\n{test}"));
    let all = ["test", "hello", "--component", "it.wasm"];
    world.bakery(all).args(["--update", "new"]).assert().success();
    world.bakery(all).env("CI", "1").assert().success();
    assert!(read(&world, "hello/snapshots/as-recorded.output.snap").contains(recorded.trim()));
    let passes = read(&world, "hello/kept/passes.jsonl");
    world.write(
        "hello/kept/passes.jsonl",
        passes.replacen("argmax", "argmin", 1).replacen("multinomial 0 0", "multinomial 1 0", 1),
    );
    world.bakery(all).assert().code(1).stdout_eq(str![[r#"
FAIL as-recorded
  expected an answer, and it was ended: the recording cannot answer: pass 1 of instance 1 is not the recorded one: its `samplers` is [{"indices":[26],"sampler":"multinomial 0 0"}], and [{"indices":[26],"sampler":"multinomial 1 0"}] was recorded
...
1 case: 0 passed, 1 failed

"#]]);
}

#[test]
fn two_traces_are_compared_and_counted_and_converted() {
    let world = world("hello-rust");
    for (name, file) in [("Ada", "ada.jsonl"), ("Bob", "bob.jsonl")] {
        output(&world, &["--trace", file, "--", "--name", name], "");
    }
    world.bakery(["trace", "diff", "ada.jsonl", "ada.jsonl"]).assert().success();
    world.bakery(["trace", "diff", "ada.jsonl", "ada.jsonl", "--layer", "numbers"]).assert().success();
    world.bakery(["trace", "diff", "ada.jsonl", "bob.jsonl"]).assert().code(1).stderr_eq(str![[r#"
error: the traces differ: launched: input is "{/"name/":/"Bob/"}" and was "{/"name/":/"Ada/"}"

"#]]);
    output(&world, &["--trace", "seed.jsonl", "--seed", "4", "--", "--name", "Ada"], "");
    world.bakery(["trace", "diff", "ada.jsonl", "seed.jsonl"]).assert().code(1).stderr_eq(str![[r#"
error: the traces are not comparable: seed was `0` and is `4`

"#]]);
    let stats = world.bakery(["trace", "stats", "ada.jsonl", "--json"]).output().unwrap();
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!((stats["passes"].as_u64(), stats["sampled_tokens"].as_u64()), (Some(25), Some(25)));
    assert_eq!(stats["coverage"]["calls"]["forward-pass.execute"], 25);
    let csv = world.bakery(["trace", "export", "ada.jsonl", "--format", "csv"]).output().unwrap();
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(csv.lines().count(), 26);
    assert!(csv.lines().nth(4).unwrap().starts_with("1,4,1,3.000,3.000,1,,27,\",\","), "{csv}");
    world
        .bakery(["trace", "export", "ada.jsonl", "--format", "perfetto", "-o", "ada.json"])
        .assert()
        .success();
    let perfetto: Value = serde_json::from_str(&read(&world, "ada.json")).unwrap();
    let events = perfetto["traceEvents"].as_array().unwrap();
    let passes: Vec<&Value> = events.iter().filter(|event| event["cat"] == "pass").collect();
    assert_eq!(
        (passes.len(), &passes[0]["ph"], &passes[0]["dur"]),
        (25, &Value::from("X"), &Value::from(1000.0))
    );
    let jsonl = world.bakery(["trace", "export", "ada.jsonl", "--format", "jsonl"]).output().unwrap();
    assert_eq!(String::from_utf8(jsonl.stdout).unwrap(), read(&world, "ada.jsonl"));
}

#[test]
fn a_recording_of_another_inferlet_and_one_of_a_newer_format_are_told_apart() {
    let world = World::new();
    world.write("it.wasm", guest::answering("\"Hello\""));
    output(&world, &["--record", "hello/kept"], "");
    let test = "[[test]]\nname = \"again\"\nreplay = \"kept\"\nexpect.equals = \"Hello\"\n";
    let project = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n[build]\nlanguage = \"rust\"\n{test}")
    };
    world.write("hello/Pie.toml", project("guest"));
    let all = ["test", "hello", "--component", "it.wasm"];
    world.bakery(all).assert().success();
    world.write("hello/Pie.toml", project("other"));
    world.bakery(all).assert().code(2).stderr_eq(str![[r#"
error: `hello/kept` cannot be replayed
 --> hello/Pie.toml:7:8
  |
7 | name = "again"
  |        ^^^^^^^ in this test
  cause: it is a recording of `guest`, and this is `other`

"#]]);
    world.write("other.wasm", guest::echoing_as("other"));
    world.bakery(["run", "other.wasm", "--replay", "hello/kept"]).assert().code(2).stderr_eq(str![[r#"
error: `hello/kept/trace.jsonl` cannot be replayed
  cause: it is a recording of `guest`, and this is `other`

"#]]);
    let run = read(&world, "hello/kept/run.json");
    world.write("hello/kept/run.json", run.replace("\"format\": 1", "\"format\": 9"));
    world.bakery(["run", "it.wasm", "--replay", "hello/kept"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `hello/kept/run.json`
  cause: it has format 9, and this version reads up to 1
   hint: get a newer bakery, or record the run again

"#]]);
    world.write("hello/kept/run.json", &run[..run.len() / 2]);
    world.bakery(["run", "it.wasm", "--replay", "hello/kept"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `hello/kept/run.json`
  cause: EOF while parsing [..]
   hint: record the run again

"#]]);
    world.write("hello/kept/run.json", &run);
    let trace = read(&world, "hello/kept/trace.jsonl");
    world.write("hello/kept/trace.jsonl", &trace[..trace.len() - 30]);
    let cut = world.bakery(["run", "it.wasm", "--replay", "hello/kept"]).assert().code(2);
    let said = String::from_utf8_lossy(&cut.get_output().stderr).into_owned();
    assert!(said.contains("hello/kept/trace.jsonl"), "{said}");
    // What was there is there still.
    assert_eq!(read(&world, "hello/kept/trace.jsonl").len(), trace.len() - 30);
}
