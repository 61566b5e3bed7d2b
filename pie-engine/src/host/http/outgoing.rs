//! Requests that go out: `outgoing-request` and `request-options` of `wasi:http/types`, and `wasi:http/outgoing-handler`.

use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{
    ErrorCode, Fields, HostOutgoingRequest, HostRequestOptions, Method, Scheme,
};
use super::body::{Draft, OutgoingBody, Then};
use super::fields::{self, bytes_of};
use super::response::{FutureResponse, Sent};
use crate::host::state::State;
use crate::host::work::HTTP_REQUEST;
use crate::outside::hosts::Destination;
use crate::outside::secret::shown_url;
use crate::outside::{self, HttpRequest};
use crate::trace::{Event, Whole};
use std::sync::Arc;
use tokio::sync::SetOnce;
use wasmtime::Result;
use wasmtime::component::Resource;

/// The most bytes of a URL.
const URL_BYTES: usize = 16 << 10;
/// The most bytes of all headers of a request.
const HEADER_BYTES: u64 = 128 << 10;

/// A request that the guest makes.
pub struct OutgoingRequest {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: fields::Fields,
    body: Option<Draft>,
}

/// How long the parts of an exchange may take, in nanoseconds.
#[derive(Default)]
pub struct RequestOptions {
    connect: Option<u64>,
    first_byte: Option<u64>,
    between_bytes: Option<u64>,
}

/// A request that is put once its body has ended, and where it will be said that it was.
pub(super) struct Question {
    request: HttpRequest,
    sent: Arc<SetOnce<Sent>>,
}

impl HostOutgoingRequest for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<OutgoingRequest>> {
        let headers = self.take_fields(headers)?;
        let (method, scheme, authority, path, body) = (Method::Get, None, None, None, None);
        Ok(self.table.push(OutgoingRequest { method, scheme, authority, path, headers, body })?)
    }

    fn body(&mut self, request: Resource<OutgoingRequest>) -> Result<Result<Resource<OutgoingBody>, ()>> {
        let outgoing = self.table.get(&request)?;
        if outgoing.body.is_some() {
            return Ok(Err(()));
        }
        let announced = outgoing.headers.content_length();
        let (handle, draft) = self.draft_body(announced)?;
        self.table.get_mut(&request)?.body = Some(draft);
        Ok(Ok(handle))
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> Result<Method> {
        Ok(self.table.get(&request)?.method.clone())
    }

    fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> Result<Result<(), ()>> {
        if http::Method::from_bytes(method_name(&method).as_bytes()).is_err() {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.path.clone())
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
        path: Option<String>,
    ) -> Result<Result<(), ()>> {
        let is_path = |path: &str| {
            let whole = path.parse::<http::uri::PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == path);
            whole && path.starts_with('/')
        };
        if path.as_deref().is_some_and(|path| !is_path(path)) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.path = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<Scheme>> {
        Ok(self.table.get(&request)?.scheme.clone())
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> Result<Result<(), ()>> {
        if let Some(Scheme::Other(name)) = &scheme
            && name.parse::<http::uri::Scheme>().is_err()
        {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn set_authority(
        &mut self,
        request: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>> {
        let is_authority = |text: &str| text.parse::<http::uri::Authority>().is_ok();
        if authority.as_deref().is_some_and(|text| !is_authority(text)) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<OutgoingRequest>) -> Result<Resource<Fields>> {
        let entries = Arc::clone(self.table.get(&request)?.headers.entries());
        self.headers_of(&entries)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl HostRequestOptions for State {
    fn new(&mut self) -> Result<Resource<RequestOptions>> {
        Ok(self.table.push(RequestOptions::default())?)
    }

    fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.connect)
    }

    fn set_connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.connect = duration;
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.first_byte)
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.first_byte = duration;
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.between_bytes)
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.between_bytes = duration;
        Ok(Ok(()))
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> Result<()> {
        self.table.delete(options)?;
        Ok(())
    }
}

impl RequestOptions {
    /// How long the whole exchange may take, in milliseconds.
    fn timeout_ms(&self) -> Option<u64> {
        let first_byte = self.first_byte?;
        Some(first_byte.saturating_add(self.connect.unwrap_or(0)).div_ceil(1_000_000))
    }
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<Result<Resource<FutureResponse>, ErrorCode>> {
        self.pay(1, HTTP_REQUEST)?;
        let request = self.table.delete(request)?;
        let options = options.map(|options| self.table.delete(options)).transpose()?;
        let body = request.body.clone();
        let (mut question, destination) = match message(request) {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        if !self.permit.hosts.permit(&destination) {
            self.deny(&question, &destination)?;
            return Ok(Err(ErrorCode::HttpRequestDenied));
        }
        question.timeout_ms = options.and_then(|options| options.timeout_ms());
        let sent = Arc::new(SetOnce::new());
        let future = self.table.push(FutureResponse::new(Arc::clone(&sent)))?;
        self.with_body(body.as_ref(), Then::Ask(Question { request: question, sent }))?;
        Ok(Ok(future))
    }
}

impl State {
    fn deny(&mut self, request: &HttpRequest, destination: &Destination) -> Result<()> {
        let hosts = &self.permit.hosts;
        let message = if hosts.is_empty() {
            "the inferlet's `[permissions]` list no hosts".to_owned()
        } else {
            format!("`{destination}` is not among the hosts that `[permissions]` lists: {hosts}")
        };
        let (method, url) = (request.method.clone(), shown_url(&request.url).into());
        Ok(self.record(|instance| Event::Denied { instance, method, url, message })?)
    }

    /// Puts a request whose body has ended.
    pub(super) fn ask_outside(&mut self, question: Question, body: Result<Whole, ErrorCode>) -> Result<()> {
        let Question { request, sent } = question;
        // The guest may have given up meanwhile.
        if Arc::strong_count(&sent) == 1 {
            return Ok(());
        }
        let outcome = match body {
            Ok(body) => {
                Sent::Asked(self.put(outside::Question::HttpRequest(HttpRequest { body, ..request }))?)
            }
            Err(code) => Sent::Failed(code),
        };
        // A body ends once.
        let _ = sent.set(outcome);
        Ok(())
    }
}

fn method_name(method: &Method) -> &str {
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
        Method::Other(name) => name,
    }
}

/// The request without its body, and where it goes.
fn message(request: OutgoingRequest) -> Result<(HttpRequest, Destination), ErrorCode> {
    let (scheme, port) = match &request.scheme {
        Some(Scheme::Http) => ("http", 80),
        None | Some(Scheme::Https) => ("https", 443),
        Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
    };
    let method = method_name(&request.method).to_owned();
    if method.eq_ignore_ascii_case("CONNECT") {
        return Err(ErrorCode::HttpRequestMethodInvalid);
    }
    let authority = request.authority.as_deref().unwrap_or_default();
    let destination = Destination::parse(authority, port).ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let url = format!("{scheme}://{authority}{}", request.path.as_deref().unwrap_or("/"));
    if url.len() > URL_BYTES {
        return Err(ErrorCode::HttpRequestUriTooLong);
    }
    let entries = request.headers.entries();
    let bytes = bytes_of(entries);
    if bytes > HEADER_BYTES {
        return Err(ErrorCode::HttpRequestHeaderSectionSize(u32::try_from(bytes).ok()));
    }
    let headers = fields::wholes(entries);
    Ok((HttpRequest { method, url, headers, body: Whole::default(), timeout_ms: None }, destination))
}
