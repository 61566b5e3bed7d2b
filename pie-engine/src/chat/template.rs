//! Text of a template with slots for text from outside, and how the two become tokens.

use crate::tokenizer::Tokenizer;
use serde::Deserialize;

/// What can be filled into a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Text of a message.
    Message,
    /// Name of a tool.
    Name,
    /// Result of a tool.
    Value,
    /// Descriptions of tools, as JSON.
    Tools,
}

const SLOTS: [(&str, Slot); 4] = [
    ("{message}", Slot::Message),
    ("{name}", Slot::Name),
    ("{value}", Slot::Value),
    ("{tools}", Slot::Tools),
];

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The template's own text, in which control tokens are spelled out.
    Fixed(String),
    /// A place for text from outside, which is never read as control tokens.
    Slot(Slot),
    /// The same, inside the quotes of a JSON string.
    Quoted(Slot),
}

/// One fragment of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Template(pub(super) Vec<Part>);

impl From<String> for Template {
    /// Reads text with slots in braces.
    fn from(text: String) -> Self {
        let slots: Vec<_> = SLOTS.iter().map(|(spelling, slot)| (*spelling, Part::Slot(*slot))).collect();
        Template::cut(&text, &slots)
    }
}

impl Template {
    /// Cuts a text wherever one of the spellings occurs, and puts a part in its place.
    pub(super) fn cut(text: &str, spellings: &[(&str, Part)]) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((at, spelling, part)) = spellings
            .iter()
            .filter_map(|(spelling, part)| rest.find(spelling).map(|at| (at, *spelling, part)))
            .min_by_key(|(at, ..)| *at)
        {
            push_fixed(&mut parts, &rest[..at]);
            parts.push(part.clone());
            rest = &rest[at + spelling.len()..];
        }
        push_fixed(&mut parts, rest);
        Template(parts)
    }

    /// The tokens, with values for the slots; a slot without a value stays empty.
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, values: &[(Slot, &str)]) -> Vec<u32> {
        let value = |slot: &Slot| {
            values.iter().find(|(name, _)| name == slot).map(|(_, value)| *value).unwrap_or_default()
        };
        let mut writer = Writer::new(tokenizer);
        for part in &self.0 {
            match part {
                Part::Fixed(text) => writer.template(text),
                Part::Slot(slot) => writer.text(value(slot)),
                Part::Quoted(slot) => writer.text(&inside_quotes(value(slot))),
            }
        }
        writer.finish()
    }
}

fn push_fixed(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Fixed(text.to_owned()));
    }
}

/// A text as it stands between the quotes of a JSON string.
fn inside_quotes(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Puts a prompt together. Template text and text from outside that touch are encoded as one, as they would be if the whole
/// prompt were encoded at once; only template text can give control tokens.
pub(super) struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    tokens: Vec<u32>,
    /// Text since the last control token.
    run: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Writer { tokenizer, tokens: Vec::new(), run: String::new() }
    }

    pub(super) fn template(&mut self, text: &str) {
        let mut done = 0;
        for (span, id) in self.tokenizer.control_spans(text) {
            self.run.push_str(&text[done..span.start]);
            self.end_run();
            self.tokens.push(id);
            done = span.end;
        }
        self.run.push_str(&text[done..]);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.run.push_str(text);
    }

    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.tokens.extend(self.tokenizer.encode_text(&self.run));
            self.run.clear();
        }
    }

    pub(super) fn finish(mut self) -> Vec<u32> {
        self.end_run();
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_slots() {
        let template = Template::from("<a>{name}\n{value}".to_owned());
        let expected = [
            Part::Fixed("<a>".into()),
            Part::Slot(Slot::Name),
            Part::Fixed("\n".into()),
            Part::Slot(Slot::Value),
        ];
        assert_eq!(template.0, expected);
    }

    #[test]
    fn text_beside_a_slot_is_encoded_with_what_fills_it() {
        let tokenizer = Tokenizer::dummy();
        let tokens =
            Template::from("<|user|>th{message}".to_owned()).tokens(&tokenizer, &[(Slot::Message, "ere")]);
        assert_eq!(tokens, tokenizer.encode("<|user|>there"));
    }

    #[test]
    fn a_quoted_slot_escapes_what_fills_it() {
        let template =
            Template(vec![Part::Fixed("\"".into()), Part::Quoted(Slot::Value), Part::Fixed("\"".into())]);
        let tokenizer = Tokenizer::dummy();
        let tokens = template.tokens(&tokenizer, &[(Slot::Value, "a\"\nb")]);
        assert_eq!(tokenizer.decode(&tokens).unwrap(), r#""a\"\nb""#);
    }
}
