//! The streams of open files. Each has a position of its own, and no operation waits.

use super::super::scratch::{Handle, Result, ScratchError};
use bytes::Bytes;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// The most bytes that one read gives.
pub(super) const MAX_READ: usize = 1 << 20;

/// The most bytes that one write takes.
const MAX_WRITE: usize = 1 << 20;

/// Reads a file from a position on, and ends at its end.
pub(super) struct FileReader {
    file: Handle,
    offset: u64,
}

impl FileReader {
    pub fn new(file: Handle, offset: u64) -> Self {
        FileReader { file, offset }
    }
}

#[async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.file.read(self.offset, size.min(MAX_READ)).map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        // What has been read lies within the file, so this is at most its size.
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
}

/// Where the next write goes.
pub(super) enum Position {
    /// At this offset, and then on from there.
    At(u64),
    /// At the end, wherever it is by then.
    End,
}

/// Writes a file. After a write that failed it is closed, as `wasi:io` wants it.
pub(super) struct FileWriter {
    file: Handle,
    position: Position,
    is_closed: bool,
}

impl FileWriter {
    pub fn new(file: Handle, position: Position) -> Self {
        FileWriter { file, position, is_closed: false }
    }

    fn try_write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.position {
            Position::End => self.file.append(bytes),
            Position::At(offset) => {
                self.file.write(*offset, bytes)?;
                // The write has checked that the end can be told.
                *offset += bytes.len() as u64;
                Ok(())
            }
        }
    }

    fn check_open(&self) -> StreamResult<()> {
        if self.is_closed { Err(StreamError::Closed) } else { Ok(()) }
    }
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check_open()?;
        if bytes.len() > MAX_WRITE {
            return Err(StreamError::trap("wrote more bytes than `check-write` permits"));
        }
        self.try_write(&bytes).map_err(|error| {
            self.is_closed = true;
            failed(error)
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_open()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check_open()?;
        Ok(MAX_WRITE)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }
}

/// An error that `filesystem-error-code` knows again.
fn failed(error: ScratchError) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(error))
}
