//! What inferlets ask of the world outside of the engine: HTTP requests, and servers of the Model Context Protocol.
//!
//! The engine has no network and starts no processes. Whoever launches an inferlet hands in an [`Outside`], which answers, or plays back what was
//! answered in an earlier run ([`replay`]). Question and answer are recorded whole, so that they can be played back.
//!
//! What is asked by HTTP has to be permitted first ([`hosts`], [`address`]), and secrets are not recorded ([`secret`]).
//!
//! Real time must not decide what a run does. So each answer takes [`ANSWER_NANOSECONDS`] of virtual time, however long it really takes: when that
//! moment comes and nothing else can go on, the driver waits for the answer, and answers that are due at once are handed over in the order of their
//! questions ([`outbox`]). Meanwhile passes go on, and so do other instances.

pub mod address;
pub mod hosts;
pub mod outbox;
pub mod replay;
pub mod secret;

use crate::ids::{InstanceId, QuestionId};
use crate::trace::Whole;
use hosts::Hosts;
use outbox::Reply;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The virtual time that an answer takes, in nanoseconds: ten steps.
pub const ANSWER_NANOSECONDS: u64 = 10_000_000;

/// Headers about a connection. They are the business of the client and the server that have it, and go no further.
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header, in lower case, is about the connection, and neither an inferlet's nor its peer's to send through.
pub fn is_of_the_connection(name: &str) -> bool {
    OF_THE_CONNECTION.contains(&name)
}

/// Answers what inferlets ask.
pub trait Outside: Send + Sync {
    /// Begins to answer. The answer is given through `reply`, at once or later, from any thread. This must not block: the engine waits for it.
    fn ask(&self, question: Asked, reply: Reply);

    /// The inferlet has dropped the session that it got as the answer to this question.
    fn hang_up(&self, session: QuestionId) {
        let _ = session;
    }
}

/// A question, who asks it, and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Who asks.
    pub instance: InstanceId,
    /// The number of the question. An open session goes by the number of the question that opened it.
    pub id: QuestionId,
    /// What is asked.
    pub question: Question,
    /// What the asking inferlet may.
    pub permit: Permit,
}

/// What an inferlet may have of the outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    /// The hosts that it may reach by HTTP. That the host of a request is among them has been seen to; its address has not.
    pub hosts: Arc<Hosts>,
    /// The most bytes of an answer's body.
    pub body_bytes: u64,
}

/// What an inferlet asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "question", rename_all = "kebab-case")]
pub enum Question {
    /// `wasi:http/outgoing-handler.handle`.
    HttpRequest(HttpRequest),
    /// `mcp.available-servers`.
    McpServers,
    /// `mcp.connect`.
    McpConnect {
        /// The server's name.
        server: String,
    },
    /// A call in an open session.
    McpCall {
        /// The question that opened the session.
        session: QuestionId,
        /// The method of the protocol, `tools/call` for example.
        method: String,
        /// Its `params`, JSON text.
        params: Whole,
    },
}

/// An HTTP request, with all of its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpRequest {
    /// `GET` and the like.
    pub method: String,
    /// The whole URL, `http` or `https`.
    pub url: String,
    /// Names in lower case and values, in the order given. What is secret is hidden in a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Whole)>,
    /// The body.
    #[serde(default, skip_serializing_if = "Whole::is_empty")]
    pub body: Whole,
    /// After so many milliseconds the inferlet does not want the answer any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What the outside says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The response to an HTTP request.
    HttpResponse(HttpResponse),
    /// There is none.
    HttpFailed {
        /// The case of `error-code` in `wasi:http/types`, `connection-refused` for example.
        code: String,
        /// One line for a person.
        message: String,
    },
    /// The names of the servers there are.
    McpServers {
        /// In the order of the alphabet.
        names: Vec<String>,
    },
    /// The session is open.
    McpConnected,
    /// The `result` of a call.
    McpResult {
        /// JSON text.
        result: Whole,
    },
    /// The server, or the connection to it, reports an error.
    McpFailed {
        /// The code of JSON-RPC.
        code: i32,
        /// One line for a person.
        message: String,
        /// What the server added, JSON text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Whole>,
    },
    /// The question could not be put at all.
    Failed {
        /// One line for a person.
        message: String,
    },
}

/// An HTTP response, with all of its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpResponse {
    /// The status, 100 to 999.
    pub status: u16,
    /// Names in lower case and values, in the order in which they came. What is secret is hidden in a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Whole)>,
    /// The body.
    #[serde(default, skip_serializing_if = "Whole::is_empty")]
    pub body: Whole,
}

/// No outside: every question fails.
pub struct Nowhere;

impl Outside for Nowhere {
    fn ask(&self, asked: Asked, reply: Reply) {
        reply.answer(match asked.question {
            Question::McpServers => Answer::McpServers { names: Vec::new() },
            _ => Answer::Failed { message: "this run has no connection to the outside".to_owned() },
        });
    }
}
