//! Messages between inferlets: `tests/guests/messages` takes the steps that its input says. Several run side by side on one engine.

use std::sync::OnceLock;

use pie_engine::trace::{Collected, Event, Limit, Outcome};
use pie_engine::{Engine, EngineConfig, Finished, Launch};

use crate::support::rust::guest;

/// The component, built once for all tests.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("messages"))
}

fn engine() -> Engine {
    Engine::new(EngineConfig::dummy()).unwrap()
}

/// Starts one instance for each list of steps. Gives how they ended, and what happened.
fn run(engine: &Engine, launches: Vec<Launch>) -> (Vec<Outcome>, Vec<Event>) {
    let inferlet = engine.compile(component()).unwrap();
    let trace = Collected::default();
    let launches = launches.into_iter().map(|launch| (inferlet.clone(), launch)).collect();
    let finished: Vec<Finished> = engine.run_all(launches, Box::new(trace.clone()));
    assert!(finished.iter().all(|finished| finished.findings.is_empty()));
    (finished.into_iter().map(|finished| finished.outcome).collect(), trace.events())
}

/// What each instance got, when all of them end well.
fn heard(steps: &[&str]) -> Vec<Vec<String>> {
    let (outcomes, events) = run(&engine(), steps.iter().map(|steps| Launch::new(*steps)).collect());
    let (again, same) = run(&engine(), steps.iter().map(|steps| Launch::new(*steps)).collect());
    assert_eq!((&outcomes, &events), (&again, &same), "runs differ");
    let answer = |outcome: &Outcome| match outcome {
        Outcome::Ok(answer) => serde_json::from_str(answer.as_str()).unwrap(),
        other => panic!("{other:?}"),
    };
    outcomes.iter().map(answer).collect()
}

#[test]
fn a_message_is_pulled_once_in_the_order_of_asking() {
    let got = heard(&[
        r#"[{"pull":"t"},{"pull":"t"}]"#,
        r#"[{"pull":"t"}]"#,
        r#"[{"push":["t","a"]},{"push":["t","b"]},{"push":["t","c"]}]"#,
    ]);
    assert_eq!(got, [vec!["a", "c"], vec!["b"], vec![]]);
}

