//! What a parameter takes, and the one check of a value against it.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;
use serde_json::{Number, Value};

use crate::error::Error;
use crate::suggest;

/// The longest value that an error message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// What a parameter takes. Limits are inclusive.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Text.
    String {
        /// Fewest characters (Unicode scalar values).
        min_length: Option<u64>,
        /// Most characters.
        max_length: Option<u64>,
        /// What the whole text matches.
        pattern: Option<Pattern>,
    },
    /// A whole number of 64 bits.
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A finite number.
    Float {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Bool,
    /// One of these strings.
    Enum {
        /// At least one, none twice.
        values: Vec<String>,
    },
    /// A list.
    Array {
        /// What each item is; never itself an array.
        items: Box<Type>,
        /// Fewest items.
        min_items: Option<u64>,
        /// Most items.
        max_items: Option<u64>,
    },
}

/// A regular expression that whole texts are matched against.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    anchored: Regex,
}

impl Pattern {
    /// Compiles the expression, in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// The expression is malformed or too large.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        // Compiled alone first, so that `a)|(b` is not made well-formed by the anchors.
        Regex::new(source)?;
        Ok(Pattern { source: source.to_owned(), anchored: Regex::new(&anchored(source))? })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// With anchors, for readers that search: `^(?:…)$`.
    pub fn anchored(&self) -> &str {
        self.anchored.as_str()
    }

    fn matches(&self, text: &str) -> bool {
        self.anchored.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

fn anchored(source: &str) -> String {
    format!("^(?:{source})$")
}

/// A value that is not what its parameter takes.
#[derive(Debug)]
pub(super) struct Mismatch {
    expected: String,
    found: String,
    hint: Option<String>,
}

impl Mismatch {
    pub(super) fn new(expected: &Type, found: impl Into<String>) -> Self {
        Mismatch { expected: expected.to_string(), found: found.into(), hint: None }
    }

    /// The error for the parameter (or its default) that is called so in messages.
    pub(super) fn error(self, what: &str) -> Error {
        let error = Error::usage(format!("{what} must be {}, not {}", self.expected, self.found));
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn or_hint(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }
}

impl Type {
    /// Any text.
    pub const STRING: Type = Type::String { min_length: None, max_length: None, pattern: None };
    /// Any whole number.
    pub const INT: Type = Type::Int { min: None, max: None };
    /// Any number.
    pub const FLOAT: Type = Type::Float { min: None, max: None };

    /// Checks a value and brings it into the form the inferlet gets.
    pub(super) fn accept(&self, value: &Value) -> Result<Value, Mismatch> {
        let accepted = match self {
            Type::String { min_length, max_length, pattern } => value
                .as_str()
                .filter(|text| {
                    let length = text.chars().count() as u64;
                    within(length, *min_length, *max_length)
                        && pattern.as_ref().is_none_or(|p| p.matches(text))
                })
                .map(Value::from),
            Type::Int { min, max } => {
                whole(value).filter(|number| within(*number, *min, *max)).map(Value::from)
            }
            Type::Float { min, max } => value
                .as_f64()
                .filter(|number| within(*number, *min, *max))
                .and_then(Number::from_f64)
                .map(Value::Number),
            Type::Bool => value.as_bool().map(Value::Bool),
            Type::Enum { values } => return accept_choice(self, values, value),
            Type::Array { items, min_items, max_items } => {
                return self.accept_items(items, (*min_items, *max_items), value);
            }
        };
        accepted.ok_or_else(|| Mismatch::new(self, shown(value)))
    }

    fn accept_items(
        &self,
        items: &Type,
        length: (Option<u64>, Option<u64>),
        value: &Value,
    ) -> Result<Value, Mismatch> {
        let Value::Array(values) = value else { return Err(Mismatch::new(self, shown(value))) };
        if !within(values.len() as u64, length.0, length.1) {
            return Err(Mismatch::new(self, format!("a list of {}", values.len())));
        }
        let accept = |(index, value)| {
            items.accept(value).map_err(|mismatch| Mismatch {
                expected: self.to_string(),
                found: format!("{} as item {index}", mismatch.found),
                hint: mismatch.hint,
            })
        };
        values.iter().enumerate().map(accept).collect::<Result<_, _>>().map(Value::Array)
    }

    /// Reads one value from a command line. For an array, one item.
    pub(super) fn read(&self, text: &str) -> Result<Value, Mismatch> {
        let item = match self {
            Type::Array { items, .. } => items,
            other => other,
        };
        let value = match item {
            Type::Int { .. } => text.parse::<i64>().ok().map(Value::from),
            Type::Float { .. } => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
            Type::Bool => text.parse().ok().map(Value::Bool),
            _ => Some(Value::from(text)),
        };
        let mismatch = match value.map(|value| item.accept(&value)) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(mismatch)) => mismatch,
            None => Mismatch::new(item, ""),
        };
        // As it was typed, without the quotes of JSON.
        let mismatch = Mismatch { found: format!("`{}`", cut(text)), ..mismatch };
        let is_joined = matches!(self, Type::Array { .. }) && text.contains(',');
        Err(mismatch.or_hint(is_joined.then(|| "repeat the parameter for each item of the list".to_owned())))
    }

    /// A value that an example can show; it need not satisfy a pattern.
    pub(super) fn example(&self) -> Value {
        match self {
            Type::String { .. } => Value::from("…"),
            Type::Int { min, max } => Value::from(min.or(*max).unwrap_or(1)),
            Type::Float { min, max } => Value::from(min.or(*max).unwrap_or(1.0)),
            Type::Bool => Value::from(true),
            Type::Enum { values } => values.first().map_or(Value::Null, |value| Value::from(value.as_str())),
            Type::Array { items, .. } => Value::from(vec![items.example()]),
        }
    }
}

fn accept_choice(expected: &Type, values: &[String], value: &Value) -> Result<Value, Mismatch> {
    match value.as_str() {
        Some(text) if values.iter().any(|allowed| allowed == text) => Ok(value.clone()),
        Some(text) => {
            let hint = suggest::did_you_mean(text, values.iter().map(String::as_str));
            Err(Mismatch::new(expected, shown(value)).or_hint(hint))
        }
        None => Err(Mismatch::new(expected, shown(value))),
    }
}

/// A whole number, also when it is written `3.0`, as JSON Schema has it.
fn whole(value: &Value) -> Option<i64> {
    /// Up to here every whole number is exactly one double.
    const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
    let from_float =
        |number: f64| (number.fract() == 0.0 && number.abs() <= MOST_EXACT).then_some(number as i64);
    value.as_i64().or_else(|| value.is_f64().then(|| value.as_f64().and_then(from_float)).flatten())
}

fn within<T: PartialOrd>(value: T, min: Option<T>, max: Option<T>) -> bool {
    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
}

/// A value in an error message: JSON between backticks, long ones cut.
pub(super) fn shown(value: &Value) -> String {
    format!("`{}`", cut(&value.to_string()))
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// `a, b or c`
pub(super) fn listed(words: &[String], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} {conjunction} {last}", most.join(", ")),
    }
}

