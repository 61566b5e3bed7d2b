//! Bodies: buffers that look like streams.
//!
//! What comes from outside and what is asked there is recorded whole, so that a run can be played back, and in pieces it would depend on the weather
//! when a guest sees them. So a guest gets a body when all of it is there, and a request goes out when its body has ended. A response that a guest makes is
//! the one thing that nobody in the run waits for: its client reads it as it is written ([`Responded`]). No body is longer than its limit.
//!
//! Trailers are not sent, and those that come are left out: hardly any server reads or writes them, and a recording has no place for them.

use super::bindings::wasi::http::types::{
    ErrorCode, HostFutureTrailers, HostIncomingBody, HostOutgoingBody, Trailers,
};
use super::incoming::Response;
use super::outgoing::Question;
use crate::host::budget::Held;
use crate::host::limits::LimitExceeded;
use crate::host::state::State;
use crate::host::work::HTTP_BYTE;
use crate::respond::Responded;
use crate::trace::{Limit, Whole};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::SetOnce;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable};
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult,
};

/// The most bytes of one write.
const MAX_WRITE: usize = 64 << 10;

/// A body that is being written. Clones are the same.
#[derive(Clone)]
pub(super) struct Draft {
    shared: Arc<Mutex<Written>>,
}

struct Written {
    bytes: Vec<u8>,
    held: Held,
    /// The most bytes.
    allowed: u64,
    /// What `content-length` says.
    announced: Option<u64>,
    /// Who reads it while it is written.
    client: Option<Responded>,
    /// How it ended.
    end: Option<Result<(), ErrorCode>>,
    /// What is to be done with it once it has ended.
    then: Option<Then>,
}

/// What a body belongs to.
pub(super) enum Then {
    /// A request that is to be put.
    Ask(Question),
    /// The response to the request that the instance was launched with.
    Respond(Response),
}

impl Draft {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written and what will be is handed to the client as well, before the body has ended.
    pub(super) fn goes_to(&self, client: Responded) {
        let mut written = self.lock();
        client.write(&written.bytes);
        written.client = Some(client);
    }
}

/// The body of a request or response that the guest makes.
pub struct OutgoingBody {
    draft: Draft,
    stream_taken: bool,
}

/// The body of a request or response that the guest gets. It is all there.
pub struct IncomingBody {
    bytes: Option<Bytes>,
    /// The room it takes, given back with it.
    _held: Arc<Held>,
}

impl IncomingBody {
    /// A body whose room is counted already.
    pub(super) fn new(bytes: Bytes, held: Arc<Held>) -> Self {
        IncomingBody { bytes: Some(bytes), _held: held }
    }
}

/// What follows a body: nothing.
pub struct FutureTrailers {
    taken: bool,
}

impl State {
    /// A handle of a body for the guest to write, and the body.
    pub(super) fn draft_body(&mut self, announced: Option<u64>) -> Result<(Resource<OutgoingBody>, Draft)> {
        let written = Written {
            bytes: Vec::new(),
            held: self.held.nothing(),
            allowed: self.permit.body_bytes,
            announced,
            client: None,
            end: None,
            then: None,
        };
        let draft = Draft { shared: Arc::new(Mutex::new(written)) };
        let handle = self.table.push(OutgoingBody { draft: draft.clone(), stream_taken: false })?;
        Ok((handle, draft))
    }

    /// Does what is to be done with a body, now if it has ended, else when it ends. Without a body it is done with an empty one.
    pub(super) fn with_body(&mut self, draft: Option<&Draft>, then: Then) -> Result<()> {
        let Some(draft) = draft else { return self.done(then, Ok(Whole::default())) };
        draft.lock().then = Some(then);
        self.look_at(draft)
    }

    /// Does what is to be done if the body has ended.
    fn look_at(&mut self, draft: &Draft) -> Result<()> {
        let mut written = draft.lock();
        let Some(end) = written.end.clone() else { return Ok(()) };
        let Some(then) = written.then.take() else { return Ok(()) };
        let bytes = std::mem::take(&mut written.bytes);
        drop(written);
        self.pay(bytes.len(), HTTP_BYTE)?;
        self.done(then, end.map(|()| bytes.into()))
    }

