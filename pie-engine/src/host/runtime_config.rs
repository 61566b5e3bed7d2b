//! How the WebAssembly runtime is set up: the same on every machine, pooled, and interruptible.

use std::num::NonZeroUsize;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// What the pools of the runtime hold. Fixed for the life of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pools {
    /// Instances at once, of each [`Concurrency`].
    pub instances: u32,
    /// The most linear memory one instance may have, in bytes.
    pub memory_bytes: u64,
    /// The most elements one table may have.
    pub table_elements: u64,
    /// Whether a component is compiled by several threads.
    pub parallel_compilation: bool,
}

/// Whether guests can use the async functions of the component model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// They cannot: a guest is one fiber, and a call to the host is only a call.
    Absent,
    /// They can: a guest has tasks, and calls of the host that are under way are subtasks. Each call then takes half as long again.
    Present,
}

/// Bytes of stack that guest code may use.
pub const WASM_STACK: usize = 1 << 20;
/// Bytes of stack for the fiber of an instance: the guest's and, above it, the host's.
const FIBER_STACK: usize = 2 << 20;
/// Frames of a guest that a trap names.
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(32).expect("32 is not zero");
/// Fibers of a guest with async functions: one that waits in the middle of a call, and one to bring what it waits for.
const CONCURRENT_STACKS: u32 = 2;
/// Core modules in a component: a Rust inferlet has up to 4, an interpreter with its libraries up to 20.
const CORE_INSTANCES: u32 = 24;
/// Memory of a finished instance that is cleared in place instead of being given back to the system, in bytes.
const KEEP_RESIDENT: usize = 256 << 10;

/// The configuration of the runtime.
pub fn config(pools: &Pools, concurrency: Concurrency) -> Config {
    let mut config = Config::new();
    config.concurrency_support(concurrency == Concurrency::Present);
    // The same results on every machine.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    // Endless loops end, and give way to others before they do.
    config.consume_fuel(true);
    config.max_wasm_stack(WASM_STACK);
    config.async_stack_size(FIBER_STACK);
    // Traps say where.
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    // And where in a program an interpreter was: a trap brings the way to the memory along.
    config.coredump_on_trap(true);
    config.parallel_compilation(pools.parallel_compilation);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pools, concurrency)));
    config
}

fn pooling(pools: &Pools, concurrency: Concurrency) -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::default();
    let per_instance = |count: u32| pools.instances.saturating_mul(count);
    pooling.total_component_instances(pools.instances);
    pooling.total_core_instances(per_instance(CORE_INSTANCES));
    pooling.total_memories(per_instance(1).max(4));
    pooling.total_tables(per_instance(2).max(CORE_INSTANCES));
    pooling.total_stacks(match concurrency {
        Concurrency::Absent => pools.instances,
        // A component that is put together from others has up to one for each; one such component leaves enough for all others.
        Concurrency::Present => per_instance(CONCURRENT_STACKS).saturating_add(CORE_INSTANCES),
    });
    pooling.max_core_instances_per_component(CORE_INSTANCES);
    pooling.max_memories_per_component(4);
    pooling.max_tables_per_component(CORE_INSTANCES);
    pooling.max_memory_size(usize::try_from(pools.memory_bytes).unwrap_or(usize::MAX));
    pooling.table_elements(usize::try_from(pools.table_elements).unwrap_or(usize::MAX));
    pooling.max_component_instance_size(1 << 20);
    pooling.max_core_instance_size(1 << 20);
    pooling.linear_memory_keep_resident(KEEP_RESIDENT);
    pooling.table_keep_resident(KEEP_RESIDENT);
    pooling.pagemap_scan(Enabled::Auto);
    pooling
}
