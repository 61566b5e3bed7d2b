//! What bad input gets: bytes that are no inferlet, and inferlets that misbehave. Each gets an error that says so, and each can only end
//! itself.

mod guests;
mod waits;

use guests::{binary, compile, engine, generate, instance, listen, ok, plain, run, speak};
use pie_engine::host::component::ComponentError;
use pie_engine::trace::{Collected, Event, Limit, Outcome};
use pie_engine::{Engine, EngineConfig, EngineError, Finished, Launch, Limits};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::error::Error;

/// The error that these bytes get, and the text of its causes.
fn refused(wasm: &[u8]) -> (ComponentError, String) {
    let engine = engine();
    let Err(EngineError::Component(error)) = engine.compile(wasm) else { panic!("it was accepted") };
    serves(&engine);
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    (error, causes.join(": "))
}

/// The engine still runs a good inferlet.
fn serves(engine: &Engine) {
    let (finished, _) = run(engine, &compile(engine, &generate(2)), Launch::new("null"));
    assert!(matches!(finished.outcome, Outcome::Ok(_)), "{finished:?}");
    assert_eq!(finished.findings, [""; 0]);
}

/// How a guest ends under small limits. It ends the same way between two good ones, whose events are what they are without it.
fn ends(text: &str) -> Outcome {
    let engine = engine();
    let alone = beside(&engine, None).1;
    let (finished, with_it) = beside(&engine, Some(text));
    assert_eq!(with_it, alone);
    assert_eq!(finished.findings, [""; 0]);
    let (again, _) = run(&engine, &compile(&engine, text), small());
    assert_eq!(again, finished);
    serves(&engine);
    finished.outcome
}

fn small() -> Launch {
    Launch::new("null").limits(Limits {
        memory_bytes: 1 << 20,
        table_elements: 100,
        fuel: 30_000_000,
        output_bytes: 10_500,
        trace_bytes: 1 << 20,
        call_bytes: 1 << 20,
        handles: 1000,
        scratch_bytes: 0,
        ..Limits::default()
    })
}

/// Runs a good inferlet, the guest (or one that answers at once), and a good inferlet. Gives the end of the guest, and what the
/// good ones did.
fn beside(engine: &Engine, text: Option<&str>) -> (Finished, Vec<Event>) {
    let harmless = plain("pie:harmless/run", "i32.const 8");
    let good = compile(engine, &generate(4));
    let guest = compile(engine, text.unwrap_or(&harmless));
    let trace = Collected::default();
    let launches = vec![(good.clone(), Launch::new("null")), (guest, small()), (good, Launch::new("null"))];
    let mut finished = engine.run_all(launches, Box::new(trace.clone()));
    assert!(matches!(&finished[0].outcome, Outcome::Ok(_)), "{finished:?}");
    assert!(matches!(&finished[2].outcome, Outcome::Ok(_)), "{finished:?}");
    let events = trace.events().into_iter().filter(|event| matches!(instance(event), Some(1 | 3)));
    (finished.remove(1), events.collect())
}

#[test]
fn bytes_that_are_not_webassembly_are_named_so() {
    for bytes in [&b""[..], b"\0as", b"hello", b"\x7fELF\x02\x01\x01\0"] {
        let (error, _) = refused(bytes);
        assert!(matches!(error, ComponentError::NotWasm));
        assert_eq!(error.to_string(), "the file is not WebAssembly: it does not begin with `\\0asm`");
    }
}

#[test]
fn a_core_module_is_told_apart_from_a_component() {
    let (error, _) = refused(&binary("(module (func (export \"run\")))"));
    assert!(matches!(error, ComponentError::CoreModule));
    assert_eq!(error.to_string(), "the file is a core WebAssembly module, and an inferlet is a component");
}

#[test]
fn a_component_that_is_cut_off_is_refused_unless_only_names_are_missing() {
    let whole = binary(&generate(2));
    let engine = engine();
    let mut accepted = Vec::new();
    for length in 0..whole.len() {
        match engine.compile(&whole[..length]) {
            Ok(inferlet) => accepted.push((length, inferlet)),
            Err(EngineError::Component(ComponentError::NotWasm)) => assert!(length < 4),
            // A cut between two sections leaves a valid component without its export.
            Err(EngineError::Component(ComponentError::Invalid(_) | ComponentError::NoRun { .. })) => {}
            Err(error) => panic!("{length}: {error:?}"),
        }
    }
    // The last section of the text format's components holds the names of functions.
    let [(length, inferlet)] = &accepted[..] else { panic!("{} cuts were accepted", accepted.len()) };
    assert_eq!(&whole[length + 4..length + 18], b"component-name");
    let (finished, _) = run(&engine, inferlet, Launch::new("null"));
    assert!(matches!(finished.outcome, Outcome::Ok(_)), "{finished:?}");
}

