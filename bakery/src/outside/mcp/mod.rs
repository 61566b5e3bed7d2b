//! Servers of the Model Context Protocol: answers what inferlets ask about them.
//!
//! A server is started, or connected to, when an inferlet opens a session, and each session has one of its own. So nothing is left of one inferlet when
//! another connects, and who never connects starts nothing, not even a thread. Whatever a server does, an answer comes before its time is over, or an
//! error does that says which server it was and what happened.
//!
//! [`client`] speaks the protocol and is the only code that knows the library for it; [`process`] starts and ends programs.

mod client;
mod process;

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pie_engine::ids::QuestionId;
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, Question};
use pie_engine::trace::Whole;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Background;
use crate::environment::Environment;
use crate::project::settings::McpServer;
use client::{Caller, Client, Failure};

/// How long all sessions together may take to end.
const CLOSING: Duration = Duration::from_secs(5);
/// Sessions that may be open at once; each may be a process.
const MOST_SESSIONS: usize = 64;

/// JSON-RPC: the parameters are not what the method takes.
const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: something is wrong on our side.
const INTERNAL_ERROR: i32 = -32603;

/// The servers that inferlets of one run may connect to, and their open sessions.
pub struct Mcp {
    servers: BTreeMap<String, McpServer>,
    env: Environment,
    background: Background,
    sessions: Mutex<Sessions>,
}

/// Sessions by the question that opened them. Those that were hung up are only tasks that end soon.
#[derive(Default)]
struct Sessions {
    open: BTreeMap<QuestionId, mpsc::UnboundedSender<Call>>,
    tasks: JoinSet<()>,
}

/// A call in a session.
struct Call {
    method: String,
    params: Whole,
    reply: Reply,
}

impl Mcp {
    /// These servers, started from these surroundings.
    pub fn new(servers: BTreeMap<String, McpServer>, env: &Environment, background: Background) -> Self {
        Mcp { servers, env: env.clone(), background, sessions: Mutex::default() }
    }

    /// Begins to answer a question about servers.
    pub fn ask(&self, asked: Asked, reply: Reply) {
        match asked.question {
            Question::McpServers => {
                reply.answer(Answer::McpServers { names: self.servers.keys().cloned().collect() });
            }
            Question::McpConnect { server } => self.connect(asked.id, &server, reply),
            Question::McpCall { session, method, params } => {
                let call = Call { method, params, reply };
                match self.lock().open.get(&session) {
                    // The task of a session takes calls until the session is hung up.
                    Some(calls) => drop(calls.send(call)),
                    None => call.reply.answer(failed(INVALID_PARAMS, "the session is not open")),
                }
            }
            Question::HttpRequest(_) => {
                let message = "this is no question about an MCP server".to_owned();
                reply.answer(Answer::Failed { message });
            }
        }
    }

    /// Ends a session, also one that is still being opened.
    pub fn hang_up(&self, session: QuestionId) {
        self.lock().open.remove(&session);
    }

    /// Ends all sessions, and waits until their servers have ended.
    pub fn close(&self) {
        let Sessions { open, mut tasks } = mem::take(&mut *self.lock());
        drop(open);
        // Without tasks nothing was ever started.
        let Some(Ok(handle)) = (!tasks.is_empty()).then(|| self.background.handle()) else { return };
        handle.block_on(async {
            let _ = timeout(CLOSING, async { while tasks.join_next().await.is_some() {} }).await;
        });
    }

    fn connect(&self, id: QuestionId, name: &str, reply: Reply) {
        let Some(server) = self.servers.get(name) else {
            return reply.answer(failed(INVALID_PARAMS, self.no_server(name)));
        };
        let handle = match self.background.handle() {
            Ok(handle) => handle,
            Err(cause) => {
                let message = format!("there is no thread to ask the outside with: {cause}");
                return reply.answer(failed(INTERNAL_ERROR, message));
            }
        };
        let mut sessions = self.lock();
        if sessions.open.len() >= MOST_SESSIONS {
            let message = format!("{MOST_SESSIONS} sessions are open, and there may not be more at once");
            return reply.answer(failed(INTERNAL_ERROR, message));
        }
        let (calls, calls_of_session) = mpsc::unbounded_channel();
        sessions.open.insert(id, calls);
        while sessions.tasks.try_join_next().is_some() {}
        let opening = (name.to_owned(), server.clone(), self.env.clone());
        sessions.tasks.spawn_on(hold(opening, calls_of_session, reply), &handle);
    }

    fn no_server(&self, name: &str) -> String {
        let name = name.escape_debug();
        let names: Vec<String> = self.servers.keys().map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            return format!(
                "there is no MCP server `{name}`; `--mcp {name}=COMMAND` would give it to the run"
            );
        }
        format!("there is no MCP server `{name}`, only {}", names.join(", "))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session from its beginning until it is hung up.
async fn hold(
    (name, server, env): (String, McpServer, Environment),
    mut calls: mpsc::UnboundedReceiver<Call>,
    reply: Reply,
) {
    // There is nothing to call in a session that is not open, so the only thing to come is its end.
    let gone = async { while calls.recv().await.is_some() {} };
    let client = match Client::connect(&name, &server, &env, gone).await {
        Ok(client) => client,
        Err(failure) => return reply.answer(failure.into()),
    };
    reply.answer(Answer::McpConnected);
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            call = calls.recv() => match call {
                Some(call) => drop(running.spawn(answer(client.caller(), call))),
                None => break,
            },
            Some(_) = running.join_next() => {}
        }
    }
    running.shutdown().await;
    client.close().await;
}

async fn answer(caller: Arc<Caller>, Call { method, params, reply }: Call) {
    reply.answer(match caller.call(&method, params.as_bytes()).await {
        Ok(result) => Answer::McpResult { result: result.into() },
        Err(failure) => failure.into(),
    });
}

fn failed(code: i32, message: impl Into<String>) -> Answer {
    Answer::McpFailed { code, message: message.into(), data: None }
}

impl From<Failure> for Answer {
    fn from(Failure { code, message, data }: Failure) -> Self {
        Answer::McpFailed { code, message, data: data.map(Whole::from) }
    }
}
