//! The deterministic driver: every instance that can go on is polled in order of its number, on one thread, until each waits; then one
//! step is run; when nothing can happen any more, virtual time moves. So a trace is a function of the component, its input, the seed, the
//! limits and the model.

use crate::clock::{Clock, VirtualClock};
use crate::control::{Bell, Control, Session};
use crate::engine::Core;
use crate::engine::operation::{Envelope, QUEUE};
use crate::ids::InstanceId;
use crate::trace::{Event, Outcome, Recorder, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::mpsc;

/// The virtual time that a step takes, in nanoseconds.
pub const STEP_NANOSECONDS: u64 = 1_000_000;

/// An instance as a future of the way it ends.
pub type Instance = Pin<Box<dyn Future<Output = Outcome> + Send>>;

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
    control: Control,
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
    /// Rings when a control of one of the instances was used.
    bell: Bell,
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
            bell: Bell::default(),
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
    pub fn add(&mut self, instance: InstanceId, future: Instance, control: Control) {
        control.begin(self.bell.clone());
        let waker = Waker::from(Arc::new(InstanceWaker { instance, ready: Arc::clone(&self.ready) }));
        self.running.insert(instance, Running { future, waker, session: control.session(), control });
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
    pub fn drive(&mut self) {
        while !self.running.is_empty() {
            if self.bell.heard() {
                self.end_cancelled();
            } else if !self.turn() && !self.wait_for_clients() {
                self.end_all(|running| Some(Outcome::Stuck(stuck(running))));
            }
        }
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
        if let Some(running) = self.running.remove(&instance) {
            running.control.end();
        }
        while let Ok(envelope) = self.receiver.try_recv() {
            self.core.handle(envelope);
        }
        let usage = self.core.release(instance, outcome.clone());
        self.ended.insert(instance, (outcome, usage));
    }

    /// Ends those for which there is an outcome.
    fn end_all(&mut self, outcome: impl Fn(&Running) -> Option<Outcome>) {
        let ends: Vec<(InstanceId, Outcome)> = self
            .running
            .iter()
            .filter_map(|(&instance, running)| Some((instance, outcome(running)?)))
            .collect();
        for (instance, outcome) in ends {
            self.end(instance, outcome);
        }
    }

    fn end_cancelled(&mut self) {
        self.end_all(|running| running.control.cancellation().get().cloned());
    }

    /// Waits until something comes from outside; false when no instance waits for a client that may still send.
    fn wait_for_clients(&self) -> bool {
        let awaited = self.running.values().filter(|running| running.session.is_awaited());
        let awaited: Vec<&Control> =
            awaited.map(|running| &running.control).filter(|control| control.set_waiting(true)).collect();
        if awaited.is_empty() {
            return self.bell.has_rung();
        }
        self.bell.wait();
        for control in awaited {
            control.set_waiting(false);
        }
        true
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
