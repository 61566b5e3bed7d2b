//! `bakery trace export --format otel`: spans are held against the messages that OpenTelemetry publishes, in files, on their way to a backend, and through a collector that others
//! wrote.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snapbox::cmd::Command as Trial;
use snapbox::str;

use crate::book::repository;
use crate::support::{World, python};

/// How long something that takes milliseconds may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the requirements pin, installed once below the target folder.
fn installed() -> PathBuf {
    python::installed("otlp", &repository().join("tests/collector/requirements.txt"))
}

/// The last release of Python that the collector which takes JSON comes for.
const LAST_RELEASE: u32 = 13;

/// The same for those of a collector that takes JSON, which is linked to the library of the Python that it is installed for.
fn installed_for_json(interpreter: &Path) -> PathBuf {
    // Installed anew where that is another one now.
    let release = interpreter.file_name().unwrap_or_default().to_string_lossy();
    let pinned = repository().join("tests/collector/requirements-json.txt");
    python::installed_for(interpreter, &format!("otlp-json-{release}"), &pinned)
}

/// Where the libraries of an interpreter are.
fn libraries(interpreter: &Path) -> String {
    let mut command = Command::new(interpreter);
    command.args(["-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"]);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

/// The script of a backend, with the published messages.
fn backend(arguments: &[&str]) -> Command {
    let mut command = Command::new(python::interpreter());
    command.arg(repository().join("tests/collector/collector.py")).args(arguments);
    command.env("PYTHONPATH", installed()).stdin(Stdio::null());
    command
}

/// The spans of a file.
fn checked(file: &Path) -> Vec<Value> {
    let output = backend(&["check", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A backend that listens.
struct Listening {
    child: Child,
    lines: Receiver<String>,
    url: String,
}

impl Listening {
    fn start() -> Listening {
        let mut child = backend(&["serve"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let port = lines.recv_timeout(PATIENCE).unwrap();
        Listening { child, lines, url: format!("http://127.0.0.1:{port}") }
    }

    /// So many spans that it took.
    fn take(&self, count: usize) -> Vec<Value> {
        let lines = (0..count).map(|_| self.lines.recv_timeout(PATIENCE).unwrap());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// What else it took.
    fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.lines.iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

/// A collector that is not ours: Rotel, which takes spans at one address, reads them, and sends them on to a backend in batches of its own.
struct Rotel {
    child: Child,
    url: String,
}

impl Rotel {
    fn start(installed: &Path, interpreter: &Path, backend: &str, world: &World) -> Rotel {
        // It has to be told its ports. Both are held until both are known, so that they are two.
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, grpc] = held.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
        drop(held);
        let program = installed.join("rotel/rotel-agent");
        make_executable(&program);
        let mut command = Command::new(program);
        command.arg("start").args(["--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc]);
        command.args(["--otlp-exporter-endpoint", backend, "--otlp-exporter-protocol", "http"]);
        command.current_dir(world.work()).args(["--pid-file", "rotel.pid", "--log-file", "rotel.log"]);
        command.env("LD_LIBRARY_PATH", libraries(interpreter));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut rotel = Rotel { child, url: format!("http://{http}") };
        let begun = Instant::now();
        while TcpStream::connect(&http).is_err() {
            assert!(rotel.child.try_wait().unwrap().is_none(), "Rotel has ended");
            assert!(begun.elapsed() < PATIENCE, "Rotel does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        rotel
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The installer may keep the mode of an archive, or not.
fn make_executable(program: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn example(world: &World, name: &str) -> Vec<Value> {
    let trace = std::fs::read_to_string(repository().join(format!("tests/examples/{name}.jsonl"))).unwrap();
    world.write("t.jsonl", &trace);
    trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The spans of the trace as they are in a file.
fn exported(world: &World) -> Vec<Value> {
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().success();
    checked(&world.work().join("t.otlp"))
}

/// What is added for the form that is not the default.
const AS_JSON: &[&str] = &["--protocol", "http/json"];

/// Sends the spans of the trace.
fn send(world: &World, url: &str, form: &[&str]) -> Trial {
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "--endpoint", url]).args(form)
}

/// Spans in an order that does not depend on how they came.
fn by_id(mut spans: Vec<Value>) -> Vec<Value> {
    spans.sort_by_key(|span| span["id"].as_str().map(str::to_owned));
    spans
}

/// Rounds the fraction that a span may have.
fn round(span: &mut Value) {
    if let Some(margin) = span["attributes"].get_mut("bakery.margin") {
        *margin = json!(margin.as_f64().unwrap() as f32);
    }
}

/// The spans of an example that have come through a collector, which are those of the file.
fn through(rotel: &Rotel, form: &[&str], backend: &Listening, world: &World, name: &str) -> Vec<Value> {
    example(world, name);
    let mut expected = by_id(exported(world));
    send(world, &rotel.url, form).assert().success();
    let mut found = by_id(backend.take(expected.len()));
    if form == AS_JSON {
        // It reads fractions in JSON with an error in the last of 53 bits. They had 24 in the trace.
        [&mut expected, &mut found].into_iter().flatten().for_each(round);
    }
    assert_eq!(found, expected, "{name}");
    found
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
        let spans = exported(&world);
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
    let spans = exported(&world);
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
fn a_backend_gets_what_a_file_would_have() {
    let world = World::new();
    example(&world, "bidding-rust");
    let (expected, listening) = (exported(&world), Listening::start());
    let send = |path: &str| send(&world, &format!("{}{path}", listening.url), &[]);
    send("").assert().success().stdout_eq("").stderr_eq(str![[r#"
        Sent 132 spans to `http://127.0.0.1:[..]`

"#]]);
    // One that has no time is asked again.
    send("/busy").assert().success();
    send("/closed").args(["--header", "x-key=open sesame"]).assert().success();
    send("/closed").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/closed/v1/traces` does not take the spans
  cause: it answers 401: who are you?

"#]]);
    send("/full").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/full/v1/traces` does not take the spans
  cause: it has rejected 2 spans: no room

"#]]);
    assert_eq!(listening.end(), [expected.clone(), expected.clone(), expected].concat());
}

#[test]
fn spans_travel_as_json_where_that_is_asked_for() {
    let world = World::new();
    example(&world, "bidding-rust");
    let (expected, listening) = (exported(&world), Listening::start());
    let send = |path: &str| send(&world, &format!("{}{path}", listening.url), AS_JSON);
    send("").assert().success();
    send("/closed").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/closed/v1/traces` does not take the spans
  cause: it answers 401: {"message": "who are you?"}

"#]]);
    send("/full").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/full/v1/traces` does not take the spans
  cause: it has rejected 2 spans: no room

"#]]);
    // One that knows no JSON.
    send("/old").assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/old/v1/traces` does not take the spans
  cause: it answers 415: {}
   hint: --protocol http/protobuf

"#]]);
    assert_eq!(listening.end(), expected);
}

#[test]
fn spans_come_through_a_collector_as_they_are_in_a_file() {
    let world = World::new();
    let listening = Listening::start();
    let rotel = Rotel::start(&installed(), python::interpreter(), &listening.url, &world);
    for name in ["parallel-generation-rust", "mcp-agent-rust", "map-reduce-rust"] {
        let found = through(&rotel, &[], &listening, &world, name);
        // What it is for: whoever looks at the backend finds calls of tools and completions below the agent that made them.
        let agent = |span: &Value| span["attributes"]["gen_ai.operation.name"] == "invoke_agent";
        let parts: Vec<&Value> = found
            .iter()
            .filter(|span| {
                ["text_completion", "execute_tool"]
                    .map(Value::from)
                    .contains(&span["attributes"]["gen_ai.operation.name"])
            })
            .collect();
        assert!(!parts.is_empty(), "{name}");
        for part in parts {
            let parent = found.iter().find(|span| span["id"] == part["parent"]);
            assert!(parent.is_some_and(agent), "{name}: {part}");
        }
    }
    // This release of it knows protocol buffers alone, and says nothing about that.
    send(&world, &rotel.url, AS_JSON).assert().code(3).stderr_eq(str![[r#"
error: the collector at `http://127.0.0.1:[..]/v1/traces` does not take the spans
  cause: it answers 400
   hint: --protocol http/protobuf

"#]]);
    drop(rotel);
    assert_eq!(listening.end(), Vec::<Value>::new());
}

#[test]
fn spans_come_through_a_collector_as_json_too() {
    let world = World::new();
    let listening = Listening::start();
    let interpreter = python::interpreter_up_to(LAST_RELEASE);
    let rotel = Rotel::start(&installed_for_json(&interpreter), &interpreter, &listening.url, &world);
    for name in ["parallel-generation-rust", "mcp-agent-rust", "map-reduce-rust", "bidding-rust"] {
        through(&rotel, AS_JSON, &listening, &world, name);
    }
    drop(rotel);
    assert_eq!(listening.end(), Vec::<Value>::new());
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
    world.bakery(["trace", "export", "t.jsonl", "--format", "otel", "-o", "t.otlp"]).assert().code(2);
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
