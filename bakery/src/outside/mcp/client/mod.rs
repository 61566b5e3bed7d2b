//! One client of one server, and all that this crate knows of `rmcp`.
//!
//! The library makes the handshake, numbers requests, answers those of the server and speaks HTTP. Ours is what stands between it and a server that does
//! not keep to the protocol ([`stdio`], [`http`]): what is no message, or answers what nobody asked, is an error at once and not passed over; a message has a
//! largest size; and the `result` of a reply reaches the inferlet as the server wrote it, because it goes through the library as one string ([`message`]).

mod http;
mod message;
mod stdio;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientRequest, CustomRequest, CustomResult, ErrorData, Implementation,
    ProtocolVersion, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError, serve_client,
};
use rmcp::transport::{DynamicTransportError, Transport, TransportAdapterIdentity};
use serde_json::Value;
use tokio::sync::SetOnce;
use tokio::time::timeout;

use self::message::{chain, shown};
use self::stdio::Stdio;
use super::process::ServerProcess;
use super::{INTERNAL_ERROR, INVALID_PARAMS};
use crate::environment::Environment;
use crate::project::settings::{McpAccess, McpCommand, McpServer};

/// JSON-RPC: what came is no message.
const PARSE_ERROR: i32 = -32700;
/// The connection is gone, as the protocol's own SDKs count it.
const CONNECTION_CLOSED: i32 = -32000;
/// The time is over, as they count it.
const TIMED_OUT: i32 = -32001;

/// The largest message that a server may send, in bytes.
const MOST_MESSAGE: usize = 16 << 20;
/// How much longer than its time the library may take to say that the time is over.
const SLACK: Duration = Duration::from_secs(1);
/// How long to wait for the reason of a failure that is known to be one.
const REASON: Duration = Duration::from_secs(1);

/// Why there is no session, or no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub code: i32,
    pub message: String,
    /// JSON text.
    pub data: Option<String>,
}

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), data: None }
    }
}

/// What the server itself says.
impl From<ErrorData> for Failure {
    fn from(ErrorData { code, message, data }: ErrorData) -> Self {
        Failure { code: code.0, message: message.into_owned(), data: data.map(|data| data.to_string()) }
    }
}

/// A session with a server.
pub(super) struct Client {
    service: RunningService<RoleClient, ClientConfig>,
    subject: Arc<Subject>,
}

/// Makes calls in a session.
pub(super) struct Caller {
    peer: Peer<RoleClient>,
    subject: Arc<Subject>,
}

/// The server that messages are about.
struct Subject {
    name: String,
    timeout: Duration,
    process: Option<ServerProcess>,
    /// Set when the session cannot go on.
    trouble: SetOnce<Failure>,
    /// The last line before the first message that was none.
    greeting: Mutex<Option<String>>,
}

impl Client {
    /// Starts a server, or connects to it, and makes the handshake. `gone` becomes ready when nobody wants the session any more. What was started has ended if
    /// there is no session.
    pub async fn connect(
        name: &str,
        server: &McpServer,
        env: &Environment,
        gone: impl Future<Output = ()>,
    ) -> Result<Client, Failure> {
        let subject = |process| {
            Arc::new(Subject {
                name: name.to_owned(),
                timeout: server.timeout,
                process,
                trouble: SetOnce::new(),
                greeting: Mutex::default(),
            })
        };
        match &server.access {
            McpAccess::Command(command) => {
                let started = ServerProcess::start(command, env);
                let (process, stdin, stdout) = started.map_err(|cause| not_started(name, command, &cause))?;
                let subject = subject(Some(process));
                let transport = Stdio::new(Arc::clone(&subject), stdin, stdout);
                Client::shake_hands(&subject, transport, gone).await
            }
            McpAccess::Url(url) => {
                let transport = http::transport(name, url).map_err(|cause| {
                    Failure::new(INTERNAL_ERROR, format!("HTTP is not to be had: {}", chain(&cause)))
                })?;
                Client::shake_hands(&subject(None), transport, gone).await
            }
        }
    }

    async fn shake_hands<T>(
        subject: &Arc<Subject>,
        transport: T,
        gone: impl Future<Output = ()>,
    ) -> Result<Client, Failure>
    where
        T: Transport<RoleClient> + 'static,
    {
        let bakery = Implementation::new("bakery", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), bakery)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let serving = serve_client::<_, T, T::Error, TransportAdapterIdentity>(config, transport);
        let failure = tokio::select! {
            served = timeout(subject.timeout, serving) => match served {
                Ok(Ok(service)) => return Ok(Client { service, subject: Arc::clone(subject) }),
                Ok(Err(error)) => subject.unopened(error).await,
                Err(_) => subject.late("the handshake").await,
            },
            () = gone => Failure::new(CONNECTION_CLOSED, "nobody wants the session any more"),
        };
        if let Some(process) = &subject.process {
            process.kill().await;
        }
        Err(failure)
    }

    /// Makes calls.
    pub fn caller(&self) -> Arc<Caller> {
        Arc::new(Caller { peer: self.service.peer().clone(), subject: Arc::clone(&self.subject) })
    }

    /// Ends the session, and its server if it was started for it.
    pub async fn close(mut self) {
        // It is over in any case; how it was closed is of no use to anybody.
        let _ = self.service.close().await;
    }
}

