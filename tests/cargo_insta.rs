//! `cargo insta` on the snapshots of `bakery test`: that program itself, from the registry, in a project in Rust.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{World, guest};

/// The release that goes with the library insta of the tests.
const VERSION: &str = "1.49.0";
/// What it needs of the surroundings: where cargo is.
const SURROUNDINGS: [&str; 4] = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"];

/// The program `cargo-insta`, installed once below the target folder: about a minute of a processor.
fn program() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cargo-insta-{VERSION}"));
        let program = home.join("bin").join(format!("cargo-insta{}", std::env::consts::EXE_SUFFIX));
        if !program.is_file() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut command = Command::new(cargo);
            command.args(["install", "cargo-insta", "--version", VERSION, "--locked", "--debug", "--quiet"]);
            command.arg("--root").arg(&home).arg("--target-dir").arg(home.join("build"));
            // What cargo has set for the tests is not meant for another program.
            command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").current_dir(std::env::temp_dir());
            let output = command.stdin(Stdio::null()).output().expect("there is a cargo");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let _ = std::fs::remove_dir_all(home.join("build"));
        }
        program
    })
}

/// `cargo insta` with these arguments in the project.
fn cargo_insta(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(world.work().join("hello")).env_clear().stdin(Stdio::null());
    command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let output = command.output().expect("it was installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

const TEST: [&str; 4] = ["test", "hello", "--component", "hello/hello.wasm"];

/// A project in Rust with three cases whose answers were accepted, and have changed.
fn changed() -> World {
    let world = World::new();
    let head = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n";
    let cases = ["greets", "waves", "yawns"]
        .map(|case| format!("[[test]]\nname = \"{case}\"\nsnapshot = [\"output\"]\n"));
    world.write("hello/Pie.toml", format!("{head}{}", cases.concat()));
    world.write(
        "hello/Cargo.toml",
        format!("{head}edition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n"),
    );
    world.write("hello/lib.rs", "");
    world.write("hello/.gitignore", "*.snap.new\n");
    world.write("hello/hello.wasm", guest::answering(r#""Hello dear Ada""#));
    world.bakery(TEST).args(["--update", "new"]).assert().success();
    world.write("hello/hello.wasm", guest::answering(r#""Hello dear Bob""#));
    world.bakery(TEST).assert().code(1);
    world
}

/// What is accepted of each case, and whether something waits.
fn state(world: &World) -> Vec<(&'static str, bool)> {
    let folder = world.work().join("hello/snapshots");
    let of = |case: &str| {
        let accepted = std::fs::read_to_string(folder.join(format!("{case}.output.snap"))).unwrap();
        let who = if accepted.ends_with("\n  Hello dear Bob\n") { "Bob" } else { "Ada" };
        (who, folder.join(format!("{case}.output.snap.new")).exists())
    };
    ["greets", "waves", "yawns"].map(of).to_vec()
}

#[test]
fn cargo_insta_lists_rejects_and_accepts_what_waits() {
    let world = changed();
    let listed = cargo_insta(&world, &["pending-snapshots", "--as-json"]);
    let paths: Vec<String> = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].as_str().unwrap().to_owned())
        .collect();
    let names: Vec<&str> = paths.iter().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(names, ["greets.output.snap", "waves.output.snap", "yawns.output.snap"]);
    cargo_insta(&world, &["reject", "--snapshot", "waves.output.snap"]);
    assert_eq!(state(&world), [("Ada", true), ("Ada", false), ("Ada", true)]);
    cargo_insta(&world, &["accept"]);
    assert_eq!(state(&world), [("Bob", false), ("Ada", false), ("Bob", false)]);
    // What cargo insta has written is what was accepted, with its conditions.
    let output = world.bakery(TEST).env("CI", "true").assert().code(1);
    let stdout = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(stdout.contains("FAIL waves") && stdout.contains("3 cases: 2 passed, 1 failed"), "{stdout}");
    // And the same text as if bakery had accepted it, but that insta writes fewer quotation marks.
    let accepted = |world: &World| {
        let file = world.work().join("hello/snapshots/greets.output.snap");
        std::fs::read_to_string(file).unwrap().replace('"', "")
    };
    let other = changed();
    other.bakery(["review", "hello", "--accept"]).assert().success();
    assert_eq!(accepted(&world), accepted(&other));
}

#[cfg(unix)]
#[test]
fn cargo_insta_review_shows_each_and_does_what_is_decided() {
    use crate::support::terminal::Start;

    let world = changed();
    let surroundings = SURROUNDINGS.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let review = Start::new(program(), &world.work().join("hello")).args(&["review"]).envs(surroundings);
    let mut terminal = review.start();
    terminal.wait_for_question("Reviewing [1/3]");
    for part in ["snapshots/greets.output.snap", "-  Hello dear Ada", "+  Hello dear Bob", "model: dummy"] {
        terminal.wait_for(part);
    }
    terminal.press("a");
    terminal.wait_for_question("Reviewing [2/3]");
    terminal.press("r");
    terminal.wait_for_question("Reviewing [3/3]");
    terminal.press("s");
    assert_eq!(terminal.end().code, 0);
    assert_eq!(state(&world), [("Bob", false), ("Ada", false), ("Ada", true)]);
    world.bakery(["review", "hello"]).assert().success().stdout_eq("yawns output, changed hello\n...\n");
}
