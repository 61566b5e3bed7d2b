//! `pie:core/runtime`: what an inferlet can know about where it runs, and launching others.

use super::bindings::pie::core::runtime::{Host, HostChild};
use super::state::State;
use super::{not_available, not_available_trap};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

/// An inferlet launched by this one.
pub struct ChildHandle;

pub(super) const LAUNCH: &str = "pie:core/runtime.launch";

impl Host for State {
    fn version(&mut self) -> Result<String> {
        Ok(crate::VERSION.to_owned())
    }

    fn instance_id(&mut self) -> Result<String> {
        Ok(self.port.instance().to_string())
    }

    fn username(&mut self) -> Result<String> {
        Ok(self.user.to_string())
    }

    fn models(&mut self) -> Result<Vec<String>> {
        Ok(vec![self.model.info().name.clone()])
    }

    fn launch(&mut self, _program: String, _input: String) -> Result<Result<Resource<ChildHandle>, String>> {
        Ok(Err(not_available(LAUNCH)))
    }
}

impl HostChild for State {
    fn pollable(&mut self, _child: Resource<ChildHandle>) -> Result<Resource<DynPollable>> {
        not_available_trap(LAUNCH)
    }

    fn get(&mut self, _child: Resource<ChildHandle>) -> Result<Option<Result<String, String>>> {
        not_available_trap(LAUNCH)
    }

    fn pid(&mut self, _child: Resource<ChildHandle>) -> Result<String> {
        not_available_trap(LAUNCH)
    }

    fn cancel(&mut self, _child: Resource<ChildHandle>) -> Result<()> {
        not_available_trap(LAUNCH)
    }

    fn drop(&mut self, child: Resource<ChildHandle>) -> Result<()> {
        self.table.delete(child)?;
        Ok(())
    }
}
