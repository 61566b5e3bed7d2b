//! Inferlets that launch inferlets: `tests/guests/family` takes the steps that its input says, and may launch itself.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use pie_engine::trace::{Collected, Event, Outcome};
use pie_engine::{Catalog, Engine, EngineConfig, Launch, Limits, Runtime, RuntimeConfig, door};
use semver::Version;
use serde_json::{Value, json};

use crate::support::rust::guest;

/// The component, built once for all tests.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("family"))
}

fn engine() -> Engine {
    small_engine(RuntimeConfig::default().instances)
}

/// An engine that runs so many at once. All share compiled code, since compiling takes much longer than anything that is tested.
fn small_engine(instances: u32) -> Engine {
    let code_cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code"));
    let runtime = Runtime::new(RuntimeConfig { instances, code_cache, ..RuntimeConfig::default() });
    Engine::on(Arc::new(runtime.unwrap()), EngineConfig::dummy()).unwrap()
}

/// A launch with these steps, that may launch `family` in two versions.
fn launch(engine: &Engine, steps: &Value) -> Launch {
    let inferlet = engine.compile(component()).unwrap();
    let catalog = Catalog::default().with("family", Version::new(1, 0, 0), inferlet.clone()).with(
        "family",
        Version::new(2, 1, 0),
        inferlet,
    );
    Launch::new(steps.to_string()).programs(Arc::new(catalog))
}

fn run(engine: &Engine, launch: Launch) -> (Outcome, Vec<Event>) {
    let trace = Collected::default();
    let inferlet = engine.compile(component()).unwrap();
    let finished = engine.run(&inferlet, launch, Box::new(trace.clone()));
    assert_eq!(finished.findings, [""; 0]);
    (finished.outcome, trace.events())
}

/// What the first one tells, which is the same in each run.
fn told(steps: &Value) -> Value {
    let [first, second] = [(); 2].map(|()| {
        let engine = engine();
        run(&engine, launch(&engine, steps))
    });
    assert_eq!(first, second, "runs differ");
    answer(&first.0)
}

fn answer(outcome: &Outcome) -> Value {
    let Outcome::Ok(answer) = outcome else { panic!("{outcome:?}") };
    serde_json::from_str(answer.as_str()).unwrap()
}

/// How all instances ended, in the order of launch.
fn ends(events: &[Event]) -> Vec<String> {
    let mut ends: Vec<(u64, String)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Finished { instance, outcome, .. } => Some((instance.0, told_of(outcome))),
            _ => None,
        })
        .collect();
    ends.sort();
    ends.into_iter().map(|(_, end)| end).collect()
}

fn told_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok(answer) => answer.as_str().to_owned(),
        Outcome::Error(error) => format!("error: {}", error.as_str()),
        Outcome::Trap { .. } => "trap".to_owned(),
        Outcome::Limit { message, .. } => message.clone(),
        Outcome::Stuck(_) => "stuck".to_owned(),
        Outcome::Cancelled(why) => format!("cancelled: {why}"),
    }
}

const CANCELLED: &str = "cancelled: the inferlet that launched it has cancelled it";
const LEFT: &str = "cancelled: the inferlet that launched it has ended without an answer";

#[test]
fn a_child_is_launched_with_an_input_and_its_answer_awaited() {
    let wrong = "error: invalid type: integer `1`, expected unit";
    let steps = json!([
        {"launch": ["family", ["receive"]]},
        {"launch": ["family@2", [{"receive": 1}]]},
        {"launch": ["family", [{"fail": "no luck"}]]},
        "pids", "wait", "wait-again",
    ]);
    let taken = "error: the result of this child was taken before";
    assert_eq!(
        told(&steps),
        json!(["i2", "i3", "i4", [null], wrong, "error: no luck", taken, taken, taken]),
        "nobody speaks to a child"
    );
}

