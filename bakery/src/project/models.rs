//! `models.toml` -> [`ModelNames`]: short names for models, in the user's folder for settings.
//!
//! ```toml
//! [models]
//! small = "hf:owner/repo:model-q4_k.gguf"
//! mine = "/data/my-model"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema};
use toml_edit::DocumentMut;

use super::manifest::schema_without_null;
use super::source::{Source, Table};
use crate::environment::Environment;
use crate::error::{Error, Result};

/// The file's name.
pub const MODELS_NAME: &str = "models.toml";

/// Names that models have which need no file.
pub const RESERVED: [&str; 3] = ["dummy", "tiny", "default"];

/// The longest name of a model.
const MOST_NAME: usize = 64;

/// A whole `models.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelNames {
    /// What each name stands for: a path, or `hf:…`. Relative paths are meant from the file's folder.
    pub names: BTreeMap<String, String>,
    /// Where the file is, if there is a place for one.
    pub path: Option<PathBuf>,
}

impl ModelNames {
    /// Reads the user's file; without one there are no names.
    ///
    /// # Errors
    /// It is unreadable or has a mistake.
    pub fn find(env: &Environment) -> Result<ModelNames> {
        let Some(path) = env.config_dir().map(|folder| folder.join(MODELS_NAME)) else {
            return Ok(ModelNames::default());
        };
        let shown = path.strip_prefix(&env.current_dir).unwrap_or(&path).display().to_string();
        let names = match read(&path, &shown)? {
            Some(text) => parse(&text, &shown)?,
            None => BTreeMap::new(),
        };
        Ok(ModelNames { names, path: Some(path) })
    }

    /// What a name stands for, with a path made absolute.
    pub fn get(&self, name: &str) -> Option<String> {
        let source = self.names.get(name)?;
        if source.starts_with("hf:") {
            return Some(source.clone());
        }
        let folder = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        Some(folder.join(source).display().to_string())
    }

    /// Gives a name to a model, or another model to a name, and keeps what else is in the file, comments too.
    ///
    /// # Errors
    /// The name is none, or the file cannot be written.
    pub fn set(&mut self, name: &str, source: &str) -> Result<()> {
        check_name(name).map_err(|reason| {
            Error::usage(format!("`{}` is not a name for a model", name.escape_debug())).caused_by(reason)
        })?;
        self.edit(|document| {
            let models = document.entry("models").or_insert_with(toml_edit::table);
            models[name] = toml_edit::value(source);
        })?;
        self.names.insert(name.to_owned(), source.to_owned());
        Ok(())
    }

    /// Takes a name away. Whether there was one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<bool> {
        if self.names.remove(name).is_none() {
            return Ok(false);
        }
        self.edit(|document| {
            if let Some(models) = document.get_mut("models").and_then(toml_edit::Item::as_table_like_mut) {
                models.remove(name);
            }
        })?;
        Ok(true)
    }

    /// The JSON Schema of `models.toml`, for editors.
    pub fn schema() -> Schema {
        schema_without_null::<WrittenModels>()
    }

    /// Changes the file in one step.
    fn edit(&self, change: impl FnOnce(&mut DocumentMut)) -> Result<()> {
        let Some(path) = &self.path else {
            return Err(Error::environment("there is no place for names of models: no home is known")
                .hint("export BAKERY_CONFIG_DIR=/tmp/bakery-config"));
        };
        let shown = path.display();
        let text = read(path, &shown.to_string())?.unwrap_or_default();
        let mut document: DocumentMut = text
            .parse()
            .map_err(|error| Error::usage(format!("`{shown}` is not valid TOML")).caused_by(error))?;
        change(&mut document);
        let unwritable =
            |error: std::io::Error| Error::environment(format!("cannot write `{shown}`")).caused_by(error);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(unwritable)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
        file.write_all(document.to_string().as_bytes()).map_err(unwritable)?;
        file.persist(path).map_err(|error| unwritable(error.error))?;
        Ok(())
    }
}

/// The file's text; none if it is not there.
fn read(path: &Path, shown: &str) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) if cause.kind() == ErrorKind::InvalidData => {
            Err(Error::usage(format!("`{shown}` is not UTF-8 text")))
        }
        Err(cause) => Err(Error::environment(format!("cannot read `{shown}`")).caused_by(cause)),
    }
}

