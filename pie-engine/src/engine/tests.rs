//! The core without WebAssembly: operations go in, answers and events come out.

mod adapters;
mod grammars;
mod models;
mod speculation;

use super::contexts::MOST_SNAPSHOTS;
use super::operation::{Answer, Ask, Counts, Envelope, Operation, PassCell, Reply, Source};
use super::request::Draft;
use super::{Core, CoreConfig, PageChecks};
use crate::brle::Brle;
use crate::ids::{ContextId, InstanceId, ModelNumber};
use crate::loaded::{LoadedModel, Models};
use crate::sample::{Probe, Sampler};
use crate::trace::{Collected, Event, FORMAT, Header, Outcome, PageOperation, Recorder};
use tokio::sync::oneshot;

const PAGES: u32 = 64;
const PAGE_SIZE: u32 = 16;
const GREEDY: Sampler = Sampler::Multinomial { temperature: 0.0, seed: 0 };

struct Bench {
    core: Core,
    trace: Collected,
}

impl Bench {
    fn new() -> Self {
        Bench::with(LoadedModel::dummy().into())
    }

    fn with(models: Models) -> Self {
        let config = CoreConfig { checks: PageChecks::Always, ..CoreConfig::new(PAGES, PAGE_SIZE) };
        Bench { core: Core::new(models, config), trace: Collected::default() }
    }

    fn admit(&mut self, number: u64) -> InstanceId {
        let header = Header {
            format: FORMAT,
            model: "dummy".into(),
            model_digest: String::new(),
            tokenizer_digest: String::new(),
            wit_digest: String::new(),
            kernel: "scalar".into(),
            seed: 0,
            engine: String::new(),
            fork: None,
            others: Vec::new(),
        };
        let recorder = Recorder::new(Box::new(self.trace.clone()), &header);
        self.core.admit(InstanceId(number), "ada".into(), number, recorder);
        InstanceId(number)
    }

    /// Sends an operation and gives its answer, or nothing if it waits.
    fn send<T>(
        &mut self,
        instance: InstanceId,
        make: impl FnOnce(Reply<T>) -> Operation,
    ) -> oneshot::Receiver<Result<T, String>> {
        let (reply, answer) = oneshot::channel();
        self.core.handle(Envelope { instance, operation: make(reply) });
        answer
    }

    fn ask<T>(
        &mut self,
        instance: InstanceId,
        make: impl FnOnce(Reply<T>) -> Operation,
    ) -> Result<T, String> {
        self.send(instance, make).try_recv().expect("the operation does not wait")
    }

    fn create(&mut self, instance: InstanceId, source: Source) -> Result<ContextId, String> {
        self.ask(instance, |reply| Operation::Create { model: ModelNumber::default(), source, reply })
            .map(|(context, _)| context)
    }

    fn pages(
        &mut self,
        instance: InstanceId,
        context: ContextId,
        operation: PageOperation,
        count: u32,
    ) -> Result<Counts, String> {
        self.ask(instance, |reply| Operation::Pages { context, operation, count, reply })
    }

    fn execute(&mut self, instance: InstanceId, draft: Draft) -> Result<(PassCell, Counts), String> {
        let vocabulary = self.core.models.first().info().vocab_size;
        let request = draft.check(vocabulary)?;
        let cell = request.cell.clone();
        let request = Box::new(request);
        let (_, counts) = self.ask(instance, |reply| Operation::Execute { request, reply })?;
        Ok((cell, counts))
    }

    /// Runs a pass to its answers.
    fn run(&mut self, instance: InstanceId, draft: Draft) -> Result<Vec<Answer>, String> {
        let (cell, _) = self.execute(instance, draft)?;
        while self.core.step() {}
        cell.get().cloned().expect("no step is left to do").map(|output| output.answers)
    }

    fn filled(&mut self, instance: InstanceId, tokens: &[u32]) -> ContextId {
        let context = self.create(instance, Source::Empty).unwrap();
        let pages = (tokens.len() as u32).div_ceil(PAGE_SIZE) + 1;
        self.pages(instance, context, PageOperation::Reserve, pages).unwrap();
        self.run(instance, pass(context, 0, tokens)).unwrap();
        context
    }

    fn events(&self) -> Vec<Event> {
        self.trace.events()
    }
}

fn pass(context: ContextId, start: u32, tokens: &[u32]) -> Draft {
    let mut draft = Draft { context: Some(Ok(context)), ..Draft::default() };
    draft.input(tokens.to_vec(), (start..start + tokens.len() as u32).collect());
    draft
}

/// A pass that asks about its last token.
fn asking(context: ContextId, start: u32, tokens: &[u32], ask: Ask) -> Draft {
    let mut draft = pass(context, start, tokens);
    draft.ask(vec![tokens.len() as u32 - 1], ask);
    draft
}

fn logits(context: ContextId, start: u32, tokens: &[u32]) -> Draft {
    asking(context, start, tokens, Ask::Probe(Probe::RawLogits))
}

fn tokens(from: u32, count: u32) -> Vec<u32> {
    (from..from + count).collect()
}

