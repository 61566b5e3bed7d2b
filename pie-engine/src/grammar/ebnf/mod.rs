//! The two notations of EBNF: Lark's, which the library reads, and the one with `::=`, as
//! [the W3C](https://www.w3.org/TR/xml/#sec-notation) and GBNF write it, which is translated to Lark.
//!
//! In the `::=` notation a text is `"…"` or `'…'`, a class is `[a-z]` or `[^a-z]`, a code point is `#x41`, `.` is any character,
//! and `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}` and `{,m}` repeat. Names may stand in `<…>`. The grammar begins at `root`, or at the
//! first rule if none is called that. A comment is `# …` or `/* … */`.

mod lexer;
mod parser;
mod write;

use super::error::{GrammarError, Notation, Place};

/// Whether the first rule is written with `::=`.
pub(super) fn is_ebnf(source: &str) -> bool {
    let mut lexer = lexer::Lexer::new(source);
    let name = lexer.next();
    let sign = lexer.next();
    matches!((name, sign), (Ok(Some((lexer::Token::Name(_), _))), Ok(Some((lexer::Token::Defines, _)))))
}

/// A grammar in the `::=` notation as Lark's.
pub(super) fn to_lark(source: &str) -> Result<String, GrammarError> {
    write::write(&parser::parse(source)?)
}

/// Checks what the library does not say well.
pub(super) fn check_lark(source: &str) -> Result<(), GrammarError> {
    let comment = |line: &str| line.is_empty() || line.starts_with("//") || line.starts_with('#');
    if source.lines().all(|line| comment(line.trim())) {
        return Err(GrammarError::Empty(Notation::Lark));
    }
    Ok(())
}

fn syntax(place: Place, message: impl Into<String>) -> GrammarError {
    GrammarError::Syntax { place, message: message.into() }
}
