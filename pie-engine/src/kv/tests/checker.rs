//! Each kind of finding, provoked by damage.

use super::super::Finding;
use super::*;

fn filled() -> (Kv, TableId) {
    let mut kv = Kv::new(8, 4);
    let table = kv.create();
    fill(&mut kv, table, &[1, 2, 3, 4, 5]);
    assert_eq!(kv.check(), []);
    (kv, table)
}

fn texts(findings: Vec<Finding>) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_hold_too_many_is_found() {
    let (mut kv, _) = filled();
    kv.pool.hold(PageId(1));
    assert_eq!(texts(kv.check()), ["page 1 counts 2 holders, but 1 name it"]);
}

#[test]
fn a_use_after_release_is_found() {
    let (mut kv, _) = filled();
    kv.pool.release(PageId(1));
    let expected = ["table 0.0 uses page 1, which was released", "page 1 counts 0 holders, but 1 name it"];
    assert_eq!(texts(kv.check()), expected);
}

#[test]
fn a_page_that_is_lost_to_the_pool_is_found() {
    let (mut kv, table) = filled();
    kv.reserve(table, 1).unwrap();
    kv.release(table, 1).unwrap();
    kv.pool.lose_free_page();
    assert_eq!(texts(kv.check()), ["page 2 is 0 times among the free pages and has 0 holders"]);
}

#[test]
fn counts_that_contradict_each_other_are_found() {
    let (mut kv, table) = filled();
    kv.tables.get_mut(table).unwrap().committed = 2;
    let expected = ["table 0.0 has 2 committed of 2 pages for 5 tokens, 5 written and 5 plain"];
    assert_eq!(texts(kv.check()), expected);
}

#[test]
fn a_segment_held_once_too_often_is_found() {
    let (mut kv, table) = filled();
    kv.fork(table).unwrap();
    let trunk = kv.tables.get(table).unwrap().list.trunk().unwrap();
    kv.segments.hold_first(trunk, 1);
    assert_eq!(texts(kv.check()), ["shared pages from 0 to 1 count 3 holders, but 2 use them"]);
}

#[test]
fn a_table_that_lost_its_shared_part_is_found() {
    let (mut kv, table) = filled();
    kv.fork(table).unwrap();
    kv.tables.get_mut(table).unwrap().list.tear();
    let findings = texts(kv.check());
    assert!(findings.contains(&"the shared and the own pages of table 0.0 do not fit together".to_owned()));
}

#[test]
fn an_entry_for_other_tokens_is_found() {
    let (mut kv, _) = filled();
    kv.pool.set_tokens(PageId(0), 2, &[99]);
    assert_eq!(
        texts(kv.check()),
        ["the prefix table leads to page 0 for tokens that are not published there"]
    );
}

#[test]
fn a_plain_page_that_is_not_published_is_found() {
    let (mut kv, _) = filled();
    kv.pool.unpublish(PageId(0));
    assert_eq!(texts(kv.check()), ["page 0 of table 0.0 is full and plain, but not in the prefix table"]);
}

#[test]
fn a_suspended_table_that_holds_a_page_is_found() {
    let (mut kv, table) = filled();
    kv.suspend(table, Means::Recompute).unwrap();
    let page = kv.pool.take().unwrap();
    kv.tables.get_mut(table).unwrap().list.push(page);
    assert_eq!(texts(kv.check()), ["table 0.0 is suspended with 1 pages and knows 5 of 5 tokens"]);
}

#[test]
fn a_suspended_table_that_forgot_tokens_is_found() {
    let (mut kv, table) = filled();
    kv.suspend(table, Means::Recompute).unwrap();
    kv.tables.get_mut(table).unwrap().image.as_mut().unwrap().tokens.pop();
    assert_eq!(texts(kv.check()), ["table 0.0 is suspended with 0 pages and knows 4 of 5 tokens"]);
}

#[test]
fn content_that_is_kept_for_nobody_is_found() {
    let (mut kv, table) = filled();
    kv.suspend(table, Means::Swap).unwrap();
    kv.tables.get_mut(table).unwrap().image.as_mut().unwrap().swapped.pop();
    let expected = ["swap 2 is kept 1 times outside of the store and 0 suspended pages name it"];
    assert_eq!(texts(kv.check()), expected);
}

#[test]
fn content_that_a_suspended_table_lost_is_found() {
    let (mut kv, table) = filled();
    kv.suspend(table, Means::Swap).unwrap();
    kv.pool.swap_drop(SwapId(1));
    let expected = ["swap 1 is kept 0 times outside of the store and 1 suspended pages name it"];
    assert_eq!(texts(kv.check()), expected);
}

#[test]
fn slots_to_be_computed_again_that_were_never_written_are_found() {
    let (mut kv, table) = filled();
    kv.tables.get_mut(table).unwrap().missing = 4..6;
    let expected = ["table 0.0 has 0 committed of 2 pages for 5 tokens, 5 written and 5 plain"];
    assert_eq!(texts(kv.check()), expected);
}

#[test]
fn a_suspended_table_that_nobody_can_use_is_a_leak() {
    let (mut kv, table) = filled();
    kv.suspend(table, Means::Recompute).unwrap();
    assert_eq!(texts(kv.leaks(vec![])), ["table 0.0 was left behind with 2 pages"]);
}

#[test]
fn a_table_that_nobody_can_use_is_a_leak() {
    let (mut kv, table) = filled();
    let other = kv.create();
    assert_eq!(kv.leaks(vec![table, other]), []);
    assert_eq!(texts(kv.leaks(vec![other])), ["table 0.0 was left behind with 2 pages"]);
}
