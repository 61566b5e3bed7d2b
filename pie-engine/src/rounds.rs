//! The deterministic driver: every instance that can go on is polled in order of its number, on one thread, until each waits; then one
//! step is run; when nothing can happen any more, virtual time moves. So a trace is a function of the component, its input, the seed, the
//! limits and the model.

use crate::clock::{Clock, VirtualClock};
use crate::engine::Core;
use crate::engine::operation::{Envelope, QUEUE};
use crate::host::state::Session;
use crate::ids::InstanceId;
use crate::trace::{Event, Outcome, Recorder, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::mpsc;

/// The virtual time that a step takes, in nanoseconds.
pub const STEP_NANOSECONDS: u64 = 1_000_000;

/// An instance as a future of the way it ends.
pub type Instance = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What can happen outside of a run: messages come, or it is to end. Clones share it.
#[derive(Clone, Default)]
pub struct Control {
    shared: Arc<ControlState>,
}

#[derive(Default)]
struct ControlState {
    inner: Mutex<ControlInner>,
    changed: Condvar,
}

#[derive(Default)]
struct ControlInner {
    session: Session,
    open: bool,
    cancelled: Option<Outcome>,
    /// Something came since the run last looked.
    woken: bool,
    /// The run can go on only when something comes.
    waiting: bool,
    over: bool,
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, ControlInner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut ControlInner)) {
        let mut inner = self.lock();
        change(&mut inner);
        inner.woken = true;
        inner.waiting = false;
        self.shared.changed.notify_all();
    }

    /// Says that messages may come later, so that an instance that waits for one is not stuck.
    pub fn open(&self) {
        self.change(|inner| inner.open = true);
    }

    /// Sends a message to the inferlet.
    pub fn send(&self, message: String) {
        self.change(|inner| {
            inner.session.messages.push(message);
        });
    }

    /// Sends a file to the inferlet.
    pub fn send_file(&self, data: Vec<u8>) {
        self.change(|inner| {
            inner.session.files.push(data);
        });
    }

    /// Says that nothing more will be sent.
    pub fn close(&self) {
        self.change(|inner| {
            inner.open = false;
            inner.session.close();
        });
    }

    /// Ends the run with this outcome, at the next moment at which no guest code runs.
    pub fn cancel(&self, outcome: Outcome) {
        self.change(|inner| {
            inner.cancelled.get_or_insert(outcome);
        });
    }

    /// Blocks until an instance waits for a message or a file and nothing else can happen; false once the run is over. A client that
    /// sends only then makes a trace that does not depend on when its messages were ready.
    pub fn awaited(&self) -> bool {
        let mut inner = self.lock();
        while !inner.waiting && !inner.over {
            inner = self.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        !inner.over
    }

    /// The run is over: nobody will wait for anything any more.
    fn end(&self) {
        self.change(|inner| inner.over = true);
    }

    pub(crate) fn session(&self) -> Session {
        self.lock().session.clone()
    }

    fn cancelled(&self) -> Option<Outcome> {
        self.lock().cancelled.clone()
    }

    /// Waits until something was sent or the run is to end; false when nothing can be sent any more.
    fn wait(&self) -> bool {
        let mut inner = self.lock();
        while !inner.woken && inner.open {
            inner.waiting = true;
            self.shared.changed.notify_all();
            inner = self.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        mem::replace(&mut inner.woken, false) || inner.open
    }
}

/// The instances that can go on.
#[derive(Default)]
struct Ready(Mutex<BTreeSet<InstanceId>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<InstanceId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct InstanceWaker {
    instance: InstanceId,
    ready: Arc<Ready>,
}

impl Wake for InstanceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().insert(self.instance);
    }
}

struct Running {
    future: Instance,
    waker: Waker,
    session: Session,
}

/// Instances that run together under one trace.
pub struct Rounds<'a> {
    core: &'a mut Core,
    clock: Arc<VirtualClock>,
    recorder: Recorder,
    sender: mpsc::Sender<Envelope>,
    receiver: mpsc::Receiver<Envelope>,
    ready: Arc<Ready>,
    running: BTreeMap<InstanceId, Running>,
    /// Instances that were cut off in the middle of a computation; they go on after the next step.
    yielded: BTreeSet<InstanceId>,
    ended: BTreeMap<InstanceId, (Outcome, Usage)>,
    launched: u64,
}

