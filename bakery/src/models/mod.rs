//! Models by what a user calls them: `tiny`, a folder or a GGUF file, a name in `models.toml`, or `hf:owner/repo`. What is in them is `pie_engine`'s business.

pub mod embedded;
pub mod hub;
pub mod memory;

use std::path::{Path, PathBuf};

use pie_engine::model::source::{Limits, Source, SourceError};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::project::models::ModelNames;
use crate::suggest;
use hub::{Hub, HubSpec, Network};

/// What a user calls a model, once it is known what is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Part of bakery.
    Embedded,
    /// A folder or a file.
    Path(PathBuf),
    /// In a repository.
    Hub(HubSpec),
}

/// A model that has been found, and has not been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name that inferlets load it by.
    pub name: String,
    /// The folder or file; none if it is part of bakery.
    pub path: Option<PathBuf>,
}

/// What `text` means.
///
/// # Errors
/// It means nothing; the error lists `others` and the names there are.
pub fn meaning(text: &str, others: &[&str], env: &Environment) -> Result<(String, Meaning)> {
    if text == embedded::TINY {
        return Ok((text.to_owned(), Meaning::Embedded));
    }
    let names = ModelNames::find(env)?;
    let (name, text) = match names.get(text) {
        Some(source) => (Some(text.to_owned()), source),
        None => (None, text.to_owned()),
    };
    if text.starts_with("hf:") {
        let spec: HubSpec = text.parse().map_err(|reason: String| {
            Error::usage(format!("`{text}` is no model of a server")).caused_by(reason)
        })?;
        return Ok((name.unwrap_or_else(|| spec.model_name()), Meaning::Hub(spec)));
    }
    let path = env.current_dir.join(&text);
    let is_path = name.is_some() || path.exists() || text.contains(['/', '\\']) || text.ends_with(".gguf");
    if !is_path {
        return Err(unknown(&text, others, &names));
    }
    Ok((name.unwrap_or_else(|| stem(&path)), Meaning::Path(path)))
}

/// The name of a file without what says its format and which part of it it is, or of a folder.
fn stem(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy());
    let name = name.strip_suffix(".gguf").unwrap_or(&name);
    let is_part = |rest: &str| rest.len() == 14 && rest.contains("-of-");
    match name.char_indices().rev().nth(14) {
        Some((at, '-')) if is_part(&name[at + 1..]) => name[..at].to_owned(),
        _ => name.to_owned(),
    }
}

fn unknown(text: &str, others: &[&str], names: &ModelNames) -> Error {
    let known = others.iter().copied().chain([embedded::TINY]).chain(names.names.keys().map(String::as_str));
    let list = known.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let error = Error::usage(format!("there is no model `{text}`; there is {list}"));
    match suggest::did_you_mean(text, known) {
        Some(near) => error.hint(near),
        None => error.hint("a model is also a folder, a `.gguf` file, or `hf:owner/repo`"),
    }
}

/// Finds a model, and fetches it if need be.
///
/// # Errors
/// There is none, or it cannot be fetched.
pub fn find(
    text: &str,
    others: &[&str],
    network: Network,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Found> {
    let (name, meaning) = meaning(text, others, env)?;
    let path = match meaning {
        Meaning::Embedded => None,
        Meaning::Path(path) => Some(path),
        Meaning::Hub(spec) => Some(Hub::of(env)?.find(&spec, network, progress)?),
    };
    Ok(Found { name, path })
}

/// Opens a model: looks at all of it but its weights, and checks that these fit into memory.
///
/// # Errors
/// Something is wrong with it, or it is too large.
pub fn open(found: &Found, env: &Environment) -> Result<Source> {
    let limits = Limits { memory: memory::available(env)? };
    let opened = match &found.path {
        Some(path) => Source::open(path, &found.name, &limits),
        None => embedded::open(&limits),
    };
    opened.map_err(|error| refused(&error, &found.name))
}

fn refused(error: &SourceError, name: &str) -> Error {
    let wrapped = match error {
        SourceError::TooLarge { .. } | SourceError::Read { .. } => {
            Error::environment(format!("the model `{name}` cannot be opened"))
        }
        _ => Error::usage(format!("the model `{name}` cannot be opened")),
    };
    let wrapped = wrapped.caused_by(error.clone());
    match error {
        SourceError::TooLarge { .. } => {
            wrapped.hint(format!("{}=BYTES says how much it may take", memory::MEMORY_VARIABLE))
        }
        _ => wrapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_in_a_file_is_called_by_the_name_of_the_file() {
        assert_eq!(stem(Path::new("/m/rye.Q4_K.gguf")), "rye.Q4_K");
        assert_eq!(stem(Path::new("/m/rye-00001-of-00003.gguf")), "rye");
        assert_eq!(stem(Path::new("/models/rye-1.5")), "rye-1.5");
    }

    #[test]
    fn a_word_is_a_name_and_anything_with_a_slash_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CONFIG_DIR", folder.path())], "/here");
        std::fs::write(folder.path().join("models.toml"), "[models]\nrye = 'hf:ada/bread:rye.gguf'\n")
            .unwrap();
        let meant = |text: &str| meaning(text, &["dummy"], &env);
        assert_eq!(meant("./rye").unwrap(), ("rye".into(), Meaning::Path("/here/./rye".into())));
        let spec = HubSpec { file: Some("rye.gguf".into()), ..spec("hf:ada/bread") };
        assert_eq!(meant("rye").unwrap(), ("rye".into(), Meaning::Hub(spec)));
        assert_eq!(
            meant("hf:ada/bread").unwrap(),
            ("bread".into(), Meaning::Hub(self::spec("hf:ada/bread")))
        );
        let error = meant("spelt").unwrap_err();
        assert_eq!(error.message, "there is no model `spelt`; there is `dummy`, `tiny`, `rye`");
        assert_eq!(meant("tiny").unwrap(), ("tiny".into(), Meaning::Embedded));
        assert_eq!(meant("./tiny").unwrap().1, Meaning::Path("/here/./tiny".into()));
    }

    fn spec(text: &str) -> HubSpec {
        text.parse().unwrap()
    }
}
