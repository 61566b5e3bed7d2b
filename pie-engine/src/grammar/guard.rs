//! What readers of JSON ask of it beyond the standard: numbers that a floating-point number of 64 bits can hold, and lists and objects that are
//! nested no deeper than [`MAX_JSON_DEPTH`], which is where `serde_json` gives up.
//!
//! And integers of 64 bits without sign, where a schema has some: then no number has more than those before its point or exponent, wherever it stands.
//!
//! The library's grammars know none of these bounds. So a matcher of a JSON schema carries this state along its text, and leaves out the tokens
//! that would break a bound. They are few, and only near a bound is a mask looked through for them.

use super::limits::MAX_JSON_DEPTH;

/// The largest power of ten that a number reaches: the digits before its point, and its exponent.
const MAX_MAGNITUDE: u32 = 308;
/// No sensible token crosses a bound from a number of so many digits, or from lists nested so deep. Those that do are kept by the vocabulary.
const FAR_DIGITS: u32 = 200;
/// The same where integers have 64 bits, of which that is half the digits.
const FAR_UNSIGNED: u32 = 10;
/// See [`FAR_DIGITS`].
const FAR_DEPTH: u32 = 64;

/// Where a JSON text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guard {
    depth: u32,
    part: Part,
    /// Whether integers have 64 bits.
    unsigned: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Between,
    /// In a string; behind a backslash or not.
    String { escaped: bool },
    /// In a number, before its point.
    Whole { digits: u32, value: u64 },
    /// Behind its point.
    Fraction { digits: u32 },
    /// Behind its `e`. What is below zero needs no bound: it is read as zero.
    Exponent { digits: u32, value: u32, negative: bool },
}

impl Guard {
    /// At the start of a text; with integers of 64 bits without sign or with those of any length.
    pub(super) fn new(unsigned: bool) -> Guard {
        Guard { depth: 0, part: Part::Between, unsigned }
    }

    pub(super) fn is_unsigned(&self) -> bool {
        self.unsigned
    }

