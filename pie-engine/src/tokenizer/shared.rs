//! The library's pipeline with its two large parts, vocabulary and regular expressions, behind pointers, so that a second pipeline
//! over the same parts costs next to nothing.
//!
//! It also keeps regular expressions that are not needed out of every start: byte-level spelling without one does not compile one, and
//! the dummy's is not compiled either ([`super::words`]).

use super::piece::char_of;
use super::words::{self, Words};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{
    DecoderWrapper, Model, NormalizedString, NormalizerWrapper, PostProcessorWrapper, PreTokenizedString,
    PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior, Token, TokenizerImpl,
};

/// A tokenizer of the library over shared parts.
pub(super) type Pipeline =
    TokenizerImpl<Shared<ModelWrapper>, NormalizerWrapper, Cuts, PostProcessorWrapper, DecoderWrapper>;

/// A part that several pipelines use.
#[derive(Debug)]
pub(super) struct Shared<T>(pub(super) Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

/// How a text is cut before its pieces are merged into tokens: the parts of the file, one after another.
#[derive(Clone, Debug)]
pub(super) struct Cuts(pub(super) Arc<[Cut]>);

/// One part of [`Cuts`].
#[derive(Debug)]
pub(super) enum Cut {
    /// By the expression of [`super::words`].
    Words,
    /// As the library does it; never a sequence.
    Library(PreTokenizerWrapper),
}

impl Cut {
    /// Reads one part of a file that is not a sequence.
    pub(super) fn read(part: &Value) -> serde_json::Result<Cut> {
        let is_words = part["type"] == "Split"
            && part["pattern"]["Regex"] == words::EXPRESSION
            && part["behavior"] == "Isolated"
            && part["invert"] == false;
        if is_words { Ok(Cut::Words) } else { PreTokenizerWrapper::deserialize(part).map(Cut::Library) }
    }
}

impl PreTokenizer for Cuts {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|cut| match cut {
            Cut::Words => text.split(|_, piece| piece.split(Words, SplitDelimiterBehavior::Isolated)),
            Cut::Library(part) => pre_tokenize(part, text),
        })
    }
}

/// As the library does it, but that it compiles a regular expression for byte-level spelling that does not use it, which takes a
/// millisecond.
fn pre_tokenize(part: &PreTokenizerWrapper, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
    match part {
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
