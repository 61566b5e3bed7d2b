//! Whether the types of a program fit, as the compiler of TypeScript sees it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Kind, Place, Result};
use crate::process::{self, Event, Life, Limits, Stream};

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The compiler.
    pub compiler: &'a Path,
    /// The folder of the project.
    pub root: &'a Path,
    /// The file that the program begins with.
    pub entry: &'a Path,
    /// The SDK's folder.
    pub sdk: &'a Path,
    /// The folder to put settings into.
    pub work: &'a Path,
}

/// Checks a program.
///
/// # Errors
/// A type does not fit; the error shows the first place, and tells the others.
pub fn check(wanted: Wanted<'_>, env: &Environment) -> Result<()> {
    let settings = wanted.work.join("tsconfig.json");
    let text = serde_json::to_vec_pretty(&settings_of(wanted))
        .map_err(|error| Error::bug("settings of TypeScript cannot be written").caused_by(error))?;
    write_atomically(&settings, &text)?;
    let mut command = env.command(wanted.compiler);
    command.args(["--pretty", "false", "--noEmit", "-p"]).arg(&settings).current_dir(wanted.root);
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    let mut said = Vec::new();
    let outcome = process::watch(command, limits, &mut |event| {
        if let Event::Line(Stream::Out, line) = event {
            said.push(line.to_owned());
        }
        Life::Moving
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.kind == Kind::Interrupted => Err(error),
        Err(error) => Err(problems(&said, wanted.root).unwrap_or(error)),
    }
}

/// The settings: those of the project's `tsconfig.json`, if there is one, and where the SDK is.
fn settings_of(wanted: Wanted<'_>) -> Value {
    let theirs = wanted.root.join("tsconfig.json");
    let at = |path: &str| wanted.sdk.join(path);
    let mut options = json!({
        "noEmit": true,
        "composite": false,
        "incremental": false,
        "allowImportingTsExtensions": true,
        "skipLibCheck": true,
        "paths": {
            "inferlet": [at("src/index.ts")],
            "inferlet/*": [at("src/*.ts")],
            "node:fs/promises": [at("src/fs.ts")],
            "fs/promises": [at("src/fs.ts")],
        },
    });
    let globals = at("src/globals/ambient.d.ts");
    let files = json!([wanted.entry, globals]);
    if theirs.is_file() {
        return json!({ "extends": theirs, "compilerOptions": options, "files": files, "include": [] });
    }
    let own = json!({
        "strict": true,
        "target": "es2023",
        "lib": ["es2023", "esnext.disposable"],
        "module": "esnext",
        "moduleResolution": "bundler",
        "moduleDetection": "force",
        "resolveJsonModule": true,
        "isolatedModules": true,
        "types": [],
    });
    for (key, value) in own.as_object().into_iter().flatten() {
        options[key] = value.clone();
    }
    json!({ "compilerOptions": options, "files": files, "include": [] })
}

/// What a compiler says of one place: `main.ts(3,5): error TS2322: …`.
struct Problem {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl Problem {
    fn parse(line: &str) -> Option<Problem> {
        let (place, message) = line.split_once("): error ")?;
        let (file, position) = place.rsplit_once('(')?;
        let (line, column) = position.split_once(',')?;
        let message = message.split_once(": ").map_or(message, |(_, text)| text);
        Some(Problem {
            file: file.to_owned(),
            line: line.parse().ok()?,
            column: column.parse().ok()?,
            message: message.trim_end_matches('.').to_owned(),
        })
    }
}

fn problems(said: &[String], root: &Path) -> Option<Error> {
    let all: Vec<Problem> = said.iter().filter_map(|line| Problem::parse(line)).collect();
    let Some(first) = all.first() else {
        let text = said.iter().find_map(|line| line.strip_prefix("error "))?;
        return Some(Error::failed(format!("the types cannot be checked: {}", text.trim_end_matches('.'))));
    };
    let shown = shown(&first.file);
    let mut error = Error::failed(format!("`{shown}` does not fit its types: {}", first.message));
    if all.len() > 1 {
        let others = all.iter().skip(1).take(20);
        let lines = others
            .map(|other| format!("`{}`, line {}: {}", self::shown(&other.file), other.line, other.message));
        error = error.caused_by(lines.collect::<Vec<_>>().join("\n"));
    }
    if let Ok(text) = std::fs::read_to_string(root.join(&first.file)) {
        let span = span(&text, first.line, first.column);
        let label = first.message.clone();
        error = error.at(Place { file: shown.clone(), text, span, label });
    }
    Some(error.hint("`--no-check` builds it as it is"))
}

/// A file as in other messages.
fn shown(file: &str) -> String {
    PathBuf::from(file).iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The word at a place, whose column counts units of UTF-16.
fn span(text: &str, line: usize, column: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let content = text[start..].lines().next().unwrap_or_default();
    let mut units = 1;
    let mut at = content.len();
    for (index, c) in content.char_indices() {
        if units >= column {
            at = index;
            break;
        }
        units += c.len_utf16();
    }
    let word = content[at..]
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .unwrap_or(content.len() - at);
    start + at..start + at + word.max(content[at..].chars().next().map_or(0, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_says_becomes_an_error_with_its_place() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("main.ts"), "// é\nconst größe: number = \"a\";\n").unwrap();
        let said = [
            "main.ts(2,7): error TS2322: Type 'string' is not assignable to type 'number'.",
            "  more",
            "main.ts(9,1): error TS1: Other.",
        ];
        let error = problems(&said.map(str::to_owned), root.path()).unwrap();
        assert_eq!(
            error.message,
            "`main.ts` does not fit its types: Type 'string' is not assignable to type 'number'"
        );
        assert_eq!(error.causes(), ["`main.ts`, line 9: Other"]);
        let place = error.place.unwrap();
        assert_eq!(&place.text[place.span], "größe");
    }

    #[test]
    fn places_outside_of_a_text_are_at_its_end() {
        assert_eq!(span("a\n", 9, 9), 2..2);
        assert_eq!(span("", 1, 1), 0..0);
        assert_eq!(span("𝒳 b", 1, 4), 5..6);
    }
}
