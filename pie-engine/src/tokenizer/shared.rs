//! The library's pipeline with its two large parts, vocabulary and regular expressions, behind pointers, so that a second pipeline
//! over the same parts costs next to nothing.

use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{
    DecoderWrapper, Model, NormalizerWrapper, PostProcessorWrapper, PreTokenizedString, PreTokenizer,
    PreTokenizerWrapper, Token, TokenizerImpl,
};

/// A tokenizer of the library over shared parts.
pub(super) type Pipeline = TokenizerImpl<
    Shared<ModelWrapper>,
    NormalizerWrapper,
    Shared<PreTokenizerWrapper>,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A part that several pipelines use.
#[derive(Debug)]
pub(super) struct Shared<T>(pub(super) Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<'de> Deserialize<'de> for Shared<PreTokenizerWrapper> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PreTokenizerWrapper::deserialize(deserializer).map(|part| Shared(Arc::new(part)))
    }
}

impl<'de> Deserialize<'de> for Shared<ModelWrapper> {
    /// Random segmentation is left out: it belongs to training, and would make encoding random.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut model = ModelWrapper::deserialize(deserializer)?;
        match &mut model {
            ModelWrapper::BPE(bpe) => bpe.dropout = None,
            ModelWrapper::Unigram(unigram) => (unigram.alpha, unigram.nbest_size) = (None, None),
            _ => {}
        }
        Ok(Shared(Arc::new(model)))
    }
}

impl PreTokenizer for Shared<PreTokenizerWrapper> {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.pre_tokenize(text)
    }
}

impl Model for Shared<ModelWrapper> {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        self.0.tokenize(sequence)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.0.get_vocab()
    }

    fn get_vocab_size(&self) -> usize {
        self.0.get_vocab_size()
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        self.0.save(folder, prefix)
    }

    fn get_trainer(&self) -> TrainerWrapper {
        self.0.get_trainer()
    }
}
