//! Spans as OTLP/JSON has them: the JSON form of `opentelemetry.proto.trace.v1`, in which ids are hexadecimal and 64-bit numbers are text.

use serde::Serialize;

/// A whole export request, or a line of a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TracesData<'a> {
    /// What the spans are of.
    pub resource_spans: [ResourceSpans<'a>; 1],
}

/// Spans of one resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpans<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Its spans.
    pub scope_spans: [ScopeSpans<'a>; 1],
}

/// What produced spans.
#[derive(Debug, Serialize)]
pub struct Resource {
    /// What is known of it.
    pub attributes: Vec<KeyValue>,
}

/// Spans of one instrumentation.
#[derive(Debug, Serialize)]
pub struct ScopeSpans<'a> {
    /// Who made them.
    pub scope: Scope,
    /// The spans.
    pub spans: &'a [Span],
}

/// Who made spans.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What took a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// 16 bytes in hexadecimal, the same for all spans of a run.
    pub trace_id: String,
    /// 8 bytes in hexadecimal.
    pub span_id: String,
    /// That of the span which it is a part of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_span_id: String,
    /// What it is.
    pub name: String,
    /// [`INTERNAL`] or [`CLIENT`].
    pub kind: u8,
    /// Nanoseconds since 1970, as text.
    pub start_time_unix_nano: String,
    /// The same.
    pub end_time_unix_nano: String,
    /// What is known of it.
    pub attributes: Vec<KeyValue>,
    /// What happened at one moment in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Moment>,
    /// Events that there was no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_events_count: u32,
    /// Whether it went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// An operation within what made the span.
pub const INTERNAL: u8 = 1;
/// A request to something else.
pub const CLIENT: u8 = 3;

/// What happened at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Nanoseconds since 1970, as text.
    pub time_unix_nano: String,
    /// What it is.
    pub name: String,
    /// What is known of it.
    pub attributes: Vec<KeyValue>,
}

/// How a span went wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// 2: an error.
    pub code: u8,
    /// What went wrong.
    pub message: String,
}

impl Status {
    /// It went wrong.
    pub fn error(message: impl Into<String>) -> Status {
        Status { code: 2, message: message.into() }
    }
}

/// Something that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyValue {
    /// Its name.
    pub key: String,
    /// What it is.
    pub value: AnyValue,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AnyValue {
    /// Text.
    StringValue(String),
    /// A whole number, as text.
    IntValue(String),
    /// Any other number.
    DoubleValue(f64),
    /// Yes or no.
    BoolValue(bool),
    /// Several of one kind.
    ArrayValue {
        /// The values.
        values: Vec<AnyValue>,
    },
}

impl From<&str> for AnyValue {
    fn from(text: &str) -> Self {
        AnyValue::StringValue(text.to_owned())
    }
}

impl From<String> for AnyValue {
    fn from(text: String) -> Self {
        AnyValue::StringValue(text)
    }
}

impl From<u64> for AnyValue {
    fn from(number: u64) -> Self {
        // What there is in a proto is signed.
        AnyValue::IntValue(i64::try_from(number).unwrap_or(i64::MAX).to_string())
    }
}

impl From<u32> for AnyValue {
    fn from(number: u32) -> Self {
        u64::from(number).into()
    }
}

impl From<f64> for AnyValue {
    fn from(number: f64) -> Self {
        // JSON has no other numbers, so those that are none become text.
        if number.is_finite() {
            AnyValue::DoubleValue(number)
        } else {
            AnyValue::StringValue(number.to_string())
        }
    }
}

impl From<bool> for AnyValue {
    fn from(value: bool) -> Self {
        AnyValue::BoolValue(value)
    }
}

/// An attribute.
pub fn attribute(key: &str, value: impl Into<AnyValue>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: value.into() }
}
