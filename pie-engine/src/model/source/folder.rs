//! A model as Hugging Face lays it out: a folder with settings, tokenizer and weights in files of fixed names.

use super::{Parts, SourceError, config_json, safetensors};
use crate::chat::ChatFormat;
use crate::tokenizer::Tokenizer;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;
use std::path::Path;

pub(super) const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Where the template is, if it is in a file of its own: as text, or as an object with one member.
const TEMPLATE: &str = "chat_template.jinja";
const TEMPLATE_JSON: &str = "chat_template.json";
/// The longest of these files in bytes. The largest tokenizers have 35 million.
const MOST_BYTES: u64 = 1 << 28;

/// Reads the small files and maps the weights.
pub(super) fn read(folder: &Path, name: &str) -> Result<Parts, SourceError> {
    let shown = folder.display().to_string();
    let require = |file: &str| {
        read_json(folder, file)?
            .ok_or_else(|| SourceError::Missing { folder: shown.clone(), what: format!("`{file}`") })
    };
    let settings = require(CONFIG)?;
    let mut config = config_json::read(&settings, &folder.join(CONFIG).display().to_string())?;
    let weights = safetensors::read_folder(folder)?;
    let tokenizer = read_tokenizer(folder)?;
    let mut chat = read_json(folder, TOKENIZER_CONFIG)?.unwrap_or_else(|| Value::Object(Map::new()));
    if !chat.is_object() {
        let file = folder.join(TOKENIZER_CONFIG).display().to_string();
        return Err(SourceError::malformed(&file, "it is no object"));
    }
    if let Some(bytes) = read_bytes(folder, TEMPLATE)? {
        let file = folder.join(TEMPLATE).display().to_string();
        let text = String::from_utf8(bytes).map_err(|error| SourceError::malformed(&file, error))?;
        chat["chat_template"] = Value::String(text);
    } else if let Some(template) = read_json(folder, TEMPLATE_JSON)?
        && chat["chat_template"].is_null()
    {
        chat["chat_template"] = template["chat_template"].clone();
    }
    // Which tokens end a text is said there by who published the model, and elsewhere by who trained it.
    if let Some(generation) = read_json(folder, GENERATION)?
        && let Some(eos) = config_json::ids(generation.get("eos_token_id")).filter(|eos| !eos.is_empty())
    {
        config.eos = eos;
    }
    chat["eos_token_id"] = json!(config.eos);
    // For messages about the template.
    chat["name_or_path"] = json!(name);
    let chat = ChatFormat::from_hf(&tokenizer, &chat)?.named(name);
    Ok(Parts { config, weights, tokenizer, chat })
}

fn read_tokenizer(folder: &Path) -> Result<Tokenizer, SourceError> {
    let file = folder.join(TOKENIZER).display().to_string();
    let bytes = read_bytes(folder, TOKENIZER)?.ok_or_else(|| {
        let other = ["tokenizer.model", "vocab.json"].iter().find(|name| folder.join(name).exists());
        let what = match other {
            Some(other) => format!("`{TOKENIZER}`; `{other}` has to be converted to it with `transformers`"),
            None => format!("`{TOKENIZER}`"),
        };
        SourceError::Missing { folder: folder.display().to_string(), what }
    })?;
    Tokenizer::from_json(&bytes).map_err(|reason| SourceError::Tokenizer { file, reason })
}

fn read_json(folder: &Path, name: &str) -> Result<Option<Value>, SourceError> {
    let Some(bytes) = read_bytes(folder, name)? else { return Ok(None) };
    let file = folder.join(name).display().to_string();
    serde_json::from_slice(&bytes).map(Some).map_err(|error| SourceError::malformed(&file, error))
}

/// The contents of a file; none if it is not there.
fn read_bytes(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
    let path = folder.join(name);
    let file = path.display().to_string();
    let unreadable =
        |error: std::io::Error| SourceError::Read { path: file.clone(), reason: error.to_string() };
    let length = match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) => metadata.len(),
    };
    if length > MOST_BYTES {
        let reason = format!("it has {length} bytes, and {MOST_BYTES} are read at most");
        return Err(SourceError::malformed(&file, reason));
    }
    std::fs::read(&path).map(Some).map_err(unreadable)
}