#[test]
fn the_trace_holds_what_a_child_does_under_its_own_number() {
    let steps = json!([
        {"launch": ["family", [{"print": "one"}, {"launch": ["family", [{"say": "two"}]]}, "wait"]]},
        "wait",
    ]);
    let engine = engine();
    let (_, events) = run(&engine, launch(&engine, &steps));
    let of_interest = events.iter().filter_map(|event| match event {
        Event::Launched { instance, program, parent, .. } => {
            let parent = parent.map(|parent| format!(" by {parent}")).unwrap_or_default();
            Some(format!("{instance} `{program}` launched{parent}"))
        }
        Event::Stdout { instance, text } | Event::Message { instance, text } => {
            Some(format!("{instance} said {:?}", text.as_str()))
        }
        Event::Finished { instance, outcome, .. } => Some(format!("{instance} {}", told_of(outcome))),
        _ => None,
    });
    assert_eq!(
        of_interest.collect::<Vec<_>>(),
        [
            "i1 `family` launched",
            "i2 `family` launched by i1",
            "i2 said \"one\\n\"",
            "i3 `family` launched by i2",
            "i3 said \"two\"",
            "i3 []",
            "i2 [[]]",
            "i1 [[[]]]",
        ]
    );
}

#[test]
fn who_cannot_be_launched_is_named_and_the_launcher_goes_on() {
    let steps = json!([
        {"launch": ["sibling", []]}, {"launch": ["family@3", []]}, {"launch": ["family@newest", []]},
        {"launch": ["", []]}, {"launch": ["family@=1.0.0", []]}, "wait",
    ]);
    assert_eq!(
        told(&steps),
        json!([
            "there is no `sibling` to launch; `[dependencies]` in its manifest has `family`",
            "there is no `family` of version `^3` to launch; there is `1.0.0`, `2.1.0`",
            "`family@newest` is not the `name` or `name@version` of an inferlet: what follows `@` is no version: \
             unexpected character 'n' while parsing major version number",
            "`` is not the `name` or `name@version` of an inferlet: it has no name",
            [],
        ])
    );
    let engine = engine();
    let alone = Launch::new(json!([{"launch": ["family", []]}]).to_string());
    assert_eq!(
        answer(&run(&engine, alone).0),
        json!(["this inferlet may launch no others: its manifest has no `[dependencies]`"])
    );
}

#[test]
fn a_child_that_traps_or_goes_over_a_limit_or_gets_stuck_is_an_error_to_its_parent() {
    let steps = json!([
        {"launch": ["family", [{"panic": "no bread"}]]},
        {"launch": ["family", ["spin"]]},
        "wait",
    ]);
    let engine = engine();
    let limits = Limits { fuel: 30_000_000, ..Limits::default() };
    let (outcome, events) = run(&engine, launch(&engine, &steps).limits(limits));
    let told = answer(&outcome);
    let trap = told[0].as_str().unwrap();
    assert!(trap.starts_with("error: it trapped: ") && trap.ends_with("no bread"), "{trap}");
    let limit = "over the `fuel` limit: 30000001 units wanted, 30000000 allowed";
    assert_eq!(told[1], format!("error: it was ended: {limit}"));
    assert_eq!(ends(&events)[1..], ["trap", limit]);
}

#[test]
fn a_parent_whose_child_waits_for_ever_is_stuck_with_it() {
    let steps = json!([{"launch": ["family", [{"pull": "t"}]]}, "wait"]);
    let engine = engine();
    let (outcome, events) = run(&engine, launch(&engine, &steps));
    assert!(matches!(outcome, Outcome::Stuck(_)), "{outcome:?}");
    assert_eq!(ends(&events), ["stuck", "stuck"]);
}

