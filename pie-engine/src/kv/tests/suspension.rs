use super::*;

const PROMPT: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// Claims and writes tokens that are not plain, as those of a pass with masks or an adapter.
fn fill_masked(kv: &mut Kv, id: TableId, tokens: &[u32]) {
    let start = kv.counts(id).unwrap().tokens;
    let positions: Vec<u32> = (start..).take(tokens.len()).collect();
    let claim = kv.claim(id, Input { tokens, positions: &positions, plain: false, wanted_from: 0 }).unwrap();
    kv.written(id, claim.end()).unwrap();
}

#[test]
fn a_plain_table_comes_back_by_computing_its_tokens_again() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 4).unwrap();
    fill(&mut kv, table, &PROMPT);
    kv.commit(table, 1).unwrap();
    let before = kv.counts(table);
    assert_eq!(kv.suspend(table, Means::Recompute), Ok(Suspended { pages: 4, freed: 4, swapped: 0 }));
    assert_eq!((kv.free_pages(), kv.counts(table)), (4, before));
    assert_eq!(kv.check(), []);

    let restored = kv.restore(table).unwrap();
    assert_eq!(restored, Restored { recompute: 0..10, tokens: PROMPT.to_vec(), shared: 0, swapped: 0 });
    assert_eq!(kv.truncate(table, 1), Err(KvError::Busy { pending: 10 }));
    kv.recomputed(table, 6).unwrap();
    assert_eq!((kv.fork(table), kv.check()), (Err(KvError::Busy { pending: 4 }), vec![]));
    kv.recomputed(table, 10).unwrap();
    assert_eq!((kv.counts(table), kv.check()), (before, vec![]));
    assert_eq!(kv.truncate(table, 1), Ok(1));
    finish(kv, &[table]);
}

#[test]
fn a_swapped_table_comes_back_as_it_was() {
    let mut kv = Kv::new(3, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT);
    assert_eq!(changes(&mut kv), []);
    assert_eq!(kv.suspend(table, Means::Swap), Ok(Suspended { pages: 3, freed: 3, swapped: 3 }));
    let out = |page, slots, to| StoreChange::SwapOut { page: PageId(page), slots, to: SwapId(to) };
    let clear = |page| StoreChange::Clear(PageId(page));
    assert_eq!(changes(&mut kv), [out(0, 4, 1), out(1, 4, 2), out(2, 2, 3), clear(0), clear(1), clear(2)]);

    let restored = kv.restore(table).unwrap();
    assert_eq!(restored, Restored { recompute: 0..0, tokens: vec![], shared: 0, swapped: 3 });
    let back = |from, page| StoreChange::SwapIn { from: SwapId(from), page: PageId(page) };
    assert_eq!(changes(&mut kv), [back(1, 0), back(2, 1), back(3, 2)]);
    assert_eq!(kv.truncate(table, 1), Ok(1));
    finish(kv, &[table]);
}

#[test]
fn what_cannot_be_computed_again_is_swapped_from_its_page_on() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 4).unwrap();
    fill(&mut kv, table, &PROMPT[..6]);
    fill_masked(&mut kv, table, &PROMPT[6..]);
    assert_eq!(kv.suspend(table, Means::Recompute), Ok(Suspended { pages: 4, freed: 4, swapped: 2 }));
    let restored = kv.restore(table).unwrap();
    assert_eq!(restored, Restored { recompute: 0..4, tokens: PROMPT[..4].to_vec(), shared: 0, swapped: 2 });
    assert_eq!(kv.check(), []);
    kv.recomputed(table, 4).unwrap();
    assert_eq!(kv.counts(table).unwrap().pending_tokens, 0);
    finish(kv, &[table]);
}

#[test]
fn pages_that_another_table_has_are_shared_again() {
    for means in [Means::Recompute, Means::Swap] {
        let mut kv = Kv::new(6, 4);
        let (a, b) = (kv.create(), kv.create());
        fill(&mut kv, a, &PROMPT);
        fill(&mut kv, b, &PROMPT);
        let suspended = kv.suspend(a, means).unwrap();
        assert_eq!((suspended.pages, suspended.freed), (3, 1));
        changes(&mut kv);
        let restored = kv.restore(a).unwrap();
        assert_eq!(restored.shared, 2);
        if means == Means::Swap {
            let back = StoreChange::SwapIn { from: SwapId(3), page: PageId(2) };
            let expected = [StoreChange::SwapDrop(SwapId(1)), StoreChange::SwapDrop(SwapId(2)), back];
            assert_eq!(changes(&mut kv), expected, "shared pages are not written to");
        }
        assert_eq!(restored.recompute, if means == Means::Swap { 0..0 } else { 8..10 });
        assert_eq!(pages(&kv, a)[..2], pages(&kv, b)[..2]);
        kv.recomputed(a, 10).unwrap();
        finish(kv, &[a, b]);
    }
}

