//! One run of one instance, from instantiation to the way it ended.

use super::budget::Limits;
use super::component::{Entry, Handled, Inferlet};
use super::interpreter::{self, Place};
use super::limits::LimitExceeded;
use super::runtime_config::Concurrency;
use super::state::State;
use super::wasi::Exit;
use crate::outside::HttpRequest;
use crate::respond::Responded;
use crate::trace::{Event, Limit, Outcome};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use wasmtime::component::{ComponentNamedList, Lift, Lower, ResourceTableError, TypedFunc};
use wasmtime::{CallHook, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

/// After so much fuel an instance gives way to the others.
const SLICE: u64 = 10_000_000;
/// What it costs to wait or give way, in units of fuel: about the time that the driver takes for it.
const TURN: u64 = 5000;

/// Ends a guest that is not wanted any more.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct Cancelled;

/// Ends a guest that can never go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Stuck(String);

/// How an instance is called.
pub enum Call {
    /// `run`, with its input.
    Run(String),
    /// `handle` of `wasi:http/incoming-handler`, with the request.
    Handle(HttpRequest),
}

/// The answer of an instance that gave a response: the response is what counts.
const RESPONDED: &str = "null";

/// Runs an instance to its end. Host calls suspend the returned future; nothing in it blocks.
pub async fn run(inferlet: Inferlet, state: State, input: Call, limits: Limits) -> Outcome {
    let journal = state.journal.clone();
    let responded = state.responded.clone();
    let cancellation = state.cancellation.clone();
    let mut store = Store::new(inferlet.pre.engine(), state);
    let between = || {
        journal.flush();
        responded.iter().for_each(Responded::hand_over);
    };
    let stuck = || cancellation.stuck().map(|why| Stuck(why).into());
    let result = in_turns(between, stuck, limits.fuel, call(&inferlet, &mut store, &limits, input)).await;
    responded.iter().for_each(Responded::cut_off);
    let stderr = journal.finish();
    let place = match &result {
        Ok(_) => None,
        Err(error) if waits_for_ever(error) => interpreter::place_at_rest(&mut store).await,
        Err(error) => interpreter::place(error, &store),
    };
    let mut state = store.into_data();
    state.keep_walks();
    if result.is_ok() {
        for child in state.children.let_all_go() {
            // If too much is recorded already, this is not either; what it answered stands.
            let _ = journal.record(|instance| Event::Detached { instance, child });
        }
    }
    match result {
        Ok(Ok(output)) => check_output(output),
        Ok(Err(error)) => Outcome::Error(error.into()),
        Err(error) => at(place, classify(&error, &state, &limits, &stderr)),
    }
}

/// Says where in its program an interpreter was.
fn at(place: Option<Place>, outcome: Outcome) -> Outcome {
    let Some(place) = place else { return outcome };
    match outcome {
        Outcome::Limit { limit, message } => {
            Outcome::Limit { limit, message: format!("{message}; the program was at {place}") }
        }
        Outcome::Trap { message, backtrace } => {
            Outcome::Trap { message: format!("{message}; the program was at {place}"), backtrace }
        }
        Outcome::Stuck(why) => Outcome::Stuck(format!("{why}; the program was at {place}")),
        outcome => outcome,
    }
}

/// Runs the call from wait to wait. Whenever it waits or gives way, what it has put out so far goes out, and the turn is paid for: a guest that does nothing but
/// give way would hardly spend any fuel of its own.
async fn in_turns<T>(
    between: impl Fn(),
    stuck: impl Fn() -> Option<wasmtime::Error>,
    fuel: u64,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    let mut spent: u64 = 0;
    poll_fn(|context| {
        if let Some(error) = stuck() {
            return Poll::Ready(Err(error));
        }
        let poll = call.as_mut().poll(context);
        if poll.is_ready() {
            return poll;
        }
        between();
        spent = spent.saturating_add(TURN);
        if spent > fuel {
            let exceeded = LimitExceeded { limit: Limit::Fuel, wanted: spent, allowed: fuel };
            return Poll::Ready(Err(exceeded.into()));
        }
        Poll::Pending
    })
    .await
}

async fn call(
    inferlet: &Inferlet,
    store: &mut Store<State>,
    limits: &Limits,
    input: Call,
) -> wasmtime::Result<Result<String, String>> {
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(SLICE))?;
    // The table of host resources has this limit too; this one also counts resources that the guest makes for itself.
    store.set_max_component_handles(limits.handles as usize);
    store.set_hostcall_fuel(usize::try_from(limits.call_bytes).unwrap_or(usize::MAX));
    // Between two calls nothing else looks: a guest that has the host do long work gives way seldom.
    store.call_hook(|store, hook| match hook {
        CallHook::CallingHost if store.data().cancellation.get().is_some() => Err(Cancelled.into()),
        _ => Ok(()),
    });
    let instance = inferlet.pre.instantiate_async(&mut *store).await;
    let instance = instance.map_err(|error| refused_at_the_start(error, store.data()))?;
    match (inferlet.entry, input) {
        (Entry::Run(run), Call::Run(input)) => {
            let run = instance.get_typed_func::<(String,), (Result<String, String>,)>(&mut *store, run)?;
            let (answer,) = called(inferlet.concurrency, store, run, (input,)).await?;
            if let (Ok(_), Some(preload)) = (&answer, store.data().preload.clone()) {
                preload.keep(store, instance).await;
            }
            Ok(answer)
        }
        (Entry::Handle(handle), Call::Handle(request)) => {
            let parameters = store.data_mut().incoming(&request)?;
            drop(request);
            let handle = instance.get_typed_func::<Handled, ()>(&mut *store, handle)?;
            called(inferlet.concurrency, store, handle, parameters).await?;
            Ok(has_responded(store.data()))
        }
        (Entry::Run(_), Call::Handle(_)) => {
            Ok(Err("the inferlet exports no `wasi:http/incoming-handler`, so it cannot respond to a request"
                .to_owned()))
        }
        (Entry::Handle(_), Call::Run(_)) => {
            Ok(Err("the inferlet only responds to HTTP requests, and it was launched without one".to_owned()))
        }
    }
}