impl Caller {
    /// Calls a method with `params`, JSON text: the `result` of the reply as JSON text.
    pub async fn call(&self, method: &str, params: &[u8]) -> Result<String, Failure> {
        let params: Value = serde_json::from_slice(params)
            .map_err(|cause| Failure::new(INVALID_PARAMS, format!("the parameters are not JSON: {cause}")))?;
        let request = ClientRequest::CustomRequest(CustomRequest::new(method, Some(params)));
        let options = PeerRequestOptions::with_timeout(self.subject.timeout);
        let asked =
            async { self.peer.send_cancellable_request(request, options).await?.await_response().await };
        tokio::select! {
            // What has been answered counts, also if it was the last thing that the server did.
            biased;
            answered = timeout(self.subject.timeout + SLACK, asked) => match answered {
                Ok(Ok(result)) => Ok(text_of(result)),
                Ok(Err(error)) => Err(self.subject.unanswered(error, method).await),
                Err(_) => Err(self.subject.late(&format!("`{method}`")).await),
            },
            trouble = self.subject.trouble.wait() => Err(trouble.clone()),
        }
    }
}

/// The result as [`message`] has put it into the library.
fn text_of(result: ServerResult) -> String {
    match result {
        ServerResult::CustomResult(CustomResult(Value::String(text))) => text,
        // Nothing else is put into it after the handshake.
        other => serde_json::to_string(&other).unwrap_or_default(),
    }
}

impl Subject {
    /// A failure of this server: what it did, and what it said last.
    async fn failure(&self, code: i32, what: impl AsRef<str>) -> Failure {
        let mut message = format!("the MCP server `{}` {}", self.name, what.as_ref());
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(greeting) = greeting {
            message += &format!("; it wrote to its standard output, which is for messages: {greeting}");
        }
        if let Some(process) = &self.process {
            message += &process.last_words().await;
        }
        Failure::new(code, message)
    }

    async fn late(&self, what: &str) -> Failure {
        let what = format!("has not answered {what} within {} s", self.timeout.as_secs());
        self.failure(TIMED_OUT, what).await
    }

    /// Why the handshake failed.
    async fn unopened(&self, error: ClientInitializeError) -> Failure {
        match error {
            ClientInitializeError::JsonRpcError(error) => error.into(),
            ClientInitializeError::TransportError { error, .. } => self.cut_off(Some(&error)).await,
            ClientInitializeError::ConnectionClosed(_) => self.cut_off(None).await,
            other => {
                let what =
                    format!("has answered the handshake with something else: {}", shown(&other.to_string()));
                self.failure(PARSE_ERROR, what).await
            }
        }
    }

    /// Why a call failed.
    async fn unanswered(&self, error: ServiceError, method: &str) -> Failure {
        match error {
            ServiceError::McpError(error) => error.into(),
            ServiceError::Timeout { .. } => self.late(&format!("`{method}`")).await,
            ServiceError::TransportSend(error) => self.cut_off(Some(&error)).await,
            ServiceError::TransportClosed => self.cut_off(None).await,
            other => self.failure(CONNECTION_CLOSED, format!("has not answered: {other}")).await,
        }
    }

    /// Why the connection is gone, which may be known a little later than that it is.
    async fn cut_off(&self, error: Option<&DynamicTransportError>) -> Failure {
        if let Some(process) = &self.process {
            if let Ok(trouble) = timeout(REASON, self.trouble.wait()).await {
                return trouble.clone();
            }
            return self.failure(CONNECTION_CLOSED, process.fate().await).await;
        }
        let what = error.map_or_else(
            || "has closed the connection".to_owned(),
            |error| format!("cannot be spoken to: {}", shown(&http::reason(&*error.error))),
        );
        self.failure(CONNECTION_CLOSED, what).await
    }
}

fn not_started(name: &str, command: &McpCommand, cause: &io::Error) -> Failure {
    let program = command.program.display();
    let why = if !command.cwd.is_dir() {
        format!("there is no folder `{}`", command.cwd.display())
    } else if cause.kind() == io::ErrorKind::NotFound {
        format!("there is no program `{program}`")
    } else {
        format!("`{program}`: {cause}")
    };
    Failure::new(CONNECTION_CLOSED, format!("the MCP server `{name}` cannot be started: {why}"))
}
