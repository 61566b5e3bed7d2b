//! What the pages cost: claims, forks and prefix hits, for short and for long contexts.
//!
//! `cargo bench -p pie-engine --bench kv`

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pie_engine::kv::{Claim, Input, Kv, TableId};

const PAGE_SIZE: u32 = 16;
/// A short prompt and a long one, both ending in the middle of a page.
const LENGTHS: [u32; 2] = [100, 100_003];

/// Consecutive tokens and positions from 0.
fn sequence(length: u32) -> Vec<u32> {
    (0..length).collect()
}

/// Room for three contexts of this length.
fn store(length: u32) -> Kv {
    Kv::new(3 * length.div_ceil(PAGE_SIZE) + 64, PAGE_SIZE)
}

/// Claims the first slots of an empty table for these tokens.
fn prefill(kv: &mut Kv, table: TableId, tokens: &[u32], positions: &[u32]) -> Claim {
    kv.reserve(table, (tokens.len() as u32).div_ceil(PAGE_SIZE)).unwrap();
    let input = Input { tokens, positions, plain: true, wanted_from: tokens.len() - 1 };
    kv.claim(table, input).unwrap()
}

/// A store with one written table of this length.
fn filled(length: u32) -> (Kv, TableId) {
    let mut kv = store(length);
    let table = kv.create();
    let tokens = sequence(length);
    let claim = prefill(&mut kv, table, &tokens, &tokens);
    kv.written(table, claim.end()).unwrap();
    (kv, table)
}

/// Claims and writes the slot of one more token.
fn decode(kv: &mut Kv, table: TableId, position: u32) {
    let input = Input { tokens: &[7], positions: &[position], plain: true, wanted_from: 0 };
    let claim = kv.claim(table, input).unwrap();
    kv.written(table, claim.end()).unwrap();
}

fn claims(c: &mut Criterion) {
    let mut group = c.benchmark_group("claim, write and truncate a token");
    for length in LENGTHS {
        let (mut kv, table) = filled(length);
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                decode(&mut kv, table, length);
                kv.truncate(table, 1).unwrap()
            });
        });
    }
    group.finish();
}

fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("reserve, fill and commit a page");
    for length in LENGTHS {
        let (mut kv, table) = filled(length);
        kv.commit(table, length / PAGE_SIZE).unwrap();
        let tokens: Vec<u32> = (length..length + PAGE_SIZE).collect();
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                let fork = kv.fork(table).unwrap();
                kv.reserve(fork, 1).unwrap();
                let input = Input { tokens: &tokens, positions: &tokens, plain: true, wanted_from: 0 };
                let claim = kv.claim(fork, input).unwrap();
                kv.written(fork, claim.end()).unwrap();
                kv.commit(fork, 1).unwrap();
                kv.destroy(fork).unwrap();
                kv.drain_changes().count()
            });
        });
    }
    group.finish();
}

fn forks(c: &mut Criterion) {
    let mut group = c.benchmark_group("fork and destroy");
    for length in LENGTHS {
        let (mut kv, table) = filled(length);
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                let fork = kv.fork(table).unwrap();
                kv.destroy(fork).unwrap();
                kv.drain_changes().count()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("first fork of a context");
    for length in LENGTHS {
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter_batched_ref(
                || filled(length),
                |(kv, table)| kv.fork(*table).unwrap(),
                BatchSize::NumIterations(16),
            );
        });
    }
    group.finish();

    let mut group = c.benchmark_group("fork, decode a token and destroy");
    for length in LENGTHS {
        let (mut kv, table) = filled(length);
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                let fork = kv.fork(table).unwrap();
                decode(&mut kv, fork, length);
                kv.destroy(fork).unwrap();
                kv.drain_changes().count()
            });
        });
    }
    group.finish();
}

fn prefixes(c: &mut Criterion) {
    for (name, first, reuse) in [("prefix hit", 0, true), ("prefix miss", 1, false)] {
        let mut group = c.benchmark_group(name);
        for length in LENGTHS {
            let (mut kv, _) = filled(length);
            let positions = sequence(length);
            let mut tokens = positions.clone();
            tokens[0] = first;
            group.throughput(Throughput::Elements(length.into()));
            group.bench_function(BenchmarkId::from_parameter(length), |b| {
                b.iter(|| {
                    let table = kv.create();
                    let claim = prefill(&mut kv, table, &tokens, &positions);
                    assert_eq!(claim.reused > 0, reuse);
                    kv.written(table, claim.end()).unwrap();
                    kv.destroy(table).unwrap();
                    kv.drain_changes().count()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, claims, commits, forks, prefixes);
criterion_main!(benches);