/// What was expected, with its article: "a whole number from 1 to 10".
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String { min_length, max_length, pattern } => {
                write!(f, "a string{}", counted(*min_length, *max_length, "character"))?;
                pattern.as_ref().map_or(Ok(()), |pattern| write!(f, " that matches `{}`", pattern.as_str()))
            }
            Type::Int { min, max } => write!(f, "a whole number{}", between(*min, *max)),
            Type::Float { min, max } => write!(f, "a number{}", between(*min, *max)),
            Type::Bool => f.write_str("`true` or `false`"),
            Type::Enum { values } => {
                let values: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
                f.write_str(&listed(&values, "or"))
            }
            Type::Array { items, min_items, max_items } => {
                write!(f, "a list{}, each {items}", counted(*min_items, *max_items, "item"))
            }
        }
    }
}

fn between<T: fmt::Display>(min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(" from {min} to {max}"),
        (Some(min), None) => format!(" of at least {min}"),
        (None, Some(max)) => format!(" of at most {max}"),
        (None, None) => String::new(),
    }
}

fn counted(min: Option<u64>, max: Option<u64>, unit: &str) -> String {
    let plural = |count: u64| if count == 1 { unit.to_owned() } else { format!("{unit}s") };
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!(" of {min} {}", plural(min)),
        (Some(min), Some(max)) => format!(" of {min} to {max} {}", plural(max)),
        (Some(min), None) => format!(" of at least {min} {}", plural(min)),
        (None, Some(max)) => format!(" of at most {max} {}", plural(max)),
        (None, None) => String::new(),
    }
}
