//! One client of one server, and all that this crate knows of `rmcp`.
//!
//! The library makes the handshake, numbers requests, answers those of the server and speaks HTTP. Ours is what stands between it and a server that does
//! not keep to the protocol: what is no message, or answers what nobody asked, is an error at once and not passed over; a message has a largest size;
//! and the `result` of a reply reaches the inferlet as the server wrote it, because it goes through the library as one string ([`message`]).

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientJsonRpcMessage, ClientRequest, CustomRequest, CustomResult,
    ErrorCode, ErrorData, Implementation, JsonRpcMessage, JsonRpcResponse, JsonRpcVersion2_0,
    ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError, serve_client,
};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
    StreamableHttpError, StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use rmcp::transport::{DynamicTransportError, Transport, TransportAdapterIdentity};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sse_stream::Sse;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{SetOnce, mpsc};
use tokio::time::timeout;

use super::process::{ServerProcess, on_one_line};
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
/// Lines that are no messages which may come before the first message: some launchers greet people there.
const MOST_GREETINGS: usize = 100;
/// Bytes of something unexpected that are shown.
const SHOWN: usize = 120;
/// How much longer than its time the library may take to say that the time is over.
const SLACK: Duration = Duration::from_secs(1);
/// How long to wait for the reason of a failure that is known to be one.
const REASON: Duration = Duration::from_secs(1);
/// How often a request may be sent on to another path.
const MOST_REDIRECTS: usize = 10;

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
    /// Starts a server, or connects to it, and makes the handshake.
    pub async fn connect(name: &str, server: &McpServer, env: &Environment) -> Result<Client, Failure> {
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
                let (process, stdin, stdout) =
                    started.map_err(|cause| not_started(name, command, &cause))?;
                let subject = subject(Some(process));
                Client::shake_hands(&subject, Stdio::new(Arc::clone(&subject), stdin, stdout)).await
            }
            McpAccess::Url(url) => {
                let http = http_client().map_err(|cause| {
                    Failure::new(INTERNAL_ERROR, format!("HTTP is not to be had: {}", chain(&cause)))
                })?;
                let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
                config.max_sse_event_size = MOST_MESSAGE;
                config.max_json_response_size = MOST_MESSAGE;
                let transport = StreamableHttpClientTransport::with_client(Http(http), config);
                Client::shake_hands(&subject(None), transport).await
            }
        }
    }

    async fn shake_hands<T>(subject: &Arc<Subject>, transport: T) -> Result<Client, Failure>
    where
        T: Transport<RoleClient> + 'static,
    {
        let bakery = Implementation::new("bakery", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), bakery)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let serving = serve_client::<_, T, T::Error, TransportAdapterIdentity>(config, transport);
        match timeout(subject.timeout, serving).await {
            Ok(Ok(service)) => Ok(Client { service, subject: Arc::clone(subject) }),
            Ok(Err(error)) => Err(subject.unopened(error).await),
            Err(_) => Err(subject.late("the handshake").await),
        }
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
        let asked = async {
            self.peer.send_cancellable_request(request, options).await?.await_response().await
        };
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
                let what = format!("has answered the handshake with something else: {}", shown(&other.to_string()));
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
            |error| format!("cannot be spoken to: {}", shown(&chain(&*error.error))),
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

/// An error with its causes, none twice: some show theirs.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text += &format!(": {more}");
        }
        cause = error.source();
    }
    text
}

/// The beginning of something unexpected, on one line.
fn shown(text: &str) -> String {
    let line = on_one_line(text.trim());
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Reads what a server sends. The result of anything but the handshake becomes a string that holds it as JSON text: so the library passes it on as it is,
/// and does not take it for something that it knows.
fn message(text: &str, handshake: bool) -> Result<ServerJsonRpcMessage, String> {
    #[derive(Deserialize)]
    struct Outline<'a> {
        jsonrpc: JsonRpcVersion2_0,
        id: Option<RequestId>,
        #[serde(borrow)]
        result: Option<&'a RawValue>,
    }
    let Outline { jsonrpc, id, result } = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
    match (id, result) {
        (None, Some(_)) => Err("it has a result, and no id".to_owned()),
        (Some(_), Some(result)) if !result.get().starts_with('{') => {
            Err("its result is not an object".to_owned())
        }
        (Some(id), Some(result)) if !handshake => {
            let result = ServerResult::CustomResult(CustomResult(Value::String(result.get().to_owned())));
            Ok(JsonRpcMessage::Response(JsonRpcResponse { jsonrpc, id, result }))
        }
        _ => serde_json::from_str(text).map_err(|cause| cause.to_string()),
    }
}

/// The id of a reply, if it is one. The inner option is for an error of which the server cannot tell what it belongs to.
fn replied(message: &ServerJsonRpcMessage) -> Option<Option<&RequestId>> {
    match message {
        JsonRpcMessage::Response(response) => Some(Some(&response.id)),
        JsonRpcMessage::Error(error) => Some(error.id.as_ref()),
        _ => None,
    }
}

