//! Passes over the fake engine, with the checks that the interface promises.

use super::clock::{Pollable, at, elapsed};
use super::engine::{
    FakeAdapter, FakeContext, FakeModel, FakeTokenizer, Slot, VOCABULARY, letter_of, logits,
};
use crate::brle;
use std::cell::{Cell, RefCell};

#[derive(Debug, Clone)]
pub enum Sampler {
    Multinomial((f32, u32)),
    TopK((f32, u32)),
    TopP((f32, f32)),
    MinP((f32, f32)),
    TopKTopP((f32, u32, f32)),
    Embedding,
    Dist((f32, u32)),
    RawLogits,
    Logprob(u32),
    Logprobs(Vec<u32>),
    Entropy,
}

#[derive(Debug, Clone)]
pub enum SlotOutput {
    Token(u32),
    Distribution((Vec<u32>, Vec<f32>)),
    Logits(Vec<u8>),
    Logprobs(Vec<f32>),
    Entropy(f32),
    Embedding(Vec<u8>),
}

#[derive(Debug, Clone)]
pub struct Output {
    pub slots: Vec<SlotOutput>,
    pub spec_tokens: Vec<u32>,
    pub spec_positions: Vec<u32>,
}

/// A pass takes this long.
pub const PASS: u64 = 10;

#[derive(Default, Clone)]
struct Description {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    drafts: Vec<u32>,
    draft_positions: Vec<u32>,
    wants_drafts: bool,
    attention: Vec<Vec<u32>>,
    mask: Option<Vec<u32>>,
    samplers: Vec<(Vec<u32>, Sampler)>,
}

#[derive(Default)]
pub struct ForwardPass {
    context: RefCell<Option<FakeContext>>,
    description: RefCell<Description>,
}

impl ForwardPass {
    pub fn new(_model: &FakeModel) -> Self {
        Self::default()
    }

    pub fn context(&self, context: &FakeContext) {
        self.context.replace(Some(context.share()));
    }

    pub fn input_tokens(&self, tokens: &[u32], positions: &[u32]) {
        let mut pass = self.description.borrow_mut();
        pass.tokens.extend(tokens);
        pass.positions.extend(positions);
    }

    pub fn input_speculative_tokens(&self, tokens: &[u32], positions: &[u32]) {
        let mut pass = self.description.borrow_mut();
        pass.drafts.extend(tokens);
        pass.draft_positions.extend(positions);
    }

    pub fn output_speculative_tokens(&self, flag: bool) {
        self.description.borrow_mut().wants_drafts = flag;
    }

    pub fn attention_mask(&self, masks: &[Vec<u32>]) {
        self.description.borrow_mut().attention = masks.to_vec();
    }

    pub fn logit_mask(&self, mask: &[u32]) {
        self.description.borrow_mut().mask = Some(mask.to_vec());
    }

    pub fn sampler(&self, indices: &[u32], sampler: &Sampler) {
        self.description.borrow_mut().samplers.push((indices.to_vec(), sampler.clone()));
    }

    pub fn adapter(&self, _adapter: &FakeAdapter) {}

    pub fn execute(&self) -> Result<FutureOutput, String> {
        let context = self.context.take().ok_or("the pass has no context")?;
        let pass = self.description.borrow().clone();
        pass.check(&context)?;
        let output = pass.run(&context);
        Ok(FutureOutput { due: elapsed() + PASS, output: Cell::new(Some(output)) })
    }
}

impl Description {
    fn check(&self, context: &FakeContext) -> Result<(), String> {
        let state = context.state();
        let count = self.tokens.len() + self.drafts.len();
        if self.tokens.is_empty() {
            return Err("a pass needs input".into());
        }
        if self.tokens.len() != self.positions.len() || self.drafts.len() != self.draft_positions.len() {
            return Err("every token needs a position".into());
        }
        if let Some(index) = self.samplers.iter().flat_map(|s| &s.0).find(|index| **index as usize >= count) {
            return Err(format!("index {index} is past the {count} inputs"));
        }
        if count as u32 > state.free_slots() {
            return Err(format!("{count} inputs do not fit into {} free slots", state.free_slots()));
        }
        let (start, all) = (state.slots.len() as u32, (state.slots.len() + count) as u32);
        for (i, mask) in (0u32..).zip(&self.attention) {
            if ![start + i + 1, all].contains(&brle::len(mask)) {
                return Err(format!("mask {i} covers {} slots of {all}", brle::len(mask)));
            }
        }
        match &self.mask {
            Some(mask) if brle::len(mask) != VOCABULARY => {
                Err("the logit mask does not cover the vocabulary".into())
            }
            _ => Ok(()),
        }
    }

    fn run(&self, context: &FakeContext) -> Output {
        let mut state = context.state();
        let start = state.slots.len();
        let tokens = self.tokens.iter().zip(&self.positions);
        let drafts = self.drafts.iter().zip(&self.draft_positions);
        state.slots.extend(tokens.chain(drafts).map(|(&token, &position)| Slot { token, position }));
        let seen = |index: usize| -> Vec<Slot> {
            let visible = |slot: usize| match self.attention.get(index) {
                Some(mask) => brle::allows(mask, slot as u32) && slot <= start + index,
                None => slot <= start + index,
            };
            (0..state.slots.len()).filter(|&slot| visible(slot)).map(|slot| state.slots[slot]).collect()
        };
        let mut slots = Vec::new();
        for (indices, sampler) in &self.samplers {
            slots.extend(indices.iter().map(|&index| self.read(sampler, &logits(&seen(index as usize)))));
        }
        let (kept, next) = self.verify(&slots);
        let left = start + self.tokens.len() + kept;
        state.slots.truncate(left);
        let guesses = if self.wants_drafts { guesses(&state.slots, next) } else { Vec::new() };
        Output {
            spec_positions: (left as u32 + 1..).take(guesses.len()).collect(),
            spec_tokens: guesses,
            slots,
        }
    }

