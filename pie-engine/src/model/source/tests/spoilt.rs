//! Checkpoints with something wrong: each gets an error that names it, and nothing panics.

use super::super::random::RopeKind;
use super::*;
use crate::splitmix::splitmix64;
use serde_json::{Value, json};

/// The whole of an error, with its causes, and without the place of the folder.
fn refusal(checkpoint: &Checkpoint) -> String {
    let error = checkpoint.open().expect_err("it is spoilt");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text.replace(&checkpoint.folder.path().display().to_string(), "DIR")
}

fn settings(change: impl FnOnce(&mut Value)) -> String {
    settings_of(Architecture::Llama, change)
}

fn settings_of(architecture: Architecture, change: impl FnOnce(&mut Value)) -> String {
    let checkpoint = Checkpoint::folder(architecture);
    checkpoint.edit("config.json", |text| {
        let mut value: Value = serde_json::from_slice(&text).unwrap();
        change(&mut value);
        value.to_string().into_bytes()
    });
    refusal(&checkpoint)
}

#[test]
fn a_file_that_is_missing_is_named() {
    let without = |file: &str| {
        let checkpoint = Checkpoint::folder(Architecture::Llama);
        std::fs::remove_file(checkpoint.folder.path().join(file)).unwrap();
        refusal(&checkpoint)
    };
    assert_eq!(without("tokenizer.json"), "`DIR` has no `tokenizer.json`");
    assert_eq!(
        without("model.safetensors"),
        "`DIR` has no weights: neither `model.safetensors` nor `model.safetensors.index.json`"
    );
    assert_eq!(
        without("config.json"),
        "`DIR` is no model: a model is a folder with a `config.json`, as Hugging Face lays them out, or a `.gguf` file"
    );
    let nowhere = Source::open(std::path::Path::new("/nowhere"), "x", &Limits::default()).unwrap_err();
    assert_eq!(nowhere.to_string(), "there is no `/nowhere`");
    // Settings of the tokenizer can be done without.
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    std::fs::remove_file(checkpoint.folder.path().join("tokenizer_config.json")).unwrap();
    let plain = checkpoint.open().unwrap();
    assert_eq!(plain.chat.user(&plain.tokenizer, "hi"), plain.tokenizer.encode_text("hi"));
}

#[test]
fn a_setting_that_makes_no_sense_is_named_with_what_was_expected() {
    let known = "known are `llama`, `mistral`, `qwen2`, `qwen3`, `qwen3_moe`, `gemma2`, `gemma3`, `phi3`, `olmo2`, `granite`";
    assert_eq!(
        settings(|settings| settings["model_type"] = json!("mamba")),
        format!("`DIR/config.json`: the architecture `mamba` is not known; {known}")
    );
    let cases: [(&str, Value, &str); 9] = [
        ("model_type", Value::Null, "`model_type` is missing"),
        ("hidden_size", json!("64"), "`hidden_size` is \"64\"; expected a whole number up to 131072"),
        (
            "num_hidden_layers",
            json!(1 << 20),
            "`num_hidden_layers` is 1048576; expected a whole number up to 1024",
        ),
        ("num_key_value_heads", json!(3), "`num_key_value_heads` is 3, which does not divide 4 heads"),
        ("num_attention_heads", json!(0), "`num_attention_heads` is 0; it has to be from 1 to 2048"),
        ("hidden_act", json!("relu"), "`hidden_act` is \"relu\"; expected `silu` or `gelu_pytorch_tanh`"),
        ("rope_theta", json!(0.5), "`rope_theta` is 0.5; it has to be above 1"),
        (
            "rope_scaling",
            json!({"rope_type": "spiral"}),
            "`rope_type` is \"spiral\"; expected `default`, `linear`, `dynamic`, `yarn`, `llama3` or `longrope`",
        ),
        ("rope_scaling", json!({"rope_type": "linear"}), "`factor` is missing"),
    ];
    for (key, value, message) in cases {
        assert_eq!(settings(|settings| settings[key] = value), format!("`DIR/config.json`: {message}"));
    }
    let quantized = settings(|settings| settings["quantization_config"] = json!({"quant_method": "gptq"}));
    assert!(quantized.contains("a GGUF file is"), "{quantized}");
    let windows =
        settings_of(Architecture::Qwen3, |settings| settings["layer_types"] = json!(["full_attention"]));
    assert!(
        windows.ends_with("expected `sliding_attention` or `full_attention` for each of 2 layers"),
        "{windows}"
    );
}

#[test]
fn weights_that_do_not_fit_the_settings_are_named_with_both_shapes() {
    assert_eq!(
        settings(|settings| settings["intermediate_size"] = json!(96)),
        "tensor `model.layers.0.mlp.gate_proj.weight` has the shape [128, 64], and the settings ask for [96, 64]"
    );
    assert_eq!(
        settings(|settings| settings["attention_bias"] = json!(true)),
        "the weights have no tensor `model.layers.0.self_attn.q_proj.bias`"
    );
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    checkpoint.edit("model.safetensors", |bytes| bytes[..bytes.len() - 1].to_vec());
    let cut = refusal(&checkpoint);
    assert!(cut.starts_with("`DIR/model.safetensors` is cut off: tensor `"), "{cut}");
}

