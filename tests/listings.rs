//! The book's listings: commands and what they print, in `book/listings`. `SNAPSHOTS=overwrite` writes down what they print now.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::book::{files, repository};
use crate::support::{World, javascript, python};

/// Builds an example with the tools of whoever runs the tests, for a listing that runs its component.
fn build(name: &str, world: &World) {
    let status = Command::new(env!("CARGO_BIN_EXE_bakery"))
        .args(["build", "--quiet", "--locked"])
        .arg(repository().join("examples").join(name))
        .arg("-o")
        .arg(world.work().join(name).with_extension("wasm"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"))
        .status();
    assert!(status.unwrap().success(), "{name} cannot be built");
}

/// Runs the commands of a listing, one after the other, and writes down what they print: standard error, then standard output.
fn replayed(listing: &str) -> String {
    let world = World::new();
    let links = [
        ("examples", "examples"),
        ("broken", "book/listings/broken"),
        ("hello.jsonl", "tests/cli/hello.jsonl"),
        ("fetch.jsonl", "tests/examples/fetch-rust.jsonl"),
        ("forks.jsonl", "tests/examples/parallel-generation-rust.jsonl"),
    ];
    for (name, source) in links {
        symlink(repository().join(source), world.work().join(name)).unwrap();
    }
    for word in listing.lines().filter(|line| line.starts_with("$ ")).flat_map(|line| line.split(' ')) {
        if let Some(name) = word.strip_suffix(".wasm") {
            build(name, &world);
        }
    }
    let folder = world.work().canonicalize().unwrap();
    let (mut shown, mut code) = (String::new(), 0);
    for command in listing.lines().filter_map(|line| line.strip_prefix("$ ")) {
        shown += &format!("$ {command}\n");
        if command == "echo $?" {
            shown += &format!("{code}\n");
            continue;
        }
        let (run, lines) = command.split_once(" | head -n ").unwrap_or((command, "1000"));
        let arguments = run.strip_prefix("bakery ").expect("a listing runs bakery").split(' ');
        let mut started = world.bakery(arguments).env("COLUMNS", "100").stdin("");
        if run.contains("-python ") {
            python::prepare();
            started = started.env("BAKERY_CACHE_DIR", python::cache());
        }
        if run.contains("-typescript ") {
            javascript::prepare();
            started = started.env("BAKERY_CACHE_DIR", javascript::cache());
        }
        let output = started.output().unwrap();
        code = output.status.code().expect("no signal ended it");
        let printed = String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
        shown.extend(printed.split_inclusive('\n').take(lines.parse().unwrap()));
    }
    shown.replace(folder.to_str().unwrap(), "/home/ada")
}

#[test]
fn every_listing_is_what_the_commands_print() {
    for (name, listing) in files("listings", "console") {
        let path = repository().join("book/listings").join(name);
        let expected = Data::read_from(&path, Some(DataFormat::Text)).raw();
        let assert = Assert::new().action_env(DEFAULT_ACTION_ENV);
        assert.eq(replayed(&listing), expected);
    }
}
