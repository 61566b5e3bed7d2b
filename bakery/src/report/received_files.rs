//! The files that an inferlet sends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pie_engine::trace::{Bytes, Event, Header, Record};

use super::Reporter;

/// Writes each file that an inferlet sends to a folder, as `file-1.bin`, `file-2.bin` and so on. The inferlet has no say in the names.
pub struct ReceivedFiles {
    /// As the user typed it.
    folder: Option<PathBuf>,
    current_dir: PathBuf,
    files: Received,
}

/// What was received so far; clones share it.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<Counted>>);

#[derive(Default)]
struct Counted {
    count: usize,
    written: Vec<PathBuf>,
}

impl Received {
    /// How many files the inferlet sent.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Where they were written: below the folder as the user typed it.
    pub fn written(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).written.clone()
    }
}

impl ReceivedFiles {
    /// Writes to `folder`, which is relative to `current_dir` and made when the first file comes; without a folder files are counted only.
    pub fn new(folder: Option<PathBuf>, current_dir: &Path) -> ReceivedFiles {
        ReceivedFiles { folder, current_dir: current_dir.to_owned(), files: Received::default() }
    }

    /// What was received, also while the run goes on.
    pub fn received(&self) -> Received {
        self.files.clone()
    }

    fn file(&self, contents: &[u8]) -> io::Result<()> {
        let mut counted = self.files.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.count += 1;
        if let Some(folder) = &self.folder {
            let path = folder.join(format!("file-{}.bin", counted.count));
            write_atomically(&self.current_dir.join(folder), &self.current_dir.join(&path), contents)?;
            counted.written.push(path);
        }
        Ok(())
    }
}

/// Writes a file whole or not at all, and makes the folder for it.
///
/// # Errors
/// Writing failed.
pub fn write_atomically(folder: &Path, path: &Path, contents: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Temporary files are private unless told otherwise; this one becomes an ordinary file of the user's.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(contents)?;
    file.persist(path)?;
    Ok(())
}

impl Reporter for ReceivedFiles {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::File { data: Bytes::Full(contents), .. } => self.file(contents),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