#[test]
fn tensors_that_no_setting_asks_for_do_not_count() {
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    let untied = checkpoint.open().unwrap();
    checkpoint.edit("config.json", |text| {
        let mut value: Value = serde_json::from_slice(&text).unwrap();
        value["tie_word_embeddings"] = json!(true);
        value.to_string().into_bytes()
    });
    let tied = checkpoint.open().unwrap();
    assert!(tied.weights.tensor("lm_head.weight").is_none());
    assert_eq!(untied.weights.bytes() - tied.weights.bytes(), 320 * 64 * 4);
}

#[test]
fn a_template_that_fails_is_said_to_before_anything_runs() {
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    std::fs::write(checkpoint.folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
    let refused = refusal(&checkpoint);
    assert!(refused.starts_with("the chat template of model `tested` cannot be used: "), "{refused}");
}

#[test]
fn a_tokenizer_with_tokens_beyond_the_weights_does_not_match() {
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    checkpoint.edit("tokenizer.json", |text| {
        let mut value: Value = serde_json::from_slice(&text).unwrap();
        let vocabulary = value["model"]["vocab"].as_object_mut().unwrap();
        let first = vocabulary.len();
        (0..64).for_each(|more| drop(vocabulary.insert(format!("more{more}"), json!(first + more))));
        value.to_string().into_bytes()
    });
    assert_eq!(
        refusal(&checkpoint),
        "the tokenizer of `tested` does not fit: it has 384 token ids, and the weights have 320"
    );
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    checkpoint.edit("tokenizer.json", |_| b"{}".to_vec());
    assert!(
        refusal(&checkpoint)
            .starts_with("the tokenizer in `DIR/tokenizer.json` cannot be used: malformed tokenizer")
    );
}

#[test]
fn a_model_larger_than_memory_is_refused_before_it_is_read() {
    let checkpoint = Checkpoint::gguf(Architecture::Llama, GgmlDType::Q8_0);
    let needed = checkpoint.open().unwrap().weights.bytes();
    let within = |memory| Source::open(&checkpoint.path, "tested", &Limits { memory: Some(memory) });
    assert!(within(needed).is_ok());
    assert_eq!(
        within(needed - 1).unwrap_err(),
        SourceError::TooLarge { model: "tested".into(), needed, available: needed - 1 }
    );
}

#[test]
fn a_weight_that_is_no_number_is_found_when_it_is_read() {
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    checkpoint.edit("model.safetensors", |mut bytes| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    });
    let source = checkpoint.open().unwrap();
    let spoilt: Vec<SourceError> =
        source.weights.iter().filter_map(|(_, tensor)| tensor.to_f32().err()).collect();
    assert!(matches!(spoilt.as_slice(), [SourceError::NotFinite { .. }]), "{spoilt:?}");
}

#[test]
fn shards_are_put_together_and_one_that_is_missing_is_named() {
    let checkpoint = Checkpoint::folder(Architecture::Llama);
    let whole = checkpoint.open().unwrap();
    let folder = checkpoint.folder.path();
    let names: Vec<String> = whole.weights.names().map(str::to_owned).collect();
    let (first, second) = names.split_at(names.len() / 2);
    let mut index = serde_json::Map::new();
    for (number, names) in [(1, first), (2, second)] {
        let file = format!("model-0000{number}-of-00002.safetensors");
        let views = names.iter().map(|name| {
            let view = whole.weights.tensor(name).unwrap();
            (
                name,
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, view.shape, view.bytes)
                    .unwrap(),
            )
        });
        safetensors::serialize_to_file(views, None, &folder.join(&file)).unwrap();
        names.iter().for_each(|name| drop(index.insert(name.clone(), json!(file))));
    }
    let digest = whole.digest.clone();
    drop(whole);
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    let write = |index: &Value| {
        std::fs::write(folder.join("model.safetensors.index.json"), json!({"weight_map": index}).to_string())
            .unwrap();
    };
    write(&index.clone().into());
    assert_eq!(checkpoint.open().unwrap().digest, digest);
    index.insert("more".into(), json!("../outside.safetensors"));
    write(&index.clone().into());
    assert!(
        refusal(&checkpoint).contains("`../outside.safetensors` is no name of a file in the same folder")
    );
    index.insert("more".into(), json!("model-00001-of-00002.safetensors"));
    write(&index.clone().into());
    assert!(refusal(&checkpoint).contains("`more` is not in `model-00001-of-00002.safetensors`"));
    std::fs::remove_file(folder.join("model-00002-of-00002.safetensors")).unwrap();
    assert!(refusal(&checkpoint).contains("has no `model-00002-of-00002.safetensors`, which"));
}