#[test]
fn a_cancelled_child_ends_and_takes_those_along_that_it_holds() {
    let grandchild =
        json!([{"launch": ["family", [{"sleep": 1000}]]}, {"launch": ["family", [{"sleep": 2000}]]}, "wait"]);
    let steps = json!([{"launch": ["family", grandchild]}, {"sleep": 1}, "look", "cancel", "wait"]);
    let engine = engine();
    let (outcome, events) = run(&engine, launch(&engine, &steps));
    let reason = format!("error: it was {CANCELLED}");
    assert_eq!(answer(&outcome), json!(["nothing yet", reason]));
    assert_eq!(ends(&events)[1..], [CANCELLED, LEFT, LEFT]);
    // The same at the same place, whoever runs it.
    assert_eq!(run(&engine, launch(&engine, &steps)).1, events);
}

#[test]
fn a_child_that_computes_is_cancelled_too_and_one_that_has_ended_is_not() {
    let [spin, nothing] = [json!(["spin"]), json!([])].map(|input| json!({"launch": ["family", input]}));
    // Each launch is a turn in which the first child computes.
    let steps = json!([spin, nothing, nothing, "cancel", "wait"]);
    let cancelled = format!("error: it was {CANCELLED}");
    // The others end in the turn in which they begin.
    assert_eq!(told(&steps), json!([cancelled, [], []]));
}

#[test]
fn a_child_that_was_let_go_runs_to_its_end() {
    let child = json!([{"launch": ["family", [{"sleep": 50}, {"print": "late"}]]}, "let-go"]);
    let steps = json!([{"launch": ["family", child]}, "let-go"]);
    let engine = engine();
    let (outcome, events) = run(&engine, launch(&engine, &steps));
    assert_eq!((answer(&outcome), ends(&events)), (json!([]), vec!["[]".to_owned(); 3]));
    let printed =
        events.iter().any(|event| matches!(event, Event::Stdout { instance, .. } if instance.0 == 3));
    assert!(printed, "{events:?}");
}

#[test]
fn a_child_that_is_held_when_its_parent_answers_runs_on_and_is_cancelled_when_it_traps() {
    for (last, end) in [(json!({"fail": "enough"}), "[]"), (json!({"panic": "enough"}), LEFT)] {
        let steps = json!([{"launch": ["family", [{"sleep": 5}]]}, {"sleep": 1}, last]);
        let engine = engine();
        let (_, events) = run(&engine, launch(&engine, &steps));
        assert_eq!(ends(&events)[1], end, "{events:?}");
    }
}

#[test]
fn a_wait_that_was_given_up_takes_nothing() {
    let steps = json!([{"launch": ["family", [{"sleep": 9}]]}, {"wait-at-most": 1}, "wait"]);
    assert_eq!(told(&steps), json!(["gave up", []]));
}

#[test]
fn cancelling_the_launch_ends_all_that_goes_back_to_it() {
    let engine = engine();
    let child = json!([{"launch": ["family", ["spin"]]}, "let-go", "spin"]);
    let steps = json!([{"launch": ["family", child]}, "let-go"]);
    let limits = Limits { fuel: u64::MAX, ..Limits::default() };
    let launch = launch(&engine, &steps).limits(limits);
    let control = launch.control();
    let (trace, inferlet) = (Collected::default(), engine.compile(component()).unwrap());
    let watched = trace.clone();
    let canceller = thread::spawn(move || {
        let launched = |event: &Event| matches!(event, Event::Launched { .. });
        while watched.events().into_iter().filter(launched).count() < 3 {
            thread::sleep(Duration::from_millis(1));
        }
        control.cancel(Outcome::Cancelled("enough".to_owned()));
    });
    engine.run(&inferlet, launch, Box::new(trace.clone()));
    canceller.join().unwrap();
    let events = trace.events();
    assert_eq!(ends(&events)[1..], ["cancelled: enough", "cancelled: enough"]);
}

#[test]
fn a_thousand_children_run_though_there_are_places_for_few() {
    let steps = json!([{"launch-many": ["family", [{"sleep": 1}], 1000]}, "wait"]);
    let engine = small_engine(16);
    let (outcome, events) = run(&engine, launch(&engine, &steps));
    assert_eq!(answer(&outcome), json!(vec![json!([]); 1000]));
    let again = small_engine(16);
    assert!(run(&again, launch(&again, &steps)).1 == events, "runs differ");
}

