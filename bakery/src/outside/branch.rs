//! A recorded run that goes another way from one event on: what was recorded answers up to there, something else is answered there, and the model and the world
//! answer from there on, with recorded answers for questions that come again.
//!
//! The model computes all of the run, so that its pages hold what they have to hold. Up to the event its choices are replaced with the recorded ones, which for
//! a model that rounds otherwise on this machine are not the same.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pie_engine::Control;
use pie_engine::clock::WallTime;
use pie_engine::ids::InstanceId;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::tape::{Branching, Replies, Reply};
use pie_engine::outside::replay::{Recording, Replay};
use pie_engine::trace::jsonl::Reader;
use pie_engine::trace::{Event, Fork, Header, Outcome, Record, Slot, Text};
use sha2::{Digest, Sha256};

use super::recording::{self, Replayed, Thing};
use super::replay::Unusable;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::Reporter;
use crate::report::recorded::{self, unreadable};
use crate::report::trace_file::TraceFile;

/// What sets the clock, as [`Fork::set`] has it.
const CLOCK: &str = "clock=";

/// What is recorded, and where it is left.
pub struct Branch {
    /// The trace.
    file: PathBuf,
    /// The event from which on it is another run.
    pub at: u64,
    /// That event, as it was recorded.
    pub event: Event,
    /// What is said about it in the new trace.
    pub fork: Fork,
    /// The header of the recorded run.
    pub header: Header,
    /// What the inferlet is given, JSON text; none if the trace has only the beginning of it.
    pub input: Option<String>,
    /// Pages of the KV cache, where a recording says so.
    pub pages: Option<u32>,
    /// Its environment variables, where a recording says so.
    pub environment: Option<Vec<(String, String)>>,
    /// When the run begins, if not when all do.
    pub start: Option<WallTime>,
    /// The choices up to the event, and the one that is made there.
    pub replies: Replies,
    /// Questions with their answers.
    pub questions: Recording,
    /// What the inferlet is sent before it begins.
    sent: Vec<Thing>,
    /// What it is sent later.
    awaited: Vec<Thing>,
    /// How many messages, or files, it received before the event, if that is one.
    received: Option<usize>,
}

/// What is found on the way through a trace.
#[derive(Default)]
struct Found {
    at: u64,
    event: Option<Event>,
    last: Option<u64>,
    input: Option<String>,
    replies: Replies,
    received: Vec<Thing>,
    /// How many messages, or files, were received before the event, if it is one.
    nth: Option<usize>,
    /// The first event of which the trace has the beginning only.
    cut: Option<u64>,
}

impl Found {
    fn look(&mut self, record: &Record) {
        let Record { seq, event, .. } = record;
        self.last = Some(*seq);
        match event {
            Event::Launched { parent: None, input: Text::Full(input), .. } => {
                self.input.get_or_insert_with(|| input.clone());
            }
            Event::PassDone { instance, pass, slots, .. } if *seq <= self.at => {
                let replies = slots.iter().map(|slot| match slot {
                    Slot::Token(token) => Reply::Token(*token),
                    // A trace has the beginning of it only, so it is computed.
                    _ => Reply::Computed,
                });
                self.replies.insert((*instance, *pass), replies.collect());
            }
            Event::Received { instance: InstanceId(1), text } => {
                self.arrived(*seq, true);
                match text {
                    Some(Text::Full(text)) => self.received.push(Thing::Message(text.clone())),
                    Some(Text::Elided(_)) => self.cut = self.cut.or(Some(*seq)),
                    None => {}
                }
            }
            Event::ReceivedFile { instance: InstanceId(1), data } => {
                self.arrived(*seq, false);
                // A trace has their digests only.
                self.cut = self.cut.or(data.as_ref().map(|_| *seq));
            }
            _ => {}
        }
        if *seq == self.at {
            self.event = Some(event.clone());
        }
    }

