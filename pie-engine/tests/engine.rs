//! The engine as a library: what a run gives, and what reaches it from outside.

mod guests;

use guests::{compile, engine, engine_on, generate, instance, listen, ok, plain, run, speak};
use pie_engine::trace::{Collected, Event, Outcome};
use pie_engine::{Control, Engine, EngineConfig, EngineError, Inferlet, Launch, RuntimeConfig};
use std::thread;
use std::time::Duration;

fn echo(engine: &Engine) -> Inferlet {
    compile(engine, include_str!("guests/echo.wat"))
}

/// What an inferlet sent.
fn messages(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Message { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// Does something from another thread while a run waits.
fn later(control: Control, action: impl FnOnce(&Control) + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        action(&control);
    })
}

#[test]
fn the_answer_is_the_tokens_that_the_trace_shows() {
    let engine = engine();
    let (finished, events) = run(&engine, &compile(&engine, &generate(20)), Launch::new("null"));
    let Outcome::Ok(answer) = &finished.outcome else { panic!("{finished:?}") };
    let told: Vec<u32> = serde_json::from_str(answer.as_str()).unwrap();
    let traced: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::PassDone { slots, .. } => Some(slots),
            _ => None,
        })
        .map(|slots| match slots[..] {
            [pie_engine::trace::Slot::Token(token)] => token,
            _ => panic!("{slots:?}"),
        })
        .collect();
    assert_eq!((told.len(), &told), (20, &traced));
    let usage = finished.usage;
    assert_eq!((usage.passes, usage.input_tokens, usage.sampled_tokens, usage.peak_pages), (20, 22, 20, 2));
    assert_eq!(finished.findings, [""; 0]);
}

#[test]
fn the_same_launch_has_the_same_trace_and_another_seed_another() {
    let trace = |engine: &Engine, seed| {
        let collected = Collected::default();
        let inferlet = compile(engine, &generate(20));
        engine.run(&inferlet, Launch::new("null").seed(seed), Box::new(collected.clone()));
        collected.trace()
    };
    let first = engine();
    assert_eq!(trace(&first, 1), trace(&first, 1));
    assert_eq!(trace(&first, 1), trace(&engine(), 1));
    assert_ne!(trace(&first, 1).records, trace(&first, 2).records);
}

