//! What the dummy knows about its tokens: the control tokens by number, and a few properties of the text of the others.
//!
//! The numbers and properties are those of the tokenizer in `assets/`; a test compares them.

use super::prior::Symbol;

/// End of text.
pub(super) const END: Symbol = 1;
/// Opens a turn of the system.
pub(super) const SYSTEM: Symbol = 2;
/// Opens a turn of the user.
pub(super) const USER: Symbol = 3;
/// Opens a turn of the model: the cue.
pub(super) const ASSISTANT: Symbol = 4;
/// Opens the answer of a tool.
pub(super) const TOOL: Symbol = 5;
/// Closes a turn.
pub(super) const TURN: Symbol = 6;
/// Opens reasoning.
pub(super) const REASON: Symbol = 7;
/// Closes reasoning.
pub(super) const REASON_END: Symbol = 8;
/// Opens a tool call.
pub(super) const CALL: Symbol = 9;
/// Closes a tool call.
pub(super) const CALL_END: Symbol = 10;
/// The first token that is not a control token.
pub(super) const FIRST_TEXT: Symbol = 16;

/// The control tokens as the tokenizer spells them.
#[cfg(test)]
const SPELLINGS: [(&str, Symbol); 10] = [
    ("<|end|>", END),
    ("<|system|>", SYSTEM),
    ("<|user|>", USER),
    ("<|assistant|>", ASSISTANT),
    ("<|tool|>", TOOL),
    ("<|turn|>", TURN),
    ("<|reason|>", REASON),
    ("<|/reason|>", REASON_END),
    ("<|call|>", CALL),
    ("<|/call|>", CALL_END),
];

/// Properties of a token's text, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits(pub(super) u16);

/// Defines a bit for each property, and a method that asks for it.
macro_rules! traits {
    ($($(#[$doc:meta])* $bit:ident $ask:ident = $value:literal;)*) => {
        impl Traits {
            $(const $bit: u16 = 1 << $value;)*
            $($(#[$doc])* pub(super) fn $ask(self) -> bool {
                self.0 & Self::$bit != 0
            })*
        }
    };
}

traits! {
    /// A space and letters: the start of a word inside a text.
    STARTS_WORD starts_word = 0;
    /// A single space, after which the letters of a word may follow.
    SPACE is_space = 1;
    /// Letters only: a word at the start of a text, or more of a word.
    LETTERS is_letters = 2;
    /// The first letter is a capital.
    CAPITAL is_capital = 3;
    /// A sentence can end here, and another go on in the same line.
    ENDS_SENTENCE ends_sentence = 4;
    /// White space with a line break.
    BREAKS_LINE breaks_line = 5;
    /// A digit.
    DIGIT is_digit = 6;
    /// The start of a value in JSON that has an end of its own: a string, an object or a list.
    OPENS opens = 7;
    /// The end of a string in JSON, and perhaps of what it is in.
    CLOSES_STRING closes_string = 8;
    /// The end of objects and lists.
    CLOSES_BRACKET closes_bracket = 9;
    /// An odd number of quotation marks.
    ODD_QUOTES has_odd_quotes = 10;
}

impl Traits {
    /// The properties of a text token with these bytes.
    pub(super) fn of(bytes: &[u8]) -> Traits {
        let letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        let word = bytes.strip_prefix(b" ").unwrap_or(bytes);
        let is_word = !word.is_empty() && word.iter().all(|&byte| letter(byte));
        let text = bytes.trim_ascii();
        let unquoted = text.strip_suffix(b"\"").unwrap_or(text);
        let brackets = |text: &[u8]| text.iter().all(|byte| b"}])".contains(byte));
        let bits = [
            (Self::STARTS_WORD, is_word && word.len() < bytes.len()),
            (Self::SPACE, bytes == b" "),
            (Self::LETTERS, is_word && word.len() == bytes.len()),
            (Self::CAPITAL, is_word && word[0].is_ascii_uppercase()),
            (
                Self::ENDS_SENTENCE,
                unquoted.last().is_some_and(|last| b".!?".contains(last)) && bytes.ends_with(text),
            ),
            (Self::BREAKS_LINE, text.is_empty() && bytes.contains(&b'\n')),
            (Self::DIGIT, text.len() == 1 && text[0].is_ascii_digit()),
            (Self::OPENS, text.first().is_some_and(|first| b"{[\"".contains(first))),
            (Self::CLOSES_STRING, text.strip_prefix(b"\"").is_some_and(brackets)),
            (Self::CLOSES_BRACKET, !text.is_empty() && brackets(text)),
            (Self::ODD_QUOTES, text.iter().filter(|&&byte| byte == b'"').count() % 2 == 1),
        ];
        Traits(bits.iter().filter(|(_, holds)| *holds).map(|(bit, _)| bit).sum())
    }

    /// A word or a piece of one.
    pub(super) fn is_word(self) -> bool {
        self.starts_word() || self.is_letters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Tokenizer;

    #[test]
    fn control_tokens_have_the_numbers_that_the_tokenizer_gives_them() {
        let tokenizer = Tokenizer::dummy();
        for (spelling, symbol) in SPELLINGS {
            assert_eq!(tokenizer.special_id(spelling), Some(u32::from(symbol)), "{spelling}");
        }
        let (ids, _) = tokenizer.vocabs();
        assert!(ids.iter().all(|&id| tokenizer.is_control(id) == (id < u32::from(FIRST_TEXT))));
    }

    #[test]
    fn traits_are_those_of_the_text() {
        assert!(Traits::of(b" fox").starts_word() && !Traits::of(b" fox").is_capital());
        assert!(Traits::of(b" Ada").is_capital() && Traits::of(b"Ada").is_letters());
        assert!(Traits::of("é".as_bytes()).is_letters() && !Traits::of(b" ").starts_word());
        assert!(Traits::of(b".").ends_sentence() && !Traits::of(b".\n\n").ends_sentence());
        assert!(Traits::of(b"\"}").closes_string() && !Traits::of(b"\":\"").closes_string());
        assert!(Traits::of(b"]\n").closes_bracket() && !Traits::of(b"\"}").closes_bracket());
        assert!(Traits::of(b" {\n").opens() && Traits::of(b"[{\"").opens() && !Traits::of(b"a{").opens());
        assert!(Traits::of(b"{\"").has_odd_quotes() && !Traits::of(b"\":\"").has_odd_quotes());
        assert!(
            Traits::of(b"1").is_digit()
                && Traits::of(b"\n\n").breaks_line()
                && !Traits::of(b" ").breaks_line()
        );
        assert_eq!(Traits::of(b","), Traits::default());
    }
}
