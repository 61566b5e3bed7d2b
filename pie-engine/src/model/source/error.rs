//! Why a model cannot be used.

use super::Architecture;
use crate::chat::ChatError;
use crate::tokenizer::TokenizerError;

/// A model cannot be opened. Each names the file, so that a message is enough to find the fault.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum SourceError {
    /// There is nothing.
    #[error("there is no `{path}`")]
    NotFound {
        /// What was looked for.
        path: String,
    },
    /// It is something else.
    #[error(
        "`{path}` is no model: a model is a folder with a `config.json`, as Hugging Face lays them out, or a \
         `.gguf` file"
    )]
    NoModel {
        /// What it is.
        path: String,
    },
    /// A folder has more than one.
    #[error("`{folder}` has several models; name one of them: {files}")]
    Several {
        /// The folder.
        folder: String,
        /// The files.
        files: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// A file that belongs to a model is not there.
    #[error("`{folder}` has no {what}")]
    Missing {
        /// The model's folder.
        folder: String,
        /// What is missing.
        what: String,
    },
    /// A file is not in its format.
    #[error("`{file}` is not valid: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// Where and what is wrong.
        reason: String,
    },
    /// A file ends too early.
    #[error("`{file}` is cut off: {what} would end at byte {end}, and the file has {length}")]
    Truncated {
        /// The file.
        file: String,
        /// What is not there in full.
        what: String,
        /// Where that would end.
        end: u64,
        /// The length of the file in bytes.
        length: u64,
    },
    /// A setting of the model is missing or not usable.
    #[error("`{file}`: `{key}` {reason}")]
    Setting {
        /// The file.
        file: String,
        /// The setting.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An architecture that the decoder does not describe.
    #[error("`{file}`: the architecture `{name}` is not known; known are {}", Architecture::list())]
    UnknownArchitecture {
        /// The file.
        file: String,
        /// What it calls itself.
        name: String,
    },
    /// A tensor is not there.
    #[error("the weights have no tensor `{name}`")]
    NoTensor {
        /// Its name, as Hugging Face has it.
        name: String,
    },
    /// A tensor has another shape than the settings say.
    #[error("tensor `{name}` has the shape {shape:?}, and the settings ask for {expected:?}")]
    Shape {
        /// Its name, as Hugging Face has it.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What the settings ask for.
        expected: Vec<usize>,
    },
    /// A tensor has numbers of a type that is not read.
    #[error(
        "`{file}`: tensor `{name}` has numbers of the type {kind}; read are F32, F16, BF16, and in GGUF Q8_0, Q4_0, Q4_1, \
         Q5_0, Q5_1 and Q2_K to Q6_K"
    )]
    Kind {
        /// The file.
        file: String,
        /// Its name in the file.
        name: String,
        /// The type, as the format calls it.
        kind: String,
    },
    /// A tensor has blocks of numbers where single ones are needed.
    #[error("tensor `{name}` has numbers of the type {kind}; of such tensors F32, F16 and BF16 are read")]
    Blocks {
        /// Its name in the file.
        name: String,
        /// The type, as GGUF calls it.
        kind: &'static str,
    },
    /// A weight is no number.
    #[error("tensor `{name}` has an entry that is not finite, at place {place}")]
    NotFinite {
        /// Its name, as Hugging Face has it.
        name: String,
        /// The place of the entry among all, from 0.
        place: usize,
    },
    /// The tokenizer cannot be used.
    #[error("the tokenizer in `{file}` cannot be used")]
    Tokenizer {
        /// The file.
        file: String,
        /// Why.
        #[source]
        reason: TokenizerError,
    },
    /// The tokenizer makes tokens for which there are no weights.
    #[error(
        "the tokenizer of `{model}` does not fit: it has {tokens} token ids, and the weights have {vocab_size}"
    )]
    Vocabulary {
        /// The model.
        model: String,
        /// One more than the largest id that the tokenizer makes.
        tokens: u32,
        /// How many the embedding has.
        vocab_size: usize,
    },
    /// The chat template cannot be used.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The model does not fit into memory.
    #[error(
        "`{model}` does not fit into memory: its weights take {needed} bytes, and {available} are available"
    )]
    TooLarge {
        /// The model.
        model: String,
        /// Bytes of its tensors.
        needed: u64,
        /// Bytes that are available.
        available: u64,
    },
}

impl SourceError {
    pub(super) fn malformed(file: &str, reason: impl ToString) -> SourceError {
        SourceError::Malformed { file: file.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn setting(file: &str, key: &str, reason: impl Into<String>) -> SourceError {
        SourceError::Setting { file: file.to_owned(), key: key.to_owned(), reason: reason.into() }
    }
}
