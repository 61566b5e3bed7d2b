//! `bakery trace export --format otel`: spans are held against the messages that OpenTelemetry publishes, in files and on their way to a collector.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use bakery::progress::Silent;
use bakery::toolchain::{self, Network};
use serde_json::{Value, json};
use snapbox::str;

use crate::book::repository;
use crate::support::{World, python};

/// The collector's script, with the messages installed once below the target folder.
fn collector(arguments: &[&str]) -> Command {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let folder = repository().join("tests/collector");
    let home = INSTALLED.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("otlp");
        let (pinned, done) = (folder.join("requirements.txt"), home.join("installed-requirements.txt"));
        let wanted = std::fs::read(&pinned).unwrap();
        if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
            let _ = std::fs::remove_dir_all(&home);
            let work = tempfile::tempdir().unwrap();
            let env = python::environment();
            let installer = toolchain::python::installer(&env, work.path(), Network::Allowed, &Silent);
            installer.unwrap().install_for_host(&env, &pinned, &home).unwrap();
            std::fs::write(&done, wanted).unwrap();
        }
        home
    });
    let mut command = Command::new(python::interpreter());
    command.arg(folder.join("collector.py")).args(arguments).env("PYTHONPATH", home).stdin(Stdio::null());
    command
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The spans of a file.
fn checked(file: &Path) -> Vec<Value> {
    let output = collector(&["check", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parsed(std::str::from_utf8(&output.stdout).unwrap())
}

/// A collector that listens.
struct Listening {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Listening {
    fn start() -> Listening {
        let mut child = collector(&["serve"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        stdout.read_line(&mut port).unwrap();
        Listening { child, stdout, url: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// What it took.
    fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success());
        parsed(&text)
    }
}

fn example(world: &World, name: &str) -> Vec<Value> {
    let trace = std::fs::read_to_string(repository().join(format!("tests/examples/{name}.jsonl"))).unwrap();
    world.write("t.jsonl", &trace);
    trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn spans_in_a_file_are_what_the_published_messages_can_be_read_from() {
    let world = World::new();
    let mut names = BTreeMap::<String, usize>::new();
    for name in
        ["parallel-generation-rust", "mcp-agent-rust", "fetch-rust", "map-reduce-rust", "bidding-rust"]
    {
        let events = example(&world, name);
        let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
        world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().success();
        let spans = checked(&world.work().join("t.otlp"));
        let expected = count("launched") + count("context-created") + count("pass") + count("asked");
        assert_eq!(spans.len(), expected, "{name}");
        let ids: BTreeMap<&str, &Value> =
            spans.iter().map(|span| (span["id"].as_str().unwrap(), span)).collect();
        assert_eq!(ids.len(), spans.len(), "{name}");
        let roots = spans.iter().filter(|span| span["parent"] == "").count();
        assert_eq!(roots, 1, "{name}");
        for span in &spans {
            assert_eq!((&span["trace"], &span["service"]), (&spans[0]["trace"], &json!("bakery")));
            assert!(span["start"].as_u64() <= span["end"].as_u64(), "{span}");
            assert!(span["start"].as_u64() >= Some(1_767_225_600_000_000_000), "{span}");
            if let Some(parent) = span["parent"].as_str().filter(|parent| !parent.is_empty()) {
                assert!(ids[parent]["start"].as_u64() <= span["start"].as_u64(), "{span}");
            }
            let first = span["name"].as_str().unwrap().split(' ').next().unwrap();
            *names.entry(first.to_owned()).or_default() += 1;
        }
    }
    for name in ["invoke_agent", "text_completion", "forward", "execute_tool", "GET", "initialize"] {
        assert!(names.contains_key(name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_context_is_a_completion_with_its_tokens_and_its_passes_are_parts_of_it() {
    let world = World::new();
    let events = example(&world, "parallel-generation-rust");
    let usage = &events.last().unwrap()["usage"];
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().success();
    let spans = checked(&world.work().join("t.otlp"));
    let completions: Vec<&Value> =
        spans.iter().filter(|span| span["name"] == "text_completion dummy").collect();
    assert_eq!(completions.len(), 4);
    let sum =
        |name: &str| completions.iter().map(|span| span["attributes"][name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(json!(sum("gen_ai.usage.output_tokens")), usage["sampled_tokens"]);
    assert_eq!(json!(sum("bakery.passes")), usage["passes"]);
    let second =
        completions.iter().find(|span| span["attributes"]["gen_ai.conversation.id"] == "i1 c2").unwrap();
    assert_eq!(second["attributes"]["bakery.forked_from"], "i1 c1");
    assert_eq!(second["attributes"]["gen_ai.operation.name"], "text_completion");
    assert_eq!(second["kind"], 3);
    assert!(second["attributes"]["bakery.text"].as_str().unwrap().starts_with("Once upon a time"));
    let passes = spans.iter().filter(|span| span["parent"] == second["id"]).count();
    assert_eq!(json!(passes), second["attributes"]["bakery.passes"]);
}

#[test]
fn a_collector_gets_what_a_file_would_have() {
    let world = World::new();
    example(&world, "bidding-rust");
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().success();
    let expected = checked(&world.work().join("t.otlp"));
    let listening = Listening::start();
    let send = |path: &str| {
        let url = format!("{}{path}", listening.url);
        world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "--endpoint", &url])
    };
    send("").assert().success().stdout_eq("").stderr_eq(str![[r#"
        Sent 132 spans to `http://127.0.0.1:[..]`

"#]]);
    // One that has no time is asked again.
    send("/busy").assert().success();
    send("/closed").args(["--header", "x-key=open sesame"]).assert().success();
    send("/closed").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/closed/v1/traces` does not take the spans
  cause: it answers 401: {"message": "who are you?"}

"#]]);
    send("/full").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/full/v1/traces` does not take the spans
  cause: it has rejected 2 spans: no room

"#]]);
    assert_eq!(listening.end(), [expected.clone(), expected.clone(), expected].concat());
}

#[test]
fn what_is_no_collector_is_told_apart() {
    let world = World::new();
    world.write("t.jsonl", include_str!("../cli/hello.jsonl"));
    let send = |arguments: &[&str]| world.bakery(["trace", "export", "t.jsonl"]).args(arguments).assert();
    send(&["--format", "otel", "--endpoint", "localhost:4318"]).code(2).stderr_eq(str![[r#"
error: `localhost:4318` is not the URL of a collector
   hint: --endpoint http://localhost:4318

"#]]);
    send(&["--format", "csv", "--endpoint", "http://localhost:4318"]).code(2).stderr_eq(str![[r#"
error: only spans can be sent to a collector
   hint: --format otel

"#]]);
    // Nobody listens at the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    send(&["--format", "otel", "--endpoint", &url]).code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/v1/traces` does not take the spans
  cause: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)

"#]]);
}

#[test]
fn a_cut_trace_has_the_spans_that_it_begins_and_says_that_they_failed() {
    let world = World::new();
    let trace: Vec<&str> = include_str!("../cli/hello.jsonl").lines().take(6).collect();
    world.write("t.jsonl", trace.join("\n"));
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().success();
    let spans = checked(&world.work().join("t.otlp"));
    let said: Vec<(&Value, &Value)> = spans.iter().map(|span| (&span["name"], &span["status"][0])).collect();
    assert_eq!(
        said,
        [
            (&json!("forward pass"), &json!(2)),
            (&json!("text_completion dummy"), &json!(0)),
            (&json!("invoke_agent hello"), &json!(2)),
        ]
    );
}
