//! Inferlets with an async `run`, which wait through `pie:core/wait`. Well-behaved or not, they end as others do, and only themselves.

use super::guests::{compile, engine, engine_on, ok, run};
use super::{ends, serves, small};
use pie_engine::trace::{Collected, Event, Limit, Outcome};
use pie_engine::{Launch, RuntimeConfig};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A guest with these bodies of `run` and its callback.
fn guest(run: &str, callback: &str) -> String {
    include_str!("../guests/waits.wat").replace("RUN", run).replace("CALLBACK", callback)
}

/// Sleeps a millisecond, and then does this.
fn after_a_sleep(then: &str) -> String {
    guest("(call $for (call $pending (call $sleep (i64.const 1000000))))", then)
}

/// Asks for a message, and waits for it.
const RECEIVE: &str = "(global.set $future (call $receive))
    (call $for (call $pending (call $for-string (global.get $future) (i32.const 64))))";

#[test]
fn an_async_run_answers_after_it_has_waited() {
    assert_eq!(ends(&after_a_sleep("(call $true) (i32.const 0)")), ok("true"));
    assert_eq!(ends(&guest("(call $true) (i32.const 0)", "unreachable")), ok("true"));
}

#[test]
fn sleeping_moves_virtual_time() {
    let engine = engine();
    let guest = compile(&engine, &after_a_sleep("(call $true) (i32.const 0)"));
    let trace = Collected::default();
    engine.run(&guest, Launch::new("null"), Box::new(trace.clone()));
    let records = trace.records();
    assert!(matches!(records.last().unwrap().event, Event::Finished { .. }), "{records:?}");
    assert_eq!(records.last().unwrap().at, 1_000_000);
}

#[test]
fn sleeping_no_time_lets_others_go_on() {
    // As a loop that asks again and again whether something has happened.
    let again = "(if (result i32) (i32.lt_u (global.get $steps) (i32.const 1000))
        (then (call $drop (local.get $call)) (call $for (call $pending (call $sleep (i64.const 0)))))
        (else (call $true) (i32.const 0)))";
    let guest = guest("(call $for (call $pending (call $sleep (i64.const 0))))", again);
    assert_eq!(ends(&guest), ok("true"));
}

#[test]
fn a_guest_may_wait_in_the_middle_of_a_function() {
    assert_eq!(
        ends(&guest("(call $block (i64.const 1000)) (call $true) (i32.const 0)", "unreachable")),
        ok("true")
    );
    let wait = "(call $join (call $pending (call $sleep (i64.const 1000))) (global.get $waitables))
        (if (i32.ne (call $wait (global.get $waitables) (i32.const 64)) (i32.const 1)) (then unreachable))
        (call $true) (i32.const 0)";
    assert_eq!(
        ends(&guest(&format!("(global.set $waitables (call $set)) {wait}"), "unreachable")),
        ok("true")
    );
}

#[test]
fn a_message_is_waited_for() {
    let send = "(call $send (i32.load (i32.const 68)) (i32.load (i32.const 72))) (call $true) (i32.const 0)";
    let engine = engine();
    let guest = compile(&engine, &guest(RECEIVE, send));
    let launch = Launch::new("null");
    let control = launch.control();
    control.open();
    let client = std::thread::spawn(move || {
        assert!(control.awaited());
        control.send("hello".to_owned());
    });
    let (finished, events) = run(&engine, &guest, launch);
    client.join().unwrap();
    assert_eq!(finished.outcome, ok("true"));
    assert!(
        matches!(&events[1..3], [Event::Received { text: Some(received), .. }, Event::Message { text, .. }]
            if received.as_str() == "hello" && text.as_str() == "hello"),
        "{events:?}"
    );
}

#[test]
fn what_is_known_already_is_answered_without_a_wait() {
    // 2 says that the call has returned; what it has written is `none`.
    let none =
        "(if (i32.ne (call $for-string (call $receive) (i32.const 64)) (i32.const 2)) (then unreachable))
        (if (i32.load8_u (i32.const 64)) (then unreachable))
        (call $true) (i32.const 0)";
    let engine = engine();
    let launch = Launch::new("null");
    launch.control().close();
    let (finished, events) = run(&engine, &compile(&engine, &guest(none, "unreachable")), launch);
    assert_eq!(finished.outcome, ok("true"));
    assert!(matches!(&events[1], Event::Received { text: None, .. }), "{events:?}");
}

