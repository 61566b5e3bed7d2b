//! The deterministic driver: every instance that can go on is polled in order of its number, on one thread, until each waits; then one
//! step is run; when nothing can happen any more, virtual time moves. So a trace is a function of the component, its input, the seed, the
//! limits and the model.

use crate::child::{End, Ended, LaunchRequest};
use crate::clock::Clock;
use crate::control::{Bell, Control, Session};
use crate::door::{Arrival, Entrance};
use crate::engine::Core;
use crate::engine::operation::{Envelope, QUEUE};
use crate::host::component::Inferlet;
use crate::ids::InstanceId;
use crate::interleaving::Interleaving;
use crate::launch::Launch;
use crate::launcher::{Instance, Launcher, Newcomer, Surroundings};
use crate::outside::outbox::{Delivery, Order};
use crate::places::Places;
use crate::trace::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::sync::mpsc;

/// The virtual time that a step takes, in nanoseconds.
pub const STEP_NANOSECONDS: u64 = 1_000_000;

/// So many times in a row those that were cut off in the middle of a computation go on before there is a step. What is in a step should
/// follow from what instances ask for, and not from how long they compute before they ask; but who computes without end may not
/// keep the others from their steps.
const TURNS_BEFORE_STEP: u32 = 100;

/// So many slices in a row an instance has before the others have a turn: what it does next should come before what others do next, however long it computes
/// before it. An interpreter that reads a program first leaves the trace of one that has read it already.
const SLICES_IN_A_ROW: u32 = 32;

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
    launcher: Launcher,
    operations: mpsc::Receiver<Envelope>,
    requests: mpsc::UnboundedReceiver<LaunchRequest>,
    entrance: Entrance,
    ready: Arc<Ready>,
    /// Instances that have not ended.
    running: BTreeMap<InstanceId, Running>,
    /// Which of them have begun, and which stand in line.
    places: Places,
    /// Instances that were cut off in the middle of a computation, or gave way; they go on when all others wait.
    yielded: BTreeSet<InstanceId>,
    /// How often these may go on before the next step.
    patience: u32,
    /// Rings when a control of one of the instances was used, and when somebody comes in.
    bell: Bell,
    /// Who of those that can go on does so first.
    interleaving: Interleaving,
}

impl<'a> Rounds<'a> {
    /// Begins a trace. At most `places` instances run at once.
    pub fn new(
        core: &'a mut Core,
        surroundings: Surroundings,
        entrance: Entrance,
        places: u32,
        interleaving: u64,
    ) -> Self {
        let (operations, operations_of_all) = mpsc::channel(QUEUE);
        let (requests, requests_of_all) = mpsc::unbounded_channel();
        core.begin(surroundings.recorder.clone());
        core.interleave(Interleaving::new(interleaving, 1));
        Rounds {
            core,
            launcher: Launcher::new(surroundings, operations, requests),
            operations: operations_of_all,
            requests: requests_of_all,
            bell: entrance.bell(),
            entrance,
            ready: Arc::default(),
            running: BTreeMap::new(),
            places: Places::new(places),
            yielded: BTreeSet::new(),
            patience: TURNS_BEFORE_STEP,
            interleaving: Interleaving::new(interleaving, 2),
        }
    }

    /// The engine.
    pub fn core(&mut self) -> &mut Core {
        self.core
    }

    /// Starts an inferlet; it first runs when the rounds are driven. `ended` becomes set when it has ended.
    pub fn launch(&mut self, inferlet: Inferlet, launch: Launch, ended: Ended) -> InstanceId {
        let newcomer = self.launcher.start(inferlet, launch, ended);
        self.admit(newcomer)
    }

    fn admit(&mut self, newcomer: Newcomer) -> InstanceId {
        let Newcomer { instance, parent, generations, user, draws, recorder, control, future } = newcomer;
        match parent {
            None => self.core.admit(instance, user, draws, recorder),
            Some(parent) => self.core.admit_child(parent, instance, user, draws, recorder),
        }
        control.begin(self.bell.clone());
        let waker = Waker::from(Arc::new(InstanceWaker { instance, ready: Arc::clone(&self.ready) }));
        let session = control.session();
        self.running.insert(instance, Running { future, waker, session, control });
        self.places.join(instance, generations);
        self.advance_line();
        instance
    }

