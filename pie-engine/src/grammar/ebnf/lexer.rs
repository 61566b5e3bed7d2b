//! Tokens of the `::=` notation.

use super::super::error::{GrammarError, Place};
use super::syntax;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The name of a rule.
    Name(String),
    /// `::=`
    Defines,
    /// Text in quotes, or one code point.
    Text(String),
    /// Ranges of characters, or all but those.
    Class { negated: bool, ranges: Vec<(char, char)> },
    /// How often what stands before is repeated.
    Repeat(u32, Option<u32>),
    /// `.`
    Any,
    /// `|`, `(`, `)` or `;`.
    Sign(char),
}

/// Cuts a source into tokens.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Lexer { rest: source, line: 1, column: 1 }
    }

    /// Where the next character stands.
    pub(super) fn place(&self) -> Place {
        Place::new(self.line, self.column)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.rest = &self.rest[char.len_utf8()..];
        if char == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(char)
    }

    /// Goes past a text that is known to follow.
    fn advance(&mut self, text: &str) {
        for _ in text.chars() {
            self.take();
        }
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|char| !holds(char)).unwrap_or(self.rest.len());
        let taken = &self.rest[..end];
        self.advance(taken);
        taken
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let found = self.rest.starts_with(prefix);
        if found {
            self.advance(prefix);
        }
        found
    }

    fn skip_space(&mut self) -> Result<(), GrammarError> {
        loop {
            self.take_while(char::is_whitespace);
            let place = self.place();
            let is_code = self.code_point_follows();
            if self.rest.starts_with('#') && !is_code {
                self.take_while(|char| char != '\n');
            } else if self.skip("/*") {
                let Some(end) = self.rest.find("*/") else {
                    return Err(syntax(place, "the comment is not closed"));
                };
                let comment = self.rest;
                self.advance(&comment[..end + 2]);
            } else {
                return Ok(());
            }
        }
    }

    /// Whether `#x41` follows and not a comment.
    fn code_point_follows(&self) -> bool {
        let digits = self.rest.strip_prefix("#x");
        digits.is_some_and(|digits| digits.starts_with(|char: char| char.is_ascii_hexdigit()))
    }

    /// The next token and where it begins; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Token, Place)>, GrammarError> {
        self.skip_space()?;
        let place = self.place();
        let Some(char) = self.peek() else { return Ok(None) };
        let token = match char {
            '"' | '\'' => self.text(place)?,
            '[' => self.class(place)?,
            '#' => Token::Text(self.code_point(place)?.to_string()),
            '{' => self.repeat(place)?,
            '<' => self.bracketed_name(place)?,
            ':' if self.skip("::=") => Token::Defines,
            '*' | '+' | '?' => {
                self.take();
                Token::Repeat(u32::from(char == '+'), (char == '?').then_some(1))
            }
            '.' => {
                self.take();
                Token::Any
            }
            '|' | '(' | ')' | ';' => {
                self.take();
                Token::Sign(char)
            }
            _ if char.is_alphabetic() || char == '_' => Token::Name(
                self.take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '-')).to_owned(),
            ),
            _ => return Err(syntax(place, format!("`{char}` means nothing here"))),
        };
        Ok(Some((token, place)))
    }

    fn bracketed_name(&mut self, place: Place) -> Result<Token, GrammarError> {
        self.take();
        let name =
            self.take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | ' ')).to_owned();
        if name.is_empty() || !self.skip(">") {
            return Err(syntax(place, "expected a name between `<` and `>`"));
        }
        Ok(Token::Name(name))
    }

    fn text(&mut self, place: Place) -> Result<Token, GrammarError> {
        let quote = self.take();
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => return Err(syntax(place, "the text is not closed")),
                char if char == quote => break,
                Some('\\') => text.push(self.escape()?),
                Some(char) => {
                    text.push(char);
                    self.take();
                }
            }
        }
        self.take();
        Ok(Token::Text(text))
    }

    fn class(&mut self, place: Place) -> Result<Token, GrammarError> {
        self.take();
        let negated = self.skip("^");
        let mut ranges = Vec::new();
        while !self.skip("]") {
            let start = self.place();
            let first = self.class_char(place)?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let last = if is_range && self.skip("-") { self.class_char(place)? } else { first };
            if last < first {
                return Err(syntax(start, format!("the range from `{first}` to `{last}` is empty")));
            }
            ranges.push((first, last));
        }
        if ranges.is_empty() {
            return Err(syntax(place, "the class is empty"));
        }
        Ok(Token::Class { negated, ranges })
    }

    fn class_char(&mut self, class: Place) -> Result<char, GrammarError> {
        let place = self.place();
        match self.peek() {
            None | Some('\n') => Err(syntax(class, "the class is not closed")),
            Some('\\') => self.escape(),
            Some('#') if self.code_point_follows() => self.code_point(place),
            Some(char) => {
                self.take();
                Ok(char)
            }
        }
    }

    /// `#x41`
    fn code_point(&mut self, place: Place) -> Result<char, GrammarError> {
        self.skip("#x");
        let digits = self.take_while(|char| char.is_ascii_hexdigit());
        from_hex(digits, place)
    }

    fn escape(&mut self) -> Result<char, GrammarError> {
        let place = self.place();
        self.take();
        let Some(char) = self.take() else { return Err(syntax(place, "a backslash stands at the end")) };
        let digits = match char {
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if char.is_alphanumeric() => {
                return Err(syntax(place, format!(r"the escape `\{char}` is not known")));
            }
            _ => return Ok(char),
        };
        let text: String = (0..digits).map_while(|_| self.take()).collect();
        if text.len() == digits {
            from_hex(&text, place)
        } else {
            Err(syntax(place, "the escape is too short"))
        }
    }

    fn repeat(&mut self, place: Place) -> Result<Token, GrammarError> {
        self.take();
        let end = self.rest.find('}').ok_or_else(|| syntax(place, "the repetition is not closed"))?;
        let inside = self.rest[..end].to_owned();
        self.advance(&inside);
        self.skip("}");
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let bounds = match inside.split_once(',') {
            None => number(&inside).map(|count| (count, Some(count))),
            Some((least, most)) => {
                let least = if least.trim().is_empty() { Some(0) } else { number(least) };
                let most = if most.trim().is_empty() { Some(None) } else { number(most).map(Some) };
                least.zip(most)
            }
        };
        match bounds {
            Some((least, most)) if most.is_none_or(|most| least <= most) => Ok(Token::Repeat(least, most)),
            _ => Err(syntax(
                place,
                format!("`{{{inside}}}` is no repetition: expected `{{2}}`, `{{2,}}` or `{{2,3}}`"),
            )),
        }
    }
}

fn from_hex(digits: &str, place: Place) -> Result<char, GrammarError> {
    let char = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    char.ok_or_else(|| syntax(place, format!("`{digits}` is no code point in hexadecimal digits")))
}
