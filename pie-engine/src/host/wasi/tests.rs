//! Guests in `tests/*.wat`, and the file system through its host functions.

mod filesystem;

use super::*;
use crate::clock::{NEVER, VirtualClock};
use crate::host::limits::LimitExceeded;
use crate::ids::InstanceId;
use crate::trace::Limit;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasmtime::component::{Component, ResourceTableError, TypedFunc};
use wasmtime::{Engine, Store};

/// Keeps what was printed, up to a limit.
#[derive(Clone, Default)]
struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    allowed: u64,
}

impl Output for Printed {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), LimitExceeded> {
        let mut printed = self.bytes.lock().unwrap();
        let wanted = (printed.len() + bytes.len()) as u64;
        if wanted > self.allowed {
            return Err(LimitExceeded { limit: Limit::Output, wanted, allowed: self.allowed });
        }
        printed.extend_from_slice(bytes);
        Ok(())
    }
}

struct State {
    wasi: Wasi,
    table: ResourceTable,
}

impl WasiView for State {
    fn wasi(&mut self) -> WasiRef<'_> {
        WasiRef { wasi: &mut self.wasi, table: &mut self.table }
    }
}

impl State {
    fn new(clock: &VirtualClock, printed: &Printed) -> Self {
        let clock = Arc::new(clock.clone());
        let wasi = Wasi::new(WasiConfig {
            clock: clock.clone(),
            seed: instance_seed(7, InstanceId(1)),
            environment: vec![("NAME".into(), "Ada".into())],
            stdin: Bytes::new(),
            scratch: Scratch::new(clock, ScratchLimits::default()),
            output: Box::new(printed.clone()),
        });
        State { wasi, table: ResourceTable::new() }
    }
}

/// A guest whose `run` takes `P` and returns a number.
struct Guest<P: 'static> {
    store: Store<State>,
    run: TypedFunc<P, (u64,)>,
    clock: VirtualClock,
    printed: Printed,
}

fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker).unwrap();
    linker
}

impl<P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower + Send + Sync> Guest<P> {
    fn new(text: &str) -> Self {
        let engine = Engine::default();
        let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let (clock, printed) = (VirtualClock::new(), Printed { allowed: 100, ..Printed::default() });
        let mut store = Store::new(&engine, State::new(&clock, &printed));
        let linker = linker(&engine);
        let instance = now(linker.instantiate_async(&mut store, &component)).unwrap();
        let run = instance.get_typed_func(&mut store, "run").unwrap();
        Guest { store, run, clock, printed }
    }

    fn run(&mut self, parameters: P) -> wasmtime::Result<u64> {
        now(self.run.call_async(&mut self.store, parameters)).map(|(number,)| number)
    }
}

/// The value of a future that does not wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn every_release_of_wasi_0_2_links_and_draws_the_same_numbers() {
    let numbers: Vec<u64> = ["0.2.0", "0.2.3", "0.2.12", "0.2.99"]
        .map(|version| {
            let text = include_str!("tests/random.wat").replace("VERSION", version);
            Guest::<()>::new(&text).run(()).unwrap()
        })
        .into();
    // The first eight bytes of ChaCha12 with this seed as its key, worked out apart from this code. Traces depend on it.
    assert_eq!(numbers, [14_878_422_816_543_005_388; 4]);
}

#[test]
fn a_guest_that_ends_itself_is_recognised_by_its_code() {
    for code in [0, 1, 2, 255] {
        let mut guest = Guest::<(u64,)>::new(include_str!("tests/exit.wat"));
        let error = guest.run((code,)).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit { code: code as u8 }), "{error:?}");
    }
}

#[test]
fn a_sleeping_guest_wakes_when_the_driver_moves_the_clock() {
    let Guest { mut store, run, clock, .. } = Guest::<(u64,)>::new(include_str!("tests/sleep.wat"));
    clock.advance(5);
    let mut call = pin!(run.call_async(&mut store, (1_000_000_000,)));
    let mut poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    clock.advance(1);
    assert!(poll().is_pending());
    assert_eq!(clock.next_timer(), Some(1_000_000_005));
    assert!(clock.advance_to_next_timer());
    assert!(matches!(poll(), Poll::Ready(Ok((1_000_000_005,)))));
}

#[test]
fn a_guest_that_sleeps_for_no_time_gives_way_once() {
    let Guest { mut store, run, clock, .. } = Guest::<(u64,)>::new(include_str!("tests/sleep.wat"));
    let mut call = pin!(run.call_async(&mut store, (0,)));
    let mut poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    assert_eq!(clock.next_timer(), None);
    assert!(matches!(poll(), Poll::Ready(Ok((0,)))));
}

