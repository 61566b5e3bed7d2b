use super::{Event, Header, Record};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes records as they happen. Implemented by reporters, files and tests.
pub trait Sink: Send {
    /// Called once, first.
    fn begin(&mut self, header: &Header);
    /// Called for each record, in order. Whoever keeps it keeps the one that all others have.
    fn record(&mut self, record: &Arc<Record>);
}

/// A trace in memory. Clones share it, so one can be kept while the other is given to a run.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    shared: Arc<Mutex<Trace>>,
}

/// A header and its records.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Trace {
    /// The header, once the run has begun.
    pub header: Option<Header>,
    /// The records so far.
    pub records: Vec<Record>,
}

impl Collected {
    fn lock(&self) -> MutexGuard<'_, Trace> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records so far.
    pub fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    /// The events so far, without number and time: what snapshots compare.
    pub fn events(&self) -> Vec<Event> {
        self.lock().records.iter().map(|record| record.event.clone()).collect()
    }

    /// Header and records so far.
    pub fn trace(&self) -> Trace {
        self.lock().clone()
    }
}

impl Sink for Collected {
    fn begin(&mut self, header: &Header) {
        self.lock().header = Some(header.clone());
    }

    fn record(&mut self, record: &Arc<Record>) {
        self.lock().records.push(Record::clone(record));
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, _record: &Arc<Record>) {}
}

/// Several listeners, in order.
impl Sink for Vec<Box<dyn Sink>> {
    fn begin(&mut self, header: &Header) {
        for sink in self {
            sink.begin(header);
        }
    }

    fn record(&mut self, record: &Arc<Record>) {
        for sink in self {
            sink.record(record);
        }
    }
}

/// Numbers events and hands them to the sink of a run. Clones share one sink and one count.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Mutex<Shared>>,
    recorded_bytes: Arc<AtomicU64>,
}

struct Shared {
    sink: Box<dyn Sink>,
    next: u64,
    now: u64,
}

impl Recorder {
    /// Starts a trace.
    pub fn new(mut sink: Box<dyn Sink>, header: &Header) -> Self {
        sink.begin(header);
        let shared = Arc::new(Mutex::new(Shared { sink, next: 0, now: 0 }));
        Recorder { shared, recorded_bytes: Arc::default() }
    }

    /// A recorder for the same trace that counts its own events.
    #[must_use]
    pub fn counting_apart(&self) -> Self {
        Recorder { shared: Arc::clone(&self.shared), recorded_bytes: Arc::default() }
    }

    /// [`Event::bytes`] of everything that was recorded through it.
    pub fn recorded_bytes(&self) -> u64 {
        self.recorded_bytes.load(Ordering::Relaxed)
    }

    /// Records an event at the current virtual time. What comes back is what all listeners got.
    pub fn record(&self, event: Event) -> Arc<Record> {
        self.recorded_bytes.fetch_add(event.bytes(), Ordering::Relaxed);
        // A sink that panicked has lost its own records only; the run goes on.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let record = Arc::new(Record { seq: shared.next, at: shared.now, event });
        shared.next += 1;
        shared.sink.record(&record);
        record
    }

    /// Moves the virtual time that the next records carry, in nanoseconds.
    pub fn set_now(&self, now: u64) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).now = now;
    }
}
