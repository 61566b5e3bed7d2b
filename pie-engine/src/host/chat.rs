//! `pie:instruct/chat`: turns of a conversation as tokens, and tokens as visible text.

use super::bindings::pie::instruct::chat::{Event, Host, HostDecoder};
use super::model::ModelHandle;
use super::state::State;
use super::work::Decoding;
use crate::chat::{ChatDecoder, ChatEvent};
use wasmtime::Result;
use wasmtime::component::Resource;

/// A decoder that a guest has.
pub type ChatDecoding = Decoding<ChatDecoder>;

impl Host for State {
    fn system(&mut self, model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        self.called("chat.system");
        self.pay_for_template(message.len())?;
        let model = self.model_of(&model)?;
        Ok(model.chat.system(&model.tokenizer, &message))
    }

    fn user(&mut self, model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        self.called("chat.user");
        self.pay_for_template(message.len())?;
        let model = self.model_of(&model)?;
        Ok(model.chat.user(&model.tokenizer, &message))
    }

    fn assistant(&mut self, model: Resource<ModelHandle>, message: String) -> Result<Vec<u32>> {
        self.called("chat.assistant");
        self.pay_for_template(message.len())?;
        let model = self.model_of(&model)?;
        Ok(model.chat.assistant(&model.tokenizer, &message))
    }

    fn cue(&mut self, model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        self.called("chat.cue");
        self.pay_for_template(0)?;
        let model = self.model_of(&model)?;
        Ok(model.chat.cue(&model.tokenizer))
    }

    fn seal(&mut self, model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        self.called("chat.seal");
        self.pay_for_template(0)?;
        let model = self.model_of(&model)?;
        Ok(model.chat.seal(&model.tokenizer))
    }

    fn stop_tokens(&mut self, model: Resource<ModelHandle>) -> Result<Vec<u32>> {
        self.called("chat.stop-tokens");
        let model = self.model_of(&model)?;
        Ok(model.chat.stop_tokens(&model.tokenizer))
    }

    fn create_decoder(&mut self, model: Resource<ModelHandle>) -> Result<Resource<ChatDecoding>> {
        self.called("chat.create-decoder");
        let decoder = self.model_of(&model)?.chat_decoder();
        self.decoding(decoder, &model)
    }
}

impl HostDecoder for State {
    fn feed(&mut self, decoder: Resource<ChatDecoding>, tokens: Vec<u32>) -> Result<Result<Event, String>> {
        self.called("chat.decoder.feed");
        let event = self.feeding(&decoder, &tokens)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ChatEvent::Delta(text) => Event::Delta(text),
            ChatEvent::Interrupt(token) => Event::Interrupt(token),
            ChatEvent::Done(text) => Event::Done(text),
        }))
    }

    fn reset(&mut self, decoder: Resource<ChatDecoding>) -> Result<()> {
        self.called("chat.decoder.reset");
        self.resetting(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ChatDecoding>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
