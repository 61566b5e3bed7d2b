//! HTTP requests that come in: each has an inferlet launched, in a run that goes on as long as requests may come.
//!
//! Requests are whole here, as they are in a trace. A response goes to its client while the inferlet writes it, if that waits in the middle. What an inferlet does wrong is an error of the server's for the client, in a few words; the
//! person who runs it finds more in the trace and on the terminal.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use pie_engine::child::Ended;
use pie_engine::outside::{HttpRequest, HttpResponse, is_of_the_connection};
use pie_engine::respond::{CutOff, Head, Responded};
use pie_engine::trace::{Limit, Outcome, Whole};
use pie_engine::{Control, Door, Inferlet, Launch};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::outside::Background;

/// How long requests that are being answered have to come to an end once no more are taken.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the headers of a request may take to arrive.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// The most connections at once; further ones wait.
const CONNECTIONS: usize = 512;

/// What answers requests.
pub struct Responder {
    /// Where inferlets come in.
    pub door: Door,
    /// Who responds.
    pub inferlet: Inferlet,
    /// How it is launched, but for the request.
    pub launch: Launch,
    /// How long a response may take.
    pub timeout: Duration,
    /// The most bytes of the body of a request.
    pub body_bytes: u64,
}

/// A socket that is bound and takes no requests yet.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Ends taking requests, from any thread.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// No more requests are taken; those that are being answered have a while to come to an end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Listener {
    /// Binds the address; with port 0 to one that is free.
    ///
    /// # Errors
    /// It is in use, or not this machine's.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Listener { socket, address })
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes requests from now on, on that thread. When it is stopped, the responder goes, and its door with it.
    ///
    /// # Errors
    /// The thread cannot be started, or not watch the socket.
    pub fn serve(self, responder: Responder, background: &Background) -> io::Result<Stop> {
        let handle = background.handle()?;
        let (stop, stopped) = watch::channel(false);
        let socket = {
            let _on_it = handle.enter();
            tokio::net::TcpListener::from_std(self.socket)?
        };
        handle.spawn(take(socket, Arc::new(responder), stopped));
        Ok(Stop(Arc::new(stop)))
    }
}

async fn take(
    socket: tokio::net::TcpListener,
    responder: Arc<Responder>,
    mut stopped: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, socket.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, client)) = accepted else {
            // Out of file descriptors, most likely: others may be given back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let responder = Arc::clone(&responder);
        let service = service_fn(move |request| {
            let responder = Arc::clone(&responder);
            async move { Ok::<_, Infallible>(responder.respond(request, client).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // A client that goes away in the middle is none of our errors.
            let _ = connection.await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    // What is not done then ends with its connection.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    connections.shutdown().await;
}

/// Ends an instance that nobody waits for any more.
struct Awaited(Control);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.cancel(Outcome::Cancelled("the client has gone".to_owned()));
    }
}

impl Responder {
    async fn respond(&self, request: Request<Incoming>, client: SocketAddr) -> Response<Message> {
        let request = match tokio::time::timeout(self.timeout, self.whole(request, client)).await {
            Ok(Ok(request)) => request,
            Ok(Err(status)) => return short(status, "the request cannot be read"),
            Err(_) => return short(StatusCode::REQUEST_TIMEOUT, "the request did not come to an end"),
        };
        let (launch, responded) = self.launch.again().request(request);
        let control = launch.control();
        let ended = self.door.enter(self.inferlet.clone(), launch);
        let awaited = Awaited(control);
        let mut deadline = Deadline::new(self.timeout);
        tokio::select! {
            _ = ended.wait() => {}
            head = responded.begun() => {
                return Responding { responded, ended, awaited, deadline }.into_message(&head);
            }
            () = deadline.passes() => deadline.end(&awaited),
        }
        let end = ended.wait().await;
        // It may have begun and ended before this task had a turn: what there is of a response goes out all the same.
        if responded.get().is_none()
            && let Some(head) = responded.begun().now_or_never()
        {
            return Responding { responded, ended, awaited, deadline }.into_message(&head);
        }
        match (responded.get(), &end.outcome) {
            (Some(HttpResponse { status, headers, body }), _) => {
                let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
                message(*status, headers, Message::Left(body))
            }
            (None, Outcome::Limit { limit: Limit::Time, .. }) => {
                short(StatusCode::GATEWAY_TIMEOUT, "the inferlet took too long")
            }
            (None, Outcome::Limit { .. }) => {
                short(StatusCode::INTERNAL_SERVER_ERROR, "the inferlet went over a limit")
            }
            (None, Outcome::Trap { .. }) => short(StatusCode::INTERNAL_SERVER_ERROR, "the inferlet trapped"),
            (None, _) => short(StatusCode::INTERNAL_SERVER_ERROR, "the inferlet gave no response"),
        }
    }

    /// The request with all of its body, as an inferlet gets it; or the status that says why not.
    async fn whole(&self, request: Request<Incoming>, client: SocketAddr) -> Result<HttpRequest, StatusCode> {
        let (parts, body) = request.into_parts();
        if body.size_hint().lower() > self.body_bytes {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let most = usize::try_from(self.body_bytes).unwrap_or(usize::MAX);
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            }
        })?;
        let host =
            parts.headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.contains('/'));
        let host = host.map_or_else(|| client.ip().to_string(), str::to_owned);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let headers = parts.headers.iter().filter(|(name, _)| goes_through(name) && **name != HOST);
        let headers =
            headers.map(|(name, value)| (name.as_str().to_owned(), Whole::from(value.as_bytes().to_vec())));
        Ok(HttpRequest {
            method: parts.method.as_str().to_owned(),
            url: format!("http://{host}{path}"),
            headers: headers.collect(),
            body: body.to_bytes().to_vec().into(),
            timeout_ms: None,
        })
    }
}

