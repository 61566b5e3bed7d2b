//! Time as an input: the engine and its guests read a [`Clock`], never the machine's.
//!
//! [`VirtualClock`] is the clock of deterministic runs. It stands still while programs compute and moves only when the driver of
//! the run says so, which it does when every instance waits: a program that sleeps an hour is done at once, and sees that an
//! hour has passed. A clock that follows the machine's belongs to whoever serves many users, not here.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A future that is ready when its time has come; dropping it forgets the timer.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;

/// What an instance knows about time.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the start of the run; never goes back.
    fn now(&self) -> u64;

    /// The date and time of day.
    fn wall(&self) -> WallTime;

    /// Waits until [`now`](Clock::now) is at least `deadline`, in nanoseconds since the start of the run; [`NEVER`] does not end.
    fn sleep_until(&self, deadline: u64) -> Sleep;
}

/// A moment in civil time, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    /// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub seconds: u64,
    /// Nanoseconds of the second, less than 10⁹.
    pub nanoseconds: u32,
}

impl WallTime {
    /// The moment `nanoseconds` later; stays at the last second that can be told.
    pub fn after(self, nanoseconds: u64) -> WallTime {
        let sum = u64::from(self.nanoseconds) + nanoseconds % NANOSECONDS;
        WallTime {
            seconds: self.seconds.saturating_add(nanoseconds / NANOSECONDS + sum / NANOSECONDS),
            nanoseconds: u32::try_from(sum % NANOSECONDS).expect("a remainder of 10⁹ fits in 32 bits"),
        }
    }
}

const NANOSECONDS: u64 = 1_000_000_000;

/// A clock that its driver moves. Clones are the same clock.
///
/// Only a sleep that has been polled counts as a timer, because nobody waits for one that has not. Timers that are due together
/// fire in the order of their deadlines and, within one deadline, in the order in which the sleeps were made.
#[derive(Clone, Default)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The date and time at 0, if it is not [`VirtualClock::START`].
    start: Option<WallTime>,
    now: u64,
    /// How many sleeps were made; orders timers of one deadline.
    created: u64,
    timers: BTreeMap<TimerKey, Waker>,
}

/// Deadline, then the number of the sleep.
type TimerKey = (u64, u64);

impl VirtualClock {
    /// The date and time at which a run begins if nothing else is said: 2026-01-01T00:00:00Z.
    pub const START: WallTime = WallTime { seconds: 1_767_225_600, nanoseconds: 0 };

    /// A clock at 0.
    pub fn new() -> Self {
        VirtualClock::default()
    }

    /// A clock at 0, which is this date and time.
    pub fn starting(start: WallTime) -> Self {
        let clock = VirtualClock::default();
        clock.lock().start = Some(start);
        clock
    }