async fn called<P, R>(
    concurrency: Concurrency,
    store: &mut Store<State>,
    function: TypedFunc<P, R>,
    parameters: P,
) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    match concurrency {
        Concurrency::Absent => function.call_async(&mut *store, parameters).await,
        // It has answered once it says so; what it has not waited for then goes with the store.
        Concurrency::Present => {
            store.run_concurrent(async |store| function.call_concurrent(store, parameters).await).await?
        }
    }
}

fn has_responded(state: &State) -> Result<String, String> {
    match state.responded.as_ref().and_then(|responded| responded.get()) {
        Some(_) => Ok(RESPONDED.to_owned()),
        None => Err("the inferlet gave no response, or it did not finish the body of it".to_owned()),
    }
}

/// A component whose memories or tables are too large to begin with gets an error that wasmtime has no type for.
fn refused_at_the_start(error: wasmtime::Error, state: &State) -> wasmtime::Error {
    match state.limiter.refused() {
        Some(refused) if !error.is::<Trap>() && !error.is::<LimitExceeded>() => refused.into(),
        _ => error,
    }
}

/// Output is JSON text by contract; anything else is the inferlet's mistake, not a success.
fn check_output(output: String) -> Outcome {
    match serde_json::from_str::<serde::de::IgnoredAny>(&output) {
        Ok(_) => Outcome::Ok(output.into()),
        Err(error) => {
            let head: String = output.chars().take(80).collect();
            Outcome::Error(
                format!("the inferlet answered with text that is not JSON ({error}): `{head}`").into(),
            )
        }
    }
}

fn classify(error: &wasmtime::Error, state: &State, limits: &Limits, stderr: &str) -> Outcome {
    if let (true, Some(outcome)) = (error.is::<Cancelled>(), state.cancellation.get()) {
        return outcome.clone();
    }
    if let Some(Stuck(why)) = error.downcast_ref() {
        return Outcome::Stuck(why.clone());
    }
    if waits_for_ever(error) {
        return Outcome::Stuck("the inferlet waits for something that cannot happen".to_owned());
    }
    let panic = panic_message(stderr);
    let refused = state.limiter.refused();
    let exceeded = exceeded(error, limits).or(refused.filter(|_| panic.is_none() && is_abort(error)));
    if let Some(exceeded) = exceeded {
        return Outcome::Limit { limit: exceeded.limit, message: exceeded.to_string() };
    }
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return Outcome::Error(format!("the inferlet gave no answer: {exit}").into());
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Outcome::Error(
            format!("the inferlet cannot start, because the engine is full: {error}").into(),
        );
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    let mut message = panic.unwrap_or_else(|| trap_message(error));
    if let Some(refused) = refused {
        message += &format!("; before that, it was refused to grow: {refused}");
    }
    Outcome::Trap { message, backtrace }
}

