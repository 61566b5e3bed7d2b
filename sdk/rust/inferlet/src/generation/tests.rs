//! Generation over the engine in memory, whose model's choice depends on all tokens and positions that it sees.

use super::*;
use crate::bindings::{END, VOCABULARY, elapsed, token_of};
use crate::executor::block_on;
use crate::sample::Distribution;
use crate::{Model, brle};
use proptest::prelude::*;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

fn now<F: Future>(future: F) -> F::Output {
    block_on(future).expect("the program waits for passes only")
}

fn context(prompt: &str) -> Context {
    let model = Model::load("default").unwrap();
    let mut ctx = Context::new(&model).unwrap();
    ctx.user(prompt).cue();
    ctx
}

/// The whole sequence: what the model has seen, and what is buffered.
fn sequence(ctx: &Context) -> Vec<u32> {
    [&ctx.inner().tokens(), ctx.buffer()].concat()
}

fn tokens(ctx: &mut Context, set_up: impl FnOnce(Generator<'_>) -> Generator<'_>) -> Vec<u32> {
    now(set_up(ctx.generate(Sampler::Argmax)).collect_tokens()).unwrap()
}

/// Drafts what it is told to, at the right positions, and keeps the record that a speculator can rely on.
struct Script {
    drafts: Vec<Vec<u32>>,
    length: u32,
    /// Drafts of this step; none where it was not asked for any.
    open: Option<usize>,
}

impl Script {
    fn new(ctx: &Context, drafts: &[Vec<u32>]) -> Self {
        Script { drafts: drafts.to_vec(), length: sequence(ctx).len() as u32, open: None }
    }
}

impl Speculator for Script {
    fn draft(&mut self) -> (Vec<u32>, Vec<u32>) {
        let drafts = if self.drafts.is_empty() { Vec::new() } else { self.drafts.remove(0) };
        self.open = Some(drafts.len());
        let positions = (self.length..).take(drafts.len()).collect();
        (drafts, positions)
    }

    fn accept(&mut self, accepted: &[u32]) {
        // Without drafts, a constraint may have forced any number.
        let open = self.open.take();
        assert!(open.is_none_or(|open| accepted.len() <= open + 1), "{accepted:?} behind {open:?} drafts");
        self.length += accepted.len() as u32;
    }

    fn rollback(&mut self, n: u32) {
        self.open = self.open.map(|open| open - n as usize);
    }
}

/// Allows the tokens of some letters at even places, and of others at odd ones. Records what it was told.
struct Letters {
    masks: [Vec<u32>; 2],
    told: Arc<Mutex<Vec<u32>>>,
}

impl Letters {
    fn new(letters: &str) -> Self {
        Self::alternating(letters, letters)
    }

    fn alternating(even: &str, odd: &str) -> Self {
        let mask = |letters: &str| {
            let ids: Vec<u32> = letters.chars().map(token_of).collect();
            brle::from_indices(&ids, VOCABULARY)
        };
        Letters { masks: [mask(even), mask(odd)], told: Arc::default() }
    }
}

impl Constrain for Letters {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        let mut told = self.told.lock().unwrap();
        told.extend(accepted);
        &self.masks[told.len() % 2]
    }
}

#[test]
fn accepted_tokens_are_part_of_the_context() {
    let mut ctx = context("abc");
    let before = sequence(&ctx);
    let generated = tokens(&mut ctx, |g| g.max_tokens(9));
    assert!(!generated.is_empty());
    assert_eq!(sequence(&ctx), [before, generated].concat());
}

#[test]
fn a_generation_can_be_continued() {
    let whole = tokens(&mut context("abc"), |g| g.max_tokens(10));
    let mut ctx = context("abc");
    let head = tokens(&mut ctx, |g| g.max_tokens(4));
    let tail = tokens(&mut ctx, |g| g.max_tokens(6));
    assert_eq!([head, tail].concat(), whole);
}

