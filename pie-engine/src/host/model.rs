//! `pie:core/model`: the model and its tokenizer.

use super::bindings::pie::core::model::{Host, HostModel, HostTokenizer};
use super::state::State;
use super::work::{DECODED_TOKEN, ENCODED_BYTE};
use crate::trace::Event;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A loaded model. An engine has one, so a handle carries nothing.
pub struct ModelHandle;

/// The tokenizer of the loaded model.
pub struct TokenizerHandle;

impl Host for State {}

impl HostModel for State {
    fn load(&mut self, name: String) -> Result<Result<Resource<ModelHandle>, String>> {
        self.called("model.load");
        if !self.model.answers_to(&name) {
            let known = &self.model.info().name;
            return Ok(Err(format!("no model `{name}` is loaded; there are `default` and `{known}`")));
        }
        self.record(|instance| Event::ModelLoaded { instance, name })?;
        Ok(Ok(self.table.push(ModelHandle)?))
    }

    fn tokenizer(&mut self, _model: Resource<ModelHandle>) -> Result<Resource<TokenizerHandle>> {
        self.called("model.tokenizer");
        Ok(self.table.push(TokenizerHandle)?)
    }

    fn drop(&mut self, model: Resource<ModelHandle>) -> Result<()> {
        self.table.delete(model)?;
        Ok(())
    }
}

impl HostTokenizer for State {
    fn encode(&mut self, _tokenizer: Resource<TokenizerHandle>, text: String) -> Result<Vec<u32>> {
        self.called("tokenizer.encode");
        self.pay(text.len(), ENCODED_BYTE)?;
        Ok(self.model.tokenizer.encode(&text))
    }

    fn decode(
        &mut self,
        _tokenizer: Resource<TokenizerHandle>,
        tokens: Vec<u32>,
    ) -> Result<Result<String, String>> {
        self.called("tokenizer.decode");
        self.pay(tokens.len(), DECODED_TOKEN)?;
        Ok(self.model.tokenizer.decode(&tokens).map_err(|error| error.to_string()))
    }

    fn vocabs(&mut self, _tokenizer: Resource<TokenizerHandle>) -> Result<(Vec<u32>, Vec<Vec<u8>>)> {
        self.called("tokenizer.vocabs");
        self.pay(self.model.tokenizer.vocabs().0.len(), DECODED_TOKEN)?;
        let (ids, bytes) = self.model.tokenizer.vocabs();
        Ok((ids.to_vec(), bytes.to_vec()))
    }

    fn split_regex(&mut self, _tokenizer: Resource<TokenizerHandle>) -> Result<String> {
        self.called("tokenizer.split-regex");
        Ok(self.model.tokenizer.split_regex().to_owned())
    }

    fn special_tokens(&mut self, _tokenizer: Resource<TokenizerHandle>) -> Result<(Vec<u32>, Vec<Vec<u8>>)> {
        self.called("tokenizer.special-tokens");
        self.pay(self.model.tokenizer.special_tokens().0.len(), DECODED_TOKEN)?;
        let (ids, bytes) = self.model.tokenizer.special_tokens();
        Ok((ids.to_vec(), bytes.to_vec()))
    }

    fn drop(&mut self, tokenizer: Resource<TokenizerHandle>) -> Result<()> {
        self.table.delete(tokenizer)?;
        Ok(())
    }
}