#[test]
fn two_tables_that_are_computed_again_at_once_end_with_the_same_pages() {
    let mut kv = Kv::new(6, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    fill(&mut kv, b, &PROMPT);
    kv.suspend(a, Means::Recompute).unwrap();
    kv.suspend(b, Means::Recompute).unwrap();
    assert_eq!(kv.free_pages(), 6);
    kv.restore(a).unwrap();
    kv.restore(b).unwrap();
    assert_eq!(kv.free_pages(), 0);
    kv.recomputed(a, 10).unwrap();
    kv.recomputed(b, 10).unwrap();
    assert_eq!(pages(&kv, a)[..2], pages(&kv, b)[..2]);
    assert_eq!(kv.free_pages(), 2);
    finish(kv, &[a, b]);
}

#[test]
fn slots_that_wait_for_the_model_stay_claimed() {
    let mut kv = Kv::new(3, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT[..3]);
    kv.reserve(table, 2).unwrap();
    let waiting = claim(&mut kv, table, &PROMPT[3..]).unwrap();
    kv.suspend(table, Means::Recompute).unwrap();
    assert_eq!(kv.counts(table).unwrap().pending_tokens, 7);
    assert_eq!(kv.restore(table).unwrap().recompute, 0..3);
    kv.recomputed(table, 3).unwrap();
    kv.written(table, waiting.end()).unwrap();
    assert_eq!(kv.check(), []);
    let other = kv.create();
    kv.destroy(table).unwrap();
    assert_eq!(changes(&mut kv).len(), 6, "each page is cleared once for each time it was used");
    finish(kv, &[other]);
}

#[test]
fn a_pass_that_fails_while_its_past_is_computed_again_gives_its_slots_back() {
    let mut kv = Kv::new(3, 4);
    let table = kv.create();
    kv.reserve(table, 3).unwrap();
    fill(&mut kv, table, &PROMPT[..3]);
    let failing = claim(&mut kv, table, &PROMPT[3..]).unwrap();
    kv.written(table, 8).unwrap();
    kv.suspend(table, Means::Recompute).unwrap();
    assert_eq!(kv.restore(table).unwrap().recompute, 0..8);
    kv.recomputed(table, 2).unwrap();
    kv.abandon(table, failing.start).unwrap();
    assert_eq!((kv.counts(table).unwrap().tokens, kv.check()), (3, vec![]));
    assert_eq!(kv.truncate(table, 1), Err(KvError::Busy { pending: 1 }));
    // The model may have been at it already, and come further than there is to go.
    kv.recomputed(table, 8).unwrap();
    assert_eq!(kv.truncate(table, 1), Ok(1));
    finish(kv, &[table]);
}

#[test]
fn a_restoration_without_room_changes_nothing() {
    let mut kv = Kv::new(3, 4);
    let (table, other) = (kv.create(), kv.create());
    fill(&mut kv, table, &PROMPT);
    kv.suspend(table, Means::Swap).unwrap();
    kv.reserve(other, 1).unwrap();
    changes(&mut kv);
    assert_eq!(kv.restore(table), Err(KvError::OutOfPages { needed: 3, free: 2, capacity: 3 }));
    assert_eq!((changes(&mut kv), kv.is_suspended(table)), (vec![], Ok(true)));
    kv.release(other, 1).unwrap();
    kv.restore(table).unwrap();
    finish(kv, &[table, other]);
}

#[test]
fn a_suspended_table_that_ends_is_forgotten_outside_too() {
    let mut kv = Kv::new(3, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT[..4]);
    kv.suspend(table, Means::Swap).unwrap();
    changes(&mut kv);
    kv.destroy(table).unwrap();
    assert_eq!(changes(&mut kv), [StoreChange::SwapDrop(SwapId(1))]);
    finish(kv, &[]);
}

#[test]
fn what_needs_its_content_cannot_be_done_to_a_suspended_table() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT[..4]);
    assert_eq!(kv.restore(table), Err(KvError::Resident(table)));
    kv.suspend(table, Means::Recompute).unwrap();
    let suspended = KvError::Suspended(table);
    assert_eq!(kv.suspend(table, Means::Swap), Err(suspended));
    assert_eq!(kv.fork(table), Err(suspended));
    assert_eq!(kv.truncate(table, 1), Err(suspended));
    assert_eq!(kv.written(table, 4), Err(suspended));
    assert_eq!(kv.recomputed(table, 4), Err(suspended));
    assert_eq!(kv.pages(table), Err(suspended));
    assert_eq!(suspended.to_string(), "table 0.0 is suspended");
    finish(kv, &[table]);
}