impl<'a> Rounds<'a> {
    /// Begins a trace.
    pub fn new(core: &'a mut Core, clock: Arc<VirtualClock>, recorder: Recorder) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        core.begin();
        Rounds {
            core,
            clock,
            recorder,
            sender,
            receiver,
            ready: Arc::default(),
            running: BTreeMap::new(),
            yielded: BTreeSet::new(),
            ended: BTreeMap::new(),
            launched: 0,
        }
    }

    /// The number of the next instance.
    pub fn next_instance(&mut self) -> InstanceId {
        self.launched += 1;
        InstanceId(self.launched)
    }

    /// Where operations go.
    pub fn sender(&self) -> mpsc::Sender<Envelope> {
        self.sender.clone()
    }

    /// The engine.
    pub fn core(&mut self) -> &mut Core {
        self.core
    }

    /// Adds an instance; it first runs when the rounds are driven.
    pub fn add(&mut self, instance: InstanceId, future: Instance, session: Session) {
        let waker = Waker::from(Arc::new(InstanceWaker { instance, ready: Arc::clone(&self.ready) }));
        self.running.insert(instance, Running { future, waker, session });
        self.ready.lock().insert(instance);
    }

    /// How many instances have not ended.
    pub fn alive(&self) -> usize {
        self.running.len()
    }

    /// How an instance ended, told once.
    pub fn take_ended(&mut self, instance: InstanceId) -> Option<(Outcome, Usage)> {
        self.ended.remove(&instance)
    }

    /// Drives everything until all instances have ended.
    pub fn drive(&mut self, control: &Control) {
        while !self.running.is_empty() {
            if let Some(outcome) = control.cancelled() {
                self.end_all(|_| outcome.clone());
            } else if !self.turn() && !self.wait_for_client(control) {
                self.end_all(|running| Outcome::Stuck(stuck(running)));
            }
        }
        control.end();
    }

    /// One round, one step, or one move of virtual time; false when nothing can happen without a message from outside.
    pub fn turn(&mut self) -> bool {
        let ready = mem::take(&mut *self.ready.lock());
        if !ready.is_empty() {
            for instance in ready {
                self.poll(instance);
            }
            return true;
        }
        if self.core.step() {
            self.clock.advance(STEP_NANOSECONDS);
            self.recorder.set_now(self.clock.now());
            self.resume_yielded();
            return true;
        }
        if !self.yielded.is_empty() {
            self.resume_yielded();
            return true;
        }
        let moved = self.clock.advance_to_next_timer();
        self.recorder.set_now(self.clock.now());
        moved
    }

    fn resume_yielded(&mut self) {
        self.ready.lock().append(&mut self.yielded);
    }

    fn poll(&mut self, instance: InstanceId) {
        let Some(running) = self.running.get_mut(&instance) else { return };
        let poll = running.future.as_mut().poll(&mut Context::from_waker(&running.waker));
        if let Poll::Ready(outcome) = poll {
            self.end(instance, outcome);
            return;
        }
        // Nothing of it has been answered yet, so it can only have woken itself: it used up its slice.
        if self.ready.lock().remove(&instance) {
            self.yielded.insert(instance);
        }
        while let Ok(envelope) = self.receiver.try_recv() {
            self.core.handle(envelope);
        }
    }

    fn end(&mut self, instance: InstanceId, outcome: Outcome) {
        // The future may hold operations in the channel; they come before its end.
        self.running.remove(&instance);
        while let Ok(envelope) = self.receiver.try_recv() {
            self.core.handle(envelope);
        }
        let usage = self.core.release(instance, outcome.clone());
        self.ended.insert(instance, (outcome, usage));
    }

    fn end_all(&mut self, outcome: impl Fn(&Running) -> Outcome) {
        let ends: Vec<(InstanceId, Outcome)> =
            self.running.iter().map(|(&instance, running)| (instance, outcome(running))).collect();
        for (instance, outcome) in ends {
            self.end(instance, outcome);
        }
    }

    fn wait_for_client(&self, control: &Control) -> bool {
        let awaited = self.running.values().any(|running| running.session.is_awaited());
        awaited && control.wait()
    }

    /// Records an event of the engine itself.
    pub fn record(&self, event: Event) {
        self.recorder.record(event);
    }
}

fn stuck(running: &Running) -> String {
    if running.session.is_awaited() {
        "the inferlet waits for a message, and none will come".to_owned()
    } else {
        "the inferlet waits for something that cannot happen".to_owned()
    }
}
