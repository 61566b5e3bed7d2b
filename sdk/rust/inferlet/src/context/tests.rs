//! Contexts over the engine in memory, whose pages have four slots.

use super::*;
use crate::bindings::token_of;
use crate::executor::block_on;

fn context() -> Context {
    Context::new(&Model::load("default").unwrap()).unwrap()
}

fn flush(ctx: &mut Context) {
    block_on(ctx.flush()).unwrap().unwrap();
}

#[test]
fn a_flush_reserves_the_pages_it_needs_and_commits_those_it_fills() {
    let mut ctx = context();
    ctx.append(&[1, 2, 3]);
    flush(&mut ctx);
    assert_eq!((ctx.inner().committed_page_count(), ctx.inner().working_page_count()), (0, 1));
    ctx.append(&[4]);
    flush(&mut ctx);
    assert_eq!((ctx.inner().committed_page_count(), ctx.inner().working_page_count()), (1, 0));
    ctx.append(&[5; 9]);
    flush(&mut ctx);
    assert_eq!((ctx.inner().committed_page_count(), ctx.inner().working_page_count()), (3, 1));
    assert_eq!(ctx.seq_len(), 13);
}

#[test]
fn flushing_in_pieces_gives_the_same_sequence_and_positions_as_at_once() {
    let (mut pieces, mut whole) = (context(), context());
    for token in 0..11 {
        pieces.append(&[token]);
        flush(&mut pieces);
        whole.append(&[token]);
    }
    flush(&mut whole);
    let slots = |ctx: &Context| -> Vec<(u32, u32)> {
        ctx.inner().state().slots.iter().map(|slot| (slot.token, slot.position)).collect()
    };
    assert_eq!(slots(&pieces), slots(&whole));
    assert_eq!(slots(&whole)[10], (10, 10));
}

#[test]
fn cueing_twice_is_cueing_once() {
    let mut ctx = context();
    ctx.user("hi").cue().cue();
    let once = ctx.buffer().to_vec();
    ctx.cue();
    assert_eq!(ctx.buffer(), once);
    ctx.append(&[1]).cue();
    assert_eq!(ctx.buffer().len(), once.len() + 2);
}

#[test]
fn a_fork_has_the_same_sequence_and_buffer_and_then_goes_its_own_way() {
    let mut ctx = context();
    ctx.append(&[1, 2, 3, 4, 5]);
    flush(&mut ctx);
    ctx.append(&[6]);
    let mut fork = ctx.fork().unwrap();
    assert_eq!((fork.seq_len(), fork.buffer()), (5, &[6][..]));
    flush(&mut fork);
    assert_eq!((ctx.seq_len(), ctx.buffer()), (5, &[6][..]));
}

#[test]
fn saving_loses_no_buffered_token() {
    let mut ctx = context();
    ctx.append(&[7, 8, 9]);
    ctx.save("saving-loses-nothing").unwrap();
    assert!(ctx.buffer().is_empty());
    let opened = Context::open(ctx.model(), "saving-loses-nothing").unwrap();
    assert_eq!(opened.inner().tokens(), [7, 8, 9]);
    let taken = Context::take(ctx.model(), "saving-loses-nothing").unwrap();
    assert_eq!(taken.seq_len(), 3);
    assert!(Context::open(ctx.model(), "saving-loses-nothing").is_err());
}

#[test]
fn truncation_stops_at_committed_pages() {
    let mut ctx = context();
    ctx.append(&[1, 2, 3, 4, 5, 6]);
    flush(&mut ctx);
    ctx.append(&[7]);
    assert!(ctx.truncate(3).unwrap_err().contains("2 are in working pages"));
    ctx.truncate(2).unwrap();
    assert_eq!((ctx.inner().tokens(), ctx.buffer()), (vec![1, 2, 3, 4], &[7][..]));
}

#[test]
fn a_pass_that_is_refused_leaves_buffer_and_pages_as_they_were() {
    let mut ctx = context();
    let mut fwd = ctx.forward();
    fwd.input(&[1, 2]);
    fwd.sample(&[2], Sampler::Argmax);
    assert!(block_on(fwd.execute()).unwrap().unwrap_err().contains("index 2"));
    assert_eq!((ctx.seq_len(), ctx.inner().working_page_count()), (0, 0));
}

#[test]
fn buffered_tokens_come_before_a_pass_and_can_be_fed_by_it() {
    let mut ctx = context();
    ctx.append(&[token_of('a'), token_of('b')]);
    assert!(block_on(ctx.forward().execute()).unwrap().unwrap_err().contains("take_buffer"));
    let pending = ctx.take_buffer();
    let mut fwd = ctx.forward();
    assert_eq!((fwd.start_position(), fwd.page_size()), (0, 4));
    fwd.input(&pending);
    let handle = fwd.sample(&[0, 1], Sampler::Argmax);
    let out = block_on(fwd.execute()).unwrap().unwrap();
    assert_eq!(out.tokens_at(handle).len(), 2);
    assert!(out.tokens.is_empty() && out.auto_sampler().is_none());
    assert_eq!(ctx.forward().start_position(), 2);
}

#[test]
fn input_after_explicit_positions_goes_on_from_the_last_one() {
    let mut ctx = context();
    let mut fwd = ctx.forward();
    fwd.input(&[1]).input_at(&[2, 3], &[10, 20]).input(&[4]);
    block_on(fwd.execute()).unwrap().unwrap();
    let positions: Vec<u32> = ctx.inner().state().slots.iter().map(|slot| slot.position).collect();
    assert_eq!(positions, [0, 10, 20, 21]);
}

#[test]
fn an_idle_context_bids_nothing_and_then_what_it_bid_before() {
    let ctx = context();
    ctx.set_bid(2.5);
    drop(ctx.idle());
    assert_eq!(ctx.inner().state().bids, [2.5, 0.0, 2.5]);
}