#[test]
fn a_suspended_table_grows_and_shrinks_as_if_it_had_its_pages() {
    for means in [Means::Recompute, Means::Swap] {
        let mut kv = Kv::new(4, 4);
        let table = kv.create();
        fill(&mut kv, table, &PROMPT[..6]);
        kv.suspend(table, means).unwrap();
        assert_eq!(kv.is_ready(table), Ok(false));
        let none = KvError::OutOfPages { needed: 5, free: 4, capacity: 4 };
        assert_eq!(kv.reserve(table, 3), Err(none), "more than there are");
        kv.reserve(table, 2).unwrap();
        assert_eq!(kv.release(table, 9), Ok(2));
        kv.reserve(table, 1).unwrap();
        let claimed = claim(&mut kv, table, &PROMPT[6..]).unwrap();
        assert_eq!((claimed.start, claimed.len, claimed.reused), (6, 4, 0));
        assert_eq!(kv.claim_pages(table, 2), Ok(0));
        kv.commit(table, 2).unwrap();
        assert_eq!((kv.check(), kv.free_pages()), (vec![], 4));

        let restored = kv.restore(table).unwrap();
        assert_eq!(restored.tokens.len(), if means == Means::Swap { 0 } else { 6 });
        kv.recomputed(table, 6).unwrap();
        assert_eq!(kv.is_ready(table), Ok(true));
        kv.written(table, claimed.end()).unwrap();
        let counts = kv.counts(table).unwrap();
        assert_eq!((counts.tokens, counts.committed_pages, counts.working_pages), (10, 2, 1));
        assert_eq!((kv.tokens(table, 0).unwrap(), kv.check()), (PROMPT.to_vec(), vec![]));
        finish(kv, &[table]);
    }
}

#[test]
fn a_pass_that_fails_while_its_table_is_away_gives_its_slots_back() {
    for means in [Means::Recompute, Means::Swap] {
        let mut kv = Kv::new(3, 4);
        let table = kv.create();
        kv.reserve(table, 3).unwrap();
        fill(&mut kv, table, &PROMPT[..3]);
        let failing = claim(&mut kv, table, &PROMPT[3..]).unwrap();
        kv.written(table, 6).unwrap();
        kv.suspend(table, means).unwrap();
        kv.abandon(table, failing.start).unwrap();
        assert_eq!((kv.counts(table).unwrap().tokens, kv.check()), (3, vec![]));
        kv.restore(table).unwrap();
        kv.recomputed(table, 3).unwrap();
        assert_eq!((kv.tokens(table, 0).unwrap(), kv.check()), (PROMPT[..3].to_vec(), vec![]));
        finish(kv, &[table]);
    }
}

#[test]
fn the_tokens_of_a_table_can_be_read_while_it_is_away() {
    let mut kv = Kv::new(3, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT[..3]);
    kv.reserve(table, 2).unwrap();
    claim(&mut kv, table, &PROMPT[3..]).unwrap();
    for round in 0..3 {
        for first in 0..=10 {
            let expected = &PROMPT[first as usize..];
            assert_eq!(kv.tokens(table, first).unwrap(), expected, "from {first} in round {round}");
        }
        assert_eq!(kv.tokens(table, 99), Ok(vec![]));
        match round {
            0 => drop(kv.suspend(table, Means::Recompute).unwrap()),
            _ => drop(kv.restore(table)),
        }
    }
    let empty = kv.create();
    assert_eq!(kv.tokens(empty, 0), Ok(vec![]));
    finish(kv, &[table, empty]);
}

#[test]
fn an_empty_table_can_be_suspended() {
    let mut kv = Kv::new(2, 4);
    let table = kv.create();
    kv.reserve(table, 1).unwrap();
    assert_eq!(kv.suspend(table, Means::Swap), Ok(Suspended { pages: 1, freed: 1, swapped: 0 }));
    assert_eq!(kv.restore(table), Ok(Restored { recompute: 0..0, tokens: vec![], shared: 0, swapped: 0 }));
    assert_eq!(kv.counts(table).unwrap().working_pages, 1);
    finish(kv, &[table]);
}
