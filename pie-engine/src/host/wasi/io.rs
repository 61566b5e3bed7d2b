//! `wasi:io`, from `wasmtime-wasi-io` but for the text of errors.

use super::{HasWasi, WasiRef, WasiView};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};
use wasmtime_wasi_io::streams::Error;

pub(super) fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    error::add_to_linker::<T, HasWasi>(linker, T::wasi)?;
    poll::add_to_linker::<T, HasTable>(linker, |state| state.wasi().table)?;
    streams::add_to_linker::<T, HasTable>(linker, |state| state.wasi().table)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

impl error::Host for WasiRef<'_> {}

impl error::HostError for WasiRef<'_> {
    /// The error and its causes. The original writes their `Debug` form, which may show a backtrace of the host.
    fn to_debug_string(&mut self, error: Resource<Error>) -> wasmtime::Result<String> {
        Ok(format!("{:#}", self.table.get(&error)?))
    }

    fn drop(&mut self, error: Resource<Error>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}
