//! The trace as a file that `bakery trace show` and the tests read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pie_engine::trace::jsonl;
use pie_engine::trace::{Header, Record};
use schemars::JsonSchema;

use super::Reporter;
use super::behind::{Behind, LARGE};

/// A line of the file: its published schema.
#[derive(JsonSchema)]
#[schemars(untagged, title = "trace")]
pub enum TraceLine {
    /// The first line.
    Header(Header),
    /// Each line after it.
    Record(Record),
}

/// Writes the trace while it happens, to one file or to several: a run that is killed leaves what it did until [`PATIENCE`](super::behind::PATIENCE) before.
pub struct TraceFile {
    text: Behind,
    files: Files,
}

/// The files that one trace is written to.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<Vec<Opened>>>);

struct Opened {
    path: PathBuf,
    file: File,
    /// Whether what it held before is gone.
    emptied: bool,
}

impl Files {
    fn open(&self, path: &Path) -> io::Result<()> {
        // It is emptied by the thread that writes: to give back what a long trace has taken takes a while.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let opened = Opened { path: path.to_owned(), file, emptied: false };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(opened);
        Ok(())
    }
}

impl Opened {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        // What is no file, `/dev/stdout` for example, cannot be emptied and need not be.
        if !std::mem::replace(&mut self.emptied, true) && self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text)
    }
}

impl Write for Files {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = files.len() == 1;
        for opened in &mut *files {
            opened.write(text).map_err(|cause| match alone {
                true => cause,
                false => io::Error::new(cause.kind(), format!("`{}`: {cause}", opened.path.display())),
            })?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TraceFile {
    /// Opens the file. What it held before is gone once the trace begins.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        let files = Files::default();
        files.open(path)?;
        Ok(TraceFile { text: Behind::new(files.clone())?, files })
    }

    /// Has the trace, which has not begun, written to another file too.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn also(&self, path: &Path) -> io::Result<()> {
        self.files.open(path)
    }
}

impl Reporter for TraceFile {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.text.push(|text| jsonl::append_header(text, header))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        match record.event.bytes() {
            LARGE.. => self.share(&Arc::new(record.clone())),
            _ => self.text.push(|text| jsonl::append(text, record)),
        }
    }

    fn share(&mut self, record: &Arc<Record>) -> io::Result<()> {
        match record.event.bytes() {
            bytes @ LARGE.. => {
                let record = Arc::clone(record);
                self.text.push_large(bytes, move |text| jsonl::append(text, &record))
            }
            _ => self.text.push(|text| jsonl::append(text, record)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.text.finish()
    }
}
