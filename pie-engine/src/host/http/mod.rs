//! `wasi:http`: requests that go out, and the one that an instance was launched with.
//!
//! The interface streams; the seam to the outside ([`crate::outside`]) does not, because question and answer are recorded whole. So a request is put when its
//! body is finished, and a response is there when all of it is; between, streams are buffers. Two things follow that a guest can notice: who waits for the
//! response before it has finished the body of its request waits for ever, and there are no trailers. Of the timeouts the first two count, together, for the
//! whole exchange.
//!
//! [`fields`] are headers, [`body`] what is streamed, [`outgoing`] asks, [`incoming`] is asked, and [`codes`] names the errors.

pub mod bindings;
pub mod body;
pub mod codes;
pub mod fields;
pub mod incoming;
pub mod outgoing;
pub mod response;

use super::state::State;
use bindings::wasi::http::types::{ErrorCode, Host, LinkOptions};
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi_io::streams::Error;

/// Links what an inferlet may import of `wasi:http`, for every 0.2 release. Whether it may reach anything is for its permissions to say.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    let released = LinkOptions::default();
    bindings::wasi::http::types::add_to_linker::<State, HasSelf<State>>(linker, &released, |state| state)?;
    bindings::wasi::http::outgoing_handler::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl Host for State {
    /// No stream of ours fails: bodies are whole before they are read.
    fn http_error_code(&mut self, _error: Resource<Error>) -> Result<Option<ErrorCode>> {
        Ok(None)
    }
}
