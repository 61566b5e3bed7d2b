//! What is read of cases. Diagnostics of single mistakes are in `project/cases/test-*.txt`.

use std::path::Path;

use serde_json::json;

use super::super::{Manifest, Project, settings};
use super::*;

const HEAD: &str = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n";

fn cases(text: &str) -> Vec<Case> {
    Manifest::parse(&format!("{HEAD}{text}"), "Pie.toml").unwrap().tests
}

#[test]
fn a_case_says_how_it_is_run_and_what_is_expected() {
    let text = r#"
        [[test]]
        name = "talks"
        tags = ["fast", "chat"]
        model = "dummy"
        script = "replies.toml"
        environment = { LANG = "C" }
        seed = 7
        pages = 12
        send = ["hi", { message = "more", when = "awaited" }, { file = "a.bin", after = 2 }]
        limits = { memory = "1 MiB", fuel = 1000, children = 3 }
        snapshot = ["events", "output"]
        redact = [{ path = "$.id", with = "[id]" }, { event = "bid" }]
        tolerance = 0.5

        [test.expect]
        error = "no bread"
        regex = ["^no", "d$"]
        messages = ["a"]
        tokens = { max = 9 }
        passes = 3
        least-margin = 0.25
    "#;
    let [case] = cases(text).try_into().unwrap();
    assert_eq!(case.origin.line, 6);
    assert_eq!(case.tags, ["fast", "chat"]);
    assert_eq!(case.layers, [Layer::Output, Layer::Events]);
    let whens: Vec<When> = case.send.iter().map(|sending| sending.when).collect();
    assert_eq!(whens, [When::Start, When::Awaited, When::After(2)]);
    let limits = case.limits.over(&Limits::default());
    assert_eq!((limits.memory_bytes, limits.fuel, limits.children), (1 << 20, 1000, 3));
    assert_eq!(limits.launches, Limits::default().launches);
    assert_eq!(
        (case.expect.outcome, &case.expect.contains[..]),
        (Some(Ending::Error), &["no bread".to_owned()][..])
    );
    assert_eq!(case.expect.tokens, Some(Between { min: 0, max: 9 }));
    assert_eq!(case.expect.passes, Some(Between { min: 3, max: 3 }));
    assert_eq!((case.pages, case.seed, case.tolerance), (Some(12), 7, 0.5));
    assert_eq!(
        case.redactions[1],
        Redaction { event: Some("bid".into()), path: None, with: "[redacted]".into() }
    );
}

#[test]
fn the_world_of_a_case_is_what_it_says() {
    let text = r#"
        [[test]]
        name = "asks"
        snapshot = ["output"]
        request = { path = "/a?b=1", json = { prompt = "x" } }

        [[test.http]]
        url = "https://api.example.com/v1"
        json = { a = 1 }

        [[test.http]]
        method = "post"
        url = "https://api.example.com/v1"
        request-body = "x"
        error = "connection-refused"

        [test.mcp.time]
        command = "./server"
        cwd = "shelf"

        [test.mcp.books]
        tools = [{ name = "search", description = "Finds books" }]
        replies = [
            { tool = "search", arguments = { q = "rye" }, result = "one book" },
            { tool = "search", error = "no such book", code = -5 },
            { method = "resources/list", result = { resources = [] } },
        ]
    "#;
    let [case] = cases(text).try_into().unwrap();
    let request = case.request.unwrap();
    assert_eq!((request.method.as_str(), request.body.as_str()), ("POST", "{\"prompt\":\"x\"}"));
    assert_eq!(case.http[1].method.as_deref(), Some("POST"));
    let Server::Real(time) = case.mcp["time"].clone() else { panic!("it is real") };
    let settings::McpAccess::Command(command) = time.within(Path::new("/shop")).access else {
        panic!("it is started")
    };
    assert_eq!((command.program, command.cwd), ("/shop/./server".into(), "/shop/shelf".into()));
    let Server::Replies(books) = &case.mcp["books"] else { panic!("there are replies") };
    assert_eq!(books.tools[0]["inputSchema"], json!({ "type": "object" }));
    let fits = |number: usize, method: &str, params: serde_json::Value| {
        books.replies[number].fits(method, params.as_object().unwrap())
    };
    assert!(fits(0, "tools/call", json!({ "name": "search", "arguments": { "q": "rye" } })));
    assert!(!fits(0, "tools/call", json!({ "name": "search", "arguments": { "q": "oats" } })));
    assert!(fits(1, "tools/call", json!({ "name": "search" })));
    assert!(fits(2, "resources/list", json!({})) && !fits(2, "tools/call", json!({ "name": "search" })));
}

#[test]
fn a_matrix_is_a_case_for_each_combination_in_order() {
    let text = r#"
        [parameters]
        name = { type = "string", default = "World" }
        loud = { type = "bool", default = false }

        [[test]]
        name = "greets"
        snapshot = ["output"]
        parameters = { loud = true }
        matrix = { parameters = { name = ["Ada", "a long name, with a comma"] }, seeds = [1, 2] }
    "#;
    let cases = cases(text);
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let expected = [
        "greets[name=Ada,seed=1]",
        "greets[name=Ada,seed=2]",
        "greets[name=#2,seed=1]",
        "greets[name=#2,seed=2]",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        cases[3].parameters,
        json!({ "name": "a long name, with a comma", "loud": true }).as_object().unwrap().clone()
    );
    assert_eq!((cases[2].seed, cases[3].seed), (1, 2));
    assert_eq!(cases[0].file_stem(), "greets@name=Ada,seed=1");
}

