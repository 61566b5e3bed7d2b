//! What a matcher does, on a small vocabulary whose tokens overlap.

mod caching;
mod cases;
mod differential;
mod endings;
mod fuzz;
mod limits;
mod matching;
mod places;

use super::*;
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// The token that ends a text, and one that is special and has no meaning.
pub(super) const END: u32 = 256;
pub(super) const TOOL: u32 = 257;

/// Texts that are tokens besides the single bytes and the two special ones.
const PIECES: [&str; 24] = [
    "{\"", "\":", "\",", "\"}", "}}", "]]", "[[", "[]", "{}", ", \"", "true", "false", "null", "rue", "12",
    "123", "-1", "0.", "abc", "ab", "bc", "name", "\u{e9}", "é\"",
];

/// All bytes, some longer tokens, and two that are special.
pub(super) static VOCABULARY: LazyLock<Arc<Vocabulary>> = LazyLock::new(|| Arc::new(vocabulary()));

fn vocabulary() -> Vocabulary {
    let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    bytes.push(b"<|end|>".to_vec());
    bytes.push(b"<|tool|>".to_vec());
    bytes.extend(PIECES.iter().map(|piece| piece.as_bytes().to_vec()));
    let ids: Vec<u32> = (0..bytes.len() as u32).collect();
    // Three ids more than there are tokens.
    let size = bytes.len() as u32 + 3;
    Vocabulary::new(&Tokens { size, ids: &ids, bytes: &bytes, special: &[TOOL], end: &[END] }).unwrap()
}

pub(super) fn matcher(source: Source) -> Matcher {
    let grammar = Arc::new(Grammar::new(source).unwrap());
    Matcher::new(&Prototype::new(grammar, Arc::clone(&VOCABULARY)).unwrap())
}

pub(super) fn ebnf(text: &str) -> Matcher {
    matcher(Source::Ebnf(text.to_owned()))
}

/// The text as tokens: at each place one of those that fit, as `choose` says.
pub(super) fn cut(text: &str, mut choose: impl FnMut(usize) -> usize) -> Vec<u32> {
    let mut rest = text.as_bytes();
    let mut tokens = Vec::new();
    while let Some(byte) = rest.first() {
        let pieces = PIECES.iter().enumerate().filter(|(_, piece)| rest.starts_with(piece.as_bytes()));
        let mut fitting = vec![(u32::from(*byte), 1)];
        fitting.extend(pieces.map(|(index, piece)| (258 + index as u32, piece.len())));
        let (token, length) = fitting[choose(fitting.len())];
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// Whether a text is accepted to its end. At each step the mask must say what `accept` does.
pub(super) fn accepts(matcher: &mut Matcher, tokens: &[u32]) -> bool {
    for &token in tokens.iter().chain(&[END]) {
        let possible = matcher.mask().is_ok_and(|mask| mask.allows(token));
        let accepted = matcher.accept(&[token]);
        assert_eq!(accepted.is_ok(), possible, "token {token}: {accepted:?}");
        if !possible {
            return false;
        }
    }
    true
}

pub(super) fn accepts_text(matcher: &mut Matcher, text: &str) -> bool {
    matcher.reset();
    accepts(matcher, &cut(text, |_| 0))
}

/// What a matcher can be asked without moving it.
pub(super) fn state(matcher: &mut Matcher) -> (Vec<u32>, Result<Mask, MatcherError>, bool, bool) {
    let (end, over) = (matcher.can_end().unwrap(), matcher.is_terminated().unwrap());
    (matcher.tokens().to_vec(), matcher.mask(), end, over)
}

/// Grammars of all kinds.
pub(super) fn sources() -> impl Strategy<Value = Source> {
    let object = r#"{"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer"}},"required":["name"]}"#;
    prop::sample::select(vec![
        Source::Json,
        Source::JsonSchema(object.to_owned()),
        Source::JsonSchema(r#"{"enum":["abc","ab",true,null,12]}"#.to_owned()),
        Source::Regex("(ab|abc)*(bc)?é?".to_owned()),
        Source::Regex("[a-c]{2,5}".to_owned()),
        Source::Ebnf("start: \"[\" [start (\",\" start)*] \"]\" | /[0-9]+/".to_owned()),
        Source::Ebnf("e ::= e \"+\" e | [0-9]+ | \"(\" e \")\"".to_owned()),
        Source::Ebnf("start: \"a\" <|tool|> \"b\"?".to_owned()),
    ])
}

/// Tokens that the grammar allows, chosen by numbers, until it ends or the numbers do.
pub(super) fn walk(matcher: &mut Matcher, choices: &[u32]) -> Vec<u32> {
    let mut taken = Vec::new();
    for &choice in choices {
        let Ok(mask) = matcher.mask() else { break };
        let possible: Vec<usize> = mask.into_bitset().ones().collect();
        let token = possible[choice as usize % possible.len()] as u32;
        matcher.accept(&[token]).unwrap();
        taken.push(token);
    }
    taken
}
