//! `bakery run` of components: what is printed where, and which exit code follows.

use snapbox::{IntoData, str};

use crate::support::{World, guest};

/// `bakery run guest.wasm` with more arguments.
fn run(component: &[u8], arguments: &[&str]) -> snapbox::cmd::OutputAssert {
    let world = World::new();
    world.write("guest.wasm", component);
    world.bakery(["run", "guest.wasm"]).args(arguments).assert()
}

#[test]
fn the_text_of_an_answer_is_printed_as_it_is() {
    run(&guest::answering(r#""Hello, \"Ada\"""#), &[]).success().stdout_eq("Hello, \"Ada\"\n").stderr_eq("");
}

#[test]
fn other_answers_are_printed_as_json() {
    run(&guest::answering(r#"{"a":[1,2]}"#), &[]).success().stdout_eq("{\"a\":[1,2]}\n").stderr_eq("");
    run(&guest::answering("12345678901234567890123"), &[]).success().stdout_eq("12345678901234567890123\n");
}

#[test]
fn an_answer_of_null_is_nothing_to_print() {
    run(&guest::answering("null"), &[]).success().stdout_eq("").stderr_eq("");
}

#[test]
fn an_answer_that_is_no_json_is_a_failure() {
    run(&guest::answering("plain"), &[]).code(1).stdout_eq("").stderr_eq(str![[r#"
error: the inferlet returned an error: the inferlet answered with text that is not JSON (expected value at line 1 column 1): `plain`

"#]]);
}

#[test]
fn what_is_printed_and_sent_comes_before_the_answer() {
    run(&guest::printing("half a line"), &[])
        .success()
        .stdout_eq(str![[r#"
half a line
half a line

"#]])
        .stderr_eq(str![[r#"
warning: the inferlet sent files, and without `--out-dir` they are not kept

"#]]);
}

#[test]
fn sent_files_go_to_the_folder_for_them() {
    let world = World::new();
    world.write("guest.wasm", guest::printing("contents"));
    world.bakery(["run", "guest.wasm", "--out-dir", "out"]).assert().success().stderr_eq(str![[r#"
    Received `out/file-1.bin`

"#]]);
    assert_eq!(std::fs::read_to_string(world.work().join("out/file-1.bin")).unwrap(), "contents");
    assert_eq!(std::fs::read_dir(world.work().join("out")).unwrap().count(), 1);
}

#[test]
fn without_a_manifest_any_parameter_is_taken() {
    run(&guest::echoing(), &["--", "--name", "Ada"]).success().stdout_eq("{\"name\":\"Ada\"}\n");
}

#[test]
fn input_is_json_on_the_command_line_or_in_a_file() {
    run(&guest::echoing(), &["--input", "[1, 2]"]).success().stdout_eq("[1,2]\n");
    let world = World::new();
    world.write("guest.wasm", guest::echoing());
    world.write("in.json", "{\"name\": \"Ada\"}\n");
    let assert = world.bakery(["run", "guest.wasm", "--input", "@in.json"]).assert();
    assert.success().stdout_eq("{\"name\":\"Ada\"}\n");
    world.bakery(["run", "guest.wasm", "--input", "@none.json"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `none.json`
  cause: No such file or directory (os error 2)

"#]]);
}

#[test]
fn a_mistake_in_the_input_is_shown() {
    run(&guest::echoing(), &["--input", "{\"name\": Ada}"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: the input is not JSON
 --> --input:1:10
  |
1 | {"name": Ada}
  |          ^ expected value

"#]]);
}

#[test]
fn input_and_parameters_exclude_each_other() {
    run(&guest::echoing(), &["--input", "{}", "--", "--name", "Ada"]).code(2).stderr_eq(str![[r#"
error: the argument '--input <JSON|@FILE>' cannot be used with '[PARAMETERS]...'

Usage: bakery run --input <JSON|@FILE> <PATH> [-- <PARAMETERS>...]

For more information, try '--help'.

"#]]);
}

const MANIFEST: &str = r#"
[package]
name = "guest"
version = "0.1.0"
description = "Echoes what it gets"

[parameters]
name = { type = "string", description = "Whom to greet" }
times = { type = "int", min = 1, default = 2 }
"#;

fn with_manifest(arguments: &[&str]) -> snapbox::cmd::OutputAssert {
    let world = World::new();
    world.write("guest.wasm", guest::echoing());
    world.write("Pie.toml", MANIFEST);
    world.bakery(["run", "guest.wasm", "--manifest", "Pie.toml"]).args(arguments).assert()
}

#[test]
fn parameters_are_read_as_the_manifest_says() {
    with_manifest(&["--", "--name", "Ada"]).success().stdout_eq("{\"name\":\"Ada\",\"times\":2}\n");
}

#[test]
fn a_wrong_parameter_is_a_usage_error_before_anything_runs() {
    with_manifest(&["--", "--name", "Ada", "--times", "0"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: the parameter `times` must be a whole number of at least 1, not `0`

"#]]);
    with_manifest(&["--", "--nam", "Ada"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no parameter `--nam`
   hint: did you mean `--name`?

"#]]);
    with_manifest(&["--input", "{\"times\":3}"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: the parameter `name` is missing
   hint: add `-- --name <TEXT>`
   hint: `-- --help` describes the parameters

"#]]);
}

#[test]
fn help_behind_the_double_dash_is_that_of_the_inferlet() {
    with_manifest(&["--", "--help"])
        .success()
        .stdout_eq(str![[r#"
guest 0.1.0: Echoes what it gets

Usage: bakery run PATH -- [OPTIONS] --name <TEXT>

Options:
      --name <TEXT>  Whom to greet
      --times <INT>  [a whole number of at least 1] [default: 2]
  -h, --help         Print help

"#]])
        .stderr_eq("");
}

#[test]
fn the_inferlets_help_as_json_has_the_schema_of_its_input() {
    with_manifest(&["--json", "--", "--help"]).success().stdout_eq(str![[r#"
{"type":"inferlet","name":"guest","version":"0.1.0","description":"Echoes what it gets","input":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"name":{"type":"string","description":"Whom to greet"},"times":{"type":"integer","minimum":1,"default":2}},"required":["name"],"additionalProperties":false}}

"#]]).stderr_eq("");
}

#[test]
fn help_of_a_component_without_a_manifest_is_an_error() {
    run(&guest::echoing(), &["--", "--help"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: `guest.wasm` has no manifest that says what it takes
   hint: --manifest Pie.toml

"#]]);
}

#[test]
fn an_inferlet_that_returns_an_error_has_failed() {
    run(&guest::failing("no such city"), &[]).code(1).stdout_eq("").stderr_eq(str![[r#"
error: the inferlet returned an error: no such city

"#]]);
}

#[test]
fn an_error_cannot_write_to_the_terminal() {
    run(&guest::failing("\u{1b}[2Jgone"), &[]).code(1).stderr_eq(
        str![[r#"
error: the inferlet returned an error: \u{1b}[2Jgone

"#]]
        .raw(),
    );
}

#[test]
fn a_trap_is_shown_with_the_functions_it_happened_in() {
    run(&guest::doing("unreachable"), &[]).code(1).stdout_eq("").stderr_eq(str![[r#"
error: the inferlet trapped: wasm `unreachable` instruction executed
  cause: in run
   hint: run the project with `--debug` to see the lines of its source

"#]]);
}

#[test]
fn a_component_cannot_be_built_again() {
    run(&guest::echoing(), &["--debug"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: `--debug` is for building, and `guest.wasm` is built already

"#]]);
}

#[test]
fn an_infinite_loop_ends_at_the_timeout() {
    run(&guest::doing("(loop $again (br $again))"), &["--timeout", "0.2"]).code(1).stderr_eq(str![[r#"
error: the inferlet went over the `time` limit: the run took longer than 0.2 s
   hint: `--timeout S` sets how many seconds it may take

"#]]);
}

#[test]
fn messages_are_sent_from_the_command_line_and_then_from_standard_input() {
    let world = World::new();
    world.write("guest.wasm", guest::conversing());
    let command = world.bakery(["run", "guest.wasm", "--send", "one", "--send", "two"]);
    command.stdin("three\nfour").assert().success().stdout_eq("one\ntwo\nthree\nfour\n").stderr_eq("");
}

#[test]
fn a_run_does_not_depend_on_when_its_messages_come() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let world = World::new();
    world.write("guest.wasm", guest::conversing());
    let trace = |pause: std::time::Duration| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bakery"))
            .args(["run", "guest.wasm", "--trace", "t.jsonl"])
            .current_dir(world.work())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for line in ["one\n", "two\n"] {
            std::thread::sleep(pause);
            stdin.write_all(line.as_bytes()).unwrap();
        }
        drop(stdin);
        assert!(child.wait().unwrap().success());
        std::fs::read_to_string(world.work().join("t.jsonl")).unwrap()
    };
    let at_once = trace(std::time::Duration::ZERO);
    assert_eq!(trace(std::time::Duration::from_millis(300)), at_once);
    assert_eq!(at_once.matches("received").count(), 3, "{at_once}");
}

#[test]
fn json_is_a_stream_of_documents_that_ends_with_the_result() {
    run(&guest::printing("text"), &["--json", "--seed", "7"]).success().stdout_eq(str![[r#"
{"type":"header","format":1,"model":"dummy","model_digest":"[..]","tokenizer_digest":"[..]","wit_digest":"[..]","kernel":"scalar","seed":7,"engine":"0.1.0"}
{"type":"event","seq":0,"at":0,"event":"launched","instance":1,"program":"guest","input":"{}"}
{"type":"event","seq":1,"at":0,"event":"stdout","instance":1,"text":"text"}
{"type":"event","seq":2,"at":0,"event":"message","instance":1,"text":"text"}
{"type":"event","seq":3,"at":0,"event":"file","instance":1,"data":{"len":4,"sha256":"982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1","head":"74657874"}}
{"type":"event","seq":4,"at":0,"event":"finished","instance":1,"outcome":{"ok":"null"},"usage":{"passes":0,"input_tokens":0,"sampled_tokens":0,"peak_pages":0}}
{"type":"result","outcome":{"ok":"null"},"usage":{"passes":0,"input_tokens":0,"sampled_tokens":0,"peak_pages":0},"findings":[],"files":[]}

"#]]).stderr_eq("");
}

#[test]
fn with_json_a_failure_is_the_last_document() {
    run(&guest::failing("no"), &["--json"]).code(1).stdout_eq(str![[r#"
{"type":"header","format":1,"model":"dummy","model_digest":"[..]","tokenizer_digest":"[..]","wit_digest":"[..]","kernel":"scalar","seed":0,"engine":"0.1.0"}
{"type":"event","seq":0,"at":0,"event":"launched","instance":1,"program":"guest","input":"{}"}
{"type":"event","seq":1,"at":0,"event":"finished","instance":1,"outcome":{"error":"no"},"usage":{"passes":0,"input_tokens":0,"sampled_tokens":0,"peak_pages":0}}
{"type":"result","outcome":{"error":"no"},"usage":{"passes":0,"input_tokens":0,"sampled_tokens":0,"peak_pages":0},"findings":[],"files":[]}
{"type":"error","kind":"failed","exit_code":1,"message":"the inferlet returned an error: no","causes":[],"hints":[]}

"#]]).stderr_eq("");
}

#[test]
fn verbose_shows_the_timeline_beside_the_output() {
    run(&guest::printing("text"), &["--verbose"])
        .success()
        .stdout_eq(str![[r#"
text
text

"#]])
        .stderr_eq(str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
   0.000 ms i1        launched `guest` with {}
   0.000 ms i1        stdout "text"
   0.000 ms i1        sent "text"
   0.000 ms i1        sent a file of 4 bytes (982d9e3eb996)
   0.000 ms i1        answered null
                        0 passes, 0 input tokens, 0 sampled, at most 0 pages
warning: the inferlet sent files, and without `--out-dir` they are not kept

"#]]);
}

#[test]
fn a_shown_trace_looks_like_the_verbose_run() {
    let world = World::new();
    world.write("guest.wasm", guest::printing("text"));
    let run = world.bakery(["run", "guest.wasm", "--verbose", "--trace", "t.jsonl"]).output().unwrap();
    let shown = world.bakery(["trace", "show", "t.jsonl"]).output().unwrap();
    let (run, shown) = (String::from_utf8(run.stderr).unwrap(), String::from_utf8(shown.stdout).unwrap());
    assert!(shown.lines().count() > 5 && run.starts_with(&shown), "{run}\n{shown}");
}

#[test]
fn a_trace_is_the_same_with_any_number_of_threads() {
    let world = World::new();
    world.write("guest.wasm", guest::conversing());
    let trace = |threads: &str| {
        let command =
            world.bakery(["run", "guest.wasm", "--send", "hi", "--trace", "t.jsonl", "--threads", threads]);
        command.assert().success();
        std::fs::read(world.work().join("t.jsonl")).unwrap()
    };
    assert_eq!(trace("1"), trace("2"));
}

#[test]
fn a_trace_that_cannot_be_written_stops_the_run_before_it_starts() {
    run(&guest::printing("text"), &["--trace", "none/t.jsonl"]).code(3).stdout_eq("").stderr_eq(str![[r#"
error: cannot write `none/t.jsonl`
  cause: No such file or directory (os error 2)

"#]]);
}

#[test]
fn unknown_models_are_refused_with_those_there_are() {
    run(&guest::echoing(), &["--model", "gpt"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no model `gpt`; there is `dummy`, `tiny`
   hint: a model is also a folder, a `.gguf` file, or `hf:owner/repo`

"#]]);
}

#[test]
fn a_script_has_to_be_one() {
    run(&guest::echoing(), &["--script", "none.toml"]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `none.toml`
  cause: No such file or directory (os error 2)

"#]]);
    let world = World::new();
    world.write("guest.wasm", guest::echoing());
    world.write("replies.toml", "[[reply]]\n  txet = \"Hello\"\n");
    world.bakery(["run", "guest.wasm", "--script", "replies.toml"]).assert().code(2).stderr_eq(str![[r#"
error: `replies.toml` is not a script of replies
 --> replies.toml:2:3
  |
2 |   txet = "Hello"
  |   ^^^^^^^^^^^^^^ unknown field `txet`, expected one of `when`, `reasoning`, `text`, `tool-calls`

"#]]);
}

#[test]
fn files_that_are_no_inferlets_are_refused() {
    run(b"garbage", &[]).code(2).stdout_eq("").stderr_eq(
        str![[r#"
error: `guest.wasm` is not an inferlet that can be run
  cause: the file is not WebAssembly: it does not begin with `\0asm`

"#]]
        .raw(),
    );
    run(b"", &[]).code(2).stdout_eq("").stderr_eq(
        str![[r#"
error: `guest.wasm` is not an inferlet that can be run
  cause: the file is not WebAssembly: it does not begin with `\0asm`

"#]]
        .raw(),
    );
    run(b"\0asm\x01\0\0\0", &[]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: `guest.wasm` is not an inferlet that can be run
  cause: the file is a core WebAssembly module, and an inferlet is a component

"#]]);
    run(&guest::echoing()[..500], &[]).code(2).stdout_eq("").stderr_eq(str![[r#"
error: `guest.wasm` is not an inferlet that can be run
  cause: the component cannot be compiled
  cause: failed to parse WebAssembly module
  cause: unexpected end-of-file (at offset 0x1e7)

"#]]);
}

#[test]
fn what_is_not_there_cannot_be_run() {
    World::new().bakery(["run", "none"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no `none`

"#]]);
    World::new().bakery(["run", "none.wasm"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no `none.wasm`

"#]]);
    World::new().bakery(["run"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no `Pie.toml` in `.`
   hint: `bakery new NAME` makes a new project

"#]]);
}

#[test]
fn wrong_numbers_are_usage_errors() {
    for flags in [["--timeout", "0"], ["--timeout", "soon"], ["--threads", "0"], ["--seed", "-1"]] {
        run(&guest::echoing(), &flags).code(2).stdout_eq("");
    }
}

#[test]
fn pie_runs_the_same_way() {
    let world = World::new();
    world.write("guest.wasm", guest::echoing());
    world.write("Pie.toml", MANIFEST);
    let arguments =
        ["run", "--dummy", "--path", "guest.wasm", "--manifest", "Pie.toml", "--", "--name", "Ada"];
    world.pie(arguments).assert().success().stdout_eq("{\"name\":\"Ada\",\"times\":2}\n").stderr_eq("");
    world.pie(["run", "--path", "guest.wasm"]).assert().code(2).stderr_eq(str![[r#"
error: the following required arguments were not provided:
  --dummy

Usage: pie run --dummy --path <FILE> [-- <PARAMETERS>...]

For more information, try '--help'.

"#]]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_and_leaves_a_whole_trace() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let world = World::new();
    world.write("guest.wasm", guest::conversing());
    let mut child = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["run", "guest.wasm", "--send", "ready", "--trace", "t.jsonl"])
        .current_dir(world.work())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // Waiting would close its standard input, which ends the session.
    let stdin = child.stdin.take();
    let status = child.wait().unwrap();
    drop(stdin);
    assert_eq!(status.code(), Some(130));
    world.bakery(["trace", "show", "t.jsonl"]).assert().success().stdout_eq(str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
   0.000 ms i1        launched `guest` with {}
   0.000 ms i1        received "ready"
   0.000 ms i1        sent "ready"
   0.000 ms i1        was cancelled: interrupted
                        0 passes, 0 input tokens, 0 sampled, at most 0 pages

"#]]);
}
