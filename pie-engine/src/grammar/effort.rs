//! What keeps the library's compiler busy for minutes, counted before it is asked. It looks at its own limits between the steps that it takes, and one step takes as
//! long as expressions have parts: with their number for repetitions, and twice as long with each expression more that has to match the same text.

use super::error::{GrammarError, Notation};
use super::limits::{MAX_LED, MAX_REPETITIONS, MAX_TOGETHER};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Counts what repeats in a regular expression.
pub(super) fn expression(pattern: &str) -> Result<(), GrammarError> {
    let mut count = 0;
    repetitions(&mut pattern.chars().peekable(), None, &mut count);
    check(Notation::Regex, count, 0)
}

/// Counts what repeats in a grammar, and what it intersects or negates.
pub(super) fn grammar(source: &str, notation: Notation) -> Result<(), GrammarError> {
    let (mut repeated, mut together) = (0, 0);
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            quote @ ('"' | '\'') if quote == '"' || notation == Notation::Ebnf => text(&mut chars, quote),
            '[' if notation == Notation::Ebnf => text(&mut chars, ']'),
            '/' if chars.next_if_eq(&'/').is_some() => drop(chars.find(|char| *char == '\n')),
            '/' if notation == Notation::Lark => repetitions(&mut chars, Some('/'), &mut repeated),
            '*' | '+' | '?' | '{' => repeated += 1,
            '~' => {
                while chars.next_if_eq(&' ').is_some() {}
                let is_number = chars.peek().is_some_and(char::is_ascii_digit);
                *(if is_number { &mut repeated } else { &mut together }) += 1;
            }
            '&' => together += 1,
            _ => {}
        }
    }
    check(notation, repeated, together)
}

/// Passes over a text up to its end.
fn text(chars: &mut Peekable<Chars<'_>>, end: char) {
    while let Some(char) = chars.next() {
        if char == '\\' {
            chars.next();
        } else if char == end || char == '\n' {
            return;
        }
    }
}

/// Counts in an expression, up to what ends it.
fn repetitions(chars: &mut Peekable<Chars<'_>>, end: Option<char>, count: &mut usize) {
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => drop(chars.next_if_eq(&'?')),
            '*' | '+' | '?' | '{' if !in_class => *count += 1,
            _ if Some(char) == end && !in_class => return,
            _ => {}
        }
    }
}

fn check(notation: Notation, repeated: usize, together: usize) -> Result<(), GrammarError> {
    let message = if repeated > MAX_REPETITIONS {
        format!("it repeats {repeated} parts, the limit is {MAX_REPETITIONS}")
    } else if together > MAX_TOGETHER {
        format!("it has {together} times `&` or `~`, the limit is {MAX_TOGETHER}")
    } else {
        return Ok(());
    };
    Err(GrammarError::TooComplex { notation, message })
}

/// Counts what has to match the same text of a value by `allOf`, in a schema that was read.
pub(super) fn schema(root: &Value) -> Result<(), GrammarError> {
    let mut waiting = vec![root];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => {
                for (keyword, field) in fields {
                    if let ("pattern", Value::String(pattern)) = (keyword.as_str(), field) {
                        expression(pattern)?;
                    }
                }
                if fields.contains_key("allOf") {
                    together(root, fields)?;
                }
                waiting.extend(fields.values());
            }
            _ => {}
        }
    }
    Ok(())
}

fn together(root: &Value, fields: &Map<String, Value>) -> Result<(), GrammarError> {
    let mut counter = Counter { root, references: Vec::new(), led: 0 };
    let counts = counter.fields(fields)?;
    match counts.into_iter().find(|(_, count)| *count > MAX_TOGETHER) {
        None => Ok(()),
        Some((path, count)) => {
            let of = if path.is_empty() { String::new() } else { format!(" of `{}`", &path[1..]) };
            Err(too_complex(format!(
                "the same text{of} has to match {count} expressions by `allOf`, the limit is {MAX_TOGETHER}"
            )))
        }
    }
}

fn too_complex(message: String) -> GrammarError {
    GrammarError::TooComplex { notation: Notation::JsonSchema, message }
}

/// Expressions by the path of the text that they have to match.
type Counts = BTreeMap<String, usize>;

struct Counter<'a> {
    root: &'a Value,
    /// Those that it is in.
    references: Vec<&'a str>,
    /// Schemas that it was led to.
    led: usize,
}

impl<'a> Counter<'a> {
    fn schema(&mut self, value: &'a Value) -> Result<Counts, GrammarError> {
        self.led += 1;
        if self.led > MAX_LED {
            return Err(too_complex(format!("an `allOf` leads to more than {MAX_LED} schemas")));
        }
        value.as_object().map_or_else(|| Ok(Counts::new()), |fields| self.fields(fields))
    }

    fn fields(&mut self, fields: &'a Map<String, Value>) -> Result<Counts, GrammarError> {
        let mut counts = Counts::new();
        for (keyword, value) in fields {
            match (keyword.as_str(), value) {
                ("pattern" | "format", _) => *counts.entry(String::new()).or_default() += 1,
                ("allOf", Value::Array(parts)) => {
                    for part in parts {
                        add(&mut counts, "", self.schema(part)?, usize::saturating_add);
                    }
                }
                ("anyOf" | "oneOf", Value::Array(options)) => {
                    let mut most = Counts::new();
                    for option in options {
                        add(&mut most, "", self.schema(option)?, usize::max);
                    }
                    add(&mut counts, "", most, usize::saturating_add);
                }
                ("$ref", Value::String(target)) => {
                    add(&mut counts, "", self.reference(target)?, usize::saturating_add);
                }
                ("properties", Value::Object(properties)) => {
                    for (name, property) in properties {
                        let path = format!("/{name}");
                        add(&mut counts, &path, self.schema(property)?, usize::saturating_add);
                    }
                }
                ("items" | "additionalProperties", item) => {
                    add(&mut counts, "/*", self.schema(item)?, usize::saturating_add);
                }
                _ => {}
            }
        }
        Ok(counts)
    }

    /// What a reference leads to, unless it leads back to itself.
    fn reference(&mut self, target: &'a str) -> Result<Counts, GrammarError> {
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(found) = found.filter(|_| !self.references.contains(&target)) else {
            return Ok(Counts::new());
        };
        self.references.push(target);
        let counts = self.schema(found);
        self.references.pop();
        counts
    }
}

fn add(counts: &mut Counts, path: &str, more: Counts, together: fn(usize, usize) -> usize) {
    for (below, count) in more {
        let all = counts.entry(format!("{path}{below}")).or_default();
        *all = together(*all, count);
    }
}
