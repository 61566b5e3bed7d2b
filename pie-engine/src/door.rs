//! A way into a run that is under way: inferlets are started from other threads, one for each request of a server for example.

use crate::child::Ended;
use crate::control::Bell;
use crate::host::component::Inferlet;
use crate::launch::Launch;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whoever holds it can have inferlets started in a run. Clones are the same door; it is closed once all are dropped.
///
/// Who comes in is numbered in the order of coming, so a run with a door is the same as another one only if they come in the same order and at
/// the same moments.
#[derive(Clone)]
pub struct Door {
    open: Arc<Open>,
}

/// The inner side of a door, which a run is given: [`Engine::run_open`](crate::Engine::run_open).
pub struct Entrance {
    shared: Arc<Shared>,
}

/// An inferlet that has come in.
pub(crate) struct Arrival {
    pub inferlet: Inferlet,
    pub launch: Launch,
    /// Where it will be said how it ended.
    pub ended: Ended,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Default)]
struct State {
    arrivals: VecDeque<Arrival>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it is there, somebody may come in.
struct Open {
    shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.bell.ring();
    }
}

/// A door and its inner side.
pub fn door() -> (Door, Entrance) {
    let shared = Arc::<Shared>::default();
    (Door { open: Arc::new(Open { shared: Arc::clone(&shared) }) }, Entrance { shared })
}

impl Door {
    /// Has an inferlet started as soon as the run looks. What is returned becomes set with the way it ends; it never does if the run is over.
    pub fn enter(&self, inferlet: Inferlet, launch: Launch) -> Ended {
        let ended = Ended::default();
        let arrival = Arrival { inferlet, launch, ended: Arc::clone(&ended) };
        self.open.shared.lock().arrivals.push_back(arrival);
        self.open.shared.bell.ring();
        ended
    }
}

impl Entrance {
    /// One by which nobody comes.
    pub fn closed() -> Entrance {
        door().1
    }

    /// Rings when somebody has come in and when the door was closed.
    pub(crate) fn bell(&self) -> Bell {
        self.shared.bell.clone()
    }

    /// Whether somebody may still come.
    pub(crate) fn is_open(&self) -> bool {
        let state = self.shared.lock();
        !state.closed || !state.arrivals.is_empty()
    }

    /// Who came in first and has not been let in.
    pub(crate) fn next(&self) -> Option<Arrival> {
        self.shared.lock().arrivals.pop_front()
    }
}