#[test]
fn a_broken_component_says_where_it_breaks() {
    let mut wasm = binary(&generate(2));
    wasm.truncate(wasm.len() - 3);
    let (error, cause) = refused(&wasm);
    assert_eq!(error.to_string(), "the component cannot be compiled");
    assert!(cause.contains("unexpected end"), "{cause}");
    assert!(cause.contains("at offset 0x"), "{cause}");
}

#[test]
fn a_component_that_is_made_to_keep_the_compiler_busy_is_refused() {
    let with = |functions: &str| {
        let text = plain("pie:intricate/run", "i32.const 8");
        binary(&text.replace("(func $stumble", &format!("{functions} (func $stumble")))
    };
    let mut large = binary("(component)");
    large.resize((64 << 20) + 1, 0);
    // Each of 2,000 variables is live in 5,000 loops.
    let get: String = (0..2000).map(|variable| format!("local.get {variable} drop ")).collect();
    let variables = format!(
        "(func (param i32) (local {}) {} {get})",
        "i64 ".repeat(1999),
        "loop local.get 0 br_if 0 end ".repeat(5000)
    );
    let nested = format!("(func {} {})", "block ".repeat(100_000), "end ".repeat(100_000));
    let table = format!("(func block i32.const 0 br_table {} end)", "0 ".repeat(4 << 20));
    for (wasm, expected) in [
        (large, "over the `component-size` limit of components: 67108865 bytes, 67108864 allowed"),
        (
            with(&"(func)".repeat(100_000)),
            "over the `functions` limit of components: 100001 functions, 100000 allowed",
        ),
        (
            with(&table),
            "over the `function-size` limit of components: 4194316 bytes in one function, 4194304 allowed",
        ),
        (
            with(&variables),
            "over the `flow` limit of components: 20000000 branches times variables in one function, 4000000 allowed",
        ),
        (
            with(&nested),
            "over the `flow` limit of components: 78100000 branches times variables in one function, 4000000 allowed",
        ),
    ] {
        let (error, cause) = refused(&wasm);
        assert!(matches!(error, ComponentError::TooComplex(_)), "{error:?}");
        assert_eq!(error.to_string(), "the component is too large or too intricate to be compiled");
        assert_eq!(cause, expected);
    }
}

#[test]
fn a_component_without_a_run_says_what_it_exports() {
    let (error, _) = refused(&binary("(component)"));
    assert!(matches!(&error, ComponentError::NoRun { exports } if exports.is_empty()));
    assert_eq!(
        error.to_string(),
        "the component exports no interface whose name ends in `/run`, and no `wasi:http/incoming-handler`; it exports nothing"
    );
    let (error, _) = refused(&binary(&plain("pie:hello/walk", "unreachable")));
    assert_eq!(
        error.to_string(),
        "the component exports no interface whose name ends in `/run`, and no `wasi:http/incoming-handler`; it exports `pie:hello/walk`"
    );
}

#[test]
fn a_component_with_two_runs_says_which() {
    let two = plain("pie:one/run", "unreachable").replace(
        "(export \"pie:one/run\"",
        "(export \"pie:two/run\" (instance $face))\n  (export \"pie:one/run\"",
    );
    let (error, _) = refused(&binary(&two));
    assert!(matches!(error, ComponentError::SeveralRuns { .. }));
    assert_eq!(
        error.to_string(),
        "the component exports several interfaces that could be run: `pie:two/run`, `pie:one/run`"
    );
}