#[test]
fn the_text_is_that_of_the_tokens() {
    let generated = tokens(&mut context("abc"), |g| g);
    let text = now(context("abc").generate(Sampler::Argmax).collect_text()).unwrap();
    assert_eq!(text, Model::load("default").unwrap().tokenizer().decode(&generated).unwrap());
}

#[test]
fn a_stop_token_ends_it_and_is_left_to_the_caller() {
    let mut ctx = context("abc");
    let mut g = ctx.generate(Sampler::Argmax);
    let mut last = Vec::new();
    while let Some(step) = g.next().unwrap() {
        last = now(step.execute()).unwrap().tokens;
    }
    assert!(g.is_done() && last.is_empty());
    assert_eq!(g.stopped_by(), Some(END));
    assert!(!ctx.buffer().contains(&END));

    let all = tokens(&mut context("abc"), |g| g);
    let cut = tokens(&mut context("abc"), |g| g.stop(&[all[2]]));
    assert_eq!(cut, all[..2]);
}

#[test]
fn a_limit_of_zero_runs_no_pass() {
    let mut ctx = context("abc");
    assert!(tokens(&mut ctx, |g| g.max_tokens(0)).is_empty());
    assert_eq!(ctx.seq_len(), 0);
}

#[test]
fn without_any_token_there_is_nothing_to_predict_from() {
    let mut ctx = Context::new(&Model::load("default").unwrap()).unwrap();
    let error = now(ctx.generate(Sampler::Argmax).collect_tokens()).unwrap_err();
    assert!(error.contains("call `cue`"), "{error}");
}

#[test]
fn constraints_restrict_every_token() {
    let generated = tokens(&mut context("abc"), |g| g.max_tokens(12).constrain(Letters::new("abc")));
    assert_eq!(generated.len(), 12);
    let allowed: Vec<u32> = "abc".chars().map(token_of).collect();
    assert!(generated.iter().all(|token| allowed.contains(token)), "{generated:?}");

    let mut ctx = context("abc");
    let g = ctx
        .generate(Sampler::Argmax)
        .constrain_with(crate::Regex("ab"))
        .unwrap()
        .constrain(Letters::new("cd"));
    let error = now(g.collect_tokens()).unwrap_err();
    assert!(error.contains("no token") && error.contains("the grammar"), "{error}");
}

/// Forces the tokens of a text one by one where its letters are capitals; of the others, allows one or the next.
fn spelled(text: &str) -> impl Constrain + use<> {
    struct Spelled {
        masks: Vec<Vec<u32>>,
        told: usize,
    }
    impl Constrain for Spelled {
        fn step(&mut self, accepted: &[u32]) -> &[u32] {
            self.told += accepted.len();
            &self.masks[self.told.min(self.masks.len() - 1)]
        }
    }
    let mask = |letter: char| {
        let token = token_of(letter.to_ascii_lowercase());
        let allowed = if letter.is_uppercase() { vec![token] } else { vec![token, token + 1] };
        brle::from_indices(&allowed, VOCABULARY)
    };
    let end = brle::from_indices(&[END], VOCABULARY);
    Spelled { masks: text.chars().map(mask).chain([end]).collect(), told: 0 }
}

#[test]
fn tokens_that_are_the_only_ones_take_no_pass_and_change_nothing() {
    for (text, limit, passes) in [
        // The engine has to see one mask before their length is trusted.
        ("aBCDefGH", 99, 3),
        ("aBCDefGH", 3, 1),
        ("aBCDefGH", 5, 2),
        ("abcd", 99, 4),
        ("A", 99, 1),
    ] {
        let mut plain = context("abc");
        let mut g = plain.generate(Sampler::Argmax).max_tokens(limit).constrain(spelled(text));
        // A step that reads something has its pass.
        let entropy = g.probe_each_step(0, crate::sample::Entropy);
        let mut expected = Vec::new();
        while let Some(step) = g.next().unwrap() {
            let out = now(step.execute()).unwrap();
            assert_eq!(out.entropy(entropy), Some(0.5));
            expected.extend(out.tokens);
        }
        let stop = g.stopped_by();

        let mut ctx = context("abc");
        let start = elapsed();
        let mut g = ctx.generate(Sampler::Argmax).max_tokens(limit).constrain(spelled(text));
        let mut generated = Vec::new();
        while let Some(step) = g.next().unwrap() {
            generated.extend(now(step.execute()).unwrap().tokens);
        }
        assert_eq!(
            (&generated, g.stopped_by(), g.tokens_generated()),
            (&expected, stop, expected.len()),
            "{text}"
        );
        assert_eq!(elapsed() - start, passes * crate::bindings::PASS, "{text}, {limit}");
        assert_eq!(sequence(&ctx), sequence(&plain), "{text}");
        // The context goes on as ever.
        assert_eq!(tokens(&mut ctx, |g| g.max_tokens(4)), tokens(&mut plain, |g| g.max_tokens(4)));
    }
}