#[test]
fn what_an_instance_gets_does_not_depend_on_who_else_runs() {
    let engine = engine();
    let inferlet = compile(&engine, &generate(12));
    let (_, alone) = run(&engine, &inferlet, Launch::new("null"));
    let trace = Collected::default();
    let launches = vec![(inferlet, Launch::new("null")); 5];
    let finished = engine.run_all(launches, Box::new(trace.clone()));
    assert_eq!(finished.len(), 5);
    let events = trace.events();
    let of_first = |events: &[Event]| {
        events.iter().filter(|event| instance(event) == Some(1)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_first(&events), of_first(&alone));
    // Each step holds a pass of everybody.
    let steps: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::Step { passes, .. } => Some(passes.len()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [5; 12]);
}

/// What a guest prints and sends, in order: `out:`, `err:` or `message:` and the text.
fn spoken(text: &str, body: &str) -> Vec<String> {
    let engine = engine();
    let (_, events) = run(&engine, &compile(&engine, &speak(text, body)), Launch::new("null"));
    let spoken = events.iter().filter_map(|event| match event {
        Event::Stdout { text, .. } => Some(format!("out:{}", text.as_str())),
        Event::Stderr { text, .. } => Some(format!("err:{}", text.as_str())),
        Event::Message { text, .. } => Some(format!("message:{}", text.as_str())),
        _ => None,
    });
    spoken.collect()
}

#[test]
fn a_line_that_is_printed_in_pieces_is_one_event() {
    let body = "(call $complain (i32.const 0) (i32.const 2))
      (call $complain (i32.const 2) (i32.const 3))
      (call $complain (i32.const 5) (i32.const 4)) i32.const 8";
    assert_eq!(spoken("abcd\\nefg\\n", body), ["err:abcd\n", "err:efg\n"]);
}

#[test]
fn the_beginning_of_a_line_comes_before_what_the_instance_does_next() {
    let body = "(call $print (i32.const 0) (i32.const 1))
      (call $print (i32.const 1) (i32.const 1))
      (call $send (i32.const 6) (i32.const 2))
      (call $print (i32.const 2) (i32.const 1))
      (call $complain (i32.const 6) (i32.const 1))
      (call $print (i32.const 3) (i32.const 2))
      (call $complain (i32.const 7) (i32.const 1)) i32.const 8";
    let expected = ["out:ab", "message:xy", "err:x", "out:cd\n", "err:y"];
    assert_eq!(spoken("abcd\\n!xy", body), expected);
}

#[test]
fn what_was_printed_before_a_trap_comes_out() {
    let body =
        "(call $print (i32.const 0) (i32.const 3)) (call $complain (i32.const 2) (i32.const 1)) unreachable";
    // An `é` of which half is missing.
    assert_eq!(spoken("a\\c3\\a9", body), ["out:aé", "err:\u{fffd}"]);
}

#[test]
fn messages_sent_before_the_run_are_received_in_order() {
    let engine = engine();
    let launch = Launch::new("null");
    let control = launch.control();
    for message in ["one", "two", "three"] {
        control.send(message.to_owned());
    }
    control.close();
    let (finished, events) = run(&engine, &echo(&engine), launch);
    assert_eq!(finished.outcome, ok("true"));
    assert_eq!(messages(&events), ["one", "two", "three"]);
    let received = events.iter().filter(|event| matches!(event, Event::Received { .. })).count();
    assert_eq!(received, 4, "three messages and the end");
}

#[test]
fn a_run_waits_for_messages_while_its_control_is_open() {
    let engine = engine();
    let launch = Launch::new("null");
    launch.control().open();
    let sender = later(launch.control(), |control| {
        control.send("late".to_owned());
        thread::sleep(Duration::from_millis(20));
        control.send("later".to_owned());
        control.close();
    });
    let (finished, events) = run(&engine, &echo(&engine), launch);
    sender.join().unwrap();
    assert_eq!((finished.outcome, messages(&events)), (ok("true"), vec!["late", "later"]));
}

#[test]
fn a_run_that_waits_for_a_message_nobody_will_send_is_stuck() {
    let engine = engine();
    let launch = Launch::new("null");
    launch.control().send("only".to_owned());
    let (finished, events) = run(&engine, &echo(&engine), launch);
    let stuck = Outcome::Stuck("the inferlet waits for a message, and none will come".to_owned());
    assert_eq!((finished.outcome, messages(&events)), (stuck, vec!["only"]));
    assert_eq!(finished.findings, [""; 0]);
}

#[test]
fn a_run_is_cancelled_while_it_waits() {
    let engine = engine();
    let launch = Launch::new("null");
    launch.control().open();
    let cancelled = Outcome::Cancelled("enough".to_owned());
    let outcome = cancelled.clone();
    let canceller = later(launch.control(), |control| control.cancel(outcome));
    let (finished, events) = run(&engine, &echo(&engine), launch);
    canceller.join().unwrap();
    assert_eq!(finished.outcome, cancelled);
    assert!(
        matches!(events.last(), Some(Event::Finished { outcome, .. }) if *outcome == cancelled),
        "{events:?}"
    );
}

#[test]
fn a_run_is_cancelled_while_it_computes() {
    let engine = engine();
    let launch =
        Launch::new("null").limits(pie_engine::Limits { fuel: u64::MAX, ..pie_engine::Limits::default() });
    let cancelled = Outcome::Cancelled("enough".to_owned());
    let outcome = cancelled.clone();
    let canceller = later(launch.control(), |control| control.cancel(outcome));
    let spin = compile(&engine, &plain("pie:spin/run", "(loop $again (br $again)) unreachable"));
    let (finished, _) = run(&engine, &spin, launch);
    canceller.join().unwrap();
    assert_eq!(finished.outcome, cancelled);
}

#[test]
fn a_run_is_cancelled_between_two_calls_that_take_long() {
    let engine = engine();
    // It gives way after ten million instructions: an hour of encoding later.
    let encode = compile(&engine, &listen("(loop $again (call $encode (i32.const 60000)) (br $again))"));
    let launch =
        Launch::new("null").limits(pie_engine::Limits { fuel: u64::MAX, ..pie_engine::Limits::default() });
    let cancelled = Outcome::Cancelled("enough".to_owned());
    let outcome = cancelled.clone();
    let canceller = later(launch.control(), |control| control.cancel(outcome));
    let (finished, _) = run(&engine, &encode, launch);
    canceller.join().unwrap();
    assert_eq!(finished.outcome, cancelled);
}

#[test]
fn a_launch_is_cancelled_while_the_others_go_on() {
    let engine = engine();
    let inferlet = echo(&engine);
    let launches = [(); 3].map(|()| Launch::new("null"));
    let controls = launches.each_ref().map(Launch::control);
    controls.iter().for_each(Control::open);
    let [first, second, third] = controls;
    let client = thread::spawn(move || {
        assert!(second.awaited(), "all three wait");
        second.cancel(Outcome::Cancelled("enough".to_owned()));
        while second.awaited() {}
        // The second has ended, and the others still wait.
        for (control, message) in [(third, "three"), (first, "one")] {
            assert!(control.awaited());
            control.send(message.to_owned());
            control.close();
        }
    });
    let trace = Collected::default();
    let launches = launches.map(|launch| (inferlet.clone(), launch));
    let finished = engine.run_all(launches.into(), Box::new(trace.clone()));
    client.join().unwrap();
    let outcomes: Vec<_> = finished.iter().map(|finished| finished.outcome.clone()).collect();
    assert_eq!(outcomes, [ok("true"), Outcome::Cancelled("enough".to_owned()), ok("true")]);
    assert_eq!(messages(&trace.events()), ["three", "one"]);
    assert_eq!(finished[1].findings, [""; 0]);
}

#[test]
fn a_launch_that_computes_is_cancelled_while_the_others_finish() {
    let engine = engine();
    let good = compile(&engine, &generate(4));
    let spin = compile(&engine, &plain("pie:spin/run", "(loop $again (br $again)) unreachable"));
    let endless =
        Launch::new("null").limits(pie_engine::Limits { fuel: u64::MAX, ..pie_engine::Limits::default() });
    let cancelled = Outcome::Cancelled("enough".to_owned());
    let outcome = cancelled.clone();
    let canceller = later(endless.control(), |control| control.cancel(outcome));
    let launches = vec![(good.clone(), Launch::new("null")), (spin, endless), (good, Launch::new("null"))];
    let finished = engine.run_all(launches, Box::new(Collected::default()));
    canceller.join().unwrap();
    assert_eq!(finished[1].outcome, cancelled);
    for finished in [&finished[0], &finished[2]] {
        assert!(matches!(finished.outcome, Outcome::Ok(_)), "{finished:?}");
    }
}

#[test]
fn a_launch_that_was_cancelled_before_it_began_does_not_begin() {
    let engine = engine();
    let launch = Launch::new("null");
    launch.control().cancel(Outcome::Cancelled("never mind".to_owned()));
    let (finished, events) = run(&engine, &echo(&engine), launch);
    assert_eq!(finished.outcome, Outcome::Cancelled("never mind".to_owned()));
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn each_launch_has_its_own_messages() {
    let engine = engine();
    let inferlet = echo(&engine);
    let launches = ["a", "b"].map(|message| {
        let launch = Launch::new("null");
        launch.control().send(message.to_owned());
        launch.control().close();
        (inferlet.clone(), launch)
    });
    let trace = Collected::default();
    let finished = engine.run_all(launches.into(), Box::new(trace.clone()));
    assert!(finished.iter().all(|finished| finished.outcome == ok("true")), "{finished:?}");
    let sent: Vec<(Option<u64>, String)> = trace
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Message { text, .. } => Some((instance(event), text.as_str().to_owned())),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [(Some(1), "a".to_owned()), (Some(2), "b".to_owned())]);
}

#[test]
fn a_launch_too_many_waits_for_a_place() {
    let engine = engine_on(RuntimeConfig { instances: 2, ..RuntimeConfig::default() });
    let good = compile(&engine, &generate(4));
    // Who waits for ever gives its place up as well, once nothing else can happen.
    let launches = [echo(&engine), good.clone(), good.clone(), echo(&engine), good];
    let launches = launches.map(|inferlet| (inferlet, Launch::new("null"))).into();
    let finished = engine.run_all(launches, Box::new(Collected::default()));
    let stuck = finished.iter().map(|finished| matches!(finished.outcome, Outcome::Stuck(_)));
    assert_eq!(stuck.collect::<Vec<_>>(), [true, false, false, true, false], "{finished:?}");
    let answered = finished.iter().filter(|finished| matches!(finished.outcome, Outcome::Ok(_)));
    assert_eq!(answered.count(), 3, "{finished:?}");
}

#[test]
fn a_run_without_pages_enough_tells_how_many_there_are() {
    let engine = Engine::new(EngineConfig { pages: 1, ..EngineConfig::dummy() }).unwrap();
    // It asks for two pages, and traps when it does not get them.
    let (finished, _) = run(&engine, &compile(&engine, &generate(2)), Launch::new("null"));
    assert!(matches!(finished.outcome, Outcome::Trap { .. }), "{finished:?}");
    assert_eq!(finished.findings, [""; 0]);
    for (pages, page_size) in [(0, 16), (16, 0)] {
        let error = Engine::new(EngineConfig { pages, page_size, ..EngineConfig::dummy() }).err();
        assert!(matches!(error, Some(EngineError::Pages { .. })), "{pages} {page_size}");
    }
}

#[test]
fn compiled_code_is_kept_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let code_cache = Some(folder.path().join("code"));
    let answers = [(), ()].map(|()| {
        let code_cache = code_cache.clone();
        let engine = engine_on(RuntimeConfig { code_cache, ..RuntimeConfig::default() });
        run(&engine, &compile(&engine, &generate(3)), Launch::new("null"))
    });
    assert_eq!(answers[0], answers[1]);
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("code")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    // A file that was damaged is not used.
    let path = kept[0].as_ref().unwrap().path();
    std::fs::write(&path, b"damaged").unwrap();
    let engine = engine_on(RuntimeConfig { code_cache, ..RuntimeConfig::default() });
    assert_eq!(run(&engine, &compile(&engine, &generate(3)), Launch::new("null")), answers[0]);
}
