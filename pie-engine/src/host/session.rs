//! `pie:core/session`: the channel between an inferlet and the client that launched it.

use super::bindings::pie::core::session::Host;
use super::state::State;
use super::types::{FutureBlob, FutureString};
use crate::trace::Event;
use wasmtime::Result;
use wasmtime::component::Resource;

impl Host for State {
    fn send(&mut self, message: String) -> Result<()> {
        self.called("session.send");
        self.journal.put_out(message.len())?;
        self.record(|instance| Event::Message { instance, text: message.into() })?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Resource<FutureString>> {
        self.called("session.receive");
        let ticket = self.session.messages.receive();
        Ok(self.table.push(FutureString::Received(ticket))?)
    }

    fn send_file(&mut self, data: Vec<u8>) -> Result<()> {
        self.called("session.send-file");
        self.journal.put_out(data.len())?;
        self.record(|instance| Event::File { instance, data: data.into() })?;
        Ok(())
    }

    fn receive_file(&mut self) -> Result<Resource<FutureBlob>> {
        self.called("session.receive-file");
        let ticket = self.session.files.receive();
        Ok(self.table.push(FutureBlob(ticket))?)
    }
}
