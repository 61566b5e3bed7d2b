//! The world of a test: answers that are written in its case, and MCP servers that it names. Nothing else is asked.
//!
//! A question without a reply means that the inferlet does something that nobody has thought of. It gets no answer, and whoever runs the case is told,
//! with the nearest reply and the first thing in which the question differs from it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pie_engine::Outside;
use pie_engine::ids::QuestionId;
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, HttpRequest, HttpResponse, Question};
use pie_engine::trace::Whole;
use serde_json::{Map, Value, json};

use super::Background;
use super::mcp::Mcp;
use crate::environment::Environment;
use crate::project::case::{Case, HttpReply, HttpSaid, McpReplies, McpReply, McpSaid, Server};

/// JSON-RPC: there is no such method.
const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC: the parameters are not what the method takes.
const INVALID_PARAMS: i32 = -32602;

/// What is called with the first question that has no reply; it should end the run.
type Refused = Box<dyn Fn(&str) + Send + Sync>;

/// Answers as a case says.
pub struct Replies {
    http: Vec<HttpReply>,
    written: BTreeMap<String, McpReplies>,
    real: Option<Mcp>,
    names: Vec<String>,
    state: Mutex<State>,
    refused: Refused,
}

#[derive(Default)]
struct State {
    /// How often each reply was used: of HTTP, and of each server.
    http: Vec<u32>,
    written: BTreeMap<String, Vec<u32>>,
    /// Sessions with servers that there are none of.
    sessions: BTreeMap<QuestionId, String>,
    refusal: Option<String>,
}

impl Replies {
    /// The world of a case. `root` is the folder of its manifest. Real servers are started when they are first asked.
    pub fn new(
        case: &Case,
        root: &Path,
        env: &Environment,
        refused: impl Fn(&str) + Send + Sync + 'static,
    ) -> Replies {
        let mut real = BTreeMap::new();
        let mut written = BTreeMap::new();
        for (name, server) in &case.mcp {
            match server {
                Server::Real(server) => drop(real.insert(name.clone(), server.clone().within(root))),
                Server::Replies(replies) => drop(written.insert(name.clone(), replies.clone())),
            }
        }
        let real = (!real.is_empty()).then(|| Mcp::new(real, env, Background::default()));
        let state = State {
            http: vec![0; case.http.len()],
            written: written.iter().map(|(name, it)| (name.clone(), vec![0; it.replies.len()])).collect(),
            ..State::default()
        };
        Replies {
            http: case.http.clone(),
            names: case.mcp.keys().cloned().collect(),
            written,
            real,
            state: Mutex::new(state),
            refused: Box::new(refused),
        }
    }

    /// Ends what was started.
    pub fn close(&self) {
        if let Some(mcp) = &self.real {
            mcp.close();
        }
    }

    /// The first question that had no reply.
    pub fn refusal(&self) -> Option<String> {
        self.lock().refusal.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, what: String) -> Answer {
        let first = {
            let mut state = self.lock();
            let first = state.refusal.is_none();
            state.refusal.get_or_insert_with(|| what.clone());
            first
        };
        if first {
            (self.refused)(&what);
        }
        Answer::Failed { message: what }
    }

    fn http(&self, request: &HttpRequest) -> Answer {
        let fits = |reply: &HttpReply| differing(reply, request).is_empty();
        let chosen = choose(&self.http, &mut self.lock().http, fits);
        match chosen {
            Some(reply) => http_answer(&reply.said),
            None => {
                let asked = format!("{} {}", request.method, request.url);
                let nearest = self.http.iter().min_by_key(|reply| differing(reply, request).len());
                let nearest = nearest.and_then(|reply| differing(reply, request).into_iter().next());
                let nearest = nearest.map(|(name, replied, asked)| {
                    format!("; the nearest is for another `{name}`: `{replied}` and not `{asked}`")
                });
                self.refuse(format!("the case has no reply to `{asked}`{}", nearest.unwrap_or_default()))
            }
        }
    }

    fn connect(&self, id: QuestionId, name: &str) -> Answer {
        if self.written.contains_key(name) {
            self.lock().sessions.insert(id, name.to_owned());
            return Answer::McpConnected;
        }
        let names = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let there = if names.is_empty() { "there are none".to_owned() } else { format!("there is {names}") };
        let message = format!("there is no server `{name}`; {there}");
        Answer::McpFailed { code: INVALID_PARAMS, message, data: None }
    }