    /// Lets those in line begin for whom there are places.
    fn advance_line(&mut self) {
        while let Some(begun) = self.places.advance() {
            self.ready.lock().insert(begun);
        }
    }

    /// Lets one in line begin, since nothing else can happen; false if there is no place, or a client may still help.
    fn advance_at_last(&mut self) -> bool {
        let helped = |running: &Running| running.session.is_awaited();
        if self.places.waiting() == 0 || self.running.values().any(helped) {
            return false;
        }
        let begun = self.places.advance_at_last();
        self.ready.lock().extend(begun);
        begun.is_some()
    }

    /// Drives everything until all instances have ended and no more can come in.
    pub fn drive(&mut self) {
        loop {
            while let Some(Arrival { inferlet, launch, ended }) = self.entrance.next() {
                self.launch(inferlet, launch, ended);
            }
            if self.running.is_empty() && !self.entrance.is_open() {
                return;
            }
            if self.bell.heard() {
                self.end_cancelled();
            } else if !self.turn() && !self.advance_at_last() && !self.wait_for_clients() {
                // Who waits in line has not begun, so it is not stuck: there is a place now.
                let (places, waiting) = (&self.places, self.places.waiting());
                let stuck: Vec<(InstanceId, String)> = self
                    .running
                    .iter()
                    .filter(|(instance, _)| places.has_begun(**instance))
                    .map(|(instance, running)| (*instance, stuck(running, waiting)))
                    .collect();
                stuck.into_iter().for_each(|(instance, why)| self.give_up(instance, why));
            }
        }
    }

    /// One round, one step, or one move of virtual time; false when nothing can happen without a message from outside.
    pub fn turn(&mut self) -> bool {
        let ready = mem::take(&mut *self.ready.lock());
        if !ready.is_empty() {
            let mut ready: Vec<InstanceId> = ready.into_iter().collect();
            self.interleaving.order(&mut ready);
            for instance in ready {
                self.poll(instance);
            }
            return true;
        }
        if !self.yielded.is_empty() && self.patience > 0 {
            self.patience -= 1;
            self.resume_yielded();
            return true;
        }
        self.patience = TURNS_BEFORE_STEP;
        let Surroundings { clock, outbox, recorder, .. } = self.launcher.surroundings();
        // Where inferlets come in at any time, no run is like another, and one that asks must not hold up the others.
        let order = if self.entrance.is_open() { Order::OfAnswers } else { Order::OfQuestions };
        let delivery = outbox.deliver(clock.now(), order);
        match delivery {
            Delivery::Delivered => return true,
            Delivery::NotDue | Delivery::Awaited if order == Order::OfAnswers => {}
            Delivery::NotDue => {}
            Delivery::Awaited => {
                // Somebody may also want the run to end.
                self.bell.wait();
                return true;
            }
        }
        self.core.tick(Duration::from_nanos(clock.now()));
        if self.core.step() {
            clock.advance(STEP_NANOSECONDS);
            recorder.set_now(clock.now());
            self.resume_yielded();
            return true;
        }
        if !self.yielded.is_empty() {
            self.resume_yielded();
            return true;
        }
        let moved = match (outbox.next_due(clock.now()), clock.next_timer()) {
            (Some(due), timer) if timer.is_none_or(|timer| due < timer) => {
                clock.advance(due.saturating_sub(clock.now()));
                true
            }
            _ => clock.advance_to_next_timer(),
        };
        recorder.set_now(clock.now());
        if !moved && delivery == Delivery::Awaited {
            self.bell.wait();
        }
        moved || delivery == Delivery::Awaited
    }

    fn resume_yielded(&mut self) {
        self.ready.lock().append(&mut self.yielded);
    }

