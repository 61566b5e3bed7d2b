//! Shared parts; `text` looks at what the dummy says, `cache` at what it depends on.

mod cache;
mod text;

use super::*;
use crate::brle::Brle;
use crate::ids::PageId;
use crate::model::conformance;
use crate::sample::{Sampler, Scratch, draw_seed, sample};
use crate::tokenizer::Tokenizer;
use std::sync::LazyLock;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(Tokenizer::dummy);
static DUMMY: LazyLock<Dummy> =
    LazyLock::new(|| Dummy::new(DummyConfig { name: "dummy".into(), script: None }));
const TURN: u32 = vocabulary::TURN as u32;
const END: u32 = vocabulary::END as u32;
const PAGE_SIZE: u32 = 16;
const PAGES: u32 = 40;

/// A context that is extended token by token.
pub(super) struct Session<'a> {
    model: &'a Dummy,
    store: Box<dyn KvStore>,
    pub(super) tokens: Vec<u32>,
    pub(super) row: Vec<f32>,
}

impl<'a> Session<'a> {
    pub(super) fn new(model: &'a Dummy, prompt: &str) -> Self {
        let store = model.new_store(PAGES, PAGE_SIZE);
        let mut session = Session { model, store, tokens: Vec::new(), row: Vec::new() };
        session.feed(&TOKENIZER.encode(prompt));
        session
    }

    pub(super) fn feed(&mut self, tokens: &[u32]) {
        let start = self.tokens.len() as u32;
        let positions: Vec<u32> = (start..start + tokens.len() as u32).collect();
        let rows = [tokens.len() as u32 - 1];
        let outputs = forward(self.model, &mut *self.store, tokens, &positions, start, None, &rows).unwrap();
        self.row = outputs.logits;
        self.tokens.extend(tokens);
    }

    /// Chooses and feeds tokens up to a stop token, or the number given. Returns them.
    pub(super) fn generate(&mut self, sampler: Sampler, seed: u64, limit: usize) -> Vec<u32> {
        let from = self.tokens.len();
        while self.tokens.len() - from < limit {
            let draw = draw_seed(seed, 1, self.tokens.len() as u64, 0);
            let token = sample(&self.row, None, &sampler, draw, &mut Scratch::default()).unwrap().token;
            self.feed(&[token]);
            if token == TURN || token == END {
                break;
            }
        }
        self.tokens[from..].to_vec()
    }
}

const GREEDY: Sampler = Sampler::TopK { temperature: 0.0, k: 0 };

fn forward(
    model: &Dummy,
    store: &mut dyn KvStore,
    tokens: &[u32],
    positions: &[u32],
    start: u32,
    masks: Option<&[Brle]>,
    rows: &[u32],
) -> Result<Outputs, ModelError> {
    let pages: Vec<PageId> = (0..PAGES).map(PageId).collect();
    let mut outputs = Outputs::default();
    let sequence =
        Sequence { tokens, positions, pages: &pages, start, masks, adapter: None, rows, embeddings: true };
    let batch = Batch { sequences: vec![sequence], page_size: PAGE_SIZE };
    model.forward(&batch, store, &mut outputs).map(|()| outputs)
}

fn asked(message: &str) -> String {
    format!("<|begin|><|user|>{message}<|turn|><|assistant|>")
}

#[test]
fn it_conforms() {
    conformance::check(&*DUMMY, conformance::Options::default()).unwrap();
}
