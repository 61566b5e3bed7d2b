//! The Rust SDK on the real engine: `tests/guests/reference-page` is the code of the API reference and compiles if and only if the SDK offers it;
//! `tests/guests/sdk-invariants` checks from inside what must hold for any prompt.

use pie_engine::trace::{Collected, Event, Outcome};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, PageChecks};
use serde_json::{Value, json};

use crate::support::rust::guest;

/// Each group of invariants, and the checks that it reports.
const GROUPS: [(&str, &[&str]); 7] = [
    ("generation", &["flushed", "continued", "forked", "joined", "own choice", "text"]),
    ("passes", &["own loop", "rolled back", "masked", "probed", "paged", "bad passes"]),
    ("snapshots", &["saved", "taken", "snapshot", "names"]),
    ("speculation", &["any drafts", "constrained drafts", "bad drafts"]),
    ("adapters", &["named", "applied", "mixed", "files", "trained"]),
    ("market", &["bidding", "suspended", "readings"]),
    ("tokens", &["filled", "generated", "decoded", "matched"]),
];

/// Prompts that end at different places in a page, with characters of one to four bytes.
const PROMPTS: [&str; 4] = [
    "Tell me about the sea.",
    "?",
    "Übersetze: «ein Brot 🍞, zwei Brötchen». Then say in one sentence what a baker does before sunrise.",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen",
];

#[test]
fn the_code_of_the_reference_compiles_unchanged_and_runs() {
    let engine = Engine::new(EngineConfig::dummy()).unwrap();
    let inferlet = engine.compile(&guest("reference-page")).unwrap();
    let launch = Launch::new(json!({ "prompt": "Say hello." }).to_string());
    let finished = engine.run(&inferlet, launch, Box::new(Collected::default()));
    assert_eq!(finished.findings, [""; 0]);
    let Outcome::Ok(answer) = finished.outcome else { panic!("{:?}", finished.outcome) };
    let answer: serde_json::Value = serde_json::from_str(answer.as_str()).unwrap();
    assert!(answer["text"].as_str().is_some_and(|text| !text.trim().is_empty()), "{answer}");
}

#[test]
fn the_invariants_hold_for_every_prompt() {
    let checks = PageChecks::Always;
    let engine = Engine::new(EngineConfig { checks, ..EngineConfig::dummy() }).unwrap();
    let inferlet = engine.compile(&guest("sdk-invariants")).unwrap();
    for prompt in PROMPTS {
        for (group, checks) in GROUPS {
            let launch = Launch::new(json!({ "prompt": prompt, "group": group }).to_string());
            let finished = engine.run(&inferlet, launch, Box::new(Collected::default()));
            assert_eq!(finished.findings, [""; 0], "{group} of {prompt:?}");
            let expected = Outcome::Ok(json!(checks).to_string().into());
            assert_eq!(finished.outcome, expected, "{group} of {prompt:?}");
        }
    }
}

/// What the guest generates by drawing when it drafts like this, and whether a constraint has forced some of it.
fn drawn(engine: &Engine, inferlet: &Inferlet, prompt: &str, seeded: &Value) -> (Vec<Vec<u32>>, bool) {
    let input = json!({ "prompt": prompt, "seeded": seeded }).to_string();
    let (launch, trace) = (Launch::new(input).seed(11), Collected::default());
    let finished = engine.run(inferlet, launch, Box::new(trace.clone()));
    assert_eq!(finished.findings, [""; 0]);
    let Outcome::Ok(generated) = finished.outcome else { panic!("{:?}", finished.outcome) };
    let forced = trace.events().iter().any(|event| matches!(event, Event::Forced { .. }));
    (serde_json::from_str(generated.as_str()).unwrap(), forced)
}

#[test]
fn seeded_draws_are_the_same_with_any_drafts() {
    let engine = Engine::new(EngineConfig::dummy()).unwrap();
    let inferlet = engine.compile(&guest("sdk-invariants")).unwrap();
    for (prompt, constrained) in PROMPTS.iter().flat_map(|prompt| [(prompt, false), (prompt, true)]) {
        let how = |system: bool, truth: &[u32], skill: &str, count: usize| json!({ "system": system, "truth": truth, "skill": skill, "count": count, "constrained": constrained });
        // No drafts at all, which is the same as no speculator.
        let mut plain = how(false, &[], "right", 0);
        plain["drafts"] = json!(false);
        let (expected, forced) = drawn(&engine, &inferlet, prompt, &plain);
        assert_eq!(forced, constrained, "{expected:?}");
        assert!(expected.iter().all(|tokens| !tokens.is_empty()), "{expected:?}");
        let truth = expected.concat();
        let mut drafted = vec![how(true, &[], "right", 0)];
        for skill in ["right", "wrong", "half"] {
            drafted.extend([1, 3, 40].map(|count| how(false, &truth, skill, count)));
        }
        for how in drafted {
            assert_eq!(drawn(&engine, &inferlet, prompt, &how).0, expected, "{prompt:?} with {how}");
        }
    }
}

#[test]
fn drafts_change_nothing_while_pages_are_short() {
    let config = EngineConfig { pages: 12, checks: PageChecks::Always, ..EngineConfig::dummy() };
    let engine = Engine::new(config).unwrap();
    let inferlet = engine.compile(&guest("sdk-invariants")).unwrap();
    let input = json!({ "prompt": PROMPTS[0], "group": "speculation" }).to_string();
    let launches = (0..4).map(|_| (inferlet.clone(), Launch::new(input.as_str()))).collect();
    let trace = Collected::default();
    for finished in engine.run_all(launches, Box::new(trace.clone())) {
        assert_eq!(finished.findings, [""; 0]);
        assert_eq!(finished.outcome, Outcome::Ok(json!(GROUPS[3].1).to_string().into()));
    }
    let count = |which: fn(&Event) -> bool| trace.events().iter().filter(|event| which(event)).count();
    assert!(count(|event| matches!(event, Event::Suspended { .. })) > 0);
    assert!(count(|event| matches!(event, Event::PassDone { held: Some(1..), .. })) > 0);
}

#[test]
fn a_generator_bids_by_itself_again_after_a_bid_of_the_program() {
    let engine = Engine::new(EngineConfig::dummy()).unwrap();
    let inferlet = engine.compile(&guest("sdk-invariants")).unwrap();
    let launch = Launch::new(json!({ "prompt": PROMPTS[0], "group": "market" }).to_string());
    let trace = Collected::default();
    engine.run(&inferlet, launch, Box::new(trace.clone()));
    let bids: Vec<f64> = trace
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Bid { credits, .. } => Some(*credits),
            _ => None,
        })
        .collect();
    // The program's, the generator's own, that of `idle`, and the one after it.
    let [own, restored, idle, resumed] = bids[..] else { panic!("{bids:?}") };
    assert_eq!((own, idle), (2.5, 0.0));
    assert!(restored > 0.0 && restored != own && resumed > 0.0, "{bids:?}");
}
