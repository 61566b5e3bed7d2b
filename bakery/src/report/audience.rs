//! Everybody who watches a run: several reporters behind the one sink that the engine has.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use pie_engine::trace::{Header, Record, Sink};

use super::Reporter;
use crate::error::{Error, Result};

/// Hands a trace to its reporters in the order they were added. Clones share them, so one can be given to the engine and the other kept.
#[derive(Clone)]
pub struct Audience {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    listeners: Vec<Listener>,
    /// The first failure. Nobody is told anything after it.
    failed: Option<Error>,
    stop: Box<dyn Fn() + Send>,
}

struct Listener {
    reporter: Box<dyn Reporter>,
    explain: Box<dyn Fn(io::Error) -> Error + Send>,
}

impl Audience {
    /// Nobody yet. `stop` is called once when a reporter fails, so that a run ends that nobody can watch.
    pub fn new(stop: impl Fn() + Send + 'static) -> Audience {
        let shared = Shared { listeners: Vec::new(), failed: None, stop: Box::new(stop) };
        Audience { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Adds a reporter; `explain` makes its failure an error for the user.
    pub fn add(
        &self,
        reporter: impl Reporter + 'static,
        explain: impl Fn(io::Error) -> Error + Send + 'static,
    ) {
        let listener = Listener { reporter: Box::new(reporter), explain: Box::new(explain) };
        self.lock().listeners.push(listener);
    }

    /// Lets every reporter finish.
    ///
    /// # Errors
    /// The first failure of any of them, now or earlier.
    pub fn finish(&self) -> Result<()> {
        let mut shared = self.lock();
        shared.tell(|reporter| reporter.finish());
        shared.failed.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn tell(&mut self, mut tell: impl FnMut(&mut dyn Reporter) -> io::Result<()>) {
        if self.failed.is_some() {
            return;
        }
        for listener in &mut self.listeners {
            if let Err(error) = tell(&mut *listener.reporter) {
                self.failed = Some((listener.explain)(error));
                (self.stop)();
                return;
            }
        }
    }
}

impl Sink for Audience {
    fn begin(&mut self, header: &Header) {
        self.lock().tell(|reporter| reporter.begin(header));
    }

    fn record(&mut self, record: &Arc<Record>) {
        self.lock().tell(|reporter| reporter.share(record));
    }
}