    /// Moves time forward and fires what has become due. Time stops short of [`NEVER`].
    pub fn advance(&self, nanoseconds: u64) {
        let mut state = self.lock();
        let now = state.now.saturating_add(nanoseconds);
        let due = state.move_to(now);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Moves time to the next deadline and fires every timer of that deadline. Returns false, and does nothing, if no timer is set.
    pub fn advance_to_next_timer(&self) -> bool {
        let mut state = self.lock();
        let Some((deadline, _)) = state.timers.keys().next().copied() else { return false };
        let due = state.move_to(deadline);
        drop(state);
        due.into_values().for_each(Waker::wake);
        true
    }

    /// The next deadline, in nanoseconds since the start of the run, if a timer is set.
    pub fn next_timer(&self) -> Option<u64> {
        self.lock().timers.keys().next().map(|(deadline, _)| *deadline)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> u64 {
        self.lock().now
    }

    fn wall(&self) -> WallTime {
        let start = self.lock().start.unwrap_or(VirtualClock::START);
        start.after(self.now())
    }

    fn sleep_until(&self, deadline: u64) -> Sleep {
        let mut state = self.lock();
        let key = (deadline, state.created);
        state.created += 1;
        Box::pin(Timer { state: self.state.clone(), key, is_set: false })
    }
}

impl State {
    /// Sets the time, never back, and takes out the timers that are due then.
    fn move_to(&mut self, now: u64) -> BTreeMap<TimerKey, Waker> {
        self.now = now.clamp(self.now, NEVER - 1);
        let later = self.timers.split_off(&(self.now + 1, 0));
        std::mem::replace(&mut self.timers, later)
    }
}

struct Timer {
    state: Arc<Mutex<State>>,
    key: TimerKey,
    is_set: bool,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (deadline, _) = self.key;
        if deadline == NEVER {
            return Poll::Pending;
        }
        let this = &mut *self;
        let mut state = lock(&this.state);
        if state.now >= deadline {
            this.is_set = false;
            return Poll::Ready(());
        }
        let replaced = state.timers.insert(this.key, cx.waker().clone());
        this.is_set = true;
        // A waker may own the task it wakes, and that task a timer: it is never dropped while the state is locked.
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.is_set {
            // After it has fired there is nothing to remove. The waker goes after the lock, as in `poll`.
            let mut state = lock(&self.state);
            let removed = state.timers.remove(&self.key);
            drop(state);
            drop(removed);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while the state is locked, so a poisoned lock still guards a sound state.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::task::Wake;

    /// Writes down the order in which wakers are called.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<usize>>>);

    struct Named(usize, Log);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.0.lock().unwrap().push(self.0);
        }
    }

    impl Log {
        fn waker(&self, name: usize) -> Waker {
            Arc::new(Named(name, self.clone())).into()
        }

        fn take(&self) -> Vec<usize> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }

        fn poll(&self, name: usize, sleep: &mut Sleep) -> bool {
            let waker = self.waker(name);
            sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        }
    }

    #[test]
    fn time_stands_still_until_the_driver_moves_it() {
        let clock = VirtualClock::new();
        assert_eq!((clock.now(), clock.wall()), (0, VirtualClock::START));
        clock.advance(1_500_000_000);
        assert_eq!(clock.now(), 1_500_000_000);
        assert_eq!(clock.wall(), WallTime { seconds: 1_767_225_601, nanoseconds: 500_000_000 });
    }

    #[test]
    fn timers_fire_by_deadline_and_then_by_creation() {
        let (clock, log) = (VirtualClock::new(), Log::default());
        let mut sleeps: Vec<Sleep> = [30, 10, 20, 10].map(|deadline| clock.sleep_until(deadline)).into();
        // Polled backwards, so that the order of polling cannot be what decides.
        for (name, sleep) in sleeps.iter_mut().enumerate().rev() {
            assert!(!log.poll(name, sleep));
        }
        clock.advance(30);
        assert_eq!(log.take(), [1, 3, 2, 0]);
        assert!(sleeps.iter_mut().all(|sleep| log.poll(0, sleep)));
    }

    #[test]
    fn the_next_timer_takes_all_of_its_deadline_and_no_more() {
        let (clock, log) = (VirtualClock::new(), Log::default());
        let mut sleeps: Vec<Sleep> = [10, 20, 10].map(|deadline| clock.sleep_until(deadline)).into();
        for (name, sleep) in sleeps.iter_mut().enumerate() {
            assert!(!log.poll(name, sleep));
        }
        assert_eq!(clock.next_timer(), Some(10));
        assert!(clock.advance_to_next_timer());
        assert_eq!((clock.now(), log.take()), (10, vec![0, 2]));
        assert!(clock.advance_to_next_timer());
        assert_eq!((clock.now(), log.take()), (20, vec![1]));
        assert!(!clock.advance_to_next_timer());
        assert_eq!(clock.now(), 20);
    }

    #[test]
    fn a_dropped_sleep_leaves_no_timer() {
        let (clock, log) = (VirtualClock::new(), Log::default());
        let mut sleep = clock.sleep_until(10);
        assert!(!log.poll(0, &mut sleep));
        drop(sleep);
        assert_eq!(clock.next_timer(), None);
        assert!(!clock.advance_to_next_timer());
    }

