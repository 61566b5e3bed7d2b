//! Rules of the `::=` notation.

use super::super::error::{GrammarError, Notation, Place};
use super::super::limits::{MAX_NESTING, MAX_REPEAT, MAX_RULES};
use super::lexer::{Lexer, Token};
use super::syntax;
use std::collections::BTreeMap;

/// What a rule stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// This text.
    Text(String),
    /// A character of these ranges, or one of none of them.
    Class { negated: bool, ranges: Vec<(char, char)> },
    /// Any character.
    Any,
    /// Another rule, by number.
    Rule(usize),
    /// One after the other.
    Sequence(Vec<Expr>),
    /// One of them.
    Choice(Vec<Expr>),
    /// The same so many times.
    Repeat(Box<Expr>, u32, Option<u32>),
}

/// A grammar whose names are resolved.
#[derive(Debug)]
pub(super) struct Rules {
    /// What each rule stands for, in order of number.
    pub(super) bodies: Vec<Expr>,
    /// The rule that a text is.
    pub(super) start: usize,
}

/// Reads a grammar.
pub(super) fn parse(source: &str) -> Result<Rules, GrammarError> {
    let mut parser = Parser::new(source)?;
    let mut bodies = BTreeMap::new();
    let mut first = None;
    while let Some((token, place)) = parser.take()? {
        let (Token::Name(name), Some((Token::Defines, _))) = (&token, parser.take()?) else {
            return Err(syntax(place, "expected a rule, `name ::= …`"));
        };
        let number = parser.number(name, place)?;
        first.get_or_insert(number);
        let body = parser.choice(0)?;
        if let Some((token, place)) = parser.ahead.first().filter(|_| !parser.at_rule()) {
            return Err(syntax(*place, format!("{} closes nothing", describe(token))));
        }
        if bodies.insert(number, body).is_some() {
            return Err(syntax(place, format!("the rule `{name}` is defined before")));
        }
    }
    let first = first.ok_or(GrammarError::Empty(Notation::Ebnf))?;
    let start = parser.names.get("root").filter(|(number, _)| bodies.contains_key(number));
    let start = start.map_or(first, |(number, _)| *number);
    let missing = parser.names.iter().filter(|(_, (number, _))| !bodies.contains_key(number));
    if let Some((name, (_, place))) = missing.min_by_key(|(_, (number, _))| *number) {
        return Err(syntax(*place, format!("there is no rule `{name}`")));
    }
    Ok(Rules { bodies: bodies.into_values().collect(), start })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next two tokens, fewer at the end.
    ahead: Vec<(Token, Place)>,
    /// Numbers of rules, and where each was first named.
    names: BTreeMap<String, (usize, Place)>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Result<Self, GrammarError> {
        let mut parser = Parser { lexer: Lexer::new(source), ahead: Vec::new(), names: BTreeMap::new() };
        parser.fill()?;
        Ok(parser)
    }

    fn fill(&mut self) -> Result<(), GrammarError> {
        while self.ahead.len() < 2 {
            match self.lexer.next()? {
                Some(token) => self.ahead.push(token),
                None => break,
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<(Token, Place)>, GrammarError> {
        if self.ahead.is_empty() {
            return Ok(None);
        }
        let token = self.ahead.remove(0);
        self.fill()?;
        Ok(Some(token))
    }

    /// The next token, if it goes on with the rule.
    fn peek(&self) -> Option<&Token> {
        self.ahead.first().map(|(token, _)| token).filter(|_| !self.at_rule())
    }

    /// Whether a new rule begins.
    fn at_rule(&self) -> bool {
        matches!(self.ahead[..], [(Token::Name(_), _), (Token::Defines, _)])
    }

    fn number(&mut self, name: &str, place: Place) -> Result<usize, GrammarError> {
        let next = self.names.len();
        if next >= MAX_RULES && !self.names.contains_key(name) {
            return Err(GrammarError::TooManyRules { notation: Notation::Ebnf });
        }
        Ok(self.names.entry(name.to_owned()).or_insert((next, place)).0)
    }

    /// Alternatives, inside of so many groups.
    fn choice(&mut self, depth: usize) -> Result<Expr, GrammarError> {
        let mut options = vec![self.sequence(depth)?];
        while self.peek() == Some(&Token::Sign('|')) {
            self.take()?;
            options.push(self.sequence(depth)?);
        }
        if depth == 0 && self.peek() == Some(&Token::Sign(';')) {
            self.take()?;
        }
        Ok(if options.len() == 1 { options.remove(0) } else { Expr::Choice(options) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Expr, GrammarError> {
        let mut items = Vec::new();
        while !matches!(self.peek(), None | Some(Token::Sign('|' | ')' | ';'))) {
            items.push(self.repeated(depth)?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Expr::Sequence(items) })
    }

    /// Something with what repeats it.
    fn repeated(&mut self, depth: usize) -> Result<Expr, GrammarError> {
        let mut expr = self.primary(depth)?;
        let mut levels = depth;
        while let Some(&Token::Repeat(least, most)) = self.peek() {
            let place = self.ahead[0].1;
            levels += 1;
            if levels > MAX_NESTING {
                return Err(GrammarError::TooDeep { notation: Notation::Ebnf, place });
            }
            if u64::from(most.unwrap_or(least)) > MAX_REPEAT {
                return Err(syntax(place, format!("repeated more than {MAX_REPEAT} times")));
            }
            self.take()?;
            expr = Expr::Repeat(Box::new(expr), least, most);
        }
        Ok(expr)
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, GrammarError> {
        let Some((token, place)) = self.take()? else {
            return Err(syntax(self.lexer.place(), "the rule ends too early"));
        };
        match token {
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Class { negated, ranges } => Ok(Expr::Class { negated, ranges }),
            Token::Any => Ok(Expr::Any),
            Token::Name(name) => self.number(&name, place).map(Expr::Rule),
            Token::Sign('(') if depth >= MAX_NESTING => {
                Err(GrammarError::TooDeep { notation: Notation::Ebnf, place })
            }
            Token::Sign('(') => {
                let inside = self.choice(depth + 1)?;
                match self.peek() {
                    Some(Token::Sign(')')) => self.take()?,
                    _ => return Err(syntax(place, "the group is not closed")),
                };
                Ok(inside)
            }
            other => Err(syntax(place, format!("{} has nothing before it", describe(&other)))),
        }
    }
}

fn describe(token: &Token) -> String {
    match token {
        Token::Sign(sign) => format!("`{sign}`"),
        Token::Defines => "`::=`".to_owned(),
        Token::Repeat(..) => "the repetition".to_owned(),
        _ => "this".to_owned(),
    }
}
