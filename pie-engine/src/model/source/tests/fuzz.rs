//! Settings and safetensors headers that nobody wrote. Those of GGUF files are beside their reader.

use super::super::{config_json, safetensors};
use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const KEYS: [&str; 30] = [
    "model_type",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "sliding_window",
    "layer_types",
    "use_sliding_window",
    "partial_rotary_factor",
    "num_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "decoder_sparse_step",
    "mlp_only_layers",
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "sliding_window_pattern",
    "eos_token_id",
    "text_config",
    "logits_scaling",
    "attention_multiplier",
    "tie_word_embeddings",
];

/// A value that some setting might have, and none should.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(&[0_i64, 1, 2, 3, 64, 1024, -1, 1 << 33, i64::MAX][..]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(
            &["llama", "gemma3", "linear", "yarn", "longrope", "full_attention", "silu", ""][..]
        )
        .prop_map(Value::from),
        prop::collection::vec(any::<u16>(), 0..5).prop_map(Value::from),
        Just(json!({"rope_type": "longrope", "short_factor": [0.0], "long_factor": ["x"]})),
        Just(
            json!({"rope_type": "yarn", "factor": 0, "beta_fast": 1e308, "mscale": 1, "mscale_all_dim": -1e9})
        ),
        Just(
            json!({"full_attention": {"rope_type": "dynamic", "factor": -1}, "sliding_attention": {"rope_theta": "x"}})
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn settings_that_make_no_sense_are_refused_and_those_that_do_have_tensors_of_some_size(
        architecture in prop::sample::select(&Architecture::ALL[..]),
        changes in prop::collection::vec((prop::sample::select(&KEYS[..]), value()), 0..5),
    ) {
        let recipe = Recipe { layers: 2, ..Recipe::new(architecture) };
        let mut settings: Map<String, Value> = recipe.as_settings().as_object().unwrap().clone();
        for (key, value) in changes {
            settings.insert(key.to_owned(), value);
        }
        if let Ok(config) = config_json::read(&Value::Object(settings), "fuzzed") {
            let tensors = config.tensors();
            prop_assert!(tensors.iter().all(|(_, shape)| shape.iter().all(|length| *length > 0)));
            prop_assert_eq!(config.sliding_window.len(), config.layers);
        }
    }

    #[test]
    fn a_safetensors_header_of_any_kind_is_refused_or_ends_within_its_file(
        length in prop_oneof![any::<u64>(), 0_u64..200],
        offsets in prop::collection::vec(prop::sample::select(&[0_u64, 4, 8, 16, 1 << 40, u64::MAX][..]), 2),
        shape in prop::collection::vec(prop::sample::select(&[0_u64, 1, 2, 1 << 32, u64::MAX][..]), 0..4),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let header = json!({"t": {"dtype": "F32", "shape": shape, "data_offsets": offsets}}).to_string();
        for length in [length, header.len() as u64] {
            let bytes = [&length.to_le_bytes()[..], header.as_bytes(), &rest].concat();
            if let Ok((start, metadata)) = safetensors::header(&bytes, "fuzzed") {
                prop_assert!(start + metadata.data_len() <= bytes.len());
            }
        }
    }
}
