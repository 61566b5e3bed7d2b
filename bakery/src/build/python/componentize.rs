//! How componentize-py is called, and what is said of a program that does not build.

use std::collections::BTreeMap;
use std::path::Path;

use super::sdk::Sdk;
use super::sources::Contents;
use super::wrapper::{MODULE, World};
use crate::build::recipe::{Invocation, Messages};
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Place, Result};
use crate::process::{self, Life, Limits};
use crate::toolchain::python::{Python, plain};

/// Interfaces whose names in Python would have a version otherwise.
const RENAMED: [&str; 3] = [
    "wasi:cli/environment@0.2.12=wasi_cli_environment",
    "wasi:io/poll@0.2.12=wasi_io_poll",
    "wasi:clocks/monotonic-clock@0.2.12=wasi_clocks_monotonic_clock",
];

/// What makes a component of the files of [`wrapper`](super::wrapper) in `folder`.
pub fn invocation(python: &Python, sdk: &Sdk, world: World, folder: &Path, output: &Path) -> Invocation {
    let (imports, exports) = world.renamed();
    let world = format!("pie:{}", world.name());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (program, mut arguments) = python.start();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["--quiet", "--wit-path", &text(&sdk.wit), "--wit-path", &text(&folder.join("wit"))]);
    add(&["--world", &format!("{world}/program"), "--full-names", "--world-module", "inferlet_bindings"]);
    for renamed in &exports {
        add(&["--export-interface-name", renamed]);
    }
    for renamed in RENAMED.into_iter().chain(imports.iter().map(String::as_str)) {
        add(&["--import-interface-name", renamed]);
    }
    let app = folder.join("app");
    add(&["componentize", "--python-path", &text(&app), "--python-path", &text(&sdk.python)]);
    add(&["--output", &text(output), MODULE]);
    let variables = [("VIRTUAL_ENV".to_owned(), text(&python.empty_environment()))];
    Invocation {
        program,
        arguments,
        variables: BTreeMap::from(variables),
        folder: folder.to_owned(),
        messages: Messages::Ignored,
        inputs: vec![app, folder.join("wit"), sdk.python.clone(), sdk.wit.clone()],
        outputs: vec![output.to_owned()],
    }
}

/// Writes files below a folder.
///
/// # Errors
/// One cannot be written.
pub fn write(files: &BTreeMap<String, Vec<u8>>, folder: &Path) -> Result<()> {
    files.iter().try_for_each(|(name, bytes)| write_atomically(&folder.join(name), bytes))
}

/// Runs componentize-py.
///
/// # Errors
/// It fails.
pub fn run(env: &Environment, invocation: &Invocation) -> Result<()> {
    let mut command = plain(env, &invocation.program);
    command.args(&invocation.arguments).envs(&invocation.variables).current_dir(&invocation.folder);
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    process::watch(command, limits, &mut |_| Life::Moving)
}

/// File, line, column, what is wrong, and what to do instead.
type Said = (Option<String>, Option<usize>, Option<usize>, String, Option<String>);

/// What the shared component has said of a program that it was to keep, as an error that shows the place.
pub fn problem(said: &str, contents: &Contents) -> Error {
    let entry = &contents.entry;
    let Ok((file, line, column, message, instead)) = serde_json::from_str::<Said>(said) else {
        return Error::failed(format!("`{entry}` does not build: {said}"));
    };
    let error = Error::failed(format!("`{}` does not build: {message}", file.as_ref().unwrap_or(entry)));
    let source = file.as_ref().and_then(|file| contents.files.get(file));
    let error = match (&file, line, source) {
        (Some(file), Some(line), Some(source)) => {
            let text = String::from_utf8_lossy(source).into_owned();
            let span = place(&text, line, column);
            let label = message.split(": ").last().unwrap_or_default().to_owned();
            error.at(Place { file: file.clone(), text, span, label })
        }
        _ => error,
    };
    match instead {
        Some(instead) => error.hint(instead),
        None => error,
    }
}

/// The bytes of a line, from a column on if there is one; both count from 1.
fn place(text: &str, line: usize, column: Option<usize>) -> std::ops::Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let content = text[start..].lines().next().unwrap_or_default();
    let indent = content.len() - content.trim_start().len();
    let end = start + content.trim_end().len().max(indent);
    match column.and_then(|column| content.char_indices().nth(column.saturating_sub(1))) {
        Some((at, c)) if column.is_some_and(|column| column > 0) => start + at..start + at + c.len_utf8(),
        _ => start + indent..end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Error {
        let files =
            BTreeMap::from([("main.py".to_owned(), b"import a\n\nasync def main():\n    b\n".to_vec())]);
        let contents = Contents { entry: "main.py".into(), files };
        problem(json, &contents)
    }

    #[test]
    fn what_the_wrapper_says_becomes_an_error_with_its_place() {
        let error =
            told(r#"["main.py", 1, null, "ModuleNotFoundError: No module named 'a'", "`a` is gone"]"#);
        assert_eq!(error.message, "`main.py` does not build: ModuleNotFoundError: No module named 'a'");
        assert_eq!(error.hints, ["`a` is gone"]);
        let place = error.place.unwrap();
        assert_eq!((place.span.clone(), &place.text[place.span]), (0..8, "import a"));
        let place = told(r#"["main.py", 4, 5, "SyntaxError: x", null]"#).place.unwrap();
        assert_eq!((place.line_and_column(), place.span.len()), ((4, 5), 1));
    }

    #[test]
    fn a_problem_without_a_place_is_about_the_entry() {
        let error = told(r#"[null, null, null, "`main.py` defines no `main`", null]"#);
        assert!(error.place.is_none() && error.message.contains("defines no `main`"), "{error}");
        assert_eq!(told("it is no JSON").message, "`main.py` does not build: it is no JSON");
        assert_eq!(place("a\n", 9, None), 2..2);
        assert_eq!(place("", 0, Some(3)), 0..0);
    }
}
