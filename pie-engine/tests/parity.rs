//! Logits against those of HF transformers: checkpoints of all architectures with random weights, in 32 bits.
//!
//! Needs PyTorch, so it is run by `.ci/parity` and left out of `cargo test`. That cuts of a prompt, batches, forks and truncation change no bit is
//! tested by the models' own conformance, which runs here on the same checkpoints.

use pie_engine::brle::Brle;
use pie_engine::ids::PageId;
use pie_engine::model::candle::{Cache, Candle};
use pie_engine::model::conformance::{self, Options};
use pie_engine::model::source::random::{Recipe, RopeKind};
use pie_engine::model::source::{Architecture, Limits, Source};
use pie_engine::model::{Batch, Model, Outputs, Sequence};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// By how much a logit may differ, relative to the greatest of its row.
const TOLERANCE: f32 = 1e-4;
/// Lengths of prompts: one token, less than a block, and more than windows and pages.
const LENGTHS: [usize; 3] = [1, 7, 61];
/// Longer than the texts of the conformance tests, which expect each token to count.
const WINDOW: u32 = 32;
const PAGE_SIZE: u32 = 16;

/// What is computed on either side.
struct Prompt {
    tokens: Vec<u32>,
    /// For each token, which it sees; as usual if there is none.
    mask: Option<Vec<Vec<bool>>>,
}

fn prompts(vocab: u32) -> Vec<Prompt> {
    let token = |index: usize| (index as u32 * 7919 + 13 * (index as u32 % 5)) % vocab;
    let tokens = |length: usize| (0..length).map(token).collect::<Vec<_>>();
    let mut prompts: Vec<Prompt> =
        LENGTHS.iter().map(|length| Prompt { tokens: tokens(*length), mask: None }).collect();
    // No longer than a window: transformers forget windows where they are given a mask.
    let mask = (0..12)
        .map(|row| (0..12).map(|slot| slot == row || (slot < row && (slot * 5 + row) % 3 != 0)).collect());
    prompts.push(Prompt { tokens: tokens(12), mask: Some(mask.collect()) });
    prompts
}

fn runs(mask: &[bool]) -> Brle {
    let mut runs = vec![0];
    for (index, seen) in mask.iter().enumerate() {
        if *seen != (index > 0 && mask[index - 1]) {
            runs.push(0);
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
    }
    Brle(runs)
}

fn compute(model: &dyn Model, prompt: &Prompt) -> Vec<f32> {
    let all: Vec<u32> = (0..prompt.tokens.len() as u32).collect();
    let pages: Vec<PageId> = (0..8).map(PageId).collect();
    let masks = prompt.mask.as_ref().map(|mask| {
        let rows = mask.iter().enumerate().map(|(row, mask)| runs(&mask[..=row]));
        rows.collect::<Vec<_>>()
    });
    let sequence = Sequence {
        tokens: &prompt.tokens,
        positions: &all,
        pages: &pages,
        start: 0,
        masks: masks.as_deref(),
        adapter: None,
        rows: &all,
        embeddings: false,
    };
    let mut outputs = Outputs::default();
    let batch = Batch { sequences: vec![sequence], page_size: PAGE_SIZE };
    model.forward(&batch, &mut *model.new_store(8, PAGE_SIZE), &mut outputs).unwrap();
    outputs.logits
}

/// What transformers compute, for each prompt.
fn expected(folder: &Path, prompts: &[Prompt]) -> Vec<Vec<f32>> {
    let cases: Vec<Value> =
        prompts.iter().map(|prompt| json!({ "tokens": prompt.tokens, "mask": prompt.mask })).collect();
    std::fs::write(folder.join("prompts.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    let python =
        std::env::var("PARITY_PYTHON").expect("`PARITY_PYTHON` names a Python with torch and transformers");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/logits.py");
    let status = Command::new(python).arg(script).arg(folder).status().unwrap();
    assert!(status.success(), "transformers cannot compute the checkpoint");
    let results = std::fs::read(folder.join("logits.bin")).unwrap();
    let mut numbers = results.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let results = prompts
        .iter()
        .map(|prompt| {
            let vocab = numbers.next().unwrap() as usize;
            numbers.by_ref().take(vocab * prompt.tokens.len()).collect()
        })
        .collect();
    assert_eq!(numbers.next(), None);
    results
}

fn compare(recipe: &Recipe) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    recipe.write(folder.path()).unwrap();
    let source = Source::open(folder.path(), "random", &Limits::default()).unwrap();
    let model = Candle::load(&source, Cache::F32).unwrap();
    let vocab = model.info().vocab_size;
    let prompts = prompts(vocab);
    let mut failures = Vec::new();
    let mut worst = 0.0f32;
    for (prompt, expected) in prompts.iter().zip(expected(folder.path(), &prompts)) {
        let computed = compute(&model, prompt);
        assert_eq!(computed.len(), expected.len());
        let rows = computed.chunks(vocab as usize).zip(expected.chunks(vocab as usize));
        for (row, (computed, expected)) in rows.enumerate() {
            let greatest = expected.iter().fold(0.0f32, |greatest, logit| greatest.max(logit.abs()));
            let furthest = computed.iter().zip(expected).fold(0.0f32, |far, (a, b)| far.max((a - b).abs()));
            worst = worst.max(furthest / greatest);
            if furthest.is_nan() || furthest > TOLERANCE * greatest {
                let length = prompt.tokens.len();
                failures.push(format!("row {row} of {length}: {furthest} of {greatest}"));
            }
        }
    }
    let name = format!("{} with {:?} positions", recipe.architecture.name(), recipe.rope);
    println!("{name}: {worst:.1e}");
    if let Err(failure) = conformance::check(&model, Options { removal_tolerance: 1e-3 }) {
        failures.push(failure.to_string());
    }
    failures.truncate(4);
    failures.iter().map(|failure| format!("{name}: {failure}")).collect()
}

#[test]
#[ignore = "needs PyTorch: run by `.ci/parity`"]
fn logits_are_those_of_transformers() {
    let recipe = |architecture| Recipe { window: WINDOW, ..Recipe::new(architecture) };
    let architectures = Architecture::ALL.into_iter().map(recipe);
    let ropes = RopeKind::ALL.into_iter().filter(|rope| *rope != RopeKind::Plain);
    let positions = ropes.map(|rope| {
        let architecture = if rope == RopeKind::LongRope { Architecture::Phi3 } else { Architecture::Llama };
        Recipe { rope, seed: 5, ..recipe(architecture) }
    });
    let failures: Vec<String> = architectures.chain(positions).flat_map(|recipe| compare(&recipe)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
