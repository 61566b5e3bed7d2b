//! Tokens a second of models with weights, on the machine's cores: prompts, and single tokens behind short and long contexts, alone and beside others.
//!
//! `cargo bench -p pie-engine --bench decoder -- [llama|qwen3] [q4k|q8_0|f32]` makes a checkpoint of that shape with random weights: a Llama of 100 million weights, or
//! Qwen3-0.6B. `file PATH` measures with a checkpoint that is there. `tests/bench/llama` holds the same against llama.cpp.

use candle_core::quantized::GgmlDType;
use pie_engine::ids::PageId;
use pie_engine::model::candle::{Cache, Candle};
use pie_engine::model::source::random::{Format, Recipe};
use pie_engine::model::source::{Architecture, Limits, Source};
use pie_engine::model::{Batch, KvStore, Model, Outputs, Sequence};
use std::path::{Path, PathBuf};
use std::time::Instant;

const PAGE_SIZE: u32 = 16;
const PAGES: u32 = 1024;
/// Measurements of each row, unless the variable `ROUNDS` has another number; the median counts.
const ROUNDS: usize = 5;
/// Steps in a measurement of single tokens.
const STEPS: u32 = 16;
/// Sequences beside each other.
const BESIDE: u32 = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = if argument(0, "") == "file" {
        PathBuf::from(argument(1, ""))
    } else {
        let path = folder.path().join("model.gguf");
        let recipe = recipe(&argument(0, "llama"), &argument(1, "q8_0"));
        recipe.write(&path).expect("the checkpoint can be written");
        path
    };
    let begun = Instant::now();
    let model = load(&path);
    println!("loaded in {:.2} s: {}", begun.elapsed().as_secs_f64(), model.info().kernel);
    report_memory();
    for length in [128, 512] {
        report(&format!("prefill {length}"), f64::from(length), || {
            let mut contexts = Contexts::new(&model);
            let begun = Instant::now();
            contexts.extend(&[0], length);
            begun.elapsed().as_secs_f64()
        });
    }
    for length in [128, 1024] {
        let mut contexts = Contexts::new(&model);
        contexts.extend(&[0], length);
        report(&format!("decode @{length}"), f64::from(STEPS), || contexts.steps(&[0], length));
    }
    let all: Vec<u32> = (0..BESIDE).collect();
    for shared in [true, false] {
        let mut contexts = Contexts::new(&model);
        if shared {
            contexts.extend(&[0], 512);
            contexts.share(512);
        } else {
            all.iter().for_each(|context| contexts.extend(&[*context], 512));
        }
        let name = if shared { "8 on one prefix of 512" } else { "8 with 512 of their own" };
        report(name, f64::from(STEPS * BESIDE), || contexts.steps(&all, 512));
    }
}

fn recipe(shape: &str, kind: &str) -> Recipe {
    let kind = match kind {
        "q4k" => GgmlDType::Q4K,
        "q8_0" => GgmlDType::Q8_0,
        _ => GgmlDType::F32,
    };
    let recipe = match shape {
        "qwen3" => Recipe {
            hidden_size: 1024,
            layers: 28,
            heads: 16,
            kv_heads: 8,
            head_dim: 128,
            intermediate_size: 3072,
            vocab_size: 151_936,
            tied: true,
            ..Recipe::new(Architecture::Qwen3)
        },
        _ => Recipe {
            hidden_size: 768,
            layers: 12,
            heads: 12,
            kv_heads: 4,
            head_dim: 64,
            intermediate_size: 2048,
            vocab_size: 32_000,
            ..Recipe::new(Architecture::Llama)
        },
    };
    Recipe { format: Format::Gguf(kind), max_positions: 4096, ..recipe }
}

fn load(path: &Path) -> Candle {
    let source = Source::open(path, "measured", &Limits::default()).expect("the checkpoint can be opened");
    Candle::load(&source, Cache::F16).expect("the checkpoint can be loaded")
}

/// Prints how fast two threads read memory that no cache holds: what single tokens cannot be faster than.
fn report_memory() {
    let numbers = vec![1u64; 1 << 26];
    let read = |part: &[u64]| part.iter().fold(0u64, |sum, number| sum.wrapping_add(*number));
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let sums: Vec<u64> = std::thread::scope(|scope| {
            let parts: Vec<_> =
                numbers.chunks(numbers.len() / 2).map(|part| scope.spawn(move || read(part))).collect();
            parts.into_iter().map(|part| part.join().expect("sums do not fail")).collect()
        });
        assert_eq!(sums.iter().sum::<u64>(), numbers.len() as u64);
        best = best.min(begun.elapsed().as_secs_f64());
    }
    println!("memory: {:.1} GB/s", 8.0 * numbers.len() as f64 / best / 1e9);
}

/// Prints a median of tokens a second.
fn report(name: &str, tokens: f64, mut measure: impl FnMut() -> f64) {
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    if std::env::var("ROWS").is_ok_and(|part| !name.contains(&part)) {
        return;
    }
    measure();
    let mut rates: Vec<f64> = (0..rounds).map(|_| tokens / measure()).collect();
    rates.sort_by(f64::total_cmp);
    println!("{name}: {:.1} tokens/s", rates[rounds / 2]);
}

/// Sequences on a store, each with a row of pages of its own but for those it shares.
struct Contexts<'a> {
    model: &'a Candle,
    store: Box<dyn KvStore>,
    pages: Vec<Vec<PageId>>,
    filled: Vec<u32>,
    outputs: Outputs,
}

impl<'a> Contexts<'a> {
    fn new(model: &'a Candle) -> Self {
        let each = PAGES / BESIDE;
        let pages = (0..BESIDE).map(|context| (context * each..(context + 1) * each).map(PageId).collect());
        Contexts {
            model,
            store: model.new_store(PAGES, PAGE_SIZE),
            pages: pages.collect(),
            filled: vec![0; BESIDE as usize],
            outputs: Outputs::default(),
        }
    }

    /// Gives all contexts the first tokens of the first one.
    fn share(&mut self, tokens: u32) {
        let pages = (tokens / PAGE_SIZE) as usize;
        let (first, others) = self.pages.split_at_mut(1);
        others.iter_mut().for_each(|of_other| of_other[..pages].copy_from_slice(&first[0][..pages]));
        self.filled.fill(tokens);
    }

    fn extend(&mut self, contexts: &[u32], tokens: u32) {
        let ids: Vec<u32> = (0..tokens).map(|index| 300 + index % 50).collect();
        let positions: Vec<Vec<u32>> = contexts
            .iter()
            .map(|context| {
                let start = self.filled[*context as usize];
                (start..start + tokens).collect()
            })
            .collect();
        let rows = [tokens - 1];
        let sequences = contexts.iter().zip(&positions).map(|(context, positions)| Sequence {
            tokens: &ids,
            positions,
            pages: &self.pages[*context as usize],
            start: self.filled[*context as usize],
            masks: None,
            adapter: None,
            rows: &rows,
            embeddings: false,
        });
        let batch = Batch { sequences: sequences.collect(), page_size: PAGE_SIZE };
        self.model.forward(&batch, &mut *self.store, &mut self.outputs).expect("the batch can be computed");
        contexts.iter().for_each(|context| self.filled[*context as usize] += tokens);
    }

    /// Single tokens from a length on; how many seconds they take.
    fn steps(&mut self, contexts: &[u32], length: u32) -> f64 {
        contexts.iter().for_each(|context| self.filled[*context as usize] = length);
        let begun = Instant::now();
        for _ in 0..STEPS {
            self.extend(contexts, 1);
        }
        begun.elapsed().as_secs_f64()
    }
}
