use super::super::Counts;
use super::*;

#[test]
fn a_new_table_holds_nothing() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    assert_eq!(kv.counts(table), Ok(Counts::default()));
    assert!(pages(&kv, table).is_empty());
    finish(kv, &[table]);
}

#[test]
fn reserving_more_than_is_free_says_how_much_there_is_and_takes_none() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 3).unwrap();
    let error = kv.reserve(table, 2).unwrap_err();
    assert_eq!(error, KvError::OutOfPages { needed: 2, free: 1, capacity: 4 });
    assert_eq!(error.to_string(), "2 pages are needed, but only 1 of 4 are free");
    assert_eq!(
        kv.reserve(table, u32::MAX),
        Err(KvError::OutOfPages { needed: u32::MAX, free: 1, capacity: 4 })
    );
    assert_eq!(pages(&kv, table), [0, 1, 2]);
    finish(kv, &[table]);
}

#[test]
fn the_lowest_free_page_goes_first() {
    let mut kv = Kv::new(8, 4);
    let (a, b, c) = (kv.create(), kv.create(), kv.create());
    kv.reserve(a, 2).unwrap();
    kv.reserve(b, 2).unwrap();
    kv.destroy(a).unwrap();
    kv.reserve(c, 3).unwrap();
    assert_eq!(pages(&kv, c), [0, 1, 4]);
    finish(kv, &[b, c]);
}

#[test]
fn a_claim_that_does_not_fit_says_what_is_reserved_and_used() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 2).unwrap();
    claim(&mut kv, table, &[1, 2, 3]).unwrap();
    let error = claim(&mut kv, table, &[4, 5, 6, 7, 8, 9]).unwrap_err();
    assert_eq!(error, KvError::NotReserved { reserved: 8, used: 3, needed: 6 });
    assert_eq!(error.to_string(), "6 slots are needed, but 3 of the 8 reserved ones are used");
    assert_eq!(kv.counts(table).unwrap().tokens, 3);
    finish(kv, &[table]);
}

#[test]
fn a_claim_needs_a_position_for_each_token() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 1).unwrap();
    let input = Input { tokens: &[1, 2], positions: &[0], plain: true, wanted_from: 1 };
    assert_eq!(kv.claim(table, input), Err(KvError::Positions { tokens: 2, positions: 1 }));
    finish(kv, &[table]);
}

#[test]
fn only_full_pages_are_committed() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 3).unwrap();
    claim(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7]).unwrap();
    assert_eq!(kv.commit(table, 2), Err(KvError::NotFull { asked: 2, full: 1 }));
    kv.commit(table, 1).unwrap();
    assert_eq!(kv.commit(table, 1), Err(KvError::NotFull { asked: 1, full: 0 }));
    let counts = kv.counts(table).unwrap();
    assert_eq!((counts.committed_pages, counts.working_pages, counts.working_tokens), (1, 2, 3));
    finish(kv, &[table]);
}

#[test]
fn truncation_stops_at_committed_pages_and_keeps_the_reservation() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6]);
    kv.commit(table, 1).unwrap();
    assert_eq!(kv.truncate(table, u32::MAX), Ok(2));
    let counts = kv.counts(table).unwrap();
    assert_eq!((counts.committed_pages, counts.working_pages, counts.working_tokens), (1, 1, 0));
    finish(kv, &[table]);
}

#[test]
fn only_empty_pages_at_the_end_are_released() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    kv.reserve(table, 5).unwrap();
    claim(&mut kv, table, &[1, 2, 3, 4, 5]).unwrap();
    assert_eq!(kv.release(table, 1), Ok(1));
    assert_eq!(kv.release(table, u32::MAX), Ok(2));
    assert_eq!(kv.release(table, 1), Ok(0));
    assert_eq!(pages(&kv, table), [0, 1]);
    finish(kv, &[table]);
}

#[test]
fn a_failed_pass_gives_its_slots_back_and_those_of_later_passes() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 3).unwrap();
    let first = claim(&mut kv, table, &[1, 2]).unwrap();
    let second = claim(&mut kv, table, &[3, 4, 5]).unwrap();
    claim(&mut kv, table, &[6, 7, 8]).unwrap();
    kv.commit(table, 2).unwrap();
    kv.written(table, first.end()).unwrap();
    kv.abandon(table, second.start).unwrap();
    let counts = kv.counts(table).unwrap();
    assert_eq!((counts.tokens, counts.pending_tokens), (2, 0));
    assert_eq!((counts.committed_pages, counts.working_pages), (0, 3));
    finish(kv, &[table]);
}

#[test]
fn truncating_and_forking_wait_for_passes_under_way() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    kv.reserve(table, 1).unwrap();
    claim(&mut kv, table, &[1, 2]).unwrap();
    assert_eq!(kv.truncate(table, 1), Err(KvError::Busy { pending: 2 }));
    assert_eq!(kv.fork(table), Err(KvError::Busy { pending: 2 }));
    kv.written(table, 2).unwrap();
    assert_eq!(kv.truncate(table, 1), Ok(1));
    finish(kv, &[table]);
}

#[test]
fn a_destroyed_table_is_gone_even_if_another_took_its_place() {
    let mut kv = Kv::new(4, 4);
    let old = kv.create();
    kv.destroy(old).unwrap();
    let new = kv.create();
    assert_ne!(old.as_u64(), new.as_u64());
    assert_eq!(kv.destroy(old), Err(KvError::Gone(old)));
    assert_eq!(kv.reserve(old, 1), Err(KvError::Gone(old)));
    assert_eq!(kv.counts(old), Err(KvError::Gone(old)));
    assert_eq!(kv.table_count(), 1);
    finish(kv, &[new]);
}

#[test]
fn a_page_is_cleared_when_it_becomes_free_if_anything_was_written_to_it() {
    let mut kv = Kv::new(4, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5]);
    kv.reserve(table, 1).unwrap();
    kv.destroy(table).unwrap();
    assert_eq!(changes(&mut kv), [StoreChange::Clear(PageId(0)), StoreChange::Clear(PageId(1))]);
    assert_eq!(changes(&mut kv), []);
    finish(kv, &[]);
}
