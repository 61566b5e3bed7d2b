//! What is said about arguments: help, versions, mistakes.

use snapbox::{file, str};

use crate::support::World;

#[test]
fn help_is_a_result_and_goes_to_standard_output() {
    World::new()
        .bakery(["--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Makes inferlets: small WebAssembly programs that run beside a language model and steer it from
inside

Usage: bakery [OPTIONS] [COMMAND]

Commands:
  new          Make a new inferlet project
  build        Build an inferlet to a WebAssembly component
  run          Run an inferlet beside a model, building it first if needed
  test         Run the tests of inferlets, and compare what they do with what was accepted
  review       Accept or reject what tests have found to differ
  trace        Look at recorded runs
  model        Fetch, name and look at models
  install      Install an inferlet, so that others can launch it by name
  list         List the installed inferlets
  uninstall    Remove an installed inferlet
  completions  Print a shell's completion script
  schema       Print the JSON Schema of what `--json` prints
  help         Print this message or the help of the given subcommand(s)

Options:
  -V, --version  Print the version; with --verbose, more about this executable
  -h, --help     Print help

Global options:
      --json                       Print JSON documents, one a line, instead of text
  -q, --quiet                      Print nothing but results and errors
  -v, --verbose                    Say more
      --color <auto|always|never>  When to use colour; `auto` is on terminals, unless `NO_COLOR` is
                                   set

Examples:
  bakery run hello -- --name Ada      Build the inferlet in `hello` if needed, and run it
  bakery run hello --trace t.jsonl    Also record all it did
  bakery trace show t.jsonl           Look at the record

"#]])
        .stderr_eq("");
}

#[test]
fn help_is_as_narrow_as_columns_says() {
    let output = World::new().bakery(["--help"]).env("COLUMNS", "60").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let options = text.lines().take_while(|line| !line.starts_with("Examples"));
    assert!(options.clone().all(|line| line.chars().count() <= 60), "{text}");
    assert!(options.count() > 20, "{text}");
}

#[test]
fn without_arguments_help_is_a_complaint() {
    let world = World::new();
    let help = world.bakery(["--help"]).output().unwrap();
    let complaint = world.bakery([""; 0]).assert().code(2).stdout_eq("");
    assert_eq!(complaint.get_output().stderr, help.stdout);
}

#[test]
fn every_command_shows_examples_in_its_help() {
    use clap::CommandFactory;

    fn check(command: &clap::Command) {
        if command.has_subcommands() {
            return command.get_subcommands().for_each(check);
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.starts_with("Examples:\n  bakery "), "`{}` has no examples", command.get_name());
    }
    check(&bakery::cli::Cli::command());
}

#[test]
fn an_unknown_command_is_a_usage_error_with_a_suggestion() {
    World::new().bakery(["tracee"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: unrecognized subcommand 'tracee'

  tip: a similar subcommand exists: 'trace'

Usage: bakery [OPTIONS] [COMMAND]

For more information, try '--help'.

"#]]);
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    World::new().bakery(["schema", "--nope"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: unexpected argument '--nope' found

  tip: to pass '--nope' as a value, use '-- --nope'

Usage: bakery schema [OPTIONS] [NAME]

For more information, try '--help'.

"#]]);
}

#[test]
fn with_json_a_usage_error_is_a_document() {
    World::new().bakery(["--json", "tracee"]).assert().code(2).stdout_eq(str![[r#"
{"type":"error","kind":"usage","exit_code":2,"message":"unrecognized subcommand 'tracee'","causes":[],"hints":["a similar subcommand exists: 'trace'"]}

"#]]).stderr_eq("");
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    World::new().bakery(["-q", "-v", "schema"]).assert().code(2).stderr_eq(str![[r#"
error: the argument '--quiet' cannot be used with '--verbose'

Usage: bakery --quiet

For more information, try '--help'.

"#]]);
}

#[test]
fn the_version_is_one_line() {
    World::new().bakery(["--version"]).assert().success().stdout_eq(str![[r#"
bakery [..]

"#]]);
    World::new().bakery(["-V"]).assert().success().stdout_eq(str![[r#"
bakery [..]

"#]]);
}

#[test]
fn the_verbose_version_tells_where_the_cache_is() {
    World::new().bakery(["--version", "--verbose"]).assert().success().stdout_eq(str![[r#"
bakery [..]
trace format: 1
platform:     [..]-[..]
cache:        [..]/cache

"#]]);
}

#[test]
fn there_are_completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = World::new().bakery(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("completions") && script.contains("--json"), "{shell}: {script}");
    }
}

#[test]
fn an_unknown_shell_is_a_usage_error_that_lists_the_known_ones() {
    World::new().bakery(["completions", "csh"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'csh' for '<SHELL>'
  [possible values: bash, elvish, fish, powershell, zsh]

  tip: a similar value exists: 'zsh'

For more information, try '--help'.

"#]]);
}

#[test]
fn schemas_are_listed_and_printed() {
    let world = World::new();
    world.bakery(["schema"]).assert().success().stdout_eq(str![[r#"
run          each line of `bakery run --json`, `bakery trace show --json` and `bakery trace fork --json`
test         each line of `bakery test --json`
review       each line of `bakery review --json`
trace-diff   `bakery trace diff --json`
trace-stats  `bakery trace stats --json`
trace        each line of the file that `bakery run --trace` writes
new          `bakery new --json`
build        `bakery build --json`
model        `bakery model list`, `pull`, `show`, `remove` and `random`, each with `--json`
install      `bakery install --json`
list         `bakery list --json`
uninstall    `bakery uninstall --json`
manifest     `Pie.toml`, for editors
cases        files of tests under `tests/`, for editors
settings     `bakery.toml`, for editors
models       `models.toml`, for editors
inferlet     `bakery run PATH --json -- --help`
version      `bakery --version --json`
completions  `bakery completions --json`
schemas      `bakery schema --json`
error        the last document of any command that failed

"#]]);
    world.bakery(["schema", "error"]).assert().success().stdout_eq(file!["error.schema.json"]);
}

#[test]
fn an_unknown_schema_is_a_usage_error_with_a_hint() {
    World::new().bakery(["schema", "nope"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: there is no schema `nope`, only [..]
   hint: bakery schema

"#]]);
}
