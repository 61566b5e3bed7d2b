//! Grammars and matchers, for constraints that are not a [`crate::Schema`] alone.

use crate::Result;
use crate::pie::core::inference as raw;
use crate::pie::core::model::Tokenizer as RawTokenizer;
use std::fmt;
use std::sync::Arc;

/// A compiled grammar: a set of texts. It knows nothing of tokens, and one serves any number of matchers. Clones share it.
#[derive(Debug, Clone)]
pub struct Grammar(Arc<raw::Grammar>);

impl Grammar {
    pub(crate) fn new(raw: raw::Grammar) -> Grammar {
        Grammar(Arc::new(raw))
    }

    /// JSON texts that satisfy a JSON Schema.
    ///
    /// # Errors
    ///
    /// On invalid JSON, and on keywords that are not supported, which it names.
    pub fn from_json_schema(schema: &str) -> Result<Grammar> {
        raw::Grammar::from_json_schema(schema).map(Grammar::new)
    }

    /// Any JSON text.
    pub fn json() -> Grammar {
        Grammar::new(raw::Grammar::json())
    }

    /// Texts that match a regular expression as a whole.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the pattern.
    pub fn from_regex(pattern: &str) -> Result<Grammar> {
        raw::Grammar::from_regex(pattern).map(Grammar::new)
    }

    /// Texts of a context-free grammar in Lark's notation or with `::=`; the first rule tells which.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the grammar.
    pub fn from_ebnf(grammar: &str) -> Result<Grammar> {
        raw::Grammar::from_ebnf(grammar).map(Grammar::new)
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
pub struct Matcher {
    raw: raw::Matcher,
    grammar: Grammar,
    accepted: Vec<u32>,
}

impl Matcher {
    /// At the start of the grammar.
    pub fn new(grammar: &Grammar, tokenizer: &RawTokenizer) -> Matcher {
        Matcher {
            raw: raw::Matcher::new(&grammar.0, tokenizer),
            grammar: grammar.clone(),
            accepted: Vec::new(),
        }
    }

    /// Moves over the tokens.
    ///
    /// # Errors
    ///
    /// At the first one that the grammar does not allow; the matcher stays where it was before the call.
    pub fn accept_tokens(&mut self, tokens: &[u32]) -> Result<()> {
        self.raw.accept_tokens(tokens)?;
        self.accepted.extend_from_slice(tokens);
        Ok(())
    }

    /// Takes back the last `n` accepted tokens, by going through those before them again.
    ///
    /// # Errors
    ///
    /// If there are not so many; the matcher stays where it was.
    pub fn roll_back(&mut self, n: usize) -> Result<()> {
        let accepted = self.accepted.len();
        let Some(left) = accepted.checked_sub(n) else {
            return Err(format!("cannot take back {n} tokens, only {accepted} were accepted"));
        };
        if n > 0 {
            self.raw.reset();
            self.accepted.truncate(left);
            self.raw.accept_tokens(&self.accepted)?;
        }
        Ok(())
    }

    /// A matcher at the same place that goes its own way, by going through the accepted tokens again.
    ///
    /// # Errors
    ///
    /// If the grammar is so complex that this meets a limit of the engine.
    pub fn fork(&self, tokenizer: &RawTokenizer) -> Result<Matcher> {
        let mut fork = Matcher::new(&self.grammar, tokenizer);
        fork.accept_tokens(&self.accepted)?;
        Ok(fork)
    }

    /// The grammar that it is a position in.
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// Why no token can come next, for a position with a mask that allows none.
    pub(crate) fn dead_end(&self) -> Option<String> {
        // Whatever token this is, it is refused, and the refusal has the reason.
        self.raw.accept_tokens(&[0]).err()
    }

    /// The tokens that may come next: a mask over the vocabulary (see [`crate::brle`]).
    pub fn next_token_logit_mask(&self) -> Vec<u32> {
        self.raw.next_token_logit_mask()
    }

    /// Whether the text is complete and nothing can follow.
    pub fn is_terminated(&self) -> bool {
        self.raw.is_terminated()
    }

    /// Back to the start.
    pub fn reset(&mut self) {
        self.raw.reset();
        self.accepted.clear();
    }
}
