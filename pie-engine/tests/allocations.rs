//! What a step of a model with weights asks of the allocator.

use candle_core::quantized::GgmlDType;
use pie_engine::ids::PageId;
use pie_engine::model::candle::{Cache, Candle};
use pie_engine::model::source::random::{Format, Recipe};
use pie_engine::model::source::{Architecture, Limits, Source};
use pie_engine::model::{Batch, KvStore, Model, Outputs, Sequence};

const PAGE_SIZE: u32 = 16;

/// Computes one token behind `start` others in each of two contexts, which are the same up to the end of their common page.
fn step(model: &Candle, store: &mut dyn KvStore, outputs: &mut Outputs, start: u32) -> u64 {
    let (tokens, positions, rows) = ([7 + start], [start], [0]);
    let pages = [[PageId(0), PageId(1)], [PageId(0), PageId(2)]];
    let sequences = pages.iter().map(|pages| Sequence {
        tokens: &tokens,
        positions: &positions,
        pages,
        start,
        masks: None,
        adapter: None,
        rows: &rows,
        embeddings: false,
    });
    let batch = Batch { sequences: sequences.collect(), page_size: PAGE_SIZE };
    let measured = allocation_counter::measure(|| model.forward(&batch, store, outputs).unwrap());
    measured.count_total
}

#[test]
fn a_step_on_pages_that_are_there_allocates_nothing() {
    for (architecture, kind) in [
        (Architecture::Llama, GgmlDType::F32),
        (Architecture::Qwen3, GgmlDType::Q8_0),
        (Architecture::Gemma3, GgmlDType::Q4K),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        let recipe = Recipe { hidden_size: 256, format: Format::Gguf(kind), ..Recipe::new(architecture) };
        recipe.write(&path).unwrap();
        let source = Source::open(&path, "m", &Limits::default()).unwrap();
        let model = Candle::load(&source, Cache::AsWeights).unwrap();
        let mut store = model.new_store(4, PAGE_SIZE);
        let mut outputs = Outputs::default();
        // The first steps make pages and buffers.
        let counts: Vec<u64> = (0..24).map(|start| step(&model, &mut *store, &mut outputs, start)).collect();
        assert!(counts[0] > 0, "nothing is counted");
        assert_eq!(counts[20..], [0; 4], "{architecture:?} {kind:?}: {counts:?}");
    }
}
