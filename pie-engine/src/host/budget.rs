//! What a launch allows its instance, and the count of what it puts out.

use super::limits::{InstanceLimits, LimitExceeded};
use crate::trace::Limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one instance may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the instance.
    pub memory_bytes: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Units of fuel, about one per instruction of WebAssembly.
    pub fuel: u64,
    /// Bytes of standard output, standard error, messages and files together.
    pub output_bytes: u64,
    /// Handles open at once.
    pub handles: u32,
    /// Bytes of files under `/scratch`.
    pub scratch_bytes: u64,
}

impl Default for Limits {
    /// 256 MiB of memory, 100,000 table elements, 10 billion units of fuel, 16 MiB of output, 10,000 handles, 64 MiB of files.
    fn default() -> Self {
        Limits {
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            fuel: 10_000_000_000,
            output_bytes: 16 << 20,
            handles: 10_000,
            scratch_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// The part that the runtime asks about.
    pub(crate) fn instance(&self) -> InstanceLimits {
        InstanceLimits {
            memory_bytes: self.memory_bytes,
            table_elements: self.table_elements,
            ..InstanceLimits::default()
        }
    }
}

/// Counts bytes of output. Clones share the count.
#[derive(Clone, Debug)]
pub struct OutputBudget {
    used: Arc<AtomicU64>,
    allowed: u64,
}

impl OutputBudget {
    /// A budget of so many bytes.
    pub fn new(allowed: u64) -> Self {
        OutputBudget { used: Arc::default(), allowed }
    }

    /// Counts bytes about to be put out.
    pub fn spend(&self, bytes: usize) -> Result<(), LimitExceeded> {
        let wanted = self.used.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if wanted <= self.allowed {
            return Ok(());
        }
        Err(LimitExceeded { limit: Limit::Output, wanted, allowed: self.allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_may_use_its_budget_to_the_last_byte() {
        let budget = OutputBudget::new(10);
        assert!(budget.spend(10).is_ok());
        let over = budget.clone().spend(1);
        assert_eq!(over, Err(LimitExceeded { limit: Limit::Output, wanted: 11, allowed: 10 }));
    }
}
