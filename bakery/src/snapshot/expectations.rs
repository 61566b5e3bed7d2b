//! A run held against what a case says in words. What does not hold is said in words too.

use std::path::Path;

use pie_engine::ids::InstanceId;
use pie_engine::trace::{Event, Outcome, Text};
use serde_json::Value;

use super::Observed;
use crate::project::case::{Case, Ending, Expect, Schema};

/// How much of a text is repeated.
const SHOWN: usize = 200;

/// Empty output is not success by itself.
const NOTHING: &str = "the inferlet gave nothing: its answer is empty, and it sent and printed nothing; \
                       `expect = { messages = [] }` says that this is meant";

/// What does not hold. `root` is the folder of the manifest.
pub fn check(case: &Case, observed: &Observed, root: &Path) -> Vec<String> {
    let outcome = &observed.finished.outcome;
    let expected = case.expect.outcome.unwrap_or(Ending::Ok);
    if ending(outcome) != Some(expected) {
        return vec![format!("expected {}, and {}", article(expected), told(outcome))];
    }
    let mut wrong = Vec::new();
    let text = text(observed);
    of_text(&case.expect, &text, &mut wrong);
    of_answer(&case.expect, observed, root, &mut wrong);
    of_messages(&case.expect, observed, &mut wrong);
    of_counts(&case.expect, observed, &mut wrong);
    let said = case.expect.equals.is_some() || case.expect.messages.is_some();
    if wrong.is_empty() && expected == Ending::Ok && !said && gave_nothing(observed) {
        // What an inferlet accepts as nothing, somebody has to have meant.
        wrong.push(NOTHING.to_owned());
    }
    wrong
}

fn ending(outcome: &Outcome) -> Option<Ending> {
    Some(match outcome {
        Outcome::Ok(_) => Ending::Ok,
        Outcome::Error(_) => Ending::Error,
        Outcome::Trap { .. } => Ending::Trap,
        Outcome::Limit { .. } => Ending::Limit,
        Outcome::Stuck(_) => Ending::Stuck,
        Outcome::Cancelled(_) => return None,
    })
}

fn article(ending: Ending) -> &'static str {
    match ending {
        Ending::Ok => "an answer",
        Ending::Error => "an error",
        Ending::Trap => "a trap",
        Ending::Limit => "a limit to be reached",
        Ending::Stuck => "it to get stuck",
    }
}

/// How a run ended, in words.
pub fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok(answer) => format!("it answered {}", cut(answer.as_str())),
        Outcome::Error(error) => {
            format!("it returned the error {}", cut(&Value::from(error.as_str()).to_string()))
        }
        Outcome::Trap { message, .. } => format!("it trapped: {}", cut(message)),
        Outcome::Limit { message, .. } => format!("it went over a limit: {}", cut(message)),
        Outcome::Stuck(why) => format!("it got stuck: {}", cut(why)),
        Outcome::Cancelled(why) => format!("it was ended: {why}"),
    }
}

/// The answer's text, or that of the error: what `contains` and `regex` look at.
fn text(observed: &Observed) -> String {
    match &observed.finished.outcome {
        Outcome::Ok(Text::Full(answer)) => match serde_json::from_str(answer) {
            Ok(Value::String(text)) => text,
            // What answers a request has its text in the response.
            Ok(Value::Null) => response(observed).map(|(_, body)| body).unwrap_or_default(),
            _ => answer.clone(),
        },
        Outcome::Ok(text) | Outcome::Error(text) => text.as_str().to_owned(),
        Outcome::Trap { message, .. } | Outcome::Limit { message, .. } => message.clone(),
        Outcome::Stuck(why) | Outcome::Cancelled(why) => why.clone(),
    }
}

/// Status and body of the HTTP response.
fn response(observed: &Observed) -> Option<(u16, String)> {
    observed.events.iter().find_map(|event| match event {
        Event::Responded { instance: InstanceId(1), response } => {
            Some((response.status, String::from_utf8_lossy(response.body.as_bytes()).into_owned()))
        }
        _ => None,
    })
}

fn of_text(expect: &Expect, text: &str, wrong: &mut Vec<String>) {
    for part in &expect.contains {
        if !text.contains(part) {
            wrong.push(format!("expected {} in {}", quoted(part), quoted(text)));
        }
    }
    for finder in &expect.regex {
        if !finder.finds(text) {
            wrong.push(format!("expected a match of `{}` in {}", finder.as_str(), quoted(text)));
        }
    }
}

