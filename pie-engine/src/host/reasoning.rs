//! `pie:instruct/reasoning`: the model's reasoning, apart from its answer.

use super::bindings::pie::instruct::reasoning::{Event, Host, HostDecoder};
use super::model::ModelHandle;
use super::state::State;
use crate::chat::{ReasoningDecoder, ReasoningEvent};
use wasmtime::Result;
use wasmtime::component::Resource;

impl Host for State {
    fn create_decoder(&mut self, _model: Resource<ModelHandle>) -> Result<Resource<ReasoningDecoder>> {
        let decoder = self.model.reasoning_decoder();
        Ok(self.table.push(decoder)?)
    }
}

impl HostDecoder for State {
    fn feed(
        &mut self,
        decoder: Resource<ReasoningDecoder>,
        tokens: Vec<u32>,
    ) -> Result<Result<Event, String>> {
        let event = self.table.get_mut(&decoder)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ReasoningEvent::Start => Event::Start,
            ReasoningEvent::Delta(text) => Event::Delta(text),
            ReasoningEvent::Complete(text) => Event::Complete(text),
        }))
    }

    fn reset(&mut self, decoder: Resource<ReasoningDecoder>) -> Result<()> {
        self.table.get_mut(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ReasoningDecoder>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
