use super::*;

#[test]
fn a_fork_shares_full_pages_and_copies_the_partial_one() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6]);
    kv.commit(table, 1).unwrap();
    kv.reserve(table, 1).unwrap();
    let fork = kv.fork(table).unwrap();
    assert_eq!(pages(&kv, table), [0, 1, 2]);
    assert_eq!(pages(&kv, fork), [0, 3]);
    assert_eq!(changes(&mut kv), [StoreChange::Copy { from: PageId(1), to: PageId(3), slots: 2 }]);
    let counts = kv.counts(fork).unwrap();
    assert_eq!((counts.committed_pages, counts.working_pages, counts.working_tokens), (1, 1, 2));
    finish(kv, &[table, fork]);
}

#[test]
fn a_fork_of_whole_pages_needs_no_page() {
    let mut kv = Kv::new(2, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let fork = kv.fork(table).unwrap();
    let forks_fork = kv.fork(fork).unwrap();
    assert_eq!(pages(&kv, forks_fork), [0, 1]);
    assert_eq!(changes(&mut kv), []);
    finish(kv, &[table, fork, forks_fork]);
}

#[test]
fn a_fork_fails_without_a_page_for_the_copy() {
    let mut kv = Kv::new(2, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5]);
    assert_eq!(kv.fork(table), Err(KvError::OutOfPages { needed: 1, free: 0, capacity: 2 }));
    assert_eq!(kv.table_count(), 1);
    finish(kv, &[table]);
}

#[test]
fn a_thousand_forks_cost_their_partial_pages_and_give_all_back() {
    let mut kv = Kv::new(1_101, 16);
    let table = kv.create();
    let tokens: Vec<u32> = (0..100 * 16 + 3).collect();
    fill(&mut kv, table, &tokens);
    let mut forks: Vec<TableId> = (0..1_000).map(|_| kv.fork(table).unwrap()).collect();
    assert_eq!(kv.free_pages(), 0);
    forks.push(table);
    finish(kv, &forks);
}

#[test]
fn shared_pages_outlive_the_original() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let fork = kv.fork(table).unwrap();
    kv.destroy(table).unwrap();
    assert_eq!(pages(&kv, fork), [0, 1]);
    assert_eq!(changes(&mut kv), []);
    kv.destroy(fork).unwrap();
    assert_eq!(changes(&mut kv), [StoreChange::Clear(PageId(0)), StoreChange::Clear(PageId(1))]);
    finish(kv, &[]);
}

#[test]
fn writing_to_a_shared_page_after_a_truncation_copies_what_is_left_of_it() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let fork = kv.fork(table).unwrap();
    assert_eq!(kv.truncate(fork, 3), Ok(3));
    assert_eq!(changes(&mut kv), []);
    fill(&mut kv, fork, &[9, 9]);
    assert_eq!(changes(&mut kv), [StoreChange::Copy { from: PageId(1), to: PageId(2), slots: 1 }]);
    assert_eq!(pages(&kv, table), [0, 1]);
    assert_eq!(pages(&kv, fork), [0, 2]);
    finish(kv, &[table, fork]);
}

#[test]
fn a_shared_page_that_was_truncated_to_nothing_is_replaced_without_a_copy() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let fork = kv.fork(table).unwrap();
    kv.truncate(fork, 8).unwrap();
    fill(&mut kv, fork, &[9, 9]);
    assert_eq!(changes(&mut kv), []);
    assert_eq!(pages(&kv, fork), [2, 1]);
    finish(kv, &[table, fork]);
}

#[test]
fn a_copy_on_write_without_a_free_page_changes_nothing() {
    let mut kv = Kv::new(2, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let fork = kv.fork(table).unwrap();
    kv.truncate(fork, 3).unwrap();
    let before = kv.counts(fork);
    let error = claim(&mut kv, fork, &[9, 9]);
    assert_eq!(error, Err(KvError::OutOfPages { needed: 1, free: 0, capacity: 2 }));
    assert_eq!(kv.counts(fork), before);
    kv.destroy(table).unwrap();
    claim(&mut kv, fork, &[9, 9]).unwrap();
    assert_eq!(changes(&mut kv), []);
    finish(kv, &[fork]);
}

#[test]
fn what_a_fork_gave_up_is_free_when_the_original_ends() {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    let tokens: Vec<u32> = (0..32).collect();
    fill(&mut kv, table, &tokens);
    let fork = kv.fork(table).unwrap();
    kv.truncate(fork, 27).unwrap();
    assert_eq!(kv.release(fork, 8), Ok(6));
    assert_eq!(pages(&kv, fork), [0, 1]);
    kv.destroy(table).unwrap();
    assert_eq!(kv.free_pages(), 6);
    finish(kv, &[fork]);
}

#[test]
fn a_long_line_of_forks_keeps_its_order_and_is_given_back() {
    let mut kv = Kv::new(2_000, 1);
    let mut table = kv.create();
    let mut siblings = Vec::new();
    for token in 0..2_000 {
        fill(&mut kv, table, &[token]);
        siblings.push(kv.fork(table).unwrap());
        let fork = kv.fork(table).unwrap();
        kv.destroy(std::mem::replace(&mut table, fork)).unwrap();
    }
    assert!(pages(&kv, table).into_iter().eq(0..2_000));
    assert!(pages(&kv, siblings[999]).into_iter().eq(0..1_000));
    siblings.push(table);
    assert_eq!((kv.check(), kv.leaks(siblings.clone())), (vec![], vec![]));
    for sibling in siblings {
        kv.destroy(sibling).unwrap();
    }
    finish(kv, &[]);
}
