//! What reaches a run from outside: messages and files for an instance, and the wish that it end.

use crate::engine::inbox::Inbox;
use crate::trace::Outcome;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How an instance is to end because somebody else wants it to: it alone, or all that was launched with it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    own: Arc<OnceLock<Outcome>>,
    /// That of the launch which the instance goes back to.
    root: Option<Arc<OnceLock<Outcome>>>,
    /// Why the instance that is asked now can never go on.
    stuck: Arc<Mutex<Option<String>>>,
}

impl Cancellation {
    /// How the instance is to end, if it is.
    pub fn get(&self) -> Option<&Outcome> {
        self.own.get().or_else(|| self.root.as_ref()?.get())
    }

    /// Why an instance that is asked for the last time can never go on.
    pub fn stuck(&self) -> Option<String> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has `ask` ask an instance for the last time.
    pub fn give_up<T>(&self, why: &str, ask: impl FnOnce() -> T) -> T {
        let set = |why| *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = why;
        set(Some(why.to_owned()));
        let asked = ask();
        // Others may have been launched with the same control.
        set(None);
        asked
    }

    /// The first outcome counts.
    fn set(&self, outcome: Outcome) {
        let _ = self.own.set(outcome);
    }

    fn for_child(&self) -> Cancellation {
        let root = self.root.as_ref().unwrap_or(&self.own);
        Cancellation { root: Some(Arc::clone(root)), ..Cancellation::default() }
    }
}

/// What a client sends to an instance.
#[derive(Clone, Default)]
pub struct Session {
    /// Text messages.
    pub messages: Inbox<String>,
    /// Files.
    pub files: Inbox<Vec<u8>>,
}

impl Session {
    /// Nothing more will come.
    pub fn close(&self) {
        self.messages.close();
        self.files.close();
    }

    /// Whether the instance waits for the client.
    pub fn is_awaited(&self) -> bool {
        self.messages.is_awaited() || self.files.is_awaited()
    }
}

/// What can happen to one launch from outside of a run: messages come, or it is to end. Clones share it.
#[derive(Clone, Default)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    cancellation: Cancellation,
}

#[derive(Default)]
struct State {
    session: Session,
    open: bool,
    /// The instance can go on only when something comes.
    waiting: bool,
    over: bool,
    /// Instances that it controls now: several where one launch was started several times.
    instances: usize,
    /// Tells the run that something came.
    bell: Option<Bell>,
    /// Who speaks with the instance from within the run.
    client: Option<Client>,
}

/// Says whether it has sent something.
type Client = Box<dyn FnMut(&Control) -> bool + Send>;

impl State {
    /// Once somebody has used the control of another instance of the run, something else can happen.
    fn waits(&self) -> bool {
        self.waiting && self.bell.as_ref().is_some_and(|bell| !bell.has_rung())
    }
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.waiting = false;
        self.shared.changed.notify_all();
        // Under the lock, so that whoever sees the change has heard the bell.
        if let Some(bell) = &state.bell {
            bell.ring();
        }
    }

    /// Says that messages may come later, so that an instance that waits for one is not stuck.
    pub fn open(&self) {
        self.change(|state| state.open = true);
    }

    /// Sends a message to the inferlet.
    pub fn send(&self, message: String) {
        self.change(|state| {
            state.session.messages.push(message);
        });
    }

    /// Sends a file to the inferlet.
    pub fn send_file(&self, data: Vec<u8>) {
        self.change(|state| {
            state.session.files.push(data);
        });
    }

    /// Has somebody speak with the instance from within the run: `client` is called whenever the instance waits for a message or a file and nothing
    /// else can happen, on the thread that drives the run. What it sends then depends on the run alone. Once it says that it has sent
    /// nothing, the session is closed.
    pub fn attend(&self, client: impl FnMut(&Control) -> bool + Send + 'static) {
        self.change(|state| {
            state.open = true;
            state.client = Some(Box::new(client));
        });
    }

    /// Calls who speaks with the instance from within the run; false if there is nobody.
    pub(crate) fn ask_client(&self) -> bool {
        let Some(mut client) = self.lock().client.take() else { return false };
        if client(self) {
            self.lock().client = Some(client);
        } else {
            self.close();
        }
        true
    }

    /// Says that nothing more will be sent.
    pub fn close(&self) {
        self.change(|state| {
            state.open = false;
            state.session.close();
        });
    }

    /// Ends the instance with this outcome, the next time that it calls the engine or gives way, and all that goes back to it. The first call
    /// counts.
    pub fn cancel(&self, outcome: Outcome) {
        self.change(|_| self.shared.cancellation.set(outcome));
    }

    /// Blocks until the instance waits for a message or a file and nothing else can happen; false once the instance has ended. A client that
    /// sends only then makes a trace that does not depend on when its messages were ready.
    pub fn awaited(&self) -> bool {
        let mut state = self.lock();
        while !state.waits() && !state.over {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.over
    }

    pub(crate) fn session(&self) -> Session {
        self.lock().session.clone()
    }

    pub(crate) fn cancellation(&self) -> Cancellation {
        self.shared.cancellation.clone()
    }

    /// The control of an instance that one under this control launches: no client speaks to it, and it ends whenever the launch is cancelled
    /// that both go back to.
    pub(crate) fn for_child(&self) -> Control {
        let cancellation = self.shared.cancellation.for_child();
        let control = Control { shared: Arc::new(Shared { cancellation, ..Shared::default() }) };
        control.close();
        control
    }

    /// An instance that it controls takes part in a run. What came before is news to the run.
    pub(crate) fn begin(&self, bell: Bell) {
        self.change(|state| {
            state.instances += 1;
            state.over = false;
            state.bell = Some(bell);
        });
    }

    /// The instance has ended: nobody will wait for it any more.
    pub(crate) fn end(&self) {
        self.change(|state| {
            state.instances = state.instances.saturating_sub(1);
            state.over = state.instances == 0;
        });
    }

    /// Says to the client whether the instance waits for it and nothing else can happen. Gives whether something may come.
    pub(crate) fn set_waiting(&self, waiting: bool) -> bool {
        let mut state = self.lock();
        state.waiting = waiting && state.open;
        self.shared.changed.notify_all();
        state.open
    }
}

/// Tells the driver of a run that something came from outside. Clones share it.
#[derive(Clone, Default)]
pub struct Bell {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that something came.
    pub(crate) fn ring(&self) {
        *self.lock() = true;
        self.shared.1.notify_all();
    }

    /// Whether it has rung since it was last asked.
    pub fn heard(&self) -> bool {
        std::mem::take(&mut *self.lock())
    }

    /// Whether it has rung, to be heard later.
    pub fn has_rung(&self) -> bool {
        *self.lock()
    }

    /// Blocks until it has rung.
    pub fn wait(&self) {
        let mut rung = self.lock();
        while !*rung {
            rung = self.shared.1.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
