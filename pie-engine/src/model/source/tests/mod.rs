//! Checkpoints that are made here, opened whole and spoilt.

mod formats;

use super::random::{Format, Recipe};
use super::{Architecture, Limits, Source, SourceError};
use candle_core::quantized::GgmlDType;
use std::path::PathBuf;
use tempfile::TempDir;

/// A checkpoint in a folder that is removed with it.
struct Checkpoint {
    _folder: TempDir,
    path: PathBuf,
}

impl Checkpoint {
    fn of(recipe: &Recipe) -> Checkpoint {
        let folder = TempDir::new().unwrap();
        let path = match recipe.format {
            Format::Folder(_) => folder.path().to_owned(),
            Format::Gguf(_) => folder.path().join("model.gguf"),
        };
        recipe.write(&path).unwrap();
        Checkpoint { _folder: folder, path }
    }

    fn folder(architecture: Architecture) -> Checkpoint {
        Checkpoint::of(&Recipe::new(architecture))
    }

    fn gguf(architecture: Architecture, kind: GgmlDType) -> Checkpoint {
        Checkpoint::of(&Recipe { format: Format::Gguf(kind), ..Recipe::new(architecture) })
    }

    fn open(&self) -> Result<Source, SourceError> {
        Source::open(&self.path, "tested", &Limits::default())
    }
}
