//! `pie:zo`: evolution strategies on adapters.

use super::adapter::AdapterHandle;
use super::bindings::pie::zo::zo::Host;
use super::inference::ForwardPass;
use super::state::State;
use super::work::NOISE;
use crate::adapter::Settings;
use crate::trace::AdapterOperation;
use wasmtime::Result;
use wasmtime::component::Resource;

impl Host for State {
    fn adapter_seed(&mut self, pass: Resource<ForwardPass>, seed: i64) -> Result<()> {
        self.called("zo.adapter-seed");
        self.table.get_mut(&pass)?.adapter_seed = Some(seed);
        Ok(())
    }

    fn initialize(
        &mut self,
        adapter: Resource<AdapterHandle>,
        rank: u32,
        alpha: f32,
        population_size: u32,
        mu_fraction: f32,
        initial_sigma: f32,
    ) -> Result<std::result::Result<(), String>> {
        self.called("zo.initialize");
        let adapter = match self.adapter_of(&adapter)? {
            Ok(adapter) => adapter,
            Err(error) => return Ok(Err(error)),
        };
        let settings =
            Settings { rank, alpha, population: population_size, mu_fraction, sigma: initial_sigma };
        if let Err(error) = settings.check() {
            return Ok(Err(error.to_string()));
        }
        self.pay_for_noise(adapter.numbers(Some(rank)), 1)?;
        if let Err(error) = adapter.initialize(&settings) {
            return Ok(Err(error.into()));
        }
        let operation =
            AdapterOperation::Initialize { rank, alpha, population: population_size, sigma: initial_sigma };
        self.record_adapter(&adapter, operation)?;
        Ok(Ok(()))
    }

    fn update(
        &mut self,
        adapter: Resource<AdapterHandle>,
        scores: Vec<f32>,
        seeds: Vec<i64>,
        max_sigma: f32,
    ) -> Result<std::result::Result<(), String>> {
        self.called("zo.update");
        let adapter = match self.adapter_of(&adapter)? {
            Ok(adapter) => adapter,
            Err(error) => return Ok(Err(error)),
        };
        let population = adapter.population().unwrap_or(0);
        self.pay_for_noise(adapter.numbers(None), population.into())?;
        let sigma = match adapter.update(&scores, &seeds, max_sigma) {
            Ok(sigma) => sigma,
            Err(error) => return Ok(Err(error.into())),
        };
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / f64::from(population);
        let operation = AdapterOperation::Update { best, mean: mean as f32, sigma };
        self.record_adapter(&adapter, operation)?;
        Ok(Ok(()))
    }
}

impl State {
    /// Pays for so many numbers of noise, so many times.
    pub(super) fn pay_for_noise(&mut self, numbers: u64, times: u64) -> Result<()> {
        self.pay(usize::try_from(numbers.saturating_mul(times)).unwrap_or(usize::MAX), NOISE)?;
        Ok(())
    }
}