/// Runs these side by side, twice, and gives their ends and events, which are the same both times.
fn side_by_side(places: u32, all: &[Value]) -> (Vec<Outcome>, Vec<Event>) {
    let [first, second] = [(); 2].map(|()| {
        let engine = small_engine(places);
        let inferlet = engine.compile(component()).unwrap();
        let catalog = Arc::new(Catalog::default().with("family", Version::new(1, 0, 0), inferlet.clone()));
        let launches = all.iter().map(|steps| {
            (inferlet.clone(), Launch::new(steps.to_string()).programs(Arc::clone(&catalog) as _))
        });
        let launches = launches.collect();
        let trace = Collected::default();
        let finished = engine.run_all(launches, Box::new(trace.clone()));
        let outcomes: Vec<Outcome> = finished.into_iter().map(|finished| finished.outcome).collect();
        (outcomes, trace.events())
    });
    assert!(first == second, "runs differ");
    first
}

/// Waits for a child that waits for a child, so many deep.
fn chain(depth: u32) -> Value {
    (0..depth).fold(json!([{"sleep": 1}]), |input, _| json!([{"launch": ["family", input]}, "wait"]))
}

#[test]
fn parents_that_wait_for_children_in_line_do_not_take_all_places() {
    for places in [2, 64] {
        let (outcomes, _) = side_by_side(places, &vec![chain(1); 100]);
        assert!(outcomes.iter().all(|outcome| answer(outcome) == json!([[]])), "{places}: {outcomes:?}");
    }
    // The same with one that has launched them all.
    let steps = json!([{"launch-many": ["family", chain(1), 100]}, "wait"]);
    assert_eq!(told(&steps), json!(vec![json!([[]]); 100]));
}

#[test]
fn many_chains_of_the_greatest_depth_come_to_their_end() {
    let expected = (0..8).fold(json!([]), |inner, _| json!([inner]));
    for (places, count) in [(9, 12), (12, 20)] {
        let (outcomes, events) = side_by_side(places, &vec![chain(8); count]);
        assert!(outcomes.iter().all(|outcome| answer(outcome) == expected), "{places}: {outcomes:?}");
        assert_eq!(ends(&events).len(), 9 * count);
    }
}

#[test]
fn a_chain_that_is_longer_than_there_are_places_is_stuck_and_says_so() {
    let (outcomes, events) = side_by_side(4, &[chain(4)]);
    let [Outcome::Stuck(why)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(why.ends_with("while all places are taken; instances that wait for one: 1"), "{why}");
    assert_eq!(ends(&events)[..4], ["stuck"; 4]);
    assert!(matches!(side_by_side(4, &[chain(3)]).0[..], [Outcome::Ok(_)]));
}

#[test]
fn places_that_are_kept_for_children_go_to_others_when_nothing_else_can_happen() {
    // All wait for the last one, though a parent leaves eight places free.
    let others = vec![json!([{"pull": "start"}]); 15];
    let last = json!((0..15).map(|_| json!({"push": ["start", "now"]})).collect::<Vec<_>>());
    let (outcomes, _) = side_by_side(16, &[others, vec![last]].concat());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Ok(_))), "{outcomes:?}");
}

#[test]
fn who_lets_go_of_a_child_leaves_a_note() {
    let child = |steps: Value| json!({"launch": ["family", steps]});
    let detached = |steps: Value| -> Vec<(u64, u64)> {
        let engine = engine();
        let (_, events) = run(&engine, launch(&engine, &steps));
        let detached = events.iter().filter_map(|event| match event {
            Event::Detached { instance, child } => Some((instance.0, child.0)),
            _ => None,
        });
        detached.collect()
    };
    assert_eq!(detached(json!([child(json!([])), "wait", "let-go"])), []);
    assert_eq!(detached(json!([child(json!([])), {"sleep": 1}, "let-go"])), [(1, 2)]);
    // Of two that run on when it answers, one was waited for.
    let steps = json!([child(json!([{"sleep": 9}])), child(json!([{"sleep": 9}])), {"wait-at-most": 1}]);
    assert_eq!(detached(steps), [(1, 2), (1, 3)]);
    assert_eq!(detached(json!([child(json!([{"sleep": 9}])), {"panic": "enough"}])), []);
}