    fn call(&self, name: &str, method: &str, params: &Whole) -> Answer {
        let Some(server) = self.written.get(name) else {
            let message = "the session is not open".to_owned();
            return Answer::McpFailed { code: INVALID_PARAMS, message, data: None };
        };
        let params = match serde_json::from_slice(params.as_bytes()) {
            Ok(Value::Object(params)) => params,
            _ => Map::new(),
        };
        let chosen = {
            let mut state = self.lock();
            let used = state.written.entry(name.to_owned()).or_default();
            choose(&server.replies, used, |reply| reply.fits(method, &params))
        };
        match (chosen, method) {
            (Some(reply), _) => mcp_answer(&reply.said),
            (None, "tools/list") => mcp_answer(&McpSaid::Result(json!({ "tools": server.tools }))),
            (None, "tools/call") => self.refuse(no_reply(name, &server.replies, &params)),
            (None, _) => {
                let message = format!("`{name}` knows no `{method}`");
                Answer::McpFailed { code: METHOD_NOT_FOUND, message, data: None }
            }
        }
    }
}

impl Outside for Replies {
    fn ask(&self, asked: Asked, reply: Reply) {
        let answer = match &asked.question {
            Question::HttpRequest(request) => self.http(request),
            Question::McpServers => Answer::McpServers { names: self.names.clone() },
            Question::McpConnect { server } => match &self.real {
                Some(real) if !self.written.contains_key(server) => return real.ask(asked, reply),
                _ => self.connect(asked.id, server),
            },
            Question::McpCall { session, method, params } => {
                let name = self.lock().sessions.get(session).cloned();
                match (name, &self.real) {
                    (None, Some(real)) => return real.ask(asked, reply),
                    (name, _) => self.call(&name.unwrap_or_default(), method, params),
                }
            }
        };
        reply.answer(answer);
    }

    fn hang_up(&self, session: QuestionId) {
        self.lock().sessions.remove(&session);
        if let Some(real) = &self.real {
            real.hang_up(session);
        }
    }
}

/// Of the replies that fit the first that was not used, else the last.
fn choose<'a, T>(replies: &'a [T], used: &mut [u32], fits: impl Fn(&T) -> bool) -> Option<&'a T> {
    let fitting: Vec<usize> = (0..replies.len()).filter(|at| fits(&replies[*at])).collect();
    let unused = fitting.iter().find(|at| used.get(**at) == Some(&0));
    let chosen = *unused.or(fitting.last())?;
    if let Some(count) = used.get_mut(chosen) {
        *count += 1;
    }
    replies.get(chosen)
}

/// In what a request is not the one that a reply is for: what it is, what the reply has, what was asked.
fn differing(reply: &HttpReply, request: &HttpRequest) -> Vec<(&'static str, String, String)> {
    let mut differing = Vec::new();
    if reply.url != request.url {
        differing.push(("url", reply.url.clone(), request.url.clone()));
    }
    if let Some(method) = reply.method.as_ref().filter(|method| **method != request.method) {
        differing.push(("method", method.clone(), request.method.clone()));
    }
    let body = String::from_utf8_lossy(request.body.as_bytes());
    if let Some(wanted) = reply.body.as_ref().filter(|wanted| **wanted != body) {
        differing.push(("request-body", wanted.clone(), body.into_owned()));
    }
    differing
}

fn http_answer(said: &HttpSaid) -> Answer {
    match said {
        HttpSaid::Error(code) => {
            Answer::HttpFailed { code: code.clone(), message: "the case says so".to_owned() }
        }
        HttpSaid::Response { status, headers, body } => {
            let headers =
                headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into()));
            Answer::HttpResponse(HttpResponse {
                status: *status,
                headers: headers.collect(),
                body: body.as_str().into(),
            })
        }
    }
}

fn mcp_answer(said: &McpSaid) -> Answer {
    match said {
        McpSaid::Result(result) => Answer::McpResult { result: result.to_string().into() },
        McpSaid::Error(code, message) => {
            Answer::McpFailed { code: *code, message: message.clone(), data: None }
        }
    }
}

fn no_reply(server: &str, replies: &[McpReply], params: &Map<String, Value>) -> String {
    let tool = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments = params.get("arguments").map_or_else(|| "{}".to_owned(), Value::to_string);
    let asked = format!("the case has no reply of `{server}` to `{tool}` with {arguments}");
    let of_tool = replies.iter().find(|reply| reply.tool.as_deref() == Some(tool));
    match of_tool.and_then(|reply| reply.params.as_ref()) {
        Some(wanted) => format!("{asked}; the nearest is with {wanted}"),
        None => asked,
    }
}