fn parse(text: &str, file: &str) -> Result<BTreeMap<String, String>> {
    let source = Source { file, text, noun: "names of models" };
    let document = source.parse()?;
    let root = Table::root(source, &document);
    root.allow(&["models"])?;
    let mut names = BTreeMap::new();
    if let Some(models) = root.get("models") {
        let models = models.table()?;
        for (name, item) in models.items() {
            check_name(name).map_err(|reason| {
                let message = format!("`{}` is not a name for a model", name.escape_debug());
                models.error_at_key(name, message, reason)
            })?;
            names.insert(name.to_owned(), item.non_empty_string()?);
        }
    }
    Ok(names)
}

/// Checks the name of a model: letters, digits, `-`, `_` and `.`, and not one that has a meaning already.
fn check_name(name: &str) -> std::result::Result<(), String> {
    if RESERVED.contains(&name) {
        return Err(format!("`{name}` has a meaning already"));
    }
    if name.len() > MOST_NAME {
        return Err(format!("a name has at most {MOST_NAME} letters"));
    }
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    match name.chars().all(plain) && name.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err("expected letters, digits, `-`, `_` and `.`, a letter or digit first".to_owned()),
    }
}

/// Short names for models.
#[derive(JsonSchema)]
#[schemars(title = "models.toml", deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
struct WrittenModels {
    /// What each name stands for: a folder or a GGUF file, or `hf:owner/repo` with `:file` behind it or not.
    models: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CONFIG_DIR", folder.path())], "/here");
        (folder, env)
    }

    #[test]
    fn a_name_stands_for_a_path_beside_the_file_or_for_a_repository() {
        let (folder, env) = world();
        let text = "[models]\nfar = 'hf:a/b'\nnear = 'weights/m.gguf'\nfixed = '/data/m'\n";
        fs::write(folder.path().join(MODELS_NAME), text).unwrap();
        let names = ModelNames::find(&env).unwrap();
        let near = folder.path().join("weights/m.gguf").display().to_string();
        let get = |name| names.get(name);
        assert_eq!((get("far"), get("near")), (Some("hf:a/b".into()), Some(near)));
        assert_eq!((get("fixed"), get("none")), (Some("/data/m".into()), None));
        assert_eq!(ModelNames::find(&Environment::empty("/here")).unwrap(), ModelNames::default());
    }

    #[test]
    fn names_are_written_and_taken_away_and_comments_stay() {
        let (folder, env) = world();
        let path = folder.path().join(MODELS_NAME);
        fs::write(&path, "# mine\n[models]\nold = \"hf:a/b\" # good\n").unwrap();
        let mut names = ModelNames::find(&env).unwrap();
        names.set("new.1", "/data/m").unwrap();
        assert!(names.remove("old").unwrap());
        assert!(!names.remove("old").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n[models]\n\"new.1\" = \"/data/m\"\n");
        assert_eq!(ModelNames::find(&env).unwrap(), names);
        for wrong in ["dummy", "", "a b", "hf:x", "-a", "a/b"] {
            assert!(names.set(wrong, "/x").is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_made() {
        let (folder, _) = world();
        let config = folder.path().join("deeper/still");
        let env = Environment::new([("BAKERY_CONFIG_DIR", &config)], "/here");
        ModelNames::find(&env).unwrap().set("m", "hf:a/b").unwrap();
        assert_eq!(fs::read_to_string(config.join(MODELS_NAME)).unwrap(), "[models]\nm = \"hf:a/b\"\n");
    }

    #[test]
    fn a_mistake_is_shown_in_its_line() {
        let place = |text: &str| {
            let error = parse(text, "models.toml").unwrap_err();
            let place = error.place.expect("it is in the file");
            (error.message, place.line_and_column().0)
        };
        assert_eq!(place("[models]\na = 1\n").1, 2);
        assert_eq!(place("[models]\ndummy = 'x'\n"), ("`dummy` is not a name for a model".into(), 2));
        assert_eq!(place("\n[model]\n").1, 2);
    }
}
