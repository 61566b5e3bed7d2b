//! Trace files: the header on the first line, then one record a line, all JSON.

use super::{FORMAT, Header, Record, Sink, json};
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

/// Appends the line of a header.
///
/// # Errors
/// None that is known.
pub fn append_header(text: &mut Vec<u8>, header: &Header) -> io::Result<()> {
    json::append(text, header)?;
    text.push(b'\n');
    Ok(())
}

/// Appends the line of a record.
///
/// # Errors
/// None that is known.
pub fn append(text: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    json::append(text, &Stamp { seq: record.seq, at: record.at })?;
    // The event has its fields beside these: in place of the end of one and the beginning of the other there is a comma. To flatten it takes longer.
    text.pop();
    let joint = text.len();
    json::append(text, &record.event)?;
    text[joint] = b',';
    text.push(b'\n');
    Ok(())
}

/// What is outside of an event.
#[derive(serde::Serialize)]
struct Stamp {
    seq: u64,
    at: u64,
}

/// Writes a trace as it happens. Keeps the first write error for [`Writer::flush`] or [`Writer::finish`].
pub struct Writer<W: Write + Send> {
    out: W,
    /// The line that is written.
    text: Vec<u8>,
    error: Option<io::Error>,
}

impl<W: Write + Send> Writer<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Writer { out, text: Vec::new(), error: None }
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

    fn line(&mut self, append: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
        if self.error.is_none() {
            self.text.clear();
            self.error = append(&mut self.text).and_then(|()| self.out.write_all(&self.text)).err();
        }
    }
}

impl<W: Write + Send> Sink for Writer<W> {
    fn begin(&mut self, header: &Header) {
        self.line(|text| append_header(text, header));
    }

    fn record(&mut self, record: &Arc<Record>) {
        self.line(|text| append(text, record));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::BufReader;

    #[test]
    fn lines_are_those_that_serde_json_writes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/examples");
        let mut records = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let file = std::fs::read_to_string(&path).unwrap();
            let reader = Reader::new(BufReader::new(File::open(&path).unwrap())).unwrap();
            let (mut text, mut by_serde_json) = (Vec::new(), serde_json::to_vec(reader.header()).unwrap());
            append_header(&mut text, reader.header()).unwrap();
            for record in reader {
                let record = record.unwrap();
                append(&mut text, &record).unwrap();
                by_serde_json.push(b'\n');
                serde_json::to_writer(&mut by_serde_json, &record).unwrap();
                records += 1;
            }
            by_serde_json.push(b'\n');
            assert_eq!(String::from_utf8(text).unwrap(), file);
            assert_eq!(String::from_utf8(by_serde_json).unwrap(), file);
        }
        assert!(records > 5000, "{records} records");
    }
}
