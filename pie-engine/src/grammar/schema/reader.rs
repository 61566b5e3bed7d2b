//! Walks a schema, checks each keyword, and writes the schema anew.

use super::super::error::GrammarError;
use super::super::limits::MAX_REPEAT;
use super::format::{self, FORMATS};
use super::keyword::{self, Shape, TYPES};
use super::number::Numbers;
use super::{Unsigned, pattern, unsupported, wrong};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Draft7,
    Draft201909,
    Draft202012,
}

/// The state of a walk.
pub(super) struct Reader {
    draft: Draft,
    /// Pointers to all schemas seen.
    schemas: BTreeSet<String>,
    /// References, and where they stand.
    references: Vec<(String, String)>,
    /// What is said about numbers.
    pub(super) numbers: Numbers,
    /// Whether some object lists keys and has room for others.
    pub(super) keys_are_ambiguous: bool,
}

impl Reader {
    pub(super) fn new(root: &Value, unsigned: Unsigned) -> Result<Self, GrammarError> {
        Ok(Reader {
            draft: draft(root)?,
            schemas: BTreeSet::new(),
            references: Vec::new(),
            numbers: Numbers::new(unsigned),
            keys_are_ambiguous: false,
        })
    }

    /// The schema in the library's form. Depth is bounded by the JSON reader's.
    pub(super) fn schema(&mut self, schema: &Value, at: &str) -> Result<Value, GrammarError> {
        self.schemas.insert(at.to_owned());
        let keywords = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(keywords) => keywords,
            _ => return Err(wrong(at, "a schema is an object, `true` or `false`")),
        };
        let mut read = Map::new();
        if let (true, Some(draft)) = (at == "#", keywords.get("$schema")) {
            read.insert("$schema".to_owned(), Value::String(uri(draft).to_owned()));
        }
        let mut known: Vec<&String> = Vec::new();
        for keyword in keywords.keys() {
            if keyword::shape(keyword).is_some() {
                known.push(keyword);
            } else {
                self.check_without_shape(keyword, &keywords[keyword], at)?;
            }
        }
        self.check_together(keywords, at)?;
        self.numbers.note_bounds(keywords);
        known.sort_by_key(|keyword| keyword::rank(keyword));
        for keyword in known {
            if let Some(value) = self.keyword(keyword, keywords, at)? {
                // References point at keywords by name, so names stay as they are.
                read.insert(keyword.clone(), value);
            }
        }
        self.numbers.bound_by_format(keywords, &mut read, at);
        narrow_by_format(&mut read);
        Ok(Value::Object(read))
    }

    /// Annotations, and what cannot be enforced.
    fn check_without_shape(&self, keyword: &str, value: &Value, at: &str) -> Result<(), GrammarError> {
        let nested_id = at != "#" && matches!(keyword, "$id" | "$schema");
        if nested_id {
            return Err(unsupported(keyword, at, " inside of a schema"));
        }
        let harmless = keyword == "uniqueItems" && value == &Value::Bool(false);
        if harmless || keyword::is_annotation(keyword) { Ok(()) } else { Err(unsupported(keyword, at, "")) }
    }

    /// What depends on several keywords.
    fn check_together(&mut self, keywords: &Map<String, Value>, at: &str) -> Result<(), GrammarError> {
        let has = |name: &str| keywords.contains_key(name);
        if self.draft < Draft::Draft202012 && has("prefixItems") {
            return Err(unsupported("prefixItems", at, " before 2020-12: use `items` with a list"));
        }
        if self.draft == Draft::Draft202012 && has("additionalItems") {
            return Err(unsupported("additionalItems", at, " in 2020-12: use `prefixItems` and `items`"));
        }
        let definition = |name: &str| matches!(name, "$ref" | "$defs" | "definitions");
        let beside = keywords.keys().find(|name| !definition(name) && keyword::shape(name).is_some());
        if let (Draft::Draft7, true, Some(beside)) = (self.draft, has("$ref"), beside) {
            return Err(unsupported(beside, at, " beside `$ref`, which draft 7 ignores"));
        }
        // A key may come twice, and counts once; only those that are required count for sure.
        let sure = keywords.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        if keywords.get("minProperties").and_then(Value::as_u64).is_some_and(|least| least > sure + 1) {
            return Err(unsupported("minProperties", at, " for more than one key beside the required ones"));
        }
        let lists = ["properties", "patternProperties", "required"].iter().any(|name| has(name));
        let closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
        self.keys_are_ambiguous |= lists && (!closed || has("patternProperties"));
        Ok(())
    }

    /// The value of a keyword in the library's form; none if the keyword says nothing.
    fn keyword(
        &mut self,
        keyword: &str,
        keywords: &Map<String, Value>,
        at: &str,
    ) -> Result<Option<Value>, GrammarError> {
        let value = &keywords[keyword];
        let here = format!("{at}/{keyword}");
        let Some(shape) = keyword::shape(keyword) else { return Ok(None) };
        Ok(Some(match shape {
            Shape::Schema => self.schema(value, &here)?,
            Shape::Schemas => self.schemas(value, &here)?,
            Shape::Items if value.is_array() && self.draft == Draft::Draft202012 => {
                return Err(unsupported(keyword, at, " with a list in 2020-12: use `prefixItems`"));
            }
            Shape::Items if value.is_array() => self.schemas(value, &here)?,
            Shape::Items => self.schema(value, &here)?,
            Shape::SchemaMap | Shape::PatternMap => self.map(value, shape, &here)?,
            Shape::Format => return string_format(value, keywords, at),
            Shape::Reference => self.reference(value, at)?,
            Shape::Pattern => Value::String(pattern(text(value, &here)?, &here)?),
            _ => {
                check_plain(value, shape, keyword, &here)?;
                self.numbers.note(value, keyword, at)?;
                value.clone()
            }
        }))
    }

    fn schemas(&mut self, value: &Value, at: &str) -> Result<Value, GrammarError> {
        let list = value.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| wrong(at, "expected a list of schemas"))?;
        let read =
            list.iter().enumerate().map(|(index, schema)| self.schema(schema, &format!("{at}/{index}")));
        read.collect::<Result<_, _>>().map(Value::Array)
    }

    fn map(&mut self, value: &Value, shape: Shape, at: &str) -> Result<Value, GrammarError> {
        let map = value.as_object().ok_or_else(|| wrong(at, "expected an object of schemas"))?;
        let mut read = Map::new();
        for (name, schema) in map {
            let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let schema = self.schema(schema, &here)?;
            let name = if shape == Shape::PatternMap { pattern(name, &here)? } else { name.clone() };
            read.insert(name, schema);
        }
        Ok(Value::Object(read))
    }

    fn reference(&mut self, value: &Value, at: &str) -> Result<Value, GrammarError> {
        let target = text(value, at)?;
        let plain = target == "#" || target.strip_prefix("#/").is_some_and(|path| !path.is_empty());
        if !plain || target.contains(['~', '%']) {
            let why = format!(" to `{target}`: only `#` and `#/…` without escapes");
            return Err(unsupported("$ref", at, &why));
        }
        self.references.push((target.to_owned(), at.to_owned()));
        Ok(value.clone())
    }

    /// Checks what only the whole schema tells: that references point at schemas, and that numbers go together.
    pub(super) fn finish(&self) -> Result<(), GrammarError> {
        self.numbers.check()?;
        let missing = self.references.iter().find(|(target, _)| !self.schemas.contains(target));
        missing.map_or(Ok(()), |(target, at)| Err(wrong(at, &format!("there is no schema at `{target}`"))))
    }
}