#[test]
fn a_run_of_another_type_is_refused_with_the_difference() {
    let number = r#"(component
      (core module $m (func (export "run") (param i32) (result i32) unreachable))
      (core instance $i (instantiate $m))
      (func $run (param "input" u32) (result u32) (canon lift (core func $i "run")))
      (instance $face (export "run" (func $run)))
      (export "pie:number/run" (instance $face)))"#;
    let (error, cause) = refused(&binary(number));
    assert_eq!(
        error.to_string(),
        "`pie:number/run` has no `run: func(input: string) -> result<string, string>`, `async` or not"
    );
    assert!(cause.contains("expected `string` found `u32`"), "{cause}");

    let (error, cause) = refused(&binary(
        &plain("pie:other/run", "unreachable")
            .replace("(export \"run\" (func $run))", "(export \"go\" (func $run))"),
    ));
    assert!(matches!(&error, ComponentError::WrongRun { export, .. } if export == "pie:other/run"));
    assert_eq!(cause, "the interface has no function `run`");

    let module = "(component (core module $m) (instance $face (export \"run\" (core module $m))) (export \"pie:m/run\" (instance $face)))";
    let (error, cause) = refused(&binary(module));
    assert!(matches!(error, ComponentError::WrongRun { .. }));
    assert_eq!(cause, "`run` is not a function");

    let (error, cause) =
        refused(&binary("(component (core module $m) (export \"pie:m/run\" (core module $m)))"));
    assert!(matches!(error, ComponentError::WrongRun { .. }), "{error:?} {cause}");
}

#[test]
fn an_import_outside_the_world_is_named() {
    let importing = |import: &str| {
        plain("pie:curious/run", "unreachable").replacen("(component", &format!("(component {import}"), 1)
    };
    for name in ["foo:bar/baz", "wasi:http/outgoing-handler@0.2.0", "pie:core/secrets"] {
        let import = format!("(import \"{name}\" (instance (export \"f\" (func))))");
        let (error, cause) = refused(&binary(&importing(&import)));
        assert!(matches!(error, ComponentError::UnknownImport(_)));
        assert_eq!(
            error.to_string(),
            "the component imports something that an inferlet's world does not have"
        );
        assert!(cause.contains(name), "{cause}");
    }
    let (error, cause) = refused(&binary(&importing(
        "(import \"pie:core/runtime\" (instance (export \"version\" (func (result u32)))))",
    )));
    assert!(matches!(error, ComponentError::UnknownImport(_)));
    assert!(cause.contains("pie:core/runtime") && cause.contains("version"), "{cause}");
    let (error, cause) =
        refused(&binary(&importing("(import \"wasi:cli/stdout@0.3.0\" (instance (export \"f\" (func))))")));
    assert!(matches!(error, ComponentError::UnknownImport(_)));
    assert!(cause.contains("wasi:cli/stdout@0.3.0"), "{cause}");
}

#[test]
fn the_name_of_an_export_is_taken_as_it_is() {
    let engine = engine();
    for (export, name) in [
        ("pie:hello2/run", "hello2"),
        ("pie:hello-2-you/run", "hello-2-you"),
        ("pie:v2/run@1.2.3", "v2"),
        ("other:hello/run", "hello"),
    ] {
        let inferlet = compile(&engine, &plain(export, "i32.const 8"));
        assert_eq!((inferlet.export(), inferlet.name()), (export, name));
        let (finished, events) = run(&engine, &inferlet, Launch::new("null"));
        assert_eq!(finished.outcome, ok("true"));
        assert!(matches!(&events[0], Event::Launched { program, .. } if program == name), "{events:?}");
    }
}

#[test]
fn a_name_that_no_component_may_have_is_told() {
    for export in ["pie:Hello/run", "pie:HELLO/run", "pie:hello_you/run", "pie:2-you/run"] {
        let (error, cause) = refused(&binary(&plain(export, "i32.const 8")));
        assert!(matches!(error, ComponentError::Invalid(_)));
        assert!(cause.contains(&format!("export name `{export}` is not a valid extern name")), "{cause}");
    }
}

#[test]
fn a_trap_tells_the_functions_it_happened_in() {
    let Outcome::Trap { message, backtrace } = ends(&plain("pie:trap/run", "call $walk unreachable")) else {
        panic!("it trapped");
    };
    assert_eq!(message, "wasm `unreachable` instruction executed");
    assert_eq!(backtrace, ["stumble", "walk", "run"]);
}

#[test]
fn a_division_by_zero_and_a_read_outside_of_memory_are_traps() {
    for (body, expected) in [
        (
            "(i32.div_u (i32.const 1) (local.get $length)) drop (i32.div_u (i32.const 1) (i32.const 0))",
            "integer divide by zero",
        ),
        ("(i32.load (i32.const 0x7fffffff))", "out of bounds memory access"),
    ] {
        let Outcome::Trap { message, .. } = ends(&plain("pie:trap/run", body)) else { panic!("it trapped") };
        assert_eq!(message, expected);
    }
}

