//! `bakery test --schedules`: an inferlet whose answer depends on the order of what nothing puts in order is found out, and one that waits for all is not.

use std::path::PathBuf;

use serde_json::Value;
use snapbox::{Assert, str};

use crate::support::folder::{self, text};
use crate::support::javascript;

/// A folder with a program.
type Folder = folder::Folder<javascript::JavaScript>;

const MANIFEST: &str = r#"[package]
name = "hasty"
version = "0.1.0"

[[test]]
name = "asks-two"
snapshot = ["output"]
"#;

/// Asks two questions at once, and answers with what comes of both.
fn program(answer: &str) -> String {
    format!(
        r#"import {{ Context, Model, Sampler }} from 'inferlet';

async function ask(word: string): Promise<string> {{
  using ctx = new Context(Model.load('default'));
  ctx.user(`Say ${{word}}.`);
  await ctx.generate(Sampler.argmax(), {{ maxTokens: 4 }}).collectText();
  return word;
}}

export async function main(): Promise<unknown> {{
  return await {answer}([ask('left'), ask('right')]);
}}
"#
    )
}

fn folder(answer: &str) -> Folder {
    let folder = Folder::new(&[("hasty/Pie.toml", MANIFEST), ("hasty/main.ts", &program(answer))]);
    let output = folder.bakery(&["test", "hasty", "--update", "new"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    folder
}

#[test]
fn an_answer_that_depends_on_who_is_first_is_a_race_with_two_traces() {
    let folder = folder("Promise.race");
    // In the natural order it is the same each time.
    assert!(folder.bakery(&["test", "hasty"]).status.success());
    let output = folder.bakery(&["test", "hasty", "--schedules", "20"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    Assert::new().eq(
        text(&output.stdout),
        str![[r#"
FAIL asks-two
  a race: under the interleaving 1, line 1 of the answer changed: `right` and not `left`
     answer
    -  left
    +  right
    in the natural order: [..]/races/hasty-asks-two.jsonl
    interleaving 1:       [..]/races/hasty-asks-two-interleaving-1.jsonl
  again: bakery test hasty asks-two --schedules 20

1 case: 0 passed, 1 failed

"#]],
    );
    let output = folder.bakery(&["test", "hasty", "--schedules", "20", "--json"]);
    let case: Value = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    let problem = &case["problems"][0];
    assert_eq!(problem["kind"], "race");
    let traces = problem["traces"].as_array().unwrap().iter();
    let traces: Vec<PathBuf> = traces.map(|trace| PathBuf::from(trace.as_str().unwrap())).collect();
    let answers: Vec<bool> = traces
        .iter()
        .map(|trace| std::fs::read_to_string(trace).unwrap().contains(r#"{"ok":"\"right\""}"#))
        .collect();
    assert_eq!(answers, [false, true]);
    let shown = [&traces[0], &traces[1]].map(|path| path.to_str().unwrap());
    let differ = folder.bakery(&["trace", "diff", shown[0], shown[1]]);
    assert_eq!(differ.status.code(), Some(1), "{}", text(&differ.stdout));
}

#[test]
fn who_waits_for_both_gets_the_same_under_every_interleaving() {
    let folder = folder("Promise.all");
    let output = folder.bakery(&["test", "hasty", "--schedules", "20"]);
    assert_eq!(text(&output.stdout), "1 case: 1 passed\n", "{}", text(&output.stderr));
}