#[test]
fn as_many_instances_as_there_are_places_wait_at_once_and_others_in_line() {
    let engine = engine();
    let guest =
        compile(&engine, &guest("(call $block (i64.const 1000)) (call $true) (i32.const 0)", "unreachable"));
    // The last one waits in line until there is a place for it.
    for count in [8, 9] {
        let launches = (0..count).map(|_| (guest.clone(), Launch::new("null"))).collect();
        let finished = engine.run_all(launches, Box::new(Collected::default()));
        assert_eq!(finished.len(), count);
        assert!(finished.iter().all(|finished| finished.outcome == ok("true")), "{finished:?}");
    }
}

#[test]
fn a_call_that_was_cancelled_has_taken_nothing() {
    // Cancels its wait, waits again, and sends what it got.
    let cancel = "(local $wait i32)
        (global.set $future (call $receive))
        (local.set $wait (call $pending (call $for-string (global.get $future) (i32.const 64))))
        (if (i32.ne (call $cancel (local.get $wait)) (i32.const 4)) (then unreachable))
        (call $drop (local.get $wait))
        (call $for (call $pending (call $for-string (global.get $future) (i32.const 64))))";
    let send = "(call $send (i32.load (i32.const 68)) (i32.load (i32.const 72))) (call $true) (i32.const 0)";
    let engine = engine();
    let guest = compile(&engine, &guest(cancel, send));
    let launch = Launch::new("null");
    let control = launch.control();
    control.open();
    let client = std::thread::spawn(move || {
        assert!(control.awaited());
        control.send("hello".to_owned());
    });
    let (finished, events) = run(&engine, &guest, launch);
    client.join().unwrap();
    assert_eq!(finished.outcome, ok("true"));
    assert!(matches!(&events[2], Event::Message { text, .. } if text.as_str() == "hello"), "{events:?}");
}

#[test]
fn a_message_that_never_comes_stops_the_run() {
    assert_eq!(
        ends(&guest(RECEIVE, "unreachable")),
        Outcome::Stuck("the inferlet waits for a message, and none will come".to_owned())
    );
}

#[test]
fn waiting_for_nothing_stops_the_run() {
    let stuck = Outcome::Stuck("the inferlet waits for something that cannot happen".to_owned());
    let nothing = "(i32.or (i32.const 2) (i32.shl (call $set) (i32.const 4)))";
    assert_eq!(ends(&guest(nothing, "unreachable")), stuck);
    assert_eq!(ends(&after_a_sleep(nothing)), stuck);
    assert_eq!(ends(&guest("(call $wait (call $set) (i32.const 64))", "unreachable")), stuck);
}

#[test]
fn an_endless_loop_of_an_async_run_is_out_of_fuel() {
    let limit = Outcome::Limit {
        limit: Limit::Fuel,
        message: "over the `fuel` limit: 30000001 units wanted, 30000000 allowed".to_owned(),
    };
    assert_eq!(ends(&guest("(loop $again (br $again)) unreachable", "unreachable")), limit);
    assert_eq!(ends(&after_a_sleep("(loop $again (br $again)) unreachable")), limit);
}

#[test]
fn giving_way_for_ever_is_out_of_fuel() {
    // Each turn costs 5000 units, though the guest spends a few.
    let limit = Outcome::Limit {
        limit: Limit::Fuel,
        message: "over the `fuel` limit: 30005000 units wanted, 30000000 allowed".to_owned(),
    };
    assert_eq!(ends(&guest("(i32.const 1)", "(i32.const 1)")), limit);
    let again = "(call $drop (local.get $call)) (call $for (call $pending (call $sleep (i64.const 0))))";
    assert_eq!(ends(&guest("(call $for (call $pending (call $sleep (i64.const 0))))", again)), limit);
}

