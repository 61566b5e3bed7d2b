//! Trace files: the header on the first line, then one record a line, all JSON.

use super::{FORMAT, Header, Record, Sink};
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// Why a trace file could not be read. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file ends before its header.
    #[error("the trace is empty")]
    Empty,
    /// A newer bakery wrote it.
    #[error("the trace has format {found}, and this version reads up to {FORMAT}")]
    NewerFormat {
        /// The format number in the file.
        found: u32,
    },
    /// The first line is not a header.
    #[error("line 1 is not the header of a trace")]
    Header(#[source] serde_json::Error),
    /// A line is not a record; a trace that was cut ends so.
    #[error("line {line} is not a record")]
    Record {
        /// The line.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A record is missing or out of order.
    #[error("line {line} has record {found} where {expected} is due")]
    Order {
        /// The line.
        line: usize,
        /// The number it has.
        found: u64,
        /// The number it should have.
        expected: u64,
    },
    /// Reading failed.
    #[error("cannot read the trace")]
    Io(#[from] io::Error),
}

/// Writes a trace as it happens. Keeps the first write error for [`Writer::flush`] or [`Writer::finish`].
pub struct Writer<W: Write + Send> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write + Send> Writer<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Writer { out, error: None }
    }

    /// Sees to it that what was recorded so far is written.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// Flushes, and gives back the writer or the first error.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush().map(|()| self.out)
    }

    fn line(&mut self, value: &impl serde::Serialize) {
        if self.error.is_none() {
            let written = serde_json::to_writer(&mut self.out, value)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n"));
            self.error = written.err();
        }
    }
}

impl<W: Write + Send> Sink for Writer<W> {
    fn begin(&mut self, header: &Header) {
        self.line(header);
    }

    fn record(&mut self, record: &Arc<Record>) {
        self.line(&**record);
    }
}

/// Reads a trace record by record, in bounded memory.
pub struct Reader<R: BufRead> {
    lines: io::Lines<R>,
    header: Header,
    line: usize,
    failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub fn new(input: R) -> Result<Self, ReadError> {
        #[derive(serde::Deserialize)]
        struct Format {
            format: u32,
        }
        let mut lines = input.lines();
        let first = lines.next().ok_or(ReadError::Empty)??;
        let Format { format } = serde_json::from_str(&first).map_err(ReadError::Header)?;
        if format > FORMAT {
            return Err(ReadError::NewerFormat { found: format });
        }
        let header = serde_json::from_str(&first).map_err(ReadError::Header)?;
        Ok(Reader { lines, header, line: 1, failed: false })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn parse(&mut self, text: io::Result<String>) -> Result<Record, ReadError> {
        let expected = self.line as u64 - 1;
        self.line += 1;
        let line = self.line;
        let record: Record =
            serde_json::from_str(&text?).map_err(|source| ReadError::Record { line, source })?;
        if record.seq != expected {
            return Err(ReadError::Order { line, found: record.seq, expected });
        }
        Ok(record)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let text = self.lines.next()?;
        let record = self.parse(text);
        self.failed = record.is_err();
        Some(record)
    }
}
