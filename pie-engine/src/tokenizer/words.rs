//! Cuts text into words as one regular expression does, without compiling it.
//!
//! The dummy's tokenizer is read at every start of the command line, and compiling its expression took longer than all else about it.
//! A test compares the two on all kinds of texts.

use tokenizers::pattern::Pattern;
use tokenizers::{Offsets, Result};

/// The expression: contractions, words with the space before them, digits one by one, punctuation with the space before and the line
/// breaks after it, line breaks. What is none of the others in ASCII counts as a letter.
pub(super) const EXPRESSION: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?[^\x00-@\[-`{-~]+|[0-9]| ?[!-/:-@\[-`{-~]+[\r\n]*|[\x00- ]*[\r\n]+";

/// Cuts as [`EXPRESSION`] does. What it leaves is a piece too.
pub(super) struct Words;

impl Pattern for Words {
    fn find_matches(&self, text: &str) -> Result<Vec<(Offsets, bool)>> {
        if text.is_empty() {
            return Ok(vec![((0, 0), false)]);
        }
        let mut pieces = Vec::new();
        // Everything before `left` is in a piece.
        let (mut left, mut at) = (0, 0);
        while at < text.len() {
            let length = word(&text.as_bytes()[at..]);
            if length == 0 {
                // Only white space and control characters begin no word, and they are ASCII.
                at += 1;
                continue;
            }
            if left < at {
                pieces.push(((left, at), false));
            }
            pieces.push(((at, at + length), true));
            at += length;
            left = at;
        }
        if left < at {
            pieces.push(((left, at), false));
        }
        Ok(pieces)
    }
}

/// The length of the word that the text begins with, 0 if it begins with none. The alternatives are tried in the order of the expression.
fn word(text: &[u8]) -> usize {
    let after_space = usize::from(text[0] == b' ');
    let rest = &text[after_space..];
    match rest.first() {
        Some(b'\'') if after_space == 0 && contraction(rest) > 0 => contraction(rest),
        Some(&byte) if is_letter(byte) => after_space + run(rest, is_letter),
        Some(byte) if after_space == 0 && byte.is_ascii_digit() => 1,
        Some(byte) if byte.is_ascii_punctuation() => {
            let marks = run(rest, |byte| byte.is_ascii_punctuation());
            after_space + marks + run(&rest[marks..], is_line_break)
        }
        _ => {
            let blank = run(text, |byte| byte <= b' ');
            text[..blank].iter().rposition(|&byte| is_line_break(byte)).map_or(0, |last| last + 1)
        }
    }
}

fn contraction(text: &[u8]) -> usize {
    match text {
        [_, b's' | b'd' | b'm' | b't', ..] => 2,
        [_, b'l', b'l', ..] | [_, b'v' | b'r', b'e', ..] => 3,
        _ => 0,
    }
}

/// Bytes of characters outside of ASCII are letters too, so a word never ends within one.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x7f
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn run(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !belongs(byte)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use tokenizers::utils::SysRegex;

    static LIBRARY: LazyLock<SysRegex> = LazyLock::new(|| SysRegex::new(EXPRESSION).unwrap());

    fn cut(text: &str) -> Vec<&str> {
        let pieces = Words.find_matches(text).unwrap();
        pieces.into_iter().map(|((start, end), _)| &text[start..end]).collect()
    }

    #[test]
    fn words_take_the_space_before_them_and_punctuation_the_line_breaks_after_it() {
        assert_eq!(
            cut("Ada's  cat, 12!\n\n x"),
            ["Ada", "'s", " ", " cat", ",", " ", "1", "2", "!\n\n", " x"]
        );
        assert_eq!(cut("  \n \t\n  é"), ["  \n \t\n", " ", " é"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_pieces_are_those_of_the_expression(text in "[ 'a-fl-v0-2!{\\[\n\r\t\u{0}\u{7f}é\u{2028}]{0,24}|\\PC{0,12}|.{0,12}") {
            prop_assert_eq!(Words.find_matches(&text).unwrap(), (&*LIBRARY).find_matches(&text).unwrap());
        }
    }
}
