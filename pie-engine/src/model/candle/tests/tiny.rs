//! The model that is part of bakery, on each level of vector instructions.

use super::super::simd::PORTABLE;
use super::super::{Cache, Candle, use_threads};
use crate::ids::PageId;
use crate::model::source::{Limits, Source};
use crate::model::{Batch, Model, Outputs, Sequence};
use std::path::Path;

const PAGE_SIZE: u32 = 16;
/// Tokens behind the prompt.
const STEPS: usize = 4;

/// The bits of the logits behind a prompt and behind each of the likeliest tokens after it.
fn bits(model: &Candle, prompt: &[u32], portable: bool) -> Vec<Vec<u32>> {
    // On this thread, because the level is this thread's.
    use_threads(1);
    PORTABLE.set(portable);
    let mut store = model.new_store(8, PAGE_SIZE);
    let pages: Vec<PageId> = (0..8).map(PageId).collect();
    let (mut tokens, mut start, mut steps) = (prompt.to_vec(), 0, Vec::new());
    for _ in 0..=STEPS {
        let positions: Vec<u32> = (start..start + tokens.len() as u32).collect();
        let rows = [tokens.len() as u32 - 1];
        let sequence = Sequence {
            tokens: &tokens,
            positions: &positions,
            pages: &pages,
            start,
            masks: None,
            adapter: None,
            rows: &rows,
            embeddings: false,
        };
        let mut outputs = Outputs::default();
        let batch = Batch { sequences: vec![sequence], page_size: PAGE_SIZE };
        model.forward(&batch, &mut *store, &mut outputs).unwrap();
        start += tokens.len() as u32;
        let likeliest = (0..outputs.logits.len())
            .max_by(|one, other| outputs.logits[*one].total_cmp(&outputs.logits[*other]));
        tokens = vec![likeliest.unwrap() as u32];
        steps.push(outputs.logits.iter().map(|logit| logit.to_bits()).collect());
    }
    PORTABLE.set(false);
    use_threads(0);
    steps
}

#[test]
fn the_tiny_model_answers_with_the_same_bits_on_every_level() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bakery/models/tiny/tiny.gguf");
    let source = Source::open(&path, "tiny", &Limits::default()).unwrap();
    let prompt =
        [source.chat.user(&source.tokenizer, "Greet Ada."), source.chat.cue(&source.tokenizer)].concat();
    let model = Candle::load(&source, Cache::default()).unwrap();
    let best = bits(&model, &prompt, false);
    assert_eq!(best, bits(&model, &prompt, true));
    assert!(best.iter().skip(1).any(|step| *step != best[0]), "what comes later depends on what came before");
}
