//! From tables to cases: which keys there are, and what is wrong with a value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::parameters::{self, Parameter};
use super::super::read::{name, size};
use super::super::source::{Item, Source, Table};
use super::matrix::Matrix;
use super::{Case, CaseLimits, Layer, Origin, Redaction, Sending, Sent, TOLERANCE, When, expect, world};
use crate::error::Result;
use crate::suggest;

/// The keys of `[[test]]`.
const KEYS: [&str; 19] = [
    "name",
    "tags",
    "parameters",
    "model",
    "script",
    "environment",
    "seed",
    "pages",
    "send",
    "mcp",
    "http",
    "request",
    "replay",
    "limits",
    "expect",
    "snapshot",
    "redact",
    "tolerance",
    "matrix",
];

/// Reads all `[[test]]` of a file. `item` is the array of them.
pub fn tests(item: &Item<'_>, parameters: Option<&[Parameter]>) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for item in item.array("an array of tables, each under `[[test]]`")? {
        let table = item.table()?;
        for case in test(&table, parameters)? {
            if cases.iter().any(|earlier| earlier.name == case.name) {
                let name = table.require("name")?;
                return Err(name.error(format!("two tests are called `{}`", case.name), "already taken"));
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

/// Reads a file of tests.
///
/// # Errors
/// The first mistake in it, with its place.
pub fn file(text: &str, file: &str, parameters: Option<&[Parameter]>) -> Result<Vec<Case>> {
    let source = Source { file, text, noun: "a file of tests" };
    let document = source.parse()?;
    let root = Table::root(source, &document);
    root.allow(&["test"])?;
    root.get("test").map_or_else(|| Ok(Vec::new()), |item| tests(&item, parameters))
}

/// The cases of one `[[test]]`.
fn test(table: &Table<'_>, parameters: Option<&[Parameter]>) -> Result<Vec<Case>> {
    table.allow(&KEYS)?;
    let named = table.require("name")?;
    let base = Case {
        name: name(&named)?,
        origin: origin(&named),
        tags: table.read("tags", tags)?.unwrap_or_default(),
        parameters: Map::new(),
        model: table.read("model", Item::non_empty_string)?.unwrap_or_else(|| "dummy".to_owned()),
        script: table.read("script", Item::relative_path)?,
        environment: table.read("environment", named_strings)?.unwrap_or_default(),
        seed: table.read("seed", Item::unsigned)?.unwrap_or_default(),
        pages: table.read("pages", pages)?,
        send: table.read("send", sendings)?.unwrap_or_default(),
        mcp: table.read("mcp", world::servers)?.unwrap_or_default(),
        http: table.read("http", world::http_replies)?.unwrap_or_default(),
        request: table.read("request", world::request)?,
        replay: table.read("replay", Item::relative_path)?,
        limits: table.read("limits", limits)?.unwrap_or_default(),
        expect: table.read("expect", expect::read)?.unwrap_or_default(),
        layers: table.read("snapshot", layers)?.unwrap_or_default(),
        redactions: table.read("redact", redactions)?.unwrap_or_default(),
        tolerance: table.read("tolerance", tolerance)?.unwrap_or(TOLERANCE),
    };
    contradictions(table, &base)?;
    let given = given_parameters(table, parameters)?;
    let matrix = table.read("matrix", |item| Matrix::read(item, parameters))?;
    let Some(matrix) = matrix else {
        return Ok(vec![Case { parameters: filled(table, parameters, given)?, ..base }]);
    };
    let mut cases = Vec::new();
    for choice in matrix.choices() {
        let mut given = given.clone();
        given.extend(choice.parameters);
        cases.push(Case {
            name: format!("{}[{}]", base.name, choice.name),
            parameters: filled(table, parameters, given)?,
            seed: choice.seed.unwrap_or(base.seed),
            ..base.clone()
        });
    }
    Ok(cases)
}

/// What cannot be meant together.
fn contradictions(table: &Table<'_>, case: &Case) -> Result<()> {
    const RECORDED: [&str; 10] =
        ["mcp", "http", "script", "parameters", "model", "seed", "pages", "send", "request", "matrix"];
    if case.replay.is_some()
        && let Some(key) = RECORDED.into_iter().find(|key| table.get(key).is_some())
    {
        let label = "is what the recording says";
        return Err(table.error_at_key(key, format!("`{key}` and `replay` exclude each other"), label));
    }
    if case.request.is_some()
        && let Some(key) = ["parameters", "send"].into_iter().find(|key| table.get(key).is_some())
    {
        let label = "is for inferlets that are run";
        return Err(table.error_at_key(key, format!("`{key}` and `request` exclude each other"), label));
    }
    Ok(())
}

fn origin(name: &Item<'_>) -> Origin {
    let place = name.place("");
    Origin { file: place.file.clone(), line: place.line_and_column().0, span: place.span }
}

fn tags(item: &Item<'_>) -> Result<Vec<String>> {
    for tag in item.array("an array of strings")? {
        let text = tag.non_empty_string()?;
        if !text.chars().all(|char| char.is_alphanumeric() || "-_.".contains(char)) {
            let label = "expected letters, digits, `-`, `_` and `.`";
            return Err(tag.error(format!("`{}` is not a tag", text.escape_debug()), label));
        }
    }
    item.strings()
}

fn pages(item: &Item<'_>) -> Result<u32> {
    match item.unsigned()? {
        pages @ 1..=0x10_0000 => Ok(pages as u32),
        _ => Err(item.error(format!("`{}` is out of range", item.path), "expected 1 to 1048576")),
    }
}

fn tolerance(item: &Item<'_>) -> Result<f64> {
    match item.float()? {
        number if number >= 0.0 => Ok(number),
        _ => Err(item.error(format!("`{}` is negative", item.path), "expected 0 or more")),
    }
}

/// The one of some words that is written; `what` is what they are.
pub(super) fn choice<T: Copy>(item: &Item<'_>, what: &str, choices: &[(&str, T)]) -> Result<T> {
    let text = item.string()?;
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names = || choices.iter().map(|(name, _)| *name);
    let error = item.error(format!("`{}` is not {what}", text.escape_debug()), "not one of these");
    let all = || names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Err(error.hint(suggest::did_you_mean(text, names()).unwrap_or_else(|| format!("it is one of {}", all()))))
}

fn layers(item: &Item<'_>) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for item in item.array("an array of layers")? {
        let layer = choice(&item, "a layer", &Layer::ALL.map(|layer| (layer.name(), layer)))?;
        if layers.contains(&layer) {
            return Err(item.error(format!("`{}` is there twice", layer.name()), "already in the list"));
        }
        layers.push(layer);
    }
    layers.sort();
    Ok(layers)
}

fn sendings(item: &Item<'_>) -> Result<Vec<Sending>> {
    item.array("an array of messages")?.iter().map(sending).collect()
}

fn sending(item: &Item<'_>) -> Result<Sending> {
    if item.is_string() {
        return Ok(Sending { what: Sent::Message(item.string()?.to_owned()), when: When::Start });
    }
    let table = item.table()?;
    table.allow(&["message", "file", "when", "after"])?;
    let message = table.read("message", |item| item.string().map(str::to_owned))?;
    let what = match (message, table.read("file", Item::relative_path)?) {
        (Some(message), None) => Sent::Message(message),
        (None, Some(file)) => Sent::File(file),
        (None, None) => return Err(table.error("nothing says what is sent", "neither `message` nor `file`")),
        (Some(_), Some(_)) => {
            let label = "write two entries, one for each";
            return Err(table.error_at_key("file", "`message` and `file` exclude each other", label));
        }
    };
    let when = table.read("when", |item| {
        choice(item, "a moment", &[("start", When::Start), ("awaited", When::Awaited)])
    })?;
    let when = match (when, table.read("after", Item::unsigned)?) {
        (when, None) => when.unwrap_or(When::Start),
        (None, Some(count)) => When::After(count),
        (Some(_), Some(_)) => {
            let label = "counts the inferlet's messages";
            return Err(table.error_at_key("after", "`when` and `after` exclude each other", label));
        }
    };
    Ok(Sending { what, when })
}

fn limits(item: &Item<'_>) -> Result<CaseLimits> {
    let table = item.table()?;
    table.allow(&["memory", "fuel", "output", "trace", "scratch", "children", "launches"])?;
    let count = |item: &Item<'_>| {
        u32::try_from(item.unsigned()?)
            .map_err(|_| item.error(format!("`{}` is out of range", item.path), "does not fit into 32 bits"))
    };
    Ok(CaseLimits {
        memory: table.read("memory", size)?,
        fuel: table.read("fuel", Item::unsigned)?,
        output: table.read("output", size)?,
        trace: table.read("trace", size)?,
        scratch: table.read("scratch", size)?,
        children: table.read("children", count)?,
        launches: table.read("launches", count)?,
    })
}

fn redactions(item: &Item<'_>) -> Result<Vec<Redaction>> {
    item.array("an array of tables")?.iter().map(redaction).collect()
}

fn redaction(item: &Item<'_>) -> Result<Redaction> {
    let table = item.table()?;
    table.allow(&["event", "path", "with"])?;
    let kinds: Vec<(&str, &str)> = crate::snapshot::KINDS.iter().map(|kind| (*kind, *kind)).collect();
    let event = table.read("event", |item| choice(item, "a kind of event", &kinds))?.map(str::to_owned);
    let path = table.read("path", json_path)?;
    if event.is_none() && path.is_none() {
        return Err(table.error("nothing says what is redacted", "neither `event` nor `path`"));
    }
    let with = table.read("with", |item| item.string().map(str::to_owned))?;
    Ok(Redaction { event, path, with: with.unwrap_or_else(|| pie_engine::testing::REDACTED.to_owned()) })
}

/// A path into JSON, as RFC 9535 has it.
fn json_path(item: &Item<'_>) -> Result<serde_json_path::JsonPath> {
    let text = item.non_empty_string()?;
    parse_path(&text).map_err(|reason| {
        item.error(format!("`{}` is not a JSON path", text.escape_debug()), reason)
            .hint("for example `$.name` or `$.items[0].id`")
    })
}

pub(super) fn parse_path(text: &str) -> Result<serde_json_path::JsonPath, String> {
    serde_json_path::JsonPath::parse(text)
        .map_err(|cause| format!("{} at {}", cause.message(), cause.position() + 1))
}

/// The parameters that a test gives, checked.
fn given_parameters(test: &Table<'_>, parameters: Option<&[Parameter]>) -> Result<Map<String, Value>> {
    let Some(item) = test.get("parameters") else { return Ok(Map::new()) };
    let table = item.table()?;
    let Some(parameters) = parameters else { return table.json() };
    let mut given = Map::new();
    for (name, item) in table.items() {
        given.insert(name.to_owned(), accepted(parameters, name, &item)?);
    }
    Ok(given)
}

/// The value of a parameter, checked.
pub(super) fn accepted(parameters: &[Parameter], name: &str, item: &Item<'_>) -> Result<Value> {
    parameters::find(parameters, name)
        .and_then(|parameter| parameter.accept(&item.json()?))
        .map_err(|error| if error.place.is_some() { error } else { error.at(item.place("in this test")) })
}

/// The parameters with their defaults.
fn filled(
    test: &Table<'_>,
    parameters: Option<&[Parameter]>,
    given: Map<String, Value>,
) -> Result<Map<String, Value>> {
    let Some(parameters) = parameters else { return Ok(given) };
    // What a handler of requests takes is the request, and what was recorded has its input.
    if test.get("request").is_some() || test.get("replay").is_some() {
        return Ok(given);
    }
    parameters::fill(parameters, &given).map_err(|mut error| {
        // The hints are for a command line; this is a file.
        error.hints = vec!["say it under `[test.parameters]`".to_owned()];
        error.at(test.place("in this test"))
    })
}

/// Strings by name, such as headers.
pub(super) fn named_strings(item: &Item<'_>) -> Result<BTreeMap<String, String>> {
    item.table()?.items().map(|(name, item)| Ok((name.to_owned(), item.string()?.to_owned()))).collect()
}