#[test]
fn a_trap_before_run_ends_the_instance() {
    let outcome = ends(include_str!("guests/broken-start.wat"));
    let Outcome::Trap { message, backtrace } = outcome else { panic!("{outcome:?}") };
    assert_eq!(message, "wasm `unreachable` instruction executed");
    assert_eq!(backtrace, ["wake"]);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let limit = Outcome::Limit {
        limit: Limit::Fuel,
        message: "over the `fuel` limit: 30000001 units wanted, 30000000 allowed".to_owned(),
    };
    assert_eq!(ends(&plain("pie:spin/run", "(loop $again (br $again)) unreachable")), limit);
}

#[test]
fn a_guest_that_takes_all_memory_is_over_its_limit() {
    let bomb = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let limit = Outcome::Limit {
        limit: Limit::Memory,
        message: "over the `memory` limit: 1114112 bytes wanted, 1048576 allowed".to_owned(),
    };
    assert_eq!(ends(&plain("pie:bomb/run", bomb)), limit);
}

#[test]
fn a_guest_that_has_the_engine_remember_ever_more_is_over_its_limit() {
    let limit = Outcome::Limit {
        limit: Limit::Memory,
        message: "over the `memory` limit: 1179648 bytes wanted, 1048576 allowed".to_owned(),
    };
    assert_eq!(ends(include_str!("guests/hoard.wat")), limit);
}

#[test]
fn passes_that_nobody_waits_for_keep_their_room_until_they_are_done() {
    let engine = Engine::new(EngineConfig::dummy()).unwrap();
    let abandon = compile(&engine, include_str!("guests/abandon.wat"));
    let (finished, events) = run(&engine, &abandon, small());
    assert!(matches!(finished.outcome, Outcome::Limit { limit: Limit::Memory, .. }), "{finished:?}");
    assert_eq!(finished.findings, [""; 0]);
    // Each holds about 8,000 bytes: the tokens that it asks about, and the room for their answers.
    let passes = events.iter().filter(|event| matches!(event, Event::Pass { .. })).count();
    assert!((100..131).contains(&passes), "{passes}");
    serves(&engine);
}

#[test]
fn a_trap_after_memory_was_refused_is_told_as_it_is_with_a_hint() {
    let hint = "; before that, it was refused to grow: over the `memory` limit: 65601536 bytes wanted, 1048576 allowed";
    let told = |outcome: Outcome| match outcome {
        Outcome::Trap { message, .. } => message,
        other => panic!("{other:?}"),
    };
    let outside = "(drop (memory.grow (i32.const 1000))) (i32.load (i32.const 0x7fffffff))";
    let outcome = ends(&plain("pie:outside/run", outside));
    assert_eq!(told(outcome), format!("out of bounds memory access{hint}"));
    let panics =
        "(drop (memory.grow (i32.const 1000))) (call $complain (i32.const 0) (i32.const 36)) unreachable";
    let outcome = ends(&speak("panicked at src/lib.rs:7:5: no bread", panics));
    assert_eq!(told(outcome), format!("panicked at src/lib.rs:7:5: no bread{hint}"));
}

#[test]
fn a_trap_after_memory_was_refused_and_then_less_was_given_has_no_hint() {
    let less = "(drop (memory.grow (i32.const 1000))) (drop (memory.grow (i32.const 1))) unreachable";
    let outcome = ends(&plain("pie:less/run", less));
    assert!(
        matches!(&outcome, Outcome::Trap { message, .. } if message == "wasm `unreachable` instruction executed"),
        "{outcome:?}"
    );
}

#[test]
fn a_guest_that_lives_with_less_memory_may_answer() {
    let modest = "(drop (memory.grow (i32.const 1000))) i32.const 8";
    assert_eq!(ends(&plain("pie:modest/run", modest)), ok("true"));
}

#[test]
fn a_guest_that_begins_with_too_much_memory_is_over_its_limit() {
    let outcome = ends(
        &plain("pie:big/run", "i32.const 8")
            .replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 17)"),
    );
    let limit = Outcome::Limit {
        limit: Limit::Memory,
        message: "over the `memory` limit: 1114112 bytes wanted, 1048576 allowed".to_owned(),
    };
    assert_eq!(outcome, limit);
}

#[test]
fn a_guest_that_grows_its_table_is_over_its_limit() {
    let bomb = "(loop $again (br_if $again (i32.ne (table.grow (ref.null func) (i32.const 30)) (i32.const -1)))) unreachable";
    let text = plain("pie:table/run", bomb).replace("(global $next", "(table 1 funcref) (global $next");
    let limit = Outcome::Limit {
        limit: Limit::Tables,
        message: "over the `tables` limit: 121 elements wanted, 100 allowed".to_owned(),
    };
    assert_eq!(ends(&text), limit);
}

