//! `pie:core/adapter`: LoRA overlays.

use super::bindings::pie::core::adapter::{Host, HostAdapter};
use super::model::ModelHandle;
use super::state::State;
use super::{not_available, not_available_trap};
use wasmtime::Result;
use wasmtime::component::Resource;

/// An adapter.
pub struct AdapterHandle;

pub(super) const ADAPTER: &str = "pie:core/adapter";

impl Host for State {}

impl HostAdapter for State {
    fn create(
        &mut self,
        _model: Resource<ModelHandle>,
        _name: String,
    ) -> Result<Result<Resource<AdapterHandle>, String>> {
        Ok(Err(not_available(ADAPTER)))
    }

    fn open(
        &mut self,
        _model: Resource<ModelHandle>,
        _name: String,
    ) -> Result<Option<Resource<AdapterHandle>>> {
        Ok(None)
    }

    fn destroy(&mut self, _adapter: Resource<AdapterHandle>) -> Result<()> {
        not_available_trap(ADAPTER)
    }

    fn fork(&mut self, _adapter: Resource<AdapterHandle>, _name: String) -> Result<Resource<AdapterHandle>> {
        not_available_trap(ADAPTER)
    }

    fn load(&mut self, _adapter: Resource<AdapterHandle>, _path: String) -> Result<Result<(), String>> {
        Ok(Err(not_available(ADAPTER)))
    }

    fn save(&mut self, _adapter: Resource<AdapterHandle>, _path: String) -> Result<Result<(), String>> {
        Ok(Err(not_available(ADAPTER)))
    }

    fn drop(&mut self, adapter: Resource<AdapterHandle>) -> Result<()> {
        self.table.delete(adapter)?;
        Ok(())
    }
}
