//! The module that exports `run`, in the component that all programs share, and how programs are handed to it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::first;
use super::sources::Contents;
use super::sources::Sources;
use crate::project::Project;
use crate::project::python::signature;

/// The module that componentize-py is given.
pub const MODULE: &str = "inferlet_program";

/// Names of packages that the world has already.
const RESERVED: [&str; 5] = ["core", "instruct", "mcp", "zo", "inferlet"];

/// What an input begins with that is a program to be kept instead of an input for one. No JSON begins so.
const KEEP: &str = "\u{0}";

/// The input with which it runs programs of its own, so that later ones begin like one that has run some already.
pub const WARM: &str = "\u{1}";

/// Exports whatever program comes in: by standard input for one run, or as the input to be kept for all later ones. Bytes are in base64. What is wrong with one
/// that is to be kept is the error, as JSON.
const SHARED: &str = r#"
import base64
import contextlib
import gc
import io
import json
import os
import sys

from componentize_py_types import Err
from inferlet.absent import instead
from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet.lasting import settle
from inferlet.preload import preload_library
from inferlet.warm import warm

preload_library()

KEEP = "\0"
WARM = "\1"
kept = None
# What `first.py` has put there: until now, nothing has looked at the folders of the machine.
imported_as_usual = sys.path_hooks[0].leave


def program_of(text):
    imported_as_usual()
    given = json.loads(text)
    files = given["files"]
    files.update((name, base64.b64decode(content)) for name, content in given["data"].items())
    return Program(Bundle(files, show_sources=given.get("show_sources", True)), given["entry"]), files


def received():
    parts = []
    while part := os.read(0, 1 << 16):
        parts.append(part)
    return program_of(b"".join(parts))[0]


def place(error, files):
    """The innermost line of the program's own in an error, with its column if that is known, what is wrong, and what to do instead."""
    if isinstance(error, SyntaxError) and error.filename in files:
        return error.filename, error.lineno, error.offset, error.msg, None
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    name = type(error).__name__
    said = str(error) if name in ("AbsentError", "InferletError") else f"{name}: {error}"
    return *(found or (None, None)), None, said, instead(error)


def keep(text):
    global kept
    if text == WARM:
        imported_as_usual()
        warm()
        return
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
    # What is here now stays: nobody has to look through it again.
    gc.collect()
    gc.freeze()


"#;

/// Calls a program with its input.
const RUN: &str = r#"
class Run:
    def run(self, input):
        if not input.startswith((KEEP, WARM)):
            return (kept or received()).run(input)
        keep(input.removeprefix(KEEP))
        return "null"


settle()
"#;

/// Calls a program with a request. What is to be kept comes in by an export of its own.
const RESPOND: &str = r#"
class Keep:
    def run(self, input):
        keep(input.removeprefix(KEEP))
        return "null"


class IncomingHandler:
    def handle(self, request, response_out):
        (kept or received()).respond(request, response_out)


settle()
"#;

/// Where a program lives. There is a shared component for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Whether there is HTTP to the hosts that its manifest lists.
    pub network: bool,
    /// Whether it responds to requests, instead of answering an input.
    pub responds: bool,
}

/// The package of WASI's interfaces for HTTP.
const HTTP: &str = "wasi:http";
/// Its release in `wit/`.
const RELEASE: &str = "0.2.12";

impl World {
    /// That of a project.
    pub fn of(project: &Project, sources: &Sources) -> World {
        let entry = sources.files.get(&sources.entry);
        // What cannot be read is found out when all sources are.
        let text = entry.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        World {
            network: !project.manifest.permissions.network.is_empty(),
            responds: signature::responds(&text),
        }
    }

    /// The name of the shared component's package.
    pub fn name(self) -> &'static str {
        match (self.responds, self.network) {
            (false, false) => "python",
            (false, true) => "python-network",
            (true, false) => "python-server",
            (true, true) => "python-server-network",
        }
    }

    /// The export by which a program is called, or kept where it responds.
    pub fn export(self) -> String {
        format!("pie:{}/{}", self.name(), self.interface())
    }

    /// The export by which it responds.
    pub fn handler(self) -> Option<String> {
        self.responds.then(|| format!("{HTTP}/incoming-handler@{RELEASE}"))
    }

    fn interface(self) -> &'static str {
        if self.responds { "keep" } else { "run" }
    }

    /// What of HTTP is imported, by the ends of the interfaces' names.
    fn http(self) -> &'static [&'static str] {
        match (self.responds, self.network) {
            (_, true) => &["types", "outgoing-handler"],
            (true, false) => &["types"],
            (false, false) => &[],
        }
    }

    /// How componentize-py calls interfaces whose names have a version: `NAME=name_in_python`, for imports and for exports.
    pub fn renamed(self) -> (Vec<String>, Vec<String>) {
        let imports = self
            .http()
            .iter()
            .map(|name| format!("{HTTP}/{name}@{RELEASE}=wasi_http_{}", name.replace('-', "_")));
        let own = format!("{}={}", self.export(), self.interface());
        let handler = self.handler().map(|handler| format!("{handler}=incoming_handler"));
        (imports.collect(), [own].into_iter().chain(handler).collect())
    }

    fn wit(self) -> String {
        let (package, interface) = (self.name(), self.interface());
        let imports: String =
            self.http().iter().map(|name| format!("    import {HTTP}/{name}@{RELEASE};\n")).collect();
        let handler = self.handler().map(|handler| format!("    export {handler};\n")).unwrap_or_default();
        format!(
            "package pie:{package};\n\ninterface {interface} {{\n    run: func(input: string) -> result<string, string>;\n}}\n\n\
             world program {{\n    include pie:inferlet/inferlet;\n{imports}    export {interface};\n{handler}}}\n"
        )
    }
}

/// The files that are given to componentize-py, by their places in its folder.
pub fn shared(world: World) -> BTreeMap<String, Vec<u8>> {
    let module = [SHARED, if world.responds { RESPOND } else { RUN }].concat();
    BTreeMap::from([
        (format!("app/{MODULE}.py"), module.into_bytes()),
        (format!("app/{}", first::FILE), first::library()),
        ("wit/program.wit".to_owned(), world.wit().into_bytes()),
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