#[test]
fn forced_tokens_need_something_to_stand_behind() {
    let mut ctx = Context::new(&Model::load("default").unwrap()).unwrap();
    let g = ctx.generate(Sampler::Argmax).constrain_with(crate::Regex("a")).unwrap();
    assert!(now(g.collect_tokens()).unwrap_err().contains("call `cue`"));
}

#[test]
fn a_token_accepted_by_hand_takes_the_place_of_the_sampled_one() {
    let mut ctx = context("abc");
    let letters = Letters::new("abcdefg");
    let told = letters.told.clone();
    let mut g = ctx.generate(Sampler::Argmax).max_tokens(3).constrain(letters);
    while let Some(step) = g.next().unwrap() {
        let out = now(step.execute()).unwrap();
        assert_eq!(out.tokens.len(), 1);
        g.accept(&[token_of('g')]);
    }
    assert_eq!(g.tokens_generated(), 3);
    assert_eq!(*told.lock().unwrap(), [token_of('g'); 2], "constraints hear of the replacement only");
    assert!(sequence(&ctx).ends_with(&[token_of('g'); 3]));
}

#[test]
fn own_sampling_from_a_probe_gives_what_the_sampler_would_have_chosen() {
    let expected = tokens(&mut context("abc"), |g| g.max_tokens(6));
    let mut ctx = context("abc");
    let mut g = ctx.generate(Sampler::top_p(1.0, 0.5)).max_tokens(6);
    let entropy = g.probe_each_step(0, crate::sample::Entropy);
    let mut chosen = Vec::new();
    while let Some(mut step) = g.next().unwrap() {
        step.clear_sampler();
        let probe = step.probe(0, Distribution { temperature: 1.0, k: 0 });
        let out = now(step.execute()).unwrap();
        assert!(out.tokens.is_empty() && out.auto_sampler().is_none());
        assert_eq!(out.entropy(entropy), Some(0.5));
        let (ids, _) = out.distribution(probe).unwrap();
        chosen.push(ids[0]);
        g.accept(&[ids[0]]);
    }
    assert_eq!(chosen, expected);
}

#[test]
fn a_step_without_sampler_needs_a_token_from_the_caller() {
    let mut ctx = context("abc");
    let mut g = ctx.generate(Sampler::Argmax);
    let mut step = g.next().unwrap().unwrap();
    step.clear_sampler();
    now(step.execute()).unwrap();
    assert!(g.next().unwrap_err().contains("call `accept`"));
}

#[test]
fn an_index_past_the_step_is_an_error() {
    let mut ctx = context("abc");
    let mut g = ctx.generate(Sampler::Argmax);
    let mut step = g.next().unwrap().unwrap();
    step.probe(1, crate::sample::Entropy);
    assert!(now(step.execute()).unwrap_err().contains("index 1 is past"));
    assert_eq!(ctx.seq_len(), 0);
}

#[test]
fn two_drafters_are_an_error() {
    let mut ctx = context("abc");
    let script = Script::new(&ctx, &[]);
    let error = now(ctx.generate(Sampler::Argmax).system_speculation().speculator(script).collect_tokens());
    assert!(error.unwrap_err().contains("exclude each other"));
}

