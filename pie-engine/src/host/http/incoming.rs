//! The request that an instance was launched with, and its response: what `wasi:http/incoming-handler` is called with.

use super::bindings::wasi::http::types::{
    ErrorCode, Fields, HostIncomingRequest, HostOutgoingResponse, HostResponseOutparam, Method, Scheme,
};
use super::body::{Draft, IncomingBody, OutgoingBody, Then};
use super::fields::{self, Entries};
use crate::host::budget::Held;
use crate::host::state::State;
use crate::outside::{HttpRequest, HttpResponse};
use crate::respond::Head;
use crate::trace::{Event, Whole};
use bytes::Bytes;
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A request to the instance, all of it.
pub struct IncomingRequest {
    method: String,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: Arc<Entries>,
    /// Absent once it is taken.
    body: Option<Bytes>,
    held: Arc<Held>,
}

/// Where the response goes.
pub struct ResponseOutparam;

/// A response that the guest makes.
pub struct OutgoingResponse {
    status: u16,
    headers: fields::Fields,
    body: Option<Draft>,
}

/// A response that is given once its body has ended.
pub(super) struct Response {
    status: u16,
    headers: Arc<Entries>,
}

impl State {
    /// What the handler is called with.
    pub(crate) fn incoming(
        &mut self,
        request: &HttpRequest,
    ) -> Result<(Resource<IncomingRequest>, Resource<ResponseOutparam>)> {
        self.record(|instance| Event::Requested { instance, request: request.shown() })?;
        let headers = fields::entries(&request.headers);
        let (body, held) = self.received(&headers, request.body.as_bytes())?;
        let (scheme, rest) = request.url.split_once("://").unwrap_or(("", &request.url));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let incoming = IncomingRequest {
            method: request.method.clone(),
            scheme: match scheme {
                "http" => Some(Scheme::Http),
                "https" => Some(Scheme::Https),
                _ => None,
            },
            authority: given(authority),
            path: given(path),
            headers: Arc::new(headers),
            body: Some(body),
            held,
        };
        Ok((self.table.push(incoming)?, self.table.push(ResponseOutparam)?))
    }

    /// Gives a response whose body has ended.
    pub(super) fn respond(&mut self, response: Response, body: Result<Whole, ErrorCode>) -> Result<()> {
        // One that was cut off is none; whoever launched the instance says so.
        let Ok(body) = body else { return Ok(()) };
        let Response { status, headers } = response;
        let response = HttpResponse { status, headers: fields::wholes(&headers), body };
        self.record(|instance| Event::Responded { instance, response: response.shown() })?;
        self.responded.iter().for_each(|responded| responded.end(response.clone()));
        Ok(())
    }
}

impl HostIncomingRequest for State {
    fn method(&mut self, request: Resource<IncomingRequest>) -> Result<Method> {
        Ok(match self.table.get(&request)?.method.as_str() {
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
        })
    }

    fn path_with_query(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.path.clone())
    }

    fn scheme(&mut self, request: Resource<IncomingRequest>) -> Result<Option<Scheme>> {
        Ok(self.table.get(&request)?.scheme.clone())
    }

    fn authority(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn headers(&mut self, request: Resource<IncomingRequest>) -> Result<Resource<Fields>> {
        let headers = Arc::clone(&self.table.get(&request)?.headers);
        self.headers_of(&headers)
    }

    fn consume(&mut self, request: Resource<IncomingRequest>) -> Result<Result<Resource<IncomingBody>, ()>> {
        let IncomingRequest { body, held, .. } = self.table.get_mut(&request)?;
        let Some(body) = body.take() else { return Ok(Err(())) };
        let body = IncomingBody::new(body, Arc::clone(held));
        Ok(Ok(self.table.push(body)?))
    }

    fn drop(&mut self, request: Resource<IncomingRequest>) -> Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl HostOutgoingResponse for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<OutgoingResponse>> {
        let headers = self.take_fields(headers)?;
        Ok(self.table.push(OutgoingResponse { status: 200, headers, body: None })?)
    }

    fn status_code(&mut self, response: Resource<OutgoingResponse>) -> Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn set_status_code(
        &mut self,
        response: Resource<OutgoingResponse>,
        status: u16,
    ) -> Result<Result<(), ()>> {
        // What comes before a response, and what no server can send.
        if !(200..1000).contains(&status) {
            return Ok(Err(()));
        }
        self.table.get_mut(&response)?.status = status;
        Ok(Ok(()))
    }

    fn headers(&mut self, response: Resource<OutgoingResponse>) -> Result<Resource<Fields>> {
        let entries = Arc::clone(self.table.get(&response)?.headers.entries());
        self.headers_of(&entries)
    }

    fn body(&mut self, response: Resource<OutgoingResponse>) -> Result<Result<Resource<OutgoingBody>, ()>> {
        let outgoing = self.table.get(&response)?;
        if outgoing.body.is_some() {
            return Ok(Err(()));
        }
        let announced = outgoing.headers.content_length();
        let (handle, draft) = self.draft_body(announced)?;
        self.table.get_mut(&response)?.body = Some(draft);
        Ok(Ok(handle))
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl HostResponseOutparam for State {
    /// Not linked: it is no part of a release.
    fn send_informational(
        &mut self,
        _outparam: Resource<ResponseOutparam>,
        _status: u16,
        _headers: Resource<Fields>,
    ) -> Result<Result<(), ErrorCode>> {
        Ok(Err(ErrorCode::ConfigurationError))
    }

    fn set(
        &mut self,
        outparam: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        self.table.delete(outparam)?;
        match response {
            Ok(response) => {
                let OutgoingResponse { status, headers, body } = self.table.delete(response)?;
                let headers = Arc::clone(headers.entries());
                if let (Some(responded), Some(body)) = (&self.responded, &body) {
                    responded.begin(Head { status, headers: fields::wholes(&headers) });
                    body.goes_to(responded.clone());
                }
                self.with_body(body.as_ref(), Then::Respond(Response { status, headers }))
            }
            Err(code) => {
                let headers =
                    Arc::new(vec![("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec())]);
                let body = format!("the inferlet has no response: {code}\n");
                self.respond(Response { status: 500, headers }, Ok(body.into()))
            }
        }
    }

    fn drop(&mut self, outparam: Resource<ResponseOutparam>) -> Result<()> {
        self.table.delete(outparam)?;
        Ok(())
    }
}
