use super::*;

const PROMPT: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

#[test]
fn the_same_prompt_is_found_page_by_page() {
    let mut kv = Kv::new(8, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    let claim = fill(&mut kv, b, &PROMPT);
    assert_eq!(claim, Claim { start: 0, len: 10, reused: 8 });
    assert_eq!(pages(&kv, a)[..2], pages(&kv, b)[..2]);
    assert_eq!(kv.counts(a), kv.counts(b));
    assert_eq!(kv.free_pages(), 4);
    finish(kv, &[a, b]);
}

#[test]
fn reserved_pages_that_a_hit_replaces_go_back_uncleared() {
    let mut kv = Kv::new(8, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    kv.reserve(b, 4).unwrap();
    assert_eq!(kv.free_pages(), 1);
    claim(&mut kv, b, &PROMPT).unwrap();
    assert_eq!((kv.free_pages(), kv.counts(b).unwrap().working_pages), (3, 4));
    assert_eq!(changes(&mut kv), []);
    kv.written(b, 10).unwrap();
    finish(kv, &[a, b]);
}

#[test]
fn a_wanted_token_is_computed() {
    let mut kv = Kv::new(16, 4);
    let (a, b, c, d) = (kv.create(), kv.create(), kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT[..8]);
    assert_eq!(fill(&mut kv, b, &PROMPT[..8]).reused, 4);

    kv.reserve(c, 2).unwrap();
    let positions: Vec<u32> = (0..8).collect();
    let input = Input { tokens: &PROMPT[..8], positions: &positions, plain: true, wanted_from: 3 };
    assert_eq!(kv.claim(c, input).unwrap().reused, 0);

    kv.reserve(d, 2).unwrap();
    let all = Input { wanted_from: 8, ..input };
    assert_eq!(kv.claim(d, all), Ok(Claim { start: 0, len: 8, reused: 8 }));
    assert_eq!(kv.counts(d).unwrap().pending_tokens, 0);
    finish(kv, &[a, b, c, d]);
}

#[test]
fn a_page_that_is_partly_filled_is_found_too() {
    let mut kv = Kv::new(8, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    fill(&mut kv, b, &PROMPT[..3]);
    let claim = fill(&mut kv, b, &PROMPT[3..]);
    assert_eq!(claim, Claim { start: 3, len: 7, reused: 5 });
    finish(kv, &[a, b]);
}

#[test]
fn the_same_page_after_another_past_is_not_the_same() {
    let mut kv = Kv::new(8, 2);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &[1, 2, 3, 4, 5]);
    assert_eq!(fill(&mut kv, b, &[9, 2, 3, 4, 5]).reused, 0);
    finish(kv, &[a, b]);
}

#[test]
fn nothing_is_shared_behind_masks_adapters_or_chosen_positions() {
    let mut kv = Kv::new(16, 2);
    let (a, b, c) = (kv.create(), kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);

    kv.reserve(b, 5).unwrap();
    let positions: Vec<u32> = (0..10).collect();
    let masked = Input { tokens: &PROMPT, positions: &positions, plain: false, wanted_from: 9 };
    assert_eq!(kv.claim(b, masked).unwrap().reused, 0);
    kv.written(b, 10).unwrap();

    kv.reserve(c, 5).unwrap();
    let positions = [0, 1, 2, 3, 4, 5, 6, 7, 8, 8];
    let chosen = Input { tokens: &PROMPT, positions: &positions, plain: true, wanted_from: 9 };
    assert_eq!(kv.claim(c, chosen).unwrap().reused, 0);
    kv.written(c, 10).unwrap();

    kv.destroy(a).unwrap();
    let d = kv.create();
    assert_eq!(fill(&mut kv, d, &PROMPT).reused, 0);
    finish(kv, &[b, c, d]);
}

#[test]
fn a_context_is_shared_again_after_its_masked_end_is_cut_off() {
    let mut kv = Kv::new(16, 2);
    let (a, b) = (kv.create(), kv.create());
    kv.reserve(a, 3).unwrap();
    fill(&mut kv, a, &[1, 2, 3]);
    let masked = Input { tokens: &[4, 5], positions: &[3, 4], plain: false, wanted_from: 1 };
    kv.claim(a, masked).unwrap();
    kv.written(a, 5).unwrap();
    kv.truncate(a, 2).unwrap();
    fill(&mut kv, a, &[4, 5]);
    assert_eq!(fill(&mut kv, b, &[1, 2, 3, 4, 5]).reused, 4);
    finish(kv, &[a, b]);
}

#[test]
fn unwritten_pages_are_not_found() {
    let mut kv = Kv::new(16, 4);
    let (a, b) = (kv.create(), kv.create());
    kv.reserve(a, 3).unwrap();
    claim(&mut kv, a, &PROMPT).unwrap();
    kv.written(a, 4).unwrap();
    assert_eq!(fill(&mut kv, b, &PROMPT).reused, 4);
    finish(kv, &[a, b]);
}

#[test]
fn an_entry_ends_with_the_last_holder_of_its_page() {
    let mut kv = Kv::new(16, 4);
    let (a, b, c) = (kv.create(), kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    fill(&mut kv, b, &PROMPT);
    kv.destroy(a).unwrap();
    assert_eq!(fill(&mut kv, c, &PROMPT).reused, 8);
    kv.destroy(b).unwrap();
    kv.destroy(c).unwrap();
    let d = kv.create();
    assert_eq!(fill(&mut kv, d, &PROMPT).reused, 0);
    finish(kv, &[d]);
}

#[test]
fn a_prompt_computed_twice_at_once_is_kept_once() {
    let mut kv = Kv::new(16, 4);
    let (a, b) = (kv.create(), kv.create());
    for table in [a, b] {
        kv.reserve(table, 3).unwrap();
        assert_eq!(claim(&mut kv, table, &PROMPT).unwrap().reused, 0);
    }
    kv.written(a, 10).unwrap();
    kv.written(b, 10).unwrap();
    assert_eq!((pages(&kv, a), pages(&kv, b)), (vec![0, 1, 2], vec![0, 1, 5]));
    assert_eq!(changes(&mut kv), [StoreChange::Clear(PageId(3)), StoreChange::Clear(PageId(4))]);
    finish(kv, &[a, b]);
}

#[test]
fn an_overwritten_page_is_no_longer_found() {
    let mut kv = Kv::new(16, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    kv.truncate(a, 8).unwrap();
    fill(&mut kv, a, &[30, 40, 50, 60]);
    assert_eq!(fill(&mut kv, b, &PROMPT).reused, 0);
    finish(kv, &[a, b]);
}

#[test]
fn going_on_with_the_tokens_that_were_cut_off_needs_no_computation() {
    let mut kv = Kv::new(16, 4);
    let table = kv.create();
    fill(&mut kv, table, &PROMPT);
    kv.truncate(table, 7).unwrap();
    assert_eq!(fill(&mut kv, table, &PROMPT[3..]).reused, 5);
    finish(kv, &[table]);
}

#[test]
fn a_failed_pass_gives_up_what_it_reused() {
    let mut kv = Kv::new(16, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    kv.reserve(b, 3).unwrap();
    fill(&mut kv, b, &PROMPT[..2]);
    let failed = claim(&mut kv, b, &PROMPT[2..]).unwrap();
    assert_eq!(failed.reused, 6);
    kv.abandon(b, failed.start).unwrap();
    let counts = kv.counts(b).unwrap();
    assert_eq!((counts.tokens, counts.pending_tokens, counts.working_pages), (2, 0, 3));
    fill(&mut kv, b, &[70, 80]);
    assert_eq!(pages(&kv, a), [0, 1, 2]);
    finish(kv, &[a, b]);
}

#[test]
fn a_hit_makes_room_for_a_copy_in_the_same_claim() {
    let mut kv = Kv::new(3, 2);
    let a = kv.create();
    fill(&mut kv, a, &[1, 2, 3, 4]);
    // The fork has a page of its own and one that is shared and empty. No page is free.
    let b = kv.fork(a).unwrap();
    kv.truncate(b, 4).unwrap();
    fill(&mut kv, b, &[9, 9]);
    kv.truncate(b, 2).unwrap();
    assert_eq!((pages(&kv, b), kv.free_pages()), (vec![2, 1], 0));

    let error = claim(&mut kv, b, &[9, 9, 9]);
    assert_eq!(error, Err(KvError::OutOfPages { needed: 1, free: 0, capacity: 3 }));
    assert_eq!(claim(&mut kv, b, &[1, 2, 9]), Ok(Claim { start: 0, len: 3, reused: 2 }));
    assert_eq!(pages(&kv, b), [0, 2]);
    kv.written(b, 3).unwrap();
    finish(kv, &[a, b]);
}

#[test]
fn nothing_is_reused_behind_slots_that_are_not_written() {
    let mut kv = Kv::new(16, 4);
    let (a, b) = (kv.create(), kv.create());
    fill(&mut kv, a, &PROMPT);
    kv.reserve(b, 3).unwrap();
    claim(&mut kv, b, &PROMPT[..2]).unwrap();
    assert_eq!(claim(&mut kv, b, &PROMPT[2..]).unwrap().reused, 0);
    assert_eq!(pages(&kv, b), [3, 4, 5]);
    kv.written(b, 10).unwrap();
    assert_eq!(pages(&kv, b), [0, 1, 5]);
    finish(kv, &[a, b]);
}
