//! Streams, colour and exit codes.

use std::process::{Command, Stdio};

use snapbox::str;

use crate::support::World;

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let world = World::new();
    let stderr = |arguments: &[&str], variables: &[(&str, &str)]| {
        let command = world.bakery(["schema", "nope"]).args(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let plain = stderr(&[], &[]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert_eq!(stderr(&["--color=auto"], &[]), plain);
    assert_eq!(stderr(&["--color=never"], &[]), plain);
    let coloured = stderr(&["--color=always"], &[]);
    assert!(coloured.starts_with("\u{1b}["), "{coloured:?}");
    assert_eq!(
        stderr(&["--color=always"], &[("NO_COLOR", "1")]),
        coloured,
        "a flag is stronger than a variable"
    );
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn help_is_coloured_on_demand() {
    let output = World::new().bakery(["--color=always", "schema", "--help"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("\u{1b}["));
}

#[test]
fn an_error_with_json_is_one_document_on_standard_output() {
    World::new().bakery(["schema", "nope", "--json"]).assert().code(2).stdout_eq(str![[r#"
{"type":"error","kind":"usage","exit_code":2,"message":"there is no schema `nope`, only [..]","causes":[],"hints":["bakery schema"]}

"#]]).stderr_eq("");
}

#[test]
fn a_missing_current_folder_is_an_error_of_the_environment() {
    let world = World::new();
    let gone = world.work().join("gone");
    std::fs::create_dir(&gone).unwrap();
    // The shell is in the folder when it removes it; so is the program that it starts.
    let script = format!("rmdir ../gone && exec {} schema", env!("CARGO_BIN_EXE_bakery"));
    let output =
        Command::new("/bin/sh").args(["-c", &script]).current_dir(&gone).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    snapbox::assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
error: cannot tell the current folder
  cause: No such file or directory (os error 2)
   hint: cd ~

"#]]
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["completions", "bash"])
        .env_clear()
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_of_the_environment() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["completions", "bash"])
        .env_clear()
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    snapbox::assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
error: cannot write the output
  cause: No space left on device (os error 28)

"#]]
    );
}
