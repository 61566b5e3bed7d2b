//! A recording: all that came to a run from outside of it, so that the inferlet can be run again with no model and no network.
//!
//! It is a folder, which [`Recorder`] makes and [`Replayed`] reads. `trace.jsonl` is the trace, which has the answers of HTTP and of MCP servers. `passes.jsonl` has each forward pass with all of its answers.
//! `run.json` has what the run began with, what it was sent, and what is known about the model. Time is virtual and randomness seeded, so neither has to be kept.
//! Environment variables are those that the manifest lets through, without the values of those whose names say that they are secret.

mod place;
mod recorder;

pub use recorder::{Recorder, Started};

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use pie_engine::Control;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::ModelInfo;
use pie_engine::model::tape::{Played, Take, Takes};
use pie_engine::outside::replay::Recording as Questions;
use pie_engine::trace::Outcome;
use serde::{Deserialize, Serialize};

use super::replay;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::recorded;

/// The trace.
pub const TRACE: &str = "trace.jsonl";
const PASSES: &str = "passes.jsonl";
const RUN: &str = "run.json";
/// The format of recordings; a reader refuses a larger one.
const FORMAT: u32 = 1;

/// What a run began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begun {
    format: u32,
    /// What the inferlet is called.
    pub program: String,
    /// Its input, JSON text.
    pub input: String,
    /// The seed.
    pub seed: u64,
    /// Pages of the KV cache.
    pub pages: u32,
    model: ModelInfo,
    showing: Option<u32>,
    /// Its environment variables; recordings of before they were kept have none.
    #[serde(default)]
    pub environment: Option<Vec<(String, String)>>,
    /// What it was sent before it began.
    sent: Vec<Thing>,
    /// What it was sent later.
    awaited: Vec<Thing>,
}

/// Something that an inferlet was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// A message.
    Message(String),
    /// A file, in base64.
    File(String),
}

impl Begun {
    /// What the inferlet was sent before it began, and later.
    pub fn things(&self) -> (Vec<Thing>, Vec<Thing>) {
        (self.sent.clone(), self.awaited.clone())
    }
}

impl Thing {
    /// A file with these contents.
    pub fn file(contents: &[u8]) -> Thing {
        Thing::File(BASE64_STANDARD.encode(contents))
    }

    /// Whether it is a message.
    pub fn is_message(&self) -> bool {
        matches!(self, Thing::Message(_))
    }

    /// Sends it.
    pub fn send(&self, control: &Control) {
        match self {
            Thing::Message(text) => control.send(text.clone()),
            // It was checked when it was read.
            Thing::File(text) => control.send_file(BASE64_STANDARD.decode(text).unwrap_or_default()),
        }
    }
}

/// A recording that is played back.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What it began with.
    pub begun: Begun,
    /// What was asked of the outside.
    pub questions: Questions,
    /// The passes.
    pub takes: Arc<Takes>,
    shown: PathBuf,
}

impl Replayed {
    /// Whether a path is a recording, and not a trace.
    pub fn is_at(path: &Path) -> bool {
        path.is_dir()
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// A file of it is missing, broken, or of a newer format.
    pub fn read(folder: &Path, env: &Environment) -> Result<Replayed> {
        let run = folder.join(RUN);
        let text = std::fs::read_to_string(env.current_dir.join(&run)).map_err(|cause| {
            let error = Error::usage(format!("`{}` is not a whole recording", folder.display()));
            let begun = folder.join(place::UNFINISHED).join(TRACE);
            if env.current_dir.join(&begun).is_file() {
                return error
                    .caused_by("its run was stopped before it ended")
                    .hint("record the run again")
                    .hint(format!("bakery trace show {}", begun.display()));
            }
            error
                .caused_by(format!("cannot read `{}`: {cause}", run.display()))
                .hint("recordings are what `bakery run --record` writes")
        })?;
        let begun: Begun = serde_json::from_str(&text).map_err(|cause| broken(&run, cause.to_string()))?;
        if begun.format > FORMAT {
            let why = format!("it has format {}, and this version reads up to {FORMAT}", begun.format);
            return Err(Error::usage(format!("cannot read `{}`", run.display()))
                .caused_by(why)
                .hint("get a newer bakery, or record the run again"));
        }
        let files = begun.sent.iter().chain(&begun.awaited).filter_map(|thing| match thing {
            Thing::File(text) => Some(text),
            Thing::Message(_) => None,
        });
        for file in files {
            BASE64_STANDARD.decode(file).map_err(|cause| broken(&run, cause.to_string()))?;
        }
        let takes = Arc::new(takes(&folder.join(PASSES), env)?);
        let questions = replay::read(&folder.join(TRACE), env)?;
        Ok(Replayed { begun, questions, takes, shown: folder.to_owned() })
    }

    /// The model as far as it was recorded, with the tokenizer of one that is here. `differs` is called with what is not as it was recorded.
    ///
    /// # Errors
    /// It was recorded with another tokenizer.
    pub fn model(
        &self,
        mut with: LoadedModel,
        differs: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<LoadedModel> {
        if self.questions.header.tokenizer_digest != with.tokenizer.digest() {
            return Err(Error::usage(format!("`{}` cannot be replayed", self.shown.display()))
                .caused_by("its tokenizer is not the one of the model that is here"));
        }
        let Begun { model, showing, .. } = &self.begun;
        with.model = Arc::new(Played::new(model.clone(), *showing, Arc::clone(&self.takes), differs));
        Ok(with)
    }

    /// Sends what was sent, as it was: what was there from the beginning, and the rest whenever it is awaited.
    pub fn attend(&self, control: &Control) {
        self.begun.sent.iter().for_each(|thing| thing.send(control));
        let mut awaited: VecDeque<Thing> = self.begun.awaited.clone().into();
        control.attend(move |control| match awaited.pop_front() {
            Some(thing) => {
                thing.send(control);
                true
            }
            None => false,
        });
    }
}

/// Ends a run that is not the recorded one.
pub fn ending(control: &Control) -> impl Fn(&str) + Send + Sync + 'static {
    let control = control.clone();
    move |why| control.cancel(Outcome::Cancelled(format!("the recording cannot answer: {why}")))
}

fn takes(path: &Path, env: &Environment) -> Result<Takes> {
    let unreadable = |cause| Error::usage(format!("cannot read `{}`", path.display())).caused_by(cause);
    let file = File::open(env.current_dir.join(path)).map_err(unreadable)?;
    let mut takes = Takes::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        let take: Take = serde_json::from_str(&line).map_err(|cause| {
            let (number, column) = (number + 1, cause.column());
            broken(
                path,
                format!("line {number} is not a pass: {} at column {column}", recorded::problem(&cause)),
            )
        })?;
        let key = take.key().ok_or_else(|| broken(path, format!("line {} has no number", number + 1)))?;
        takes.insert(key, take);
    }
    Ok(takes)
}

fn broken(path: &Path, why: String) -> Error {
    Error::usage(format!("cannot read `{}`", path.display())).caused_by(why).hint("record the run again")
}
