//! What a model is made from, whatever the format: a Hugging Face folder or a GGUF file becomes a [`Source`], with settings as data and weights by
//! the names of Hugging Face.
//!
//! Files are foreign: nothing in one panics, and lengths and counts are checked before anything is allocated by them. Weights are mapped into
//! memory, never copied or converted.
//!
//! Deliberately not here: downloading, which the command line does, and computing.
//!
//! Reading order: [`Config`] for what a model is, [`Weights`] for its tensors; `folder` and `gguf` for where both come from.

mod config;
mod config_json;
mod error;
mod folder;
mod gguf;
mod mapping;
pub mod random;
mod safetensors;
mod settings;
mod summary;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;

pub use config::{Activation, Architecture, Config, Moe, Norms, QkNorm, Rope, RopeScaling};
pub use error::SourceError;
pub use summary::{Numbers, kind_name};
pub use tensors::{EMBEDDING, FINAL_NORM, OUTPUT};
pub use weights::{Tensor, TensorView, Weights};

use crate::chat::ChatFormat;
use crate::model::Bytes;
use crate::tokenizer::Tokenizer;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Weights up to this many bytes are hashed whole.
const HASHED_WHOLE: u64 = 64 << 20;
/// Of more, this many bytes are hashed, every [`SAMPLE_STEP`] bytes of each tensor.
const SAMPLE: usize = 1 << 10;
const SAMPLE_STEP: usize = 1 << 18;

/// A model that is opened and checked, but not computed with.
#[derive(Debug)]
pub struct Source {
    /// Its architecture.
    pub config: Config,
    /// Its tensors.
    pub weights: Weights,
    /// Text to tokens and back.
    pub tokenizer: Arc<Tokenizer>,
    /// Turns of a conversation as tokens.
    pub chat: Arc<ChatFormat>,
    /// The name that inferlets load it by.
    pub name: String,
    /// SHA-256 of what decides its outputs, in hexadecimal: settings, tokenizer, and names, shapes, types and bytes of the tensors; of those over 64 MiB
    /// in all, samples of the bytes, since to hash all of them would take longer than to begin.
    pub digest: String,
}

/// What opening a model may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Bytes of memory that weights may take; none to take what there is.
    pub memory: Option<u64>,
}

/// What a format has to give.
struct Parts {
    config: Config,
    weights: Weights,
    tokenizer: Tokenizer,
    chat: ChatFormat,
}

impl Source {
    /// Opens a folder or a file. `name` is what the model will be called.
    pub fn open(path: &Path, name: &str, limits: &Limits) -> Result<Source, SourceError> {
        let shown = path.display().to_string();
        if !path.exists() {
            return Err(SourceError::NotFound { path: shown });
        }
        let parts = if path.is_dir() && path.join(folder::CONFIG).exists() {
            folder::read(path, name)?
        } else if path.is_dir() {
            gguf::read(&only_gguf(path)?, name)?
        } else if path.extension().is_some_and(|extension| extension == gguf::EXTENSION) {
            gguf::read(path, name)?
        } else {
            return Err(SourceError::NoModel { path: shown });
        };
        Source::new(parts, name, limits)
    }

    /// Opens a GGUF file that is in memory already, for example in the executable; nothing of it is copied where it begins at a multiple of 64 bytes. `file` is
    /// what messages call it, `name` what the model will be called.
    pub fn from_gguf(
        bytes: &'static [u8],
        file: &str,
        name: &str,
        limits: &Limits,
    ) -> Result<Source, SourceError> {
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(mapping::ALIGNMENT);
        let bytes = if aligned { Bytes::new(bytes) } else { mapping::copied(bytes, 0) };
        Source::new(gguf::read_bytes(bytes, file, name)?, name, limits)
    }

    fn new(parts: Parts, name: &str, limits: &Limits) -> Result<Source, SourceError> {
        let Parts { config, weights, tokenizer, chat } = parts;
        let weights = weights.checked(&config)?;
        let needed = weights.bytes();
        if let Some(available) = limits.memory.filter(|available| *available < needed) {
            return Err(SourceError::TooLarge { model: name.to_owned(), needed, available });
        }
        // Control tokens may lie beyond the weights: Gemma 3 without pictures has a token for one.
        let (ids, _) = tokenizer.vocabs();
        let last = ids.iter().rev().find(|id| !tokenizer.is_control(**id)).copied();
        if let Some(last) = last.filter(|last| *last as usize >= config.vocab_size) {
            let vocab_size = config.vocab_size;
            return Err(SourceError::Vocabulary { model: name.to_owned(), tokens: last + 1, vocab_size });
        }
        let digest = digest(&config, &weights, &tokenizer);
        let tokenizer = Arc::new(tokenizer.covering(config.vocab_size as u32));
        let chat = Arc::new(chat);
        Ok(Source { config, weights, tokenizer, chat, name: name.to_owned(), digest })
    }
}

/// The GGUF file of a folder that has one, or the first part of one that was split.
fn only_gguf(folder: &Path) -> Result<PathBuf, SourceError> {
    let shown = || folder.display().to_string();
    let entries = std::fs::read_dir(folder)
        .map_err(|error| SourceError::Read { path: shown(), reason: error.to_string() })?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let first = gguf::split_name(stem).is_none() || stem.contains("-00001-of-");
        first && path.extension().is_some_and(|extension| extension == gguf::EXTENSION)
    });
    files.sort();
    match files.as_slice() {
        [] => Err(SourceError::NoModel { path: shown() }),
        [one] => Ok(one.clone()),
        several => {
            let names = several.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>();
            Err(SourceError::Several { folder: shown(), files: names.join(", ") })
        }
    }
}

fn digest(config: &Config, weights: &Weights, tokenizer: &Tokenizer) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{config:?}\n{}\n", tokenizer.digest()));
    let whole = weights.bytes() <= HASHED_WHOLE;
    for (name, tensor) in weights.iter() {
        hash.update(format!("{name} {:?} {:?}\n", tensor.shape, tensor.kind));
        if whole {
            hash.update(&*tensor.bytes);
        } else {
            let samples = tensor.bytes.chunks(SAMPLE_STEP);
            samples.for_each(|part| hash.update(&part[..part.len().min(SAMPLE)]));
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
