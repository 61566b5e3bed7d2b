//! `bakery test` and `bakery review` of projects whose components are at hand, so that nothing has to be compiled.

use std::collections::BTreeSet;

use serde_json::Value;
use snapbox::str;

use crate::support::{World, guest};

/// A project `hello` with these tests and this component.
fn project(tests: &str, component: Vec<u8>) -> World {
    let world = World::new();
    write(&world, tests, component);
    world
}

fn write(world: &World, tests: &str, component: Vec<u8>) {
    let head = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n\n[build]\nlanguage = \"rust\"\n\n";
    world.write("hello/Pie.toml", format!("{head}{tests}"));
    world.write("hello/hello.wasm", component);
}

/// `bakery test hello` with more arguments.
fn test(world: &World, arguments: &[&str]) -> snapbox::cmd::Command {
    let all = ["test", "hello", "--component", "hello/hello.wasm"];
    world.bakery(all).args(arguments).env("COLUMNS", "100")
}

/// The documents of `bakery test --json`.
fn documents(world: &World, arguments: &[&str]) -> Vec<Value> {
    let output = test(world, arguments).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

/// Names and contents of the files in `hello/snapshots`.
fn snapshots(world: &World) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(world.work().join("hello/snapshots")).into_iter().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

fn names(world: &World) -> Vec<String> {
    snapshots(world).into_iter().map(|(name, _)| name).collect()
}

const GREETS: &str = "[[test]]\nname = \"greets\"\nsnapshot = [\"output\"]\n";

#[test]
fn what_is_new_waits_and_passes_once_it_is_accepted() {
    let world = project(GREETS, guest::answering(r#""Hello""#));
    test(&world, &[])
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
FAIL greets
  output: nothing is accepted yet
    +answer
    +  Hello
  again: bakery test hello greets

1 case: 0 passed, 1 failed, 1 snapshot to review[..]

"#]])
        .stderr_eq(str![[r#"
testing
error: one case failed
   hint: bakery review

"#]]);
    assert_eq!(names(&world), ["greets.output.snap.new"]);
    world.bakery(["review", "hello"]).assert().success().stdout_eq(str![[r#"
greets output, new hello
    +answer
    +  Hello

0 accepted, 0 rejected, 1 left

"#]]);
    assert_eq!(names(&world), ["greets.output.snap.new"]);
    world
        .bakery(["review", "hello", "--accept"])
        .assert()
        .success()
        .stdout_eq("1 accepted, 0 rejected, 0 left\n");
    assert_eq!(names(&world), ["greets.output.snap"]);
    test(&world, &[]).assert().success().stdout_eq("1 case: 1 passed[..]\n");
    world.bakery(["review", "hello"]).assert().success().stdout_eq("nothing waits to be reviewed\n");
}

#[test]
fn what_changed_is_shown_with_its_cause_and_stays_until_it_is_accepted() {
    let world = project(GREETS, guest::answering(r#""Hello dear Ada\nbye""#));
    test(&world, &["--update", "new"])
        .assert()
        .success()
        .stdout_eq("1 case: 1 passed, 1 snapshot accepted[..]\n");
    let accepted = snapshots(&world);
    write(&world, GREETS, guest::answering(r#""Hello dear Bob\nbye""#));
    test(&world, &["--update", "new"]).assert().code(1).stdout_eq(str![[r#"
FAIL greets
  output: line 1 of the answer changed: `Bob` and not `Ada`
     answer
    -  Hello dear Ada
    +  Hello dear Bob
       bye
  again: bakery test hello greets

1 case: 0 passed, 1 failed, 1 snapshot to review[..]

"#]]);
    assert_eq!(snapshots(&world)[0], accepted[0]);
    // What is as it was accepted needs no decision any more.
    write(&world, GREETS, guest::answering(r#""Hello dear Ada\nbye""#));
    test(&world, &[]).assert().success();
    assert_eq!(snapshots(&world), accepted);
    write(&world, GREETS, guest::answering(r#""Hello dear Bob\nbye""#));
    test(&world, &["--update", "none"]).assert().code(1);
    assert_eq!(snapshots(&world), accepted);
    test(&world, &["--update", "all"]).assert().success();
    assert!(snapshots(&world)[0].1.contains("Bob"));
}

#[test]
fn under_ci_nothing_is_written_and_what_is_missing_or_obsolete_fails() {
    let world = project(GREETS, guest::answering(r#""Hello""#));
    test(&world, &[]).env("CI", "true").assert().code(1).stderr_eq(str![[r#"
testing
error: one case failed

"#]]);
    assert_eq!(names(&world), [""; 0]);
    test(&world, &["--update", "new"]).assert().success();
    test(&world, &[]).env("CI", "true").assert().success();
    world.write("hello/snapshots/gone.output.snap", "---\nsource: Pie.toml\n---\nanswer\n");
    test(&world, &[]).assert().success().stdout_eq(str![[r#"
obsolete hello/snapshots/gone.output.snap: no case asks for it
1 case: 1 passed, 1 obsolete[..]

"#]]);
    test(&world, &[]).env("CI", "true").assert().code(1).stdout_eq(str![[r#"
FAIL hello/snapshots/gone.output.snap: no case asks for it
1 case: 1 passed, 1 obsolete[..]

"#]]);
    // Where the project is the folder, paths begin with nothing that a service would not know them by.
    let here = world.bakery(["test", "--component", "hello.wasm"]).current_dir(world.work().join("hello"));
    here.env("CI", "true").env("GITHUB_ACTIONS", "true").assert().code(1).stdout_eq(str![[r#"
FAIL snapshots/gone.output.snap: no case asks for it
1 case: 1 passed, 1 obsolete[..]
::error file=snapshots/gone.output.snap,title=bakery test::no case asks for this snapshot

"#]]);
    test(&world, &["--update", "all"]).assert().success();
    assert_eq!(names(&world), ["greets.output.snap"]);
}

#[test]
fn github_shows_failures_beside_the_line_of_the_case() {
    let tests = "[[test]]\nname = \"greets\"\nexpect = { contains = \"x, y: z\" }\n";
    let world = project(tests, guest::answering(r#""Hello""#));
    test(&world, &[]).env("GITHUB_ACTIONS", "true").env("CI", "true").assert().code(1).stdout_eq(str![[r#"
FAIL greets
  expected "x, y: z" in "Hello"
  again: bakery test hello greets

1 case: 0 passed, 1 failed[..]
::error file=hello/Pie.toml,line=9,title=bakery test greets::expected "x, y: z" in "Hello"%0Aagain: bakery test hello greets

"#]]);
}

#[test]
fn each_expectation_that_does_not_hold_is_said_in_words() {
    let tests = r#"
        [[test]]
        name = "wrong"
        expect = { equals = 1, contains = "y", regex = "^x", json-path = { "$.name" = "Bob", "$.n[5]" = 1 }, schema = { required = ["id"] }, messages = ["m"], tokens = 3, passes = { min = 1 }, least-margin = 0.5 }

        [[test]]
        name = "right"
        expect = { equals = { name = "Ada", n = [1, 2.0] }, contains = "Ada", regex = ["n", "2"], json = true, json-path = { "$.name" = "Ada", "$.n[*]" = [1, 2] }, schema = { type = "object" }, messages = [], tokens = 0, passes = { max = 0 } }

        [[test]]
        name = "no-error"
        expect = { error = "no bread" }
    "#;
    let world = project(tests, guest::answering(r#"{"name":"Ada","n":[1,2]}"#));
    test(&world, &[]).assert().code(1).stdout_eq(str![[r#"
FAIL wrong
  expected "y" in "{/"name/":/"Ada/",/"n/":[1,2]}"
  expected a match of `^x` in "{/"name/":/"Ada/",/"n/":[1,2]}"
  expected the answer 1, and it is {"name":"Ada","n":[1,2]}
  expected "Bob" at `$.name`, and there is "Ada"
  expected 1 at `$.n[5]`, and there is nothing
  the answer is not as its schema says: "id" is a required property
  expected one message, and it sent 0
  expected 3 sampled tokens, and there are 0
  expected at least 1 passes, and there are 0
  expected a margin of at least 0.5, and nothing was chosen by arg max
  again: bakery test hello wrong

FAIL no-error
  expected an error, and it answered {"name":"Ada","n":[1,2]}
  again: bakery test hello no-error

3 cases: 1 passed, 2 failed[..]

"#]]);
}

#[test]
fn how_a_run_ends_is_expected_or_a_failure() {
    let tests = |expect: &str| format!("[[test]]\nname = \"ends\"\n{expect}");
    let world = project(&tests("expect.error = \"no bread\""), guest::failing("no bread today"));
    test(&world, &[]).assert().success();
    write(&world, &tests("snapshot = [\"output\"]"), guest::failing("no bread today"));
    test(&world, &["--update", "all"]).assert().code(1).stdout_eq(str![[r#"
FAIL ends
  expected an answer, and it returned the error "no bread today"
  again: bakery test hello ends

1 case: 0 passed, 1 failed[..]

"#]]);
    // What went wrong is accepted by nobody.
    assert_eq!(names(&world), [""; 0]);
    write(&world, &tests("expect.outcome = \"trap\""), guest::doing("unreachable"));
    test(&world, &[]).assert().success();
    write(
        &world,
        &tests("expect.outcome = \"limit\"\nlimits.fuel = 10_000"),
        guest::doing("(loop $a (br $a))"),
    );
    test(&world, &[]).assert().success();
    write(&world, &tests("expect.outcome = \"ok\""), guest::answering("\"\""));
    test(&world, &[]).assert().code(1).stdout_eq(str![[r#"
FAIL ends
  the inferlet gave nothing: its answer is empty, and it sent and printed nothing; `expect = { messages = [] }` says that this is meant
  again: bakery test hello ends

1 case: 0 passed, 1 failed[..]

"#]]);
}

#[test]
fn what_is_sent_comes_when_the_case_says() {
    let tests = r#"
        [[test]]
        name = "talks"
        send = ["first", { message = "second", when = "awaited" }]
        snapshot = ["output", "events"]
    "#;
    let world = project(tests, guest::conversing());
    test(&world, &["--update", "new"]).assert().success();
    let events = &snapshots(&world)[0].1;
    let received: Vec<&str> = events.lines().filter(|line| line.contains("received")).collect();
    assert_eq!(received, [r#"i1 received text="first""#, r#"i1 received text="second""#, "i1 received"]);
}

#[test]
fn a_snapshot_that_is_none_is_told_apart_and_left_as_it_is() {
    let world = project(GREETS, guest::answering(r#""Hello""#));
    test(&world, &["--update", "new"]).assert().success();
    let good = snapshots(&world)[0].1.clone();
    let file = "hello/snapshots/greets.output.snap";
    let headline = |text: &str| {
        world.write(file, text);
        let documents = documents(&world, &["--update", "new"]);
        assert_eq!(std::fs::read_to_string(world.work().join(file)).unwrap(), text);
        std::fs::remove_file(world.work().join("hello/snapshots/greets.output.snap.new")).unwrap();
        let problem = &documents[0]["problems"][0];
        (problem["kind"].as_str().unwrap().to_owned(), problem["message"].as_str().unwrap().to_owned())
    };
    let told = |kind: &str, message: &str| (kind.to_owned(), message.to_owned());
    assert_eq!(
        headline("Hello"),
        told(
            "broken",
            "output: `snapshots/greets.output.snap` is not a snapshot: line 1: it does not begin with `---`"
        )
    );
    assert_eq!(
        headline(&good.replace("answer", "<<<<<<< a\nanswer\n=======\nerror\n>>>>>>> b")),
        told("missing", "output: nothing is accepted: a merge has left its marks, from line 13 on")
    );
    assert_eq!(
        headline(&good.replace("model: dummy", "model: qwen")),
        told(
            "not-comparable",
            "output: not comparable: model was `qwen` and is `dummy`; the content is the same"
        )
    );
    assert_eq!(headline(&good.replace("  Hello", "  Hallo")).0, "differs");
}

/// Forty cases of one test, some of which fail.
const MANY: &str = r#"
    [[test]]
    name = "echoes"
    tags = ["fast"]
    expect = { regex = "[02468]}$" }
    snapshot = ["output", "events"]
    matrix = { parameters = { word = ["a", "b"], n = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20] } }
"#;

#[test]
fn results_do_not_depend_on_how_many_cases_run_at_once() {
    let world = project(MANY, guest::echoing());
    let without_times = |jobs: &str| -> Vec<Value> {
        let mut documents = documents(&world, &["--update", "none", "--jobs", jobs]);
        documents
            .iter_mut()
            .for_each(|document| drop(document.as_object_mut().unwrap().remove("elapsed_ms")));
        documents
    };
    let one = without_times("1");
    assert_eq!(one.len(), 42, "forty cases, a summary and an error");
    assert_eq!((one[40]["passed"].as_u64(), one[40]["failed"].as_u64()), (Some(0), Some(40)));
    for jobs in ["2", "7"] {
        assert_eq!(without_times(jobs), one);
    }
    test(&world, &["--update", "new", "--jobs", "3"]).assert().code(1);
    let failed_first = |jobs: &str| {
        let documents = documents(&world, &["--fail-fast", "--jobs", jobs]);
        documents
            .iter()
            .filter_map(|document| document["name"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(failed_first("1"), ["echoes[word=a,n=1]"]);
    assert_eq!(failed_first("5"), failed_first("1"));
}

#[test]
fn with_a_layer_only_cases_that_keep_it_count() {
    let expects = "[[test]]\nname = \"says\"\nsnapshot = [\"output\", \"events\"]\n";
    let world = project(&format!("{GREETS}{expects}"), guest::answering(r#""Hello""#));
    test(&world, &["--update", "new"]).assert().success();
    test(&world, &["--layer", "events"]).assert().success().stdout_eq("1 case: 1 passed[..]\n");
    // That nothing was compared must not look like success.
    test(&world, &["--layer", "numbers"]).assert().code(2).stderr_eq(str![[r#"
error: there is no case to run
   hint: bakery test --list

"#]]);
}

#[test]
fn shards_are_parts_of_all_cases() {
    let world = project(MANY, guest::echoing());
    let listed = |arguments: &[&str]| -> Vec<String> {
        let mut all = vec!["--list"];
        all.extend(arguments);
        documents(&world, &all).iter().map(|document| document["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = listed(&[]);
    let shards = ["1/3", "2/3", "3/3"].map(|shard| listed(&["--shard", shard]));
    assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), [14, 13, 13]);
    let together: BTreeSet<String> = shards.concat().into_iter().collect();
    assert_eq!(together, all.iter().cloned().collect());
    assert_eq!(listed(&["echoes[word=a,n=2]"]), ["echoes[word=a,n=2]"]);
    assert_eq!(listed(&["n=2]", "n=3]"]).len(), 4);
    assert_eq!(listed(&["--tag", "fast"]).len(), 40);
    test(&world, &["--tag", "fats"]).assert().code(2).stderr_eq(str![[r#"
error: no case has the tag `fats`
   hint: did you mean `fast`?

"#]]);
    // With more machines than cases, those that have nothing to do do not fail.
    test(&world, &["--shard", "41/50"]).assert().success().stdout_eq("0 cases: 0 passed[..]\n");
    test(&world, &["--shard", "41/50", "--layer", "numbers"]).assert().code(2);
    test(&world, &["ehcoes"]).assert().code(2).stderr_eq(str![[r#"
error: no case is called `ehcoes`, and none has it in its name
   hint: bakery test --list

"#]]);
}

#[test]
fn other_seeds_are_held_to_what_is_expected_in_words() {
    let tests =
        "[[test]]\nname = \"greets\"\nexpect = { contains = \"Hello\" }\nsnapshot = [\"output\"]\nseed = 3\n";
    let world = project(tests, guest::answering(r#""Hello""#));
    test(&world, &["--update", "new", "--seeds", "4", "--schedules", "3"]).assert().success();
    write(&world, &tests.replace("\"Hello\"", "\"Hi\""), guest::answering(r#""Hello""#));
    let documents = documents(&world, &["--seeds", "3"]);
    let messages: Vec<&str> = documents[0]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["message"].as_str().unwrap())
        .collect();
    let expected = ["expected", "with the seed 4: expected", "with the seed 5: expected"];
    assert_eq!(messages, expected.map(|begin| format!("{begin} \"Hi\" in \"Hello\"")));
    assert_eq!(documents[0]["again"], "bakery test hello greets --seeds 3");
}

#[test]
fn a_report_in_junits_format_says_what_failed_and_what_was_made_use_of() {
    let world = project(GREETS, guest::printing("text"));
    test(&world, &["--update", "none", "--junit", "report.xml"]).assert().code(1);
    let report = std::fs::read_to_string(world.work().join("report.xml")).unwrap();
    let read = quick_junit::Report::deserialize_from_str(&report).unwrap();
    assert_eq!((read.tests, read.failures, read.errors), (1, 1, 0));
    let suite = &read.test_suites[0];
    let case = &suite.test_cases[0];
    assert_eq!((suite.name.as_str(), case.name.as_str()), ("hello", "greets"));
    for part in
        ["nothing is accepted yet", "again: bakery test hello greets", "call:session.send", "ending:ok"]
    {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
}

#[test]
fn reviewing_one_case_leaves_the_others() {
    let tests = format!("{GREETS}{}", GREETS.replace("greets", "waves"));
    let world = project(&tests, guest::answering(r#""Hello""#));
    test(&world, &[]).assert().code(1);
    world
        .bakery(["review", "hello", "--reject", "waves"])
        .assert()
        .success()
        .stdout_eq("0 accepted, 1 rejected, 0 left\n");
    assert_eq!(names(&world), ["greets.output.snap.new"]);
    world.bakery(["review", "hello", "--accept", "greets"]).assert().success();
    assert_eq!(names(&world), ["greets.output.snap"]);
    write(&world, "", guest::answering(r#""Hello""#));
    world
        .bakery(["review", "hello", "--accept"])
        .assert()
        .success()
        .stdout_eq("1 accepted, 0 rejected, 0 left\n");
    assert_eq!(names(&world), [""; 0]);
}

#[test]
fn a_case_that_cannot_be_is_refused_with_its_place() {
    let world = project("[[test]]\nname = \"idle\"\n", guest::answering("1"));
    test(&world, &[]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: of the test `idle` nothing is expected
 --> hello/Pie.toml:9:8
  |
9 | name = "idle"
  |        ^^^^^^ neither `expect` nor `snapshot`
   hint: keep what it does: `snapshot = ["output"]`
   hint: or say what is expected: `expect = { contains = "…" }`

"#]]);
    write(
        &world,
        "[[test]]\nname = \"asks\"\nexpect.status = 200\nrequest.path = \"/\"\n",
        guest::answering("1"),
    );
    test(&world, &[]).assert().code(2).stderr_eq(str![[r#"
error: the test `asks` has a request, and the inferlet does not respond to any
 --> hello/Pie.toml:9:8
  |
9 | name = "asks"
  |        ^^^^^^ in this test

"#]]);
    write(&world, "[[test]]\nname = \"far\"\nexpect.json = true\nmodel = \"qwen\"\n", guest::answering("1"));
    test(&world, &[]).assert().code(2).stderr_eq(str![[r#"
error: there is no model `qwen`; there is `dummy`, `tiny`
 --> hello/Pie.toml:9:8
  |
9 | name = "far"
  |        ^^^^^ in this test
   hint: a model is also a folder, a `.gguf` file, or `hf:owner/repo`

"#]]);
}
