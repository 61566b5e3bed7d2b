//! What a person sees on a terminal: questions, colours, progress, narrow windows, Ctrl-C.

use std::fs;

use snapbox::{assert_data_eq, str};
use vt100::Color;

use crate::build;
use crate::support::terminal::{CTRL_C, CTRL_D, DOWN, ENTER};
use crate::support::{World, guest};

/// What is in the current folder.
fn entries(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.work()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn new_asks_for_what_was_not_given() {
    let world = World::new();
    let mut terminal = world.terminal(&["new"]).start();
    terminal.wait_for_question("Name");
    terminal.press("my-agent");
    terminal.wait_for_question("my-agent");
    terminal.press(ENTER);
    terminal.wait_for_question("constrained");
    terminal.assert_shows(str![[r#"
✔ Name · my-agent
? Template ›
❯ hello       rust       One question to the model, one answer
  chat        rust       A conversation: reads messages, streams answers, keeps its context
  forward     rust       A sampling loop of its own: reads distributions, decides each token
  hello       python     One question to the model, one answer
  chat        python     A conversation: reads messages, streams answers, keeps its context
  agent       python     An agent: the model calls functions until it has an answer
  constrained python     Structured output: JSON that satisfies a schema, whatever the model would …
  hello       javascript One question to the model, one answer
  chat        javascript A conversation: reads messages, streams answers, keeps its context
  agent       javascript An agent: the model calls functions until it has an answer
  constrained javascript Structured output: JSON that satisfies a schema, whatever the model would …
  hello       typescript One question to the model, one answer
  chat        typescript A conversation: reads messages, streams answers, keeps its context
  agent       typescript An agent: the model calls functions until it has an answer
  constrained typescript Structured output: JSON that satisfies a schema, whatever the model would …
"#]]);
    terminal.press(DOWN);
    terminal.wait_for_question("❯ chat");
    terminal.press(ENTER);
    let ended = terminal.end();
    assert_eq!(ended.code, 0);
    assert_data_eq!(
        ended.text(),
        str![[r#"
✔ Name · my-agent
✔ Template · chat        rust       A conversation: reads messages, streams answers, keeps its context
     Created `my-agent` in `my-agent`, from the template `rust-chat`

Next:
  cd my-agent
  bakery run .
  bakery test
"#]]
    );
    assert!(!ended.screen.hide_cursor());
    assert!(world.work().join("my-agent/Pie.toml").is_file());
}

#[test]
fn new_asks_nothing_that_was_given() {
    let world = World::new();
    let ended = world.terminal(&["new", "x", "--template", "hello"]).run();
    assert_eq!(ended.code, 0);
    assert_data_eq!(
        ended.text(),
        str![[r#"
     Created `x` in `x`, from the template `rust-hello`

Next:
  cd x
  bakery run . -- --name Ada
  bakery test
"#]]
    );

    let mut terminal = world.terminal(&["new", "y"]).start();
    terminal.wait_for_question("❯ hello");
    terminal.press(ENTER);
    let ended = terminal.end();
    assert_data_eq!(
        ended.text(),
        str![[r#"
✔ Template · hello       rust       One question to the model, one answer
     Created `y` in `y`, from the template `rust-hello`

Next:
  cd y
  bakery run . -- --name Ada
  bakery test
"#]]
    );

    let mut terminal = world.terminal(&["new", "--template", "forward"]).start();
    terminal.wait_for_question("Name");
    terminal.press("z");
    terminal.wait_for_question("z");
    terminal.press(ENTER);
    let ended = terminal.end();
    assert_data_eq!(
        ended.text(),
        str![[r#"
✔ Name · z
     Created `z` in `z`, from the template `rust-forward`

Next:
  cd z
  bakery run . -- --prompt 'Tell me a story.'
  bakery test
"#]]
    );
    assert_eq!(entries(&world), ["x", "y", "z"]);
}

#[test]
fn a_bad_answer_is_explained_and_asked_for_again() {
    let world = World::new();
    let mut terminal = world.terminal(&["new", "--template", "hello"]).start();
    terminal.wait_for_question("Name");
    terminal.press("My Agent");
    terminal.wait_for_question("My Agent");
    terminal.press(ENTER);
    terminal.wait_for_question("and `_`\n? Name › ");
    terminal.assert_shows(str![[r#"
✘ `My Agent` is not a name for a project: it has a space; a name is letters from a to z, digits, `-`
and `_`
? Name › 
"#]]);
    terminal.press("my-agent");
    terminal.wait_for_question("› my-agent");
    terminal.press(ENTER);
    let ended = terminal.end();
    assert_data_eq!(
        ended.text(),
        str![[r#"
✔ Name · my-agent
     Created `my-agent` in `my-agent`, from the template `rust-hello`

Next:
  cd my-agent
  bakery run . -- --name Ada
  bakery test
"#]]
    );
    assert_eq!(entries(&world), ["my-agent"]);
}

#[test]
fn nobody_is_asked_who_cannot_answer() {
    let world = World::new();
    let start = || world.terminal(&["new"]);
    for start in [start().without_stdin(), start().args(&["--json"]), start().envs([("CI", "true")])] {
        let ended = start.run();
        assert_eq!(ended.code, 2);
        assert!(ended.text().contains("a new project needs a name"), "{}", ended.text());
    }
    assert_eq!(entries(&world), [""; 0]);
}

#[test]
fn ctrl_c_at_a_question_makes_nothing() {
    let world = World::new();
    for (arguments, question) in [(&["new"][..], "Name"), (&["new", "x"], "❯ hello")] {
        let mut terminal = world.terminal(arguments).start();
        terminal.wait_for_question(question);
        terminal.press(CTRL_C);
        let ended = terminal.end();
        assert_eq!(ended.code, 130, "{}", ended.text());
        assert!(ended.text().ends_with("\nerror: interrupted"), "{}", ended.text());
        assert!(!ended.screen.hide_cursor());
    }
    assert_eq!(entries(&world), [""; 0]);
}

#[test]
fn errors_are_coloured_unless_no_color_is_set() {
    let world = World::new();
    let coloured = world.terminal(&["schema", "nope"]).run();
    let first = coloured.screen.cell(0, 0).unwrap();
    assert_eq!((first.contents(), first.fgcolor(), first.bold()), ("e", Color::Idx(9), true));
    let plain = world.terminal(&["schema", "nope"]).envs([("NO_COLOR", "1")]).run();
    assert!(!plain.raw.contains('\x1b'), "{:?}", plain.raw);
    assert_eq!(plain.text(), coloured.text());
    let help = world.terminal(&["--help"]).run();
    let plain = world.terminal(&["--help"]).envs([("NO_COLOR", "1")]).run();
    assert!(help.raw.contains("\x1b[") && !plain.raw.contains('\x1b'));
    assert_eq!(plain.text(), help.text());
}

#[test]
fn a_build_shows_what_it_does_while_it_does_it() {
    let world = World::new();
    build::tiny(&world, "tiny");
    // Until the test is done with looking.
    let script = "fn main() { while !std::path::Path::new(\"../go\").exists() { std::thread::yield_now() } }";
    world.write("tiny/build.rs", script);
    let mut terminal = world.terminal(&["build", "tiny"]).envs(build::variables()).start();
    terminal.wait_for("tiny(build)");
    terminal.assert_shows(str![[r#"
   Compiling tiny v0.1.0 ([..]/work/tiny)
    Building [[..]] 1/3: tiny(build)[..]
"#]]);
    world.write("go", "");
    let ended = terminal.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_data_eq!(
        ended.text(),
        str![[r#"
   Compiling tiny v0.1.0 ([..]/work/tiny)
    Finished `release` profile [optimized] target(s) in [..]s
       Built `tiny` in `tiny/target/inferlets/tiny.wasm` ([..] kB)
"#]]
    );
    assert!(!ended.screen.hide_cursor());
}

#[test]
fn ctrl_c_ends_a_build_and_leaves_no_component() {
    let world = World::new();
    build::tiny(&world, "tiny");
    world.write("tiny/build.rs", "fn main() { loop { std::thread::park() } }");
    let mut terminal = world.terminal(&["build", "tiny"]).envs(build::variables()).start();
    terminal.wait_for("tiny(build)");
    terminal.press(CTRL_C);
    let ended = terminal.end();
    assert_eq!(ended.code, 130, "{}", ended.text());
    assert_data_eq!(
        ended.text(),
        str![[r#"
   Compiling tiny v0.1.0 ([..]/work/tiny)
[..]
error: interrupted
"#]]
    );
    assert!(!world.work().join("tiny/target/inferlets").exists());
}

#[test]
fn ctrl_c_ends_a_run_that_would_not_end() {
    let world = World::new();
    world.write("endless.wasm", guest::doing("(loop $again (br $again))"));
    let mut terminal = world.terminal(&["run", "endless.wasm", "--verbose", "--trace", "t.jsonl"]).start();
    terminal.wait_for("launched");
    terminal.press(CTRL_C);
    let ended = terminal.end();
    assert_eq!(ended.code, 130, "{}", ended.text());
    assert_data_eq!(
        ended.text(),
        str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
   0.000 ms i1        launched `guest` with {}
^C   0.000 ms i1        was cancelled: interrupted
                        0 passes, 0 input tokens, 0 sampled, at most 0 pages

error: interrupted
"#]]
    );
    world.bakery(["trace", "show", "t.jsonl"]).assert().success();
    assert_eq!(entries(&world), ["endless.wasm", "t.jsonl"]);
}

#[test]
fn a_conversation_has_a_prompt_and_ends_with_ctrl_d() {
    let world = World::new();
    world.write("guest.wasm", guest::conversing());
    let mut terminal = world.terminal(&["run", "guest.wasm"]).start();
    terminal.wait_for("> ");
    for line in ["hello", "good bye"] {
        terminal.press(line);
        terminal.press(ENTER);
        terminal.wait_for(&format!("{line}\n{line}\n> "));
    }
    terminal.press(CTRL_D);
    let ended = terminal.end();
    assert_eq!(ended.code, 0);
    assert_data_eq!(
        ended.text(),
        str![[r#"
> hello
hello
> good bye
good bye
> 
"#]]
    );
}

#[test]
fn help_fits_a_narrow_terminal() {
    let world = World::new();
    let commands = ["new", "build", "run", "trace show", "completions", "schema"];
    for command in commands {
        let mut arguments: Vec<_> = command.split(' ').collect();
        arguments.push("--help");
        let help = world.terminal(&arguments).columns(40).run().text();
        assert!(help.contains("Examples:\n  bakery "), "{help}");
        // A single word is not divided, nor is the usage.
        let fits = |line: &str| line.chars().count() <= 40 || line.split_whitespace().count() == 1;
        assert!(help.lines().all(|line| fits(line) || line.starts_with("Usage: ")), "{help}");
    }
    assert_data_eq!(
        world.terminal(&["schema", "-h"]).columns(40).run().text(),
        str![[r#"
Print the JSON Schema of what `--json`
prints

Usage: bakery schema [OPTIONS] [NAME]

Arguments:
  [NAME]  Which schema; all are listed
          without it

Options:
  -h, --help  Print help

Global options:
      --json
          Print JSON documents, one a
          line, instead of text
  -q, --quiet
          Print nothing but results and
          errors
  -v, --verbose
          Say more
      --color <auto|always|never>
          When to use colour; `auto` is
          on terminals, unless
          `NO_COLOR` is set

Examples:
  bakery schema
      List the schemas
  bakery schema run
      The documents of `bakery run
      --json`, one a line
  bakery schema error
      The last document of any command
      that failed
"#]]
    );
}

#[test]
fn questions_fit_a_narrow_terminal() {
    let world = World::new();
    let mut terminal = world.terminal(&["new"]).columns(40).start();
    terminal.wait_for_question("Name");
    terminal.press("My Agent");
    terminal.wait_for_question("My Agent");
    terminal.press(ENTER);
    terminal.wait_for_question("`_`\n? Name › ");
    terminal.assert_shows(str![[r#"
✘ `My Agent` is not a name for a
project: it has a space; a name is
letters from a to z, digits, `-` and
`_`
? Name › 
"#]]);
    terminal.press("my-agent");
    terminal.wait_for_question("› my-agent");
    terminal.press(ENTER);
    terminal.wait_for_question("constrained");
    terminal.assert_shows(str![[r#"
✔ Name · my-agent
? Template ›
❯ hello       rust       One question t…
  chat        rust       A conversation…
  forward     rust       A sampling loo…
  hello       python     One question t…
  chat        python     A conversation…
  agent       python     An agent: the …
  constrained python     Structured out…
  hello       javascript One question t…
  chat        javascript A conversation…
  agent       javascript An agent: the …
  constrained javascript Structured out…
  hello       typescript One question t…
  chat        typescript A conversation…
  agent       typescript An agent: the …
  constrained typescript Structured out…
"#]]);
    terminal.press(DOWN);
    terminal.wait_for_question("❯ chat");
    terminal.press(ENTER);
    assert_data_eq!(
        terminal.end().text(),
        str![[r#"
✔ Name · my-agent
✔ Template · chat        rust       A conversation…
     Created `my-agent` in `my-agent`, from the template `rust-chat`

Next:
  cd my-agent
  bakery run .
  bakery test
"#]]
    );
}

#[test]
fn a_shown_line_of_a_file_is_cut_to_a_narrow_terminal() {
    let world = World::new();
    let manifest = "[package]\nnam = \"a name that makes this line longer than the terminal is wide\"\n";
    world.write("Pie.toml", manifest);
    assert_data_eq!(
        world.terminal(&["build"]).columns(40).run().text(),
        str![[r#"
error: unknown key `nam` in `[package]`
 --> Pie.toml:2:1
  |
2 | nam = "a name that makes this lin...
  | ^^^ not a key of this table
   hint: did you mean `name`?
"#]]
    );
}

/// A project `hello` of which the answer of `greets` waits to be accepted.
fn with_something_to_review(cases: &[&str]) -> World {
    let world = World::new();
    let head = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n[build]\nlanguage = \"rust\"\n";
    let tests = cases.iter().map(|case| format!("[[test]]\nname = \"{case}\"\nsnapshot = [\"output\"]\n"));
    world.write("hello/Pie.toml", format!("{head}{}", tests.collect::<String>()));
    world.write("hello.wasm", guest::answering(r#""Hello dear Ada""#));
    let test = ["test", "hello", "--component", "hello.wasm"];
    world.bakery(test).args(["--update", "new"]).assert().success();
    world.write("hello.wasm", guest::answering(r#""Hello dear Bob""#));
    world.bakery(test).assert().code(1);
    world
}

/// Names of the files in `hello/snapshots`.
fn snapshots(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.work().join("hello/snapshots")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn review_asks_about_each_and_does_at_the_end_what_was_decided() {
    let world = with_something_to_review(&["greets", "waves", "yawns"]);
    let mut terminal = world.terminal(&["review", "hello"]).start();
    terminal.wait_for_question("1 of 3: greets output, changed");
    terminal.press("v");
    terminal.wait_for_question("│");
    terminal.press("?");
    terminal.wait_for_question("Escape  end, and do nothing");
    terminal.press("a");
    terminal.wait_for_question("2 of 3: waves");
    assert_eq!(snapshots(&world).len(), 6, "nothing changes before the end");
    terminal.press(ENTER);
    terminal.wait_for_question("3 of 3: yawns");
    terminal.press("b");
    terminal.wait_for_question("2 of 3: waves");
    terminal.press("r");
    terminal.wait_for_question("3 of 3: yawns");
    terminal.press("q");
    let ended = terminal.end();
    assert_eq!(ended.code, 0);
    assert!(ended.text().contains("1 accepted, 1 rejected, 1 left"), "{}", ended.text());
    let left = ["greets.output.snap", "waves.output.snap", "yawns.output.snap", "yawns.output.snap.new"];
    assert_eq!(snapshots(&world), left);
    let content = |case: &str| {
        fs::read_to_string(world.work().join(format!("hello/snapshots/{case}.output.snap"))).unwrap()
    };
    assert!(content("greets").contains("Bob") && content("waves").contains("Ada"));
}

#[test]
fn a_review_that_is_given_up_changes_nothing() {
    for (key, code) in [("\x1b", 0), (CTRL_C, 130)] {
        let world = with_something_to_review(&["greets", "waves"]);
        let mut terminal = world.terminal(&["review", "hello"]).start();
        terminal.wait_for_question("1 of 2: greets");
        terminal.press("a");
        terminal.wait_for_question("2 of 2: waves");
        terminal.press(key);
        assert_eq!(terminal.end().code, code);
        assert_eq!(snapshots(&world).len(), 4);
    }
}

#[test]
fn a_review_shows_a_difference_in_the_program_that_the_user_names() {
    let world = with_something_to_review(&["greets"]);
    // It says what it was given, and ends as programs do that have found a difference.
    let tool = world
        .write("show diff", "#!/bin/sh\necho \"shown: $1\"; cat \"$2\"; echo beside; cat \"$3\"; exit 1\n");
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let diff = format!("'{}' --side-by-side", tool.display());
    let mut terminal = world.terminal(&["review", "hello"]).envs([("BAKERY_DIFF", diff)]).start();
    terminal.wait_for_question("d your program");
    terminal.press("d");
    terminal.wait_for("shown: --side-by-side\r\n".trim_end());
    terminal.wait_for("Hello dear Ada\nbeside\nanswer\n  Hello dear Bob");
    terminal.wait_for_question("1 of 1");
    terminal.press("q");
    assert_eq!(terminal.end().code, 0);
    assert_eq!(snapshots(&world).len(), 2, "looking changes nothing");
}

#[test]
fn a_program_for_differences_that_cannot_be_run_is_said_and_the_review_goes_on() {
    for (tool, said) in [
        ("no-such-program --flag", "cannot run `no-such-program`"),
        ("'open", "a quote in `BAKERY_DIFF` is not closed"),
        ("", "`BAKERY_DIFF` names no program"),
    ] {
        let world = with_something_to_review(&["greets"]);
        let mut terminal = world.terminal(&["review", "hello"]).envs([("BAKERY_DIFF", tool)]).start();
        terminal.wait_for_question("1 of 1: greets");
        terminal.press("d");
        terminal.wait_for_question(said);
        terminal.press("a");
        let ended = terminal.end();
        assert_eq!(ended.code, 0);
        assert!(ended.text().contains("1 accepted, 0 rejected, 0 left"), "{}", ended.text());
    }
}
