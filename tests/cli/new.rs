//! `bakery new` from outside.

use snapbox::str;

use crate::support::World;

#[test]
fn a_project_is_made_and_the_next_commands_are_shown() {
    let world = World::new();
    world.bakery(["new", "my-agent", "--template", "chat"]).assert().success().stdout_eq("").stderr_eq(str![
        [r#"
     Created `my-agent` in `my-agent`, from the template `rust-chat`

Next:
  cd my-agent
  bakery run .
  bakery test

"#]
    ]);
    for file in [
        "Pie.toml",
        "Cargo.toml",
        "src/lib.rs",
        "README.md",
        "AGENTS.md",
        ".gitignore",
        ".vscode/settings.json",
    ] {
        assert!(world.work().join("my-agent").join(file).is_file(), "{file} is missing");
    }
    assert_eq!(std::fs::read_dir(world.work()).unwrap().count(), 1, "something was left beside the project");
}

#[test]
fn the_first_template_is_taken_where_nobody_can_be_asked() {
    let world = World::new();
    world.bakery(["new", "x", "--quiet"]).assert().success().stdout_eq("").stderr_eq("");
    let manifest = std::fs::read_to_string(world.work().join("x/Pie.toml")).unwrap();
    assert!(manifest.contains("Greets somebody"), "{manifest}");
}

#[test]
fn an_empty_current_folder_can_become_the_project() {
    let world = World::new();
    world.bakery(["new", "--path", "."]).assert().success().stderr_eq(str![[r#"
     Created `work` in `.`, from the template `rust-hello`

Next:
  bakery build .
  bakery run . -- --name Ada
  bakery test

"#]]);
    assert!(world.work().join("Pie.toml").is_file());
    world.bakery(["new", "--path", "."]).assert().code(2).stderr_eq(str![[r#"
error: the folder `.` is not empty
   hint: give another name, or another folder with `--path`

"#]]);
}

#[test]
fn mistakes_are_explained_and_leave_nothing() {
    let world = World::new();
    world.bakery(["new"]).assert().code(2).stderr_eq(str![[r#"
error: a new project needs a name
   hint: bakery new my-agent

"#]]);
    world.bakery(["new", "My Agent"]).assert().code(2).stderr_eq(str![[r#"
error: `My Agent` is not a name for a project: it has a space; a name is letters from a to z, digits, `-` and `_`
   hint: did you mean `my-agent`?

"#]]);
    world.bakery(["new", "agents/one"]).assert().code(2).stderr_eq(str![[r#"
error: `agents/one` is a path, not a name
   hint: bakery new one --path agents/one

"#]]);
    world.bakery(["new", "serde"]).assert().code(2).stderr_eq(str![[r#"
error: `serde` is not a name for a project: the project uses a crate of that name
   hint: did you mean `my-serde`?

"#]]);
    world.bakery(["new", "x", "--template", "caht"]).assert().code(2).stderr_eq(str![[r#"
error: there is no template `caht`
   hint: did you mean `chat`?

"#]]);
    world.bakery(["new", "x", "--lang", "js", "--template", "forward"]).assert().code(2).stderr_eq(str![[
        r#"
error: there is no template `forward`
   hint: the templates are `hello`, `chat`, `agent`, `constrained`

"#
    ]]);
    world.write("taken/file", "mine");
    world.bakery(["new", "taken"]).assert().code(2).stderr_eq(str![[r#"
error: the folder `taken` is not empty
   hint: give another name, or another folder with `--path`

"#]]);
    assert_eq!(std::fs::read_dir(world.work()).unwrap().count(), 1);
}

#[test]
fn the_templates_are_listed() {
    World::new()
        .bakery(["new", "--list"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
hello        rust        One question to the model, one answer
chat         rust        A conversation: reads messages, streams answers, keeps its context
forward      rust        A sampling loop of its own: reads distributions, decides each token
hello        python      One question to the model, one answer
chat         python      A conversation: reads messages, streams answers, keeps its context
agent        python      An agent: the model calls functions until it has an answer
constrained  python      Structured output: JSON that satisfies a schema, whatever the model would like to say
hello        javascript  One question to the model, one answer
chat         javascript  A conversation: reads messages, streams answers, keeps its context
agent        javascript  An agent: the model calls functions until it has an answer
constrained  javascript  Structured output: JSON that satisfies a schema, whatever the model would like to say
hello        typescript  One question to the model, one answer
chat         typescript  A conversation: reads messages, streams answers, keeps its context
agent        typescript  An agent: the model calls functions until it has an answer
constrained  typescript  Structured output: JSON that satisfies a schema, whatever the model would like to say

"#]])
        .stderr_eq("");
}

#[test]
fn a_script_gets_documents() {
    let world = World::new();
    world.bakery(["new", "x", "--json"]).assert().success().stdout_eq(str![[r#"
{"type":"created","name":"x","template":"rust-hello","path":"[..]/work/x","files":[".cargo/config.toml",[..],"snapshots/greets-ada.output.snap","snapshots/greets-the-world.output.snap","src/lib.rs"],"next":["cd x","bakery run . -- --name Ada","bakery test"]}

"#]]).stderr_eq("");
    world.bakery(["new", "--list", "--json"]).assert().success().stdout_eq(str![[r#"
{"type":"templates","templates":[{"name":"hello","language":"rust","description":"One question to the model, one answer"},{"name":"chat","language":"rust","description":"A conversation: reads messages, streams answers, keeps its context"},{"name":"forward","language":"rust","description":"A sampling loop of its own: reads distributions, decides each token"},{"name":"hello","language":"python","description":"One question to the model, one answer"},{"name":"chat","language":"python","description":"A conversation: reads messages, streams answers, keeps its context"},{"name":"agent","language":"python","description":"An agent: the model calls functions until it has an answer"},{"name":"constrained","language":"python","description":"Structured output: JSON that satisfies a schema, whatever the model would like to say"},{"name":"hello","language":"javascript","description":"One question to the model, one answer"},{"name":"chat","language":"javascript","description":"A conversation: reads messages, streams answers, keeps its context"},{"name":"agent","language":"javascript","description":"An agent: the model calls functions until it has an answer"},{"name":"constrained","language":"javascript","description":"Structured output: JSON that satisfies a schema, whatever the model would like to say"},{"name":"hello","language":"typescript","description":"One question to the model, one answer"},{"name":"chat","language":"typescript","description":"A conversation: reads messages, streams answers, keeps its context"},{"name":"agent","language":"typescript","description":"An agent: the model calls functions until it has an answer"},{"name":"constrained","language":"typescript","description":"Structured output: JSON that satisfies a schema, whatever the model would like to say"}]}

"#]]).stderr_eq("");
    world.bakery(["new", "x", "--json"]).assert().code(2).stdout_eq(str![[r#"
{"type":"error","kind":"usage","exit_code":2,"message":"the folder `x` is not empty","causes":[],"hints":["give another name, or another folder with `--path`"]}

"#]]).stderr_eq("");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_the_environments_fault() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.write("locked/inner/file", "");
    let locked = world.work().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = std::fs::write(locked.join("probe"), "").is_ok();
    if !is_root {
        world.bakery(["new", "x", "--path", "locked/x"]).assert().code(3);
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}
