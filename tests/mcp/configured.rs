//! Where servers are set up: on the command line, beside the project, in the user's folder.

use std::path::Path;

use serde_json::{Value, json};
use snapbox::str;

use super::component;
use crate::support::{World, node};

/// A world with the guest in it.
fn world() -> World {
    let world = World::new();
    world.write("guest.wasm", component());
    world
}

/// `bakery run guest.wasm` with these arguments: its answer.
fn answer(world: &World, steps: &Value, arguments: &[&str]) -> Value {
    let steps = steps.to_string();
    let output = world.bakery(["run", "guest.wasm", "--input", &steps]).args(arguments).assert().success();
    serde_json::from_slice(&output.get_output().stdout).expect("the answer is JSON")
}

fn file(name: &str) -> String {
    node::folder().join(name).to_str().expect("the path is UTF-8").to_owned()
}

/// `bakery.toml` with a server that says where it is.
fn settings(name: &str, more: &str) -> String {
    let (node, file) = (node::node().display(), file("misbehave.mjs"));
    format!("[mcp.{name}]\ncommand = \"{node}\"\nargs = [\"{file}\"]\n{more}\n")
}

fn where_it_is(got: &Value) -> (&str, &str) {
    let text = got[1]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{got}"));
    let (folder, rest) = text.split_once(' ').expect("there are three words");
    (folder, rest.split_once(' ').expect("there are three words").0)
}

fn asked(name: &str) -> Value {
    json!([{ "connect": name }, { "call-tool": ["where", "{}"] }])
}

#[test]
fn a_server_has_the_folder_and_the_variables_that_it_is_given() {
    let world = world();
    world.write("config/bakery.toml", settings("it", "cwd = \"shelf\"\nenv = { BAKED = \"bread\" }"));
    let run = |steps: &Value| {
        let run = world.bakery(["run", "guest.wasm", "--input", &steps.to_string()]);
        let output = run.env("BAKERY_CONFIG_DIR", world.work().join("config")).assert().success();
        serde_json::from_slice::<Value>(&output.get_output().stdout).expect("the answer is JSON")
    };
    // Relative paths in the user's own settings are meant from wherever one is.
    let nowhere = run(&json!([{ "connect": "it" }]));
    assert!(
        nowhere[0]["error"].as_str().is_some_and(|error| error.contains("there is no folder")),
        "{nowhere}"
    );
    world.write("shelf/loaf", "");
    let got = run(&asked("it"));
    let (folder, baked) = where_it_is(&got);
    assert_eq!((Path::new(folder).file_name(), baked), (Some("shelf".as_ref()), "bread"));
}

#[test]
fn the_command_line_comes_before_the_settings() {
    let world = world();
    world.write("config/bakery.toml", settings("it", "env = { BAKED = \"by settings\" }"));
    let config = world.work().join("config");
    let given = format!("it={}", node::command(&node::folder().join("misbehave.mjs"), &[]));
    let run = |arguments: &[&str]| {
        let steps = asked("it").to_string();
        let run = world.bakery(["run", "guest.wasm", "--input", &steps]).args(arguments);
        let output = run.env("BAKERY_CONFIG_DIR", &config).assert().success();
        let got: Value = serde_json::from_slice(&output.get_output().stdout).expect("the answer is JSON");
        let text = got[1]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{got}")).to_owned();
        text.contains("by settings")
    };
    assert!(run(&[]));
    assert!(!run(&["--mcp", &given]));
}

#[test]
fn a_command_is_cut_as_a_shell_would_cut_it() {
    let world = world();
    std::fs::copy(file("misbehave.mjs"), world.work().join("a server.mjs"))
        .expect("the folder can be written");
    let given = format!("it={} './a server.mjs'", node::node().display());
    let got = answer(&world, &asked("it"), &["--mcp", &given]);
    assert!(where_it_is(&got).0.ends_with("work"), "{got}");
}

#[test]
fn a_recorded_run_is_played_back_without_its_servers() {
    let world = world();
    let given = format!("it={}", node::command(&node::folder().join("misbehave.mjs"), &[]));
    let steps = json!([
        "servers",
        { "connect": "it" },
        { "call-tool": ["exact", "{}"] },
        { "raw-call-tool": ["refuse", "{}"] },
        { "call-tool": ["die", "{}"] },
        "hang-up",
        { "connect": "another" },
    ]);
    let before = answer(&world, &steps, &["--mcp", &given, "--trace", "t.jsonl"]);
    assert_eq!(before[2]["z"], 1);
    assert_eq!(before[3]["data"], r#"{"retry":["tomorrow"]}"#);
    assert_eq!(answer(&world, &steps, &["--replay", "t.jsonl"]), before);
}

#[test]
fn what_is_no_server_is_an_error_of_the_command_line() {
    let world = world();
    let refused = |given: &[&str]| world.bakery(["run", "guest.wasm"]).args(given).assert().code(2);
    refused(&["--mcp", "time"]).stdout_eq("").stderr_eq(str![[r#"
error: `--mcp time`: there is no `=`
   hint: --mcp 'time=python3 -m mcp_server_time'
   hint: --mcp docs=http://localhost:8080/mcp

"#]]);
    let cases = [
        ("a b=true", "`a b` is not a name for a server: expected letters, digits, `-`, `_` and `.`"),
        ("=true", "`` is not a name for a server: a name has at least one letter"),
        ("it=", "there is no command"),
        ("it='true", "a quote is not closed"),
        ("it=ftp://localhost/", "expected `http` or `https`, not `ftp`"),
    ];
    for (given, expected) in cases {
        let run = refused(&["--mcp", given]);
        let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        let expected = format!("error: `--mcp {given}`: {expected}\n");
        assert!(said.starts_with(&expected), "{said}\nexpected: {expected}");
    }
    refused(&["--mcp", "it=true", "--mcp", "it=false"]).stdout_eq("").stderr_eq(str![[r#"
error: `--mcp` names two servers `it`

"#]]);
}

#[test]
fn a_mistake_in_the_settings_is_shown_in_its_line() {
    let world = world();
    world.write("bakery.toml", "[mcp.time]\ncomand = \"true\"\n");
    let run = world.bakery(["run", "guest.wasm"]).env("BAKERY_CONFIG_DIR", world.work());
    run.assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: unknown key `comand` in `[mcp.time]`
 --> bakery.toml:2:1
  |
2 | comand = "true"
  | ^^^^^^ not a key of this table
   hint: did you mean `command`?

"#]]);
}