#[test]
fn a_flood_of_output_ends_at_its_limit() {
    let limit = Outcome::Limit {
        limit: Limit::Output,
        message: "over the `output` limit: 11000 bytes wanted, 10500 allowed".to_owned(),
    };
    assert_eq!(ends(include_str!("guests/flood.wat")), limit);
    let engine = engine();
    let (_, events) = run(&engine, &compile(&engine, include_str!("guests/flood.wat")), small());
    let printed = events.iter().map(|event| match event {
        Event::Stdout { text, .. } => text.as_str().len(),
        _ => 0,
    });
    assert_eq!(printed.sum::<usize>(), 10_000);
}

#[test]
fn a_flood_of_events_ends_at_its_limit() {
    let limit = Outcome::Limit {
        limit: Limit::Trace,
        message: "over the `trace` limit: 1048585 bytes wanted, 1048576 allowed".to_owned(),
    };
    // An empty message is no output, and an event all the same.
    let send = "(loop $again (call $send (i32.const 0) (i32.const 0)) (br $again)) unreachable";
    assert_eq!(ends(&speak("", send)), limit);
}

#[test]
fn a_flood_of_lines_ends_at_the_limit_of_events_where_output_is_allowed() {
    let engine = engine();
    let print = "(loop $again (call $print (i32.const 0) (i32.const 2)) (br $again)) unreachable";
    let limits = Limits { trace_bytes: 10_000, ..Limits::default() };
    let guest = compile(&engine, &speak("a\\n", print));
    let (finished, events) = run(&engine, &guest, Launch::new("null").limits(limits));
    // The launch takes 256 bytes and what is in it.
    let message = "over the `trace` limit: 10069 bytes wanted, 10000 allowed".to_owned();
    assert_eq!(finished.outcome, Outcome::Limit { limit: Limit::Trace, message });
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Stdout { .. })).count(), 37);
}

#[test]
fn events_that_the_engine_records_count_too() {
    let engine = engine();
    let limits = Limits { trace_bytes: 5000, ..Limits::default() };
    let (finished, events) =
        run(&engine, &compile(&engine, &generate(400)), Launch::new("null").limits(limits));
    assert!(matches!(finished.outcome, Outcome::Limit { limit: Limit::Trace, .. }), "{finished:?}");
    assert_eq!(finished.findings, [""; 0]);
    let recorded: u64 = events.iter().map(Event::bytes).sum();
    // One pass with its answer may come after the limit has been reached, and the end.
    assert!((5000..6000).contains(&recorded), "{recorded}");
}

#[test]
fn a_guest_that_has_the_engine_work_for_it_runs_out_of_fuel() {
    // 60,000 bytes take 256 units each; two calls are more than 30 million.
    let encode = listen("(loop $again (call $encode (i32.const 60000)) (br $again))");
    let limit = Outcome::Limit {
        limit: Limit::Fuel,
        message: "over the `fuel` limit: 30720000 units wanted, 30000000 allowed".to_owned(),
    };
    assert_eq!(ends(&encode), limit);
    // A decoder takes 512 units for a token, and keeps nothing once it has been reset.
    let feed = listen("(loop $again (call $feed (i32.const 1000)) (call $reset) (br $again))");
    let limit = Outcome::Limit {
        limit: Limit::Fuel,
        message: "over the `fuel` limit: 30208000 units wanted, 30000000 allowed".to_owned(),
    };
    assert_eq!(ends(&feed), limit);
}

#[test]
fn a_guest_whose_decoder_keeps_ever_more_text_is_over_its_limit() {
    let outcome = ends(&listen("(loop $again (call $feed (i32.const 1000)) (br $again))"));
    let Outcome::Limit { limit: Limit::Memory, message } = &outcome else { panic!("{outcome:?}") };
    assert!(message.ends_with("bytes wanted, 1048576 allowed"), "{message}");
}

#[test]
fn a_call_that_hands_over_too_much_is_over_its_limit() {
    let engine = engine();
    let guest = compile(&engine, &listen("(call $encode (i32.const 5001))"));
    let limits = Limits { call_bytes: 5000, ..Limits::default() };
    let (finished, _) = run(&engine, &guest, Launch::new("null").limits(limits));
    let message = "over the `call` limit: 5001 bytes wanted, 5000 allowed".to_owned();
    assert_eq!(finished.outcome, Outcome::Limit { limit: Limit::Call, message });
    let guest = compile(&engine, &listen("(call $encode (i32.const 5000))"));
    let limits = Limits { call_bytes: 5000, ..Limits::default() };
    let (finished, _) = run(&engine, &guest, Launch::new("null").limits(limits));
    assert!(matches!(finished.outcome, Outcome::Trap { .. }), "{finished:?}");
}

