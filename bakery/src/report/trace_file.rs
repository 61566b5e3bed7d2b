//! The trace as a file that `bakery trace show` and the tests read.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use pie_engine::trace::jsonl::Writer;
use pie_engine::trace::{Header, Record, Sink};
use schemars::JsonSchema;

use super::Reporter;
use super::behind::{Behind, Writes};

/// A line of the file: its published schema.
#[derive(JsonSchema)]
#[schemars(untagged, title = "trace")]
pub enum TraceLine {
    /// The first line.
    Header(Header),
    /// Each line after it.
    Record(Record),
}

/// Writes the trace while it happens, so that a run that is killed leaves what it did until shortly before.
pub struct TraceFile {
    lines: Behind<TraceLine>,
}

/// What the thread that writes does.
struct Lines {
    /// Absent once finished.
    writer: Option<Writer<BufWriter<File>>>,
}

impl Writes<TraceLine> for Lines {
    fn write(&mut self, line: &TraceLine) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match line {
            TraceLine::Header(header) => writer.begin(header),
            TraceLine::Record(record) => writer.record(record),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The writer keeps its first error until here.
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(drop))
    }
}

impl TraceFile {
    /// Starts the file; what it held before is gone.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        let writer = Some(Writer::new(BufWriter::new(File::create(path)?)));
        Ok(TraceFile { lines: Behind::new(Lines { writer })? })
    }
}

impl Reporter for TraceFile {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.lines.push(TraceLine::Header(header.clone()))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        self.lines.push(TraceLine::Record(record.clone()))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.finish()
    }
}
