//! A recording in the making.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine};
use pie_engine::ids::InstanceId;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::tape::Taping;
use pie_engine::outside::secret::{HIDDEN, is_secret};
use pie_engine::trace::{Bytes, Event, Header, Record, Text};

use super::place::Place;
use super::{Begun, FORMAT, PASSES, TRACE, Thing};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::Reporter;
use crate::report::trace_file::{PassFile, TraceFile};

/// A recording in the making. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    place: Arc<Place>,
    /// Environment variables, as they are kept.
    environment: Vec<(String, String)>,
    passes: Arc<PassFile>,
    making: Arc<Mutex<Making>>,
}

#[derive(Default)]
struct Making {
    /// The first pass of which no text can be made.
    error: Option<io::Error>,
    received: Vec<Thing>,
}

impl Recorder {
    /// Begins a recording in a folder, which is new, empty, or a recording that is replaced once this one is whole, of a run with these variables. The trace is
    /// written there too, and nowhere else if it is none yet.
    ///
    /// # Errors
    /// There is something else in the folder, another run records to it, or it cannot be written.
    pub fn create(
        folder: &Path,
        variables: Vec<(String, String)>,
        trace: &mut Option<TraceFile>,
        env: &Environment,
    ) -> Result<Recorder> {
        let place = Place::take(folder, env)?;
        let file = place.file(TRACE);
        let trace = match trace {
            Some(trace) => {
                trace.also(&file).map_err(|cause| place.unwritable(cause))?;
                trace
            }
            None => trace.insert(TraceFile::create(&file).map_err(|cause| place.unwritable(cause))?),
        };
        let passes = trace.passes(&place.file(PASSES)).map_err(|cause| place.unwritable(cause))?;
        let environment = variables.into_iter().map(|(name, value)| {
            let value = if is_secret(&name) { HIDDEN.to_owned() } else { value };
            (name, value)
        });
        Ok(Recorder {
            place: Arc::new(place),
            environment: environment.collect(),
            passes: Arc::new(passes),
            making: Arc::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same model, whose passes are kept.
    #[must_use]
    pub fn taping(&self, mut model: LoadedModel) -> LoadedModel {
        let recorder = self.clone();
        let keep = move |kept| {
            if let Err(error) = recorder.passes.keep(kept) {
                recorder.lock().error.get_or_insert(error);
            }
        };
        model.model = Arc::new(Taping::new(Arc::clone(&model.model), keep));
        model
    }

    /// Completes the recording, whose trace is finished. It takes the place of one that was there.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(&self, started: &Started<'_>) -> Result<()> {
        let Making { error, received } = std::mem::take(&mut *self.lock());
        error.map_or(Ok(()), Err).map_err(|cause| self.place.unwritable(cause))?;
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
        self.place.complete(&text)
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
