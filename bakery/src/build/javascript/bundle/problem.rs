//! What is wrong with a program, as an error that shows its line.

use std::ops::Range;

use super::module::{Import, Mistake, Module, Owner};
use super::resolve::{Nowhere, package};
use crate::error::{Error, Place};
use crate::suggest;

fn at(error: Error, name: &str, text: &str, span: Range<usize>, label: &str) -> Error {
    let place = Place { file: name.to_owned(), text: text.to_owned(), span, label: label.to_owned() };
    error.at(place)
}

/// The first of what a parser found wrong.
pub fn mistakes(name: &str, text: &str, mistakes: &[Mistake]) -> Error {
    let Some(first) = mistakes.first() else { return Error::bug(format!("`{name}` is wrong for no reason")) };
    let message = plain(&first.message);
    let error = Error::failed(format!("`{name}` does not build: {message}"));
    let error = match &first.help {
        Some(help) => error.hint(plain(help)),
        None => error,
    };
    let end = first.span.end.min(text.len());
    at(error, name, text, first.span.start.min(end)..end, &message)
}

/// A message of the parser's in our own style: without a full stop.
fn plain(message: &str) -> String {
    message.trim().trim_end_matches('.').to_owned()
}

/// Whether a module uses what there is not.
pub fn check(name: &str, text: &str, module: &Module) -> Result<(), Error> {
    if let Some(span) = &module.common {
        let error = Error::failed(format!("`{name}` does not build: it is written for CommonJS"))
            .hint("import with `import … from \"…\"`, and export with `export`");
        return Err(at(error, name, text, span.clone(), "only packages may use CommonJS"));
    }
    let Some(absent) = module.absent.first() else { return Ok(()) };
    let error =
        Error::failed(format!("`{name}` does not build: there is no `{}` in an inferlet", absent.name))
            .hint(absent.instead);
    Err(at(error, name, text, absent.span.clone(), "not here"))
}

/// An import that leads nowhere.
pub fn import(name: &str, text: &str, import: &Import, nowhere: Nowhere, owner: Owner) -> Error {
    let specifier = &import.specifier;
    let who = match owner {
        Owner::Program => String::new(),
        _ => format!("the package of `{name}` cannot be used: "),
    };
    let (message, label, hint) = match nowhere {
        Nowhere::Builtin(module) => (
            format!("{who}`{module}` is a part of Node.js that inferlets do not have"),
            "a module of Node.js",
            instead(&module).to_owned(),
        ),
        Nowhere::File => (
            format!("{who}there is no `{specifier}`"),
            "no such file",
            "it is looked for beside the file that imports it, with the endings `.ts`, `.js` and `.json`"
                .to_owned(),
        ),
        Nowhere::Package(missing) => {
            let hint = match suggest::nearest(&missing, ["inferlet"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("npm install {}", package(&missing)),
            };
            (format!("{who}there is no package `{missing}`"), "no such package", hint)
        }
        Nowhere::Other(reason) => (
            format!("{who}`{specifier}` cannot be imported: {reason}"),
            "not found",
            "look at its `package.json`".to_owned(),
        ),
    };
    let error = Error::failed(format!("`{name}` does not build: {message}")).hint(hint);
    at(error, name, text, import.span.clone(), label)
}

/// What to use instead of a module of Node.js.
fn instead(module: &str) -> &'static str {
    match module.strip_prefix("node:").unwrap_or(module) {
        "fs" => "use `node:fs/promises`, which reads and writes files under `/scratch`",
        "http" | "https" | "http2" | "net" | "tls" | "dns" => {
            "use `fetch`; `[permissions]` of `Pie.toml` names the hosts"
        }
        "crypto" => "use `crypto.getRandomValues`",
        "timers" | "timers/promises" => "use `setTimeout`",
        "util" => "use `structuredClone`, `TextEncoder` and `TextDecoder`",
        "buffer" => "use `Uint8Array`",
        "process" | "os" | "child_process" | "cluster" | "worker_threads" => {
            "an inferlet is alone: it may `launch` other inferlets, and call tools over MCP"
        }
        "url" => "use `URL`",
        "readline" => "use `session.receive`",
        _ => "a package that works in browsers works here too, as long as it needs no page",
    }
}

/// A program that could be called in two ways.
pub fn both(name: &str, text: &str) -> Error {
    let error = Error::failed(format!("`{name}` does not build: it exports both `main` and `handle`"))
        .hint("`main` runs a program, and `handle` responds to HTTP requests: export one of them");
    let found = ["function handle", "const handle", "handle"].iter().find_map(|part| text.find(part));
    let start = found.unwrap_or_default();
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    at(error, name, text, start..end, "a second way to call it")
}

/// A program without a `main`.
pub fn no_main(name: &str, text: &str, has_default: bool) -> Error {
    let error = Error::failed(format!("`{name}` does not build: it exports no `main`"));
    let hint = "export async function main(input) { … }";
    if !has_default {
        return error.hint(hint);
    }
    let start = text.find("export default").unwrap_or_default();
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let error = error.hint(format!("give it its name: {hint}"));
    at(error, name, text, start..end, "the default export has no name that could be called")
}
