//! Spans on their way to a collector: OTLP over HTTP, in protocol buffers or in JSON as the specification describes it.

use std::time::Duration;

use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::{Deserialize, Deserializer};

use super::Background;
use crate::error::{Error, Result};
use crate::report::otel::span::Encoding;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is tried that the collector has no time for.
const TRIES: u32 = 5;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A collector of traces.
pub struct Collector {
    url: Url,
    encoding: Encoding,
    headers: HeaderMap,
    client: Client,
    background: Background,
}

/// What a collector says to a request that it takes: `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    #[serde(deserialize_with = "number_or_text")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Both are JSON for a number of 64 bits.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<i64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().and_then(|text| text.parse().ok());
    Ok(value.as_i64().or(text).unwrap_or(0))
}

/// What a collector says in protocol buffers when it does not take a request: `google.rpc.Status`, of which the rest says nothing to a person.
#[derive(Clone, PartialEq, Message)]
struct Refusal {
    #[prost(string, tag = "2")]
    message: String,
}

/// How many spans a collector has rejected though it took the request, and why. Any other body than the two, or none, means that all went well.
fn rejected(body: &[u8], in_json: bool) -> (u64, String) {
    let said = if in_json { serde_json::from_slice(body).ok() } else { Response::decode(body).ok() };
    let partial = said.and_then(|said: Response| said.partial_success).unwrap_or_default();
    (u64::try_from(partial.rejected_spans).unwrap_or(0), partial.error_message)
}

/// The beginning of what a collector says about an error, on one line.
fn reason(body: &[u8], in_protobuf: bool) -> String {
    let refusal = in_protobuf.then(|| Refusal::decode(body).ok()).flatten();
    let text = refusal.map_or_else(|| String::from_utf8_lossy(body).into_owned(), |refusal| refusal.message);
    text.chars().filter(|char| !char.is_control()).take(200).collect()
}

/// Whether a request is to be tried again, and after how long.
enum Failed {
    ForNow(Option<Duration>, String),
    ForGood(String),
    /// The collector has another form for spans.
    Form(String),
}

impl Collector {
    /// A collector at a URL: its base, as `http://localhost:4318`, or that of its traces. `headers` are names and values, for who it wants to know.
    ///
    /// # Errors
    /// The URL or a header is none.
    pub fn at(endpoint: &str, encoding: Encoding, headers: &[(String, String)]) -> Result<Collector> {
        let url = url(endpoint).ok_or_else(|| {
            Error::usage(format!("`{endpoint}` is not the URL of a collector"))
                .hint("--endpoint http://localhost:4318")
        })?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let unfit = || Error::usage(format!("`{name}` cannot be a header of a request"));
            let name: HeaderName = name.parse().map_err(|_| unfit())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
            value.set_sensitive(true);
            map.insert(name, value);
        }
        map.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(encoding)));
        // Whoever comes first installs it; they are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(TIMEOUT).build();
        let client = client.map_err(|cause| {
            Error::environment("there can be no connection to a collector").caused_by(cause)
        })?;
        Ok(Collector { url, encoding, headers: map, client, background: Background::default() })
    }

    /// Sends an export request, in the form that was chosen.
    ///
    /// # Errors
    /// The collector cannot be reached, or does not take all of it.
    pub fn send(&self, request: &[u8]) -> Result<()> {
        let unsent = |why: String| {
            Error::environment(format!("the collector at `{}` does not take the spans", self.url))
                .caused_by(why)
        };
        let handle = self.background.handle().map_err(|cause| unsent(cause.to_string()))?;
        let mut wait = Duration::from_millis(200);
        for _ in 1..TRIES {
            match handle.block_on(self.once(request)) {
                Ok(()) => return Ok(()),
                Err(Failed::ForGood(why)) => return Err(unsent(why)),
                Err(Failed::Form(why)) => return Err(unsent(why).hint(self.other_form())),
                Err(Failed::ForNow(wanted, _)) => {
                    std::thread::sleep(wanted.unwrap_or(wait).min(LONGEST_WAIT));
                    wait *= 2;
                }
            }
        }
        match handle.block_on(self.once(request)) {
            Ok(()) => Ok(()),
            Err(Failed::ForNow(_, why)) => Err(unsent(format!("{why}, {TRIES} times"))),
            Err(Failed::ForGood(why)) => Err(unsent(why)),
            Err(Failed::Form(why)) => Err(unsent(why).hint(self.other_form())),
        }
    }

    fn other_form(&self) -> &'static str {
        match self.encoding {
            Encoding::Protobuf => "--protocol http/json",
            Encoding::Json => "--protocol http/protobuf",
        }
    }

    async fn once(&self, request: &[u8]) -> Result<(), Failed> {
        let request =
            self.client.post(self.url.clone()).headers(self.headers.clone()).body(request.to_owned());
        let response = request.send().await.map_err(|error| {
            let error = error.without_url();
            let mut why = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                why = format!("{why}: {inner}");
                cause = inner.source();
            }
            Failed::ForGood(why)
        })?;
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let form = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is = |encoding| form.is_some_and(|form| form.starts_with(media_type(encoding)));
        let (in_json, in_protobuf) = (is(Encoding::Json), is(Encoding::Protobuf));
        let body = response.bytes().await.unwrap_or_default();
        if status.is_success() {
            return match rejected(&body, in_json) {
                (0, _) => Ok(()),
                (count, why) => Err(Failed::ForGood(format!("it has rejected {count} spans: {why}"))),
            };
        }
        let why = format!("it answers {}: {}", status.as_u16(), reason(&body, in_protobuf));
        let why = why.trim_end_matches(": ").to_owned();
        // Those that the specification of OTLP names.
        let for_now = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if for_now.contains(&status) {
            return Err(Failed::ForNow(after.map(Duration::from_secs), why));
        }
        // Some that know no JSON call it a bad request.
        let bad = status == StatusCode::BAD_REQUEST && self.encoding == Encoding::Json;
        if bad || status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return Err(Failed::Form(why));
        }
        Err(Failed::ForGood(why))
    }
}

fn media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// Where traces go: behind the base of a collector.
fn url(endpoint: &str) -> Option<Url> {
    const TRACES: &str = "/v1/traces";
    let mut url: Url = endpoint.parse().ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    if !url.path().ends_with(TRACES) {
        let path = format!("{}{TRACES}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_behind_the_base_of_a_collector() {
        let at = |endpoint: &str| url(endpoint).map(|url| url.to_string());
        assert_eq!(at("http://localhost:4318").as_deref(), Some("http://localhost:4318/v1/traces"));
        assert_eq!(at("https://a.example/otlp/").as_deref(), Some("https://a.example/otlp/v1/traces"));
        assert_eq!(at("http://a.example/v1/traces").as_deref(), Some("http://a.example/v1/traces"));
        assert_eq!((at("localhost:4318"), at("ftp://a.example"), at("")), (None, None, None));
    }
}
