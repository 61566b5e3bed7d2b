//! `[test.expect]`: what is expected in so many words.

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::super::source::{Item, Table};
use super::read::{choice, parse_path};
use crate::error::Result;

/// How a run is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It answers.
    Ok,
    /// It returns an error.
    Error,
    /// It traps.
    Trap,
    /// It goes over a limit.
    Limit,
    /// It waits for what cannot come.
    Stuck,
}

impl Ending {
    const NAMED: [(&'static str, Ending); 5] = [
        ("ok", Ending::Ok),
        ("error", Ending::Error),
        ("trap", Ending::Trap),
        ("limit", Ending::Limit),
        ("stuck", Ending::Stuck),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, ending)| *ending == self).map_or("ok", |(name, _)| name)
    }
}

/// What is expected of a run. What is absent is not looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// How it ends; it answers if nothing is said.
    pub outcome: Option<Ending>,
    /// The answer.
    pub equals: Option<Value>,
    /// Texts in the answer, the error or the message of the trap.
    pub contains: Vec<String>,
    /// Patterns that are found there.
    pub regex: Vec<Finder>,
    /// Whether the answer is JSON: a value that is no text, or a text that is JSON.
    pub json: bool,
    /// What stands at a path in the answer: its one value, or all of several.
    pub paths: Vec<(String, JsonPath, Value)>,
    /// The JSON Schema of the answer.
    pub schema: Option<Schema>,
    /// The messages that it sends, in order.
    pub messages: Option<Vec<String>>,
    /// How many tokens samplers choose.
    pub tokens: Option<Between>,
    /// How many passes there are.
    pub passes: Option<Between>,
    /// The least that the margin between first and second logit may be.
    pub least_margin: Option<f64>,
    /// The status of its HTTP response.
    pub status: Option<u16>,
}

/// A schema in the case, or the file that it is in, relative to the manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// It is here.
    Here(Value),
    /// It is in this file.
    File(String),
}

/// A regular expression that is looked for.
#[derive(Clone, Debug)]
pub struct Finder(Regex);

impl Finder {
    /// Whether it is found in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Finder {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A range of counts, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

impl Between {
    /// Whether a count is in it.
    pub fn holds(self, count: u64) -> bool {
        (self.min..=self.max).contains(&count)
    }
}

impl std::fmt::Display for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Between { min, max } if min == max => write!(f, "{min}"),
            Between { min, max: u64::MAX } => write!(f, "at least {min}"),
            Between { min: 0, max } => write!(f, "at most {max}"),
            Between { min, max } => write!(f, "{min} to {max}"),
        }
    }
}

impl Expect {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Expect::default()
    }
}

const KEYS: [&str; 14] = [
    "outcome",
    "error",
    "trap",
    "equals",
    "contains",
    "regex",
    "json",
    "json-path",
    "schema",
    "messages",
    "tokens",
    "passes",
    "least-margin",
    "status",
];

/// Reads the table.
pub(super) fn read(item: &Item<'_>) -> Result<Expect> {
    let table = item.table()?;
    table.allow(&KEYS)?;
    let mut expect = Expect {
        outcome: table.read("outcome", |item| choice(item, "a way to end", &Ending::NAMED))?,
        equals: table.read("equals", Item::json)?,
        contains: table.read("contains", texts)?.unwrap_or_default(),
        regex: table.read("regex", finders)?.unwrap_or_default(),
        json: table.read("json", json)?.unwrap_or_default(),
        paths: table.read("json-path", paths)?.unwrap_or_default(),
        schema: table.read("schema", schema)?,
        messages: table.read("messages", |item| {
            item.array("an array of strings")?.iter().map(|item| Ok(item.string()?.to_owned())).collect()
        })?,
        tokens: table.read("tokens", between)?,
        passes: table.read("passes", between)?,
        least_margin: table.read("least-margin", |item| match item.float()? {
            margin if margin >= 0.0 => Ok(margin),
            _ => Err(item.error(format!("`{}` is negative", item.path), "expected 0 or more")),
        })?,
        status: table.read("status", super::world::status)?,
    };
    shorthand(&table, "error", Ending::Error, &mut expect)?;
    shorthand(&table, "trap", Ending::Trap, &mut expect)?;
    answered(&table, &expect)?;
    Ok(expect)
}

