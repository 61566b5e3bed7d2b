//! Spans on their way to a collector: OTLP over HTTP, with JSON as the specification describes it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::Background;
use crate::error::{Error, Result};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is tried that the collector has no time for.
const TRIES: u32 = 5;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A collector of traces.
pub struct Collector {
    url: Url,
    headers: HeaderMap,
    client: Client,
    background: Background,
}

/// What a collector says.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    partial_success: Option<PartialSuccess>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// A number, or one as text: both are JSON for it.
    rejected_spans: serde_json::Value,
    error_message: String,
}

impl PartialSuccess {
    fn rejected(&self) -> u64 {
        let text = self.rejected_spans.as_str().and_then(|text| text.parse().ok());
        self.rejected_spans.as_u64().or(text).unwrap_or(0)
    }
}

/// Whether a request is to be tried again, and after how long.
enum Failed {
    ForNow(Option<Duration>, String),
    ForGood(String),
}

impl Collector {
    /// A collector at a URL: its base, as `http://localhost:4318`, or that of its traces. `headers` are names and values, for who it wants to know.
    ///
    /// # Errors
    /// The URL or a header is none.
    pub fn at(endpoint: &str, headers: &[(String, String)]) -> Result<Collector> {
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
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Whoever comes first installs it; they are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(TIMEOUT).build();
        let client = client.map_err(|cause| {
            Error::environment("there can be no connection to a collector").caused_by(cause)
        })?;
        Ok(Collector { url, headers: map, client, background: Background::default() })
    }

    /// Sends an export request.
    ///
    /// # Errors
    /// The collector cannot be reached, or does not take all of it.
    pub fn send(&self, json: &str) -> Result<()> {
        let unsent = |why: String| {
            Error::environment(format!("the collector at `{}` does not take the spans", self.url))
                .caused_by(why)
        };
        let handle = self.background.handle().map_err(|cause| unsent(cause.to_string()))?;
        let mut wait = Duration::from_millis(200);
        for _ in 1..TRIES {
            match handle.block_on(self.once(json)) {
                Ok(()) => return Ok(()),
                Err(Failed::ForGood(why)) => return Err(unsent(why)),
                Err(Failed::ForNow(wanted, _)) => {
                    std::thread::sleep(wanted.unwrap_or(wait).min(LONGEST_WAIT));
                    wait *= 2;
                }
            }
        }
        match handle.block_on(self.once(json)) {
            Ok(()) => Ok(()),
            Err(Failed::ForNow(_, why)) => Err(unsent(format!("{why}, {TRIES} times"))),
            Err(Failed::ForGood(why)) => Err(unsent(why)),
        }
    }

    async fn once(&self, json: &str) -> Result<(), Failed> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(json.to_owned());
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
        let text = response.text().await.unwrap_or_default();
        if status.is_success() {
            // Any other body, or none, means that all went well.
            let said: Response = serde_json::from_str(&text).unwrap_or_default();
            let rejected = said.partial_success.unwrap_or_default();
            return match rejected.rejected() {
                0 => Ok(()),
                count => {
                    Err(Failed::ForGood(format!("it has rejected {count} spans: {}", rejected.error_message)))
                }
            };
        }
        let head: String = text.chars().filter(|char| !char.is_control()).take(200).collect();
        let why = format!("it answers {}: {head}", status.as_u16());
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
        Err(Failed::ForGood(why))
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
