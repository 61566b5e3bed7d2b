//! `bakery trace fork`: recorded runs once more, with something else at one event.

use serde_json::Value;
use snapbox::str;

use super::record::{output, read, world};
use crate::book::repository;
use crate::support::{World, guest};

fn events(trace: &str) -> Vec<Value> {
    trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The number of the `nth` event of a kind, which counts from 0.
fn seq(trace: &str, kind: &str, nth: usize) -> String {
    let events = events(trace);
    let event = events.iter().filter(|event| event["event"] == kind).nth(nth).unwrap();
    event["seq"].to_string()
}

fn fork(world: &World, from: &str, at: &str, set: &[&str]) -> snapbox::cmd::Command {
    let sets = set.iter().flat_map(|set| ["--set", set]);
    world.bakery(["trace", "fork", from, "it.wasm", "--at", at]).args(sets)
}

#[test]
fn a_run_goes_on_from_another_token_and_is_the_recorded_one_up_to_it() {
    let world = world("hello-rust");
    output(&world, &["--trace", "t.jsonl", "--seed", "3", "--", "--name", "Ada"], "");
    let trace = read(&world, "t.jsonl");
    let at = seq(&trace, "pass-done", 4);
    let place: usize = at.parse().unwrap();
    let chosen = events(&trace)[place]["slots"][0]["token"].as_u64().unwrap();
    let other = if chosen == 60 { 61 } else { 60 };
    fork(&world, "t.jsonl", &at, &[&format!("token={other}")]).assert().success().stderr_eq(str![[r#"
      Forked at event [..] to `fork.jsonl`; `bakery trace diff t.jsonl fork.jsonl` shows what came of it

"#]]);
    let forked = read(&world, "fork.jsonl");
    let (old, new) = (events(&trace), events(&forked));
    assert_eq!(old[..place], new[..place]);
    assert_eq!(new[place]["slots"][0]["token"], other);
    assert_eq!(new.last().unwrap()["event"], "finished");
    // What came next was fed and computed, and not played.
    let next = new[place..].iter().find(|event| event["event"] == "pass").unwrap();
    assert_eq!(next["tokens"], serde_json::json!([other]));
    assert_ne!(old[place + 1..], new[place + 1..]);
    let header: Value = serde_json::from_str(forked.lines().next().unwrap()).unwrap();
    let parent = pie_engine::trace::sha256_hex(trace.as_bytes());
    assert_eq!(
        header["fork"],
        serde_json::json!({ "parent": parent, "at": place, "set": [format!("token={other}")] })
    );
    world.bakery(["trace", "diff", "t.jsonl", "fork.jsonl"]).assert().code(1);
    // The same token makes the same run.
    fork(&world, "t.jsonl", &at, &[&format!("token={chosen}")]).assert().success();
    assert_eq!(events(&read(&world, "fork.jsonl")), old);
    // A fork can be forked, and has the choices of its own.
    world.write("first.jsonl", &forked);
    let later = seq(&forked, "pass-done", 6);
    let chosen = &new[later.parse::<usize>().unwrap()]["slots"][0]["token"];
    fork(&world, "first.jsonl", &later, &[&format!("token={chosen}")]).assert().success();
    assert_eq!(events(&read(&world, "fork.jsonl")), new);
}

#[test]
fn with_the_recorded_token_the_run_is_the_recorded_one_with_guesses_grammars_and_forks_too() {
    for example in ["ngram-speculation-rust", "constrained-json-rust", "parallel-generation-rust"] {
        let world = world(example);
        output(&world, &["--trace", "t.jsonl", "--seed", "2"], "");
        let old = events(&read(&world, "t.jsonl"));
        let tokens = |event: &Value| -> Vec<u64> {
            let slots = event["slots"].as_array().into_iter().flatten();
            slots.filter_map(|slot| slot["token"].as_u64()).collect()
        };
        let choices: Vec<&Value> = old.iter().filter(|event| !tokens(event).is_empty()).collect();
        // In the middle, where there is most behind it that has to come again.
        let event = choices[choices.len() / 2];
        let tokens = tokens(event);
        let name = if tokens.len() == 1 { "token" } else { "token.1" };
        let set = format!("{name}={}", tokens[0]);
        fork(&world, "t.jsonl", &event["seq"].to_string(), &[&set]).assert().success();
        assert_eq!(events(&read(&world, "fork.jsonl")), old, "{example}");
    }
}

#[test]
fn a_recording_of_the_model_can_be_left_and_tokens_can_be_named_by_their_text() {
    let world = world("hello-rust");
    output(&world, &["--record", "kept", "--seed", "5"], "");
    let trace = read(&world, "kept/trace.jsonl");
    let at = seq(&trace, "pass-done", 2);
    fork(&world, "kept", &at, &["token=\" the\""]).args(["-o", "the.jsonl"]).assert().success();
    let new = events(&read(&world, "the.jsonl"));
    let token = new[at.parse::<usize>().unwrap()]["slots"][0]["token"].as_u64().unwrap();
    let tokenizer = pie_engine::tokenizer::Tokenizer::dummy();
    assert_eq!(tokenizer.decode(&[u32::try_from(token).unwrap()]).unwrap(), " the");
}

#[test]
fn a_run_can_be_given_another_input_seed_and_time() {
    let world = world("hello-rust");
    output(&world, &["--trace", "t.jsonl", "--", "--name", "Ada"], "");
    output(&world, &["--trace", "bob.jsonl", "--seed", "4", "--", "--name", "Bob"], "");
    fork(&world, "t.jsonl", "0", &["input.name=Bob", "seed=4", "clock=0"]).assert().success();
    assert_eq!(events(&read(&world, "fork.jsonl")), events(&read(&world, "bob.jsonl")));
}

#[test]
fn another_message_is_received_in_the_place_of_the_recorded_one() {
    let world = world("chat-with-receive-rust");
    output(&world, &["--trace", "t.jsonl"], "Hello!\nAnd you?\n");
    let trace = read(&world, "t.jsonl");
    let at = seq(&trace, "received", 1);
    fork(&world, "t.jsonl", &at, &["text=Goodbye."]).assert().success();
    let new = events(&read(&world, "fork.jsonl"));
    let received: Vec<&Value> =
        new.iter().filter(|event| event["event"] == "received").map(|event| &event["text"]).collect();
    assert_eq!(received, [&Value::from("Hello!"), &Value::from("Goodbye."), &Value::Null]);
    assert_eq!(new[..at.parse().unwrap()], events(&trace)[..at.parse().unwrap()]);
}

#[test]
fn another_answer_of_a_server_reaches_who_asked_and_nobody_is_asked() {
    let world = world("fetch-rust");
    let trace = std::fs::read_to_string(repository().join("tests/examples/fetch-rust.jsonl")).unwrap();
    world.write("t.jsonl", &trace);
    let at = seq(&trace, "answered", 0);
    fork(&world, "t.jsonl", &at, &["body=Rye rises."]).assert().success();
    let new = events(&read(&world, "fork.jsonl"));
    assert_eq!(new[at.parse::<usize>().unwrap()]["body"], "Rye rises.");
    let answer = new.last().unwrap()["outcome"]["ok"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(answer).unwrap()["characters"], 10);
    for (set, said) in [("status=503", "503"), ("error=gone fishing", "gone fishing")] {
        let output = fork(&world, "t.jsonl", &at, &[set]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.starts_with("error: the inferlet returned an error: ") && stderr.contains(said),
            "{stderr}"
        );
    }
    fork(&world, "t.jsonl", &at, &["status=42"]).assert().code(2).stderr_eq(str![[r#"
error: `status` is to be a number from 100 to 999, and `42` is not

"#]]);
}

#[test]
fn the_clock_can_be_set() {
    let world = World::new();
    let imports = r#"(import "wasi:clocks/wall-clock@0.2.12" "now" (func $now (param i32)))"#;
    // Answers 1 on the second of January 1970 and 2 on any other day.
    let fields = r#"(data (i32.const 1024) "12")
        (func $run (param i32 i32) (result i32)
          (call $now (i32.const 32))
          (call $result (i32.const 0)
            (if (result i32) (i64.eq (i64.load (i32.const 32)) (i64.const 86400))
              (then (i32.const 1024)) (else (i32.const 1025)))
            (i32.const 1)))"#;
    world.write("it.wasm", guest::component("guest", imports, fields));
    assert_eq!(output(&world, &["--trace", "t.jsonl"], ""), "2\n");
    fork(&world, "t.jsonl", "0", &["clock=86400"]).assert().success().stdout_eq("1\n");
    // A fork of the fork has the same.
    std::fs::rename(world.work().join("fork.jsonl"), world.work().join("then.jsonl")).unwrap();
    fork(&world, "then.jsonl", "0", &["seed=1"]).assert().success().stdout_eq("1\n");
    fork(&world, "t.jsonl", "0", &["clock=noon"]).assert().code(2).stderr_eq(str![[r#"
error: `clock` is to be seconds since 1970-01-01 in UTC, and `noon` is not

"#]]);
}

#[test]
fn what_cannot_be_set_is_told_apart() {
    let world = world("hello-rust");
    output(&world, &["--trace", "t.jsonl"], "");
    let trace = read(&world, "t.jsonl");
    let (done, step) = (seq(&trace, "pass-done", 0), seq(&trace, "step", 0));
    let refused = |at: &str, set: &str| {
        let output = fork(&world, "t.jsonl", at, &[set]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{set}");
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().next().unwrap().replace(&format!("event {at} "), "event N ")
    };
    let last = trace.lines().count() - 2;
    assert_eq!(
        refused("9999", "token=1"),
        format!("error: there is no event N in `t.jsonl`, which has events 0 to {last}")
    );
    assert_eq!(refused(&step, "token=1"), "error: event N is `step`, of which nothing can be set");
    assert_eq!(refused(&done, "text=x"), "error: event N has no `text` that can be set");
    assert_eq!(
        refused(&done, "token=999999"),
        "error: `token` is to be a token below 1024, and `999999` is not"
    );
    assert_eq!(
        refused(&done, "token=the"),
        "error: `token` is to be the number of a token, or text in quotes that is one token, and `the` is not"
    );
    assert!(
        refused(&done, "token=\"lighthouse keeper\"")
            .starts_with("error: `token` is to be one token, and this text is ")
    );
    assert_eq!(refused(&done, "token"), "error: `token` sets nothing");
    assert_eq!(refused("0", "input={"), "error: `input` is to be JSON, and `{` is not");
    assert_eq!(
        refused("0", "seed=-1"),
        "error: `seed` is to be a number from 0 to 18446744073709551615, and `-1` is not"
    );
    assert_eq!(refused("0", "model=x"), "error: event N has no `model` that can be set");
    assert!(!world.work().join("fork.jsonl").exists());
    world.write("cut.jsonl", trace.lines().take(9).collect::<Vec<_>>().join("\n"));
    fork(&world, "cut.jsonl", "3", &["token=1"]).assert().code(2).stderr_eq(str![[r#"
error: `cut.jsonl` cannot be forked
  cause: the trace ends before the inferlet does, so it lacks answers

"#]]);
}

#[test]
fn a_trace_of_another_run_is_noticed_before_the_event() {
    let world = world("hello-rust");
    output(&world, &["--trace", "t.jsonl"], "");
    let trace = read(&world, "t.jsonl");
    let at = seq(&trace, "pass-done", 3);
    world.write(
        "other.jsonl",
        trace.replacen("\"operation\":\"reserve\",\"count\":", "\"operation\":\"reserve\",\"count\":7", 1),
    );
    fork(&world, "other.jsonl", &at, &["token=1"]).assert().code(1).stderr_eq(str![[r#"
error: the run is not the recorded one before event [..]: event [..] is {"seq":[..]"count":[..]}, and {"seq":[..]"count":7[..]} was recorded
   hint: fork with what the run was recorded with: the same inferlet, model, script and pages; a recording of `bakery run --record` knows most of it

"#]]);
}
