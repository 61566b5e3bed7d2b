//! `pie:mcp/client`: servers of the Model Context Protocol. Each call is a question to the outside.

use super::bindings::pie::mcp::client::{Error, Host, HostSession};
use super::state::State;
use super::work::CHECKED_BYTE;
use crate::ids::QuestionId;
use crate::outside::{Answer, Outside, Question};
use serde_json::{Value, json};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;

/// JSON-RPC: the parameters are not what the method takes.
const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: something else went wrong than what the server says.
const INTERNAL_ERROR: i32 = -32603;

/// A session with a server. It ends when this is dropped, also with the whole instance and while it is being opened.
pub struct SessionHandle {
    id: QuestionId,
    outside: Arc<dyn Outside>,
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.outside.hang_up(self.id);
    }
}

type Outcome<T> = std::result::Result<T, Error>;

fn error(code: i32, message: impl Into<String>) -> Error {
    Error { code, message: message.into(), data: None }
}

/// The error in an answer that is not the one that was hoped for.
fn failure(answer: Answer) -> Error {
    match answer {
        Answer::McpFailed { code, message, data } => {
            let data = data.map(|data| String::from_utf8_lossy(data.as_bytes()).into_owned());
            Error { code, message, data }
        }
        Answer::Failed { message } => error(INTERNAL_ERROR, message),
        _ => error(INTERNAL_ERROR, "the answer is not one to this question"),
    }
}

/// What `tools/call` and `prompts/get` take. The arguments stay as they are written.
fn with_arguments(name: &str, args: &str) -> Outcome<String> {
    let refused = |found: String| {
        let quoted = name.escape_debug();
        Err(error(INVALID_PARAMS, format!("the arguments for `{quoted}` must be a JSON object: {found}")))
    };
    match serde_json::from_str(args) {
        Ok(Value::Object(_)) => Ok(format!(r#"{{"name":{},"arguments":{}}}"#, json!(name), args.trim())),
        Ok(value) => refused(format!("found {}", kind(&value))),
        Err(cause) => refused(cause.to_string()),
    }
}

/// What a value is, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl State {
    /// Calls a method in a session: the `result` of the reply.
    async fn call(
        &mut self,
        session: &Resource<SessionHandle>,
        method: &str,
        params: Outcome<String>,
    ) -> Result<Outcome<String>> {
        let session = self.table.get(session)?.id;
        let params = match params {
            Ok(params) => params.into(),
            Err(error) => return Ok(Err(error)),
        };
        let answer = self.consult(Question::McpCall { session, method: method.to_owned(), params }).await?;
        let Answer::McpResult { result } = answer else { return Ok(Err(failure(answer))) };
        Ok(String::from_utf8(result.into_bytes())
            .map_err(|_| error(INTERNAL_ERROR, "the result is not UTF-8")))
    }
}

impl super::bindings::pie::mcp::types::Host for State {}

impl Host for State {
    async fn available_servers(&mut self) -> Result<Vec<String>> {
        self.called("client.available-servers");
        Ok(match self.consult(Question::McpServers).await? {
            Answer::McpServers { names } => names,
            _ => Vec::new(),
        })
    }

    async fn connect(&mut self, server: String) -> Result<Outcome<Resource<SessionHandle>>> {
        self.called("client.connect");
        let ticket = self.put(Question::McpConnect { server })?;
        let handle = SessionHandle { id: ticket.id(), outside: Arc::clone(&self.outside) };
        let answer = ticket.answer().wait().await.clone();
        self.reached(&ticket, &answer)?;
        if answer == Answer::McpConnected {
            Ok(Ok(self.table.push(handle)?))
        } else {
            Ok(Err(failure(answer)))
        }
    }
}

impl HostSession for State {
    async fn list_tools(&mut self, session: Resource<SessionHandle>) -> Result<Outcome<String>> {
        self.called("session.list-tools");
        self.call(&session, "tools/list", Ok("{}".to_owned())).await
    }

    async fn call_tool(
        &mut self,
        session: Resource<SessionHandle>,
        name: String,
        args: String,
    ) -> Result<Outcome<String>> {
        self.called("session.call-tool");
        self.pay(args.len(), CHECKED_BYTE)?;
        self.call(&session, "tools/call", with_arguments(&name, &args)).await
    }

    async fn list_resources(&mut self, session: Resource<SessionHandle>) -> Result<Outcome<String>> {
        self.called("session.list-resources");
        self.call(&session, "resources/list", Ok("{}".to_owned())).await
    }

    async fn read_resource(
        &mut self,
        session: Resource<SessionHandle>,
        uri: String,
    ) -> Result<Outcome<String>> {
        self.called("session.read-resource");
        self.call(&session, "resources/read", Ok(json!({ "uri": uri }).to_string())).await
    }

    async fn list_prompts(&mut self, session: Resource<SessionHandle>) -> Result<Outcome<String>> {
        self.called("session.list-prompts");
        self.call(&session, "prompts/list", Ok("{}".to_owned())).await
    }

    async fn get_prompt(
        &mut self,
        session: Resource<SessionHandle>,
        name: String,
        args: String,
    ) -> Result<Outcome<String>> {
        self.called("session.get-prompt");
        self.pay(args.len(), CHECKED_BYTE)?;
        self.call(&session, "prompts/get", with_arguments(&name, &args)).await
    }

    fn drop(&mut self, session: Resource<SessionHandle>) -> Result<()> {
        self.table.delete(session)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_as_they_are_written() {
        let params = with_arguments("a\"b", " {\"z\": 1e2, \"a\": {}}\n").unwrap();
        assert_eq!(params, r#"{"name":"a\"b","arguments":{"z": 1e2, "a": {}}}"#);
    }

    #[test]
    fn arguments_that_are_no_object_are_refused_with_what_they_are() {
        let refusal = |args: &str| with_arguments("add", args).unwrap_err();
        assert_eq!((refusal("[1]").code, refusal("[1]").data), (-32602, None));
        assert_eq!(refusal("[1]").message, "the arguments for `add` must be a JSON object: found an array");
        assert_eq!(
            refusal("").message,
            "the arguments for `add` must be a JSON object: EOF while parsing a value at line 1 column 0"
        );
        // What nests too deep for the reader here would also be so for the server.
        assert_eq!(refusal(&"[".repeat(10_000)).code, -32602);
    }

    #[test]
    fn an_error_keeps_code_message_and_data() {
        let data = Some(r#"{"uri":"x"}"#.into());
        let failed = failure(Answer::McpFailed { code: -32002, message: "no such resource".into(), data });
        assert_eq!((failed.code, &*failed.message), (-32002, "no such resource"));
        assert_eq!(failed.data.as_deref(), Some(r#"{"uri":"x"}"#));
        assert_eq!(failure(Answer::McpConnected).code, -32603);
    }
}
