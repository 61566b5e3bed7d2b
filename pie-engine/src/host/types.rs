//! `pie:core/types`: values that come later.

use super::bindings::pie::core::types::{Host, HostFutureBlob, HostFutureString};
use super::state::State;
use crate::engine::bus::Letter;
use crate::engine::inbox::Ticket;
use crate::trace::{Bytes, Event, Text};
use std::sync::Arc;
use tokio::sync::SetOnce;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// A message that has been asked for.
pub enum FutureString {
    /// The client's next.
    Received(Ticket<String>),
    /// The next of a topic's queue.
    Pulled {
        /// The place in line.
        ticket: Ticket<Letter>,
        /// The topic.
        topic: String,
    },
}

/// A file that has been asked for.
pub struct FutureBlob(pub Ticket<Vec<u8>>);

/// What a pollable waits for. It shares the signal with its future, and is no child of it, so that a guest may drop the two in either
/// order.
struct Signal<T: Send + Sync + 'static>(Arc<SetOnce<T>>);

#[wasmtime_wasi_io::async_trait]
impl<T: Send + Sync + 'static> Pollable for Signal<T> {
    async fn ready(&mut self) {
        self.0.wait().await;
    }
}

impl State {
    /// A pollable that is ready once the signal has been set.
    pub(crate) fn pollable<T: Send + Sync + 'static>(
        &mut self,
        signal: Arc<SetOnce<T>>,
    ) -> Result<Resource<DynPollable>> {
        let signal = self.table.push(Signal(signal))?;
        subscribe(&mut self.table, signal)
    }

    /// The signal that a message or the end of the session has come.
    pub(super) fn string_ready(&self, future: &Resource<FutureString>) -> Result<Arc<SetOnce<()>>> {
        Ok(match self.table.get(future)? {
            FutureString::Received(ticket) => ticket.ready(),
            FutureString::Pulled { ticket, .. } => ticket.ready(),
        })
    }

    /// The signal that a file or the end of the session has come.
    pub(super) fn blob_ready(&self, future: &Resource<FutureBlob>) -> Result<Arc<SetOnce<()>>> {
        Ok(self.table.get(future)?.0.ready())
    }
}

impl Host for State {}

impl HostFutureString for State {
    fn pollable(&mut self, future: Resource<FutureString>) -> Result<Resource<DynPollable>> {
        self.called("future-string.pollable");
        let ready = self.string_ready(&future)?;
        self.pollable(ready)
    }

    fn get(&mut self, future: Resource<FutureString>) -> Result<Option<String>> {
        self.called("future-string.get");
        match self.table.get_mut(&future)? {
            FutureString::Received(ticket) => {
                let Some(message) = ticket.take() else { return Ok(None) };
                self.record(|instance| Event::Received { instance, text: message.clone().map(Text::from) })?;
                Ok(message)
            }
            FutureString::Pulled { ticket, topic } => {
                // Topics are not closed, so there is a message if there is an answer.
                let Some(letter) = ticket.take().flatten() else { return Ok(None) };
                let topic = topic.as_str().into();
                let text = letter.text();
                self.record(|instance| Event::Pulled { instance, topic, text: text.into() })?;
                Ok(Some(text.to_owned()))
            }
        }
    }

    fn drop(&mut self, future: Resource<FutureString>) -> Result<()> {
        self.table.delete(future)?;
        Ok(())
    }
}

impl HostFutureBlob for State {
    fn pollable(&mut self, future: Resource<FutureBlob>) -> Result<Resource<DynPollable>> {
        self.called("future-blob.pollable");
        let ready = self.blob_ready(&future)?;
        self.pollable(ready)
    }

    fn get(&mut self, future: Resource<FutureBlob>) -> Result<Option<Vec<u8>>> {
        self.called("future-blob.get");
        let Some(data) = self.table.get_mut(&future)?.0.take() else { return Ok(None) };
        self.record(|instance| Event::ReceivedFile { instance, data: data.clone().map(Bytes::from) })?;
        Ok(data)
    }

    fn drop(&mut self, future: Resource<FutureBlob>) -> Result<()> {
        self.table.delete(future)?;
        Ok(())
    }
}
