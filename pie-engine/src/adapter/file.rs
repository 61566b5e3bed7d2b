//! Adapters as files: safetensors with the names that PEFT gives to the tensors of a LoRA adapter.
//!
//! PEFT keeps settings in a file of their own, `adapter_config.json`; here the same object travels in the metadata, under the key
//! `adapter_config`. A file without it is read with a scale of 1.

use super::Lora;
use crate::model::{LowRank, ModelInfo, Target};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The longest header, in bytes. It is parsed before anything is known about the file.
const MOST_HEADER: u64 = 1 << 20;
/// The largest rank that a file may have.
const MOST_RANK: usize = 256;
/// What PEFT puts before the name of a module.
const PREFIX: &str = "base_model.model.";
const CONFIG: &str = "adapter_config";
const DOWN: &str = "lora_A";
const UP: &str = "lora_B";

/// Why a file is no adapter of this model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FileError {
    /// It is not in the format.
    #[error("the file is not a whole safetensors file: {0}")]
    Format(String),
    /// Its header is longer than is read.
    #[error("the header of the file would have {length} bytes, and {MOST_HEADER} are read at most")]
    Header {
        /// Its length.
        length: u64,
    },
    /// It is an adapter of another model.
    #[error("the adapter was made for another model, `{theirs}`")]
    Model {
        /// That model, or its digest.
        theirs: String,
    },
    /// A setting that is not supported.
    #[error("the file's `adapter_config` is not usable: {0}")]
    Config(String),
    /// A tensor that does not belong to a target.
    #[error("tensor `{name}` changes nothing that adapters of this model may change: {targets}")]
    Unknown {
        /// The tensor.
        name: String,
        /// Targets of the model.
        targets: String,
    },
    /// A tensor has no counterpart.
    #[error("`{module}` has only one of `lora_A` and `lora_B`")]
    Half {
        /// The module.
        module: String,
    },
    /// A tensor has a shape that does not fit.
    #[error("tensor `{name}` has the shape {shape:?}, expected {expected}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What fits.
        expected: String,
    },
    /// A tensor has numbers of a type that is not read.
    #[error("tensor `{name}` has numbers of the type {dtype}; F32, F16 and BF16 are read")]
    Type {
        /// The tensor.
        name: String,
        /// The type.
        dtype: String,
    },
    /// A weight is no number.
    #[error("tensor `{name}` has an entry that is {value}; weights are numbers")]
    Number {
        /// The tensor.
        name: String,
        /// The entry.
        value: f32,
    },
}

/// The part of PEFT's settings that means something here.
#[derive(Debug, Serialize, Deserialize)]
struct Config {
    peft_type: String,
    /// The model's name, and as the revision its digest.
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    #[serde(default)]
    revision: Option<String>,
    r: u32,
    lora_alpha: f32,
    #[serde(default)]
    target_modules: Vec<String>,
    #[serde(default, skip_serializing)]
    use_rslora: bool,
    #[serde(default, skip_serializing)]
    use_dora: bool,
}

