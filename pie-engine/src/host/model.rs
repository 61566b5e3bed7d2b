//! `pie:core/model`: the model and its tokenizer.

use super::bindings::pie::core::model::{Host, HostModel, HostTokenizer};
use super::state::State;
use super::work::{DECODED_TOKEN, ENCODED_BYTE};
use crate::ids::ModelNumber;
use crate::loaded::LoadedModel;
use crate::trace::Event;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A loaded model: which.
pub struct ModelHandle(pub(super) ModelNumber);

/// The tokenizer of a loaded model: of which.
pub struct TokenizerHandle(pub(super) ModelNumber);

impl State {
    /// The number of the model that a handle means.
    pub(super) fn number_of(&self, model: &Resource<ModelHandle>) -> Result<ModelNumber> {
        Ok(self.table.get(model)?.0)
    }

    /// The model that a handle means.
    pub(super) fn model_of(&self, model: &Resource<ModelHandle>) -> Result<&LoadedModel> {
        Ok(&self.models[self.number_of(model)?])
    }

    /// The model whose tokenizer a handle means.
    fn of_tokenizer(&self, tokenizer: &Resource<TokenizerHandle>) -> Result<&LoadedModel> {
        Ok(&self.models[self.table.get(tokenizer)?.0])
    }
}

impl Host for State {}

impl HostModel for State {
    fn load(&mut self, name: String) -> Result<Result<Resource<ModelHandle>, String>> {
        self.called("model.load");
        let Some(number) = self.models.named(&name) else {
            let known: Vec<_> = self.models.iter().map(|model| format!("`{}`", model.info().name)).collect();
            return Ok(Err(format!(
                "no model `{name}` is loaded; there are `default` and {}",
                known.join(", ")
            )));
        };
        self.record(|instance| Event::ModelLoaded { instance, name })?;
        Ok(Ok(self.table.push(ModelHandle(number))?))
    }

    fn tokenizer(&mut self, model: Resource<ModelHandle>) -> Result<Resource<TokenizerHandle>> {
        self.called("model.tokenizer");
        let number = self.table.get(&model)?.0;
        Ok(self.table.push(TokenizerHandle(number))?)
    }

    fn drop(&mut self, model: Resource<ModelHandle>) -> Result<()> {
        self.table.delete(model)?;
        Ok(())
    }
}

impl HostTokenizer for State {
    fn encode(&mut self, tokenizer: Resource<TokenizerHandle>, text: String) -> Result<Vec<u32>> {
        self.called("tokenizer.encode");
        self.pay(text.len(), ENCODED_BYTE)?;
        Ok(self.of_tokenizer(&tokenizer)?.tokenizer.encode(&text))
    }

    fn decode(
        &mut self,
        tokenizer: Resource<TokenizerHandle>,
        tokens: Vec<u32>,
    ) -> Result<Result<String, String>> {
        self.called("tokenizer.decode");
        self.pay(tokens.len(), DECODED_TOKEN)?;
        Ok(self.of_tokenizer(&tokenizer)?.tokenizer.decode(&tokens).map_err(|error| error.to_string()))
    }

    fn vocabs(&mut self, tokenizer: Resource<TokenizerHandle>) -> Result<(Vec<u32>, Vec<Vec<u8>>)> {
        self.called("tokenizer.vocabs");
        self.pay(self.of_tokenizer(&tokenizer)?.tokenizer.vocabs().0.len(), DECODED_TOKEN)?;
        let (ids, bytes) = self.of_tokenizer(&tokenizer)?.tokenizer.vocabs();
        Ok((ids.to_vec(), bytes.to_vec()))
    }

    fn split_regex(&mut self, tokenizer: Resource<TokenizerHandle>) -> Result<String> {
        self.called("tokenizer.split-regex");
        Ok(self.of_tokenizer(&tokenizer)?.tokenizer.split_regex().to_owned())
    }

    fn special_tokens(&mut self, tokenizer: Resource<TokenizerHandle>) -> Result<(Vec<u32>, Vec<Vec<u8>>)> {
        self.called("tokenizer.special-tokens");
        self.pay(self.of_tokenizer(&tokenizer)?.tokenizer.special_tokens().0.len(), DECODED_TOKEN)?;
        let (ids, bytes) = self.of_tokenizer(&tokenizer)?.tokenizer.special_tokens();
        Ok((ids.to_vec(), bytes.to_vec()))
    }

    fn drop(&mut self, tokenizer: Resource<TokenizerHandle>) -> Result<()> {
        self.table.delete(tokenizer)?;
        Ok(())
    }
}
