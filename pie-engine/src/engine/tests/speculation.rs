//! What comes out is the same with any guesses, and what does not hold leaves nothing behind.

use super::*;
use crate::engine::operation::PassOutput;
use crate::ids::ModelNumber;
use crate::spec::MOST_DRAFTS;
use proptest::prelude::*;

/// How a step of a generation is guessed at, when the truth is known.
#[derive(Clone, Debug)]
enum Guess {
    Nothing,
    /// So many tokens as they will come.
    True(usize),
    /// So many as they will come, and then wrong ones.
    Partly(usize, Vec<u32>),
    /// What the engine's drafter said last.
    Engine,
}

/// A context and what it generates.
struct Generation {
    instance: InstanceId,
    context: ContextId,
    sampler: Sampler,
    /// Tokens in the context.
    at: u32,
    input: Vec<u32>,
    tokens: Vec<u32>,
    passes: usize,
    next: Vec<u32>,
}

impl Generation {
    fn new(bench: &mut Bench, prompt: &[u32], sampler: Sampler) -> Generation {
        let instance = bench.admit(1);
        let context = bench.create(instance, Source::Empty).unwrap();
        bench.pages(instance, context, PageOperation::Reserve, 12).unwrap();
        let (input, tokens, next) = (prompt.to_vec(), Vec::new(), Vec::new());
        Generation { instance, context, sampler, at: 0, input, tokens, passes: 0, next }
    }

    /// One pass with these guesses; what is chosen and held goes to the tokens.
    fn step(&mut self, bench: &mut Bench, guesses: &[u32]) {
        let mut draft = pass(self.context, self.at, &self.input);
        let first = self.at + self.input.len() as u32;
        let last = self.input.len() as u32 - 1;
        draft.guess(guesses.to_vec(), (first..).take(guesses.len()).collect());
        let indices: Vec<u32> = (last..).take(guesses.len() + 1).collect();
        draft.ask(indices.clone(), Ask::Sample(self.sampler));
        // A second draw at each token: draws must be numbered by token, and not by question.
        draft.ask(indices, Ask::Sample(self.sampler));
        draft.wants_guesses = true;
        let output = bench.output(self.instance, draft).unwrap();
        let chosen = chosen(&output, guesses.len() + 1);
        let held = guesses.iter().zip(&chosen).take_while(|(guess, chosen)| guess == chosen).count();
        self.at = first + held as u32;
        self.tokens.extend(&chosen[..=held]);
        self.input = vec![chosen[held]];
        let positions: Vec<u32> = (self.at + 1..).take(output.guesses.len()).collect();
        assert_eq!(output.guess_positions, positions);
        self.next = output.guesses;
        self.passes += 1;
    }

    /// Generates to `count` tokens; `truth` is what the context generates without guesses.
    fn run(mut self, bench: &mut Bench, count: usize, truth: &[u32], plan: &[Guess]) -> Generation {
        let mut plan = plan.iter().cycle();
        while self.tokens.len() < count {
            let known = &truth[self.tokens.len().min(truth.len())..];
            let mut guesses = match plan.next().unwrap_or(&Guess::Nothing) {
                Guess::Nothing => Vec::new(),
                Guess::True(length) => known.iter().copied().take(*length).collect(),
                Guess::Partly(length, wrong) => known.iter().take(*length).chain(wrong).copied().collect(),
                Guess::Engine => self.next.clone(),
            };
            guesses.truncate(count - self.tokens.len() - 1);
            self.step(bench, &guesses);
        }
        self
    }

    fn counts(&self, bench: &Bench) -> Counts {
        Counts {
            rejected: 0,
            ..bench.core.counts(bench.core.instances[&self.instance].contexts[&self.context].table)
        }
    }
}

impl Bench {
    fn output(&mut self, instance: InstanceId, draft: Draft) -> Result<PassOutput, String> {
        let (cell, _) = self.execute(instance, draft)?;
        while self.core.step() {}
        cell.get().cloned().expect("no step is left to do")
    }
}

fn chosen(output: &PassOutput, count: usize) -> Vec<u32> {
    let tokens = output.answers.iter().map(|answer| match answer {
        Answer::Token(token) => *token,
        other => panic!("{other:?}"),
    });
    tokens.take(count).collect()
}

