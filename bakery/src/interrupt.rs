//! Ctrl-C. The first one asks whatever runs to stop and clean up after itself; the second ends the process at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Kind, Result};

type Action = Box<dyn FnOnce() + Send>;

/// Whether the user asked to stop. Clones share one state.
#[derive(Clone, Default)]
pub struct Interrupt {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requested: AtomicBool,
    actions: Mutex<Actions>,
}

#[derive(Default)]
struct Actions {
    next: u64,
    waiting: BTreeMap<u64, Action>,
}

impl Interrupt {
    /// Whether the user asked to stop. Long loops look at it between two pieces of work.
    pub fn requested(&self) -> bool {
        self.shared.requested.load(Ordering::SeqCst)
    }

    /// An error of kind [`Kind::Interrupted`] once the user has asked to stop.
    ///
    /// # Errors
    /// Only that one.
    pub fn check(&self) -> Result<()> {
        if self.requested() { Err(Error::new(Kind::Interrupted, "interrupted")) } else { Ok(()) }
    }

    /// Asks to stop, as Ctrl-C does: runs every waiting action once.
    pub fn request(&self) {
        self.shared.requested.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut self.actions().waiting);
        for action in waiting.into_values() {
            action();
        }
    }

    /// Runs `action` when the user asks to stop, at once if that has happened already. Dropping the guard takes it back.
    pub fn on_request(&self, action: impl FnOnce() + Send + 'static) -> Waiting {
        let id = {
            let mut actions = self.actions();
            actions.next += 1;
            let id = actions.next;
            actions.waiting.insert(id, Box::new(action));
            id
        };
        // Looked at after the action is in place, so that a request in between is not lost.
        let due = if self.requested() { self.actions().waiting.remove(&id) } else { None };
        if let Some(action) = due {
            action();
        }
        Waiting { interrupt: self.clone(), id }
    }

    /// Makes Ctrl-C, and the signals that ask a process to end, request an interrupt; a second one ends the process. Called once, by `main`.
    ///
    /// # Errors
    /// The operating system refuses the handler.
    pub fn listen(&self) -> Result<()> {
        let interrupt = self.clone();
        ctrlc::set_handler(move || {
            if interrupt.requested() {
                std::process::exit(i32::from(Kind::Interrupted.exit_code()));
            }
            interrupt.request();
        })
        .map_err(|error| Error::environment("cannot listen for Ctrl-C").caused_by(error))
    }

    fn actions(&self) -> std::sync::MutexGuard<'_, Actions> {
        self.shared.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("requested", &self.requested()).finish()
    }
}

/// An action that waits for Ctrl-C.
#[must_use = "the action is taken back when this is dropped"]
#[derive(Debug)]
pub struct Waiting {
    interrupt: Interrupt,
    id: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.interrupt.actions().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn counter() -> (Arc<AtomicU32>, impl Fn() + Send + Clone + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = count.clone();
        (count, move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })
    }

    #[test]
    fn an_action_runs_once_however_often_ctrl_c_is_pressed() {
        let (count, action) = counter();
        let interrupt = Interrupt::default();
        let _waiting = interrupt.on_request(action);
        assert!(interrupt.check().is_ok());
        interrupt.request();
        interrupt.request();
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(interrupt.check().unwrap_err().kind, Kind::Interrupted);
    }

    #[test]
    fn an_action_that_comes_late_runs_at_once() {
        let (count, action) = counter();
        let interrupt = Interrupt::default();
        interrupt.request();
        let _waiting = interrupt.on_request(action);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_action_whose_guard_is_gone_does_not_run() {
        let (count, action) = counter();
        let interrupt = Interrupt::default();
        drop(interrupt.on_request(action));
        interrupt.request();
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}
