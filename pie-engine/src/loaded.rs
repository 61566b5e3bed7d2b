//! A model with what belongs to it: its tokenizer and its chat format.

use crate::chat::{ChatDecoder, ChatFormat, ReasoningDecoder, ToolDecoder};
use crate::grammar::{GrammarCache, Tokens, Vocabulary, VocabularyError};
use crate::ids::ModelNumber;
use crate::model::candle::{self, Cache, Device, LoadError};
use crate::model::dummy::{Dummy, DummyConfig, Script};
use crate::model::source::Source;
use crate::model::{Model, ModelInfo};
use crate::tokenizer::Tokenizer;
use std::ops::Index;
use std::sync::{Arc, OnceLock};

/// The name that an engine's first model answers to besides its own.
pub const DEFAULT_MODEL: &str = "default";

/// The models of an engine, at least one. Each has a name of its own.
#[derive(Clone)]
pub struct Models(Arc<[LoadedModel]>);

impl Models {
    /// A default model and others. The name of one that another has too is returned as an error.
    pub fn new(first: LoadedModel, others: Vec<LoadedModel>) -> Result<Models, String> {
        let models: Vec<LoadedModel> = std::iter::once(first).chain(others).collect();
        let twice = |(index, model): &(usize, &LoadedModel)| {
            models[..*index].iter().any(|other| other.info().name == model.info().name)
        };
        match models.iter().enumerate().find(twice) {
            Some((_, model)) => Err(model.info().name.clone()),
            None => Ok(Models(models.into())),
        }
    }

    /// The default one.
    pub fn first(&self) -> &LoadedModel {
        &self.0[0]
    }

    /// Which of them `model.load` of this name gets.
    pub fn named(&self, name: &str) -> Option<ModelNumber> {
        let found = self.0.iter().position(|model| name == model.info().name);
        found.or((name == DEFAULT_MODEL).then_some(0)).map(|number| ModelNumber(number as u32))
    }

    /// All of them, the default one first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &LoadedModel> {
        self.0.iter()
    }

    /// Their numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = ModelNumber> + use<> {
        (0..self.0.len() as u32).map(ModelNumber)
    }
}

impl From<LoadedModel> for Models {
    fn from(model: LoadedModel) -> Models {
        Models([model].into())
    }
}

impl Index<ModelNumber> for Models {
    type Output = LoadedModel;

    fn index(&self, number: ModelNumber) -> &LoadedModel {
        &self.0[number.0 as usize]
    }
}

/// A model that an engine can run.
#[derive(Clone)]
pub struct LoadedModel {
    /// The weights, or what stands for them.
    pub model: Arc<dyn Model>,
    /// Text to tokens and back.
    pub tokenizer: Arc<Tokenizer>,
    /// Turns of a conversation as tokens.
    pub chat: Arc<ChatFormat>,
    /// Grammars that inferlets asked for.
    pub(crate) grammars: Arc<GrammarCache>,
    /// Made when the first grammar needs it.
    vocabulary: Arc<OnceLock<Result<Arc<Vocabulary>, VocabularyError>>>,
}

impl LoadedModel {
    /// The dummy model.
    pub fn dummy() -> Self {
        Self::from_dummy(None)
    }

    /// The dummy model with replies of its own to some prompts.
    pub fn scripted(script: &Script) -> Self {
        Self::from_dummy(Some(script))
    }

    fn from_dummy(script: Option<&Script>) -> Self {
        let tokenizer = Tokenizer::dummy();
        let script = script.map(|script| script.encode(&tokenizer));
        LoadedModel {
            model: Arc::new(Dummy::new(DummyConfig { name: "dummy".to_owned(), script })),
            tokenizer: Arc::new(tokenizer),
            chat: Arc::new(ChatFormat::dummy()),
            grammars: Arc::default(),
            vocabulary: Arc::default(),
        }
    }

    /// A model with weights.
    pub fn from_source(source: &Source, cache: Cache, device: Device) -> Result<Self, LoadError> {
        Ok(LoadedModel {
            model: candle::load_on(device, source, cache)?,
            tokenizer: Arc::clone(&source.tokenizer),
            chat: Arc::clone(&source.chat),
            grammars: Arc::default(),
            vocabulary: Arc::default(),
        })
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    /// The tokens in the form that grammars need. Fails on a vocabulary that is too large.
    pub(crate) fn vocabulary(&self) -> Result<&Arc<Vocabulary>, VocabularyError> {
        let made = self.vocabulary.get_or_init(|| {
            let (ids, bytes) = self.tokenizer.vocabs();
            let size = self.info().vocab_size.max(self.tokenizer.vocab_size());
            let special = self.tokenizer.special_tokens().0;
            let end = &self.chat.stop_tokens(&self.tokenizer);
            let vocabulary = Vocabulary::new(&Tokens { size, ids, bytes, special, end })?;
            let tokenizer = Arc::clone(&self.tokenizer);
            Ok(Arc::new(vocabulary.with_encoder(Arc::new(move |text| tokenizer.encode_text(text)))))
        });
        made.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn chat_decoder(&self) -> ChatDecoder {
        self.chat.chat_decoder(&self.tokenizer)
    }

    pub(crate) fn reasoning_decoder(&self) -> ReasoningDecoder {
        self.chat.reasoning_decoder(&self.tokenizer)
    }

    pub(crate) fn tool_decoder(&self) -> ToolDecoder {
        self.chat.tool_decoder(&self.tokenizer)
    }
}