    /// A message or a file reaches the inferlet.
    fn arrived(&mut self, seq: u64, message: bool) {
        if seq == self.at {
            self.nth = Some(self.received.iter().filter(|thing| thing.is_message() == message).count());
        } else if !message {
            self.received.push(Thing::File(String::new()));
        }
    }
}

impl Branch {
    /// Reads a trace, or a recording with its trace.
    ///
    /// # Errors
    /// It cannot be read, is not of a whole run, or has no such event.
    pub fn read(path: &Path, at: u64, env: &Environment) -> Result<Branch> {
        let is_recording = Replayed::is_at(&env.current_dir.join(path));
        let file = if is_recording { path.join(recording::TRACE) } else { path.to_owned() };
        let recorded = if is_recording { Some(Replayed::read(path, env)?) } else { None };
        let trace = recorded::open(&file, env)?;
        let header = trace.header().clone();
        let mut found = Found { at, ..Found::default() };
        let records = trace.map(|record| {
            let record = record.map_err(Unusable::from)?;
            found.look(&record);
            Ok(record)
        });
        let questions = Recording::new(header.clone(), records).map_err(|error| match error {
            Unusable::Read(error) => unreadable(error, &file),
            Unusable::Recording(error) => cannot(path).caused_by(error),
        })?;
        let last = found.last.unwrap_or(0);
        let Some(event) = found.event.take() else {
            let shown = path.display();
            return Err(Error::usage(format!(
                "there is no event {at} in `{shown}`, which has events 0 to {last}"
            ))
            .hint(format!("bakery trace show {shown} --json    # each event with its number, `seq`")));
        };
        // A fork of a fork begins when that one did.
        let set = header.fork.iter().flat_map(|fork| &fork.set).filter(|set| set.starts_with(CLOCK)).cloned();
        let set: Vec<String> = set.collect();
        let start = set.last().and_then(|set| set[CLOCK.len()..].parse().ok());
        let parent = digest(&env.current_dir.join(&file))
            .map_err(|cause| Error::usage(format!("cannot read `{}`", file.display())).caused_by(cause))?;
        let mut branch = Branch {
            file,
            at,
            event,
            fork: Fork { parent, at, set },
            header,
            input: found.input,
            pages: None,
            environment: None,
            start: start.map(|seconds| WallTime { seconds, nanoseconds: 0 }),
            replies: found.replies,
            questions,
            sent: Vec::new(),
            awaited: found.received,
            received: found.nth,
        };
        match recorded {
            Some(recorded) => branch.complete(recorded),
            None => {
                if let Some(seq) = found.cut {
                    return Err(cannot(path)
                        .caused_by(format!("event {seq} is something that was sent to the inferlet, and the trace has its beginning only"))
                        .hint("record the run with `bakery run --record`, and fork the recording"));
                }
            }
        }
        Ok(branch)
    }

    /// Takes from a recording what a trace does not have.
    fn complete(&mut self, Replayed { begun, takes, .. }: Replayed) {
        for (key, replies) in &mut self.replies {
            if let Some(take) = takes.get(key) {
                replies.clone_from(&take.replies);
            }
        }
        self.pages = Some(begun.pages);
        (self.sent, self.awaited) = begun.things();
        self.input = Some(begun.input);
        self.environment = begun.environment;
    }

    /// The trace.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Puts a message or a file in the place of the one that was received at the event. Where the session was closed it comes in addition.
    pub fn receive(&mut self, thing: Thing) {
        let all = self.sent.iter_mut().chain(&mut self.awaited);
        let mut same = all.filter(|other| other.is_message() == thing.is_message());
        match self.received.and_then(|nth| same.nth(nth)) {
            Some(place) => *place = thing,
            None => self.awaited.push(thing),
        }
    }

    /// The model, whose choices up to the event are the recorded ones.
    #[must_use]
    pub fn model(&self, mut model: LoadedModel) -> LoadedModel {
        model.model = Arc::new(Branching::new(Arc::clone(&model.model), self.replies.clone()));
        model
    }

