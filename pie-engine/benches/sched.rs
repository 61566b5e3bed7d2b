//! What planning a step costs, by the number of passes that wait.
//!
//! `cargo bench -p pie-engine --bench sched`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pie_engine::sched::{Limits, Queue, Queued, plan};
use std::hint::black_box;

const PAGE_SIZE: u32 = 16;

/// A queue of passes of this many tokens, each of another table.
fn queue(lengths: impl Iterator<Item = u32>) -> Queue {
    let mut queue = Queue::default();
    for (pass, tokens) in (0..).zip(lengths) {
        queue.push(Queued { pass, table: pass, slot: 100, tokens, splittable: true });
    }
    queue
}

fn plans(c: &mut Criterion) {
    let limits = Limits::default();
    let mut group = c.benchmark_group("plan a step of decode");
    for count in [1, 8, 64, 10_000] {
        let queue = queue((0..count).map(|_| 1));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| plan(black_box(&queue), PAGE_SIZE, &limits));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("plan a step of decode and prefill");
    for count in [2, 8, 64, 10_000] {
        let queue = queue((0..count).map(|i| if i % 2 == 0 { 1 } else { 1_000 }));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| plan(black_box(&queue), PAGE_SIZE, &limits));
        });
    }
    group.finish();
}

/// The whole way of a pass through the queue: in, planned, out.
fn passes(c: &mut Criterion) {
    let limits = Limits::default();
    let mut group = c.benchmark_group("queue, plan and advance a pass, beside others");
    for others in [0, 63] {
        let mut queue = queue((0..others).map(|_| 1));
        let mut pass = 1_000;
        group.bench_function(BenchmarkId::from_parameter(others), |b| {
            b.iter(|| {
                pass += 1;
                queue.push(Queued { pass, table: 1_000, slot: 0, tokens: 1, splittable: true });
                let step = plan(&queue, PAGE_SIZE, &limits);
                queue.advance(pass, 1);
                step
            });
        });
    }
    group.finish();
}

criterion_group!(benches, plans, passes);
criterion_main!(benches);