    fn done(&mut self, then: Then, body: Result<Whole, ErrorCode>) -> Result<()> {
        match then {
            Then::Ask(question) => self.ask_outside(question, body),
            Then::Respond(response) => self.respond(response, body),
        }
    }

    fn end_body(&mut self, draft: &Draft, end: Result<(), ErrorCode>) -> Result<Result<(), ErrorCode>> {
        draft.lock().end = Some(end.clone());
        self.look_at(draft)?;
        Ok(end)
    }
}

impl HostOutgoingBody for State {
    fn write(&mut self, body: Resource<OutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>> {
        let outgoing = self.table.get_mut(&body)?;
        if std::mem::replace(&mut outgoing.stream_taken, true) {
            return Ok(Err(()));
        }
        let stream: DynOutputStream = Box::new(Writing(outgoing.draft.clone()));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<Trailers>>,
    ) -> Result<Result<(), ErrorCode>> {
        let OutgoingBody { draft, .. } = self.table.delete(body)?;
        let trailers = trailers.map(|trailers| self.take_fields(trailers)).transpose()?;
        let end = if trailers.is_some_and(|trailers| !trailers.entries().is_empty()) {
            Err(ErrorCode::InternalError(Some("trailers cannot be sent".to_owned())))
        } else {
            draft.lock().complete()
        };
        self.end_body(&draft, end)
    }

    /// A body that was not finished is cut off, and so is what it belongs to.
    fn drop(&mut self, body: Resource<OutgoingBody>) -> Result<()> {
        let OutgoingBody { draft, .. } = self.table.delete(body)?;
        let _ = self.end_body(&draft, Err(ErrorCode::HttpProtocolError))?;
        Ok(())
    }
}

impl Written {
    /// Whether it is as long as was announced.
    fn complete(&self) -> Result<(), ErrorCode> {
        let length = self.bytes.len() as u64;
        match self.announced {
            Some(announced) if announced != length => Err(ErrorCode::HttpRequestBodySize(Some(length))),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LimitExceeded> {
        let wanted = (self.bytes.len() + bytes.len()) as u64;
        if wanted > self.allowed {
            return Err(LimitExceeded { limit: Limit::Body, wanted, allowed: self.allowed });
        }
        self.held.grow(bytes.len() as u64)?;
        self.bytes.extend_from_slice(bytes);
        self.client.iter().for_each(|client| client.write(bytes));
        Ok(())
    }
}

/// A stream into a body.
struct Writing(Draft);

#[async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > MAX_WRITE {
            return Err(StreamError::trap("wrote more bytes than `check-write` permits"));
        }
        self.0.lock().write(&bytes).map_err(|limit| StreamError::Trap(wasmtime::Error::new(limit)))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

impl HostIncomingBody for State {
    fn stream(&mut self, body: Resource<IncomingBody>) -> Result<Result<Resource<DynInputStream>, ()>> {
        let Some(bytes) = self.table.get_mut(&body)?.bytes.take() else { return Ok(Err(())) };
        let stream: DynInputStream = Box::new(Reading(bytes));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<IncomingBody>) -> Result<Resource<FutureTrailers>> {
        self.table.delete(body)?;
        Ok(self.table.push(FutureTrailers { taken: false })?)
    }

    fn drop(&mut self, body: Resource<IncomingBody>) -> Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

/// A stream out of a body.
struct Reading(Bytes);

#[async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.0.is_empty() {
            return Err(StreamError::Closed);
        }
        Ok(self.0.split_to(size.min(self.0.len())))
    }
}

impl HostFutureTrailers for State {
    fn subscribe(&mut self, trailers: Resource<FutureTrailers>) -> Result<Resource<DynPollable>> {
        self.table.get(&trailers)?;
        self.pollable(Arc::new(SetOnce::new_with(Some(()))))
    }

    fn get(
        &mut self,
        trailers: Resource<FutureTrailers>,
    ) -> Result<Option<Result<Result<Option<Resource<Trailers>>, ErrorCode>, ()>>> {
        let taken = std::mem::replace(&mut self.table.get_mut(&trailers)?.taken, true);
        Ok(Some(if taken { Err(()) } else { Ok(Ok(None)) }))
    }

    fn drop(&mut self, trailers: Resource<FutureTrailers>) -> Result<()> {
        self.table.delete(trailers)?;
        Ok(())
    }
}
