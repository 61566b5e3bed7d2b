//! The two formats, against each other.

use super::super::random::RopeKind;
use super::super::{Config, RopeScaling, Tensor};
use super::*;

/// What the formats cannot agree on, because one of them has it in its weights or has no word for it.
fn comparable(config: &Config) -> Config {
    let mut config = config.clone();
    config.norm_offset = 0.0;
    config.rope.interleaved = false;
    config.bos = None;
    // As 32 bits, which is what GGUF keeps.
    config.norm_eps = f64::from(config.norm_eps as f32);
    config.rope.scaling = match config.rope.scaling {
        RopeScaling::Yarn { factor, original, beta_fast, beta_slow, attention_factor, truncate } => {
            let attention_factor = f64::from(attention_factor as f32);
            RopeScaling::Yarn { factor, original, beta_fast, beta_slow, attention_factor, truncate }
        }
        RopeScaling::LongRope { short, long, original, attention_factor } => {
            let attention_factor = f64::from(attention_factor as f32);
            RopeScaling::LongRope { short, long, original, attention_factor }
        }
        other => other,
    };
    config
}

#[test]
fn every_architecture_is_the_same_from_either_format() {
    for architecture in Architecture::ALL {
        let folder = Checkpoint::folder(architecture).open().unwrap();
        let gguf = Checkpoint::gguf(architecture, GgmlDType::F32).open().unwrap();
        let (mut one, mut other) = (comparable(&folder.config), comparable(&gguf.config));
        if architecture == Architecture::Mistral {
            // llama.cpp's converter makes it a Llama, and forgets the window.
            (other.architecture, other.sliding_window) = (one.architecture, one.sliding_window.clone());
        }
        if architecture == Architecture::Qwen3Moe {
            one.intermediate_size = other.intermediate_size;
        }
        assert_eq!(one, other);
        let names: Vec<&str> = folder.weights.names().collect();
        assert_eq!(names, gguf.weights.names().collect::<Vec<_>>(), "{architecture:?}");
        for name in names {
            let (one, other) = (folder.weights.require(name).unwrap(), gguf.weights.require(name).unwrap());
            let plain = meant(other, name, &gguf.config);
            let expected: Vec<f32> = one.to_f32().unwrap();
            let expected = match name.ends_with("norm.weight") {
                true => expected.into_iter().map(|weight| weight + folder.config.norm_offset).collect(),
                false => expected,
            };
            assert_eq!((&one.shape, expected), (&other.shape, plain), "{architecture:?} {name}");
        }
        let text = "<|im_start|>user\nthe rain, on 1 éñ's  roof\n";
        assert_eq!(folder.tokenizer.encode(text), gguf.tokenizer.encode(text));
        let turn = |source: &Source| source.chat.user(&source.tokenizer, "hi <|im_end|>");
        assert_eq!(turn(&folder), turn(&gguf));
        let stops = |source: &Source| source.chat.stop_tokens(&source.tokenizer);
        assert_eq!(stops(&folder), stops(&gguf));
        assert_eq!(stops(&folder), folder.config.eos);
    }
}

/// The numbers of a tensor in the order that Hugging Face has.
fn meant(tensor: &Tensor, name: &str, config: &Config) -> Vec<f32> {
    let numbers = tensor.to_f32().unwrap();
    let rotated = name.contains("self_attn.q_proj") || name.contains("self_attn.k_proj");
    if !(config.rope.interleaved && rotated) {
        return numbers;
    }
    let width = numbers.len() / tensor.shape[0];
    let half = config.head_dim / 2;
    let mut meant = vec![0.0; numbers.len()];
    for (row, numbers) in numbers.chunks_exact(width).enumerate() {
        let (head, place) = (row / config.head_dim, row % config.head_dim);
        let to = head * config.head_dim + place / 2 + (place % 2) * half;
        meant[to * width..(to + 1) * width].copy_from_slice(numbers);
    }
    meant
}

#[test]
fn every_kind_of_rotary_scaling_is_the_same_from_either_format() {
    for rope in RopeKind::ALL {
        let recipe = |format| Recipe { rope, format, ..Recipe::new(Architecture::Qwen2) };
        let folder = Checkpoint::of(&recipe(Format::Folder(GgmlDType::F32))).open().unwrap().config;
        let gguf = recipe(Format::Gguf(GgmlDType::F32));
        if rope == RopeKind::Dynamic {
            let error = gguf.write(&TempDir::new().unwrap().path().join("x.gguf")).unwrap_err();
            assert_eq!(error.to_string(), "`the recipe`: `rope_scaling` `dynamic` cannot be said in GGUF");
            continue;
        }
        let gguf = Checkpoint::of(&gguf).open().unwrap().config;
        match (&folder.rope.scaling, &gguf.rope.scaling) {
            (RopeScaling::Llama3 { factor, .. }, RopeScaling::Divided { by }) => {
                assert_eq!((by[0], by.last().copied()), (1.0, Some(*factor as f32)));
                assert!(by.windows(2).all(|pair| pair[0] <= pair[1]), "{by:?}");
            }
            _ => assert_eq!(comparable(&folder).rope.scaling, comparable(&gguf).rope.scaling, "{rope:?}"),
        }
    }
}

#[test]
fn every_type_of_numbers_is_read_from_gguf() {
    use GgmlDType::{BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    for kind in [F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2K, Q3K, Q4K, Q5K, Q6K] {
        let recipe = Recipe {
            format: Format::Gguf(kind),
            hidden_size: 256,
            head_dim: 64,
            intermediate_size: 256,
            layers: 1,
            ..Recipe::new(Architecture::Llama)
        };
        let source = Checkpoint::of(&recipe).open().unwrap();
        let matrix = source.weights.tensor("model.layers.0.mlp.up_proj.weight").unwrap();
        assert_eq!((matrix.kind, matrix.shape), (kind, vec![256, 256]));
        assert_eq!(matrix.bytes.len(), 256 * 256 / kind.block_size() * kind.type_size());
        assert_eq!(matrix.bytes.as_ptr() as usize % 32, 0, "blocks are read where they lie");
    }
}

#[test]
fn the_same_recipe_gives_the_same_bytes_and_another_seed_another_digest() {
    let digest = |seed, format| {
        Checkpoint::of(&Recipe { seed, format, ..Recipe::new(Architecture::Qwen3) }).open().unwrap().digest
    };
    for format in [Format::Folder(GgmlDType::BF16), Format::Gguf(GgmlDType::Q8_0)] {
        assert_eq!(digest(1, format), digest(1, format));
        assert_ne!(digest(1, format), digest(2, format));
    }
    let bytes = || {
        let recipe = Recipe { format: Format::Gguf(GgmlDType::Q4_0), ..Recipe::new(Architecture::Granite) };
        std::fs::read(Checkpoint::of(&recipe).path).unwrap()
    };
    assert_eq!(bytes(), bytes());
}