#[test]
fn a_trap_after_a_wait_tells_the_functions_it_happened_in() {
    let Outcome::Trap { message, backtrace } = ends(&after_a_sleep("unreachable")) else {
        panic!("it trapped");
    };
    assert_eq!(message, "wasm `unreachable` instruction executed");
    assert_eq!(backtrace, ["callback"]);
}

#[test]
fn calls_that_are_under_way_end_with_the_run() {
    let leave = "(drop (call $sleep (i64.const 1000000)))
        (drop (call $for-string (call $receive) (i32.const 64)))";
    let end = "(call $true) (i32.const 0)";
    assert_eq!(ends(&guest(&format!("{leave} {end}"), "unreachable")), ok("true"));
    // It has answered, and goes on waiting.
    let wait = "(call $true) (call $for (call $pending (call $sleep (i64.const 1000000))))";
    assert_eq!(ends(&guest(&format!("{leave} {wait}"), "unreachable")), ok("true"));
    let Outcome::Trap { message, .. } = ends(&guest(&format!("{leave} unreachable"), "unreachable")) else {
        panic!("it trapped");
    };
    assert_eq!(message, "wasm `unreachable` instruction executed");
}

#[test]
fn what_async_functions_may_not_do_is_a_trap() {
    let sleep = "(call $pending (call $sleep (i64.const 1000000)))";
    for (body, expected) in [
        (
            "(call $true) (call $true) (i32.const 0)".to_owned(),
            "`task.return` or `task.cancel` called more than once",
        ),
        (format!("(call $drop {sleep}) (i32.const 0)"), "cannot drop a subtask which has not yet resolved"),
        ("(call $drop (i32.const 77)) (i32.const 0)".to_owned(), "unknown handle index 77"),
        ("(i32.const 3)".to_owned(), "unsupported callback code"),
        ("(i32.const 1618)".to_owned(), "unknown handle index 101"),
    ] {
        let Outcome::Trap { message, .. } = ends(&guest(&body, "unreachable")) else { panic!("{body}") };
        assert!(message.contains(expected), "{body}: {message}");
    }
}

#[test]
fn who_ends_without_an_answer_and_waits_for_nothing_is_stuck() {
    let Outcome::Stuck(message) = ends(&guest("(i32.const 0)", "unreachable")) else {
        panic!("it is not stuck")
    };
    assert_eq!(message, "the inferlet waits for something that cannot happen");
}

#[test]
fn a_million_calls_are_over_the_limit_of_handles() {
    let calls = "(loop $again (drop (call $sleep (i64.const 1000000))) (br $again)) unreachable";
    let limit = Outcome::Limit {
        limit: Limit::Handles,
        message: "over the `handles` limit: 1001 handles wanted, 1000 allowed".to_owned(),
    };
    assert_eq!(ends(&guest(calls, "unreachable")), limit);
}

#[test]
fn a_run_can_be_ended_from_outside() {
    let in_the_middle = "(global.set $waitables (call $set))
        (call $join (call $pending (call $for-string (call $receive) (i32.const 64))) (global.get $waitables))
        (call $wait (global.get $waitables) (i32.const 64))";
    let between = "(drop (call $sleep (i64.const 5))) (i32.const 1)";
    let engine = engine();
    for text in [
        guest(RECEIVE, "unreachable"),
        guest(in_the_middle, "unreachable"),
        guest(between, "(i32.const 1)"),
        guest("(loop $again (br $again)) unreachable", "unreachable"),
    ] {
        let launch = Launch::new("null");
        let control = launch.control();
        control.open();
        let client = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            control.cancel(Outcome::Cancelled("enough".to_owned()));
        });
        let (finished, _) = run(&engine, &compile(&engine, &text), launch);
        client.join().unwrap();
        assert_eq!(finished.outcome, Outcome::Cancelled("enough".to_owned()));
        assert_eq!(finished.findings, [""; 0]);
        serves(&engine);
    }
}

