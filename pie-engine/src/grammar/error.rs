//! What can be wrong with a grammar, or with a step through one.

use super::limits::{MAX_NESTING, MAX_RULES, MAX_SOURCE_BYTES};

/// The notation that a grammar is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// JSON Schema.
    JsonSchema,
    /// A regular expression.
    Regex,
    /// Lark's EBNF.
    Lark,
    /// EBNF with `::=`.
    Ebnf,
}

impl std::fmt::Display for Notation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Notation::JsonSchema => "JSON schema",
            Notation::Regex => "regular expression",
            Notation::Lark => "Lark grammar",
            Notation::Ebnf => "EBNF grammar",
        })
    }
}

/// A grammar that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// There is nothing but white space and comments.
    #[error("the {0} is empty")]
    Empty(Notation),
    /// The source is longer than [`MAX_SOURCE_BYTES`].
    #[error("the {notation} has {bytes} bytes, the limit is {MAX_SOURCE_BYTES}")]
    TooLong {
        /// What it is.
        notation: Notation,
        /// Its length.
        bytes: usize,
    },
    /// More than [`MAX_RULES`] rules.
    #[error("the {notation} has more than {MAX_RULES} rules")]
    TooManyRules {
        /// What it is.
        notation: Notation,
    },
    /// Groups in groups, more than [`MAX_NESTING`] deep.
    #[error("{place}the {notation} is nested deeper than {MAX_NESTING} levels")]
    TooDeep {
        /// What it is.
        notation: Notation,
        /// Where.
        place: Place,
    },
    /// The text is not in the notation.
    #[error("{place}{message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong there.
        message: String,
    },
    /// The JSON of a schema means nothing as a schema.
    #[error("{message}, at `{at}` of the schema")]
    Schema {
        /// A JSON pointer.
        at: String,
        /// What is wrong there.
        message: String,
    },
    /// A JSON Schema keyword, or a use of one, that cannot be enforced.
    #[error("the keyword `{keyword}` is not supported{why}, at `{at}` of the schema")]
    Unsupported {
        /// The keyword.
        keyword: String,
        /// A JSON pointer to the schema that it stands in.
        at: String,
        /// Empty, or why, beginning with a space.
        why: String,
    },
    /// There is no text that the grammar allows.
    #[error("nothing satisfies the {notation}: {message}")]
    Unsatisfiable {
        /// What it is.
        notation: Notation,
        /// Why.
        message: String,
    },
    /// The grammar needs more steps or space to compile than there is.
    #[error("the {notation} is too complex: {message}")]
    TooComplex {
        /// What it is.
        notation: Notation,
        /// Which limit.
        message: String,
    },
}

/// A position in a source, or none where the whole is meant. Displayed with a colon and a space after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(Option<(u32, u32)>);

impl Place {
    /// A line and a column, both from 1, the column in characters.
    pub fn new(line: u32, column: u32) -> Self {
        Place(Some((line, column)))
    }

    /// No place in particular.
    pub fn nowhere() -> Self {
        Place(None)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |(line, column)| write!(f, "line {line}, column {column}: "))
    }
}

/// A vocabulary that no trie can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// Ids and bytes come in lists of different length, or an id is not below the size.
    #[error("the vocabulary of {size} ids does not fit its tokens: {message}")]
    Malformed {
        /// One more than the largest id.
        size: u32,
        /// What does not fit.
        message: String,
    },
    /// The tokens take more nodes than a trie can number.
    #[error("the vocabulary takes {nodes} nodes, the limit is {limit}")]
    TooLarge {
        /// Nodes of the trie, one for each byte that tokens do not share.
        nodes: usize,
        /// The most that are possible.
        limit: usize,
    },
}

impl MatcherError {
    /// The same error in a list that has so many tokens before.
    pub(super) fn behind(mut self, tokens: usize) -> Self {
        if let MatcherError::NotAllowed { index, .. } = &mut self {
            *index += tokens;
        }
        self
    }
}

/// A matcher cannot do what it was asked for; it stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// A token that cannot come here.
    #[error("the grammar does not allow token {token}{spelled} here; possible: {possible}")]
    NotAllowed {
        /// Its id.
        token: u32,
        /// Its place in the list that was to be accepted.
        index: usize,
        /// Its text, in backticks with a space before, or nothing.
        spelled: String,
        /// Some of the tokens that can come.
        possible: String,
    },
    /// A token id that no token has.
    #[error("token id {token} is not in the vocabulary, whose ids are below {vocab_size}")]
    UnknownToken {
        /// The id.
        token: u32,
        /// One more than the largest id.
        vocab_size: u32,
    },
    /// No token can come.
    #[error("the grammar allows no token here: {0}")]
    NothingAllowed(&'static str),
    /// More tokens to take back than there are.
    #[error("cannot take back {asked} tokens, only {accepted} were accepted")]
    RollBack {
        /// How many.
        asked: usize,
        /// How many there are.
        accepted: usize,
    },
    /// The step takes more than its limit, for example since the grammar is too ambiguous.
    #[error("the grammar is too complex to go on: {0}")]
    TooComplex(String),
}
