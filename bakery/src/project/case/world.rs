//! `[test.mcp]`, `[[test.http]]` and `[test.request]`: the world of a case, which is what is written here and nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::settings::{self, McpServer};
use super::super::source::{Item, Table};
use super::read::named_strings;
use crate::error::Result;

/// A server of the Model Context Protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Server {
    /// One that is started, or runs; its paths are relative to the manifest.
    Real(McpServer),
    /// Replies in the file.
    Replies(McpReplies),
}

/// What a server says that there is none of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McpReplies {
    /// What it answers when asked for its tools, as the protocol has them.
    pub tools: Vec<Value>,
    /// What it answers.
    pub replies: Vec<McpReply>,
}

/// A question and what is answered. Of several that fit, each is used once in their order, and the last one again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct McpReply {
    /// The method of the protocol.
    pub method: String,
    /// The tool, where it is a call of one.
    pub tool: Option<String>,
    /// The arguments, or the other parameters of the method; any if absent.
    pub params: Option<Value>,
    /// What is answered.
    pub said: McpSaid,
}

/// An answer of a server.
#[derive(Clone, Debug, PartialEq)]
pub enum McpSaid {
    /// The result, as the protocol has it.
    Result(Value),
    /// The protocol's error.
    Error(i32, String),
}

/// A question by HTTP and what is answered; used as [`McpReply`] is.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpReply {
    /// The method; any if absent.
    pub method: Option<String>,
    /// The whole URL.
    pub url: String,
    /// The body of the request; any if absent.
    pub body: Option<String>,
    /// What is answered.
    pub said: HttpSaid,
}

/// An answer by HTTP.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpSaid {
    /// A response.
    Response {
        /// The status.
        status: u16,
        /// Names and values.
        headers: BTreeMap<String, String>,
        /// The body.
        body: String,
    },
    /// None: the case of `error-code` in `wasi:http/types`.
    Error(String),
}

/// A request that an inferlet is to respond to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// The path with its query, or the whole URL.
    pub url: String,
    /// Names and values.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// Reads `[test.mcp]`.
pub(super) fn servers(item: &Item<'_>) -> Result<BTreeMap<String, Server>> {
    let table = item.table()?;
    let mut servers = BTreeMap::new();
    for (name, item) in table.items() {
        settings::check_server_name(name).map_err(|reason| {
            let message = format!("`{}` is not a name for a server", name.escape_debug());
            table.error_at_key(name, message, reason)
        })?;
        servers.insert(name.to_owned(), server(&item.table()?)?);
    }
    Ok(servers)
}

fn server(table: &Table<'_>) -> Result<Server> {
    const ANSWERED_HERE: [&str; 2] = ["tools", "replies"];
    if !ANSWERED_HERE.iter().any(|key| table.get(key).is_some()) {
        return settings::server(table, std::path::Path::new("")).map(Server::Real);
    }
    table.allow(&ANSWERED_HERE)?;
    let tools = table.read("tools", |item| item.array("an array of tools")?.iter().map(tool).collect())?;
    let replies =
        table.read("replies", |item| item.array("an array of replies")?.iter().map(mcp_reply).collect())?;
    Ok(Server::Replies(McpReplies { tools: tools.unwrap_or_default(), replies: replies.unwrap_or_default() }))
}

/// A tool as the protocol has it: a name and the schema of what it takes, which is an object.
fn tool(item: &Item<'_>) -> Result<Value> {
    let table = item.table()?;
    table.require("name")?.non_empty_string()?;
    let mut tool = table.json()?;
    tool.entry("inputSchema").or_insert_with(|| json!({ "type": "object" }));
    Ok(Value::Object(tool))
}

fn mcp_reply(item: &Item<'_>) -> Result<McpReply> {
    let table = item.table()?;
    table.allow(&["tool", "arguments", "method", "params", "result", "error", "code"])?;
    let tool = table.read("tool", Item::non_empty_string)?;
    let (method, params) = match &tool {
        Some(_) => ("tools/call".to_owned(), table.read("arguments", Item::json)?),
        None => (table.require("method")?.non_empty_string()?, table.read("params", Item::json)?),
    };
    let foreign: &[&str] = if tool.is_some() { &["method", "params"] } else { &["arguments"] };
    if let Some(key) = foreign.iter().find(|key| table.get(key).is_some()) {
        let message = "a reply is for a `tool` with `arguments`, or for a `method` with `params`";
        return Err(table.error_at_key(key, message, "belongs to the other kind"));
    }
    let said = match (table.get("result"), table.read("error", Item::non_empty_string)?) {
        (Some(result), None) if result.is_string() && tool.is_some() => {
            McpSaid::Result(json!({ "content": [{ "type": "text", "text": result.string()? }] }))
        }
        (Some(result), None) => McpSaid::Result(result.json()?),
        (None, Some(message)) => McpSaid::Error(table.read("code", code)?.unwrap_or(-32_000), message),
        (None, None) => {
            return Err(table.error("nothing says what is answered", "neither `result` nor `error`"));
        }
        (Some(_), Some(_)) => {
            return Err(table.error_at_key(
                "error",
                "`result` and `error` exclude each other",
                "there is one answer",
            ));
        }
    };
    Ok(McpReply { method, tool, params, said })
}

