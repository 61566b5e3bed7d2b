//! A server that others wrote, `@modelcontextprotocol/server-everything` from npm: all calls, through standard streams and over HTTP.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use bakery::project::settings::McpServer;
use serde_json::{Value, json};

use super::{error, got, started, text};
use crate::support::node;

const ARCHITECTURE: &str = "demo://resource/static/document/architecture.md";

/// Every call of a session, with some that the server refuses.
fn all_calls() -> Value {
    json!([
        "servers",
        { "connect": "everything" },
        "list-tools",
        { "call-tool": ["get-sum", r#"{"a":2,"b":3}"#] },
        { "call-tool": ["echo", r#"{"message":"ﷺ 🦀 \" \n"}"#] },
        "list-resources",
        { "read-resource": ARCHITECTURE },
        "list-prompts",
        { "get-prompt": ["args-prompt", r#"{"city":"Oslo"}"#] },
        { "read-resource": "demo://nowhere" },
        { "get-prompt": ["args-prompt", "{}"] },
        { "call-tool": ["no-such-tool", "{}"] },
        "hang-up",
        { "connect": "everything" },
        { "call-tool": ["get-sum", r#"{"a":20,"b":22}"#] },
    ])
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap_or_else(|| panic!("it is no list: {list}"));
    items.iter().map(|item| item["name"].as_str().expect("it has a name")).collect()
}

fn every_call_works_with(server: McpServer) -> Vec<Value> {
    let got = got(&[("everything", server)], &all_calls());
    assert_eq!(got[..2], [json!(["everything"]), json!("open")]);
    assert!(names(&got[2]["tools"]).contains(&"get-sum"), "{}", got[2]);
    assert!(got[2]["tools"][0]["inputSchema"]["properties"].is_object(), "{}", got[2]);
    assert_eq!(text(&got[3]), "The sum of 2 and 3 is 5.");
    assert_eq!(text(&got[4]), "Echo: ﷺ 🦀 \" \n");
    assert!(names(&got[5]["resources"]).contains(&"architecture.md"), "{}", got[5]);
    assert_eq!(got[6]["contents"][0]["uri"], ARCHITECTURE);
    assert!(got[6]["contents"][0]["text"].as_str().is_some_and(|text| text.contains("Architecture")));
    assert!(names(&got[7]["prompts"]).contains(&"args-prompt"), "{}", got[7]);
    assert_eq!(got[8]["messages"][0]["content"]["text"], "What's weather in Oslo?");
    assert!(error(&got[9]).contains("demo://nowhere not found (code -32602)"), "{}", got[9]);
    assert!(error(&got[10]).contains("(code -32602)"), "{}", got[10]);
    assert_eq!(got[11]["isError"], true);
    assert_eq!(got[12..14], [Value::Null, json!("open")]);
    assert_eq!(text(&got[14]), "The sum of 20 and 22 is 42.");
    got
}

/// The server as one for HTTP.
struct Web {
    process: Child,
    port: u16,
}

impl Web {
    fn start() -> Web {
        // Free now; nobody else is likely to take it in the moment until the server does.
        let free = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let mut command = Command::new(node::node());
        command.arg(node::everything()).arg("streamableHttp").env("PORT", port.to_string());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("node starts");
        let mut lines = BufReader::new(process.stderr.take().expect("it is a pipe")).lines();
        let listens = lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening on port"));
        assert!(listens, "the server does not listen");
        // It goes on writing.
        thread::spawn(move || lines.for_each(drop));
        Web { process, port }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn every_call_works_with_a_server_that_others_wrote_and_the_same_over_http() {
    let through_streams = every_call_works_with(started(&node::command(node::everything(), &[])));
    let web = Web::start();
    let over_http = every_call_works_with(started(&format!("http://127.0.0.1:{}/mcp", web.port)));
    assert_eq!(through_streams, over_http);
}