    /// How many drafts hold, and the choice behind them.
    fn verify(&self, slots: &[SlotOutput]) -> (usize, Option<u32>) {
        let chosen: Vec<u32> = slots.iter().map_while(as_token).collect();
        let kept = self.drafts.iter().zip(&chosen).take_while(|(draft, token)| draft == token).count();
        (kept, chosen.get(kept).copied())
    }

    fn read(&self, sampler: &Sampler, logits: &[f32]) -> SlotOutput {
        let allowed = |t: u32| self.mask.as_ref().is_none_or(|mask| brle::allows(mask, t));
        let best = |noise: u32| {
            let score =
                |t: u32| logits[t as usize] + if noise == 0 { 0.0 } else { (t * 7919 % noise) as f32 * 9e3 };
            let by_score = |a: &u32, b: &u32| score(*a).total_cmp(&score(*b)).then(b.cmp(a));
            (0..VOCABULARY).filter(|&t| allowed(t)).max_by(by_score).expect("the mask allows something")
        };
        match sampler {
            Sampler::Multinomial((0.0, _)) => SlotOutput::Token(best(0)),
            Sampler::Multinomial((_, seed)) => SlotOutput::Token(best(101 + seed)),
            Sampler::TopP(_) | Sampler::TopK(_) | Sampler::MinP(_) | Sampler::TopKTopP(_) => {
                SlotOutput::Token(best(97))
            }
            Sampler::Dist(_) => SlotOutput::Distribution((vec![best(0)], vec![1.0])),
            Sampler::RawLogits => SlotOutput::Logits(logits.iter().flat_map(|x| x.to_ne_bytes()).collect()),
            Sampler::Logprob(token) => SlotOutput::Logprobs(vec![-(*token as f32)]),
            Sampler::Logprobs(tokens) => SlotOutput::Logprobs(tokens.iter().map(|&t| -(t as f32)).collect()),
            Sampler::Entropy => SlotOutput::Entropy(0.5),
            Sampler::Embedding => SlotOutput::Embedding(vec![]),
        }
    }
}

/// Two guesses behind `next` that hold for the arg max, and one that does not.
fn guesses(slots: &[Slot], next: Option<u32>) -> Vec<u32> {
    let Some(next) = next else { return Vec::new() };
    let mut slots = slots.to_vec();
    let mut push = |token| {
        slots.push(Slot { token, position: slots.len() as u32 });
        let logits = logits(&slots);
        (0..VOCABULARY)
            .rev()
            .max_by(|a, b| logits[*a as usize].total_cmp(&logits[*b as usize]))
            .expect("not empty")
    };
    let first = push(next);
    let second = push(first);
    let wrong = (push(second) + 1) % 60;
    vec![first, second, wrong]
}

fn as_token(slot: &SlotOutput) -> Option<u32> {
    match slot {
        SlotOutput::Token(token) => Some(*token),
        _ => None,
    }
}

pub struct FutureOutput {
    due: u64,
    output: Cell<Option<Output>>,
}

impl FutureOutput {
    pub fn pollable(&self) -> Pollable {
        at(self.due)
    }

    pub fn get(&self) -> Option<Output> {
        if elapsed() < self.due { None } else { self.output.take() }
    }
}

/// Texts of the letters of a pattern, in any order and number.
#[derive(Debug)]
pub struct Grammar {
    letters: String,
}

impl Grammar {
    pub fn from_regex(pattern: &str) -> Result<Grammar, String> {
        Ok(Grammar { letters: pattern.to_owned() })
    }

    pub fn from_json_schema(_schema: &str) -> Result<Grammar, String> {
        Err("json schemas are not available here".into())
    }

    pub fn from_ebnf(_grammar: &str) -> Result<Grammar, String> {
        Err("grammars are not available here".into())
    }

    pub fn json() -> Grammar {
        Grammar { letters: "{}[]".to_owned() }
    }

    #[allow(clippy::inherent_to_string)]
    pub fn to_string(&self) -> String {
        self.letters.clone()
    }
}

#[derive(Debug)]
pub struct Matcher {
    letters: String,
}

impl Matcher {
    pub fn new(grammar: &Grammar, _tokenizer: &FakeTokenizer) -> Matcher {
        Matcher { letters: grammar.letters.clone() }
    }

    pub fn accept_tokens(&self, tokens: &[u32]) -> Result<(), String> {
        match tokens.iter().find(|&&t| !self.letters.contains(letter_of(t))) {
            Some(token) => Err(format!("token {token} is not in the grammar")),
            None => Ok(()),
        }
    }

    pub fn next_token_logit_mask(&self) -> Vec<u32> {
        let allowed: Vec<u32> = (0..60).filter(|&t| self.letters.contains(letter_of(t))).collect();
        brle::from_indices(&allowed, VOCABULARY)
    }

    pub fn is_terminated(&self) -> bool {
        false
    }

    pub fn reset(&self) {}
}