/// Some servers give a number back as a string.
fn number_of(id: &RequestId) -> Option<i64> {
    match id {
        RequestId::Number(number) => Some(*number),
        RequestId::String(text) => text.parse().ok(),
    }
}

/// A server behind the standard streams of a process.
struct Stdio {
    subject: Arc<Subject>,
    stdin: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    incoming: mpsc::Receiver<Result<ServerJsonRpcMessage, Failure>>,
    sent: Arc<Sent>,
}

/// Which requests were sent. The library counts them up.
#[derive(Default)]
struct Sent {
    handshake: OnceLock<i64>,
    last: AtomicI64,
}

impl Sent {
    fn add(&self, id: &RequestId) {
        let number = number_of(id).unwrap_or_default();
        self.handshake.get_or_init(|| number);
        self.last.fetch_max(number, Ordering::SeqCst);
    }

    fn has(&self, id: &RequestId) -> bool {
        let first = self.handshake.get().copied();
        let last = self.last.load(Ordering::SeqCst);
        number_of(id).zip(first).is_some_and(|(number, first)| (first..=last).contains(&number))
    }
}

impl Stdio {
    fn new(subject: Arc<Subject>, stdin: ChildStdin, stdout: ChildStdout) -> Self {
        let (to_library, incoming) = mpsc::channel(16);
        let sent = Arc::<Sent>::default();
        tokio::spawn(read(stdout, Arc::clone(&subject), Arc::clone(&sent), to_library));
        Stdio { subject, stdin: Arc::new(Some(stdin).into()), incoming, sent }
    }
}

