//! What is written around a program before componentize-py gets it: the world of its component, and the module that exports `run`.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sources::Contents;

/// The module that componentize-py is given.
pub const MODULE: &str = "inferlet_program";

/// The module with the program's files.
pub const FILES: &str = "inferlet_files";

/// Names of packages that the world has already.
const RESERVED: [&str; 5] = ["core", "instruct", "mcp", "zo", "inferlet"];

/// What [`PROGRAM`] and [`SHARED`] begin a line with that says what is wrong with the program.
pub const PROBLEM: &str = "inferlet-problem: ";

/// Exports a program that is inside. While the component is made it is imported, and what is wrong with it is said in one line of JSON.
const PROGRAM: &str = r#"
from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet_files import ENTRY, FILES, SHOW_SOURCES

program = Program(Bundle(FILES, show_sources=SHOW_SOURCES), ENTRY)


def place(error):
    """The innermost line of the program's own in an error, with its column if that is known."""
    if isinstance(error, SyntaxError) and error.filename in FILES:
        return error.filename, error.lineno, error.offset, error.msg
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in FILES:
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    name = type(error).__name__
    return *(found or (None, None)), None, str(error) if name == "InferletError" else f"{name}: {error}"


try:
    program.prepare()
except BaseException as error:
    import json
    import sys

    # What the program itself has raised is behind what the SDK says of it.
    cause = error.__context__ if type(error).__name__ == "BuildError" and error.__context__ else error
    print("inferlet-problem: " + json.dumps(place(cause)), file=sys.stderr, flush=True)
    raise


class Run:
    def run(self, input):
        return program.run(input)
"#;

/// Exports whatever program comes in by standard input: its files and its entry as JSON. Bytes are in base64.
const SHARED: &str = r#"
import base64
import json
import os

from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet.preload import preload_library

preload_library()


def received():
    parts = []
    while part := os.read(0, 1 << 20):
        parts.append(part)
    program = json.loads(b"".join(parts))
    files = program["files"]
    files.update((name, base64.b64decode(content)) for name, content in program["data"].items())
    return Program(Bundle(files), program["entry"])


class Run:
    def run(self, input):
        return received().run(input)
"#;

/// The files that are given to componentize-py, by their places in its folder.
pub fn of_program(name: &str, contents: &Contents, show_sources: bool) -> BTreeMap<String, String> {
    let mut files = String::from("ENTRY = ");
    python_text(&mut files, &contents.entry);
    let _ = write!(files, "\nSHOW_SOURCES = {}\nFILES = {{\n", if show_sources { "True" } else { "False" });
    for (path, bytes) in &contents.files {
        files.push_str("    ");
        python_text(&mut files, path);
        files.push_str(": ");
        match std::str::from_utf8(bytes) {
            Ok(text) if path.ends_with(".py") => python_text(&mut files, text),
            _ => python_bytes(&mut files, bytes),
        }
        files.push_str(",\n");
    }
    files.push_str("}\n");
    around(name, [(format!("app/{FILES}.py"), files), (format!("app/{MODULE}.py"), PROGRAM.to_owned())])
}

/// The files for the component that is given its program at run time.
pub fn shared(name: &str) -> BTreeMap<String, String> {
    around(name, [(format!("app/{MODULE}.py"), SHARED.to_owned())])
}

fn around(name: &str, files: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let package = package(name);
    let world = format!(
        "package pie:{package};\n\ninterface run {{\n    run: func(input: string) -> result<string, string>;\n}}\n\n\
         world program {{\n    include pie:inferlet/inferlet;\n    export run;\n}}\n"
    );
    files.into_iter().chain([("wit/program.wit".to_owned(), world)]).collect()
}

/// What the shared component is given on its standard input.
pub fn input(contents: &Contents) -> Vec<u8> {
    let mut files = serde_json::Map::new();
    let mut data = serde_json::Map::new();
    for (name, bytes) in &contents.files {
        match std::str::from_utf8(bytes) {
            Ok(text) if name.ends_with(".py") => files.insert(name.clone(), text.into()),
            _ => data.insert(name.clone(), STANDARD.encode(bytes).into()),
        };
    }
    serde_json::json!({ "entry": contents.entry, "files": files, "data": data }).to_string().into_bytes()
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

/// A literal of Python's for a text.
fn python_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn python_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("b\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            0x20..0x7f => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
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
    fn literals_hold_any_text_and_any_bytes() {
        let (mut text, mut bytes) = (String::new(), String::new());
        python_text(&mut text, "a\"\\\n\u{1}é");
        python_bytes(&mut bytes, b"a\"\\\n\xff");
        assert_eq!(text, r#""a\"\\\n\x01é""#);
        assert_eq!(bytes, r#"b"a\"\\\x0a\xff""#);
    }

    #[test]
    fn what_the_shared_component_gets_is_one_document() {
        let files =
            BTreeMap::from([("main.py".to_owned(), b"x = 1".to_vec()), ("d.bin".to_owned(), vec![255])]);
        let text = String::from_utf8(input(&Contents { entry: "main.py".into(), files })).unwrap();
        assert_eq!(text, r#"{"entry":"main.py","files":{"main.py":"x = 1"},"data":{"d.bin":"/w=="}}"#);
    }
}
