//! A client of MCP servers: what it asks of them, step by step, is its input, and what it got is its answer.

use inferlet::mcp::client::{self, Session};
use inferlet::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Which servers there are.
    Servers,
    /// Opens a session; the one before is closed first.
    Connect(String),
    /// Closes the session.
    HangUp,
    ListTools,
    /// A tool and its arguments, JSON text.
    CallTool(String, String),
    ListResources,
    ReadResource(String),
    ListPrompts,
    /// A prompt and its arguments, JSON text.
    GetPrompt(String, String),
    /// A tool and its arguments; an error comes as a record.
    RawCallTool(String, String),
    /// Ends without an answer, and with the session open.
    Trap,
}

#[inferlet::main]
async fn main(steps: Vec<Step>) -> Result<Vec<Value>> {
    let mut session = None;
    let mut got = Vec::new();
    for step in steps {
        got.push(take(step, &mut session)?);
    }
    Ok(got)
}

/// What a step gives: the result, or the error in an object.
fn take(step: Step, session: &mut Option<Session>) -> Result<Value> {
    let result = match step {
        Step::Servers => return Ok(json!(client::available_servers())),
        Step::HangUp => {
            session.take();
            return Ok(Value::Null);
        }
        Step::Connect(name) => {
            session.take();
            match client::connect(&name) {
                Ok(opened) => {
                    *session = Some(opened);
                    return Ok(json!("open"));
                }
                Err(error) => Err(error),
            }
        }
        Step::ListTools => open(session)?.list_tools(),
        Step::CallTool(name, args) => open(session)?.call_tool(&name, &args),
        Step::ListResources => open(session)?.list_resources(),
        Step::ReadResource(uri) => open(session)?.read_resource(&uri),
        Step::ListPrompts => open(session)?.list_prompts(),
        Step::GetPrompt(name, args) => open(session)?.get_prompt(&name, &args),
        Step::RawCallTool(name, args) => match open(session)?.raw().call_tool(&name, &args) {
            Ok(result) => Ok(result),
            Err(error) => {
                return Ok(json!({ "code": error.code, "message": error.message, "data": error.data }));
            }
        },
        Step::Trap => std::process::abort(),
    };
    match result {
        Ok(result) => serde_json::from_str(&result).map_err(|error| format!("{error}: {result}")),
        Err(error) => Ok(json!({ "error": error })),
    }
}

fn open(session: &Option<Session>) -> Result<&Session> {
    session.as_ref().ok_or_else(|| "no session is open".to_owned())
}
