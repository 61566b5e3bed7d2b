use super::held;
use std::ops::AddAssign;

/// How much speculation was tried and how much of it paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speculation {
    /// Passes that verified at least one drafted token.
    pub passes: u64,
    /// Tokens that were drafted and verified.
    pub drafted: u64,
    /// Those of them that held: each saved a pass.
    pub accepted: u64,
}

impl Speculation {
    /// Counts one pass and returns how many of its drafts hold. A pass without drafts does not count.
    pub fn verified(&mut self, chosen: &[u32], drafted: &[u32]) -> usize {
        let held = held(chosen, drafted);
        if !drafted.is_empty() {
            *self += Self { passes: 1, drafted: drafted.len() as u64, accepted: held as u64 };
        }
        held
    }

    /// The share of drafted tokens that held, from 0 to 1, or none before the first.
    pub fn acceptance(&self) -> Option<f64> {
        (self.drafted > 0).then(|| self.accepted as f64 / self.drafted as f64)
    }
}

impl AddAssign for Speculation {
    fn add_assign(&mut self, other: Self) {
        self.passes += other.passes;
        self.drafted += other.drafted;
        self.accepted += other.accepted;
    }
}
