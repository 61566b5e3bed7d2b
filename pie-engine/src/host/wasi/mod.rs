//! WASI preview 2 for inferlets: `wasi:cli`, `clocks`, `filesystem`, `io` and `random`, virtual and deterministic.
//!
//! What a guest sees depends on [`WasiConfig`] alone. Time comes from the [`Clock`] of the run, random numbers from a seed, files from a
//! [`Scratch`] folder in memory, and output goes to an [`Output`]. Nothing here reads the machine's clock, its files, its environment or its
//! entropy. There are no arguments, standard input is what was given to begin with, nothing is a terminal, and there are no sockets: whoever asks
//! for one is told that access is denied.
//!
//! One file for each package, named like it; [`scratch`] is the file system and [`output`] the way of what is printed, both without
//! WebAssembly in them. Streams, pollables and `poll` are used as `wasmtime-wasi-io` has them.
//!
//! Nothing here panics or fails silently when a guest asks for too much: a full [`ResourceTable`] is a trap with
//! [`ResourceTableError::Full`](wasmtime::component::ResourceTableError) as its cause, too much output one with
//! [`LimitExceeded`](crate::host::limits::LimitExceeded), a full scratch folder an `insufficient-space` for the guest. A guest that ends itself
//! traps with [`Exit`].

pub(super) mod bindings;
mod cli;
mod clocks;
mod filesystem;
mod io;
pub mod output;
mod random;
pub mod scratch;
mod sockets;

#[cfg(test)]
mod tests;

pub use cli::Exit;
pub use output::{Output, Stream, Utf8Chunks};
pub use random::instance_seed;
pub use scratch::{Scratch, ScratchLimits};

use crate::clock::{Clock, Sleep};
use bytes::Bytes;
use cli::{SharedInput, SharedOutput};
use random::Generators;
use std::sync::{Arc, Mutex};
use wasmtime::component::{HasData, Linker, ResourceTable};

/// Where guests find their files.
pub const SCRATCH_PATH: &str = "/scratch";

/// The surroundings of one instance.
pub struct WasiConfig {
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// What its random numbers come from; see [`instance_seed`].
    pub seed: [u8; 32],
    /// Its environment variables, all of them.
    pub environment: Vec<(String, String)>,
    /// Its standard input, all of it.
    pub stdin: Bytes,
    /// Its files.
    pub scratch: Scratch,
    /// Where it prints to.
    pub output: Box<dyn Output>,
}

/// What one instance has of WASI. Making one costs an allocation; whatever a guest does not use is never made.
pub struct Wasi {
    clock: Arc<dyn Clock>,
    seed: [u8; 32],
    /// Made at the first use: most inferlets need at most the seed of a hash map.
    generators: Option<Box<Generators>>,
    environment: Vec<(String, String)>,
    stdin: SharedInput,
    scratch: Scratch,
    output: SharedOutput,
}

impl Wasi {
    /// The WASI state of a new instance.
    pub fn new(config: WasiConfig) -> Self {
        let WasiConfig { clock, seed, environment, stdin, scratch, output } = config;
        let stdin = Arc::new(Mutex::new(stdin));
        let output = Arc::new(Mutex::new(output));
        Wasi { clock, seed, generators: None, environment, stdin, scratch, output }
    }

    /// The files of the instance.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Nanoseconds since the start of the run.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Waits for so many nanoseconds from now, at least one: the others always have a turn.
    pub(crate) fn sleep(&self, nanoseconds: u64) -> Sleep {
        self.clock.sleep_until(self.clock.now().saturating_add(nanoseconds.max(1)))
    }
}

/// What the host functions of WASI work on: a part of the state of a store.
pub struct WasiRef<'a> {
    /// The WASI state.
    pub wasi: &'a mut Wasi,
    /// The table of everything the guest has a handle of.
    pub table: &'a mut ResourceTable,
}

/// The state of a store that has WASI.
pub trait WasiView: Send {
    /// Its WASI part.
    fn wasi(&mut self) -> WasiRef<'_>;
}

/// Links all of WASI that an inferlet may import, for every 0.2 release.
///
/// # Errors
/// When the linker has one of the interfaces already.
pub fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::wasi::{cli, clocks, filesystem, random};

    io::add_to_linker(linker)?;
    sockets::add_to_linker(linker)?;
    clocks::monotonic_clock::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    clocks::wall_clock::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    random::random::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    random::insecure::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    random::insecure_seed::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    filesystem::types::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    filesystem::preopens::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::environment::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::exit::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::stdin::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::stdout::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::stderr::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::terminal_input::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::terminal_output::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::terminal_stdin::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::terminal_stdout::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    cli::terminal_stderr::add_to_linker::<T, HasWasi>(linker, T::wasi)
}

/// Says to the generated code that its host functions take a [`WasiRef`].
struct HasWasi;

impl HasData for HasWasi {
    type Data<'a> = WasiRef<'a>;
}