#[test]
fn a_launch_too_many_at_once_is_an_error_and_later_ones_are_welcome() {
    let engine = engine();
    let limits = Limits { children: 2, ..Limits::default() };
    let child = json!({"launch": ["family", [{"sleep": 1}]]});
    let steps = json!([child, child, child, "wait", child]);
    let (outcome, events) = run(&engine, launch(&engine, &steps).limits(limits));
    let refused = "over the `children` limit: 3 at once wanted, 2 allowed";
    assert_eq!((answer(&outcome), ends(&events).len()), (json!([refused, [], []]), 4));
}

#[test]
fn a_family_has_limits_of_launches_and_depth() {
    let engine = engine();
    let child = json!({"launch": ["family", []]});
    let limits = Limits { launches: 2, ..Limits::default() };
    let steps = json!([child, child, "wait", child]);
    let (outcome, _) = run(&engine, launch(&engine, &steps).limits(limits));
    let refused = "over the `launches` limit: 3 in all wanted, 2 allowed";
    assert_eq!(answer(&outcome), json!([[], [], refused]));

    let limits = Limits { depth: 2, ..Limits::default() };
    let steps = (0..3).fold(json!([]), |input, _| json!([{"launch": ["family", input]}, "wait"]));
    let (outcome, _) = run(&engine, launch(&engine, &steps).limits(limits));
    assert_eq!(answer(&outcome), json!([[["over the `depth` limit: 3 generations wanted, 2 allowed"]]]));
}

#[test]
fn a_bomb_ends_by_itself() {
    let engine = small_engine(16);
    let limits = Limits { launches: 200, ..Limits::default() };
    let (outcome, events) = run(&engine, launch(&engine, &json!([{"bomb": 3}])).limits(limits));
    let launched = events.iter().filter(|event| matches!(event, Event::Launched { .. })).count();
    assert!(launched <= 201, "{launched}");
    assert!(matches!(outcome, Outcome::Ok(_) | Outcome::Stuck(_)), "{outcome:?}");
}

#[test]
fn a_child_sees_only_what_its_parent_sees_and_belongs_to_the_same_user() {
    let engine = engine();
    let environment = vec![("OVEN".to_owned(), "hot".to_owned())];
    // The catalog gives a child no environment, so it has none, whatever its parent has.
    let child = json!(["environment", {"push": ["t", "from a child"]}]);
    let steps = json!(["environment", {"launch": ["family", child]}, "wait", {"pull": "t"}]);
    let (outcome, _) = run(&engine, launch(&engine, &steps).environment(environment).user("ada"));
    assert_eq!(answer(&outcome), json!(["OVEN=hot", [], "from a child"]));
}

#[test]
fn inferlets_come_in_by_a_door_while_others_run() {
    let engine = engine();
    let inferlet = engine.compile(component()).unwrap();
    let (door, entrance) = door();
    let first = launch(&engine, &json!([{"pull": "t"}]));
    let server = {
        let engine = &engine;
        move || engine.run_open(vec![(inferlet, first)], entrance, Box::new(Collected::default()))
    };
    let finished = thread::scope(|scope| {
        let run = scope.spawn(server);
        let inferlet = engine.compile(component()).unwrap();
        thread::sleep(Duration::from_millis(20));
        let none = door.enter(inferlet.clone(), Launch::new("[]"));
        while none.get().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        door.enter(inferlet, Launch::new(json!([{"push": ["t", "by the door"]}]).to_string()));
        drop(door);
        run.join().unwrap()
    });
    assert_eq!(finished.len(), 1);
    assert_eq!(finished[0].outcome, Outcome::Ok(r#"["by the door"]"#.into()));
}
