//! The library's pipeline with its two large parts, vocabulary and regular expressions, behind pointers, so that a second pipeline
//! over the same parts costs next to nothing.
//!
//! It also keeps two costs of the library's out of every start: vocabularies do not take the way over trees of values, and byte-level
//! spelling without a regular expression does not compile one.

use super::piece::char_of;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::models::bpe::BPE;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{
    DecoderWrapper, Model, NormalizedString, NormalizerWrapper, PostProcessorWrapper, PreTokenizedString,
    PreTokenizer, PreTokenizerWrapper, Token, TokenizerImpl,
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
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let mut model = model(text.get()).map_err(D::Error::custom)?;
        match &mut model {
            ModelWrapper::BPE(bpe) => bpe.dropout = None,
            ModelWrapper::Unigram(unigram) => (unigram.alpha, unigram.nbest_size) = (None, None),
            _ => {}
        }
        Ok(Shared(Arc::new(model)))
    }
}

/// Reads a model. The library's own reading of one whose type it has to find out copies the vocabulary several times.
fn model(text: &str) -> serde_json::Result<ModelWrapper> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let head: Head = serde_json::from_str(text)?;
    match head.kind.as_deref() {
        Some("BPE") => serde_json::from_str::<BPE>(text).map(ModelWrapper::BPE),
        _ => serde_json::from_str(text),
    }
}

impl PreTokenizer for Shared<PreTokenizerWrapper> {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        pre_tokenize(&self.0, text)
    }
}

/// As the library does it, but that it compiles a regular expression for byte-level spelling that does not use it, which takes a
/// millisecond.
fn pre_tokenize(part: &PreTokenizerWrapper, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
    match part {
        PreTokenizerWrapper::Sequence(sequence) => {
            sequence.as_ref().iter().try_for_each(|part| pre_tokenize(part, text))
        }
        PreTokenizerWrapper::ByteLevel(bytes) if !bytes.use_regex && !bytes.add_prefix_space => {
            // Splitting, even into one, leaves empty pieces out.
            text.split(|_, piece| Ok(Some(piece)))?;
            text.normalize(|piece| {
                spell_bytes(piece);
                Ok(())
            })
        }
        part => part.pre_tokenize(text),
    }
}

/// Replaces each byte by the character that stands for it.
fn spell_bytes(piece: &mut NormalizedString) {
    let text = piece.get().to_owned();
    // The first byte of a character replaces it, the others are put in after it.
    let spelled = text.bytes().map(|byte| {
        let continues = byte & 0b1100_0000 == 0b1000_0000;
        (char_of(byte), isize::from(continues))
    });
    piece.transform(spelled, 0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::OffsetReferential::Original;
    use tokenizers::OffsetType::Byte;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    #[test]
    fn bytes_are_spelled_as_the_library_spells_them() {
        let library = ByteLevel::new(false, false, false);
        for text in ["", "plain", "a É€\u{1f600}\n\t\u{0}\u{7f}\u{ad}z", "ﷺ  \u{301}"] {
            let (mut ours, mut theirs) = (PreTokenizedString::from(text), PreTokenizedString::from(text));
            pre_tokenize(&library.into(), &mut ours).unwrap();
            library.pre_tokenize(&mut theirs).unwrap();
            assert_eq!(ours.get_splits(Original, Byte), theirs.get_splits(Original, Byte), "{text:?}");
        }
    }
}
