//! A line of the layers `events` and `numbers`: who, what, about what, and fields. It is written so that a person can read it and a difference can be
//! told field by field.
//!
//! ```text
//! i1 pass p3 context=c1 tokens=[104] text=" bread" sampler="argmax" rows=[0]
//! ```

use std::fmt::{self, Write};

use serde_json::Value;

/// A line in the making.
#[derive(Default)]
pub struct Written(String);

impl Written {
    /// Begins a line with who and what; nobody in particular if `who` is none.
    pub fn new(who: Option<impl fmt::Display>, what: &str) -> Written {
        let mut line = match who {
            Some(who) => format!("{who} "),
            None => String::new(),
        };
        line.push_str(what);
        Written(line)
    }

    /// What it is about.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Written {
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.0, " {subject}");
        self
    }

    /// A field whose value is a word.
    #[must_use]
    pub fn word(mut self, name: &str, value: impl fmt::Display) -> Written {
        let _ = write!(self.0, " {name}={value}");
        self
    }

    /// A field whose value is JSON.
    #[must_use]
    pub fn json(mut self, name: &str, value: &impl serde::Serialize) -> Written {
        // What is written here has string keys and finite numbers, or null for the others.
        let value = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        let _ = write!(self.0, " {name}={value}");
        self
    }

    /// A field that may be absent.
    #[must_use]
    pub fn json_if(self, name: &str, value: Option<&impl serde::Serialize>) -> Written {
        match value {
            Some(value) => self.json(name, value),
            None => self,
        }
    }

    /// The line.
    pub fn finish(self) -> String {
        self.0
    }
}

/// A line that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// All of it.
    pub text: &'a str,
    /// Who: `i1`.
    pub who: Option<&'a str>,
    /// What: `pass`.
    pub what: &'a str,
    /// About what: `p3`.
    pub about: Option<&'a str>,
    /// The fields in their order.
    pub fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    /// Reads a line. One that nobody wrote here is one word.
    pub fn read(text: &'a str) -> Line<'a> {
        let mut line = Line { text, who: None, what: text, about: None, fields: Vec::new() };
        let mut words = Words { rest: text };
        let Some(first) = words.next() else { return line };
        if is_id(first, "i") {
            line.who = Some(first);
            line.what = words.next().unwrap_or_default();
        } else {
            line.what = first;
        }
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => line.fields.push((name, value)),
                None if line.about.is_none() => line.about = Some(word),
                None => line.fields.push((word, "")),
            }
        }
        line
    }

    /// The value of a field, as it is written.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// The value of a field as JSON.
    pub fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.field(name)?).ok()
    }

    /// The value of a field as a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.field(name)?.parse().ok()
    }

    /// The tokens in a field, where none is missing.
    pub fn tokens(&self, name: &str) -> Option<Vec<u32>> {
        serde_json::from_str(self.field(name)?).ok()
    }
}

fn is_id(word: &str, letter: &str) -> bool {
    let digits = word.strip_prefix(letter).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Words that spaces part, but for those inside of JSON strings.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start_matches(' ');
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.char_indices().find(|(_, char)| {
            match char {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ' ' if !quoted => return true,
                _ => {}
            }
            false
        });
        let end = end.map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word)
    }
}