#[test]
fn a_fork_and_its_original_go_on_alike() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let original = bench.filled(instance, &tokens(100, 20));
    let fork = bench.create(instance, Source::Fork(original)).unwrap();
    let first = bench.run(instance, logits(original, 20, &[7])).unwrap();
    let second = bench.run(instance, logits(fork, 20, &[7])).unwrap();
    assert_eq!(first, second);
    let other = bench.run(instance, logits(fork, 21, &[8])).unwrap();
    assert_ne!(first, other);
}

#[test]
fn a_prefix_that_another_instance_computed_is_not_computed_again_and_changes_nothing() {
    let mut bench = Bench::new();
    let (first, second) = (bench.admit(1), bench.admit(2));
    let prompt = tokens(100, 40);
    let context = bench.create(first, Source::Empty).unwrap();
    bench.pages(first, context, PageOperation::Reserve, 3).unwrap();
    let computed = bench.run(first, logits(context, 0, &prompt)).unwrap();
    let context = bench.create(second, Source::Empty).unwrap();
    bench.pages(second, context, PageOperation::Reserve, 3).unwrap();
    let shared = bench.run(second, logits(context, 0, &prompt)).unwrap();
    assert_eq!(computed, shared);
    let reused = bench.events().into_iter().find_map(|event| match event {
        Event::Pass { instance, reused, .. } if instance == second => Some(reused),
        _ => None,
    });
    assert_eq!(reused, Some(32));
}

#[test]
fn tokens_are_the_same_whether_others_have_computed_the_prefix_or_not() {
    let prompt = tokens(100, 40);
    // The tokens that instance 2 draws, and how many of its input tokens it found.
    let drawn = |bench: &mut Bench| {
        let instance = bench.admit(2);
        let context = bench.create(instance, Source::Empty).unwrap();
        bench.pages(instance, context, PageOperation::Reserve, 4).unwrap();
        let mut input = prompt.clone();
        let mut at = 0;
        let mut drawn = Vec::new();
        for _ in 0..12 {
            let draw = Ask::Sample(Sampler::TopP { temperature: 1.0, p: 0.9 });
            let answer = bench.run(instance, asking(context, at, &input, draw)).unwrap();
            let [Answer::Token(token)] = answer[..] else { panic!("{answer:?}") };
            at += input.len() as u32;
            input = vec![token];
            drawn.push(token);
        }
        (drawn, bench.core.release(instance, Outcome::Ok("".into())).reused_tokens)
    };
    let (alone, none) = drawn(&mut Bench::new());
    let mut bench = Bench::new();
    let other = bench.admit(1);
    bench.filled(other, &prompt);
    let (after_another, some) = drawn(&mut bench);
    assert_eq!((none, some), (0, 32));
    assert_eq!(alone, after_another);
}

#[test]
fn what_an_instance_gets_does_not_depend_on_who_else_runs() {
    let draw = Ask::Sample(Sampler::Multinomial { temperature: 1.0, seed: 0 });
    let alone = {
        let mut bench = Bench::new();
        let instance = bench.admit(1);
        let context = bench.filled(instance, &tokens(100, 20));
        bench.run(instance, asking(context, 20, &[7], draw.clone())).unwrap()
    };
    let mut bench = Bench::new();
    let (instance, other) = (bench.admit(1), bench.admit(2));
    let context = bench.filled(instance, &tokens(100, 20));
    let busy = bench.filled(other, &tokens(200, 30));
    let (theirs, _) = bench.execute(other, asking(busy, 30, &[9], draw.clone())).unwrap();
    let together = bench.run(instance, asking(context, 20, &[7], draw)).unwrap();
    assert_eq!(alone, together);
    assert!(theirs.initialized(), "both were in the same step");
}

#[test]
fn operations_on_a_context_wait_for_its_passes() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 10));
    let (cell, counts) = bench.execute(instance, logits(context, 10, &[7])).unwrap();
    assert_eq!(counts.tokens, 11);
    let operation = PageOperation::Truncate;
    let mut truncated =
        bench.send(instance, |reply| Operation::Pages { context, operation, count: 1, reply });
    assert!(truncated.try_recv().is_err());
    assert!(bench.core.step());
    assert!(cell.initialized());
    assert_eq!(truncated.try_recv().unwrap().map(|counts| counts.tokens), Ok(10));
}

#[test]
fn a_pass_cannot_ask_for_more_than_a_machine_holds() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let mut ask = |indices: usize, ask: Ask| {
        let mut draft = Draft::default();
        draft.input(tokens(100, 1), tokens(0, 1));
        draft.ask(vec![0; indices], ask);
        bench.run(instance, draft).map(|answers| answers.len())
    };
    let many = Ask::Probe(Probe::Logprobs(vec![1; 1 << 20]));
    assert_eq!(ask(1, many.clone()), Ok(1));
    assert_eq!(
        ask(1000, many),
        Err("the answers of the pass would hold 1048576000 numbers; 67108864 is the most".to_owned())
    );
    assert_eq!(
        ask(1_000_000, Ask::Sample(GREEDY)),
        Err("the pass asks 1000000 questions; 262144 is the most".to_owned())
    );
}

