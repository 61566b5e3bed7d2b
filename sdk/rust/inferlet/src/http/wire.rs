//! The same over `wasi:http`.

use super::message::{
    BodyWriter, Headers, IncomingRequest, OutgoingResponse, Pieces, Request, Response, Stream,
};
use super::url::Url;
use crate::executor;
use crate::pie_wasi::http::outgoing_handler;
use crate::pie_wasi::http::types::{
    self, ErrorCode, Fields, HeaderError, IncomingBody, Method, OutgoingBody, RequestOptions,
    ResponseOutparam, Scheme,
};
use crate::pie_wasi::io::streams::{OutputStream, StreamError};
use std::future::Future;
use std::pin::Pin;

/// The most bytes of one read.
const READ_BYTES: u64 = 64 << 10;

/// Sends a request and waits for its response.
pub async fn send(request: Request) -> Result<Response, String> {
    let what = format!("{} {}", request.method, request.url);
    exchange(request).await.map_err(|why| format!("{what}: {why}"))
}

async fn exchange(request: Request) -> Result<Response, String> {
    let Request { method, url, headers, body, timeout } = request;
    let url = Url::parse(&url)?;
    let message = types::OutgoingRequest::new(fields(headers)?);
    let scheme = if url.secure { Scheme::Https } else { Scheme::Http };
    let set = message.set_method(&self::method(&method)).is_ok()
        && message.set_scheme(Some(&scheme)).is_ok()
        && message.set_authority(Some(url.authority)).is_ok()
        && message.set_path_with_query(Some(&url.path)).is_ok();
    if !set {
        return Err("the method or the URL has characters that cannot be sent".to_owned());
    }
    let options = timeout.map(|timeout| {
        let options = RequestOptions::new();
        // An engine may ignore it.
        let _ = options.set_first_byte_timeout(Some(timeout.as_nanos().try_into().unwrap_or(u64::MAX)));
        options
    });
    let draft = message.body().map_err(|()| "the request has no body".to_owned())?;
    let future = outgoing_handler::handle(message, options).map_err(|code| explain(&code))?;
    write(draft, &body, None).await?;
    executor::wait(future.subscribe()).await;
    let response = future.get().and_then(Result::ok).ok_or("the response was taken before")?;
    let response = response.map_err(|code| explain(&code))?;
    let (status, headers) = (response.status(), response.headers().entries());
    let body = response.consume().map_err(|()| "the response has no body".to_owned())?;
    Ok(Response { status, headers, body: read(body).await? })
}

fn fields(headers: Headers) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(&name, &value).map_err(|error| {
            let why = match error {
                HeaderError::InvalidSyntax => "has characters that cannot be sent",
                HeaderError::Forbidden => "belongs to the connection, and is not for an inferlet to set",
                HeaderError::Immutable => "cannot be set any more",
            };
            format!("the header `{name}` {why}")
        })?;
    }
    Ok(fields)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn method_name(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    }
    .to_owned()
}

/// A stream into a body.
struct Sink(OutputStream);

impl Sink {
    async fn put(&self, mut rest: &[u8]) -> Result<(), String> {
        let cut = |_: StreamError| "the body was cut off while it was sent".to_owned();
        let Sink(stream) = self;
        while !rest.is_empty() {
            let room =
                usize::try_from(stream.check_write().map_err(cut)?).unwrap_or(usize::MAX).min(rest.len());
            if room == 0 {
                executor::wait(stream.subscribe()).await;
                continue;
            }
            stream.write(&rest[..room]).map_err(cut)?;
            rest = &rest[room..];
        }
        stream.flush().map_err(cut)?;
        executor::wait(stream.subscribe()).await;
        Ok(())
    }
}

impl Pieces for Sink {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> Pin<Box<dyn Future<Output = Result<(), String>> + 'a>> {
        Box::pin(self.put(bytes))
    }
}

