//! The trace as a file that `bakery trace show` and the tests read, and the passes of a recording beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pie_engine::model::tape::Kept;
use pie_engine::trace::{Header, Record, brief, json, jsonl};
use schemars::JsonSchema;

use super::Reporter;
use super::behind::{Batch, Behind, LARGE, Pusher, Scribe};

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
    lines: Behind<Lines>,
    traces: Files,
    passes: Files,
}

/// Writes passes with their answers where the trace is written.
pub struct PassFile(Pusher<Lines>);

/// What is written to the files, on the thread that writes.
#[derive(Default)]
struct Lines {
    traces: Written,
    passes: Written,
}

/// Text, and the files that it is written to.
#[derive(Default)]
struct Written {
    text: Vec<u8>,
    files: Files,
}

/// Files that have the same text.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<Vec<Opened>>>);

struct Opened {
    path: PathBuf,
    file: File,
    /// Whether what it held before is gone.
    emptied: bool,
}

/// What a piece is that is pushed: its first byte. The text of a line follows after its length in four bytes.
mod piece {
    pub const BRIEF_RECORD: u8 = 0;
    pub const BRIEF_PASS: u8 = 1;
    pub const TRACE_LINE: u8 = 2;
    pub const PASS_LINE: u8 = 3;
}

/// Appends a line as a piece.
fn push_line(
    batch: &mut Batch<Lines>,
    kind: u8,
    append: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    batch.bytes.push(kind);
    let start = batch.bytes.len() + 4;
    batch.bytes.extend_from_slice(&[0; 4]);
    append(&mut batch.bytes)?;
    let length = u32::try_from(batch.bytes.len() - start).map_err(io::Error::other)?;
    batch.bytes[start - 4..start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends the line of a pass.
fn append_pass(text: &mut Vec<u8>, kept: &Kept) -> io::Result<()> {
    json::append(text, kept)?;
    text.push(b'\n');
    Ok(())
}

impl Scribe for Lines {
    fn take(&mut self, mut pushed: &[u8]) -> io::Result<()> {
        while !pushed.is_empty() {
            self.take_piece(&mut pushed).ok_or_else(|| io::Error::other("a piece of the trace is none"))?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.traces.write().or_else(|failed| self.explain(failed))?;
        self.passes.write().or_else(|failed| self.explain(failed))
    }
}

/// Which file could not be written, and why.
type Failed = (PathBuf, io::Error);

impl Lines {
    /// Names the file where it is one of several.
    fn explain(&self, (path, cause): Failed) -> io::Result<()> {
        let several = self.traces.files.lock().len() + self.passes.files.lock().len() > 1;
        Err(match several {
            true => io::Error::new(cause.kind(), format!("`{}`: {cause}", path.display())),
            false => cause,
        })
    }

    /// Makes text of the first piece; nothing where there is something else.
    fn take_piece(&mut self, pushed: &mut &[u8]) -> Option<()> {
        let (kind, rest) = pushed.split_first()?;
        *pushed = rest;
        let written = match *kind {
            piece::BRIEF_RECORD => return brief::append_line(pushed, &mut self.traces.text),
            piece::BRIEF_PASS => return Kept::append_line(pushed, &mut self.passes.text),
            piece::TRACE_LINE => &mut self.traces,
            piece::PASS_LINE => &mut self.passes,
            _ => return None,
        };
        let (length, rest) = pushed.split_first_chunk()?;
        let (line, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *pushed = rest;
        written.text.extend_from_slice(line);
        Some(())
    }
}

impl Written {
    fn write(&mut self) -> Result<(), Failed> {
        if !self.text.is_empty() {
            for opened in &mut *self.files.lock() {
                opened.write(&self.text).map_err(|cause| (opened.path.clone(), cause))?;
            }
            self.text.clear();
        }
        Ok(())
    }
}

impl Files {
    fn lock(&self) -> MutexGuard<'_, Vec<Opened>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, path: &Path) -> io::Result<()> {
        // It is emptied by the thread that writes: to give back what a long trace has taken takes a while.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        self.lock().push(Opened { path: path.to_owned(), file, emptied: false });
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

impl TraceFile {
    /// Opens the file. What it held before is gone once the trace begins.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceFile> {
        let lines = Lines::default();
        let (traces, passes) = (lines.traces.files.clone(), lines.passes.files.clone());
        traces.open(path)?;
        Ok(TraceFile { lines: Behind::new(lines)?, traces, passes })
    }

    /// Has the trace, which has not begun, written to another file too.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn also(&self, path: &Path) -> io::Result<()> {
        self.traces.open(path)
    }

    /// Begins a file for passes. That it cannot be written ends the trace too, and is told with it.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn passes(&self, path: &Path) -> io::Result<PassFile> {
        // There may be none, so it is emptied at once.
        let file = File::create(path)?;
        self.passes.lock().push(Opened { path: path.to_owned(), file, emptied: true });
        Ok(PassFile(self.lines.pusher()))
    }
}

impl PassFile {
    /// Writes a pass.
    ///
    /// # Errors
    /// It cannot be made text.
    pub fn keep(&self, kept: Kept) -> io::Result<()> {
        let push = |batch: &mut Batch<Lines>| {
            batch.bytes.push(piece::BRIEF_PASS);
            if kept.append_briefly(&mut batch.bytes) {
                return Ok(());
            }
            batch.bytes.pop();
            match kept.bytes() {
                bytes @ LARGE.. => {
                    batch.add(bytes, move |lines| append_pass(&mut lines.passes.text, &kept));
                    Ok(())
                }
                _ => push_line(batch, piece::PASS_LINE, |text| append_pass(text, &kept)),
            }
        };
        self.0.push(push).map(|_| ())
    }
}

impl Reporter for TraceFile {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.lines
            .push(|batch| push_line(batch, piece::TRACE_LINE, |text| jsonl::append_header(text, header)))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        self.push(record, || Arc::new(record.clone()))
    }

    fn share(&mut self, record: &Arc<Record>) -> io::Result<()> {
        self.push(record, || Arc::clone(record))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.finish()
    }
}

impl TraceFile {
    fn push(&mut self, record: &Record, keep: impl FnOnce() -> Arc<Record>) -> io::Result<()> {
        self.lines.push(|batch| {
            batch.bytes.push(piece::BRIEF_RECORD);
            if brief::append(&mut batch.bytes, record) {
                return Ok(());
            }
            batch.bytes.pop();
            match record.event.bytes() {
                bytes @ LARGE.. => {
                    let record = keep();
                    batch.add(bytes, move |lines| jsonl::append(&mut lines.traces.text, &record));
                    Ok(())
                }
                _ => push_line(batch, piece::TRACE_LINE, |text| jsonl::append(text, record)),
            }
        })
    }
}