/// Writes an adapter.
pub(super) fn write(lora: &Lora, model: &ModelInfo) -> Result<Vec<u8>, FileError> {
    let config = Config {
        peft_type: "LORA".to_owned(),
        base_model_name_or_path: Some(model.name.clone()),
        revision: Some(model.digest.clone()),
        r: lora.rank,
        lora_alpha: lora.alpha,
        target_modules: model.adapter_targets.iter().map(|target| target.name.clone()).collect(),
        use_rslora: false,
        use_dora: false,
    };
    let config = serde_json::to_string(&config).map_err(|error| FileError::Config(error.to_string()))?;
    let rank = lora.rank as usize;
    let mut tensors = Vec::new();
    for (target, layer) in model.adapter_targets.iter().zip(&lora.layers) {
        let (inputs, outputs) = (target.inputs as usize, target.outputs as usize);
        tensors.push((tensor_name(target, DOWN), vec![rank, inputs], bytes(&layer.down)));
        tensors.push((tensor_name(target, UP), vec![outputs, rank], bytes(&layer.up)));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, SafeTensorError>>().map_err(format)?;
    // One entry only: a map with several would be written in another order each time.
    let metadata = HashMap::from([(CONFIG.to_owned(), config)]);
    safetensors::serialize(views, Some(metadata)).map_err(format)
}

/// Reads an adapter of this model. Targets that the file does not name are not changed.
pub(super) fn read(file: &[u8], model: &ModelInfo) -> Result<Lora, FileError> {
    if let Some(length) = file.first_chunk().map(|length| u64::from_le_bytes(*length))
        && length > MOST_HEADER
    {
        return Err(FileError::Header { length });
    }
    let (_, metadata) = SafeTensors::read_metadata(file).map_err(format)?;
    let config = metadata.metadata().as_ref().and_then(|metadata| metadata.get(CONFIG));
    let config = config.map(|config| check_config(config, model)).transpose()?;
    let tensors = SafeTensors::deserialize(file).map_err(format)?;
    // In the order of names, so that of several mistakes always the same is told.
    let mut tensors: BTreeMap<&str, TensorView<'_>> = tensors.iter().collect();

    let mut rank = config.as_ref().map(|config| config.r as usize);
    let mut layers = vec![LowRank::default(); model.adapter_targets.len()];
    for (target, layer) in model.adapter_targets.iter().zip(&mut layers) {
        let [down_name, up_name] = [DOWN, UP].map(|part| tensor_name(target, part));
        let (down, up) = match (tensors.remove(&*down_name), tensors.remove(&*up_name)) {
            (Some(down), Some(up)) => (down, up),
            (None, None) => continue,
            _ => return Err(FileError::Half { module: target.name.clone() }),
        };
        let rank = *rank.get_or_insert(down.shape().first().copied().unwrap_or(0));
        layer.down = numbers(&down_name, &down, [rank, target.inputs as usize])?;
        layer.up = numbers(&up_name, &up, [target.outputs as usize, rank])?;
    }
    if let Some(name) = tensors.keys().next() {
        let names: Vec<&str> = model.adapter_targets.iter().map(|target| &*target.name).collect();
        return Err(FileError::Unknown { name: (*name).to_owned(), targets: names.join(", ") });
    }
    let rank = rank.unwrap_or(1);
    if !(1..=MOST_RANK).contains(&rank) {
        return Err(FileError::Config(format!("the rank is {rank}; 1 to {MOST_RANK} are possible")));
    }
    fill(&mut layers, rank, &model.adapter_targets);
    let rank = rank as u32;
    Ok(Lora { rank, alpha: config.map_or(rank as f32, |config| config.lora_alpha), layers })
}

/// Gives zeros to the layers that have nothing.
fn fill(layers: &mut [LowRank], rank: usize, targets: &[Target]) {
    for (layer, target) in layers.iter_mut().zip(targets) {
        if layer.down.is_empty() {
            layer.down = vec![0.0; rank * target.inputs as usize];
            layer.up = vec![0.0; rank * target.outputs as usize];
        }
    }
}

fn check_config(text: &str, model: &ModelInfo) -> Result<Config, FileError> {
    let config: Config = serde_json::from_str(text).map_err(|error| FileError::Config(error.to_string()))?;
    let refuse = |what: String| Err(FileError::Config(what));
    if config.peft_type != "LORA" {
        return refuse(format!("`peft_type` is `{}`, and only `LORA` is possible", config.peft_type));
    }
    if config.use_rslora || config.use_dora {
        return refuse("`use_rslora` and `use_dora` are not possible".to_owned());
    }
    if !config.lora_alpha.is_finite() {
        return refuse(format!("`lora_alpha` is {}", config.lora_alpha));
    }
    match &config.revision {
        Some(revision) if *revision != model.digest => {
            let theirs = config.base_model_name_or_path.as_deref().unwrap_or("unknown");
            Err(FileError::Model { theirs: format!("{theirs} {revision}") })
        }
        _ => Ok(config),
    }
}

fn tensor_name(target: &Target, part: &str) -> String {
    format!("{PREFIX}{}.{part}.weight", target.name)
}

/// The numbers of a tensor, if it has this shape.
fn numbers(name: &str, tensor: &TensorView<'_>, shape: [usize; 2]) -> Result<Vec<f32>, FileError> {
    if tensor.shape() != shape {
        let (name, expected) = (name.to_owned(), format!("{shape:?}"));
        return Err(FileError::Shape { name, shape: tensor.shape().to_vec(), expected });
    }
    let data = tensor.data();
    let numbers: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
        other => {
            return Err(FileError::Type { name: name.to_owned(), dtype: format!("{other:?}") });
        }
    };
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(&value) => Err(FileError::Number { name: name.to_owned(), value }),
        None => Ok(numbers),
    }
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn format(error: SafeTensorError) -> FileError {
    FileError::Format(error.to_string())
}
