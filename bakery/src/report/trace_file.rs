//! The trace as a file that `bakery trace show` and the tests read.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

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

/// Writes the trace while it happens: a run that is killed leaves what it did until [`PATIENCE`](super::behind::PATIENCE) before.
pub struct TraceFile {
    lines: Behind<Line>,
}

/// What is to be written.
enum Line {
    Header(Box<Header>),
    Record(Arc<Record>),
}

/// What the thread that writes does.
struct Lines {
    writer: Writer<BufWriter<File>>,
}

impl Writes<Line> for Lines {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        match line {
            Line::Header(header) => self.writer.begin(header),
            Line::Record(record) => self.writer.record(record),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The writer keeps its first error until here.
        self.writer.flush()
    }
}

impl TraceFile {
    /// Starts the file; what it held before is gone.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        let writer = Writer::new(BufWriter::new(File::create(path)?));
        Ok(TraceFile { lines: Behind::new(Lines { writer })? })
    }
}

impl Reporter for TraceFile {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.lines.push(Line::Header(Box::new(header.clone())))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        self.share(&Arc::new(record.clone()))
    }

    fn share(&mut self, record: &Arc<Record>) -> io::Result<()> {
        self.lines.push(Line::Record(Arc::clone(record)))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.finish()
    }
}
