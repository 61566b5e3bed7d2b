//! Weights in safetensors, in one file or several.
//!
//! The header is parsed and checked by the `safetensors` library. Its length and where the data ends are looked at here, because the
//! library adds these numbers without looking whether they overflow, and says less about what is wrong.

use super::SourceError;
use super::mapping;
use super::weights::{Tensor, Weights};
use candle_core::quantized::GgmlDType;
use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The longest header in bytes; the library's limit.
const MOST_HEADER: u64 = 100_000_000;
/// Bytes of the header's length.
const LENGTH: usize = 8;

/// Which file has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The weights in a folder.
pub(super) fn read_folder(folder: &Path) -> Result<Weights, SourceError> {
    let mut tensors = BTreeMap::new();
    let index = folder.join(INDEX);
    if !index.exists() {
        let single = folder.join(SINGLE);
        if !single.exists() {
            return Err(missing(folder));
        }
        read_file(&single, &mut tensors)?;
        return Ok(named(tensors));
    }
    let shown = index.display().to_string();
    let text = std::fs::read(&index)
        .map_err(|error| SourceError::Read { path: shown.clone(), reason: error.to_string() })?;
    let Index { weight_map } =
        serde_json::from_slice(&text).map_err(|error| SourceError::malformed(&shown, error))?;
    let files: BTreeSet<&String> = weight_map.values().collect();
    for file in files {
        if Path::new(file).file_name().is_none_or(|name| name.to_str() != Some(file)) {
            let reason = format!("`{file}` is no name of a file in the same folder");
            return Err(SourceError::malformed(&shown, reason));
        }
        let path = folder.join(file);
        if !path.exists() {
            let what = format!("`{file}`, which `{INDEX}` names");
            return Err(SourceError::Missing { folder: folder.display().to_string(), what });
        }
        read_file(&path, &mut tensors)?;
    }
    match weight_map.iter().find(|(name, _)| !tensors.contains_key(*name)) {
        Some((name, file)) => {
            Err(SourceError::malformed(&shown, format!("`{name}` is not in `{file}`, where it says it is")))
        }
        None => Ok(named(tensors)),
    }
}

fn missing(folder: &Path) -> SourceError {
    let pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
    let what = match pickled.iter().find(|name| folder.join(name).exists()) {
        Some(name) => format!("weights that are read: `{name}` is a program, `{SINGLE}` is needed"),
        None => format!("weights: neither `{SINGLE}` nor `{INDEX}`"),
    };
    SourceError::Missing { folder: folder.display().to_string(), what }
}

fn read_file(path: &Path, tensors: &mut BTreeMap<String, Tensor>) -> Result<(), SourceError> {
    let file = path.display().to_string();
    let mapping = mapping::map(path)?;
    let (start, metadata) = header(&mapping, &file)?;
    let infos = metadata.tensors();
    let aligned = infos.values().all(|info| {
        let size = (info.dtype.bitsize() / 8).max(1);
        (start + info.data_offsets.0).is_multiple_of(size)
    });
    // Files of the format's first versions have headers of any length.
    let mapping = if aligned { mapping } else { mapping::copied(&mapping, start) };
    for (name, info) in infos {
        let Some(kind) = kind(info.dtype) else { continue };
        let Some(bytes) = mapping.slice(start + info.data_offsets.0..start + info.data_offsets.1) else {
            continue;
        };
        let tensor = Tensor { file_name: name.clone(), shape: info.shape.clone(), kind, bytes };
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(SourceError::malformed(&file, format!("tensor `{name}` is in another file too")));
        }
    }
    Ok(())
}

/// Where the data begins, and what is in it. All of it lies in the file.
pub(super) fn header(bytes: &[u8], file: &str) -> Result<(usize, Metadata), SourceError> {
    let cut = |what: &str, end: u64| SourceError::Truncated {
        file: file.to_owned(),
        what: what.to_owned(),
        end,
        length: bytes.len() as u64,
    };
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Err(cut("the length of the header", LENGTH as u64));
    };
    let length = u64::from_le_bytes(*length);
    if length > MOST_HEADER {
        let reason = format!("its header would have {length} bytes, and {MOST_HEADER} are read at most");
        return Err(SourceError::malformed(file, reason));
    }
    // Small enough for any machine's `usize` by the check above.
    let header = rest.get(..length as usize).ok_or_else(|| cut("the header", length + LENGTH as u64))?;
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|error| SourceError::malformed(file, error))?;
    let start = LENGTH + length as usize;
    let end = start.saturating_add(metadata.data_len());
    if end > bytes.len() {
        let last = metadata.offset_keys().pop().unwrap_or_default();
        return Err(cut(&format!("tensor `{last}`"), end as u64));
    }
    Ok((start, metadata))
}

/// The types that models are computed with; buffers of others are left out, and missed where they are needed.
fn kind(dtype: Dtype) -> Option<GgmlDType> {
    match dtype {
        Dtype::F32 => Some(GgmlDType::F32),
        Dtype::F16 => Some(GgmlDType::F16),
        Dtype::BF16 => Some(GgmlDType::BF16),
        _ => None,
    }
}

/// The tensors by the names of models that have text alone. Models with pictures have their text in a part of its own, some files
/// begin below `model.`, and stacks of experts are taken apart.
fn named(tensors: BTreeMap<String, Tensor>) -> Weights {
    let mut named = BTreeMap::new();
    for (name, tensor) in tensors {
        let name = plain_name(&name);
        let stacked = name.strip_suffix(".mlp.experts.gate_up_proj").map(|layer| (layer, true));
        let stacked = stacked.or(name.strip_suffix(".mlp.experts.down_proj").map(|layer| (layer, false)));
        match stacked {
            // None of them is empty, so there are no more than the file has bytes.
            Some((layer, is_gate_up)) if tensor.shape.len() == 3 && !tensor.bytes.is_empty() => {
                for expert in 0..tensor.shape[0] {
                    let prefix = format!("{layer}.mlp.experts.{expert}");
                    let one = tensor.slice(expert);
                    if is_gate_up {
                        let half = one.shape[0] / 2;
                        named.insert(format!("{prefix}.gate_proj.weight"), one.rows(0..half));
                        named.insert(format!("{prefix}.up_proj.weight"), one.rows(half..one.shape[0]));
                    } else {
                        named.insert(format!("{prefix}.down_proj.weight"), one);
                    }
                }
            }
            _ => drop(named.insert(name, tensor)),
        }
    }
    Weights::new(named)
}

fn plain_name(name: &str) -> String {
    let text = name.strip_prefix("language_model.").unwrap_or(name);
    let text = text.strip_prefix("model.language_model.").unwrap_or(text);
    let text = text.strip_prefix("model.").unwrap_or(text);
    match text.starts_with("lm_head.") {
        true => text.to_owned(),
        false => format!("model.{text}"),
    }
}
