//! The trace as a file that `bakery trace show` and the tests read.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use pie_engine::trace::jsonl::Writer;
use pie_engine::trace::{Header, Record, Sink};
use schemars::JsonSchema;

use super::Reporter;

/// A line of the file: its published schema.
#[derive(JsonSchema)]
#[schemars(untagged, title = "trace")]
pub enum TraceLine {
    /// The first line.
    Header(Header),
    /// Each line after it.
    Record(Record),
}

/// Writes the trace as it happens, so that a run that is killed leaves what it did until then.
pub struct TraceFile {
    /// Absent once finished.
    writer: Option<Writer<BufWriter<File>>>,
}

impl TraceFile {
    /// Starts the file; what it held before is gone.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        Ok(TraceFile { writer: Some(Writer::new(BufWriter::new(File::create(path)?))) })
    }
}

impl Reporter for TraceFile {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.begin(header);
        }
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.record(record);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        // The writer keeps its first error until here.
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(drop))
    }
}