    #[test]
    fn a_sleep_that_nobody_polls_is_no_timer() {
        let clock = VirtualClock::new();
        let _sleep = clock.sleep_until(10);
        assert_eq!(clock.next_timer(), None);
    }

    #[test]
    fn the_last_waker_counts() {
        let (clock, log) = (VirtualClock::new(), Log::default());
        let mut sleep = clock.sleep_until(10);
        assert!(!log.poll(1, &mut sleep));
        assert!(!log.poll(2, &mut sleep));
        clock.advance(10);
        assert_eq!(log.take(), [2]);
    }

    #[test]
    fn never_is_never_and_leaves_no_timer() {
        let (clock, log) = (VirtualClock::new(), Log::default());
        let mut sleep = clock.sleep_until(NEVER);
        assert!(!log.poll(0, &mut sleep));
        assert_eq!(clock.next_timer(), None);
        clock.advance(NEVER);
        clock.advance(NEVER);
        assert!(!log.poll(0, &mut sleep));
        assert_eq!(clock.now(), NEVER - 1);
    }

    #[test]
    fn a_carry_of_nanoseconds_makes_a_second() {
        let time = WallTime { seconds: 1, nanoseconds: 999_999_999 };
        assert_eq!(time.after(1), WallTime { seconds: 2, nanoseconds: 0 });
        assert_eq!(time.after(2_000_000_001), WallTime { seconds: 4, nanoseconds: 0 });
        let last = WallTime { seconds: u64::MAX, nanoseconds: 0 };
        assert_eq!(last.after(NANOSECONDS), last);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Sleep(u64),
        Poll(usize),
        Drop(usize),
        Advance(u64),
        Next,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..40u64).prop_map(Step::Sleep),
            (0..12usize).prop_map(Step::Poll),
            (0..12usize).prop_map(Step::Drop),
            (0..20u64).prop_map(Step::Advance),
            Just(Step::Next),
        ]
    }

    proptest! {
        /// The clock against a list of (deadline, number, waiting) that is searched from front to back.
        #[test]
        fn the_clock_agrees_with_a_plain_list(steps in proptest::collection::vec(step(), 0..60)) {
            let (clock, log) = (VirtualClock::new(), Log::default());
            let mut sleeps: Vec<Option<Sleep>> = Vec::new();
            let mut model: Vec<(u64, bool)> = Vec::new();
            let mut now = 0;
            for step in steps {
                let target = match step {
                    Step::Sleep(deadline) => {
                        sleeps.push(Some(clock.sleep_until(deadline)));
                        model.push((deadline, false));
                        continue;
                    }
                    Step::Poll(name) => {
                        if let Some(Some(sleep)) = sleeps.get_mut(name) {
                            let ready = log.poll(name, sleep);
                            prop_assert_eq!(ready, model[name].0 <= now);
                            model[name].1 = !ready;
                        }
                        continue;
                    }
                    Step::Drop(name) => {
                        if let Some(sleep) = sleeps.get_mut(name) {
                            *sleep = None;
                            model[name].1 = false;
                        }
                        continue;
                    }
                    Step::Advance(by) => {
                        clock.advance(by);
                        Some(now + by)
                    }
                    Step::Next => {
                        let next = model.iter().filter(|(_, waits)| *waits).map(|(deadline, _)| *deadline).min();
                        prop_assert_eq!(clock.advance_to_next_timer(), next.is_some());
                        next
                    }
                };
                now = target.unwrap_or(now);
                let mut due: Vec<usize> = (0..model.len()).filter(|&n| model[n].1 && model[n].0 <= now).collect();
                due.sort_by_key(|&n| model[n].0);
                due.iter().for_each(|&n| model[n].1 = false);
                prop_assert_eq!(log.take(), due);
                prop_assert_eq!(clock.now(), now);
            }
        }
    }
}