fn of_answer(expect: &Expect, observed: &Observed, root: &Path, wrong: &mut Vec<String>) {
    let response = response(observed);
    if let Some(status) = expect.status {
        match &response {
            Some((found, _)) if *found == status => {}
            Some((found, _)) => wrong.push(format!("expected the status {status}, and it responded {found}")),
            None => wrong.push(format!("expected the status {status}, and it did not respond")),
        }
    }
    let Outcome::Ok(Text::Full(answer)) = &observed.finished.outcome else { return };
    let value = match &response {
        Some((_, body)) => Value::from(body.as_str()),
        None => serde_json::from_str(answer).unwrap_or(Value::Null),
    };
    if let Some(wanted) = &expect.equals
        && !equal(wanted, &value)
        && !equal(wanted, &held(&value))
    {
        wrong.push(format!(
            "expected the answer {}, and it is {}",
            cut(&wanted.to_string()),
            cut(&value.to_string())
        ));
    }
    let inner = held(&value);
    let is_json = value.as_str().is_none_or(|text| serde_json::from_str::<Value>(text).is_ok());
    if expect.json && !is_json {
        wrong.push(format!("expected JSON, and the answer is the text {}", cut(&value.to_string())));
    }
    for (path, query, wanted) in &expect.paths {
        let found = query.query(&inner).all();
        let found = match found.as_slice() {
            [] => None,
            [one] => Some((*one).clone()),
            several => Some(Value::Array(several.iter().map(|value| (*value).clone()).collect())),
        };
        match found {
            None => {
                wrong.push(format!("expected {} at `{path}`, and there is nothing", cut(&wanted.to_string())))
            }
            Some(found) if equal(wanted, &found) => {}
            Some(found) => wrong.push(format!(
                "expected {} at `{path}`, and there is {}",
                cut(&wanted.to_string()),
                cut(&found.to_string())
            )),
        }
    }
    if let Some(schema) = &expect.schema
        && let Err(why) = satisfies(schema, &inner, root)
    {
        wrong.push(why);
    }
}

/// What a value stands for: a text that is an object or an array in JSON is that.
fn held(value: &Value) -> Value {
    let inner = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    inner.filter(|inner| inner.is_object() || inner.is_array()).unwrap_or_else(|| value.clone())
}

/// Equal as JSON: 1 and 1.0 are one number.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => one == other,
    }
}

fn satisfies(schema: &Schema, value: &Value, root: &Path) -> Result<(), String> {
    let schema = match schema {
        Schema::Here(schema) => schema.clone(),
        Schema::File(file) => {
            let text = std::fs::read_to_string(root.join(file))
                .map_err(|cause| format!("cannot read `{file}`: {cause}"))?;
            serde_json::from_str(&text).map_err(|cause| format!("`{file}` is not JSON: {cause}"))?
        }
    };
    let validator =
        jsonschema::validator_for(&schema).map_err(|cause| format!("the schema is none: {cause}"))?;
    match validator.iter_errors(value).next() {
        None => Ok(()),
        Some(mistake) => {
            let at = mistake.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!(" at `{at}`") };
            Err(format!("the answer is not as its schema says{at}: {}", cut(&mistake.to_string())))
        }
    }
}

fn of_messages(expect: &Expect, observed: &Observed, wrong: &mut Vec<String>) {
    let Some(wanted) = &expect.messages else { return };
    let sent: Vec<&str> = observed
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Message { instance: InstanceId(1), text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let differing = wanted.iter().zip(&sent).position(|(wanted, sent)| wanted != sent);
    match differing {
        Some(at) => {
            let (wanted, sent) = (quoted(&wanted[at]), quoted(sent[at]));
            wrong.push(format!("expected the message {} to be {wanted}, and it is {sent}", at + 1));
        }
        None if wanted.len() == sent.len() => {}
        None => wrong.push(format!("expected {}, and it sent {}", messages(wanted.len()), sent.len())),
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "one message".to_owned() } else { format!("{count} messages") }
}

fn of_counts(expect: &Expect, observed: &Observed, wrong: &mut Vec<String>) {
    let usage = &observed.finished.usage;
    for (wanted, found, what) in
        [(expect.tokens, usage.sampled_tokens, "sampled tokens"), (expect.passes, usage.passes, "passes")]
    {
        if let Some(wanted) = wanted.filter(|wanted| !wanted.holds(found)) {
            wrong.push(format!("expected {wanted} {what}, and there are {found}"));
        }
    }
    if let Some(least) = expect.least_margin {
        match usage.least_margin {
            Some(margin) if f64::from(margin) >= least => {}
            Some(margin) => {
                wrong.push(format!("expected a margin of at least {least}, and the least is {margin}"))
            }
            None => wrong
                .push(format!("expected a margin of at least {least}, and nothing was chosen by arg max")),
        }
    }
}

/// Whether nothing at all came of a run that says it went well.
fn gave_nothing(observed: &Observed) -> bool {
    let empty = match &observed.finished.outcome {
        Outcome::Ok(answer) => matches!(answer.as_str().trim(), "" | "null" | "\"\""),
        _ => false,
    };
    let gave = |event: &Event| {
        matches!(
            event,
            Event::Stdout { .. } | Event::Message { .. } | Event::File { .. } | Event::Responded { .. }
        )
    };
    empty && !observed.events.iter().any(gave)
}

fn quoted(text: &str) -> String {
    cut(&Value::from(text).to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
