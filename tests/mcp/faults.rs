//! Servers that send garbage, die or hang: an error that says which server it was and what it did, and the inferlet goes on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use bakery::project::settings::McpServer;
use serde_json::json;

use super::{error, got, misbehaving, started, text, within};
use crate::support::node;

/// What each tool does to the session, and the beginning of what is said about it.
const FATAL: [(&str, &str); 13] = [
    ("die", "ended with exit code 3; the end of its standard error: the oven is on fire (code -32000)"),
    ("kill", "was ended by signal 9 (code -32000)"),
    ("mute", "closed its standard output (code -32000)"),
    ("garbage", "has written what is no message of JSON-RPC: debug: calling the oven (expected value"),
    ("half", r#"has written what is no message of JSON-RPC: {"jsonrpc":"2.0","id": (EOF"#),
    ("batch", r#"has written what is no message of JSON-RPC: [{"jsonrpc""#),
    (
        "binary",
        "has written what is no message of JSON-RPC: \u{fffd}\u{fffd} (it is not UTF-8) (code -32700)",
    ),
    ("deep", "has written what is no message of JSON-RPC: [[[[["),
    (
        "number",
        r#"has written what is no message of JSON-RPC: {"jsonrpc":"2.0","id":1,"result":5} (its result is not an object)"#,
    ),
    ("wrong_id", "has answered a request that was not made: the id of its answer is 4711 (code -32700)"),
    ("no_id", "reports an error that belongs to no request: cannot read that (code -32700)"),
    ("huge", "has sent a message of more than 16 MiB (code -32700)"),
    ("endless", "has sent a message of more than 16 MiB (code -32700)"),
];

#[test]
fn what_a_server_does_wrong_is_said_and_its_session_is_over_and_a_new_one_works() {
    for (tool, expected) in FATAL {
        let steps = json!([
            { "connect": "it" }, { "call-tool": [tool, "{}"] }, { "call-tool": ["echo", "{}"] },
            { "connect": "it" }, { "call-tool": ["echo", r#"{"still":"here"}"#] },
        ]);
        let got = got(&[("it", misbehaving("polite"))], &steps);
        let expected = format!("the MCP server `it` {expected}");
        assert!(error(&got[1]).starts_with(&expected), "{tool}: {}\nexpected: {expected}", got[1]);
        assert!(error(&got[2]).starts_with("the MCP server `it` "), "{tool}: {}", got[2]);
        assert_eq!(text(&got[4]), r#"{"still":"here"}"#, "{tool}");
    }
}

#[test]
fn a_call_that_is_not_answered_in_time_fails_and_the_session_goes_on() {
    let steps =
        json!([{ "connect": "it" }, { "call-tool": ["hang", "{}"] }, { "call-tool": ["echo", "{}"] }]);
    // Long enough for a busy machine to start the server.
    let got = got(&[("it", within(5, misbehaving("polite")))], &steps);
    let expected = "the MCP server `it` has not answered `tools/call` within 5 s (code -32001)";
    assert_eq!((error(&got[1]), text(&got[2])), (expected, "{}"));
}

#[test]
fn what_is_unusual_and_not_wrong_works() {
    let steps = json!([
        { "connect": "it" },
        { "call-tool": ["noise", "{}"] },
        { "call-tool": ["flood", "{}"] },
        { "call-tool": ["large", "{}"] },
        { "call-tool": ["twice", "{}"] },
        { "call-tool": ["ask_back", "{}"] },
        { "call-tool": ["answer_and_die", "{}"] },
    ]);
    let got = got(&[("it", misbehaving("greet"))], &steps);
    let texts: Vec<&str> = got[1..].iter().map(text).collect();
    let large = "x".repeat(1 << 20);
    let replied = r#"{"id":"mine","jsonrpc":"2.0","result":{}}"#;
    assert_eq!(texts, ["over the noise", "after the flood", &large, "first", replied, "farewell"]);
}

/// What is said about a server that cannot be connected to.
fn refusal(server: McpServer) -> String {
    error(&got(&[("it", server)], &json!([{ "connect": "it" }]))[0]).to_owned()
}

#[test]
fn a_server_that_does_not_open_is_an_error_that_says_why() {
    let cases = [
        (
            misbehaving("crash"),
            "ended with exit code 7; the end of its standard error: the recipe is missing (code -32000)",
        ),
        (misbehaving("nonsense"), "has answered the handshake with something else: "),
        (
            misbehaving("other-id"),
            "has answered a request that was not made: the id of its answer is 99 (code -32700)",
        ),
        (within(2, misbehaving("mute")), "has not answered the handshake within 2 s (code -32001)"),
        (misbehaving("chatter"), "has written what is no message of JSON-RPC: still baking (expected value"),
        (
            started("no-such-program"),
            "cannot be started: there is no program `no-such-program` (code -32000)",
        ),
        (started("/"), "cannot be started: `/`: "),
    ];
    for (server, expected) in cases {
        let expected = format!("the MCP server `it` {expected}");
        let found = refusal(server);
        assert!(found.starts_with(&expected), "{found}\nexpected: {expected}");
    }
    let refused = refusal(misbehaving("refuse"));
    assert_eq!(refused, r#"closed on Mondays (code -32000): {"day":"Monday"}"#);
}

/// `misbehave.mjs` as a server for HTTP.
struct Web {
    process: Child,
    port: String,
}

impl Web {
    fn start() -> Web {
        let mut command = Command::new(node::node());
        command.arg(node::folder().join("misbehave.mjs")).arg("http").stdout(Stdio::piped());
        let mut process = command.spawn().expect("node starts");
        let mut port = String::new();
        let stdout = process.stdout.take().expect("its output is a pipe");
        BufReader::new(stdout).read_line(&mut port).expect("the server says its port");
        Web { process, port: port.trim().to_owned() }
    }

    fn at(&self, path: &str) -> McpServer {
        started(&format!("http://127.0.0.1:{}/{path}", self.port))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_a_server_does_wrong_over_http_is_said_and_the_session_goes_on() {
    let web = Web::start();
    let cases = [
        ("broken", "cannot be spoken to: HTTP 500"),
        ("garbage", "cannot be spoken to: unexpected server response: could not parse JSON response"),
        ("garbage_event", "has sent what does not fit: debug: calling the oven (expected value"),
        ("wrong_id", "cannot be spoken to: unexpected server response: the id of the answer is 4711"),
        ("wrong_id_event", "has sent what does not fit: "),
        ("hang", "has not answered `tools/call` within 3 s (code -32001)"),
        ("cut", "cannot be spoken to: "),
        ("huge", "cannot be spoken to: HTTP response body exceeded the maximum size of 16777216 bytes"),
    ];
    for (tool, expected) in cases {
        let steps =
            json!([{ "connect": "it" }, { "call-tool": [tool, "{}"] }, { "call-tool": ["echo", "{}"] }]);
        let got = got(&[("it", within(3, web.at("mcp")))], &steps);
        let found = error(&got[1]);
        let expected = format!("the MCP server `it` {expected}");
        assert!(found.starts_with(&expected), "{tool}: {found}\nexpected: {expected}");
        assert_eq!(text(&got[2]), "{}", "{tool}");
    }
    let steps =
        json!([{ "connect": "it" }, { "raw-call-tool": ["refuse", "{}"] }, { "call-tool": ["event", "{}"] }]);
    let got = got(&[("it", web.at("moved/mcp"))], &steps);
    assert_eq!(got[1]["code"], -32042);
    assert_eq!(got[2], json!({ "z": 1, "content": [], "a": 2, "unknown": true }));
}

#[test]
fn an_address_where_no_server_answers_is_an_error_that_says_so() {
    let web = Web::start();
    let (page, absent) = (refusal(web.at("web")), refusal(web.at("absent")));
    let port = web.port.clone();
    drop(web);
    let gone = refusal(started(&format!("http://127.0.0.1:{port}/mcp")));
    let beginning = "the MCP server `it` cannot be spoken to: ";
    assert!(page.starts_with(&format!("{beginning}Unexpected content type: Some(\"text/html\")")), "{page}");
    assert!(absent.contains("HTTP 404"), "{absent}");
    assert!(gone.starts_with(beginning) && gone.contains("refused"), "{gone}");
}
