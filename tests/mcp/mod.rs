//! Servers of the Model Context Protocol, and inferlets that talk to them: one that others wrote, over both of its transports, and `misbehave.mjs`,
//! which does what a server should not. `tests/guests/mcp-client` makes the calls that its input lists.

mod configured;
mod ends;
mod everything;
mod faults;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bakery::environment::Environment;
use bakery::outside::Background;
use bakery::outside::mcp::Mcp;
use bakery::project::settings::{McpAccess, McpServer};
use pie_engine::ids::QuestionId;
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, Question};
use pie_engine::trace::{Collected, Event, Outcome, Record};
use pie_engine::{Engine, EngineConfig, Launch, Outside};
use serde_json::{Value, json};

use crate::support::node;
use crate::support::rust::guest;

/// The component, built once for all tests.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("mcp-client"))
}

/// Servers only, of all there is outside.
struct Servers(Mcp);

impl Outside for Servers {
    fn ask(&self, question: Asked, reply: Reply) {
        self.0.ask(question, reply);
    }

    fn hang_up(&self, session: QuestionId) {
        self.0.hang_up(session);
    }
}

/// A server that `misbehave.mjs` is, in one of its modes.
fn misbehaving(mode: &str) -> McpServer {
    started(&node::command(&node::folder().join("misbehave.mjs"), &[mode]))
}

fn started(command: &str) -> McpServer {
    McpServer::from_words(command, &std::env::temp_dir()).expect("it is a command")
}

/// The same server with a variable in its environment.
fn with_variable(mut server: McpServer, name: &str, value: &str) -> McpServer {
    let McpAccess::Command(command) = &mut server.access else { panic!("it is not started") };
    command.env.insert(name.to_owned(), value.to_owned());
    server
}

/// The same server with little time.
fn within(seconds: u64, server: McpServer) -> McpServer {
    McpServer { timeout: Duration::from_secs(seconds), ..server }
}

/// What an inferlet got that took these steps, and what happened. All servers have ended afterwards.
fn run(servers: &[(&str, McpServer)], steps: &Value) -> (Outcome, Vec<Record>) {
    let servers: BTreeMap<String, McpServer> =
        servers.iter().map(|(name, server)| ((*name).to_owned(), server.clone())).collect();
    let env = Environment::read().expect("the process has surroundings");
    let outside = Arc::new(Servers(Mcp::new(servers, &env, Background::default())));
    let engine = Engine::new(EngineConfig::dummy()).expect("the engine starts");
    let inferlet = engine.compile(component()).expect("the guest is an inferlet");
    let trace = Collected::default();
    let launch = Launch::new(steps.to_string()).outside(outside.clone());
    let finished = engine.run(&inferlet, launch, Box::new(trace.clone()));
    outside.0.close();
    (finished.outcome, trace.records())
}

/// What it got, when it ended well: a value for each step.
fn got(servers: &[(&str, McpServer)], steps: &Value) -> Vec<Value> {
    match run(servers, steps).0 {
        Outcome::Ok(answer) => serde_json::from_str(answer.as_str()).expect("the answer is JSON"),
        other => panic!("{other:?}"),
    }
}

/// The message of a step that failed.
fn error(value: &Value) -> &str {
    value["error"].as_str().unwrap_or_else(|| panic!("it did not fail: {value}"))
}

/// The text of a tool's answer.
fn text(value: &Value) -> &str {
    value["content"][0]["text"].as_str().unwrap_or_else(|| panic!("there is no text: {value}"))
}