/// `error = "…"` is `outcome = "error"` and `contains = "…"`.
fn shorthand(table: &Table<'_>, key: &str, ending: Ending, expect: &mut Expect) -> Result<()> {
    let Some(text) = table.read(key, Item::non_empty_string)? else { return Ok(()) };
    if expect.outcome.is_some_and(|other| other != ending) {
        return Err(table.error_at_key(
            key,
            format!("`{key}` contradicts `outcome`"),
            "there is one way to end",
        ));
    }
    expect.outcome = Some(ending);
    expect.contains.push(text);
    Ok(())
}

/// What is said of an answer needs one.
fn answered(table: &Table<'_>, expect: &Expect) -> Result<()> {
    if matches!(expect.outcome, None | Some(Ending::Ok)) {
        return Ok(());
    }
    let of_answers = ["equals", "json", "json-path", "schema", "status"];
    match of_answers.into_iter().find(|key| table.get(key).is_some()) {
        None => Ok(()),
        Some(key) => {
            let message = format!("`{key}` is about an answer, and none is expected");
            Err(table.error_at_key(key, message, "is for runs that answer"))
        }
    }
}

/// `json = true`; what is not expected is not written.
fn json(item: &Item<'_>) -> Result<bool> {
    match item.boolean()? {
        true => Ok(true),
        false => Err(item.error("`json = false` expects nothing", "leave it out")),
    }
}

/// One text or several.
fn texts(item: &Item<'_>) -> Result<Vec<String>> {
    if item.is_string() { Ok(vec![item.non_empty_string()?]) } else { item.strings() }
}

fn finders(item: &Item<'_>) -> Result<Vec<Finder>> {
    let items =
        if item.is_string() { vec![item.clone()] } else { item.array("a pattern, or an array of them")? };
    let finder = |item: &Item<'_>| {
        let text = item.non_empty_string()?;
        Regex::new(&text).map(Finder).map_err(|cause| {
            let reason = cause.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            item.error("the pattern is not a regular expression", reason)
        })
    };
    items.iter().map(finder).collect()
}

fn paths(item: &Item<'_>) -> Result<Vec<(String, JsonPath, Value)>> {
    let table = item.table()?;
    let path = |(name, item): (&str, Item<'_>)| {
        let path = parse_path(name).map_err(|reason| {
            table
                .error_at_key(name, format!("`{}` is not a JSON path", name.escape_debug()), reason)
                .hint("for example `\"$.name\"` or `\"$.items[0].id\"`")
        })?;
        Ok((name.to_owned(), path, item.json()?))
    };
    table.items().map(path).collect()
}

fn schema(item: &Item<'_>) -> Result<Schema> {
    if item.is_string() {
        return item.relative_path().map(Schema::File);
    }
    let schema = Value::Object(item.table()?.json()?);
    jsonschema::validator_for(&schema)
        .map_err(|cause| item.error("the schema is not a JSON Schema", cause.to_string()))?;
    Ok(Schema::Here(schema))
}

/// A number, or `{ min = 1, max = 9 }`.
fn between(item: &Item<'_>) -> Result<Between> {
    let Ok(table) = item.table() else {
        let count = item.unsigned()?;
        return Ok(Between { min: count, max: count });
    };
    table.allow(&["min", "max"])?;
    let (min, max) = (table.read("min", Item::unsigned)?, table.read("max", Item::unsigned)?);
    if min.is_none() && max.is_none() {
        return Err(table.error(format!("`{}` says nothing", item.path), "neither `min` nor `max`"));
    }
    let between = Between { min: min.unwrap_or(0), max: max.unwrap_or(u64::MAX) };
    if between.min > between.max {
        return Err(table.error(format!("`{}` holds no number", item.path), "`min` is above `max`"));
    }
    Ok(between)
}
