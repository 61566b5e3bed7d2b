//! Spans as OTLP has them (`opentelemetry/proto/trace/v1/trace.proto`, with what it takes from `common` and `resource`), as far as we have something to say, and the two
//! forms in which they travel: protocol buffers, and their JSON, in which ids are hexadecimal and 64-bit numbers are text.
//!
//! The messages are written down here because the crate that publishes them brings all of OpenTelemetry's client with it. A test holds them against the messages that
//! OpenTelemetry publishes for Python, in both forms.

use std::io;

use prost::{Enumeration, Message, Oneof};
use serde::{Serialize, Serializer};

/// A whole export request, or a line of a file.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
struct TracesData {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

/// Who made spans.
#[derive(Clone, PartialEq, Eq, Hash, Message, Serialize)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// What spans are of.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct Resource {
    /// What is known of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// What took a while.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// 16 bytes, the same for all spans of a run.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "hexadecimal")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "hexadecimal")]
    pub span_id: Vec<u8>,
    /// That of the span which it is a part of; nothing for the first one.
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "hexadecimal", skip_serializing_if = "Vec::is_empty")]
    pub parent_span_id: Vec<u8>,
    /// What it is.
    #[prost(string, tag = "5")]
    pub name: String,
    /// A [`SpanKind`].
    #[prost(enumeration = "SpanKind", tag = "6")]
    pub kind: i32,
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "7")]
    #[serde(serialize_with = "as_text")]
    pub start_time_unix_nano: u64,
    /// The same.
    #[prost(fixed64, tag = "8")]
    #[serde(serialize_with = "as_text")]
    pub end_time_unix_nano: u64,
    /// What is known of it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// What happened at one moment in it.
    #[prost(message, repeated, tag = "11")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Moment>,
    /// Events that there was no room for.
    #[prost(uint32, tag = "12")]
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_events_count: u32,
    /// How it went wrong, if it did.
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What a span is to whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum SpanKind {
    /// Not known.
    Unspecified = 0,
    /// An operation of its own.
    Internal = 1,
    /// A request to something else.
    Client = 3,
}

/// What happened at one moment.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "1")]
    #[serde(serialize_with = "as_text")]
    pub time_unix_nano: u64,
    /// What it is.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What is known of it.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

/// How a span went wrong.
#[derive(Clone, PartialEq, Eq, Hash, Message, Serialize)]
pub struct Status {
    /// What went wrong.
    #[prost(string, tag = "2")]
    pub message: String,
    /// 2: an error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// Something that is known.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// What it is.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of an attribute.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(transparent)]
pub struct AnyValue {
    /// The value.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    pub value: Option<Value>,
}

/// What values there are.
#[derive(Clone, PartialEq, Oneof, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// Text.
    #[prost(string, tag = "1")]
    StringValue(String),
    /// Yes or no.
    #[prost(bool, tag = "2")]
    BoolValue(bool),
    /// A whole number.
    #[prost(int64, tag = "3")]
    IntValue(#[serde(serialize_with = "as_text")] i64),
    /// Any other number.
    #[prost(double, tag = "4")]
    DoubleValue(f64),
}

fn hexadecimal<S: Serializer>(id: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{}", Hexadecimal(id)))
}

struct Hexadecimal<'a>(&'a [u8]);

impl std::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn as_text<S: Serializer>(number: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A form of spans on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Protocol buffers: what every collector takes.
    #[default]
    Protobuf,
    /// JSON: what files have, and collectors may take.
    Json,
}

impl Encoding {
    /// An export request with these spans, or, as JSON, a line of a file.
    ///
    /// # Errors
    /// There is no JSON for them.
    pub fn write(self, resource: &Resource, spans: Vec<Span>) -> io::Result<Vec<u8>> {
        let scope = Scope { name: "bakery".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource_spans = vec![ResourceSpans { resource: Some(resource.clone()), scope_spans }];
        let data = TracesData { resource_spans };
        match self {
            Encoding::Protobuf => Ok(data.encode_to_vec()),
            Encoding::Json => Ok(serde_json::to_vec(&data)?),
        }
    }
}

/// It went wrong.
pub fn failure(message: impl Into<String>) -> Status {
    Status { code: 2, message: message.into() }
}

/// What is known of something can be this.
pub trait Known {
    /// As the messages have it.
    fn value(self) -> Value;
}

impl Known for &str {
    fn value(self) -> Value {
        Value::StringValue(self.to_owned())
    }
}

impl Known for String {
    fn value(self) -> Value {
        Value::StringValue(self)
    }
}

impl Known for u64 {
    fn value(self) -> Value {
        // What there is in the messages is signed.
        Value::IntValue(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl Known for u32 {
    fn value(self) -> Value {
        Value::IntValue(self.into())
    }
}

impl Known for f64 {
    fn value(self) -> Value {
        // JSON has no other numbers, so those that are none become text.
        if self.is_finite() { Value::DoubleValue(self) } else { Value::StringValue(self.to_string()) }
    }
}

impl Known for bool {
    fn value(self) -> Value {
        Value::BoolValue(self)
    }
}

/// An attribute.
pub fn attribute(key: &str, value: impl Known) -> KeyValue {
    let value = Some(AnyValue { value: Some(value.value()) });
    KeyValue { key: key.to_owned(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_and_large_numbers_text_in_json() {
        let span = Span {
            trace_id: vec![0xab; 16],
            span_id: vec![1, 2, 3, 4, 5, 6, 7, 8],
            name: "forward pass".to_owned(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: 1_767_225_600_000_000_000,
            end_time_unix_nano: u64::MAX,
            attributes: vec![attribute("a", "text"), attribute("b", u64::MAX), attribute("c", f64::NAN)],
            status: Some(failure("it is a test")),
            ..Span::default()
        };
        let resource = Resource { attributes: vec![attribute("d", true), attribute("e", 0.5)] };
        let json = Encoding::Json.write(&resource, vec![span.clone()]).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let written = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(
            *written,
            serde_json::json!({
                "traceId": "ab".repeat(16), "spanId": "0102030405060708", "name": "forward pass", "kind": 1,
                "startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "18446744073709551615",
                "attributes": [
                    { "key": "a", "value": { "stringValue": "text" } },
                    { "key": "b", "value": { "intValue": "9223372036854775807" } },
                    { "key": "c", "value": { "stringValue": "NaN" } },
                ],
                "status": { "message": "it is a test", "code": 2 },
            })
        );
        let protobuf = Encoding::Protobuf.write(&resource, vec![span.clone()]).unwrap();
        let read = TracesData::decode(protobuf.as_slice()).unwrap();
        assert_eq!(read.resource_spans[0].resource, Some(resource));
        assert_eq!(read.resource_spans[0].scope_spans[0].spans, [span]);
    }
}
