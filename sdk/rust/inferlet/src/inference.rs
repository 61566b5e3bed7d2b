//! Grammars and matchers, for constraints that are not a [`crate::Schema`] alone.

use crate::Result;
use crate::pie::core::inference as raw;
use crate::pie::core::model::Tokenizer as RawTokenizer;
use std::fmt;

/// A compiled grammar: a set of texts. It knows nothing of tokens, and one serves any number of matchers.
#[derive(Debug)]
pub struct Grammar(pub(crate) raw::Grammar);

impl Grammar {
    /// JSON texts that satisfy a JSON Schema.
    ///
    /// # Errors
    ///
    /// On invalid JSON, and on keywords that are not supported, which it names.
    pub fn from_json_schema(schema: &str) -> Result<Grammar> {
        raw::Grammar::from_json_schema(schema).map(Grammar)
    }

    /// Any JSON text.
    pub fn json() -> Grammar {
        Grammar(raw::Grammar::json())
    }

    /// Texts that match a regular expression as a whole.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the pattern.
    pub fn from_regex(pattern: &str) -> Result<Grammar> {
        raw::Grammar::from_regex(pattern).map(Grammar)
    }

    /// Texts of a context-free grammar in Lark's notation.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the grammar.
    pub fn from_ebnf(grammar: &str) -> Result<Grammar> {
        raw::Grammar::from_ebnf(grammar).map(Grammar)
    }
}

/// The source that the grammar was made from.
impl fmt::Display for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string())
    }
}

/// A position in a grammar, moved forward by tokens.
#[derive(Debug)]
pub struct Matcher(pub(crate) raw::Matcher);

impl Matcher {
    /// At the start of the grammar.
    pub fn new(grammar: &Grammar, tokenizer: &RawTokenizer) -> Matcher {
        Matcher(raw::Matcher::new(&grammar.0, tokenizer))
    }

    /// Moves over the tokens.
    ///
    /// # Errors
    ///
    /// At the first one that the grammar does not allow; the matcher stays where it was before the call.
    pub fn accept_tokens(&mut self, tokens: &[u32]) -> Result<()> {
        self.0.accept_tokens(tokens)
    }

    /// The tokens that may come next: a mask over the vocabulary (see [`crate::brle`]).
    pub fn next_token_logit_mask(&self) -> Vec<u32> {
        self.0.next_token_logit_mask()
    }

    /// Whether the text is complete and nothing can follow.
    pub fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }

    /// Back to the start.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}