    /// Answers as was recorded, and with the world what was not.
    pub fn outside(&self, world: Arc<dyn pie_engine::Outside>) -> Replay {
        Replay::branching(self.questions.clone(), world)
    }

    /// Sends what was sent: what was there from the beginning, and the rest whenever it is awaited.
    pub fn attend(&self, control: &Control) {
        self.sent.iter().for_each(|thing| thing.send(control));
        let mut awaited: VecDeque<Thing> = self.awaited.clone().into();
        control.attend(move |control| awaited.pop_front().map(|thing| thing.send(control)).is_some());
    }

    /// Holds a run against the recorded one, up to the event, and ends it where it is another.
    ///
    /// # Errors
    /// The trace cannot be read again.
    pub fn watch(&self, control: &Control, env: &Environment) -> Result<Watch> {
        let records = recorded::open(&self.file, env)?;
        let (control, parted) = (control.clone(), Parted::default());
        Ok(Watch { records, at: self.at, control, parted })
    }
}

fn cannot(path: &Path) -> Error {
    Error::usage(format!("`{}` cannot be forked", path.display()))
}

/// SHA-256 of a file in hexadecimal.
fn digest(file: &Path) -> io::Result<String> {
    let mut input = BufReader::new(File::open(file)?);
    let mut hasher = Sha256::new();
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let read = bytes.len();
        input.consume(read);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a run is not the recorded one, if it is not. Clones share it.
#[derive(Clone, Default)]
pub struct Parted {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The next event that is to be the recorded one.
    next: u64,
    why: Option<String>,
}

impl Parted {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the run was the recorded one up to event `at`.
    ///
    /// # Errors
    /// It was not: the error says where they part.
    pub fn verdict(&self, at: u64) -> Result<()> {
        let state = self.lock();
        let why = match &state.why {
            Some(why) => why.clone(),
            None if state.next < at => format!("it ended with event {}", state.next.saturating_sub(1)),
            None => return Ok(()),
        };
        Err(Error::failed(format!("the run is not the recorded one before event {at}: {why}")).hint(
            "fork with what the run was recorded with: the same inferlet, model, script and pages; a recording of `bakery run --record` knows most of it",
        ))
    }
}

/// Holds events against recorded ones.
pub struct Watch {
    records: Reader<BufReader<File>>,
    at: u64,
    control: Control,
    /// What is found.
    pub parted: Parted,
}

impl Reporter for Watch {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let mut state = self.parted.lock();
        if record.seq >= self.at || state.why.is_some() {
            return Ok(());
        }
        // It was read before, and whoever has changed it since gets an error.
        let Some(recorded) = self.records.next() else { return Ok(()) };
        let recorded = recorded.map_err(io::Error::other)?;
        let (recorded, now) = (serde_json::to_string(&recorded)?, serde_json::to_string(record)?);
        if recorded == now {
            state.next = record.seq + 1;
            return Ok(());
        }
        let why =
            format!("event {} is {}, and {} was recorded", record.seq, shorten(&now), shorten(&recorded));
        self.control.cancel(Outcome::Cancelled(format!("the run is not the recorded one: {why}")));
        state.why = Some(why);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The new trace, whose header says what it is a fork of.
pub struct ForkedTrace {
    file: TraceFile,
    fork: Fork,
}

impl ForkedTrace {
    /// Starts the file.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path, fork: Fork) -> io::Result<ForkedTrace> {
        Ok(ForkedTrace { file: TraceFile::create(path)?, fork })
    }
}

impl Reporter for ForkedTrace {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.file.begin(&Header { fork: Some(self.fork.clone()), ..header.clone() })
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        self.file.report(record)
    }

    fn share(&mut self, record: &Arc<Record>) -> io::Result<()> {
        self.file.share(record)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.finish()
    }
}
