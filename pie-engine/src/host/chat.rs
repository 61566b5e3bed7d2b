//! `pie:instruct/chat`: turns of a conversation as tokens, and tokens as visible text.

use super::bindings::pie::instruct::chat::{Event, Host, HostDecoder};
use super::model::ModelHandle;
use super::state::State;
use crate::chat::{ChatDecoder, ChatEvent};
use wasmtime::Result;
use wasmtime::component::Resource;

impl Host for State {
    fn system(&mut self, _model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        Ok(self.model.chat.system(&self.model.tokenizer, &message))
    }

    fn user(&mut self, _model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        Ok(self.model.chat.user(&self.model.tokenizer, &message))
    }

    fn assistant(&mut self, _model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        Ok(self.model.chat.assistant(&self.model.tokenizer, &message))
    }

    fn cue(&mut self, _model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        Ok(self.model.chat.cue(&self.model.tokenizer))
    }

    fn seal(&mut self, _model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        Ok(self.model.chat.seal(&self.model.tokenizer))
    }

    fn stop_tokens(&mut self, _model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        Ok(self.model.chat.stop_tokens(&self.model.tokenizer))
    }

    fn create_decoder(&mut self, _model: Resource<ModelHandle>) -> Result<Resource<ChatDecoder>> {
        let decoder = self.model.chat_decoder();
        Ok(self.table.push(decoder)?)
    }
}

impl HostDecoder for State {
    fn feed(&mut self, decoder: Resource<ChatDecoder>, tokens: Vec<u32>) -> Result<Result<Event, String>> {
        let event = self.table.get_mut(&decoder)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ChatEvent::Delta(text) => Event::Delta(text),
            ChatEvent::Interrupt(token) => Event::Interrupt(token),
            ChatEvent::Done(text) => Event::Done(text),
        }))
    }

    fn reset(&mut self, decoder: Resource<ChatDecoder>) -> Result<()> {
        self.table.get_mut(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ChatDecoder>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
