//! `pie:instruct/tool-use`: tools in the model's own format.

use super::bindings::pie::instruct::tool_use::{Event, Host, HostDecoder};
use super::inference::GrammarHandle;
use super::matcher::MatcherHandle;
use super::model::ModelHandle;
use super::state::State;
use super::work::{COMPILED_BYTE, Decoding};
use crate::chat::{ToolDecoder, ToolEvent};
use crate::grammar::Source;
use wasmtime::Result;
use wasmtime::component::Resource;

/// All tokens, in Lark's notation: for models without a format of calls.
const ANYTHING: &str = "start: <[*]>*";

/// A decoder that a guest has.
pub type ToolDecoding = Decoding<ToolDecoder>;

impl Host for State {
    fn equip(
        &mut self,
        model: Resource<ModelHandle>,
        tools: Vec<String>,
    ) -> Result<Result<Vec<u32>, String>> {
        self.called("tool-use.equip");
        // Each is read, written into the template, and encoded with it.
        self.pay_for_template(tools.iter().map(|tool| 2 * tool.len()).sum())?;
        let model = self.model_of(&model)?;
        let equipped = model.chat.equip(&model.tokenizer, &tools);
        Ok(equipped.map_err(|error| error.to_string()))
    }

    fn answer(&mut self, model: Resource<ModelHandle>, name: String, value: String) -> Result<Vec<u32>> {
        self.called("tool-use.answer");
        self.pay_for_template(name.len() + value.len())?;
        let model = self.model_of(&model)?;
        Ok(model.chat.answer(&model.tokenizer, &name, &value))
    }

    fn create_decoder(&mut self, model: Resource<ModelHandle>) -> Result<Resource<ToolDecoding>> {
        self.called("tool-use.create-decoder");
        let decoder = self.model_of(&model)?.tool_decoder();
        self.decoding(decoder, &model)
    }

    fn format(
        &mut self,
        model: Resource<ModelHandle>,
        tools: Vec<String>,
    ) -> Result<Option<Resource<GrammarHandle>>> {
        self.called("tool-use.format");
        self.pay_for_template(tools.iter().map(String::len).sum())?;
        // The interface has no error here, and neither no grammar nor another one would be what was asked for.
        let of = self.model_of(&model)?;
        match of.chat.call_grammar(&of.tokenizer, &tools) {
            Ok(None) => Ok(None),
            Ok(Some(lark)) => self.grammar(Source::Ebnf(lark))?.map(Some).map_err(wasmtime::Error::msg),
            Err(error) => Err(wasmtime::Error::msg(error.to_string())),
        }
    }

    fn create_matcher(
        &mut self,
        model: Resource<ModelHandle>,
        tools: Vec<String>,
    ) -> Result<Resource<MatcherHandle>> {
        self.called("tool-use.create-matcher");
        self.pay_for_template(tools.iter().map(String::len).sum())?;
        let number = self.number_of(&model)?;
        let of = &self.models[number];
        let source = match of.chat.call_grammar(&of.tokenizer, &tools) {
            Ok(lark) => lark.unwrap_or_else(|| ANYTHING.to_owned()),
            Err(error) => return self.matcher(number, Err(error.to_string())),
        };
        self.pay(source.len(), COMPILED_BYTE)?;
        let grammar = self.models[number].grammars.grammar(Source::Ebnf(source));
        self.matcher(number, grammar.map_err(|error| error.to_string()))
    }
}

impl HostDecoder for State {
    fn feed(&mut self, decoder: Resource<ToolDecoding>, tokens: Vec<u32>) -> Result<Result<Event, String>> {
        self.called("tool-use.decoder.feed");
        let event = self.feeding(&decoder, &tokens)?.feed(&tokens);
        Ok(event.map(|event| match event {
            ToolEvent::Start => Event::Start,
            ToolEvent::Call { name, arguments } => Event::Call((name, arguments)),
        }))
    }

    fn reset(&mut self, decoder: Resource<ToolDecoding>) -> Result<()> {
        self.called("tool-use.decoder.reset");
        self.resetting(&decoder)?.reset();
        Ok(())
    }

    fn drop(&mut self, decoder: Resource<ToolDecoding>) -> Result<()> {
        self.table.delete(decoder)?;
        Ok(())
    }
}