/// Whether the guest has left its code to wait, and nothing will ever call it again: what runs asynchronously may wait for nothing that it has asked the
/// host for.
fn waits_for_ever(error: &wasmtime::Error) -> bool {
    error.is::<Stuck>() || matches!(error.downcast_ref(), Some(Trap::NoAsyncResult))
}

/// Whether the guest gave up by itself, which is all that a program without memory can do: allocators abort. A panic does so too, but has said why.
fn is_abort(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(Trap::UnreachableCodeReached))
}

/// What wasmtime says when [`Store::set_max_component_handles`] was reached; the error has no type of its own.
const HANDLES_EXCEEDED: &str = "store handle limit exceeded";

fn out_of_handles(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || error.root_cause().to_string().ends_with(HANDLES_EXCEEDED)
}

/// What wasmtime says when a call hands over more than [`Store::set_hostcall_fuel`] allows; the error has no public type.
const CALL_EXCEEDED: &str = "fuel allocated for hostcalls has been exhausted";

fn exceeded(error: &wasmtime::Error, limits: &Limits) -> Option<LimitExceeded> {
    if let Some(exceeded) = error.downcast_ref::<LimitExceeded>() {
        return Some(*exceeded);
    }
    if out_of_handles(error) {
        let allowed = u64::from(limits.handles);
        return Some(LimitExceeded { limit: Limit::Handles, wanted: allowed + 1, allowed });
    }
    if error.root_cause().to_string().ends_with(CALL_EXCEEDED) {
        let allowed = limits.call_bytes;
        return Some(LimitExceeded { limit: Limit::Call, wanted: allowed.saturating_add(1), allowed });
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Some(LimitExceeded {
            limit: Limit::Fuel,
            wanted: limits.fuel.saturating_add(1),
            allowed: limits.fuel,
        }),
        Some(Trap::StackOverflow) => {
            let allowed = super::runtime_config::WASM_STACK as u64;
            Some(LimitExceeded { limit: Limit::Stack, wanted: allowed + 1, allowed })
        }
        _ => None,
    }
}

fn trap_message(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => {
            let message = trap.to_string();
            message.strip_prefix("wasm trap: ").unwrap_or(&message).to_owned()
        }
        None => error.root_cause().to_string(),
    }
}

/// What a Rust panic wrote before it became a trap, without the advice for people who debug natively.
fn panic_message(stderr: &str) -> Option<String> {
    let start = stderr.rfind("panicked at ")?;
    let message = stderr[start..].split("\nnote: ").next().unwrap_or_default();
    Some(message.trim_end().to_owned())
}

fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    backtrace.frames().iter().flat_map(describe).collect()
}

/// One line a frame; inlined calls, which only debugging information tells, have lines of their own.
fn describe(frame: &wasmtime::FrameInfo) -> Vec<String> {
    let symbols: Vec<String> = frame
        .symbols()
        .iter()
        .filter_map(|symbol| {
            let name = symbol.name()?;
            let place = symbol.file().map(|file| match symbol.line() {
                Some(line) => format!(" at {file}:{line}"),
                None => format!(" at {file}"),
            });
            Some(format!("{}{}", demangle(name), place.unwrap_or_default()))
        })
        .collect();
    if !symbols.is_empty() {
        return symbols;
    }
    let name = frame.func_name().map(demangle);
    vec![name.unwrap_or_else(|| format!("function {}", frame.func_index()))]
}

fn demangle(name: &str) -> String {
    let name = rustc_demangle::demangle(name);
    format!("{name:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_found_behind_other_output() {
        let stderr = "working\n\nthread '<unnamed>' (1) panicked at src/lib.rs:7:5:\nno bread\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(panic_message(stderr).as_deref(), Some("panicked at src/lib.rs:7:5:\nno bread"));
        assert_eq!(panic_message("fine"), None);
    }

    #[test]
    fn an_answer_that_is_not_json_is_an_error() {
        assert!(matches!(check_output(String::new()), Outcome::Error(_)));
        assert_eq!(check_output("{\"a\":1}".to_owned()), Outcome::Ok("{\"a\":1}".into()));
    }
}