#[test]
fn deep_recursion_runs_out_of_stack() {
    let limit = Outcome::Limit {
        limit: Limit::Stack,
        message: "over the `stack` limit: 1048577 bytes wanted, 1048576 allowed".to_owned(),
    };
    assert_eq!(ends(&plain("pie:deep/run", "(call $deeper (i32.const 0))")), limit);
}

#[test]
fn a_million_handles_are_over_the_limit() {
    let limit = Outcome::Limit {
        limit: Limit::Handles,
        message: "over the `handles` limit: 1001 handles wanted, 1000 allowed".to_owned(),
    };
    assert_eq!(ends(include_str!("guests/handles.wat")), limit);
    assert_eq!(ends(include_str!("guests/own-handles.wat")), limit);
    // Little fuel tells that it was the thousandth handle and not a later one.
    let engine = engine();
    let own = compile(&engine, include_str!("guests/own-handles.wat"));
    let limits = Limits { handles: 1000, fuel: 50_000, ..Limits::default() };
    assert_eq!(run(&engine, &own, Launch::new("null").limits(limits)).0.outcome, limit);
}

#[test]
fn an_answer_that_is_not_json_is_an_error() {
    let text = plain("pie:prose/run", "i32.const 8")
        .replace("\"true\"", "\"true story\"")
        .replace("\\04\\00\\00\\00\")", "\\0a\\00\\00\\00\")");
    assert_eq!(
        ends(&text),
        Outcome::Error(
            "the inferlet answered with text that is not JSON (trailing characters at line 1 column 6): `true story`".into()
        )
    );
    let empty = plain("pie:silent/run", "i32.const 8").replace("\\04\\00\\00\\00\")", "\\00\\00\\00\\00\")");
    assert_eq!(
        ends(&empty),
        Outcome::Error(
            "the inferlet answered with text that is not JSON (EOF while parsing a value at line 1 column 0): ``".into()
        )
    );
}

#[test]
fn an_answer_that_is_not_text_is_a_trap() {
    let outside =
        plain("pie:outside/run", "i32.const 8").replace("\\20\\00\\00\\00\\04", "\\f0\\ff\\ff\\7f\\04");
    let outcome = ends(&outside);
    assert!(
        matches!(&outcome, Outcome::Trap { message, .. } if message.contains("out of bounds")),
        "{outcome:?}"
    );
    let binary = plain("pie:binary/run", "i32.const 8").replace("\"true\"", "\"\\ff\\fe\\00\\01\"");
    let outcome = ends(&binary);
    assert!(matches!(&outcome, Outcome::Trap { message, .. } if message.contains("utf-8")), "{outcome:?}");
}

#[test]
fn a_guest_that_returns_an_error_has_its_words_told() {
    let text = plain("pie:sorry/run", "(i32.store8 (i32.const 8) (i32.const 1)) i32.const 8");
    assert_eq!(ends(&text), Outcome::Error("true".into()));
}

#[test]
fn a_guest_that_ends_itself_has_not_answered() {
    assert_eq!(
        ends(include_str!("guests/exit.wat")),
        Outcome::Error("the inferlet gave no answer: the program ended itself with exit code 0".into())
    );
}

#[test]
fn no_change_of_a_component_breaks_the_engine() {
    let engine = engine();
    let whole = binary(&generate(2));
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut ran = 0;
    for _ in 0..3000 {
        let mut wasm = whole.clone();
        let changes = 1 + random.next_u32() % 3;
        for _ in 0..changes {
            let at = random.next_u32() as usize % wasm.len();
            wasm[at] ^= 1 << (random.next_u32() % 8);
        }
        if random.next_u32() % 8 == 0 {
            wasm.truncate(random.next_u32() as usize % wasm.len());
        }
        let Ok(inferlet) = engine.compile(&wasm) else { continue };
        ran += 1;
        let (finished, _) = run(&engine, &inferlet, small());
        assert_eq!(finished.findings, [""; 0], "{wasm:?}");
    }
    assert!(ran > 100, "only {ran} changed components could be run");
    serves(&engine);
}
