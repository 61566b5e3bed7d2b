//! The page that `bakery trace show --html` writes, in a real browser: what its script draws, what it finds, and how it looks.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::book::repository;
use crate::support::World;
use crate::support::browser::{self, Visit};

fn trace(example: &str) -> String {
    std::fs::read_to_string(repository().join(format!("tests/examples/{example}.jsonl"))).unwrap()
}

/// Writes the page of a trace, and looks at it.
fn visit(world: &World, trace: &str, steps: &Value) -> Visit {
    world.write("t.jsonl", trace);
    world.bakery(["trace", "show", "t.jsonl", "--html", "t.html"]).assert().success().stdout_eq("");
    let visit = browser::visit(&world.work().join("t.html"), steps);
    assert!(visit.complaints.is_empty(), "{:?}", visit.complaints);
    visit
}

/// How many pixels of a picture are coloured and not gray: of all, and of those that are redder than green.
fn coloured(picture: &Path) -> (usize, usize) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(picture).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height), (1300, 1600));
    let size = frame.color_type.samples();
    let mut counts = (0, 0);
    for pixel in pixels[..frame.buffer_size()].chunks_exact(size) {
        let (red, green, blue) = (i32::from(pixel[0]), i32::from(pixel[1]), i32::from(pixel[2]));
        // Between red and green, as the heat has it; lanes and pages are blue.
        if red.max(green) - blue > 40 {
            counts.0 += 1;
            counts.1 += usize::from(red > green + 20);
        }
    }
    counts
}

#[test]
fn a_page_in_a_browser_has_lanes_forks_tokens_pages_and_events_and_finds_text_in_them() {
    let world = World::new();
    let trace = trace("parallel-generation-rust");
    let events: Vec<Value> = trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    let forks = events.iter().filter(|event| event["origin"] == "fork").count();
    let (first, second) = (world.work().join("first.png"), world.work().join("second.png"));
    let numbers = "({ lanes: document.querySelectorAll('#timeline .lane').length,
        forks: document.querySelectorAll('#timeline .fork').length,
        branches: document.querySelectorAll('#tree li li').length,
        tokens: document.querySelectorAll('#heat .t').length,
        held: document.querySelectorAll('#pages .held').length,
        events: document.querySelectorAll('#events tr').length,
        hits: document.querySelectorAll('.hit').length,
        found: document.querySelector('#found').textContent,
        notice: document.querySelector('#notice').hidden,
        texts: [...document.querySelectorAll('#heat .row')].map((row) => row.querySelector('pre').textContent) })";
    let steps = json!([
        { "evaluate": numbers },
        { "screenshot": first },
        { "type": ["#search", "LIGHTHOUSE"] },
        { "evaluate": numbers },
        { "evaluate": "[...document.querySelectorAll('.hit')].map((hit) => hit.textContent).join('')" },
        { "type": ["#search", "forked from c1"] },
        { "evaluate": numbers },
        { "choose": ["#measure", "probability"] },
        { "screenshot": second },
    ]);
    let Visit { results, asked, .. } = visit(&world, &trace, &steps);
    let whole = &results[0];
    assert_eq!(whole["lanes"], count("context-created"));
    assert!(forks > 1);
    assert_eq!((&whole["forks"], &whole["branches"]), (&json!(forks), &json!(forks)));
    let tokens: usize = events.iter().filter_map(|event| event["slots"].as_array()).map(Vec::len).sum();
    assert_eq!(whole["tokens"], tokens);
    assert_eq!(whole["events"], events.len());
    assert!(whole["held"].as_u64().unwrap() >= count("context-created") as u64);
    assert_eq!((&whole["hits"], &whole["found"], &whole["notice"]), (&json!(0), &json!(""), &json!(true)));
    let texts: Vec<&str> = whole["texts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let places: usize = texts.iter().map(|text| text.to_lowercase().matches("lighthouse").count()).sum();
    assert!(places > 0, "{texts:?}");
    let found = results[1]["found"].as_str().unwrap();
    assert!(
        found.ends_with(&format!("{places} place{} in tokens", if places == 1 { "" } else { "s" })),
        "{found}"
    );
    assert!(results[2].as_str().unwrap().to_lowercase().contains("lighthouse"), "{}", results[2]);
    // The letters are in no token, and in as many events as there are forks.
    assert_eq!((&results[3]["events"], &results[3]["hits"]), (&json!(forks), &json!(0)));
    let asked: BTreeSet<&str> = asked.iter().map(|url| url.split(':').next().unwrap()).collect();
    assert!(asked.is_subset(&BTreeSet::from(["file", "data"])), "{asked:?}");

    let (heat, _) = coloured(&first);
    assert!(heat > 5_000, "{heat} pixels are coloured");
    // Nothing in the trace is a probability, so what is left is the legend and what was found.
    let (left, _) = coloured(&second);
    assert!(left < heat / 3, "{left} of {heat} pixels are still coloured");
}

#[test]
fn doubtful_tokens_are_red_in_a_page_and_text_that_looks_like_markup_is_text() {
    let world = World::new();
    let sure = include_str!("cli/hello.jsonl").replace("\"margin\":0.5", "\"margin\":9.0");
    let doubtful = include_str!("cli/hello.jsonl")
        .replace("\"margin\":0.5", "\"margin\":0.01")
        .replace("Hello, Ada!\\n", "</script><script>document.title='broken'</script><img src=x>");
    let picture = world.work().join("p.png");
    let look = json!([{ "screenshot": picture }, { "evaluate": "document.title" }, { "evaluate": "document.images.length" }]);
    visit(&world, &sure, &look);
    let (_, red_if_sure) = coloured(&picture);
    let Visit { results, .. } = visit(&world, &doubtful, &look);
    let (_, red) = coloured(&picture);
    assert!(red > red_if_sure + 150, "{red} pixels are red, and {red_if_sure} where the model is sure");
    assert_eq!(results, [json!("Trace of hello"), json!(0)]);
}

#[test]
fn a_page_of_a_trace_that_is_too_long_says_what_is_missing() {
    let world = World::new();
    let mut trace: Vec<String> = include_str!("cli/hello.jsonl").lines().map(str::to_owned).collect();
    let last = trace.pop().unwrap();
    for seq in 9..21_000 {
        trace.push(format!(r#"{{"seq":{seq},"at":1000000,"event":"message","instance":1,"text":"m{seq}"}}"#));
    }
    trace.push(last.replace("\"seq\":9", "\"seq\":21000"));
    let look = json!([
        { "evaluate": "document.querySelector('#notice').textContent" },
        { "evaluate": "document.querySelectorAll('#events tr').length" },
        { "evaluate": "document.querySelector('#more').click()" },
        { "evaluate": "document.querySelectorAll('#events tr').length" },
    ]);
    let Visit { results, .. } = visit(&world, &trace.join("\n"), &look);
    let notice = "The trace is too long for a page, which has the first 20,000 of 21,001 events. `bakery trace show` has all of it.";
    assert_eq!(results, [json!(notice), json!(1000), Value::Null, json!(2000)]);
}
