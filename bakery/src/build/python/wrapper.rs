//! The module that exports `run`, in the component that all programs share, and how programs are handed to it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::settings;
use super::sources::Contents;
use crate::project::Manifest;

/// The module that componentize-py is given.
pub const MODULE: &str = "inferlet_program";

/// Names of packages that the world has already.
const RESERVED: [&str; 5] = ["core", "instruct", "mcp", "zo", "inferlet"];

/// What an input begins with that is a program to be kept instead of an input for one. No JSON begins so.
const KEEP: &str = "\u{0}";

/// Exports whatever program comes in: by standard input for one run, or as the input to be kept for all later ones. Bytes are in base64. What is wrong with one
/// that is to be kept is the error, as JSON.
const SHARED: &str = r#"
import base64
import contextlib
import gc
import io
import json
import os

from componentize_py_types import Err
from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet.preload import preload_library

preload_library()

KEEP = "\0"
kept = None


def program_of(text):
    given = json.loads(text)
    files = given["files"]
    files.update((name, base64.b64decode(content)) for name, content in given["data"].items())
    return Program(Bundle(files, show_sources=given.get("show_sources", True)), given["entry"]), files


def received():
    parts = []
    while part := os.read(0, 1 << 20):
        parts.append(part)
    return program_of(b"".join(parts))[0]


def place(error, files):
    """The innermost line of the program's own in an error, with its column if that is known."""
    if isinstance(error, SyntaxError) and error.filename in files:
        return error.filename, error.lineno, error.offset, error.msg
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    name = type(error).__name__
    return *(found or (None, None)), None, str(error) if name == "InferletError" else f"{name}: {error}"


def keep(text):
    global kept
    program, files = program_of(text)
    try:
        # An instance that has written something holds a stream, and streams cannot be kept.
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            program.prepare()
    except BaseException as error:
        # What the program itself has raised is behind what the SDK says of it.
        cause = error.__context__ if type(error).__name__ == "BuildError" and error.__context__ else error
        raise Err(json.dumps(place(cause, files))) from None
    kept = program


class Run:
    def run(self, input):
        if not input.startswith(KEEP):
            return (kept or received()).run(input)
        keep(input[1:])
        # What is here now stays: nobody has to look through it again.
        gc.collect()
        gc.freeze()
        return "null"


gc.collect()
gc.freeze()
"#;

/// The worlds that programs live in. There is a shared component for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// What every inferlet has.
    Plain,
    /// HTTP to the hosts that its manifest lists too.
    Network,
}

impl World {
    /// That of a project.
    pub fn of(manifest: &Manifest) -> World {
        if manifest.permissions.network.is_empty() { World::Plain } else { World::Network }
    }

    /// The name of the shared component's package.
    pub fn name(self) -> &'static str {
        match self {
            World::Plain => "python",
            World::Network => "python-network",
        }
    }

    /// The worlds of the interface that it consists of.
    fn includes(self) -> &'static str {
        match self {
            World::Plain => "include pie:inferlet/inferlet;",
            World::Network => "include pie:inferlet/inferlet;\n    include pie:inferlet/network;",
        }
    }
}

/// The files that are given to componentize-py, by their places in its folder.
pub fn shared(world: World) -> BTreeMap<String, Vec<u8>> {
    let (package, includes) = (world.name(), world.includes());
    let world = format!(
        "package pie:{package};\n\ninterface run {{\n    run: func(input: string) -> result<string, string>;\n}}\n\n\
         world program {{\n    {includes}\n    export run;\n}}\n"
    );
    BTreeMap::from([
        (format!("app/{MODULE}.py"), SHARED.as_bytes().to_vec()),
        (format!("app/{}", settings::FILE), settings::library()),
        ("wit/program.wit".to_owned(), world.into_bytes()),
    ])
}

/// What the shared component is given on its standard input.
pub fn input(contents: &Contents) -> Vec<u8> {
    document(contents).to_string().into_bytes()
}

/// What it is given as its input to keep a program.
pub fn preload(contents: &Contents, show_sources: bool) -> String {
    let mut document = document(contents);
    document["show_sources"] = show_sources.into();
    format!("{KEEP}{document}")
}

fn document(contents: &Contents) -> serde_json::Value {
    let mut files = serde_json::Map::new();
    let mut data = serde_json::Map::new();
    for (name, bytes) in &contents.files {
        match std::str::from_utf8(bytes) {
            Ok(text) if name.ends_with(".py") => files.insert(name.clone(), text.into()),
            _ => data.insert(name.clone(), STANDARD.encode(bytes).into()),
        };
    }
    serde_json::json!({ "entry": contents.entry, "files": files, "data": data })
}

/// The interface that the component of a project exports.
pub fn export(name: &str) -> String {
    format!("pie:{}/run", package(name))
}

/// A name as that of a WIT package: words of lower-case letters and digits with `-` between them. The rule of `sdk/rust/inferlet-macros/src/name.rs`.
pub fn package(name: &str) -> String {
    let mut made = String::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        match (made.is_empty(), is_number) {
            (true, true) => made.push('n'),
            (true, false) | (false, true) => {}
            (false, false) => made.push('-'),
        }
        made.push_str(&word.to_ascii_lowercase());
    }
    match made.as_str() {
        "" => "unnamed".to_owned(),
        reserved if RESERVED.contains(&reserved) => format!("{made}-program"),
        _ => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_into_those_of_packages() {
        for (name, expected) in [
            ("My_Agent2", "my-agent2"),
            ("3d", "n3d"),
            ("a-1-b", "a1-b"),
            ("core", "core-program"),
            ("hello", "hello"),
            ("--", "unnamed"),
        ] {
            assert_eq!(package(name), expected);
        }
    }

    #[test]
    fn what_the_shared_component_gets_is_one_document() {
        let files =
            BTreeMap::from([("main.py".to_owned(), b"x = 1".to_vec()), ("d.bin".to_owned(), vec![255])]);
        let contents = Contents { entry: "main.py".into(), files };
        let text = String::from_utf8(input(&contents)).unwrap();
        assert_eq!(text, r#"{"entry":"main.py","files":{"main.py":"x = 1"},"data":{"d.bin":"/w=="}}"#);
        let kept = preload(&contents, false);
        assert!(kept.starts_with("\0{") && kept.contains(r#""show_sources":false"#), "{kept}");
        assert_eq!(export("My_Agent2"), "pie:my-agent2/run");
    }
}