#[test]
fn questions_and_answers_are_recorded_whole_and_take_virtual_time() {
    let steps = json!(["servers", { "connect": "it" }, { "call-tool": ["exact", "{}"] }]);
    let (outcome, records) = run(&[("it", misbehaving("polite"))], &steps);
    assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
    let happened: Vec<(u64, &Event)> = records
        .iter()
        .filter(|record| matches!(record.event, Event::Asked { .. } | Event::Answered { .. }))
        .map(|record| (record.at, &record.event))
        .collect();
    let result = r#"{"z":1,"content":[],"a":12345678901234567890.50,"unknown":{"b":null}}"#;
    let [(_, asked), (_, answered)] = happened[4..] else { panic!("{happened:?}") };
    assert!(
        matches!(asked, Event::Asked { question: Question::McpCall { method, params, .. }, .. }
            if method == "tools/call" && params.as_str() == Some(r#"{"name":"exact","arguments":{}}"#)),
        "{asked:?}"
    );
    // As the server wrote it, to the last digit.
    assert!(
        matches!(answered, Event::Answered { answer: Answer::McpResult { result: it }, .. } if it.as_str() == Some(result)),
        "{answered:?}"
    );
    let times: Vec<u64> = happened.iter().map(|(at, _)| at - happened[0].0).collect();
    let answer = pie_engine::outside::ANSWER_NANOSECONDS;
    assert_eq!(times, [0, answer, answer, 2 * answer, 2 * answer, 3 * answer]);
    assert_eq!(run(&[("it", misbehaving("polite"))], &steps).1, records, "runs differ");
}

#[test]
fn an_error_of_a_server_keeps_code_message_and_data() {
    let steps = json!([{ "connect": "it" }, { "raw-call-tool": ["refuse", "{}"] }, { "call-tool": ["refuse", "{}"] }]);
    let got = got(&[("it", misbehaving("polite"))], &steps);
    let data = r#"{"retry":["tomorrow"]}"#;
    assert_eq!(got[1], json!({ "code": -32042, "message": "not today", "data": data }));
    assert_eq!(error(&got[2]), format!("not today (code -32042): {data}"));
}

#[test]
fn arguments_that_are_no_object_are_refused_before_the_server_is_asked() {
    let steps =
        json!([{ "connect": "it" }, { "raw-call-tool": ["echo", "[1]"] }, { "call-tool": ["echo", "{"] }]);
    let (outcome, records) = run(&[("it", misbehaving("polite"))], &steps);
    let Outcome::Ok(answer) = outcome else { panic!("{outcome:?}") };
    let answer: Vec<Value> = serde_json::from_str(answer.as_str()).expect("the answer is JSON");
    let message = "the arguments for `echo` must be a JSON object: found an array";
    assert_eq!(answer[1], json!({ "code": -32602, "message": message, "data": null }));
    assert!(error(&answer[2]).contains("must be a JSON object: EOF"), "{answer:?}");
    let asked = records.iter().filter(|record| matches!(record.event, Event::Asked { .. })).count();
    assert_eq!(asked, 1, "more was asked than to connect");
}

#[test]
fn a_server_that_nobody_has_set_up_is_an_error_that_names_those_there_are() {
    let steps = json!(["servers", { "connect": "c" }]);
    let with_two = got(&[("b", misbehaving("polite")), ("a", misbehaving("polite"))], &steps);
    assert_eq!(with_two[0], json!(["a", "b"]));
    assert_eq!(error(&with_two[1]), "there is no MCP server `c`, only `a`, `b` (code -32602)");
    let with_none = got(&[], &steps);
    assert_eq!(with_none[0], json!([]));
    assert_eq!(
        error(&with_none[1]),
        "there is no MCP server `c`; `--mcp c=COMMAND` would give it to the run (code -32602)"
    );
}

/// A file for what a server says of itself.
fn pid_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let file = folder.path().join("pid");
    (folder, file)
}

#[test]
fn nothing_is_started_before_somebody_connects_to_it() {
    let (_folder, file) = pid_file();
    let server = with_variable(misbehaving("polite"), "PID_FILE", file.to_str().expect("the path is UTF-8"));
    assert_eq!(got(&[("it", server.clone())], &json!(["servers"])), [json!(["it"])]);
    assert!(!file.exists(), "the server was started");
    assert_eq!(got(&[("it", server)], &json!([{ "connect": "it" }])), [json!("open")]);
    assert!(file.exists(), "the server was not started");
}
