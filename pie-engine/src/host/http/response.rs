//! Responses that come back: `future-incoming-response` and `incoming-response` of `wasi:http/types`.

use super::bindings::wasi::http::types::{
    ErrorCode, Fields, HostFutureIncomingResponse, HostIncomingResponse,
};
use super::body::IncomingBody;
use super::codes;
use super::fields::{self, Entries, bytes_of};
use crate::host::budget::Held;
use crate::host::state::State;
use crate::host::work::HTTP_BYTE;
use crate::outside::outbox::Ticket;
use crate::outside::{Answer, HttpResponse};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::SetOnce;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// What became of a request when its body had ended.
pub enum Sent {
    /// It was put.
    Asked(Ticket),
    /// It was not.
    Failed(ErrorCode),
}

/// A response that will come.
pub struct FutureResponse {
    sent: Arc<SetOnce<Sent>>,
    taken: bool,
}

impl FutureResponse {
    /// The response to a request that may still lack its body.
    pub(super) fn new(sent: Arc<SetOnce<Sent>>) -> Self {
        FutureResponse { sent, taken: false }
    }
}

/// A response that has come, all of it.
pub struct IncomingResponse {
    status: u16,
    headers: Arc<Entries>,
    /// Absent once it is taken.
    body: Option<Bytes>,
    held: Arc<Held>,
}

/// What the pollable of a future response waits for. It is no child of the future, so that a guest may drop the two in either order.
struct Coming(Arc<SetOnce<Sent>>);

#[wasmtime_wasi_io::async_trait]
impl Pollable for Coming {
    async fn ready(&mut self) {
        if let Sent::Asked(ticket) = self.0.wait().await {
            ticket.answer().wait().await;
        }
    }
}

impl HostFutureIncomingResponse for State {
    fn subscribe(&mut self, future: Resource<FutureResponse>) -> Result<Resource<DynPollable>> {
        let coming = Coming(Arc::clone(&self.table.get(&future)?.sent));
        let coming = self.table.push(coming)?;
        subscribe(&mut self.table, coming)
    }

    fn get(
        &mut self,
        future: Resource<FutureResponse>,
    ) -> Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
        let FutureResponse { sent, taken } = self.table.get_mut(&future)?;
        if *taken {
            return Ok(Some(Err(())));
        }
        let sent = Arc::clone(sent);
        let response = match sent.get() {
            None => return Ok(None),
            Some(Sent::Failed(code)) => Err(code.clone()),
            Some(Sent::Asked(ticket)) => {
                let Some(answer) = ticket.answer().get() else { return Ok(None) };
                self.reached(ticket, answer)?;
                self.response(answer)?
            }
        };
        self.table.get_mut(&future)?.taken = true;
        Ok(Some(Ok(match response {
            Ok(response) => Ok(self.table.push(response)?),
            Err(code) => Err(code),
        })))
    }

    fn drop(&mut self, future: Resource<FutureResponse>) -> Result<()> {
        self.table.delete(future)?;
        Ok(())
    }
}

impl State {
    fn response(&mut self, answer: &Answer) -> Result<Result<IncomingResponse, ErrorCode>> {
        let HttpResponse { status, headers, body } = match answer {
            Answer::HttpResponse(response) => response,
            Answer::HttpFailed { code, message } => return Ok(Err(codes::parse(code, message))),
            Answer::Failed { message } => return Ok(Err(ErrorCode::InternalError(Some(message.clone())))),
            _ => return Ok(Err(ErrorCode::InternalError(None))),
        };
        if body.len() > self.permit.body_bytes {
            return Ok(Err(ErrorCode::HttpResponseBodySize(Some(body.len()))));
        }
        let headers = fields::entries(headers);
        let (body, held) = self.received(&headers, body.as_bytes())?;
        let (headers, body) = (Arc::new(headers), Some(body));
        Ok(Ok(IncomingResponse { status: *status, headers, body, held }))
    }

    /// Counts and copies what the guest gets from outside.
    pub(super) fn received(&mut self, headers: &Entries, body: &[u8]) -> Result<(Bytes, Arc<Held>)> {
        let bytes = bytes_of(headers) + body.len() as u64;
        self.pay(usize::try_from(bytes).unwrap_or(usize::MAX), HTTP_BYTE)?;
        let mut held = self.held.nothing();
        held.grow(bytes)?;
        Ok((Bytes::copy_from_slice(body), Arc::new(held)))
    }
}

impl HostIncomingResponse for State {
    fn status(&mut self, response: Resource<IncomingResponse>) -> Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn headers(&mut self, response: Resource<IncomingResponse>) -> Result<Resource<Fields>> {
        let headers = Arc::clone(&self.table.get(&response)?.headers);
        self.headers_of(&headers)
    }

    fn consume(
        &mut self,
        response: Resource<IncomingResponse>,
    ) -> Result<Result<Resource<IncomingBody>, ()>> {
        let IncomingResponse { body, held, .. } = self.table.get_mut(&response)?;
        let Some(body) = body.take() else { return Ok(Err(())) };
        let body = IncomingBody::new(body, Arc::clone(held));
        Ok(Ok(self.table.push(body)?))
    }

    fn drop(&mut self, response: Resource<IncomingResponse>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}