/// One instruction, or a few, that leave a number on the stack: what a broken language runtime might do.
fn anything(random: &mut ChaCha12Rng) -> String {
    let any = |random: &mut ChaCha12Rng| format!("(i32.const {})", 1 + random.next_u32() % 6);
    let (first, second) = (any(random), any(random));
    match random.next_u32() % 14 {
        0 => "(call $set)".to_owned(),
        1 => format!("(call $join {first} {second}) (i32.const 0)"),
        2 => format!("(call $wait {first} (i32.const 64))"),
        3 | 4 => format!("(call $cancel {first})"),
        5 => format!("(call $drop {first}) (i32.const 0)"),
        6 => "(call $sleep (i64.const 1000))".to_owned(),
        7 => "(call $block (i64.const 1000)) (i32.const 0)".to_owned(),
        8 => "(global.set $future (call $receive)) (i32.const 0)".to_owned(),
        9 | 10 => "(call $for-string (global.get $future) (i32.const 64))".to_owned(),
        11 => "(call $true) (i32.const 0)".to_owned(),
        12 => format!("(call $for {first})"),
        _ => "(call $for (call $pending (call $sleep (i64.const 10))))".to_owned(),
    }
}

#[test]
fn no_order_of_calls_breaks_the_engine() {
    // The handles 1 to 4 are of different kinds.
    let begin = "(global.set $waitables (call $set))
        (global.set $future (call $receive))
        (drop (call $sleep (i64.const 1000)))
        (drop (call $for-string (global.get $future) (i32.const 64)))";
    let engine = engine();
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut ends = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let mut body = || {
            let calls: Vec<String> =
                (0..1 + random.next_u32() % 4).map(|_| format!("{} drop", anything(&mut random))).collect();
            let next = ["(i32.const 0)", "(i32.const 1)", "(i32.const 18)"];
            format!("{} {}", calls.join(" "), next[random.next_u32() as usize % next.len()])
        };
        let text = guest(&format!("{begin} {}", body()), &body());
        let (finished, _) = run(&engine, &compile(&engine, &text), small());
        assert_eq!(finished.findings, [""; 0], "{text}");
        ends.insert(match finished.outcome {
            Outcome::Trap { message, .. } => message,
            outcome => format!("{outcome:?}"),
        });
    }
    // Some come to an answer, and the others to many different ends.
    assert!(ends.contains(&format!("{:?}", ok("true"))), "{ends:#?}");
    assert!(ends.len() > 12, "{ends:#?}");
    serves(&engine);
}

#[test]
fn a_sync_run_beside_async_imports_cannot_wait_in_a_call() {
    let text = guest("(call $block (i64.const 1000)) unreachable", "unreachable");
    let (before, _) = text.split_once("(func $run async").unwrap();
    let sync = format!(
        "{} (func $run (param \"input\" string) (result (result string (error string)))
          (canon lift (core func $i \"run\") (memory (core memory $libc \"memory\")) (realloc (core func $libc \"realloc\"))))
        (instance $face (export \"run\" (func $run)))
        (export \"pie:waits/run\" (instance $face)))",
        before
    );
    let Outcome::Trap { message, .. } = ends(&sync) else { panic!("it trapped") };
    assert_eq!(message, "cannot block a synchronous task before returning");
}

#[test]
fn compiled_code_is_kept_apart_from_that_of_other_components() {
    let cache = tempfile::tempdir().unwrap();
    let new = || {
        let code_cache = Some(cache.path().to_owned());
        engine_on(RuntimeConfig { instances: 8, code_cache, ..RuntimeConfig::default() })
    };
    let kept = || {
        let entries = std::fs::read_dir(cache.path()).unwrap();
        let mut entries: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        entries.sort();
        entries
    };
    let settings = |name: &str| name.split_once('-').unwrap().1.to_owned();
    let text = after_a_sleep("(call $true) (i32.const 0)");
    let first = new();
    compile(&first, &text);
    let [waits] = &kept()[..] else { panic!("{:?}", kept()) };
    let before = std::fs::metadata(cache.path().join(waits)).unwrap().modified().unwrap();
    let (finished, _) = run(&first, &compile(&new(), &text), small());
    assert_eq!(finished.outcome, ok("true"));
    assert_eq!(std::fs::metadata(cache.path().join(waits)).unwrap().modified().unwrap(), before);
    serves(&first);
    let all = kept();
    assert_eq!(all.len(), 2);
    assert_ne!(settings(&all[0]), settings(&all[1]));
}