#[test]
fn drafts_at_wrong_positions_are_an_error() {
    let mut ctx = context("abc");
    let mut script = Script::new(&ctx, &[vec![1, 2]]);
    script.length += 1;
    let error = now(ctx.generate(Sampler::Argmax).speculator(script).collect_tokens()).unwrap_err();
    assert!(error.contains("position"), "{error}");
}

#[test]
fn drafts_that_hold_save_passes() {
    let expected = tokens(&mut context("abc"), |g| g.max_tokens(9));
    let start = elapsed();
    tokens(&mut context("abc"), |g| g.max_tokens(9));
    let plain = elapsed() - start;
    let mut ctx = context("abc");
    let script = Script::new(&ctx, &[expected[..4].to_vec(), expected[5..8].to_vec()]);
    let start = elapsed();
    assert_eq!(tokens(&mut ctx, |g| g.max_tokens(9).speculator(script)), expected);
    assert!(elapsed() - start < plain / 3, "{} of {plain}", elapsed() - start);
}

#[test]
fn drafts_take_no_pages_while_pages_are_short() {
    use crate::pie::core::scheduling::SHORT;
    let expected = tokens(&mut context("abc"), |g| g.max_tokens(12));
    let pages = |short| {
        let mut ctx = context("abc");
        // What does not hold leaves its pages behind.
        let script = Script::new(&ctx, &vec![vec![5; 80]; 12]);
        SHORT.set(short);
        let got = tokens(&mut ctx, |g| g.max_tokens(12).speculator(script));
        SHORT.set(false);
        assert_eq!(got, expected);
        let held = ctx.inner().committed_page_count() + ctx.inner().working_page_count();
        (held, ctx.seq_len().div_ceil(ctx.page_size()))
    };
    let (held, needed) = pages(true);
    assert_eq!(held, needed);
    let (held, needed) = pages(false);
    assert!(held > needed);
}

#[test]
fn bids_follow_the_horizon_and_an_override_holds_for_one_step() {
    let mut ctx = context("abc");
    ctx.set_bid(2.5);
    tokens(&mut ctx, |g| g.max_tokens(3).horizon(16));
    let bids = ctx.inner().state().bids.clone();
    assert_eq!(bids.len(), 3, "{bids:?}");
    assert_eq!(bids[0], 2.5);
    assert!(bids[1] > 0.0 && bids[2] > 0.0);

    let mut silent = context("abc");
    tokens(&mut silent, |g| g.max_tokens(3));
    assert!(silent.inner().state().bids.is_empty(), "nobody asked for bids");
}

