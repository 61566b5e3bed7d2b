//! One error type for the whole command line: a kind, a cause chain, hints, and, where the mistake sits in a file of the
//! user's, the place in it. Rendered in one place, `ui`.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

/// What went wrong in the broadest sense; it decides the exit code and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The inferlet failed, or a test differed.
    Failed,
    /// The command, a manifest or another file of the user's asks for something that cannot be.
    Usage,
    /// Something outside is missing or broken: a toolchain, a disk, a network.
    Environment,
    /// bakery itself is wrong.
    Bug,
    /// The user pressed Ctrl-C or the process was told to stop.
    Interrupted,
    /// Nobody reads the output any more, as in `bakery trace show t.jsonl | head`. Nothing is said about it.
    Closed,
}

impl Kind {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Environment => 3,
            Kind::Bug => 70,
            Kind::Interrupted => 130,
            // What the shell reports of a program that SIGPIPE ended.
            Kind::Closed => 141,
        }
    }
}

/// A place in a text file, for a diagnostic that shows the line and a caret.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file's name as the user would type it.
    pub file: String,
    /// The file's whole text.
    pub text: String,
    /// Byte range in `text`.
    pub span: Range<usize>,
    /// What is said under the caret.
    pub label: String,
}

/// An error of any bakery operation.
#[derive(Debug)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// Lower case, no full stop, backticks round names and paths.
    pub message: String,
    /// What caused it, innermost last.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// What to do next; a command is given so that it can be pasted.
    pub hints: Vec<String>,
    /// Where in the user's file.
    pub place: Option<Box<Place>>,
}

/// The result of any bakery operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None, hints: Vec::new(), place: None }
    }

    /// The inferlet failed, or a test differed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The user asked for something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something outside is missing or broken.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Kind::Environment, message)
    }

    /// bakery itself is wrong.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
    }

    /// Adds the cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the place in the user's file.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }
}

impl Error {
    /// The messages of the causes, outermost first. A cause that only repeats its own cause's text is left out.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if causes.last().is_none_or(|last| !last.ends_with(&text)) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

impl Place {
    /// Line and column of the span's start, both from 1; columns count characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let mut start = self.span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_outermost_first_without_repetition() {
        let inner = std::io::Error::other("disk on fire");
        let outer = Error::environment("cannot write `t.jsonl`").caused_by(inner);
        let error = Error::environment("cannot save").caused_by(outer);
        assert_eq!(error.causes(), ["cannot write `t.jsonl`", "disk on fire"]);
    }

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\né = 2\n".to_owned();
        let place =
            |start| Place { file: "f".into(), text: text.clone(), span: start..start, label: String::new() };
        assert_eq!(place(0).line_and_column(), (1, 1));
        assert_eq!(place(9).line_and_column(), (2, 3));
        assert_eq!(place(7).line_and_column(), (2, 1), "inside the two bytes of é");
        assert_eq!(place(1000).line_and_column(), (3, 1));
    }
}
