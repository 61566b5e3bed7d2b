//! `pie:core/scheduling`: the market for pages.

use super::bindings::pie::core::scheduling::Host;
use super::context::ContextHandle;
use super::model::ModelHandle;
use super::not_available_trap;
use super::state::State;
use wasmtime::Result;
use wasmtime::component::Resource;

const SCHEDULING: &str = "pie:core/scheduling";

impl Host for State {
    fn price(&mut self) -> Result<f64> {
        not_available_trap(SCHEDULING)
    }

    fn rent(&mut self, _context: Resource<ContextHandle>) -> Result<f64> {
        not_available_trap(SCHEDULING)
    }

    fn dividend(&mut self, _model: Resource<ModelHandle>) -> Result<f64> {
        not_available_trap(SCHEDULING)
    }

    fn latency(&mut self, _context: Resource<ContextHandle>) -> Result<f64> {
        not_available_trap(SCHEDULING)
    }

    fn balance(&mut self, _model: Resource<ModelHandle>) -> Result<f64> {
        not_available_trap(SCHEDULING)
    }
}
