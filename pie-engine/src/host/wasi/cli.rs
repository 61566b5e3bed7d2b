//! `wasi:cli`: environment and standard input as given, no arguments, output to the run, and the end of the program.

use super::bindings::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use super::output::{Output, Stream};
use super::{SCRATCH_PATH, WasiRef};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult,
};

/// The guest ended itself with `wasi:cli/exit`. Reaches the caller as the cause of a trap, which is how a guest is stopped; it is one only if
/// the code is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program ended itself with exit code {code}")]
pub struct Exit {
    /// 0 for success.
    pub code: u8,
}

/// Shared by the output streams that the guest has open.
pub(super) type SharedOutput = Arc<Mutex<Box<dyn Output>>>;

/// The most bytes of one read.
const MAX_READ: usize = 1 << 20;
/// The most bytes of one write.
const MAX_WRITE: usize = 64 << 10;

impl environment::Host for WasiRef<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.wasi.environment.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(SCRATCH_PATH.to_owned()))
    }
}

impl exit::Host for WasiRef<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.exit_with_code(if status.is_ok() { 0 } else { 1 })
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exit { code }))
    }
}

impl stdin::Host for WasiRef<'_> {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let input = Input { rest: Arc::clone(&self.wasi.stdin) };
        Ok(self.table.push(Box::new(input) as DynInputStream)?)
    }
}

impl stdout::Host for WasiRef<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(Stream::Stdout)
    }
}

impl stderr::Host for WasiRef<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(Stream::Stderr)
    }
}

impl WasiRef<'_> {
    fn printer(&mut self, stream: Stream) -> wasmtime::Result<Resource<DynOutputStream>> {
        let printer = Printer { output: self.wasi.output.clone(), stream };
        Ok(self.table.push(Box::new(printer) as DynOutputStream)?)
    }
}

/// What is left of standard input, for all streams that the guest has open.
pub(super) type SharedInput = Arc<Mutex<Bytes>>;

/// Standard input: what was given to begin with, and its end. For most guests that is nothing.
struct Input {
    rest: SharedInput,
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        // Nobody panics while it is held.
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() {
            return Err(StreamError::Closed);
        }
        let size = size.min(MAX_READ).min(rest.len());
        Ok(rest.split_to(size))
    }
}

/// Standard output or standard error. A write is done when it returns.
struct Printer {
    output: SharedOutput,
    stream: Stream,
}

#[async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Printer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > MAX_WRITE {
            return Err(StreamError::trap("wrote more bytes than `check-write` permits"));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        // An output that panicked has lost its own bytes only.
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write(self.stream, &bytes).map_err(|limit| StreamError::Trap(wasmtime::Error::new(limit)))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }
}

/// A terminal; there is none, and no value of this type.
pub enum NoTerminal {}

impl terminal_input::Host for WasiRef<'_> {}

impl terminal_input::HostTerminalInput for WasiRef<'_> {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for WasiRef<'_> {}

impl terminal_output::HostTerminalOutput for WasiRef<'_> {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for WasiRef<'_> {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for WasiRef<'_> {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for WasiRef<'_> {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}