/// The draft that a schema says it is written in.
fn draft(root: &Value) -> Result<Draft, GrammarError> {
    match root.get("$schema").map(uri) {
        None | Some("https://json-schema.org/draft/2020-12/schema") => Ok(Draft::Draft202012),
        Some("https://json-schema.org/draft/2019-09/schema") => Ok(Draft::Draft201909),
        Some("http://json-schema.org/draft-07/schema") => Ok(Draft::Draft7),
        Some(other) => {
            Err(unsupported("$schema", "#", &format!(" with `{other}`: only 2020-12, 2019-09 and draft-07")))
        }
    }
}

/// The URI of a draft, which may have an empty fragment.
fn uri(schema: &Value) -> &str {
    schema.as_str().unwrap_or_default().trim_end_matches('#')
}

/// Checks a value that goes to the library as it is.
fn check_plain(value: &Value, shape: Shape, keyword: &str, at: &str) -> Result<(), GrammarError> {
    let expect =
        |holds: bool, what: &str| if holds { Ok(()) } else { Err(wrong(at, &format!("expected {what}"))) };
    match shape {
        Shape::Count => {
            let count = value.as_u64().ok_or_else(|| wrong(at, "expected an integer from 0"))?;
            if count > MAX_REPEAT {
                return Err(unsupported(keyword, at, &format!(" with {count}: the limit is {MAX_REPEAT}")));
            }
        }
        Shape::Number => {
            expect(value.is_number(), "a number")?;
            let positive = value.as_f64().is_some_and(|number| number > 0.0);
            expect(keyword != "multipleOf" || positive, "a number above 0")?;
        }
        Shape::Types => {
            let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
            let holds = known(value)
                || value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(known));
            expect(holds, &format!("a type or a list of types, out of `{}`", TYPES.join("`, `")))?;
        }
        Shape::Names => {
            let holds = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
            expect(holds, "a list of strings")?;
        }
        Shape::Values => expect(value.is_array(), "a list")?,
        _ => {}
    }
    Ok(())
}

/// Formats of strings. Those of numbers are not for the library: see [`Numbers::bound_by_format`].
fn string_format(
    value: &Value,
    keywords: &Map<String, Value>,
    at: &str,
) -> Result<Option<Value>, GrammarError> {
    let name = text(value, at)?;
    let strings = match keywords.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|name| name == "string"),
        Some(name) => name == "string",
    };
    if strings && !FORMATS.contains(&name) {
        let why = format!(" with `{name}`: only `{}`", FORMATS.join("`, `"));
        return Err(unsupported("format", at, &why));
    }
    Ok(strings.then(|| value.clone()))
}

/// Adds what the library's expression of a format misses.
fn narrow_by_format(read: &mut Map<String, Value>) {
    let Some(narrower) = read.get("format").and_then(Value::as_str).and_then(format::narrower) else {
        return;
    };
    if read.contains_key("pattern") {
        let part = serde_json::json!({ "pattern": narrower });
        match read.get_mut("allOf") {
            Some(Value::Array(parts)) => parts.push(part),
            _ => drop(read.insert("allOf".to_owned(), Value::Array(vec![part]))),
        }
    } else {
        read.insert("pattern".to_owned(), Value::from(narrower));
    }
}

fn text<'a>(value: &'a Value, at: &str) -> Result<&'a str, GrammarError> {
    value.as_str().ok_or_else(|| wrong(at, "expected a string"))
}

fn pattern(source: &str, at: &str) -> Result<String, GrammarError> {
    pattern::translate(source).map_err(|message| wrong(at, &format!("`{source}`: {message}")))
}