#[test]
fn a_guest_that_sleeps_forever_sets_no_timer() {
    let Guest { mut store, run, clock, .. } = Guest::<(u64,)>::new(include_str!("tests/sleep.wat"));
    clock.advance(1);
    let mut call = pin!(run.call_async(&mut store, (NEVER,)));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(clock.next_timer(), None);
}

#[test]
fn a_cancelled_sleep_leaves_no_timer() {
    let Guest { mut store, run, clock, .. } = Guest::<(u64,)>::new(include_str!("tests/sleep.wat"));
    {
        let mut call = pin!(run.call_async(&mut store, (10,)));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(clock.next_timer(), Some(10));
    }
    assert_eq!(clock.next_timer(), None);
}

#[test]
fn output_over_the_limit_ends_the_guest_with_the_numbers() {
    let mut guest = Guest::<(u64,)>::new(include_str!("tests/print.wat"));
    guest.run((10,)).unwrap();
    assert_eq!(guest.printed.bytes.lock().unwrap().len(), 100);
    let error = guest.run((1,)).unwrap_err();
    let limit = error.downcast_ref::<LimitExceeded>().unwrap();
    assert_eq!(*limit, LimitExceeded { limit: Limit::Output, wanted: 110, allowed: 100 });
    assert_eq!(guest.printed.bytes.lock().unwrap().len(), 100);
}

#[test]
fn a_guest_with_too_many_handles_ends_with_a_full_table() {
    let mut guest = Guest::<()>::new(include_str!("tests/handles.wat"));
    guest.store.data_mut().table.set_max_capacity(1000);
    let error = guest.run(()).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(ResourceTableError::Full)), "{error:?}");
}

#[test]
fn who_asks_for_a_socket_is_told_that_access_is_denied() {
    let answer = Guest::<()>::new(include_str!("tests/sockets.wat")).run(()).unwrap();
    // The second case of the result, and the second of the error codes.
    assert_eq!(answer, 0x0101);
}

#[test]
fn a_program_may_mention_the_type_of_a_socket() {
    let text = include_str!("tests/random.wat").replace("VERSION", "0.2.0").replace(
        "(component",
        r#"(component (import "wasi:sockets/tcp@0.2.6" (instance (export "tcp-socket" (type (sub resource)))))"#,
    );
    Guest::<()>::new(&text).run(()).unwrap();
}

#[test]
fn the_program_sees_only_what_it_was_given() {
    use bindings::wasi::cli::{environment::Host as _, stdin::Host as _, terminal_stdout::Host as _};

    let mut state = State::new(&VirtualClock::new(), &Printed::default());
    let mut wasi = state.wasi();
    assert_eq!(wasi.get_environment().unwrap(), [("NAME".to_owned(), "Ada".to_owned())]);
    assert_eq!(wasi.get_arguments().unwrap(), [""; 0]);
    assert!(wasi.get_terminal_stdout().unwrap().is_none());
    let stdin = wasi.get_stdin().unwrap();
    let end = wasi.table.get_mut(&stdin).unwrap().read(1);
    assert!(matches!(end, Err(wasmtime_wasi_io::streams::StreamError::Closed)));
}

#[test]
fn random_numbers_follow_from_seed_instance_and_interface() {
    use bindings::wasi::random::{insecure::Host as _, insecure_seed::Host as _, random::Host as _};

    let draw = |seed: [u8; 32], before: u64| {
        let mut state = State::new(&VirtualClock::new(), &Printed::default());
        state.wasi.seed = seed;
        let mut wasi = state.wasi();
        wasi.get_insecure_random_bytes(before).unwrap();
        (wasi.get_random_bytes(40).unwrap(), wasi.insecure_seed().unwrap())
    };
    let first = draw(instance_seed(7, InstanceId(1)), 0);
    assert_eq!(first, draw(instance_seed(7, InstanceId(1)), 100));
    assert_ne!(first, draw(instance_seed(7, InstanceId(2)), 0));
    assert_ne!(first, draw(instance_seed(8, InstanceId(1)), 0));
    assert_eq!(first.0.len(), 40);
}

#[test]
fn a_huge_wish_for_random_bytes_is_refused() {
    use bindings::wasi::random::random::Host as _;

    let mut state = State::new(&VirtualClock::new(), &Printed::default());
    let error = state.wasi().get_random_bytes(u64::MAX).unwrap_err();
    assert!(error.to_string().contains("at most 1048576 bytes"), "{error}");
}
