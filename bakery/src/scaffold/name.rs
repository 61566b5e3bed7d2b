//! What a new project may be called: stricter than what a manifest may say, because a new project should build without a warning.

use crate::error::{Error, Result};
use crate::project::name::check_package_name;

/// Rust's keywords, of every edition, reserved ones included; Cargo refuses them as names.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Crates that are there without being asked for, and folders that Cargo makes.
const TAKEN: [&str; 10] =
    ["alloc", "build", "core", "deps", "examples", "incremental", "proc_macro", "std", "target", "test"];

/// Devices that Windows sees in any folder.
const DEVICES: [&str; 4] = ["aux", "con", "nul", "prn"];

/// Checks the name of a new project: a name for an inferlet, in lower case, and not a word that Rust, Cargo or Windows has
/// taken. `dependencies` are the crates that the project will use.
///
/// # Errors
/// The name will not do; the error says why, and suggests one that would.
pub fn check_new_name(name: &str, dependencies: &[String]) -> Result<()> {
    let refuse = |reason: &str| {
        Error::usage(format!("`{}` is not a name for a project: {reason}", name.escape_debug()))
    };
    if let Err(flaw) = check_package_name(name) {
        let error = refuse(&format!("it {}", flaw.reason));
        return Err(suggest(error, flaw.suggestion.map(|suggestion| suggestion.to_ascii_lowercase())));
    }
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(suggest(refuse("it has an upper-case letter"), Some(name.to_ascii_lowercase())));
    }
    let crate_name = name.replace('-', "_");
    let clash = if KEYWORDS.contains(&crate_name.as_str()) {
        "it is a keyword of Rust"
    } else if TAKEN.contains(&crate_name.as_str()) {
        "Rust and Cargo use it themselves"
    } else if dependencies.iter().any(|dependency| dependency.replace('-', "_") == crate_name) {
        "the project uses a crate of that name"
    } else if DEVICES.contains(&name) {
        "it is a device on Windows"
    } else {
        return Ok(());
    };
    Err(suggest(refuse(clash), Some(format!("my-{name}"))))
}

fn suggest(error: Error, suggestion: Option<String>) -> Error {
    match suggestion {
        Some(suggestion) => error.hint(format!("did you mean `{suggestion}`?")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::check_new_name;

    fn refused(name: &str) -> String {
        let error = check_new_name(name, &["serde".into(), "proc-macro2".into()]).expect_err(name);
        format!("{}; {}", error.message, error.hints.join("; "))
    }

    #[test]
    fn ordinary_names_pass() {
        for name in ["hello", "my-agent", "beam_search", "gpt2", "a", "testing", "my-2nd-try"] {
            check_new_name(name, &[]).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn names_that_would_not_build_are_refused_with_one_that_would() {
        assert_eq!(
            refused("My App"),
            "`My App` is not a name for a project: it has a space; a name is letters from a to z, digits, `-` and `_`; did you mean `my-app`?"
        );
        assert_eq!(
            refused("Agent"),
            "`Agent` is not a name for a project: it has an upper-case letter; did you mean `agent`?"
        );
        assert_eq!(
            refused("async"),
            "`async` is not a name for a project: it is a keyword of Rust; did you mean `my-async`?"
        );
        for name in [
            "test",
            "core",
            "proc-macro",
            "serde",
            "proc_macro2",
            "nul",
            "../up",
            "a/b",
            ".",
            "",
            "-x",
            "naïve",
        ] {
            refused(name);
        }
    }

    #[test]
    fn the_lists_are_sorted_and_without_repetition() {
        assert!(super::KEYWORDS.is_sorted_by(|a, b| a < b));
        assert!(super::TAKEN.is_sorted_by(|a, b| a < b));
    }
}
