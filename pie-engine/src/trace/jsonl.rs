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
    /// The last line has no end, and what there is of it is no record: whoever wrote it was stopped, or the file was cut.
    #[error("the trace is cut in line {line}")]
    Cut {
        /// The line.
        line: usize,
    },
    /// A line is not a record.
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
    input: R,
    /// The line that is read.
    text: Vec<u8>,
    header: Header,
    line: usize,
    failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        #[derive(serde::Deserialize)]
        struct Format {
            format: u32,
        }
        let mut text = Vec::new();
        if input.read_until(b'\n', &mut text)? == 0 {
            return Err(ReadError::Empty);
        }
        let Format { format } = serde_json::from_slice(&text).map_err(ReadError::Header)?;
        if format > FORMAT {
            return Err(ReadError::NewerFormat { found: format });
        }
        let header = serde_json::from_slice(&text).map_err(ReadError::Header)?;
        Ok(Reader { input, text, header, line: 1, failed: false })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next line; whether there is one.
    fn read(&mut self) -> io::Result<bool> {
        self.text.clear();
        Ok(self.input.read_until(b'\n', &mut self.text)? > 0)
    }

    fn parse(&mut self) -> Result<Record, ReadError> {
        let expected = self.line as u64 - 1;
        self.line += 1;
        let line = self.line;
        let record: Record = serde_json::from_slice(&self.text).map_err(|source| {
            if self.text.ends_with(b"\n") {
                ReadError::Record { line, source }
            } else {
                ReadError::Cut { line }
            }
        })?;
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
        let record = match self.read() {
            Ok(true) => self.parse(),
            Ok(false) => return None,
            Err(error) => Err(error.into()),
        };
        self.failed = record.is_err();
        Some(record)
    }
}
