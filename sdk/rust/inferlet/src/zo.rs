//! Training adapters by evolution strategies: forward passes and scores, no gradients.
//!
//! In a round every candidate runs with a seed of its own ([`crate::Generator::zo_seed`], together with the adapter), its
//! output is scored, and [`update`] moves the adapter towards the better ones. A seed gives the same noise everywhere.

use crate::Result;
use crate::adapter::Adapter;
use crate::pie::zo::zo as raw;

/// How an adapter is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Rank of the low-rank matrices.
    pub rank: u32,
    /// Scale of their product.
    pub alpha: f32,
    /// Candidates a round.
    pub population_size: u32,
    /// The fraction of the best candidates that an update follows, in 0 to 1.
    pub mu_fraction: f32,
    /// Standard deviation of the noise at the start.
    pub initial_sigma: f32,
}

/// Prepares an adapter for training.
///
/// # Errors
///
/// On settings out of range.
pub fn initialize(adapter: &Adapter, settings: Settings) -> Result<()> {
    let Settings { rank, alpha, population_size, mu_fraction, initial_sigma } = settings;
    raw::initialize(adapter, rank, alpha, population_size, mu_fraction, initial_sigma)
}

/// Moves the adapter towards the candidates that scored best (higher is better). `scores` and `seeds` belong together, one
/// of each for every candidate; the noise stays at most `max_sigma`.
///
/// # Errors
///
/// If the two differ in length, or the adapter is not prepared.
pub fn update(adapter: &Adapter, scores: &[f32], seeds: &[i64], max_sigma: f32) -> Result<()> {
    raw::update(adapter, scores, seeds, max_sigma)
}
