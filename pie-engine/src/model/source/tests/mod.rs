//! Checkpoints that are made here, opened whole and spoilt.

mod formats;
mod fuzz;
mod spoilt;

use super::random::{Format, Recipe};
use super::{Architecture, Limits, Source, SourceError};
use candle_core::quantized::GgmlDType;
use std::path::PathBuf;
use tempfile::TempDir;

/// A checkpoint in a folder that is removed with it.
struct Checkpoint {
    folder: TempDir,
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
        Checkpoint { folder, path }
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

    /// Changes one of its files.
    fn edit(&self, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let path = self.folder.path().join(file);
        std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    }
}
