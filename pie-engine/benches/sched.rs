//! What planning a step costs, by the number of passes that wait.
//!
//! `cargo bench -p pie-engine --bench sched`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pie_engine::ids::PageId;
use pie_engine::sched::market::{Bidder, Credits, Holding, Place, Rules, Supply, auction, rents};
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

/// Contexts that bid differently. The first tenth has these pages, and the others wait to have as many.
fn bidders(pages: &[Vec<PageId>]) -> Vec<Bidder<'_>> {
    let mut bidders = Vec::new();
    for (table, own) in pages.iter().enumerate() {
        let resident = table < pages.len() / 10;
        bidders.push(Bidder {
            table: table as u64,
            bid: Credits::from_millionths(table as u128 * 7919 % 1000),
            place: if resident { Place::Resident { turn: 0 } } else { Place::Suspended },
            pages: if resident { own } else { &[] },
            wants: if resident { 0 } else { own.len() as u32 },
            waited: 0,
            busy: true,
        });
    }
    bidders
}

fn markets(c: &mut Criterion) {
    for count in [200u32, 2_000] {
        let own = |table: u32| (5 + 20 * table..25 + 20 * table).map(PageId);
        let pages: Vec<Vec<PageId>> =
            (0..count).map(|table| (0..5).map(PageId).chain(own(table)).collect()).collect();
        let bidders = bidders(&pages);
        let mut group = c.benchmark_group("hold an auction, by the number of contexts");
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| auction(black_box(&bidders), Supply::default(), &Rules::default()));
        });
        group.finish();

        let residents = bidders.iter().filter(|bidder| !bidder.pages.is_empty());
        let holdings: Vec<Holding<'_>> =
            residents.map(|bidder| Holding { table: bidder.table, pages: bidder.pages }).collect();
        let rates = vec![Credits::ONE; holdings.len()];
        let mut group = c.benchmark_group("divide rents, by the number of contexts");
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| rents(black_box(&holdings), &rates));
        });
        group.finish();
    }
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

criterion_group!(benches, plans, passes, markets);
criterion_main!(benches);