fn goes_through(name: &HeaderName) -> bool {
    !is_of_the_connection(name.as_str())
}

/// A body that is whole, or one that comes in pieces.
type Message = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, CutOff>>>>;

/// When a response should be whole.
struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    fn new(timeout: Duration) -> Deadline {
        Deadline { at: Instant::now() + timeout, timeout }
    }

    async fn passes(&mut self) {
        tokio::time::sleep_until(self.at).await;
    }

    fn end(&self, awaited: &Awaited) {
        let message = format!("the response took longer than {} s", self.timeout.as_secs_f64());
        awaited.0.cancel(Outcome::Limit { limit: Limit::Time, message });
    }
}

/// An instance that responds.
struct Responding {
    responded: Responded,
    ended: Ended,
    awaited: Awaited,
    deadline: Deadline,
}

impl Responding {
    /// The next piece of the body; none once the body and the instance have ended.
    async fn piece(&mut self) -> Result<Option<Bytes>, CutOff> {
        let Responding { responded, ended, awaited, deadline } = self;
        let piece = async {
            let piece = responded.piece().await?;
            if piece.is_none() {
                ended.wait().await;
            }
            Ok(piece)
        };
        tokio::select! {
            piece = piece => piece,
            () = deadline.passes() => {
                deadline.end(awaited);
                Err(CutOff)
            }
        }
    }

    /// A response whose body has begun. With the body goes the instance, if its client goes away.
    fn into_message(self, head: &Head) -> Response<Message> {
        let pieces = stream::unfold(Some(self), |responding| async {
            let mut responding = responding?;
            match responding.piece().await {
                Ok(piece) => Some((Ok(Frame::data(piece?)), Some(responding))),
                Err(error) => {
                    // The connection ends at once on an error, and only flushes what it has when it has to wait.
                    tokio::task::yield_now().await;
                    Some((Err(error), None))
                }
            }
        });
        message(head.status, &head.headers, Message::Right(StreamBody::new(pieces.boxed())))
    }
}

/// A response as it goes to the client. Its length is that of its body, whatever the inferlet says.
fn message(status: u16, headers: &[(String, Whole)], body: Message) -> Response<Message> {
    let mut message = Response::new(body);
    *message.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && goes_through(&name)
            && name != hyper::header::CONTENT_LENGTH
        {
            message.headers_mut().append(name, value);
        }
    }
    message
}

/// A response in a few words.
fn short(status: StatusCode, text: &str) -> Response<Message> {
    let mut message = Response::new(Message::Left(Full::new(Bytes::from(format!("{text}\n")))));
    *message.status_mut() = status;
    message.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    message
}
