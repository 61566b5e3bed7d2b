//! TOML values that know where they stand, so that every mistake can be shown in its line.
//!
//! [`Table`] and [`Item`] are thin views of `toml`'s spanned values: they add the path of a value (`package.name`) and turn "not what I asked for"
//! into an [`Error`] with its place. Nothing here knows what a manifest contains.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use crate::error::{Error, Place, Result};
use crate::suggest;

/// The file that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
    /// What such a file is called in a message: "a manifest".
    pub noun: &'static str,
}

impl<'a> Source<'a> {
    /// Parses the text. The result owns its places but borrows its strings.
    pub fn parse(self) -> Result<DeTable<'a>> {
        DeTable::parse(self.text).map(Spanned::into_inner).map_err(|cause| {
            let span = cause.span().unwrap_or(0..0);
            self.error(span, format!("`{}` is not valid TOML", self.file), cause.message())
        })
    }

    /// An error at `span`, with what is said under the caret.
    pub fn error(self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Error {
        Error::usage(message).at(self.place(span, label))
    }

    fn place(self, span: Range<usize>, label: impl Into<String>) -> Place {
        let span = visible(self.text, span);
        Place { file: self.file.to_owned(), text: self.text.to_owned(), span, label: label.into() }
    }
}

/// A span that a caret can point at: inside the text, on character boundaries, and cut at the end of its first line, because a caret
/// under three lines points at nothing.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let line_end = text[start..end].find(['\n', '\r']).map_or(end, |offset| start + offset);
    start..line_end
}

/// A value, its path and its place.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    source: Source<'a>,
    /// Dotted path from the root: `package.name`.
    pub path: String,
    /// Where the value stands; for a table under a header, the header.
    pub span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    /// An error at this value.
    pub fn error(&self, message: impl Into<String>, label: impl Into<String>) -> Error {
        self.source.error(self.span.clone(), message, label)
    }

    /// The place of this value.
    pub fn place(&self, label: impl Into<String>) -> Place {
        self.source.place(self.span.clone(), label)
    }

    /// The value as it is written.
    pub fn written(&self) -> &'a str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// The error for a value of the wrong type. `expected` has its article: "a string".
    pub fn mistyped(&self, expected: &str) -> Error {
        let found = kind(self.value);
        self.error(format!("`{}` must be {expected}, not {found}", self.path), format!("expected {expected}"))
    }

    /// The value as text.
    pub fn string(&self) -> Result<&'a str> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.mistyped("a string")),
        }
    }

    /// The value as text that says something.
    pub fn non_empty_string(&self) -> Result<String> {
        match self.string()?.trim() {
            "" => Err(self.error(format!("`{}` is empty", self.path), "nothing here")),
            _ => Ok(self.string()?.to_owned()),
        }
    }

    /// The value as a path of a file or folder inside the project.
    pub fn relative_path(&self) -> Result<String> {
        let path = self.non_empty_string()?;
        let inside = std::path::Path::new(&path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
        if inside && !path.contains('\\') {
            return Ok(path);
        }
        Err(self.error(
            format!("`{}` leads out of the project", self.path),
            "expected a path relative to this file, with `/`",
        ))
    }

    /// The value as a whole number.
    pub fn int(&self) -> Result<i64> {
        match self.value {
            DeValue::Integer(number) => int(number).ok_or_else(|| self.too_large()),
            _ => Err(self.mistyped("a whole number")),
        }
    }

    /// The value as a whole number that is not negative.
    pub fn unsigned(&self) -> Result<u64> {
        u64::try_from(self.int()?)
            .map_err(|_| self.error(format!("`{}` is negative", self.path), "expected 0 or more"))
    }

    /// The value as a finite number; a whole number will do.
    pub fn float(&self) -> Result<f64> {
        let number = match self.value {
            DeValue::Integer(number) => int(number).map(|number| number as f64),
            DeValue::Float(number) => finite(number),
            _ => return Err(self.mistyped("a number")),
        };
        number.ok_or_else(|| self.too_large())
    }

    /// The value as `true` or `false`.
    pub fn boolean(&self) -> Result<bool> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.mistyped("`true` or `false`")),
        }
    }

    /// The value's items, `a.b[0]` and so on. `expected` says what the array is of.
    pub fn array(&self, expected: &str) -> Result<Vec<Item<'a>>> {
        let DeValue::Array(values) = self.value else { return Err(self.mistyped(expected)) };
        let item = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| Item {
            source: self.source,
            path: format!("{}[{index}]", self.path),
            span: value.span(),
            value: value.get_ref(),
        };
        Ok(values.iter().enumerate().map(item).collect())
    }

    /// The value as strings that say something, none twice.
    pub fn strings(&self) -> Result<Vec<String>> {
        let mut strings = Vec::new();
        for item in self.array("an array of strings")? {
            let string = item.non_empty_string()?;
            if strings.contains(&string) {
                return Err(item.error(format!("`{}` repeats `{string}`", self.path), "already in the list"));
            }
            strings.push(string);
        }
        Ok(strings)
    }

    /// The value as a table.
    pub fn table(&self) -> Result<Table<'a>> {
        match self.value {
            DeValue::Table(table) => Ok(Table::new(self.source, self.path.clone(), self.span.clone(), table)),
            _ => Err(self.mistyped("a table")),
        }
    }

    /// Whether the value is a string, so that its short form is meant.
    pub fn is_string(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// The value as JSON. Dates and infinite numbers have none.
    pub fn json(&self) -> Result<Value> {
        match self.value {
            DeValue::String(text) => Ok(Value::String(text.to_string())),
            DeValue::Integer(_) => self.int().map(Value::from),
            DeValue::Float(_) => {
                self.float().map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number))
            }
            DeValue::Boolean(value) => Ok(Value::Bool(*value)),
            DeValue::Datetime(_) => {
                Err(self
                    .error(format!("`{}` is a date, and JSON has none", self.path), "write it as a string"))
            }
            DeValue::Array(_) => {
                self.array("an array")?.iter().map(Item::json).collect::<Result<_>>().map(Value::Array)
            }
            DeValue::Table(_) => self.table()?.json().map(Value::Object),
        }
    }

    fn too_large(&self) -> Error {
        self.error(format!("`{}` is out of range", self.path), "does not fit into 64 bits")
    }
}

