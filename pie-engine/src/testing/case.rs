//! An inferlet that is tested, one way of running it, and what came of it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Conditions, Kept, Layer, Observed, ParseError, REDACTED, Redaction, Vocabulary, layer};
use crate::loaded::LoadedModel;
use crate::model::dummy::Script;
use crate::trace::{Outcome, Text};
use crate::uses::Uses;
use crate::{
    Engine, EngineConfig, EngineError, Finished, Inferlet, Launch, PageChecks, Runtime, RuntimeConfig,
};

/// Why there is nothing to test.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// What is in it is no inferlet, or the runtime cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An inferlet that is tested. Compiling it takes longer than running it, so one is made for several cases. Clones share it.
#[derive(Clone)]
pub struct Subject {
    runtime: Arc<Runtime>,
    inferlet: Inferlet,
}

impl Subject {
    /// The inferlet in a file: a component, as `bakery build -o FILE` makes it.
    ///
    /// # Errors
    /// The file cannot be read, or is no inferlet.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SubjectError> {
        let path = path.as_ref();
        let wasm =
            std::fs::read(path).map_err(|cause| SubjectError::Unreadable { path: path.to_owned(), cause })?;
        Ok(Self::new(&wasm)?)
    }

    /// The inferlet with these bytes.
    ///
    /// # Errors
    /// They are no inferlet, or the runtime cannot start.
    pub fn new(wasm: &[u8]) -> Result<Self, EngineError> {
        let runtime = Arc::new(Runtime::new(RuntimeConfig::default())?);
        let inferlet = runtime.compile(wasm)?;
        Ok(Subject { runtime, inferlet })
    }

    /// One that is compiled already, on its runtime.
    pub fn on(runtime: Arc<Runtime>, inferlet: Inferlet) -> Self {
        Subject { runtime, inferlet }
    }

    /// A way of running it: with this input, beside the dummy, with the seed 0.
    pub fn case(&self, input: Value) -> Case {
        Case {
            subject: self.clone(),
            launch: Launch::new(input.to_string()),
            model: LoadedModel::dummy(),
            pages: None,
            sending: VecDeque::new(),
            redactions: Vec::new(),
        }
    }
}

/// One way of running an inferlet.
pub struct Case {
    subject: Subject,
    launch: Launch,
    model: LoadedModel,
    pages: Option<u32>,
    sending: VecDeque<Thing>,
    redactions: Vec<Redaction>,
}

/// What it is sent.
enum Thing {
    Message(String),
    File(Vec<u8>),
}

impl Case {
    /// The seed of everything random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.launch = self.launch.seed(seed);
        self
    }

    /// Another order of what nothing puts in order: see [`Launch::interleaving`]. What an inferlet answers must not depend on it.
    #[must_use]
    pub fn interleaving(mut self, number: u64) -> Self {
        self.launch = self.launch.interleaving(number);
        self
    }

    /// Sends it a message when it waits for one, after those before.
    #[must_use]
    pub fn send(mut self, message: impl Into<String>) -> Self {
        self.sending.push_back(Thing::Message(message.into()));
        self
    }

    /// Sends it a file when it waits for one, after what is sent before.
    #[must_use]
    pub fn send_file(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.sending.push_back(Thing::File(data.into()));
        self
    }

    /// Has the dummy give the replies of a script.
    #[must_use]
    pub fn script(self, script: &Script) -> Self {
        self.model(LoadedModel::scripted(script))
    }

    /// Runs it beside another model.
    #[must_use]
    pub fn model(mut self, model: LoadedModel) -> Self {
        self.model = model;
        self
    }

    /// Pages of the KV cache.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = Some(pages);
        self
    }

    /// Changes all else about the launch: limits, environment, who answers what it asks of the outside, which inferlets it may launch.
    #[must_use]
    pub fn launch(mut self, change: impl FnOnce(Launch) -> Launch) -> Self {
        self.launch = change(self.launch);
        self
    }

    /// Puts `[redacted]` in the place of what a path (RFC 9535) leads to in the answer, and in messages that are JSON.
    ///
    /// # Errors
    /// It is no path.
    pub fn redact(self, path: &str) -> Result<Self, ParseError> {
        let path = JsonPath::parse(path)?;
        Ok(self.redaction(Redaction { event: None, path: Some(path), with: REDACTED.to_owned() }))
    }

    /// Leaves events of a kind out of all layers: one of [`KINDS`](super::KINDS).
    #[must_use]
    pub fn leave_out(self, kind: impl Into<String>) -> Self {
        self.redaction(Redaction { event: Some(kind.into()), path: None, with: REDACTED.to_owned() })
    }

    /// Leaves something out, or puts it into other words.
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redactions.push(redaction);
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// There are no pages.
    pub fn try_run(self) -> Result<Run, EngineError> {
        let Case { subject, launch, mut model, pages, mut sending, redactions } = self;
        let kept = Kept::default();
        let vocabulary = Vocabulary::with(Arc::clone(&model.tokenizer));
        model.model = Arc::new(kept.taping(Arc::clone(&model.model)));
        let config = EngineConfig::new(model);
        let config =
            EngineConfig { pages: pages.unwrap_or(config.pages), checks: PageChecks::AtEnd, ..config };
        let engine = Engine::on(subject.runtime, config)?;
        let launch = launch.uses(kept.uses());
        launch.control().attend(move |control| match sending.pop_front() {
            Some(Thing::Message(text)) => {
                control.send(text);
                true
            }
            Some(Thing::File(data)) => {
                control.send_file(data);
                true
            }
            None => false,
        });
        let finished = engine.run(&subject.inferlet, launch, Box::new(kept.clone()));
        let observed = kept.observed(finished).expect("a run that has ended has begun");
        Ok(Run { observed, redactions, vocabulary })
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// There are no pages.
    pub fn run(self) -> Run {
        self.try_run().unwrap_or_else(|error| panic!("the case cannot be run: {error}"))
    }
}

/// What came of a case.
pub struct Run {
    /// All of it.
    pub observed: Observed,
    redactions: Vec<Redaction>,
    vocabulary: Vocabulary,
}

impl Run {
    /// What the caller got: answer, messages, files, printed text.
    pub fn output(&self) -> String {
        self.layer(Layer::Output)
    }

    /// What the inferlet did: its calls in order, with tokens.
    pub fn events(&self) -> String {
        self.layer(Layer::Events)
    }

    /// Log-probabilities, margins and the like.
    pub fn numbers(&self) -> String {
        self.layer(Layer::Numbers)
    }

    /// One of the three.
    pub fn layer(&self, wanted: Layer) -> String {
        layer(wanted, &self.observed, &self.redactions, &self.vocabulary)
    }

    /// How it ended, what it used, and what the page checker found, which is a mistake of the engine's.
    pub fn finished(&self) -> &Finished {
        &self.observed.finished
    }

    /// Its answer, if it gave one that the trace has whole.
    pub fn value(&self) -> Option<Value> {
        match &self.observed.finished.outcome {
            Outcome::Ok(Text::Full(answer)) => serde_json::from_str(answer).ok(),
            _ => None,
        }
    }

    /// What it made use of: each function of the interface that it called, and how far texts have come in grammars.
    pub fn uses(&self) -> &Uses {
        &self.observed.uses
    }

    /// What the layers depend on besides the inferlet and its input: for the metadata of a snapshot.
    pub fn conditions(&self) -> Conditions {
        Conditions::of(&self.observed.header)
    }
}
