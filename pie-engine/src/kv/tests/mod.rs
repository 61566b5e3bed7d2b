//! Tests of the pages from outside, and of the checker by damage from inside.

mod checker;
mod forks;
mod property;
mod sharing;
mod suspension;
mod tables;

use super::{Claim, Input, Kv, KvError, Means, Restored, StoreChange, Suspended, TableId};
use crate::ids::{PageId, SwapId};

/// Claims slots for tokens that go on at the table's end, see all before them, and of which the last is wanted.
fn claim(kv: &mut Kv, id: TableId, tokens: &[u32]) -> Result<Claim, KvError> {
    let start = kv.counts(id)?.tokens;
    let positions: Vec<u32> = (start..).take(tokens.len()).collect();
    kv.claim(
        id,
        Input { tokens, positions: &positions, plain: true, wanted_from: tokens.len().saturating_sub(1) },
    )
}

/// Reserves what is missing for the tokens, claims their slots, and writes them.
fn fill(kv: &mut Kv, id: TableId, tokens: &[u32]) -> Claim {
    let counts = kv.counts(id).unwrap();
    let pages = (counts.tokens + tokens.len() as u32).div_ceil(kv.page_size());
    kv.reserve(id, pages.saturating_sub(counts.committed_pages + counts.working_pages)).unwrap();
    let claim = claim(kv, id, tokens).unwrap();
    kv.written(id, claim.end()).unwrap();
    claim
}

fn changes(kv: &mut Kv) -> Vec<StoreChange> {
    kv.drain_changes().collect()
}

fn pages(kv: &Kv, id: TableId) -> Vec<u32> {
    kv.pages(id).unwrap().iter().map(|&PageId(page)| page).collect()
}

/// Nothing is wrong, and all pages are free once these tables are gone.
#[track_caller]
fn finish(mut kv: Kv, tables: &[TableId]) {
    assert_eq!(kv.check(), []);
    assert_eq!(kv.leaks(tables.to_vec()), []);
    for &table in tables {
        kv.destroy(table).unwrap();
        assert_eq!(kv.check(), []);
    }
    assert_eq!(kv.free_pages(), kv.capacity_pages());
}
