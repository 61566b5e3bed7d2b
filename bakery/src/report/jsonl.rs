//! The stream of `--json`: one typed document a line.

use std::io::{self, Write};

use pie_engine::trace::{Header, Record};
use serde::Serialize;

use super::Reporter;

/// Writes a [`RunDocument`] a line.
pub struct JsonLines<W> {
    out: W,
}

/// One line of the stream.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum RunDocument<'a> {
    /// The first document.
    Header(&'a Header),
    /// Something happened.
    Event(&'a Record),
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        JsonLines { out }
    }

    fn line(&mut self, document: &RunDocument<'_>) -> io::Result<()> {
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
