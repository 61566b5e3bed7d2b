//! Panics, turned into an error that asks for a report.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// Keeps what panics say instead of letting them print it.
#[derive(Clone, Default)]
pub struct Crashes {
    messages: Arc<Mutex<Vec<String>>>,
}

impl Crashes {
    /// Takes over the panic hook of the process. Called once, by `main`.
    pub fn watch() -> Crashes {
        let crashes = Crashes::default();
        let messages = crashes.messages.clone();
        panic::set_hook(Box::new(move |info| {
            messages.lock().unwrap_or_else(PoisonError::into_inner).push(describe(info));
        }));
        crashes
    }

    /// Runs `work`. A panic in it, or in any thread meanwhile, is an error of kind [`Bug`](crate::error::Kind::Bug).
    ///
    /// # Errors
    /// Those of `work`, and panics.
    pub fn contain<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        // What `work` left half-done is not looked at again: the process ends after this.
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        let messages = std::mem::take(&mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(first) = messages.into_iter().next() else {
            return result.unwrap_or_else(|_| Err(report("a thread panicked")));
        };
        let error = report(&first);
        Err(match result {
            Ok(Err(consequence)) => error.caused_by(consequence),
            _ => error,
        })
    }
}

fn report(what: &str) -> Error {
    let address = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");
    Error::bug(format!("bakery has a bug: {what}"))
        .hint(format!("please report this, with the command you typed: {address}"))
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("panic without a message");
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let backtrace = Backtrace::capture();
    let trace = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    format!("{message}{}{trace}", place.unwrap_or_default())
}
