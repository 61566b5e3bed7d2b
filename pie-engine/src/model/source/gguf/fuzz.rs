//! Headers that nobody wrote: they are refused, or read, and each list in them ends.

use super::header::{self, Value};
use proptest::prelude::*;

const KEYS: [&str; 8] = [
    "general.architecture",
    "general.alignment",
    "llama.block_count",
    "llama.attention.head_count_kv",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.scores",
    "blk.0.attn_q.weight",
    "",
];

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A piece of a header: what may come next, and what may not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(&KEYS[..]).prop_map(string),
        4 => (0_u32..14).prop_map(|kind| kind.to_le_bytes().to_vec()),
        2 => (0_u64..40).prop_map(|count| count.to_le_bytes().to_vec()),
        1 => any::<u64>().prop_map(|count| count.to_le_bytes().to_vec()),
        1 => (9_u32..10, 0_u32..14, 0_u64..9).prop_map(|(list, kind, count)| {
            [&list.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes()].concat()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..24),
    ]
}

/// Walks over a value and all that is in it.
fn walk(value: Value<'_>) -> usize {
    match value {
        Value::List(list) => list.values().map(walk).sum::<usize>() + 1,
        value => usize::from(value.text().is_some() || value.number().is_some() || value.flag().is_some()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_header_panics_or_leads_outside_of_its_file(
        tensors in 0_u64..4,
        settings in 0_u64..5,
        pieces in prop::collection::vec(piece(), 0..40),
        rest in 0_usize..300,
    ) {
        let mut bytes = [&b"GGUF"[..], &3_u32.to_le_bytes(), &tensors.to_le_bytes(), &settings.to_le_bytes()].concat();
        bytes.extend(pieces.concat());
        bytes.resize(bytes.len() + rest, 0);
        if let Ok(header) = header::read(&bytes, "fuzzed") {
            for info in &header.tensors {
                prop_assert!(info.start <= info.end && info.end <= bytes.len());
            }
            let values: usize = header.settings.values().map(|value| walk(*value)).sum();
            prop_assert!(values <= bytes.len());
        }
    }

    #[test]
    fn bytes_of_any_kind_are_no_header(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(header::read(&bytes, "fuzzed").is_err());
    }
}
