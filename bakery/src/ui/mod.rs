//! What people and scripts see. This is the only module that writes to the standard streams.
//!
//! Standard output carries what was asked for: an answer, a listing, or with `--json` documents, one a line. Standard error carries
//! what is said about it: status lines, progress, warnings and errors. Colour appears only on terminals, unless `--color` says
//! otherwise. Only `commands` sees a [`Ui`]; libraries return values, or emit to a reporter or a [`Progress`].

mod bars;
mod errors;
mod input;
mod keys;
mod questions;
mod stream;
mod theme;

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::progress::Progress;

pub use input::Lines;
pub use keys::Key;
pub use stream::{Captured, Stream};
pub use theme::Theme;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is said, and how; the global flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// `--json`: documents instead of text.
    pub json: bool,
    /// `--quiet`: nothing but results and errors.
    pub quiet: bool,
    /// `--verbose`: more detail.
    pub verbose: bool,
    /// `--color`
    pub color: Color,
}

/// The two output streams and how to write to them.
pub struct Ui {
    manner: Manner,
    stdout: Stream,
    stderr: Stream,
    questions: bool,
    bars: Option<bars::Bars>,
    width: Option<usize>,
}

/// The width that help and errors are wrapped to where no terminal tells.
const DEFAULT_WIDTH: usize = 100;

/// Takes what is to the right of the cursor off the screen, and goes to the next line: Ctrl-C leaves the cursor in the middle of an answer, a question
/// or a compiler's progress bar.
const AFTER_CTRL_C: &str = "\x1b[K\n";

impl Ui {
    /// Writes to the process's own streams.
    pub fn new(manner: Manner, env: &Environment) -> Ui {
        let colour = |terminal: bool| match manner.color {
            Color::Auto => terminal && !env.wants_no_color(),
            Color::Always => true,
            Color::Never => false,
        };
        let draws = env.terminals.stderr && !env.is_ci() && !manner.quiet;
        let bars = draws.then(|| bars::Bars::new(colour(env.terminals.stderr)));
        let stream = |raw: Box<dyn Write + Send>, terminal| {
            Stream::new(raw, terminal, Theme::new(colour(terminal)), bars.as_ref().map(bars::Bars::multi))
        };
        Ui {
            manner,
            stdout: stream(Box::new(io::stdout()), env.terminals.stdout),
            stderr: stream(Box::new(io::stderr()), env.terminals.stderr),
            questions: env.terminals.stdin && env.terminals.stderr && !env.is_ci() && !manner.json,
            width: env.width,
            bars,
        }
    }

    /// Writes to memory: for tests. The two streams share what [`Stream::captured`] returns.
    pub fn captured(manner: Manner) -> (Ui, Captured, Captured) {
        let theme = Theme::new(manner.color == Color::Always);
        let (stdout, out) = Stream::captured(theme);
        let (stderr, err) = Stream::captured(theme);
        (Ui { manner, stdout, stderr, questions: false, bars: None, width: None }, out, err)
    }

    /// Whether `--json` was given: a command then prints documents only.
    pub fn json(&self) -> bool {
        self.manner.json
    }

    /// Whether `--quiet` was given.
    pub fn quiet(&self) -> bool {
        self.manner.quiet
    }

    /// Whether `--verbose` was given.
    pub fn verbose(&self) -> bool {
        self.manner.verbose
    }

    /// Columns to stay within, if standard output has a width.
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Standard output, for reporters; clones share it.
    pub fn stdout(&self) -> Stream {
        self.stdout.clone()
    }

    /// Standard error, for reporters; clones share it.
    pub fn stderr(&self) -> Stream {
        self.stderr.clone()
    }

    /// Standard input, line by line.
    pub fn input(&self) -> Lines {
        Lines::of_process()
    }

    /// Whether a person is to type what [`Ui::input`] reads, and would wonder without a prompt.
    pub fn prompts(&self) -> bool {
        self.questions && !self.manner.quiet
    }

    /// Prints a line of the result to standard output.
    ///
    /// # Errors
    /// Standard output is closed or broken.
    pub fn line(&self, text: impl Display) -> Result<()> {
        writeln!(self.stdout.clone(), "{text}").map_err(output_error)
    }

    /// Prints a document of `--json`, on one line.
    ///
    /// # Errors
    /// Standard output is closed or broken.
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(document)
            .map_err(|error| Error::bug("a document cannot be written as JSON").caused_by(error))?;
        line.push(b'\n');
        self.stdout.clone().write_all(&line).map_err(output_error)
    }

    /// Says on standard error what is being done or was done, cargo's way: `status("Building", "hello")`. Nothing with `--quiet`.
    pub fn status(&self, verb: &str, text: impl Display) {
        let theme = self.stderr.theme();
        let good = theme.good;
        self.say(format_args!("{good}{verb:>12}{good:#} {text}"));
    }

    /// Says something on standard error that is neither result nor error. Nothing with `--quiet`.
    pub fn note(&self, text: impl Display) {
        self.say(text);
    }

    /// Warns on standard error. Nothing with `--quiet`.
    pub fn warning(&self, text: impl Display) {
        let warning = self.stderr.theme().warning;
        self.say(format_args!("{warning}warning{warning:#}: {text}"));
    }

    /// Where long operations report how far they are: bars on a terminal, kept lines elsewhere, nothing with `--quiet`.
    pub fn progress(&self) -> Arc<dyn Progress> {
        match &self.bars {
            _ if self.manner.quiet => Arc::new(crate::progress::Silent),
            Some(bars) => Arc::new(bars.clone()),
            None => Arc::new(bars::Lines::new(self.stderr.clone())),
        }
    }

    /// Reports the error that ends the process: a document with `--json`, text on standard error otherwise.
    pub fn error(&self, error: &Error) {
        if error.kind == Kind::Closed {
            return;
        }
        let printed = if self.manner.json {
            self.document(&crate::documents::ErrorDocument::from(error))
        } else {
            let mut text = errors::render(error, self.stderr.theme(), self.width.unwrap_or(DEFAULT_WIDTH));
            if error.kind == Kind::Interrupted && self.stderr.is_terminal() {
                text.insert_str(0, AFTER_CTRL_C);
            }
            self.stderr.clone().write_all(text.as_bytes()).map_err(output_error)
        };
        // There is nowhere left to say that saying it failed; the exit code still tells.
        let _ = printed;
    }

    fn say(&self, text: impl Display) {
        if !self.manner.quiet {
            // A closed standard error is no reason to stop working.
            let _ = writeln!(self.stderr.clone(), "{text}");
        }
    }
}

/// What a failed write to standard output means: a reader that went away is no mistake of anybody's.
pub fn output_error(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Error::new(Kind::Closed, "the output was closed")
    } else {
        Error::environment("cannot write the output").caused_by(error)
    }
}