    /// The state behind some more bytes; none if they break a bound.
    pub(super) fn after(mut self, bytes: &[u8]) -> Option<Guard> {
        for &byte in bytes {
            self.part = self.next(byte)?;
            if self.part == Part::Between {
                match byte {
                    b'[' | b'{' => self.depth += 1,
                    b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            if self.depth > MAX_JSON_DEPTH {
                return None;
            }
        }
        Some(self)
    }

    fn next(&self, byte: u8) -> Option<Part> {
        let next = match (self.part, byte) {
            (Part::String { escaped: true }, _) => Part::String { escaped: false },
            (Part::String { .. }, b'"') => Part::Between,
            (Part::String { .. }, _) => Part::String { escaped: byte == b'\\' },
            (Part::Whole { digits, value }, b'0'..=b'9') => {
                let longer = value.checked_mul(10).and_then(|value| value.checked_add((byte - b'0').into()));
                if self.unsigned && longer.is_none() {
                    return None;
                }
                Part::Whole { digits: digits + 1, value: longer.unwrap_or(u64::MAX) }
            }
            (Part::Whole { digits, .. }, b'.') => Part::Fraction { digits },
            (Part::Fraction { .. }, b'0'..=b'9') => self.part,
            (Part::Whole { digits, .. } | Part::Fraction { digits }, b'e' | b'E') => {
                Part::Exponent { digits, value: 0, negative: false }
            }
            (Part::Exponent { .. }, b'+') => self.part,
            (Part::Exponent { digits, value, .. }, b'-') => Part::Exponent { digits, value, negative: true },
            (Part::Exponent { digits, value, negative }, b'0'..=b'9') => {
                let value = value.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                Part::Exponent { digits, value, negative }
            }
            (_, b'-') => Part::Whole { digits: 0, value: 0 },
            (_, b'0'..=b'9') => Part::Whole { digits: 1, value: (byte - b'0').into() },
            (_, b'"') => Part::String { escaped: false },
            _ => Part::Between,
        };
        let magnitude = match next {
            Part::Whole { digits, .. } => digits,
            Part::Exponent { digits, value, negative: false } => digits.saturating_add(value),
            _ => 0,
        };
        (magnitude <= MAX_MAGNITUDE).then_some(next)
    }

    /// Whether only the tokens that [`Guard::is_extreme`] names can break a bound from here.
    pub(super) fn is_far(&self) -> bool {
        let number = match self.part {
            Part::Whole { digits, .. } if self.unsigned => digits <= FAR_UNSIGNED,
            Part::Whole { digits, .. } | Part::Fraction { digits } => digits <= FAR_DIGITS,
            Part::Exponent { negative, .. } => negative,
            Part::Between | Part::String { .. } => true,
        };
        number && self.depth <= FAR_DEPTH
    }

    /// Whether a token can break a bound all by itself.
    pub(super) fn is_extreme(&self, token: &[u8]) -> bool {
        let digits = FAR_DIGITS;
        let whole = if self.unsigned { FAR_UNSIGNED } else { FAR_DIGITS };
        let parts = [
            Part::Between,
            Part::String { escaped: false },
            Part::Whole { digits: whole, value: 10_u64.saturating_pow(whole) - 1 },
            Part::Fraction { digits },
            Part::Exponent { digits, value: 0, negative: true },
        ];
        parts.iter().any(|&part| Guard { depth: FAR_DEPTH, part, ..*self }.after(token).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_allowed(text: &str) -> bool {
        Guard::new(false).after(text.as_bytes()).is_some()
    }

    #[test]
    fn numbers_are_allowed_as_far_as_they_are_finite() {
        let digits = |count: usize| "9".repeat(count);
        let cases = [
            ("1e307".to_owned(), true),
            ("[1e308]".to_owned(), false),
            ("-1.5E+307".to_owned(), true),
            ("1e-99999".to_owned(), true),
            ("1e00300".to_owned(), true),
            ("1e99999999999999999999".to_owned(), false),
            (digits(308), true),
            (digits(309), false),
            (format!("{}.{}", digits(300), digits(3000)), true),
            (format!("{}e9", digits(300)), false),
            (format!("[\"{}\"]", digits(400)), true),
            (format!("{{\"\\\"1e999\":{}}}", digits(5)), true),
        ];
        for (text, expected) in cases {
            assert_eq!(is_allowed(&text), expected, "{text}");
            let read = serde_json::from_str::<serde_json::Value>(&text);
            assert!(!expected || read.is_ok(), "{text}: {read:?}");
        }
    }

    #[test]
    fn tokens_that_cross_a_bound_alone_are_known() {
        let extreme = |token: &str| Guard::new(false).is_extreme(token.as_bytes());
        let open = "[".repeat(70);
        assert!(extreme("1e999") && extreme(&open));
        assert!(!extreme("123456789") && !extreme("e9") && !extreme("[[[[{\""));
        let extreme = |token: &str| Guard::new(true).is_extreme(token.as_bytes());
        assert!(extreme("1234567890") && !extreme("123456789") && !extreme("1e9"));
    }

    #[test]
    fn integers_without_sign_have_64_bits() {
        let is_allowed = |text: &str| Guard::new(true).after(text.as_bytes()).is_some();
        for text in
            ["[18446744073709551615,3]", "1e300", "0.18446744073709551616", "\"99999999999999999999\""]
        {
            assert!(is_allowed(text), "{text}");
        }
        for text in ["18446744073709551616", "{\"a\":99999999999999999999", "20000000000000000000.5"] {
            assert!(!is_allowed(text), "{text}");
        }
    }

    #[test]
    fn nesting_is_allowed_as_deep_as_it_is_read() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let deepest = MAX_JSON_DEPTH as usize;
            assert!(is_allowed(&text(deepest)) && !is_allowed(&text(deepest + 1)));
            assert!(serde_json::from_str::<serde_json::Value>(&text(deepest)).is_ok());
            assert!(serde_json::from_str::<serde_json::Value>(&text(deepest + 1)).is_err());
        }
        assert!(is_allowed(&format!("\"{}\"", "[".repeat(500))));
        assert!(is_allowed(&"[]".repeat(500)));
    }

    proptest! {
        #[test]
        fn a_token_that_is_not_extreme_breaks_no_bound_from_afar(
            start in r#"[\[\]{}"\\0-9.eE+\-a, ]{0,60}"#,
            token in r#"[\[\]{}"\\0-9.eE+\-a, ]{0,12}|[0-9]{0,20}"#,
            unsigned in any::<bool>(),
        ) {
            let Some(guard) = Guard::new(unsigned).after(start.as_bytes()) else { return Ok(()) };
            if guard.is_far() && !guard.is_extreme(token.as_bytes()) {
                prop_assert!(guard.after(token.as_bytes()).is_some(), "{} then {}", start, token);
            }
        }
    }
}
