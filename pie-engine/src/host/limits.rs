//! The named limits of an instance: what went over which, in numbers, and the part of it that wasmtime asks about.

use crate::trace::Limit;
use std::fmt;

/// A limit was reached. Reaches the caller of the instance as the cause of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which.
    pub limit: Limit,
    /// What the instance would have used, in the unit of the limit.
    pub wanted: u64,
    /// What it may use.
    pub allowed: u64,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = words(self.limit);
        write!(f, "over the `{name}` limit: {} {unit} wanted, {} allowed", self.wanted, self.allowed)
    }
}

impl std::error::Error for LimitExceeded {}

/// The name and the unit of a limit.
fn words(limit: Limit) -> (&'static str, &'static str) {
    match limit {
        Limit::Memory => ("memory", "bytes"),
        Limit::Fuel => ("fuel", "units"),
        Limit::Output => ("output", "bytes"),
        Limit::Trace => ("trace", "bytes"),
        Limit::Call => ("call", "bytes"),
        Limit::Body => ("body", "bytes"),
        Limit::Messages => ("messages", "bytes"),
        Limit::Handles => ("handles", "handles"),
        Limit::Stack => ("stack", "bytes"),
        Limit::Tables => ("tables", "elements"),
        Limit::Time => ("time", "ms"),
        Limit::Children => ("children", "at once"),
        Limit::Launches => ("launches", "in all"),
        Limit::Depth => ("depth", "generations"),
    }
}

/// How much the core instances of one component may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Bytes of all linear memories.
    pub memory_bytes: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Core instances.
    pub instances: usize,
    /// Linear memories.
    pub memories: usize,
    /// Tables.
    pub tables: usize,
}

impl Default for InstanceLimits {
    /// 256 MiB, 100,000 elements, and more instances, memories and tables than any known toolchain makes.
    fn default() -> Self {
        InstanceLimits {
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            instances: 100,
            memories: 10,
            tables: 40,
        }
    }
}

/// Answers wasmtime whether memories and tables may grow, and remembers the last time they might not.
///
/// A refusal is not a trap: `memory.grow` says -1, and a program that can live with that goes on. Most cannot and abort; then
/// [`refused`](Limiter::refused) is the reason.
///
/// Memory that was granted stays counted, also when wasmtime could not provide it, which happens only when a slot of its pool is smaller than
/// [`InstanceLimits::memory_bytes`] or the machine has no more. To give it back would need to know for which grant a failure is, and wasmtime
/// reports failures without a grant too.
#[derive(Debug)]
pub struct Limiter {
    limits: InstanceLimits,
    memory_bytes: u64,
    table_elements: u64,
    refused: Option<LimitExceeded>,
}

impl Limiter {
    /// Nothing used yet.
    pub fn new(limits: InstanceLimits) -> Self {
        Limiter { limits, memory_bytes: 0, table_elements: 0, refused: None }
    }

    /// The last growth, if it was refused.
    pub fn refused(&self) -> Option<LimitExceeded> {
        self.refused
    }

    /// Bytes of all linear memories.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let (limit, allowed) = (Limit::Memory, self.limits.memory_bytes);
        let growth = Growth { current, desired, maximum };
        Ok(growth.grant(&mut self.memory_bytes, limit, allowed, &mut self.refused))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let (limit, allowed) = (Limit::Tables, self.limits.table_elements);
        let growth = Growth { current, desired, maximum };
        Ok(growth.grant(&mut self.table_elements, limit, allowed, &mut self.refused))
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

struct Growth {
    current: usize,
    desired: usize,
    maximum: Option<usize>,
}

impl Growth {
    fn grant(&self, used: &mut u64, limit: Limit, allowed: u64, refused: &mut Option<LimitExceeded>) -> bool {
        if self.maximum.is_some_and(|maximum| self.desired > maximum) {
            // More than the program itself declares: that fails in any case, and not because of us.
            return true;
        }
        let wanted = used.saturating_add(self.desired.saturating_sub(self.current) as u64);
        if wanted > allowed {
            *refused = Some(LimitExceeded { limit, wanted, allowed });
            return false;
        }
        *used = wanted;
        *refused = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter;

    fn limiter() -> Limiter {
        Limiter::new(InstanceLimits { memory_bytes: 100, table_elements: 10, ..InstanceLimits::default() })
    }

    #[test]
    fn all_memories_share_one_limit() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 30, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(60, 71, None).unwrap());
        let refused = limiter.refused().unwrap();
        assert_eq!(refused, LimitExceeded { limit: Limit::Memory, wanted: 101, allowed: 100 });
        assert_eq!(refused.to_string(), "over the `memory` limit: 101 bytes wanted, 100 allowed");
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        assert_eq!(limiter.memory_bytes(), 100);
        assert_eq!(limiter.refused(), None, "it went on with less");
    }

    #[test]
    fn tables_have_a_limit_of_their_own() {
        let mut limiter = limiter();
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.refused().unwrap().limit, Limit::Tables);
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn what_the_program_itself_forbids_is_not_counted() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(10, 1000, Some(50)).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.refused()), (0, None));
    }
}