#[test]
fn a_message_waits_for_whoever_pulls_it_later_even_in_another_run() {
    let engine = engine();
    let (outcomes, _) = run(&engine, vec![Launch::new(r#"[{"push":["t","later"]}]"#)]);
    assert_eq!(outcomes, [Outcome::Ok("[]".into())]);
    let (outcomes, _) = run(&engine, vec![Launch::new(r#"[{"pull":"t"}]"#)]);
    assert_eq!(outcomes, [Outcome::Ok(r#"["later"]"#.into())]);
}

#[test]
fn nothing_is_lost_when_a_waiting_pull_is_given_up() {
    let got = heard(&[r#"[{"give-up":"t"},{"pull":"t"}]"#, r#"[{"sleep":5},{"push":["t","a"]}]"#]);
    assert_eq!(got, [vec!["gave up", "a"], vec![]]);
}

#[test]
fn every_subscriber_hears_everything_from_when_it_subscribed_until_it_ends() {
    let got = heard(&[
        r#"[{"subscribe":"t"},"hear","hear","look"]"#,
        r#"[{"subscribe":"t"},"hear","unsubscribe","hear","look"]"#,
        r#"[{"broadcast":["t","a"]},{"sleep":1},{"broadcast":["t","b"]}]"#,
        r#"[{"sleep":5},{"subscribe":"t"},"look"]"#,
    ]);
    assert_eq!(got, [vec!["a", "b", "nothing"], vec!["a", "ended", "nothing"], vec![], vec!["nothing"]]);
}

#[test]
fn topics_of_any_name_and_messages_of_any_content_come_as_they_were_sent() {
    for topic in ["", " ", "a/b", "\u{0}", "ﷺ🦀", &"long".repeat(10_000)] {
        let steps = serde_json::json!([{"push": [topic, topic]}, {"pull": topic}]).to_string();
        assert_eq!(heard(&[&steps]), [[topic]]);
    }
}

#[test]
fn users_do_not_hear_each_other() {
    let launch = |user, steps| Launch::new(steps).user(user);
    let (outcomes, _) = run(
        &engine(),
        vec![
            launch("ada", r#"[{"subscribe":"t"},{"sleep":5},"look"]"#),
            launch("bob", r#"[{"broadcast":["t","a"]},{"push":["t","b"]}]"#),
            launch("ada", r#"[{"sleep":5},{"give-up":"t"}]"#),
        ],
    );
    let answers = [r#"["nothing"]"#, "[]", r#"["gave up"]"#].map(|answer| Outcome::Ok(answer.into()));
    assert_eq!(outcomes, answers);
}

#[test]
fn the_trace_says_who_sent_what_to_whom() {
    let (_, events) = run(
        &engine(),
        vec![
            Launch::new(r#"[{"subscribe":"news"},"hear",{"pull":"work"}]"#),
            Launch::new(r#"[{"broadcast":["news","a"]},{"push":["work","b"]}]"#),
        ],
    );
    let told: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Subscribed { instance, topic } => {
                Some(format!("{instance} subscribed to {}", topic.as_str()))
            }
            Event::Broadcast { instance, topic, text, subscriptions } => Some(format!(
                "{instance} broadcast {} on {} to {subscriptions}",
                text.as_str(),
                topic.as_str()
            )),
            Event::Heard { instance, topic, text } => {
                Some(format!("{instance} heard {} on {}", text.as_str(), topic.as_str()))
            }
            Event::Pushed { instance, topic, text } => {
                Some(format!("{instance} pushed {} to {}", text.as_str(), topic.as_str()))
            }
            Event::Pulled { instance, topic, text } => {
                Some(format!("{instance} pulled {} from {}", text.as_str(), topic.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            "i1 subscribed to news",
            "i2 broadcast a on news to 1",
            "i2 pushed b to work",
            "i1 heard a on news",
            "i1 pulled b from work",
        ]
    );
}

#[test]
fn who_waits_for_a_message_that_nobody_can_send_is_stuck() {
    let (outcomes, _) = run(&engine(), vec![Launch::new(r#"[{"pull":"t"}]"#), Launch::new("[]")]);
    assert!(matches!(&outcomes[0], Outcome::Stuck(_)), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Ok("[]".into()));
}

#[test]
fn a_slow_reader_gets_an_error_that_names_the_bound_and_the_sender_goes_on() {
    let (outcomes, _) = run(
        &engine(),
        vec![
            Launch::new(r#"[{"subscribe":"t"},{"sleep":5},"look","look","look"]"#),
            Launch::new(r#"[{"flood":["t",3,8000000]},{"push":["t","after"]},{"pull":"t"}]"#),
        ],
    );
    let Outcome::Limit { limit: Limit::Messages, message } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(message.contains("16777216 allowed"), "{message}");
    assert_eq!(outcomes[1], Outcome::Ok(r#"["after"]"#.into()));
}

#[test]
fn who_fills_a_queue_that_nobody_reads_ends_with_an_error_that_names_the_bound() {
    let big = "x".repeat(6_000_000);
    let push = serde_json::json!({"push": ["t", big]});
    let steps = serde_json::json!([push, push, push]).to_string();
    let engine = engine();
    let (outcomes, _) = run(&engine, vec![Launch::new(steps)]);
    let Outcome::Limit { limit: Limit::Messages, message } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(message.contains("16777216 allowed"), "{message}");
    // What was accepted is still there for others.
    let (outcomes, _) = run(&engine, vec![Launch::new(r#"[{"pull":"t"},{"pull":"t"},{"give-up":"t"}]"#)]);
    let Outcome::Ok(answer) = &outcomes[0] else { panic!("{outcomes:?}") };
    let got: Vec<String> = serde_json::from_str(answer.as_str()).unwrap();
    assert_eq!((&got[..2], got[2].as_str()), (&[big.clone(), big][..], "gave up"));
}
