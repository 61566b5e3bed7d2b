//! A run, kept whole in memory.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Finished;
use crate::model::Model;
use crate::model::tape::{Take, Taping};
use crate::trace::{Event, Header, Record, Sink};
use crate::uses::Uses;

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
    /// What it made use of.
    pub uses: Uses,
}

/// Keeps the events of a run in memory. Clones share them.
#[derive(Clone, Default)]
pub struct Kept {
    shared: Arc<Mutex<Recorded>>,
    takes: Arc<Mutex<Vec<Take>>>,
    uses: Uses,
}

/// The header, once the run has begun, and the records so far.
type Recorded = (Option<Header>, Vec<Arc<Record>>);

impl Kept {
    /// The same model, of which passes are kept with all of their answers: events have a digest of large ones.
    pub fn taping(&self, model: Arc<dyn Model>) -> Taping {
        let takes = Arc::clone(&self.takes);
        Taping::new(model, move |take| {
            takes.lock().unwrap_or_else(PoisonError::into_inner).push((&take).into())
        })
    }

    /// Who is to be told what the run makes use of, if somebody wants to know.
    pub fn uses(&self) -> Uses {
        self.uses.clone()
    }

    /// Takes what was kept, once the run is over. None where it never began.
    pub fn observed(&self, finished: Finished) -> Option<Observed> {
        let (header, records) =
            std::mem::take(&mut *self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        let events = records.into_iter().map(|record| match Arc::try_unwrap(record) {
            Ok(record) => record.event,
            Err(shared) => shared.event.clone(),
        });
        let events = events.collect();
        let takes = std::mem::take(&mut *self.takes.lock().unwrap_or_else(PoisonError::into_inner));
        Some(Observed { header: header?, events, finished, takes, uses: self.uses() })
    }
}

impl Sink for Kept {
    fn begin(&mut self, header: &Header) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(header.clone());
    }

    fn record(&mut self, record: &Arc<Record>) {
        // What was batched together belongs to the engine and not to the inferlet.
        if !matches!(record.event, Event::Step { .. }) {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).1.push(Arc::clone(record));
        }
    }
}
