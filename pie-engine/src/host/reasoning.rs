//! `pie:instruct/reasoning`: the model's reasoning, apart from its answer.

use super::bindings::pie::instruct::reasoning::{Event, Host, HostDecoder};
use super::model::ModelHandle;
use super::state::State;
use super::work::Decoding;
use crate::chat::{ReasoningDecoder, ReasoningEvent};
use wasmtime::Result;
use wasmtime::component::Resource;

/// A decoder that a guest has.
pub type ReasoningDecoding = Decoding<ReasoningDecoder>;

impl Host for State {
    fn create_decoder(&mut self, model: Resource<ModelHandle>) -> Result<Resource<ReasoningDecoding>> {
        self.called("reasoning.create-decoder");
        let decoder = self.model_of(&model)?.reasoning_decoder();
        self.decoding(decoder, &model)
    }
}

impl HostDecoder for State {
    fn feed(
        &mut self,
        decoder: Resource<ReasoningDecoding>,
        tokens: Vec<u32>,
    ) -> Result<Result<Event, String>> {
        self.called("reasoning.decoder.feed");
        let event = self.feeding(&decoder, &tokens)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ReasoningEvent::Start => Event::Start,
            ReasoningEvent::Delta(text) => Event::Delta(text),
            ReasoningEvent::Complete(text) => Event::Complete(text),
        }))
    }

    fn reset(&mut self, decoder: Resource<ReasoningDecoding>) -> Result<()> {
        self.called("reasoning.decoder.reset");
        self.resetting(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ReasoningDecoding>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