impl Transport<RoleClient> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let JsonRpcMessage::Request(request) = &item {
            self.sent.add(&request.id);
        }
        let stdin = Arc::clone(&self.stdin);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            match &mut *stdin.lock().await {
                Some(stdin) => {
                    stdin.write_all(&line).await?;
                    stdin.flush().await
                }
                None => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self.incoming.recv().await? {
            Ok(message) => Some(message),
            Err(trouble) => {
                let _ = self.subject.trouble.set(trouble);
                None
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // A server that reads nothing may hold a write up; then it does not learn that there will be no more, and is ended all the same.
        if let Ok(mut stdin) = timeout(Duration::from_millis(100), self.stdin.lock()).await {
            stdin.take();
        }
        if let Some(process) = &self.subject.process {
            process.end().await;
        }
        Ok(())
    }
}

/// Reads a server's standard output to its end, or to the first thing that should not be there.
async fn read(
    stdout: ChildStdout,
    subject: Arc<Subject>,
    sent: Arc<Sent>,
    to_library: mpsc::Sender<Result<ServerJsonRpcMessage, Failure>>,
) {
    let mut reader = BufReader::new(stdout);
    let (mut line, mut messages, mut greetings) = (Vec::new(), 0_u64, 0);
    let trouble = loop {
        line.clear();
        let most = MOST_MESSAGE as u64 + 1;
        match (&mut reader).take(most).read_until(b'\n', &mut line).await {
            Ok(0) => {
                let fate = match &subject.process {
                    Some(process) => process.fate().await,
                    None => "ended".to_owned(),
                };
                break subject.failure(CONNECTION_CLOSED, fate).await;
            }
            Ok(_) if line.len() > MOST_MESSAGE => {
                let what = format!("has sent a message of more than {} MiB", MOST_MESSAGE >> 20);
                break subject.failure(PARSE_ERROR, what).await;
            }
            Ok(_) => {}
            Err(cause) => {
                let what = format!("cannot be read: {cause}");
                break subject.failure(CONNECTION_CLOSED, what).await;
            }
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match checked(&line, &sent) {
            Ok(message) => {
                messages += 1;
                subject.greeting.lock().unwrap_or_else(PoisonError::into_inner).take();
                if to_library.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            Err(_) if messages == 0 && greetings < MOST_GREETINGS && !line.starts_with(b"{") => {
                greetings += 1;
                let line = shown(&String::from_utf8_lossy(&line));
                *subject.greeting.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
            }
            Err(what) => break subject.failure(PARSE_ERROR, what).await,
        }
    };
    // Nobody may be there any more to hear of it.
    let _ = to_library.send(Err(trouble)).await;
}

/// A line as a message that may come now; else what the server did, for a sentence with it.
fn checked(line: &[u8], sent: &Sent) -> Result<ServerJsonRpcMessage, String> {
    let unfit = |cause: &str| {
        let line = shown(&String::from_utf8_lossy(line));
        format!("has written what is no message of JSON-RPC: {line} ({cause})")
    };
    let text = std::str::from_utf8(line).map_err(|_| unfit("it is not UTF-8"))?;
    let is_handshake = sent.handshake.get().is_some_and(|first| *first == sent.last.load(Ordering::SeqCst));
    let message = message(text, is_handshake).map_err(|cause| unfit(&cause))?;
    match (replied(&message), &message) {
        (Some(None), JsonRpcMessage::Error(error)) => {
            Err(format!("reports an error that belongs to no request: {}", shown(&error.error.message)))
        }
        (Some(Some(id)), _) if !sent.has(id) => {
            let id = shown(&id.to_string());
            Err(format!("has answered a request that was not made: the id of its answer is {id}"))
        }
        _ => Ok(message),
    }
}

/// The connections to servers over HTTP.
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Whoever comes first installs it; they are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A request may be sent on within its own server, where that keeps its method and body.
    let redirects = redirect::Policy::custom(|attempt| {
        let keeps = matches!(attempt.status().as_u16(), 307 | 308);
        let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        match keeps && same && attempt.previous().len() <= MOST_REDIRECTS {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    });
    // Proxies would come from the environment of the process, and connections that are kept may stall.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).redirect(redirects).build()
}

/// The library's HTTP client, whose answers are looked at before the library has them.
#[derive(Clone)]
struct Http(reqwest::Client);

type HttpError = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

impl StreamableHttpClient for Http {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let asked = match &message {
            JsonRpcMessage::Request(request) => Some(Asked {
                id: request.id.clone(),
                handshake: matches!(request.request, ClientRequest::InitializeRequest(_)),
            }),
            _ => None,
        };
        let response = self
            .0
            .post_message_with_response_limits(
                uri,
                message,
                session_id,
                auth_header,
                custom_headers,
                limits,
            )
            .await?;
        let Some(asked) = asked else { return Ok(response) };
        Ok(match response {
            StreamableHttpPostResponse::Json(message, session) => {
                let message = asked.fitting(message).map_err(|what| unexpected(what))?;
                StreamableHttpPostResponse::Json(message, session)
            }
            StreamableHttpPostResponse::Sse(events, session) => {
                let events = events.map(move |event| event.map(|event| asked.fitting_event(event)));
                StreamableHttpPostResponse::Sse(events.boxed(), session)
            }
            other => other,
        })
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), HttpError> {
        self.0.delete_session(uri, session_id, auth_header, custom_headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<Events, HttpError> {
        let size = MOST_MESSAGE;
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            size,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<Events, HttpError> {
        let events = self
            .0
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                custom_headers,
                max_sse_event_size,
            )
            .await?;
        // An answer may come here too, after its own stream has broken off.
        Ok(events.map(|event| event.map(as_string)).boxed())
    }
}

fn unexpected(what: String) -> HttpError {
    StreamableHttpError::UnexpectedServerResponse(what.into())
}

/// The result in an event becomes a string, if there is one.
fn as_string(mut event: Sse) -> Sse {
    let message = event.data.as_deref().and_then(|data| message(data, false).ok());
    if let Some(text) = message.and_then(|message| serde_json::to_string(&message).ok()) {
        event.data = Some(text);
    }
    event
}

/// A request that was sent by HTTP.
struct Asked {
    id: RequestId,
    handshake: bool,
}

impl Asked {
    /// A message that may come as its answer; else what the server did.
    fn fitting(&self, message: ServerJsonRpcMessage) -> Result<ServerJsonRpcMessage, String> {
        if let Some(Some(id)) = replied(&message)
            && number_of(id) != number_of(&self.id)
        {
            return Err(format!(
                "the id of the answer is {}, that of the request {}",
                shown(&id.to_string()),
                self.id
            ));
        }
        match message {
            JsonRpcMessage::Response(mut response) if !self.handshake => {
                if !matches!(&response.result, ServerResult::CustomResult(CustomResult(Value::String(_)))) {
                    let text = serde_json::to_string(&response.result).map_err(|cause| cause.to_string())?;
                    response.result = ServerResult::CustomResult(CustomResult(Value::String(text)));
                }
                Ok(JsonRpcMessage::Response(response))
            }
            JsonRpcMessage::Error(mut error) => {
                error.id = Some(self.id.clone());
                Ok(JsonRpcMessage::Error(error))
            }
            other => Ok(other),
        }
    }

    /// The same for an event, in which the answer is an error if it is not fitting: the library would pass over it.
    fn fitting_event(&self, mut event: Sse) -> Sse {
        let is_message = matches!(event.event.as_deref(), None | Some("" | "message"));
        let Some(data) = event.data.as_deref().filter(|data| is_message && !data.trim().is_empty()) else {
            return event;
        };
        let fitting = message(data, self.handshake).and_then(|message| self.fitting(message));
        let fitting = fitting.unwrap_or_else(|cause| {
            let text = format!("the MCP server has sent what does not fit: {} ({cause})", shown(data));
            let error = ErrorData::new(ErrorCode(PARSE_ERROR), text, None);
            JsonRpcMessage::error(error, Some(self.id.clone()))
        });
        if let Ok(text) = serde_json::to_string(&fitting) {
            event.data = Some(text);
        }
        event
    }
}
