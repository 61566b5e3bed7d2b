//! Panics, turned into an error that asks for a report.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// Keeps what panics say instead of letting them print it.
#[derive(Clone, Default)]
pub struct Crashes {
    seen: Arc<Mutex<Vec<Crash>>>,
}

/// One panic.
struct Crash {
    message: String,
    /// Where `RUST_BACKTRACE` asks for it.
    backtrace: Option<String>,
}

impl Crashes {
    /// Takes over the panic hook of the process. Called once, by `main`.
    pub fn watch() -> Crashes {
        let crashes = Crashes::default();
        let seen = crashes.seen.clone();
        panic::set_hook(Box::new(move |info| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(Crash::of(info));
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
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(first) = seen.into_iter().next() else {
            return result.unwrap_or_else(|_| Err(report("a thread panicked")));
        };
        let error = report(&first.message);
        Err(match (first.backtrace, result) {
            (Some(backtrace), _) => error.caused_by(backtrace),
            (None, Ok(Err(consequence))) => error.caused_by(consequence),
            (None, _) => error,
        })
    }
}

fn report(what: &str) -> Error {
    let address = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");
    Error::bug(format!("bakery has a bug: {what}"))
        .hint(format!("please report this, with the command you typed: {address}"))
}

impl Crash {
    fn of(info: &PanicHookInfo<'_>) -> Crash {
        let message = info.payload_as_str().unwrap_or("panic without a message");
        let place = info.location().map(|place| format!(", at {}:{}", place.file(), place.line()));
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        Crash {
            message: format!("{message}{}", place.unwrap_or_default()),
            backtrace: captured.then(|| backtrace.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_panic_is_an_error_that_asks_for_a_report() {
        // The hook of the process belongs to the test runner, so this one sees a panic without its message.
        let error = Crashes::default().contain(|| -> Result<()> { panic!("at the disco") }).unwrap_err();
        assert_eq!(error.kind, Kind::Bug);
        assert!(error.hints[0].contains("report"), "{:?}", error.hints);
    }

    #[test]
    fn what_a_thread_said_when_it_panicked_comes_before_what_followed() {
        let crashes = Crashes::default();
        let crash = Crash { message: "index out of bounds, at lib.rs:3".into(), backtrace: None };
        crashes.seen.lock().unwrap().push(crash);
        let error = crashes.contain(|| -> Result<()> { Err(Error::failed("no answer")) }).unwrap_err();
        assert_eq!(error.message, "bakery has a bug: index out of bounds, at lib.rs:3");
        assert_eq!(error.causes(), ["no answer"]);
    }
}
