//! A short way to the end of a text that a grammar holds.
//!
//! Models come to the end of what they write by themselves. One that does not know what it writes needs to be shown: a walk through a grammar
//! can go round in circles for ever, since a mask says what may come next and not where that leads. Here the text so far is parsed once
//! more, by [Earley's algorithm](https://doi.org/10.1145/362007.362035) over the library's rules and with its lexer, and the chart says what is open:
//! the lexeme under way, and each rule that waits for something. The least that each of them needs is known beforehand
//! (`rules`), so the shortest way through what is open is a shortest path.
//!
//! The way is a proposal: the matcher verifies it, since lexemes that stand side by side can run into one another. Grammars with
//! rules that depend on parameters, or with limits in tokens, have none.

mod chart;
mod lexemes;
mod rules;

use super::limits::parser_limits;
use super::vocabulary::Vocabulary;
use lexemes::Lexemes;
use llguidance::earley::CGrammar;
use rules::Rules;
use std::collections::BTreeSet;

/// The longest way, in bytes.
const LONGEST: usize = 4096;
/// Costs more than any way.
const NEVER: u32 = u32::MAX / 4;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Byte(u8),
    /// A special token.
    Token(u32),
}

/// What is known about a grammar.
pub(super) struct Endings {
    rules: Rules,
    lexemes: Lexemes,
}

impl Endings {
    /// None for a grammar whose ways are not known.
    pub(super) fn new(grammar: &CGrammar, vocabulary: &Vocabulary) -> Option<Endings> {
        if grammar.parametric() || grammar.lexer_spec().has_max_tokens {
            return None;
        }
        let lexer = grammar.lexer_spec().to_regex_vec(&mut parser_limits()).ok()?;
        let mut lexemes = Lexemes::new(lexer, grammar.lexer_spec(), vocabulary);
        let rules = Rules::new(grammar, &mut lexemes);
        Some(Endings { rules, lexemes })
    }

    /// The places in rules that a text has come by, by number, and how many there are; none if the text is not known to go like this.
    pub(super) fn places(&mut self, text: &[Piece]) -> Option<(BTreeSet<usize>, usize)> {
        let chart = chart::Chart::read(&self.rules, &mut self.lexemes, text)?;
        Some((chart.places(&self.rules), self.rules.places()))
    }

    /// The rest of a text; none if none is known.
    pub(super) fn rest(&mut self, text: &[Piece]) -> Option<Vec<Piece>> {
        let chart = chart::Chart::read(&self.rules, &mut self.lexemes, text)?;
        chart.rest(&self.rules, &mut self.lexemes)
    }
}