fn plan() -> impl Strategy<Value = Vec<Guess>> {
    let wrong = || prop::collection::vec(0..500u32, 0..6);
    let guess = prop_oneof![
        Just(Guess::Nothing),
        (1..7usize).prop_map(Guess::True),
        (0..5usize, wrong()).prop_map(|(length, wrong)| Guess::Partly(length, wrong)),
        Just(Guess::Engine),
    ];
    prop::collection::vec(guess, 1..6)
}

fn sampler() -> impl Strategy<Value = Sampler> {
    prop_oneof![
        Just(GREEDY),
        (1..4u32).prop_map(|seed| Sampler::Multinomial { temperature: 0.8, seed }),
        Just(Sampler::TopP { temperature: 1.0, p: 0.9 }),
    ]
}

/// A prompt that repeats itself, so that the drafter finds something.
fn prompt() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(100..104u32, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_generated_is_the_same_with_any_guesses(prompt in prompt(), sampler in sampler(), plan in plan()) {
        let mut bench = Bench::new();
        let plain = Generation::new(&mut bench, &prompt, sampler).run(&mut bench, 24, &[], &[]);
        let mut other = Bench::new();
        let guessed = Generation::new(&mut other, &prompt, sampler).run(&mut other, 24, &plain.tokens, &plan);
        prop_assert_eq!(&guessed.tokens, &plain.tokens);
        prop_assert_eq!(guessed.counts(&other), plain.counts(&bench));
        prop_assert!(guessed.passes <= plain.passes);
        // The contexts hold the same, and go on drawing the same.
        let ask = Ask::Sample(Sampler::Multinomial { temperature: 2.0, seed: 0 });
        for ask in [Ask::Probe(Probe::RawLogits), ask] {
            let next = |generation: &Generation| asking(generation.context, generation.at, &generation.input, ask.clone());
            let (a, b) = (next(&plain), next(&guessed));
            prop_assert_eq!(bench.run(plain.instance, a), other.run(guessed.instance, b));
        }
        let samples = |bench: &mut Bench| bench.core.release(InstanceId(1), Outcome::Ok("".into())).sampled_tokens;
        prop_assert_eq!(samples(&mut bench), samples(&mut other));
        prop_assert_eq!(other.core.finish(), Vec::<String>::new());
    }

    #[test]
    fn guesses_that_hold_save_passes_and_are_counted(prompt in prompt(), length in 1..6usize) {
        let mut bench = Bench::new();
        let truth = Generation::new(&mut bench, &prompt, GREEDY).run(&mut bench, 24, &[], &[]).tokens;
        let mut bench = Bench::new();
        let guessed = Generation::new(&mut bench, &prompt, GREEDY).run(&mut bench, 24, &truth, &[Guess::True(length)]);
        prop_assert_eq!(guessed.passes, 24_usize.div_ceil(length + 1));
        let usage = bench.core.release(InstanceId(1), Outcome::Ok("".into()));
        let saved = 24 - guessed.passes as u64;
        prop_assert_eq!((usage.drafted_tokens, usage.accepted_tokens), (saved, saved));
    }
}

#[test]
fn the_trace_says_what_was_guessed_and_how_many_guesses_held() {
    let mut bench = Bench::new();
    let truth = Generation::new(&mut bench, &[100, 101], GREEDY).run(&mut bench, 4, &[], &[]).tokens;
    let mut bench = Bench::new();
    let mut generation = Generation::new(&mut bench, &[100, 101], GREEDY);
    generation.step(&mut bench, &[truth[0], truth[1], truth[2] + 1]);
    let told = bench.events().into_iter().find_map(|event| match event {
        Event::Pass { guesses, .. } => guesses,
        _ => None,
    });
    assert_eq!(told, Some(vec![truth[0], truth[1], truth[2] + 1].into()));
    let held = bench.events().into_iter().find_map(|event| match event {
        Event::PassDone { held, .. } => held,
        _ => None,
    });
    assert_eq!(held, Some(2));
    assert_eq!(generation.counts(&bench).tokens, 4);
}