    fn poll(&mut self, instance: InstanceId) {
        // Where inferlets come in at any time, nobody is to hold up the others.
        let slices = if self.entrance.is_open() { 1 } else { SLICES_IN_A_ROW };
        for _ in 0..slices {
            let Some(running) = self.running.get_mut(&instance) else { return };
            let poll = running.future.as_mut().poll(&mut Context::from_waker(&running.waker));
            if let Poll::Ready(outcome) = poll {
                self.end(instance, outcome);
                return;
            }
            // Nothing of it has been answered yet, so it can only have woken itself: it used up its slice.
            let used_up = self.ready.lock().remove(&instance);
            self.answer();
            if !used_up {
                return;
            }
        }
        self.yielded.insert(instance);
    }

    /// Does what instances have asked for.
    fn answer(&mut self) {
        while let Ok(envelope) = self.operations.try_recv() {
            self.core.handle(envelope);
        }
        while let Ok(LaunchRequest { parent, program, input, reply }) = self.requests.try_recv() {
            // Who asked may have ended meanwhile: then nobody wants it any more.
            if reply.is_closed() {
                continue;
            }
            let launched = self.launcher.start_child(parent, &program, &input);
            let _ = reply.send(launched.map(|(newcomer, child)| {
                self.admit(newcomer);
                child
            }));
        }
    }

    fn end(&mut self, instance: InstanceId, outcome: Outcome) {
        // The future may hold operations in the channel; they come before its end.
        self.places.leave(instance);
        if let Some(running) = self.running.remove(&instance) {
            running.control.end();
        }
        self.answer();
        let usage = self.core.release(instance, outcome.clone());
        self.launcher.end(instance, End { outcome, usage });
        self.advance_line();
    }

    /// Ends an instance that can never go on. It is asked once more, because it knows where its program is.
    fn give_up(&mut self, instance: InstanceId, why: String) {
        let Some(running) = self.running.get_mut(&instance) else { return };
        let cancellation = running.control.cancellation();
        let mut context = Context::from_waker(&running.waker);
        let poll = cancellation.give_up(&why, || running.future.as_mut().poll(&mut context));
        let outcome = match poll {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Outcome::Stuck(why),
        };
        self.end(instance, outcome);
    }

    /// Those for which there is an outcome.
    fn ends(&self, outcome: impl Fn(InstanceId, &Running) -> Option<Outcome>) -> Vec<(InstanceId, Outcome)> {
        let running = self.running.iter();
        running.filter_map(|(&instance, running)| Some((instance, outcome(instance, running)?))).collect()
    }

    fn end_all(&mut self, ends: Vec<(InstanceId, Outcome)>) {
        for (instance, outcome) in ends {
            self.end(instance, outcome);
        }
    }

    fn end_cancelled(&mut self) {
        self.end_all(self.ends(|_, running| running.control.cancellation().get().cloned()));
    }

    /// Waits until something comes from outside; false when nobody may come in and no instance waits for a client that may still send.
    fn wait_for_clients(&self) -> bool {
        let awaited = self.running.values().filter(|running| running.session.is_awaited());
        let awaited: Vec<&Control> =
            awaited.map(|running| &running.control).filter(|control| control.set_waiting(true)).collect();
        if awaited.is_empty() && !self.entrance.is_open() {
            return self.bell.has_rung();
        }
        // Those who speak with an instance from within the run are asked first: they never wait.
        let asked = awaited.iter().filter(|control| control.ask_client()).count();
        if asked == 0 {
            self.bell.wait();
        }
        for control in awaited {
            control.set_waiting(false);
        }
        true
    }
}

/// Why an instance cannot go on, while so many others have not begun.
fn stuck(running: &Running, in_line: usize) -> String {
    let why = if running.session.is_awaited() {
        "the inferlet waits for a message, and none will come"
    } else {
        "the inferlet waits for something that cannot happen"
    };
    match in_line {
        0 => why.to_owned(),
        count => format!("{why} while all places are taken; instances that wait for one: {count}"),
    }
}