/// A table, its path and its place.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    path: String,
    span: Range<usize>,
    /// In the order of the file.
    entries: Vec<(&'a str, Range<usize>, &'a Spanned<DeValue<'a>>)>,
}

impl<'a> Table<'a> {
    /// The whole document.
    pub fn root(source: Source<'a>, table: &'a DeTable<'a>) -> Self {
        Table::new(source, String::new(), 0..0, table)
    }

    fn new(source: Source<'a>, path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let mut entries: Vec<_> =
            table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        Table { source, path, span, entries }
    }

    /// An error at the table: at its header, or where it opens.
    pub fn error(&self, message: impl Into<String>, label: impl Into<String>) -> Error {
        self.source.error(self.span.clone(), message, label)
    }

    /// The place of the table: its header, or where it opens.
    pub fn place(&self, label: impl Into<String>) -> Place {
        self.source.place(self.span.clone(), label)
    }

    /// An error at a key of the table.
    pub fn error_at_key(&self, key: &str, message: impl Into<String>, label: impl Into<String>) -> Error {
        let span =
            self.entries.iter().find(|(name, ..)| *name == key).map_or(&self.span, |(_, span, _)| span);
        self.source.error(span.clone(), message, label)
    }

    /// How the table is called in a message: `` `[package]` ``.
    fn title(&self) -> String {
        if self.path.is_empty() { format!("`{}`", self.source.file) } else { format!("`[{}]`", self.path) }
    }

    /// Refuses every key that is not in `known`.
    pub fn allow(&self, known: &[&str]) -> Result<()> {
        let Some((key, span, _)) = self.entries.iter().find(|(key, ..)| !known.contains(key)) else {
            return Ok(());
        };
        let (place, label, owner) = if self.path.is_empty() {
            let noun = self.source.noun;
            (String::new(), format!("not part of {noun}"), format!("the tables of {noun}"))
        } else {
            let place = format!(" in {}", self.title());
            (place, "not a key of this table".to_owned(), "the keys of this table".to_owned())
        };
        let error =
            self.source.error(span.clone(), format!("unknown key `{}`{place}", key.escape_debug()), label);
        Err(error.hint(suggest::did_you_mean(key, known.iter().copied()).unwrap_or_else(|| {
            let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            format!("{owner} are {}", known.join(", "))
        })))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Item<'a>> {
        self.items().find(|(name, _)| *name == key).map(|(_, item)| item)
    }

    /// The value of a key that may be missing, read as the given function reads it.
    pub fn read<T>(&self, key: &str, read: impl FnOnce(&Item<'a>) -> Result<T>) -> Result<Option<T>> {
        self.get(key).map(|item| read(&item)).transpose()
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &str) -> Result<Item<'a>> {
        self.get(key).ok_or_else(|| {
            self.error(format!("{} lacks `{key}`", self.title()), format!("`{key}` is missing"))
        })
    }

    /// All keys with their values, in the order of the file.
    pub fn items(&self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        self.entries.iter().map(|(key, _, value)| {
            let path = if self.path.is_empty() { (*key).to_owned() } else { format!("{}.{key}", self.path) };
            (*key, Item { source: self.source, path, span: value.span(), value: value.get_ref() })
        })
    }

    /// The table as a JSON object, in the order of the file.
    pub fn json(&self) -> Result<Map<String, Value>> {
        self.items().map(|(key, item)| Ok((key.to_owned(), item.json()?))).collect()
    }
}

fn int(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn finite(number: &DeFloat<'_>) -> Option<f64> {
    number.as_str().parse().ok().filter(|number: &f64| number.is_finite())
}

/// What a value is, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
