//! The stream of `bakery run --json` and `bakery trace show --json`: one typed document a line.

use std::io::{self, Write};

use pie_engine::trace::{Header, Outcome, Record, Usage};
use schemars::JsonSchema;
use serde::Serialize;

use super::Reporter;

/// Writes a [`RunDocument`] a line.
pub struct JsonLines<W> {
    out: W,
}

/// One line of the stream.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "run")]
pub enum RunDocument<'a> {
    /// Requests are taken at this address, by `bakery run --http`; it comes before all others.
    Listening {
        /// For example `http://127.0.0.1:8080`.
        url: String,
    },
    /// The first document.
    Header(&'a Header),
    /// Something happened.
    Event(&'a Record),
    /// The last document of a run; a trace that is shown has none. When the run failed, an error document follows.
    Result(&'a RunResult),
}

/// What came of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunResult {
    /// How the inferlet ended; its answer is JSON text.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What the page checker found; anything is a mistake of the engine's.
    pub findings: Vec<String>,
    /// Where the files that the inferlet sent were written, in the order they were sent.
    pub files: Vec<String>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        JsonLines { out }
    }

    /// Writes one document.
    ///
    /// # Errors
    /// Writing failed.
    pub fn line(&mut self, document: &RunDocument<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(document)?;
        line.push(b'\n');
        self.out.write_all(&line)
    }
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.line(&RunDocument::Header(header))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        self.line(&RunDocument::Event(record))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
