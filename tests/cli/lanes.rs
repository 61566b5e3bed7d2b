//! `bakery trace show --lanes`: contexts beside each other, as text and in colours.

use snapbox::{IntoData, str};

use crate::book::repository;
use crate::support::World;

fn example(name: &str) -> String {
    std::fs::read_to_string(repository().join(format!("tests/examples/{name}.jsonl"))).unwrap()
}

fn shown(trace: &str, columns: &str) -> snapbox::cmd::OutputAssert {
    let world = World::new();
    world.write("t.jsonl", trace);
    world.bakery(["trace", "show", "t.jsonl", "--lanes"]).env("COLUMNS", columns).assert()
}

#[test]
fn a_context_is_a_lane_with_what_it_reads_and_chooses_beside_it() {
    shown(include_str!("hello.jsonl"), "100").success().stderr_eq("").stdout_eq(
        str![[r#"
model dummy (scalar), seed 7, engine 0.1.0
│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-up ● unknown
   0.000 ms    i1 launched `hello` with {"name":"Ada"}
   0.000 ms ╷  i1 c1 0p created
   0.000 ms ▸  i1 c1 1p read 3 tokens
   1.000 ms ▒  i1 c1 1p [17]▒
   1.000 ms │  i1 stdout "Hello, Ada!\n"
   1.000 ms ╵  i1 c1 1p destroyed
   1.000 ms    i1 answered {"greeting":"Hello, Ada!"}
               1 pass, 3 input tokens, 1 sampled, at most 1 page

"#]]
        .raw(),
    );
}

#[test]
fn forks_are_branches_and_contexts_that_generate_side_by_side_share_a_block() {
    shown(&example("parallel-generation-rust"), "100").success().stderr_eq("").stdout_eq(
        str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-up ● unknown
   0.000 ms    i1 launched `parallel-generation-rust` with {"topic":"bread","max_tokens":32}
   0.000 ms ╷  i1 c1 0p created
   0.000 ms ▸  i1 c1 1p read 11 tokens: "<|begin|><|system|>You write short texts about bread.<|tur…
   1.000 ms ├─╮  i1 c2 1p forked from c1
   1.000 ms │ ▸  i1 c2 2p read 7 tokens: "<|user|>Tell a story.<|turn|><|assistant|>"
   1.000 ms ├─┼─╮  i1 c3 1p forked from c1
   1.000 ms │ │ ▸  i1 c3 2p read 9 tokens: "<|user|>Tell a joke.<|turn|><|assistant|>"
   1.000 ms ├─┼─┼─╮  i1 c4 1p forked from c1
   1.000 ms │ │ │ ▸  i1 c4 2p read 11 tokens: "<|user|>Give advice.<|turn|><|assistant|>"
   1.000 ms │ █ │ │  i1 c2 3p Once upon a time there was a lighthouse at the end of the world, and
            │ │ ▓ │  i1 c3 3p Why did the student bring a ladder to school? Because
            │ │ │ █  i1 c4 3p Here are three ideas for advice:\n\n1. The one you had last
  22.000 ms │ █ │ │  i1 c2 4p  in the lighthouse there lived an old man
            │ │ █ │  i1 c3 4p  she wanted to go to high s
            │ │ │ █  i1 c4 4p  week, because you liked it.\n2
  33.000 ms │ ╵ │ │  i1 c2 4p destroyed
  33.000 ms │   ╵ │  i1 c3 4p destroyed
  33.000 ms │     ╵  i1 c4 4p destroyed
  33.000 ms ╵        i1 c1 1p destroyed
  33.000 ms          i1 answered {"story":"Once upon a time there was a lighthouse at the end of th…
                     97 passes, 131 input tokens, 96 sampled, at most 13 pages, least margin 1.013

"#]]
        .raw(),
    );
}

#[test]
fn lanes_of_contexts_that_gave_way_are_dotted() {
    shown(&example("bidding-rust"), "90").success().stdout_eq(
        str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-u…
   0.000 ms    i1 launched `bidding-rust` with {"bids":[0.1,0.4,1.6],"max_tokens":48}
   0.000 ms ╷  i1 c1 0p created
   0.000 ms │  i1 c1 bids 0.1
   0.000 ms ▸  i1 c1 1p read 12 tokens: "<|user|>Tell a story about a lighthouse.<|turn|>…
   0.000 ms │ ╷  i1 c2 0p created
   0.000 ms │ │  i1 c2 bids 0.4
   0.000 ms │ ▸  i1 c2 1p read 12 tokens: "<|user|>Tell a story about a baker.<|turn|><|a…
   0.000 ms │ │ ╷  i1 c3 0p created
   0.000 ms │ │ │  i1 c3 bids 1.6
   0.000 ms │ │ ▸  i1 c3 1p read 10 tokens: "<|user|>Tell a story about the moon.<|turn|>…
   0.000 ms ░ │ │  i1 c1 2p F░ar away, behind the last hill, there lived a lighthouse
            │ ▒ │  i1 c2 2p F▒ar away, behind the last hill, there lived a baker
            │ │ ░  i1 c3 2p There░ was once a moon who worked in a library. All day long
  17.000 ms █ │ │  i1 c1 3p  that nobody was af
            │ █ │  i1 c2 3p  that nobody was af
            │ │ █  i1 c3 2p  it carried books from
  23.000 ms ┆ │ │  i1 c1 suspended, because pages are short: 3 pages given back, 3 of the…
  23.000 ms ┆ │ │  i1 c3 got 1 page after 0 steps
  23.000 ms ┆ █ │  i1 c2 3p raid of. It kept bees. When a kn
            ┆ │ █  i1 c3 3p  the desk to the shelves and from the she
  37.000 ms ┆ │ │  i1 c2 got 1 page after 0 steps
  38.000 ms ┆ █ │  i1 c2 4p ight came to
            ┆ │ █  i1 c3 3p lves to
  41.000 ms ┆ │ │  i1 c3 got 1 page after 0 steps
  41.000 ms ┆ █ │  i1 c2 4p  fight, he was given
            ┆ │ █  i1 c3 4p  the desk.<|turn|>
  48.000 ms ┆ │ ╵  i1 c3 4p destroyed
  48.000 ms │ │    i1 c1 restored: 3 pages, 34 tokens to compute again
  48.000 ms │ █    i1 c2 4p  bread
  49.000 ms │ ╵    i1 c2 4p destroyed
  49.000 ms █      i1 c1 3p raid of. It kept bees.<|turn|>
  61.000 ms ╵      i1 c1 3p destroyed
  61.000 ms        i1 answered [{"topic":"a lighthouse","bid":0.1,"text":"Far away, behin…
                   128 passes, 159 input tokens, 128 sampled, at most 11 pages, least mar…

"#]]
        .raw(),
    );
}

#[test]
fn probabilities_that_were_asked_for_shade_tokens_that_the_inferlet_chose_itself() {
    shown(&example("watermark-rust"), "90").success().stdout_eq(
        str![[r#"
model dummy (scalar), seed 0, engine 0.1.0
│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-u…
   0.000 ms    i1 launched `watermark-rust` with {"prompt":"Write a story about a lightho…
   0.000 ms ╷  i1 c1 0p created
   0.000 ms ▸  i1 c1 1p read 12 tokens: "<|user|>Write a story about a lighthouse.<|turn|…
   1.000 ms ░  i1 c1 3p On▒ce up░on a time there wass)░ {\nread_░text() rests░ of f░lour,░
  23.000 ms ░  i1 c1 4p  when░ you░ explain.░ A good way to beginit he░re▒ for░ a day\nw
  41.000 ms ░  i1 c1 5p ill look at them, and in░ the▒ end░ that There is░ cl know the░
  56.000 ms ▒  i1 c1 5p  youngest▒.▒
  59.000 ms ╵  i1 c1 5p destroyed
  59.000 ms    i1 answered {"text":"Once upon a time there wass) {\nread_text() rests of …
               59 passes, 70 input tokens, 0 sampled, at most 5 pages

"#]]
        .raw(),
    );
}

#[test]
fn tokens_have_colours_by_how_sure_the_model_was_and_no_marks() {
    let (mut coloured, mut plain) = (String::new(), String::new());
    for trace in ["bidding-rust", "parallel-generation-rust"] {
        let world = World::new();
        world.write("t.jsonl", example(trace));
        for (color, text) in [("always", &mut coloured), ("never", &mut plain)] {
            let all = ["trace", "show", "t.jsonl", "--lanes", "--color", color];
            let output = world.bakery(all).output().unwrap();
            text.push_str(std::str::from_utf8(&output.stdout).unwrap());
        }
    }
    assert!(!plain.contains('\u{1b}'));
    // Bright red, yellow, green, bright green.
    for code in ["\u{1b}[91m", "\u{1b}[33m", "\u{1b}[32m", "\u{1b}[92m"] {
        assert!(coloured.contains(code), "{code:?} is not in {coloured}");
    }
    // Where there are colours, tokens have no marks behind them.
    assert!(plain.contains("F░ar away") && !coloured.contains("F░"), "{plain}");
}

#[test]
fn more_contexts_than_lanes_have_lines_all_the_same() {
    let mut trace: Vec<String> = include_str!("hello.jsonl").lines().take(3).map(str::to_owned).collect();
    for context in 1..=40 {
        let seq = context + 1;
        trace.push(format!(r#"{{"seq":{seq},"at":0,"event":"context-created","instance":1,"context":{context},"origin":"new"}}"#));
    }
    let output = shown(&trace.join("\n"), "160").code(2);
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert_eq!(text.lines().filter(|line| line.ends_with("created")).count(), 40);
    assert!(text.lines().all(|line| line.matches('│').count() <= 32), "{text}");
}

#[test]
fn a_cut_trace_has_the_lanes_up_to_the_cut() {
    let trace = include_str!("hello.jsonl");
    shown(&trace[..trace.find("stdout").unwrap()], "100")
        .code(2)
        .stdout_eq(
            str![[r#"
model dummy (scalar), seed 7, engine 0.1.0
│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-up ● unknown
   0.000 ms    i1 launched `hello` with {"name":"Ada"}
   0.000 ms ╷  i1 c1 0p created
   0.000 ms ▸  i1 c1 1p read 3 tokens
   1.000 ms ▒  i1 c1 1p [17]▒

"#]]
            .raw(),
        )
        .stderr_eq(str![[r#"
error: cannot read `t.jsonl`
  cause: the trace is cut in line 9
   hint: the run was cut short or the file was edited; record it again with `bakery run --trace`

"#]]);
}

#[test]
fn lanes_and_a_page_are_two_things() {
    let world = World::new();
    world.write("t.jsonl", include_str!("hello.jsonl"));
    world.bakery(["trace", "show", "t.jsonl", "--lanes", "--html", "t.html"]).assert().code(2).stderr_eq(
        str![[r#"
error: the argument '--lanes' cannot be used with '--html <FILE>'

Usage: bakery trace show --lanes <FILE>

For more information, try '--help'.

"#]],
    );
    world.bakery(["trace", "show", "none.jsonl", "--html", "t.html"]).assert().code(2);
    assert!(!world.work().join("t.html").exists());
    world.bakery(["trace", "show", "t.jsonl", "--html", "no/t.html"]).assert().code(3).stderr_eq(str![[r#"
error: cannot write `no/t.html`
  cause: No such file or directory (os error 2)

"#]]);
}
