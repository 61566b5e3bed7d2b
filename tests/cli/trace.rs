//! `bakery trace show`, with good and bad files.

use snapbox::{IntoData, str};

use crate::support::World;

/// A run of two passes.
const TRACE: &str = include_str!("hello.jsonl");

fn shown(contents: &str) -> snapbox::cmd::OutputAssert {
    let world = World::new();
    world.write("t.jsonl", contents);
    world.bakery(["trace", "show", "t.jsonl"]).assert()
}

#[test]
fn a_trace_is_shown_as_a_timeline() {
    shown(TRACE)
        .success()
        .stdout_eq(
            str![[r#"
model dummy (scalar), seed 7, engine 0.1.0
   0.000 ms i1        launched `hello` with {"name":"Ada"}
   0.000 ms i1        loaded model "default"
   0.000 ms i1   c1   created
   0.000 ms i1   c1   reserved 1 page
   0.000 ms i1   p1   pass over c1: 3 tokens [11 12 13]; multinomial 0 0 of row 2
   0.000 ms      s1   step of 3 rows: i1:p1
   1.000 ms i1   p1   gave token 17 (margin 0.500)
   1.000 ms i1        stdout "Hello, Ada!\n"
   1.000 ms i1   c1   destroyed
   1.000 ms i1        answered {"greeting":"Hello, Ada!"}
                        1 pass, 3 input tokens, 1 sampled, at most 1 page

"#]]
            .raw(),
        )
        .stderr_eq("");
}

#[test]
fn a_trace_is_cut_to_the_width() {
    let world = World::new();
    world.write("t.jsonl", TRACE);
    world.bakery(["trace", "show", "t.jsonl"]).env("COLUMNS", "50").assert().success().stdout_eq(
        str![[r#"
model dummy (scalar), seed 7, engine 0.1.0
   0.000 ms i1        launched `hello` with {"nam…
   0.000 ms i1        loaded model "default"
   0.000 ms i1   c1   created
   0.000 ms i1   c1   reserved 1 page
   0.000 ms i1   p1   pass over c1: 3 tokens [11 …
   0.000 ms      s1   step of 3 rows: i1:p1
   1.000 ms i1   p1   gave token 17 (margin 0.500)
   1.000 ms i1        stdout "Hello, Ada!\n"
   1.000 ms i1   c1   destroyed
   1.000 ms i1        answered {"greeting":"Hello…
                        1 pass, 3 input tokens, 1…

"#]]
        .raw(),
    );
}

#[test]
fn a_trace_as_json_is_the_trace_with_types() {
    let world = World::new();
    world.write("t.jsonl", TRACE);
    let output = world.bakery(["trace", "show", "t.jsonl", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let untyped = text.replace(r#""type":"header","#, "").replace(r#""type":"event","#, "");
    assert_eq!(untyped, TRACE);
}

#[test]
fn a_cut_trace_is_shown_up_to_the_cut() {
    let cut = &TRACE[..TRACE.find("stdout").unwrap()];
    shown(cut)
        .code(2)
        .stdout_eq(
            str![[r#"
model dummy (scalar), seed 7, engine 0.1.0
   0.000 ms i1        launched `hello` with {"name":"Ada"}
   0.000 ms i1        loaded model "default"
   0.000 ms i1   c1   created
   0.000 ms i1   c1   reserved 1 page
   0.000 ms i1   p1   pass over c1: 3 tokens [11 12 13]; multinomial 0 0 of row 2
   0.000 ms      s1   step of 3 rows: i1:p1
   1.000 ms i1   p1   gave token 17 (margin 0.500)

"#]]
            .raw(),
        )
        .stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: the trace is cut in line 9
   hint: the run was cut short or the file was edited; record it again with `bakery run --trace`

"#]]);
}

#[test]
fn what_there_is_of_a_cut_trace_is_of_use() {
    let world = World::new();
    // In the middle of a character that takes two bytes.
    let trace = TRACE.replace("Hello, Ada!", "Hellö, Ada!");
    let cut = trace.find('ö').unwrap() + 1;
    world.write("t.jsonl", &trace.as_bytes()[..cut]);
    world.write("whole.jsonl", &trace);
    let said = str![[r#"
error: cannot read `t.jsonl`
  cause: the trace is cut in line 9
   hint: the run was cut short or the file was edited; record it again with `bakery run --trace`

"#]];
    let stats = world.bakery(["trace", "stats", "t.jsonl", "--json"]).assert().code(2);
    let stats: serde_json::Value =
        serde_json::from_slice(stats.get_output().stdout.split(|byte| *byte == b'\n').next().unwrap())
            .unwrap();
    assert_eq!((&stats["passes"], &stats["events"]["pass-done"]), (&1.into(), &1.into()));
    for (format, lines) in [("csv", 2), ("otel", 1), ("jsonl", 8)] {
        let exported = world
            .bakery(["trace", "export", "t.jsonl", "--format", format])
            .assert()
            .code(2)
            .stderr_eq(said.clone());
        assert_eq!(
            exported.get_output().stdout.iter().filter(|byte| **byte == b'\n').count(),
            lines,
            "{format}"
        );
    }
    let perfetto = world
        .bakery(["trace", "export", "t.jsonl", "--format", "perfetto"])
        .assert()
        .code(2)
        .stderr_eq(said.clone());
    let perfetto: serde_json::Value = serde_json::from_slice(&perfetto.get_output().stdout).unwrap();
    assert!(perfetto["traceEvents"].as_array().is_some_and(|events| events.len() > 3));
    for files in [["t.jsonl", "whole.jsonl"], ["whole.jsonl", "t.jsonl"]] {
        world
            .bakery(["trace", "diff", files[0], files[1]])
            .assert()
            .code(2)
            .stderr_eq(said.clone())
            .stdout_eq(str![[r#"
6 lines are the same

"#]]);
    }
}

#[test]
fn a_trace_without_an_end_is_shown_and_called_cut() {
    let lines: Vec<&str> = TRACE.lines().take(9).collect();
    shown(&lines.join("\n")).code(2).stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: the trace ends before the inferlet does
   hint: the run was cut short or the file was edited; record it again with `bakery run --trace`

"#]]);
}

#[test]
fn a_trace_with_a_missing_record_is_shown_up_to_it() {
    let mut lines: Vec<&str> = TRACE.lines().collect();
    lines.remove(2);
    shown(&lines.join("\n")).code(2).stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: line 3 has record 2 where 1 is due
   hint: the run was cut short or the file was edited; record it again with `bakery run --trace`

"#]]);
}

#[test]
fn a_newer_trace_is_refused() {
    shown(&TRACE.replace(r#""format":1"#, r#""format":2"#)).code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: the trace has format 2, and this version reads up to 1
   hint: get a newer bakery, or record the run again

"#]]);
}

#[test]
fn garbage_is_refused() {
    shown("\u{0}garbage\n").code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: line 1 is not the header of a trace
  cause: expected value at line 1 column 1
   hint: traces are what `bakery run --trace` writes

"#]]);
}

#[test]
fn an_empty_trace_is_refused() {
    shown("").code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: the trace is empty
   hint: traces are what `bakery run --trace` writes

"#]]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let world = World::new();
    world.write("t.jsonl", [0xff, 0xfe, b'\n']);
    world.bakery(["trace", "show", "t.jsonl"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: line 1 is not the header of a trace
  cause: expected value at line 1 column 1
   hint: traces are what `bakery run --trace` writes

"#]]);
}

#[test]
fn a_missing_trace_is_refused() {
    World::new().bakery(["trace", "show", "none.jsonl"]).assert().code(2).stdout_eq("").stderr_eq(str![[
        r#"
error: cannot open `none.jsonl`
  cause: No such file or directory (os error 2)

"#
    ]]);
}

#[test]
fn a_folder_is_no_trace() {
    World::new().bakery(["trace", "show", "."]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: cannot read `.`
  cause: cannot read the trace
  cause: Is a directory (os error 21)

"#]]);
}
