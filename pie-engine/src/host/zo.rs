//! `pie:zo`: evolution strategies on adapters.

use super::adapter::AdapterHandle;
use super::bindings::pie::zo::zo::Host;
use super::inference::ForwardPass;
use super::state::State;
use super::{not_available, not_available_trap};
use wasmtime::Result;
use wasmtime::component::Resource;

const ZO: &str = "pie:zo";

impl Host for State {
    fn adapter_seed(&mut self, _pass: Resource<ForwardPass>, _seed: i64) -> Result<()> {
        not_available_trap(ZO)
    }

    fn initialize(
        &mut self,
        _adapter: Resource<AdapterHandle>,
        _rank: u32,
        _alpha: f32,
        _population_size: u32,
        _mu_fraction: f32,
        _initial_sigma: f32,
    ) -> Result<Result<(), String>> {
        Ok(Err(not_available(ZO)))
    }

    fn update(
        &mut self,
        _adapter: Resource<AdapterHandle>,
        _scores: Vec<f32>,
        _seeds: Vec<i64>,
        _max_sigma: f32,
    ) -> Result<Result<(), String>> {
        Ok(Err(not_available(ZO)))
    }
}
