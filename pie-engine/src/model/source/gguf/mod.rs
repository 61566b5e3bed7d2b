//! A model in one GGUF file, or in several that were split.

mod config;
#[cfg(test)]
mod fuzz;
mod header;
mod names;
mod tokenizer;

pub(super) use config::name as architecture_name;
pub(super) use names::in_gguf;
pub(super) use tokenizer::OWN_CUT;

use super::mapping;
use super::weights::{Tensor, Weights};
use super::{Architecture, Config, Parts, SourceError};
use crate::chat::ChatFormat;
use crate::model::Bytes;
use config::Tensors;
use header::{Header, Info};
use names::Meaning;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) const EXTENSION: &str = "gguf";
/// The most files that a model may be split into.
const MOST_PARTS: u32 = 1000;

/// A file, and its name for messages.
struct Part {
    file: String,
    bytes: Bytes,
}

/// Opens a file and the others that it was split from.
pub(super) fn read(path: &Path, name: &str) -> Result<Parts, SourceError> {
    let parts = parts(path)?
        .into_iter()
        .map(|path| Ok(Part { file: path.display().to_string(), bytes: mapping::map(&path)? }));
    read_parts(&parts.collect::<Result<Vec<Part>, SourceError>>()?, name)
}

/// Opens a file that is in memory. `file` is what messages call it.
pub(super) fn read_bytes(bytes: Bytes, file: &str, name: &str) -> Result<Parts, SourceError> {
    read_parts(&[Part { file: file.to_owned(), bytes }], name)
}

fn read_parts(parts: &[Part], name: &str) -> Result<Parts, SourceError> {
    let headers = parts.iter().map(|part| header::read(&part.bytes, &part.file));
    let headers = headers.collect::<Result<Vec<Header<'_>>, SourceError>>()?;
    // Settings are in the first part.
    let (Some(first), Some(part)) = (headers.first(), parts.first()) else {
        return Err(SourceError::NotFound { path: name.to_owned() });
    };
    let file = part.file.as_str();
    check_count(first, file, parts.len())?;
    let infos = collect(parts, &headers)?;
    let architecture = config::architecture(first, file)?;
    let config = read_config(first, file, architecture, &infos)?;
    let weights = named(infos, architecture);
    let tokenizer = tokenizer::read(first, file)?;
    let mut chat = tokenizer::chat(first, file, &config.eos, config.bos);
    // For messages about the template.
    chat["name_or_path"] = name.into();
    let chat = ChatFormat::from_hf(&tokenizer, &chat)?.named(name);
    Ok(Parts { config, weights, tokenizer, chat })
}

/// The file itself, or all of a name such as `x-00002-of-00003.gguf`.
fn parts(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let Some((stem, count)) = split_name(stem) else { return Ok(vec![path.to_owned()]) };
    let names = (1..=count).map(|number| format!("{stem}-{number:05}-of-{count:05}.{EXTENSION}"));
    let paths: Vec<PathBuf> = names.map(|name| path.with_file_name(name)).collect();
    match paths.iter().find(|path| !path.exists()) {
        None => Ok(paths),
        Some(missing) => {
            let folder = path.parent().unwrap_or(Path::new(".")).display().to_string();
            let missing = missing.file_name().unwrap_or_default().to_string_lossy();
            Err(SourceError::Missing { folder, what: format!("`{missing}`, a part of the model") })
        }
    }
}

/// What stands before the number of a part, and how many parts there are.
pub(super) fn split_name(stem: &str) -> Option<(&str, u32)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (rest, number) = rest.rsplit_once('-')?;
    let read = |digits: &str| if digits.len() == 5 { digits.parse::<u32>().ok() } else { None };
    let (number, count) = (read(number)?, read(count)?);
    (1..=count.min(MOST_PARTS)).contains(&number).then_some((rest, count))
}

fn check_count(header: &Header<'_>, file: &str, found: usize) -> Result<(), SourceError> {
    let said = header.settings.get("split.count").and_then(|value| value.count()).unwrap_or(0);
    if said > 1 && said != found as u64 {
        let reason = format!(
            "is {said}, and there is {found} of them; the names of parts end in `-00001-of-{said:05}.gguf`"
        );
        return Err(SourceError::setting(file, "split.count", reason));
    }
    Ok(())
}

/// All tensors by their names in the files.
fn collect(parts: &[Part], headers: &[Header<'_>]) -> Result<BTreeMap<String, Tensor>, SourceError> {
    let mut tensors = BTreeMap::new();
    for (part, header) in parts.iter().zip(headers) {
        for Info { name, shape, kind, start, end } in &header.tensors {
            let Some(bytes) = part.bytes.slice(*start..*end) else { continue };
            let tensor = Tensor { file_name: (*name).to_owned(), shape: shape.clone(), kind: *kind, bytes };
            if tensors.insert((*name).to_owned(), tensor).is_some() {
                let reason = format!("tensor `{name}` is in another part too");
                return Err(SourceError::malformed(&part.file, reason));
            }
        }
    }
    Ok(tensors)
}

fn read_config(
    header: &Header<'_>,
    file: &str,
    architecture: Architecture,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Config, SourceError> {
    let tensors = Tensors {
        has: &|name| tensors.contains_key(name),
        numbers: &|name| tensors.get(name).map(Tensor::to_f32),
        rows: &|name| tensors.get(name).and_then(|tensor| tensor.shape.first()).copied(),
    };
    config::read(header, file, architecture, &tensors)
}

/// The tensors by the names of Hugging Face, experts one by one.
fn named(tensors: BTreeMap<String, Tensor>, architecture: Architecture) -> Weights {
    let norms = config::norms(architecture);
    let mut named = BTreeMap::new();
    for (name, tensor) in tensors {
        match names::meaning(&name, architecture, norms) {
            Meaning::Tensor(name) => drop(named.insert(name, tensor)),
            Meaning::Experts(before, behind) if tensor.shape.len() == 3 => {
                let count = tensor.shape[0];
                named.extend(
                    (0..count).map(|expert| (format!("{before}.{expert}.{behind}"), tensor.slice(expert))),
                );
            }
            _ => {}
        }
    }
    Weights::new(named)
}
