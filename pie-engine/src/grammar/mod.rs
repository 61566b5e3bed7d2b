//! Structured output: texts that a model is held to, through [llguidance](https://docs.rs/llguidance).
//!
//! A [`Grammar`] is checked and compiled without knowing a tokenizer; with a [`Vocabulary`] it becomes a [`Prototype`], from which
//! [`Matcher`]s start. A matcher says which tokens may come as a [`Mask`], and moves over those that did. A [`GrammarCache`] keeps
//! grammars and prototypes by content.
//!
//! Invariants: a token is accepted if and only if it is in the mask; an end token is possible exactly where the grammar can end; a
//! text that a JSON schema's matcher ends at validates; what cannot be enforced is an error and never ignored; limits are in steps
//! and sizes, never in time; a call that fails leaves a matcher as it was.
//!
//! JSON is held to more than its schema: keys come in the order in which the schema lists them, with all others after them; between
//! parts there is nothing, a space, or a new line with up to 20 spaces or tabs; and
//! characters are written as themselves where JSON allows it, DEL excepted. Where an object lists keys and has room for others,
//! characters that JSON has only `\u0001` and the like for cannot be written, since `\u0061` could then spell a listed key in a
//! second way. What `serde_json` would not read cannot be written: numbers from 1e308 on, and lists and objects in more than
//! [`MAX_JSON_DEPTH`] others. Integers with a `format` such as `int32` are those of that type. The library's
//! integers have 63 bits, so those of `uint64` are held by the matcher ([`guard`]): no number of a text with such integers has more than that before its
//! point or exponent. In the arguments of tools, where a schema is a part of something else, `uint64` ends where `int64` does.
//!
//! EBNF is read as Lark reads it: terminals (in the `::=` notation, rules that do not lead back to themselves) match as much as
//! they can, and what they took is not given back to the terminal that follows.
//!
//! Not here: sampling, and combining the masks of several matchers, which is [`Bitset::intersect_with`](crate::bitset::Bitset).
//!
//! Reading order: [`Matcher`], then `compile` for what goes to the library, then `schema` and `ebnf` for what comes before.

mod cache;
mod compile;
mod ebnf;
mod effort;
mod ending;
mod error;
mod guard;
mod joint;
mod lead;
mod limits;
mod mask;
mod matcher;
mod schema;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use cache::GrammarCache;
pub use error::{GrammarError, MatcherError, Notation, Place, VocabularyError};
pub use joint::way_out_together;
pub use lead::WayOut;
pub use limits::{
    CACHED_BYTES, CACHED_GRAMMARS, MAX_JSON_DEPTH, MAX_NESTING, MAX_REPEAT, MAX_REPETITIONS, MAX_RULES,
    MAX_SCHEMA_DEPTH, MAX_SOURCE_BYTES, MAX_TOGETHER,
};
pub use mask::Mask;
pub use matcher::{Matcher, Prototype};
pub use vocabulary::{Encoder, Tokens, Vocabulary};

use compile::Compiled;
use guard::Guard;
use llguidance::api::TopLevelGrammar;
use schema::Unsigned;
use sha2::{Digest, Sha256};

/// A JSON Schema in the form in which it can stand behind `%json` in a Lark grammar; or what cannot be enforced.
pub fn checked_schema(text: &str) -> Result<serde_json::Value, GrammarError> {
    Ok(schema::read(text, Unsigned::Bounded)?.schema)
}

/// What a grammar is made from. Equal sources are the same grammar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// JSON texts that satisfy a JSON Schema.
    JsonSchema(String),
    /// Any JSON text.
    Json,
    /// Texts that match a regular expression as a whole, in the syntax of the `regex` crate.
    Regex(String),
    /// Texts of a context-free grammar in Lark's notation or with `::=`; the first rule tells which.
    Ebnf(String),
}

impl Source {
    /// The size that counts against limits, in bytes.
    pub fn bytes(&self) -> usize {
        self.text().len()
    }

    /// The source as text: `{}`, the schema that all JSON satisfies, for [`Source::Json`].
    pub fn text(&self) -> &str {
        match self {
            Source::Json => "{}",
            Source::JsonSchema(text) | Source::Regex(text) | Source::Ebnf(text) => text,
        }
    }

    /// What it is written in.
    pub fn notation(&self) -> Notation {
        match self {
            Source::Json | Source::JsonSchema(_) => Notation::JsonSchema,
            Source::Regex(_) => Notation::Regex,
            Source::Ebnf(text) if ebnf::is_ebnf(text) => Notation::Ebnf,
            Source::Ebnf(_) => Notation::Lark,
        }
    }

    /// The source in the library's terms, and what a matcher holds its texts to besides.
    fn translate(&self, notation: Notation) -> Result<(TopLevelGrammar, Option<Guard>), GrammarError> {
        let lark = match self {
            Source::Json | Source::JsonSchema(_) => {
                let read = schema::read(self.text(), Unsigned::Guarded)?;
                effort::schema(&read.schema)?;
                let guard = Guard::new(read.is_unsigned);
                return Ok((TopLevelGrammar::from_json_schema(read.schema), Some(guard)));
            }
            Source::Regex(pattern) if !pattern.is_empty() => {
                effort::expression(pattern)?;
                return Ok((TopLevelGrammar::from_regex(pattern), None));
            }
            // The library's lexer has no empty expression.
            Source::Regex(_) => r#"start: """#.to_owned(),
            Source::Ebnf(text) if notation == Notation::Ebnf => {
                let lark = ebnf::to_lark(text)?;
                effort::grammar(text, notation)?;
                lark
            }
            Source::Ebnf(text) => {
                ebnf::check_lark(text)?;
                effort::grammar(text, notation)?;
                text.clone()
            }
        };
        Ok((TopLevelGrammar::from_lark(lark), None))
    }
}

/// A compiled grammar, independent of any tokenizer. It is immutable; share it in an `Arc`.
pub struct Grammar {
    source: Source,
    notation: Notation,
    digest: String,
    compiled: Compiled,
    /// What a matcher holds its texts to besides, at their start.
    guard: Option<Guard>,
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammar").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The text that it was made from.
impl std::fmt::Display for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.source.text())
    }
}

impl Grammar {
    /// Checks and compiles a source. See [`GrammarCache::grammar`] for one that is kept.
    pub fn new(source: Source) -> Result<Grammar, GrammarError> {
        let notation = source.notation();
        let bytes = source.bytes();
        if bytes > MAX_SOURCE_BYTES {
            return Err(GrammarError::TooLong { notation, bytes });
        }
        let (translated, guard) = source.translate(notation)?;
        let compiled = compile::compile(translated, notation)?;
        let digest = Sha256::digest(source.text());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Grammar { source, notation, digest, compiled, guard })
    }

    /// What it was made from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// SHA-256 of its source, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What its source is written in.
    pub fn notation(&self) -> Notation {
        self.notation
    }
}
