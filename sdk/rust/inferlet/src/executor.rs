//! Runs the inferlet's future, and lets any number of parts of it wait at once.
//!
//! What an inferlet waits for ends in a `wasi:io` pollable. [`wait`] turns one into a future; when every part of the
//! program waits, the executor blocks on all of their pollables together and wakes those that are ready. So
//! `futures::join!` over passes really overlaps them. There is one thread and one task: the program itself. Concurrency
//! within it comes from combinators such as those of the `futures` crate.
//!
//! The reactor is generic over what it waits for, so that its tests run natively.

use crate::pie::core::types::Pollable;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Something that becomes ready and stays so.
trait Source: Sized {
    fn ready(&self) -> bool;
    /// Blocks until at least one is ready; returns the indices of those that are.
    fn block_on_any(sources: &[&Self]) -> Vec<u32>;
}

impl Source for Pollable {
    fn ready(&self) -> bool {
        Pollable::ready(self)
    }

    fn block_on_any(sources: &[&Self]) -> Vec<u32> {
        crate::pie_wasi::io::poll::poll(sources)
    }
}

/// The waits under way, in the order in which they began.
struct Reactor<S> {
    waiting: BTreeMap<u64, (Rc<S>, Waker)>,
    next_key: u64,
}

type SharedReactor<S> = Rc<RefCell<Reactor<S>>>;

impl<S: Source> Reactor<S> {
    fn shared() -> SharedReactor<S> {
        Rc::new(RefCell::new(Reactor { waiting: BTreeMap::new(), next_key: 0 }))
    }

    fn insert(&mut self, source: Rc<S>, waker: Waker) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.waiting.insert(key, (source, waker));
        key
    }

    /// Ends the waits whose source is ready; returns whom to wake. Blocks until there is one if `block`.
    fn take_ready(&mut self, block: bool) -> Vec<Waker> {
        let keys: Vec<u64> = self.waiting.keys().copied().collect();
        let sources: Vec<Rc<S>> = self.waiting.values().map(|(source, _)| source.clone()).collect();
        let ready: Vec<u32> = if block {
            Source::block_on_any(&sources.iter().map(Rc::as_ref).collect::<Vec<_>>())
        } else {
            (0..).zip(&sources).filter(|(_, source)| source.ready()).map(|(index, _)| index).collect()
        };
        ready
            .into_iter()
            .filter_map(|i| self.waiting.remove(&keys[i as usize]))
            .map(|(_, waker)| waker)
            .collect()
    }
}

/// The future of one wait. Dropping it ends the wait.
struct Wait<S> {
    source: Rc<S>,
    reactor: SharedReactor<S>,
    key: Option<u64>,
}

impl<S: Source> Future for Wait<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut reactor = this.reactor.borrow_mut();
        match this.key {
            None if this.source.ready() => return Poll::Ready(()),
            None => this.key = Some(reactor.insert(this.source.clone(), task.waker().clone())),
            // A combinator polls all its parts when one was woken; the reactor knows without asking the host.
            Some(key) => match reactor.waiting.get_mut(&key) {
                Some((_, waker)) => waker.clone_from(task.waker()),
                None => return Poll::Ready(()),
            },
        }
        Poll::Pending
    }
}

impl<S> Drop for Wait<S> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.reactor.borrow_mut().waiting.remove(&key);
        }
    }
}

/// Set when the one task is to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The program waits, but for nothing that the host could provide.
#[derive(Debug, PartialEq)]
pub struct Stalled;

fn run<S: Source, F: Future>(reactor: &SharedReactor<S>, future: F) -> Result<F::Output, Stalled> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(output);
        }
        // A task that woke itself only yields: look at the others without blocking.
        let yielded = woken.0.swap(false, Ordering::Relaxed);
        if !yielded && reactor.borrow().waiting.is_empty() {
            return Err(Stalled);
        }
        let ready = reactor.borrow_mut().take_ready(!yielded);
        ready.into_iter().for_each(Waker::wake);
    }
}

thread_local! {
    static REACTOR: SharedReactor<Pollable> = Reactor::shared();
}

