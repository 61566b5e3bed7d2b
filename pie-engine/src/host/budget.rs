//! What a launch allows its instance, and the count of what is kept for it.

use super::limits::{InstanceLimits, LimitExceeded};
use crate::trace::Limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one instance may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the instance; and, counted apart, bytes that the engine holds for its unfinished forward
    /// passes, for the text in its decoders, and for its HTTP.
    pub memory_bytes: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Units of fuel, about one per instruction of WebAssembly; and, counted apart, the work of the engine in its calls, at the rates of
    /// [`work`](super::work).
    pub fuel: u64,
    /// Bytes of standard output, standard error, messages and files together.
    pub output_bytes: u64,
    /// Bytes of everything that is recorded of it, about as much as it takes in memory: [`Event::bytes`](crate::trace::Event::bytes).
    pub trace_bytes: u64,
    /// Bytes that one call hands over to the engine, and those of the answer.
    pub call_bytes: u64,
    /// Bytes of the body of one HTTP request or response.
    pub body_bytes: u64,
    /// Handles open at once.
    pub handles: u32,
    /// Bytes of files under `/scratch`.
    pub scratch_bytes: u64,
    /// Inferlets alive at once that were launched by it, by those it launched, and so on.
    pub children: u32,
    /// Inferlets launched in all by it, by those it launched, and so on.
    pub launches: u32,
    /// How many times an inferlet that it launched may launch one that launches one, and so on.
    pub depth: u32,
}

impl Default for Limits {
    /// 256 MiB of memory, 100,000 table elements, 10 billion units of fuel, 16 MiB of output, 256 MiB of events, 16 MiB in
    /// one call and in one body of HTTP, 10,000 handles, 64 MiB of files; 1,000 children at once, 10,000 launches, and these 8 deep.
    fn default() -> Self {
        Limits {
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            fuel: 10_000_000_000,
            output_bytes: 16 << 20,
            trace_bytes: 256 << 20,
            call_bytes: 16 << 20,
            body_bytes: 16 << 20,
            handles: 10_000,
            scratch_bytes: 64 << 20,
            children: 1000,
            launches: 10_000,
            depth: 8,
        }
    }
}

impl Limits {
    /// Whatever is less of the two. Those on launching belong to the first launch, and so are taken from `outer`.
    #[must_use]
    pub fn within(&self, outer: &Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.min(outer.memory_bytes),
            table_elements: self.table_elements.min(outer.table_elements),
            fuel: self.fuel.min(outer.fuel),
            output_bytes: self.output_bytes.min(outer.output_bytes),
            trace_bytes: self.trace_bytes.min(outer.trace_bytes),
            call_bytes: self.call_bytes.min(outer.call_bytes),
            body_bytes: self.body_bytes.min(outer.body_bytes),
            handles: self.handles.min(outer.handles),
            scratch_bytes: self.scratch_bytes.min(outer.scratch_bytes),
            children: outer.children,
            launches: outer.launches,
            depth: outer.depth,
        }
    }

    /// The part that the runtime asks about.
    pub(crate) fn instance(&self) -> InstanceLimits {
        InstanceLimits {
            memory_bytes: self.memory_bytes,
            table_elements: self.table_elements,
            ..InstanceLimits::default()
        }
    }
}

/// Counts bytes that the host keeps for an instance, so that a guest cannot fill the host's memory by having it remember things. Clones share
/// the count.
#[derive(Clone, Debug)]
pub struct HeldBudget {
    used: Arc<AtomicU64>,
    allowed: u64,
}

impl HeldBudget {
    /// A budget of so many bytes.
    pub fn new(allowed: u64) -> Self {
        HeldBudget { used: Arc::default(), allowed }
    }

    /// Nothing held yet.
    pub fn nothing(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }
}

/// A part of a [`HeldBudget`], given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: HeldBudget,
    bytes: u64,
}

impl Held {
    /// Counts bytes about to be kept.
    pub fn grow(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        let HeldBudget { used, allowed } = &self.budget;
        let wanted = used.load(Ordering::Relaxed).saturating_add(bytes);
        if wanted > *allowed {
            return Err(LimitExceeded { limit: Limit::Memory, wanted, allowed: *allowed });
        }
        // An instance runs on one thread at a time, so nobody counts in between.
        used.store(wanted, Ordering::Relaxed);
        self.bytes += bytes;
        Ok(())
    }

    /// Counts what is kept from now on, which may be less than before.
    pub fn resize(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        if let Some(less) = self.bytes.checked_sub(bytes) {
            self.budget.used.fetch_sub(less, Ordering::Relaxed);
            self.bytes = bytes;
            return Ok(());
        }
        self.grow(bytes - self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_held_can_be_held_by_another() {
        let budget = HeldBudget::new(10);
        let (mut first, mut second) = (budget.nothing(), budget.nothing());
        first.grow(4).unwrap();
        first.grow(4).unwrap();
        assert_eq!(second.grow(3), Err(LimitExceeded { limit: Limit::Memory, wanted: 11, allowed: 10 }));
        drop(first);
        assert_eq!(second.grow(10), Ok(()));
        assert_eq!(second.resize(3), Ok(()));
        let mut third = budget.nothing();
        assert_eq!(third.resize(7), Ok(()));
        assert!(second.resize(4).is_err());
    }
}