fn code(item: &Item<'_>) -> Result<i32> {
    i32::try_from(item.int()?)
        .map_err(|_| item.error(format!("`{}` is out of range", item.path), "does not fit into 32 bits"))
}

/// Reads `[[test.http]]`.
pub(super) fn http_replies(item: &Item<'_>) -> Result<Vec<HttpReply>> {
    item.array("an array of tables, each under `[[test.http]]`")?.iter().map(http_reply).collect()
}

fn http_reply(item: &Item<'_>) -> Result<HttpReply> {
    let table = item.table()?;
    table.allow(&["method", "url", "request-body", "status", "headers", "body", "json", "error"])?;
    let url = table.require("url")?;
    let text = url.non_empty_string()?;
    settings::check_url(&text)
        .map_err(|reason| url.error(format!("`{}` is not a URL", text.escape_debug()), reason))?;
    let said = match table.read("error", Item::non_empty_string)? {
        Some(error) => {
            let of_response = ["status", "headers", "body", "json"];
            if let Some(key) = of_response.into_iter().find(|key| table.get(key).is_some()) {
                let message = format!("`{key}` and `error` exclude each other");
                return Err(table.error_at_key(key, message, "is of a response"));
            }
            HttpSaid::Error(error)
        }
        None => response(&table)?,
    };
    Ok(HttpReply {
        method: table.read("method", Item::non_empty_string)?.map(|method| method.to_ascii_uppercase()),
        url: text,
        body: table.read("request-body", |item| item.string().map(str::to_owned))?,
        said,
    })
}

fn response(table: &Table<'_>) -> Result<HttpSaid> {
    let mut headers = table.read("headers", named_strings)?.unwrap_or_default();
    let body =
        match (table.read("body", |item| item.string().map(str::to_owned))?, table.read("json", Item::json)?)
        {
            (Some(_), Some(_)) => {
                return Err(table.error_at_key(
                    "json",
                    "`body` and `json` exclude each other",
                    "there is one body",
                ));
            }
            (None, Some(value)) => {
                headers.entry("content-type".to_owned()).or_insert_with(|| "application/json".to_owned());
                value.to_string()
            }
            (body, None) => body.unwrap_or_default(),
        };
    Ok(HttpSaid::Response { status: table.read("status", status)?.unwrap_or(200), headers, body })
}

/// A status of HTTP.
pub(super) fn status(item: &Item<'_>) -> Result<u16> {
    match item.unsigned()? {
        status @ 100..=999 => Ok(status as u16),
        _ => Err(item.error(format!("`{}` is no status of HTTP", item.path), "expected 100 to 999")),
    }
}

/// Reads `[test.request]`.
pub(super) fn request(item: &Item<'_>) -> Result<Request> {
    let table = item.table()?;
    table.allow(&["method", "path", "headers", "body", "json"])?;
    let path = table.require("path")?;
    let url = path.non_empty_string()?;
    if !url.starts_with('/') {
        return Err(
            path.error(format!("`{}` is not a path", url.escape_debug()), "expected `/` at its beginning")
        );
    }
    let mut headers = table.read("headers", named_strings)?.unwrap_or_default();
    let json = table.read("json", Item::json)?;
    if json.is_some() {
        headers.entry("content-type".to_owned()).or_insert_with(|| "application/json".to_owned());
    }
    let body = table.read("body", |item| item.string().map(str::to_owned))?;
    if json.is_some() && body.is_some() {
        return Err(table.error_at_key("json", "`body` and `json` exclude each other", "there is one body"));
    }
    let body = body.or_else(|| json.as_ref().map(Value::to_string)).unwrap_or_default();
    let method = table.read("method", Item::non_empty_string)?;
    let method = method.unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.to_owned());
    Ok(Request { method: method.to_ascii_uppercase(), url, headers, body })
}

impl McpReply {
    /// Whether it answers a call with these parameters.
    pub fn fits(&self, method: &str, params: &Map<String, Value>) -> bool {
        if self.method != method {
            return false;
        }
        let Some(tool) = &self.tool else {
            return self.params.as_ref().is_none_or(|wanted| wanted.as_object() == Some(params));
        };
        let nothing = Value::Object(Map::new());
        let arguments = params.get("arguments").unwrap_or(&nothing);
        params.get("name").and_then(Value::as_str) == Some(tool)
            && self.params.as_ref().is_none_or(|wanted| wanted == arguments)
    }
}
