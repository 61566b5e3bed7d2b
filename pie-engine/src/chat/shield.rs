//! Keeps text from outside recognisable while it goes through a template.

use crate::tokenizer::Tokenizer;
use serde_json::Value;

/// A known message of a user, for renderings in which only its place matters.
pub(super) const USER: &str = "\u{e000}user\u{e001}";
/// A known name of a tool.
pub(super) const TOOL_NAME: &str = "\u{e000}tool\u{e001}";
/// A known result of a tool, with a character that JSON escapes.
pub(super) const VALUE: &str = "\u{e000}\"value\u{e001}";
/// The same inside the quotes of a JSON string.
pub(super) const QUOTED_VALUE: &str = "\u{e000}\\\"value\u{e001}";

const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Replaces what could be read as a control token by numbered marks, to be put back as text.
pub(super) struct Shield<'a> {
    tokenizer: &'a Tokenizer,
    hidden: Vec<String>,
}

/// Rendered text, cut into the template's own and the hidden pieces.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Template(&'a str),
    Hidden(&'a str),
}

impl<'a> Shield<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Shield { tokenizer, hidden: Vec::new() }
    }

    /// Hides control tokens in all strings of a value.
    pub(super) fn hide(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide_text(&text)),
            Value::Array(list) => list.into_iter().map(|item| self.hide(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(key, value)| (self.hide_text(&key), self.hide(value))).collect()
            }
            other => other,
        }
    }

    fn hide_text(&mut self, text: &str) -> String {
        // The marks' own characters are hidden too, so that no text can look like a mark.
        let marks = text
            .char_indices()
            .filter(|(_, c)| [OPEN, CLOSE].contains(c))
            .map(|(at, c)| at..at + c.len_utf8());
        let control = self.tokenizer.control_spans(text).into_iter().map(|(span, _)| {
            let start = span.end - text[span.clone()].trim_start().len();
            start..start + text[start..span.end].trim_end().len()
        });
        let mut spans: Vec<_> = marks.chain(control).collect();
        spans.sort_unstable_by_key(|span| span.start);
        let mut shown = String::new();
        let mut done = 0;
        for span in spans.into_iter().filter(|span| !span.is_empty()) {
            if span.start < done {
                continue;
            }
            shown += &text[done..span.start];
            shown += &format!("{OPEN}{}{CLOSE}", self.hidden.len());
            self.hidden.push(text[span.clone()].to_owned());
            done = span.end;
        }
        shown + &text[done..]
    }

    /// Cuts rendered text at the marks.
    pub(super) fn reveal<'t>(&'t self, rendered: &'t str) -> Vec<Shown<'t>> {
        let mut shown = Vec::new();
        let mut pieces = rendered.split(OPEN);
        shown.extend(pieces.next().map(Shown::Template));
        for piece in pieces {
            let mark = piece.split_once(CLOSE).and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
            match mark.and_then(|(number, rest): (usize, _)| Some((self.hidden.get(number)?, rest))) {
                Some((hidden, rest)) => shown.extend([Shown::Hidden(hidden), Shown::Template(rest)]),
                None => shown.push(Shown::Template(piece)),
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_hidden_comes_back_as_text() {
        let tokenizer = Tokenizer::dummy();
        let mut shield = Shield::new(&tokenizer);
        let hidden = shield.hide(json!({"a<|end|>": ["b<|turn|>c\u{e000}0\u{e001}", 1]}));
        let rendered = hidden.to_string();
        assert!(!rendered.contains("<|"), "{rendered}");
        let back: String = shield
            .reveal(&rendered)
            .into_iter()
            .map(|shown| match shown {
                Shown::Template(text) | Shown::Hidden(text) => text,
            })
            .collect();
        assert_eq!(back, "{\"a<|end|>\":[\"b<|turn|>c\u{e000}0\u{e001}\",1]}");
    }
}
