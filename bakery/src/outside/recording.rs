//! A recording: all that came to a run from outside of it, so that the inferlet can be run again with no model and no network.
//!
//! It is a folder. `trace.jsonl` is the trace, which has the answers of HTTP and of MCP servers. `passes.jsonl` has each forward pass with all of its answers.
//! `run.json` has what the run began with, what it was sent, and what is known about the model. Time is virtual and randomness seeded, so neither has to be kept.
//! Environment variables are those that the manifest lets through, without the values of those whose names say that they are secret.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine};
use pie_engine::Control;
use pie_engine::ids::InstanceId;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::ModelInfo;
use pie_engine::model::tape::{Kept, Played, Take, Takes, Taping};
use pie_engine::outside::replay::Recording as Questions;
use pie_engine::outside::secret::{HIDDEN, is_secret};
use pie_engine::trace::{Bytes, Event, Header, Outcome, Record, Text, json};
use serde::{Deserialize, Serialize};

use super::replay;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::Reporter;
use crate::report::behind::{Behind, LARGE};
use crate::report::recorded;
use crate::report::trace_file::TraceFile;

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

/// A recording in the making. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    folder: PathBuf,
    /// Environment variables, as they are kept.
    environment: Vec<(String, String)>,
    shared: Arc<Mutex<Making>>,
}

struct Making {
    passes: Behind,
    /// The first thing that could not be written.
    error: Option<io::Error>,
    received: Vec<Thing>,
}

/// Appends the line of a pass.
fn append(text: &mut Vec<u8>, kept: &Kept) -> io::Result<()> {
    json::append(text, kept)?;
    text.push(b'\n');
    Ok(())
}

impl Recorder {
    /// Begins a recording in a folder, which is new, empty, or a recording that is replaced, of a run with these variables. The trace is written there too, and
    /// nowhere else if it is none yet.
    ///
    /// # Errors
    /// There is something else in the folder, or it cannot be written.
    pub fn create(
        folder: &Path,
        variables: Vec<(String, String)>,
        trace: &mut Option<TraceFile>,
        env: &Environment,
    ) -> Result<Recorder> {
        let full = env.current_dir.join(folder);
        let unwritable =
            |cause| Error::environment(format!("cannot write `{}`", folder.display())).caused_by(cause);
        let taken = full.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if taken && !full.join(RUN).is_file() {
            return Err(Error::usage(format!("`{}` is not empty", folder.display()))
                .hint("give `--record` a folder that is empty or new, or a recording to replace"));
        }
        std::fs::create_dir_all(&full).map_err(unwritable)?;
        // Until it is whole it is none.
        match std::fs::remove_file(full.join(RUN)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(unwritable(cause)),
            _ => {}
        }
        let file = full.join(TRACE);
        match trace {
            Some(trace) => trace.also(&file).map_err(unwritable)?,
            None => *trace = Some(TraceFile::create(&file).map_err(unwritable)?),
        }
        let passes = File::create(full.join(PASSES)).and_then(Behind::new).map_err(unwritable)?;
        let making = Making { passes, error: None, received: Vec::new() };
        let environment = variables.into_iter().map(|(name, value)| {
            let value = if is_secret(&name) { HIDDEN.to_owned() } else { value };
            (name, value)
        });
        let environment = environment.collect();
        Ok(Recorder { folder: full, environment, shared: Arc::new(Mutex::new(making)) })
    }

    fn lock(&self) -> MutexGuard<'_, Making> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same model, whose passes are kept.
    #[must_use]
    pub fn taping(&self, mut model: LoadedModel) -> LoadedModel {
        let recorder = self.clone();
        model.model = Arc::new(Taping::new(Arc::clone(&model.model), move |kept| recorder.keep(kept)));
        model
    }

    fn keep(&self, kept: Kept) {
        let mut making = self.lock();
        if making.error.is_none() {
            let pushed = match kept.bytes() {
                bytes @ LARGE.. => making.passes.push_large(bytes, move |text| append(text, &kept)),
                _ => making.passes.push(|text| append(text, &kept)),
            };
            making.error = pushed.err();
        }
    }

    /// Completes the recording.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(&self, started: &Started<'_>) -> Result<()> {
        let unwritable =
            |cause| Error::environment(format!("cannot write `{}`", self.folder.display())).caused_by(cause);
        let (error, flushed, received) = {
            let mut making = self.lock();
            (making.error.take(), making.passes.finish(), std::mem::take(&mut making.received))
        };
        error.map_or(flushed, Err).map_err(unwritable)?;
        let sent = started.messages.iter().cloned().map(Thing::Message);
        let sent: Vec<Thing> =
            sent.chain(started.files.iter().map(|file| Thing::File(BASE64_STANDARD.encode(file)))).collect();
        let begun = Begun {
            format: FORMAT,
            program: started.program.to_owned(),
            input: started.input.to_owned(),
            seed: started.seed,
            pages: started.pages,
            model: started.model.info().clone(),
            showing: started.model.model.needs_showing(),
            environment: Some(self.environment.clone()),
            awaited: later(&sent, received),
            sent,
        };
        let text = serde_json::to_vec_pretty(&begun)
            .map_err(|cause| Error::bug("a recording cannot be written").caused_by(cause))?;
        std::fs::write(self.folder.join(RUN), text).map_err(unwritable)
    }
}

/// What a run was started with.
pub struct Started<'a> {
    /// What the inferlet is called in a trace.
    pub program: &'a str,
    /// Its input.
    pub input: &'a str,
    /// The seed.
    pub seed: u64,
    /// Pages of the KV cache.
    pub pages: u32,
    /// The model.
    pub model: &'a LoadedModel,
    /// Messages that were sent before it began.
    pub messages: &'a [String],
    /// Files that were.
    pub files: &'a [Vec<u8>],
}

/// What was received and had not been sent before the run began.
fn later(sent: &[Thing], received: Vec<Thing>) -> Vec<Thing> {
    let mut messages = sent.iter().filter(|thing| thing.is_message()).count();
    let mut files = sent.len() - messages;
    let mut comes_later = |thing: &Thing| {
        let before = if thing.is_message() { &mut messages } else { &mut files };
        let later = *before == 0;
        *before = before.saturating_sub(1);
        later
    };
    received.into_iter().filter(|thing| comes_later(thing)).collect()
}

/// The trace is written by whoever writes it elsewhere.
impl Reporter for Recorder {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let received = match &record.event {
            Event::Received { instance: InstanceId(1), text: Some(Text::Full(text)) } => {
                Thing::Message(text.clone())
            }
            Event::ReceivedFile { instance: InstanceId(1), data: Some(Bytes::Full(data)) } => {
                Thing::file(data)
            }
            _ => return Ok(()),
        };
        self.lock().received.push(received);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
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
            Error::usage(format!("`{}` is not a whole recording", folder.display()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_a_run_does_not_come_again() {
        let message = |text: &str| Thing::Message(text.to_owned());
        let file = |text: &str| Thing::File(text.to_owned());
        let sent = [message("a"), message("b"), file("x")];
        let received = vec![message("a"), file("x"), message("b"), file("y"), message("c")];
        assert_eq!(later(&sent, received), [file("y"), message("c")]);
        assert_eq!(later(&[], vec![message("a")]), [message("a")]);
        // One that was sent and never received leaves nothing over.
        assert_eq!(later(&sent, vec![message("a")]), []);
    }
}
