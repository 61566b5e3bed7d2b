//! `pie:instruct/tool-use`: tools in the model's own format.

use super::bindings::pie::instruct::tool_use::{Event, Host, HostDecoder};
use super::inference::{GrammarHandle, MatcherHandle};
use super::model::ModelHandle;
use super::state::State;
use super::work::Decoding;
use crate::chat::{ToolDecoder, ToolEvent};
use wasmtime::Result;
use wasmtime::component::Resource;

/// A decoder that a guest has.
pub type ToolDecoding = Decoding<ToolDecoder>;

impl Host for State {
    fn equip(
        &mut self,
        _model: Resource<ModelHandle>,
        tools: Vec<String>,
    ) -> Result<Result<Vec<u32>, String>> {
        // Each is read, written into the template, and encoded with it.
        self.pay_for_template(tools.iter().map(|tool| 2 * tool.len()).sum())?;
        let equipped = self.model.chat.equip(&self.model.tokenizer, &tools);
        Ok(equipped.map_err(|error| error.to_string()))
    }

    fn answer(&mut self, _model: Resource<ModelHandle>, name: String, value: String) -> Result<Vec<u32>> {
        self.pay_for_template(name.len() + value.len())?;
        Ok(self.model.chat.answer(&self.model.tokenizer, &name, &value))
    }

    fn create_decoder(&mut self, _model: Resource<ModelHandle>) -> Result<Resource<ToolDecoding>> {
        let decoder = self.model.tool_decoder();
        self.decoding(decoder)
    }

    fn format(
        &mut self,
        _model: Resource<ModelHandle>,
        _tools: Vec<String>,
    ) -> Result<Option<Resource<GrammarHandle>>> {
        Ok(None)
    }

    fn create_matcher(
        &mut self,
        _model: Resource<ModelHandle>,
        _tools: Vec<String>,
    ) -> Result<Resource<MatcherHandle>> {
        super::not_available_trap("pie:instruct/tool-use.create-matcher")
    }
}

impl HostDecoder for State {
    fn feed(&mut self, decoder: Resource<ToolDecoding>, tokens: Vec<u32>) -> Result<Result<Event, String>> {
        let event = self.feeding(&decoder, &tokens)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ToolEvent::Start => Event::Start,
            ToolEvent::Call { name, arguments } => Event::Call((name, arguments)),
        }))
    }

    fn reset(&mut self, decoder: Resource<ToolDecoding>) -> Result<()> {
        self.resetting(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ToolDecoding>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