#[test]
fn no_change_of_a_few_bytes_makes_a_header_panic_or_hang() {
    let gguf = Checkpoint::of(&Recipe {
        format: Format::Gguf(GgmlDType::Q4_0),
        rope: RopeKind::LongRope,
        ..Recipe::new(Architecture::Phi3)
    });
    let folder = Checkpoint::folder(Architecture::Qwen3Moe);
    let whole = std::fs::read(&gguf.path).unwrap();
    // The tensors are the larger part of the file, and everything before them is read.
    let header = whole.windows(10).rposition(|window| window == b"output_nor").unwrap() + 64;
    for seed in 0..400 {
        gguf.edit("model.gguf", |_| spoil(&whole, header, seed));
        let _ = gguf.open();
    }
    for file in ["config.json", "model.safetensors", "tokenizer_config.json", "generation_config.json"] {
        let whole = std::fs::read(folder.folder.path().join(file)).unwrap();
        let header = whole.len().min(6000);
        for seed in 0..100 {
            folder.edit(file, |_| spoil(&whole, header, seed));
            let _ = folder.open();
        }
        folder.edit(file, |_| whole);
    }
    assert!(folder.open().is_ok());
}

/// The bytes with some of the first ones changed, left out or put in, or the end cut off.
fn spoil(whole: &[u8], header: usize, seed: u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut state = splitmix64(seed);
    let mut draw = |below: usize| {
        state = splitmix64(state);
        (state % below.max(1) as u64) as usize
    };
    for _ in 0..=draw(3) {
        let at = draw(header.min(bytes.len()));
        match draw(6) {
            0 => bytes[at] = draw(256) as u8,
            1 => bytes[at] ^= 1 << draw(8),
            2 => drop(bytes.drain(at..(at + 1 + draw(8)).min(bytes.len()))),
            3 => bytes.insert(at, draw(256) as u8),
            4 => bytes.truncate(at.max(1)),
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

#[test]
fn a_gguf_file_that_is_wrong_is_refused_with_the_place() {
    let checkpoint = Checkpoint::gguf(Architecture::Llama, GgmlDType::F32);
    let whole = std::fs::read(&checkpoint.path).unwrap();
    let refused = |bytes: &[u8]| {
        checkpoint.edit("model.gguf", |_| bytes.to_vec());
        refusal(&checkpoint)
    };
    let patched = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    assert_eq!(refused(b"GGML"), "`DIR/model.gguf` is not valid: it does not begin with `GGUF`");
    assert_eq!(
        refused(b"GG"),
        "`DIR/model.gguf` is cut off: the first word would end at byte 4, and the file has 2"
    );
    assert_eq!(
        refused(&patched(4, &[1])),
        "`DIR/model.gguf` is not valid: it is GGUF of version 1; read are [2, 3]"
    );
    assert_eq!(
        refused(&patched(4, &[0, 0, 0, 3])),
        "`DIR/model.gguf` is not valid: it is GGUF of version 3, with the bytes of numbers turned round; read are [2, 3]"
    );
    assert_eq!(
        refused(&patched(8, &u64::MAX.to_le_bytes())),
        format!(
            "`DIR/model.gguf` is not valid: the number of tensors is {}, and 131072 are read at most",
            u64::MAX
        )
    );
    let cut = refused(&whole[..whole.len() - 64]);
    assert!(cut.starts_with("`DIR/model.gguf` is cut off: tensor `"), "{cut}");
    let find = |text: &str| whole.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    assert_eq!(
        refused(&patched(find("general.alignment") + 17 + 4, &[0])),
        "`DIR/model.gguf`: `general.alignment` is no multiple of 8 that makes sense"
    );
    // Key, type, length, then the text.
    assert!(
        refused(&patched(find("general.architecture") + 20 + 4 + 8, b"mamba"))
            .contains("the architecture `mamba` is not known")
    );
    let cut_words = refused(&patched(find("tokenizer.ggml.pre") + 18 + 4 + 8, b"gpt-9"));
    assert!(
        cut_words.contains("`tokenizer.ggml.pre` is `gpt-9`; known ways to cut words are `gpt-2`"),
        "{cut_words}"
    );
    // The name, then two dimensions of eight bytes, then the type.
    let kind = refused(&patched(find("blk.0.attn_q.weight") + 19 + 4 + 16, &[16]));
    assert!(
        kind.contains("tensor `blk.0.attn_q.weight` has numbers of the type IQ2_XXS; read are"),
        "{kind}"
    );
}

#[test]
fn a_part_of_a_split_file_that_is_missing_is_named() {
    let checkpoint = Checkpoint::gguf(Architecture::Llama, GgmlDType::F32);
    let first = checkpoint.folder.path().join("m-00001-of-00002.gguf");
    std::fs::rename(&checkpoint.path, &first).unwrap();
    let error = Source::open(&first, "m", &Limits::default()).unwrap_err().to_string();
    assert!(error.ends_with("has no `m-00002-of-00002.gguf`, a part of the model"), "{error}");
}