#[test]
fn what_is_recorded_needs_no_parameters() {
    let text =
        "[parameters]\nname = \"string\"\n[[test]]\nname = \"kept\"\nreplay = \"kept\"\nexpect.json = true\n";
    assert_eq!(cases(text)[0].parameters.len(), 0);
}

#[test]
fn a_matrix_is_bounded() {
    let seeds: Vec<String> = (0..10_001).map(|seed| seed.to_string()).collect();
    let text = format!("{HEAD}[[test]]\nname = \"x\"\nmatrix.seeds = [{}]\n", seeds.join(","));
    let error = Manifest::parse(&text, "Pie.toml").unwrap_err();
    assert_eq!(error.message, "the matrix makes too many cases");
}

/// A project in a folder, with files under `tests/`.
fn project(manifest: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("Pie.toml"), format!("{HEAD}{manifest}")).unwrap();
    std::fs::write(root.join("Cargo.toml"), "").unwrap();
    for (name, text) in files {
        std::fs::create_dir_all(root.join("tests")).unwrap();
        std::fs::write(root.join("tests").join(name), text).unwrap();
    }
    let project = Project::discover(Path::new("."), root).unwrap();
    (folder, project)
}

fn mistake(manifest: &str, files: &[(&str, &str)]) -> String {
    let (_folder, project) = project(manifest, files);
    super::super::tests::render(&of_project(&project, Path::new("hello")).unwrap_err())
}

const GOOD: &str = "[[test]]\nname = \"one\"\nsnapshot = [\"output\"]\n";

#[test]
fn cases_come_from_the_manifest_and_from_files_in_order() {
    let two = "[[test]]\nname = \"two\"\nexpect.contains = \"x\"\n";
    let three = "[[test]]\nname = \"three\"\nexpect.outcome = \"ok\"\n";
    let (_folder, project) = project(GOOD, &[("b.toml", two), ("a.toml", three), ("c.rs", "fn main() {}")]);
    let cases = of_project(&project, Path::new("")).unwrap();
    let found: Vec<(&str, &str)> =
        cases.iter().map(|case| (case.name.as_str(), case.origin.file.as_str())).collect();
    assert_eq!(found, [("one", "Pie.toml"), ("three", "tests/a.toml"), ("two", "tests/b.toml")]);
}

#[test]
fn what_is_wrong_in_a_file_of_tests_has_its_place() {
    insta::assert_snapshot!(mistake(GOOD, &[("a.toml", "[[test]]\nname = \"one\"\nsnapshot = [\"output\"]\n")]), @r#"
    error: two tests are called `one`
     --> hello/tests/a.toml:2:8
      |
    2 | name = "one"
      |        ^^^^^ already taken in `Pie.toml`
    "#);
    insta::assert_snapshot!(mistake("[[test]]\nname = \"idle\"\nseed = 3\n", &[]), @r#"
    error: of the test `idle` nothing is expected
     --> hello/Pie.toml:5:8
      |
    5 | name = "idle"
      |        ^^^^^^ neither `expect` nor `snapshot`
       hint: keep what it does: `snapshot = ["output"]`
       hint: or say what is expected: `expect = { contains = "…" }`
    "#);
    insta::assert_snapshot!(mistake("", &[("a.toml", "[[tests]]\nname = \"one\"\n")]), @r#"
    error: unknown key `tests`
     --> hello/tests/a.toml:1:3
      |
    1 | [[tests]]
      |   ^^^^^ not part of a file of tests
       hint: did you mean `test`?
    "#);
    insta::assert_snapshot!(mistake("", &[("a.toml", "[[test]]\nname = \"one\"\nsnapshots = []\n")]), @r#"
    error: unknown key `snapshots` in `[test[0]]`
     --> hello/tests/a.toml:3:1
      |
    3 | snapshots = []
      | ^^^^^^^^^ not a key of this table
       hint: did you mean `snapshot`?
    "#);
    insta::assert_snapshot!(mistake(GOOD, &[("a.toml", "[[test]]\nname = \"ONE\"\nsnapshot = [\"output\"]\n")]), @r#"
    error: two tests are called `ONE`
     --> hello/tests/a.toml:2:8
      |
    2 | name = "ONE"
      |        ^^^^^ already taken in `Pie.toml`
    "#);
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_knows() {
    let schema = schema().to_value();
    let keys = |name: &str| -> Vec<String> {
        let mut keys: Vec<String> =
            schema["$defs"][name]["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let places = [
        ("Test", ""),
        ("WrittenSent", "send = [{ zzzzzzzz = 1 }]"),
        ("WrittenHttpReply", "http = [{ zzzzzzzz = 1 }]"),
        ("WrittenReplies", "mcp.a = { tools = [], zzzzzzzz = 1 }"),
        ("WrittenReply", "mcp.a.replies = [{ zzzzzzzz = 1 }]"),
        ("WrittenRequest", "request = { zzzzzzzz = 1 }"),
        ("WrittenLimits", "limits = { zzzzzzzz = 1 }"),
        ("WrittenExpect", "expect = { zzzzzzzz = 1 }"),
        ("Range", "expect.tokens = { zzzzzzzz = 1 }"),
        ("WrittenRedaction", "redact = [{ zzzzzzzz = 1 }]"),
        ("WrittenMatrix", "matrix = { zzzzzzzz = 1 }"),
    ];
    for (name, text) in places {
        let line = if name == "Test" { "zzzzzzzz = 1" } else { text };
        let error =
            Manifest::parse(&format!("{HEAD}[[test]]\nname = \"a\"\n{line}\n"), "Pie.toml").unwrap_err();
        let mut known: Vec<String> =
            error.hints[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        known.sort();
        assert_eq!(known, keys(name), "{name}");
    }
}
