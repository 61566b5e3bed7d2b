//! Spans as OpenTelemetry publishes its messages for them, and the two forms in which they travel: protocol buffers, and JSON as OTLP has it, where ids are
//! hexadecimal and 64-bit numbers are text.

use std::io;

pub use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};
pub use opentelemetry_proto::tonic::resource::v1::Resource;
pub use opentelemetry_proto::tonic::trace::v1::span::{Event as Moment, SpanKind};
pub use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, TracesData};
pub use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;

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
        let scope = InstrumentationScope {
            name: "bakery".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(resource.clone()), scope_spans, schema_url: String::new() }];
        let data = TracesData { resource_spans };
        match self {
            Encoding::Protobuf => Ok(data.encode_to_vec()),
            Encoding::Json => Ok(serde_json::to_vec(&data)?),
        }
    }
}

/// It went wrong.
pub fn failure(message: impl Into<String>) -> Status {
    Status { code: StatusCode::Error.into(), message: message.into() }
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
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_of_the_same_messages() {
        let span = Span {
            trace_id: vec![0xab; 16],
            span_id: vec![1, 2, 3, 4, 5, 6, 7, 8],
            name: "forward pass".to_owned(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: 1_767_225_600_000_000_000,
            end_time_unix_nano: u64::MAX,
            attributes: vec![
                attribute("a", "text"),
                attribute("b", 7u64),
                attribute("c", 0.5),
                attribute("d", f64::NAN),
                attribute("e", true),
            ],
            status: Some(failure("it is a test")),
            ..Span::default()
        };
        let resource =
            Resource { attributes: vec![attribute("service.name", "bakery")], ..Resource::default() };
        let [protobuf, json] = [Encoding::Protobuf, Encoding::Json]
            .map(|form| form.write(&resource, vec![span.clone()]).unwrap());
        let from_json: TracesData = serde_json::from_slice(&json).unwrap();
        assert_eq!(from_json, TracesData::decode(protobuf.as_slice()).unwrap());
        assert_eq!(from_json.resource_spans[0].scope_spans[0].spans, [span]);
        let text = String::from_utf8(json).unwrap();
        for part in [
            r#""traceId":"abababababababababababababababab""#,
            r#""spanId":"0102030405060708""#,
            r#""intValue":"7""#,
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
