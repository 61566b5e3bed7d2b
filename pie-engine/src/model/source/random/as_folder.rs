//! A random checkpoint as Hugging Face lays it out.

use super::super::SourceError;
use super::super::config::Config;
use super::{numbers, tokenizer};
use candle_core::quantized::GgmlDType;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

pub(super) fn write(
    folder: &Path,
    settings: &Value,
    config: &Config,
    tokenizer: &tokenizer::Made,
    kind: GgmlDType,
    seed: u64,
) -> Result<(), SourceError> {
    let texts = [
        ("config.json", settings.clone()),
        ("generation_config.json", json!({"eos_token_id": tokenizer.ends(), "pad_token_id": tokenizer.end})),
        ("tokenizer.json", tokenizer.json(config.vocab_size)),
        ("tokenizer_config.json", tokenizer.config()),
    ];
    for (name, value) in texts {
        let path = folder.join(name);
        let text = format!("{value:#}\n");
        std::fs::write(&path, text).map_err(|error| unwritable(&path, error))?;
    }
    let path = folder.join("model.safetensors");
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = config
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let bytes = packed(&numbers(seed, &name, &shape, config), kind);
            (name, shape, bytes)
        })
        .collect();
    let dtype = match kind {
        GgmlDType::F16 => Dtype::F16,
        GgmlDType::BF16 => Dtype::BF16,
        _ => Dtype::F32,
    };
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes);
        view.map(|view| (name, view)).map_err(|error| unwritable(&path, error))
    });
    let views = views.collect::<Result<Vec<_>, SourceError>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(views, Some(metadata), &path).map_err(|error| unwritable(&path, error))
}

fn packed(numbers: &[f32], kind: GgmlDType) -> Vec<u8> {
    match kind {
        GgmlDType::F16 => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
        GgmlDType::BF16 => numbers.iter().flat_map(|number| bf16::from_f32(*number).to_le_bytes()).collect(),
        _ => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
    }
}

pub(super) fn unwritable(path: &Path, error: impl ToString) -> SourceError {
    SourceError::Write { path: path.display().to_string(), reason: error.to_string() }
}
