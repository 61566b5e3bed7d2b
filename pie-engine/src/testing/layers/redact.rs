//! What a case says is not compared: whole kinds of events, and places in JSON.

use std::borrow::Cow;

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::testing::Redaction;

/// Whether the case leaves out all events of a kind.
pub fn leaves_out(redactions: &[Redaction], kind: &str) -> bool {
    redactions.iter().any(|redaction| redaction.event.as_deref() == Some(kind) && redaction.path.is_none())
}

/// Whether something in the events of a kind is redacted.
pub fn touches(redactions: &[Redaction], kind: &str) -> bool {
    redactions.iter().any(|redaction| redaction.event.as_deref() == Some(kind))
}

/// Redacts an event of a kind.
pub fn in_event(redactions: &[Redaction], kind: &str, event: &mut Value) {
    for redaction in redactions.iter().filter(|redaction| redaction.event.as_deref() == Some(kind)) {
        if let Some(path) = &redaction.path {
            replace(event, path, &redaction.with);
        }
    }
}

/// Redacts what the caller got, a value.
pub fn in_value(redactions: &[Redaction], value: &mut Value) {
    for redaction in redactions.iter().filter(|redaction| redaction.event.is_none()) {
        if let Some(path) = &redaction.path {
            replace(value, path, &redaction.with);
        }
    }
}

/// Redacts what the caller got, a text: one that is JSON is looked into, any other stays as it is.
pub fn in_text<'a>(redactions: &[Redaction], text: &'a str) -> Cow<'a, str> {
    let concerned = redactions.iter().any(|redaction| redaction.event.is_none());
    if !concerned {
        return Cow::Borrowed(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) if value.is_object() || value.is_array() => {
            let before = value.clone();
            in_value(redactions, &mut value);
            if value == before { Cow::Borrowed(text) } else { Cow::Owned(value.to_string()) }
        }
        _ => Cow::Borrowed(text),
    }
}

fn replace(value: &mut Value, path: &JsonPath, with: &str) {
    let places: Vec<String> =
        path.query_located(value).locations().map(|location| location.to_json_pointer()).collect();
    for place in places {
        if let Some(found) = value.pointer_mut(&place) {
            *found = Value::String(with.to_owned());
        }
    }
}
