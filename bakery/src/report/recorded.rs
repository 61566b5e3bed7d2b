//! Trace files as something to read, and what can be wrong with them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use pie_engine::trace::jsonl::{ReadError, Reader};
use pie_engine::trace::{Event, Header, Record};

use crate::environment::Environment;
use crate::error::{Error, Result};

/// What to do about a trace that was cut.
pub const CUT_HINT: &str =
    "the run was cut short or the file was edited; record it again with `bakery run --trace`";

/// Opens a trace and reads its header.
///
/// # Errors
/// There is no such file, or it is no trace that this version reads.
pub fn open(file: &Path, env: &Environment) -> Result<Reader<BufReader<File>>> {
    let opened = File::open(env.current_dir.join(file))
        .map_err(|error| Error::usage(format!("cannot open `{}`", file.display())).caused_by(error))?;
    Reader::new(BufReader::new(opened)).map_err(|error| unreadable(error, file))
}

/// A trace that is read as far as it goes: of one that was cut, everything before the cut is of use.
pub struct Trace {
    records: Reader<BufReader<File>>,
    file: PathBuf,
    /// How many instances have not ended.
    running: i64,
    broken: Option<Error>,
    /// Whether there is no more.
    over: bool,
}

impl Trace {
    /// Opens a trace and reads its header.
    ///
    /// # Errors
    /// There is no such file, or it is no trace that this version reads.
    pub fn open(file: &Path, env: &Environment) -> Result<Trace> {
        let records = open(file, env)?;
        Ok(Trace { records, file: file.to_owned(), running: 0, broken: None, over: false })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        self.records.header()
    }

    /// The next record; none at the end, or where it cannot be read any further.
    ///
    /// # Errors
    /// Somebody wants bakery to end.
    pub fn next(&mut self, env: &Environment) -> Result<Option<Record>> {
        env.interrupt.check()?;
        match self.records.next() {
            None => {
                self.over = true;
                Ok(None)
            }
            Some(Err(error)) => {
                self.over = true;
                self.broken = Some(unreadable(error, &self.file));
                Ok(None)
            }
            Some(Ok(record)) => {
                self.running += i64::from(matches!(record.event, Event::Launched { .. }));
                self.running -= i64::from(matches!(record.event, Event::Finished { .. }));
                Ok(Some(record))
            }
        }
    }

    /// Whether it has turned out to end before its run does, or not to be readable to its end.
    pub fn is_cut(&self) -> bool {
        self.over && (self.broken.is_some() || self.running > 0)
    }

    /// Whether it was read to its end, as far as it was read.
    ///
    /// # Errors
    /// It could not be read to its end, or ends before its run does.
    pub fn end(&mut self) -> Result<()> {
        match self.broken.take() {
            Some(error) => Err(error),
            None if self.is_cut() => Err(cut(&self.file)),
            None => Ok(()),
        }
    }
}

/// The error of a trace that ends before its run.
fn cut(file: &Path) -> Error {
    Error::usage(cannot_read(file)).caused_by("the trace ends before the inferlet does").hint(CUT_HINT)
}

fn cannot_read(file: &Path) -> String {
    format!("cannot read `{}`", file.display())
}

/// What is wrong with a line. The parser saw one line of the file and calls it line 1.
pub fn problem(error: &serde_json::Error) -> String {
    let found = error.to_string();
    found.rsplit_once(" at line ").map_or(found.clone(), |(found, _)| found.to_owned())
}

/// The error of a file that cannot be read on.
pub fn unreadable(error: ReadError, file: &Path) -> Error {
    let hint = match &error {
        ReadError::NewerFormat { .. } => Some("get a newer bakery, or record the run again"),
        ReadError::Cut { .. } | ReadError::Record { .. } | ReadError::Order { .. } => Some(CUT_HINT),
        ReadError::Empty | ReadError::Header(_) => Some("traces are what `bakery run --trace` writes"),
        ReadError::Io(_) => None,
    };
    let message = cannot_read(file);
    let error = match error {
        ReadError::Record { line, source } => {
            let (found, column) = (problem(&source), source.column());
            Error::usage(message)
                .caused_by(format!("line {line} is not a record: {found} at column {column}"))
        }
        error => Error::usage(message).caused_by(error),
    };
    hint.into_iter().fold(error, Error::hint)
}