#[test]
fn joined_generations_overlap() {
    let (mut one, mut two) = (context("abc"), context("de"));
    let start = elapsed();
    let alone = tokens(&mut context("abc"), |g| g.max_tokens(5));
    let single = elapsed() - start;
    let start = elapsed();
    let mut a = pin!(one.generate(Sampler::Argmax).max_tokens(5).collect_tokens());
    let mut b = pin!(two.generate(Sampler::Argmax).max_tokens(5).collect_tokens());
    let (mut first, mut second) = (None, None);
    now(poll_fn(|task| {
        if let (None, Poll::Ready(result)) =
            (&first, if first.is_none() { a.as_mut().poll(task) } else { Poll::Pending })
        {
            first = Some(result);
        }
        if let (None, Poll::Ready(result)) =
            (&second, if second.is_none() { b.as_mut().poll(task) } else { Poll::Pending })
        {
            second = Some(result);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(first.unwrap().unwrap(), alone);
    assert_eq!(elapsed() - start, single);
}

#[test]
fn a_step_that_nobody_waits_for_leaves_a_context_that_goes_on() {
    let expected = tokens(&mut context("abc"), |g| g.max_tokens(5));
    for flushed in [false, true] {
        let mut ctx = context("abc");
        if flushed {
            now(ctx.flush()).unwrap();
        }
        let length = sequence(&ctx).len() as u32;
        let mut g = ctx.generate(Sampler::Argmax);
        let step = g.next().unwrap().unwrap();
        let mut abandoned = Box::pin(step.execute());
        now(poll_fn(|task| {
            assert!(abandoned.as_mut().poll(task).is_pending());
            Poll::Ready(())
        }));
        drop(abandoned);
        assert_eq!(ctx.seq_len(), length);
        assert_eq!(ctx.fork().unwrap().inner().tokens().len(), length as usize);
        assert_eq!(tokens(&mut ctx, |g| g.max_tokens(5)), expected, "flushed: {flushed}");
    }
}

fn drafts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0u32..60, 0..4), 0..12)
}

proptest! {
    #[test]
    fn a_flushed_context_generates_what_a_buffered_one_does(prompt in "[a-w]{0,12}", limit in 1usize..12) {
        let expected = tokens(&mut context(&prompt), |g| g.max_tokens(limit));
        let mut ctx = context(&prompt);
        now(ctx.flush()).unwrap();
        prop_assert_eq!(tokens(&mut ctx, |g| g.max_tokens(limit)), expected.clone());
        let whole = [sequence(&context(&prompt)), expected].concat();
        prop_assert_eq!(sequence(&ctx), whole, "the second look at the last token leaves no trace");
    }

    #[test]
    fn drafts_never_change_what_is_generated(
        prompt in "[a-w]{1,8}", guesses in drafts(), seed in 0u32..4, limit in 1usize..20, truth in 0usize..20,
    ) {
        let sampler = if seed == 0 { Sampler::Argmax } else { Sampler::multinomial(0.7, seed) };
        let (mut reference, mut ctx) = (context(&prompt), context(&prompt));
        let expected = now(reference.generate(sampler).max_tokens(limit).collect_tokens()).unwrap();
        // A true beginning makes some drafts hold, past the stop and the limit too.
        let mut script = guesses;
        let known = expected.iter().take(truth).copied().chain([END, 5]).collect::<Vec<_>>();
        script.insert(0, known);
        let script = Script::new(&ctx, &script);
        let generated = now(ctx.generate(sampler).max_tokens(limit).speculator(script).collect_tokens()).unwrap();
        prop_assert_eq!(&generated, &expected);
        prop_assert_eq!(sequence(&ctx), sequence(&reference), "the context holds exactly what was accepted");
    }

    #[test]
    fn the_engines_drafts_never_change_what_is_generated(prompt in "[a-w]{1,8}", limit in 1usize..30) {
        let expected = tokens(&mut context(&prompt), |g| g.max_tokens(limit));
        let mut ctx = context(&prompt);
        prop_assert_eq!(tokens(&mut ctx, |g| g.max_tokens(limit).system_speculation()), expected);
    }

    #[test]
    fn constraints_hold_under_speculation(
        prompt in "[a-w]{1,8}", guesses in drafts(), even in "[a-w]{1,20}", odd in "[a-w]{1,20}",
        limit in 1usize..16, truth in 0usize..16, seed in 0u32..3,
    ) {
        let sampler = if seed == 0 { Sampler::Argmax } else { Sampler::multinomial(0.7, seed) };
        let tokens = |ctx: &mut Context, set_up: &mut dyn FnMut(Generator<'_>) -> Generator<'_>| {
            now(set_up(ctx.generate(sampler)).collect_tokens()).unwrap()
        };
        let letters = || Letters::alternating(&even, &odd);
        let constrained = |ctx: &mut Context| tokens(ctx, &mut |g| g.max_tokens(limit).constrain(letters()));
        let mut reference = context(&prompt);
        let expected = constrained(&mut reference);
        let mut ctx = context(&prompt);
        let mut script = guesses;
        script.insert(0, expected.iter().take(truth).copied().collect());
        let mut script = Some(Script::new(&ctx, &script));
        let generated = tokens(&mut ctx, &mut |g| {
            g.max_tokens(limit).constrain(letters()).speculator(script.take().unwrap())
        });
        prop_assert_eq!(generated, expected);
        prop_assert_eq!(sequence(&ctx), sequence(&reference));
    }
}