#[test]
fn a_pass_without_a_context_leaves_no_page_behind() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let mut draft = Draft::default();
    draft.input(tokens(100, 40), tokens(0, 40));
    draft.ask(vec![39], Ask::Sample(GREEDY));
    let answers = bench.run(instance, draft).unwrap();
    assert!(matches!(answers[..], [Answer::Token(_)]));
    assert_eq!(bench.core.kv.free_pages(), PAGES);
}

#[test]
fn a_user_can_save_so_many_contexts_and_no_more() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.create(instance, Source::Empty).unwrap();
    let mut save = |name: Option<&str>| {
        let name = name.map(str::to_owned);
        bench.ask(instance, |reply| Operation::Save { context, name, reply })
    };
    save(Some("mine")).unwrap();
    for _ in 1..MOST_SNAPSHOTS {
        save(None).unwrap();
    }
    let full = "4096 contexts are saved, and more are not allowed; delete one first".to_owned();
    assert_eq!(save(None), Err(full.clone()));
    assert_eq!(save(Some("another")), Err(full));
    assert_eq!(save(Some("mine")).as_deref(), Ok("mine"));
    bench.ask(instance, |reply| Operation::Delete { name: "mine".to_owned(), reply }).unwrap();
    let name = Some("another".to_owned());
    bench.ask(instance, |reply| Operation::Save { context, name, reply }).unwrap();
}

#[test]
fn snapshots_outlive_their_instance_and_belong_to_their_user() {
    let mut bench = Bench::new();
    let first = bench.admit(1);
    let context = bench.filled(first, &tokens(100, 20));
    let name = Some("diary".to_owned());
    bench.ask(first, |reply| Operation::Save { context, name, reply }).unwrap();
    let expected = bench.run(first, logits(context, 20, &[7])).unwrap();
    bench.core.release(first, Outcome::Ok("null".into()));

    let second = bench.admit(2);
    let opened = bench.create(second, Source::Open("diary".into())).unwrap();
    assert_eq!(bench.run(second, logits(opened, 20, &[7])).unwrap(), expected);
    bench.create(second, Source::Take("diary".into())).unwrap();
    let gone = bench.create(second, Source::Open("diary".into()));
    assert_eq!(gone, Err("no context is saved under `diary`".to_owned()));
}

#[test]
fn an_instance_that_ends_gives_everything_back() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 20));
    let (cell, _) = bench.execute(instance, logits(context, 20, &[7])).unwrap();
    bench.core.release(instance, Outcome::Cancelled("stopped".into()));
    assert!(matches!(cell.get(), Some(Err(_))));
    assert_eq!((bench.core.kv.free_pages(), bench.core.finish()), (PAGES, vec![]));
    assert!(!bench.core.step());
}

#[test]
fn a_pass_that_is_refused_changes_nothing() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 20));
    let before = bench.core.counts(bench.core.instances[&instance].contexts[&context].table);

    let mut mask = pass(context, 20, &[7]);
    mask.masks = Some(vec![Brle(vec![0, 5])]);
    let mut index = pass(context, 20, &[7]);
    index.ask(vec![1], Ask::Sample(GREEDY));
    let mut forbidden = asking(context, 20, &[7], Ask::Sample(GREEDY));
    forbidden.allow(Brle(vec![bench.core.models.first().info().vocab_size]));
    let mut positions = Draft { context: Some(Ok(context)), ..Draft::default() };
    positions.input(vec![1, 2], vec![20]);
    let refused = [
        (Draft { context: Some(Ok(context)), ..Draft::default() }, "no input tokens"),
        (mask, "covers 5 slots; 21 "),
        (index, "indices end at 0"),
        (forbidden, "allows no token"),
        (positions, "2 input tokens came with 1 positions"),
        (pass(context, 20, &[1_000_000]), "the model's tokens end at"),
        (pass(context, u32::MAX - 5, &[7]), "the model's positions end at"),
        (pass(context, 20, &tokens(0, 100)), "100 slots are needed"),
        (pass(ContextId(9), 0, &[7]), "context c9 has ended"),
    ];
    for (draft, expected) in refused {
        let error = bench.execute(instance, draft).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    }
    let after = bench.core.counts(bench.core.instances[&instance].contexts[&context].table);
    assert_eq!(before, after);
    assert!(bench.run(instance, logits(context, 20, &[7])).is_ok());
}

#[test]
fn several_questions_about_one_token_are_answered_in_order() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.filled(instance, &tokens(100, 4));
    let mut draft = pass(context, 4, &[7, 8]);
    draft.ask(vec![1], Ask::Sample(GREEDY));
    draft.ask(vec![0, 1], Ask::Probe(Probe::Distribution { temperature: 1.0, k: 1 }));
    draft.ask(vec![1], Ask::Probe(Probe::Entropy));
    let answers = bench.run(instance, draft).unwrap();
    let [Answer::Token(token), Answer::Distribution(..), Answer::Distribution(ids, _), Answer::Entropy(_)] =
        &answers[..]
    else {
        panic!("unexpected answers: {answers:?}")
    };
    assert_eq!(&vec![*token], ids);
}