async fn write(body: OutgoingBody, bytes: &[u8], rest: Option<Stream>) -> Result<(), String> {
    if !bytes.is_empty() || rest.is_some() {
        let sink = Sink(body.write().map_err(|()| "the body is being written already".to_owned())?);
        sink.put(bytes).await?;
        if let Some(rest) = rest {
            rest.write(BodyWriter::new(sink)).await?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| explain(&code))
}

async fn read(body: IncomingBody) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    {
        let stream = body.stream().map_err(|()| "the body is being read already".to_owned())?;
        loop {
            match stream.read(READ_BYTES) {
                Ok(piece) if piece.is_empty() => executor::wait(stream.subscribe()).await,
                Ok(piece) => bytes.extend(piece),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(format!("the body was cut off: {}", error.to_debug_string()));
                }
            }
        }
    }
    drop(IncomingBody::finish(body));
    Ok(bytes)
}

/// An error as a person reads it. Those that a manifest can help with say so.
fn explain(code: &ErrorCode) -> String {
    match code {
        ErrorCode::HttpRequestDenied => {
            "the host is not among those that `[permissions]` in `Pie.toml` lists under `network`".to_owned()
        }
        ErrorCode::DestinationIpProhibited => {
            "the host leads to an address of a private network, and such have to be listed themselves under `network`".to_owned()
        }
        ErrorCode::InternalError(Some(why)) => why.clone(),
        ErrorCode::InternalError(None) => "the engine cannot ask".to_owned(),
        ErrorCode::HttpResponseTimeout | ErrorCode::ConnectionTimeout => "the server took too long".to_owned(),
        ErrorCode::HttpResponseBodySize(_) => "the body of the response is too long".to_owned(),
        ErrorCode::ConnectionRefused => "the server refused the connection".to_owned(),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "the host cannot be found".to_owned(),
        ErrorCode::TlsCertificateError => "the server's certificate is not trusted".to_owned(),
        ErrorCode::HttpRequestUriInvalid => "the URL has no host that can be asked".to_owned(),
        other => format!("there is no response: {other:?}"),
    }
}

/// Responds to the request of `handle`: the `http` attribute calls this in the component's export.
pub fn handle<F>(
    request: types::IncomingRequest,
    out: ResponseOutparam,
    program: impl FnOnce(IncomingRequest) -> F,
) where
    F: Future<Output = Result<OutgoingResponse, String>>,
{
    // The symbol must end up in the component for the host to call it.
    wit_bindgen::rt::maybe_link_cabi_realloc();
    let done = executor::block_on(async {
        let response = match receive(request).await {
            Ok(request) => program(request).await.unwrap_or_else(failed),
            Err(error) => failed(error),
        };
        respond(out, response).await
    });
    crate::entry::flush();
    let problem = match done {
        Ok(Ok(())) => return,
        Ok(Err(problem)) => problem,
        Err(executor::Stalled) => "the program waits for something that nothing will ever provide".to_owned(),
    };
    eprintln!("{problem}");
}

fn failed(error: String) -> OutgoingResponse {
    eprintln!("{error}");
    OutgoingResponse::text(format!("{error}\n")).status(500)
}

async fn receive(request: types::IncomingRequest) -> Result<IncomingRequest, String> {
    let body = request.consume().map_err(|()| "the request has no body".to_owned())?;
    Ok(IncomingRequest {
        method: method_name(request.method()),
        authority: request.authority(),
        path: request.path_with_query().unwrap_or_else(|| "/".to_owned()),
        headers: request.headers().entries(),
        body: read(body).await?,
    })
}

async fn respond(out: ResponseOutparam, response: OutgoingResponse) -> Result<(), String> {
    let OutgoingResponse { status, headers, body, stream } = response;
    let message = match fields(headers).map(types::OutgoingResponse::new) {
        Ok(message) => message,
        Err(error) => {
            ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(error.clone()))));
            return Err(error);
        }
    };
    if message.set_status_code(status).is_err() {
        let error = format!("{status} is not the status of a response");
        ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(error.clone()))));
        return Err(error);
    }
    let draft = message.body().map_err(|()| "the response has no body".to_owned())?;
    ResponseOutparam::set(out, Ok(message));
    write(draft, &body, stream).await
}
