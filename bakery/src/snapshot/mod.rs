//! What a run of a case is compared with: what it is expected to be in so many words, and what was accepted before.
//!
//! [`project`] makes the three layers of a run out of its events, [`expectations`] holds a run to what a case says, [`store`] keeps layers as files,
//! [`diff`] says how two of them differ and why, [`judge`] puts these together, and [`review`] decides what becomes of differences. [`verdict`] is what comes of a case. Nothing here
//! runs anything, asks anybody or prints.
//!
//! Invariants: a layer is a function of the events of a run and of the case; reading a snapshot loses nothing that was there, and nothing is written
//! but by [`store`].

pub mod coverage;
pub mod diff;
pub mod expectations;
pub mod judge;
pub mod project;
pub mod review;
pub mod store;
pub mod verdict;

use std::sync::{Arc, Mutex, PoisonError};

use pie_engine::Finished;
use pie_engine::model::Model;
use pie_engine::model::tape::{Take, Taping};
use pie_engine::trace::{Event, Header, Record, Sink};

/// The kinds of events, as traces call them.
pub const KINDS: [&str; 36] = [
    "launched",
    "detached",
    "stdout",
    "stderr",
    "message",
    "file",
    "received",
    "received-file",
    "pushed",
    "pulled",
    "broadcast",
    "subscribed",
    "heard",
    "asked",
    "answered",
    "denied",
    "requested",
    "responded",
    "adapter",
    "matcher-created",
    "forced",
    "model-loaded",
    "context-created",
    "context-saved",
    "snapshot-deleted",
    "context-destroyed",
    "pages",
    "bid",
    "suspended",
    "restored",
    "granted",
    "pass",
    "pass-done",
    "pass-failed",
    "finished",
    "finding",
];

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What it depended on besides the inferlet and its input.
    pub header: Header,
    /// What happened, without what was batched together.
    pub events: Vec<Event>,
    /// How it ended.
    pub finished: Finished,
    /// Its passes with all of their answers, where somebody wants to know.
    pub takes: Vec<Take>,
}

/// Keeps the events of a run in memory. Clones share them.
#[derive(Clone, Default)]
pub struct Kept {
    shared: Arc<Mutex<(Option<Header>, Vec<Event>)>>,
    takes: Arc<Mutex<Vec<Take>>>,
}

impl Kept {
    /// The same model, of which passes are kept with all of their answers: events have a digest of large ones.
    pub fn taping(&self, model: Arc<dyn Model>) -> Taping {
        let takes = Arc::clone(&self.takes);
        Taping::new(model, move |take| {
            takes.lock().unwrap_or_else(PoisonError::into_inner).push((&take).into())
        })
    }

    /// Takes what was kept, once the run is over. None where it never began.
    pub fn observed(&self, finished: Finished) -> Option<Observed> {
        let (header, events) =
            std::mem::take(&mut *self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        let takes = std::mem::take(&mut *self.takes.lock().unwrap_or_else(PoisonError::into_inner));
        Some(Observed { header: header?, events, finished, takes })
    }
}

impl Sink for Kept {
    fn begin(&mut self, header: &Header) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(header.clone());
    }

    fn record(&mut self, record: &Record) {
        // What was batched together belongs to the engine and not to the inferlet.
        if !matches!(record.event, Event::Step { .. }) {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).1.push(record.event.clone());
        }
    }
}