/// Runs a future to its end on this thread. The `main` attribute calls it; a program has no need to.
///
/// # Errors
///
/// [`Stalled`] if the future waits for something that nothing will ever provide.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Stalled> {
    run(&REACTOR.with(Rc::clone), future)
}

/// Waits until the pollable is ready. Other parts of the program run meanwhile.
pub fn wait(pollable: Pollable) -> impl Future<Output = ()> {
    Wait { source: Rc::new(pollable), reactor: REACTOR.with(Rc::clone), key: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::future::poll_fn;

    /// Ready once the shared clock has reached its time. Blocking moves the clock to the next one.
    struct Timer {
        at: u32,
        clock: Rc<Cell<u32>>,
    }

    impl Source for Timer {
        fn ready(&self) -> bool {
            self.clock.get() >= self.at
        }

        fn block_on_any(sources: &[&Self]) -> Vec<u32> {
            let clock = &sources[0].clock;
            clock.set(sources.iter().map(|s| s.at).min().unwrap().max(clock.get()));
            (0..).zip(sources).filter(|(_, s)| s.ready()).map(|(i, _)| i).collect()
        }
    }

    struct Bench {
        reactor: SharedReactor<Timer>,
        clock: Rc<Cell<u32>>,
    }

    impl Bench {
        fn new() -> Self {
            Bench { reactor: Reactor::shared(), clock: Rc::default() }
        }

        fn until(&self, at: u32) -> Wait<Timer> {
            let source = Rc::new(Timer { at, clock: self.clock.clone() });
            Wait { source, reactor: self.reactor.clone(), key: None }
        }

        fn waiting(&self) -> usize {
            self.reactor.borrow().waiting.len()
        }
    }

    /// Both to the end, as `futures::join!` does it: every part is polled whenever one is woken.
    async fn both(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
        let (mut a, mut b) = (pin!(a), pin!(b));
        let (mut a_done, mut b_done) = (false, false);
        poll_fn(|task| {
            a_done = a_done || a.as_mut().poll(task).is_ready();
            b_done = b_done || b.as_mut().poll(task).is_ready();
            if a_done && b_done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn yield_once() {
        let mut yielded = false;
        poll_fn(|task| {
            task.waker().wake_by_ref();
            if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn joined_waits_overlap() {
        let bench = Bench::new();
        let log = RefCell::new(Vec::new());
        let part = |name, times: [u32; 2]| {
            let (bench, log) = (&bench, &log);
            async move {
                for time in times {
                    bench.until(time).await;
                    log.borrow_mut().push((name, bench.clock.get()));
                }
            }
        };
        run(&bench.reactor, both(part("a", [10, 30]), part("b", [5, 20]))).unwrap();
        assert_eq!(*log.borrow(), [("b", 5), ("a", 10), ("b", 20), ("a", 30)]);
        assert_eq!(bench.waiting(), 0);
    }

    #[test]
    fn a_source_that_is_ready_is_not_waited_for() {
        let bench = Bench::new();
        assert_eq!(run(&bench.reactor, bench.until(0)), Ok(()));
        assert_eq!(bench.clock.get(), 0);
    }

    #[test]
    fn a_dropped_wait_is_forgotten() {
        let bench = Bench::new();
        let result = run(&bench.reactor, async {
            let mut long = Box::pin(bench.until(1_000));
            poll_fn(|task| {
                assert!(long.as_mut().poll(task).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(bench.waiting(), 1);
            drop(long);
            assert_eq!(bench.waiting(), 0);
            bench.until(7).await;
        });
        assert_eq!(result, Ok(()));
        assert_eq!(bench.clock.get(), 7);
    }

    #[test]
    fn a_part_that_only_yields_does_not_keep_others_from_their_turn() {
        let bench = Bench::new();
        let busy = async {
            while bench.clock.get() < 3 {
                bench.clock.set(bench.clock.get() + 1);
                yield_once().await;
            }
        };
        assert_eq!(run(&bench.reactor, both(busy, bench.until(2))), Ok(()));
    }

    #[test]
    fn waiting_for_nothing_is_an_error_and_not_a_hang() {
        let bench = Bench::new();
        assert_eq!(run(&bench.reactor, std::future::pending::<()>()), Err(Stalled));
    }
}