#[test]
fn the_drafter_finds_what_repeats_itself_in_the_context_and_forgets_what_was_truncated() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.create(instance, Source::Empty).unwrap();
    bench.pages(instance, context, PageOperation::Reserve, 4).unwrap();
    // The drafter takes what was chosen as the next token, so the choice is forced.
    let ask = |bench: &mut Bench, start: u32, tokens: &[u32], next: u32| {
        let mut draft = asking(context, start, tokens, Ask::Sample(GREEDY));
        draft.allow(Brle(vec![next, 1, bench.core.models.first().info().vocab_size - next - 1]));
        draft.wants_guesses = true;
        bench.output(instance, draft).unwrap().guesses
    };
    assert_eq!(ask(&mut bench, 0, &[1, 2, 3, 4, 5, 1], 2)[..4], [3, 4, 5, 1]);
    assert_eq!(ask(&mut bench, 6, &[2, 9], 9), [] as [u32; 0]);
    bench.pages(instance, context, PageOperation::Truncate, 1).unwrap();
    assert_eq!(ask(&mut bench, 7, &[3], 4).len(), MOST_DRAFTS);
    // It has seen 9 nowhere but where it was truncated.
    assert_eq!(ask(&mut bench, 8, &[2], 9), [] as [u32; 0]);
}

#[test]
fn passes_and_forks_wait_until_guesses_are_verified() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 10));
    let mut guessing = asking(context, 10, &[7], Ask::Sample(GREEDY));
    guessing.guess(vec![0, 1], vec![11, 12]);
    guessing.ask(vec![1, 2], Ask::Sample(GREEDY));
    let (cell, counts) = bench.execute(instance, guessing).unwrap();
    assert_eq!(counts.tokens, 13);
    let vocabulary = bench.core.models.first().info().vocab_size;
    let request = Box::new(pass(context, 11, &[8]).check(vocabulary).unwrap());
    let mut second = bench.send(instance, |reply| Operation::Execute { request, reply });
    let mut fork = bench.send(instance, |reply| Operation::Create {
        model: ModelNumber::default(),
        source: Source::Fork(context),
        reply,
    });
    assert!(second.try_recv().is_err() && fork.try_recv().is_err());
    while bench.core.step() {}
    assert_eq!(cell.get().unwrap().as_ref().unwrap().rejected, 2);
    assert_eq!(second.try_recv().unwrap().unwrap().1, Counts { tokens: 12, rejected: 2, ..counts });
    assert_eq!(fork.try_recv().unwrap().unwrap().1.tokens, 12);
}

#[test]
fn bad_guesses_are_refused_and_change_nothing() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 20));
    let before = bench.core.counts(bench.core.instances[&instance].contexts[&context].table);
    let guessing = |tokens: &[u32], positions: &[u32], indices: &[u32]| {
        let mut draft = pass(context, 20, &[7]);
        draft.guess(tokens.to_vec(), positions.to_vec());
        draft.ask(indices.to_vec(), Ask::Sample(GREEDY));
        draft
    };
    let mut probed = guessing(&[8], &[21], &[]);
    probed.ask(vec![0, 1], Ask::Probe(Probe::Entropy));
    let refused = [
        (guessing(&[8, 9], &[21], &[0, 1, 2]), "2 guessed tokens came with 1 positions"),
        (guessing(&[1_000_000], &[21], &[0, 1]), "guessed token 0 is 1000000, and the model's tokens end at"),
        (guessing(&[8], &[u32::MAX], &[0, 1]), "guessed token 0 has position 4294967295"),
        (
            guessing(&[8, 9], &[21, 22], &[0, 2]),
            "guessed token 1 cannot be verified: ask a sampler that chooses a token at index 1",
        ),
        (probed, "guessed token 0 cannot be verified"),
        (guessing(&[8], &[21], &[0, 2]), "the pass has 2: indices end at 1"),
        (guessing(&tokens(0, 40), &tokens(21, 40), &tokens(0, 41)), "41 slots are needed"),
    ];
    for (draft, expected) in refused {
        let error = bench.execute(instance, draft).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    }
    assert_eq!(before, bench.core.counts(bench.core.instances[&instance].contexts[&context].table));
    assert!(bench.output(instance, guessing(&[8], &[21], &[0, 1])).is_ok());
}
