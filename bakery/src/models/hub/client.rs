//! Requests to the server.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::files::Listing;
use super::spec::HubSpec;
use super::{ENDPOINT_VARIABLE, TOKEN_VARIABLE};
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::interrupt::Interrupt;
use crate::outside::http;

/// How long it may take to connect, and until the next bytes come.
const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);
/// The longest listing in bytes.
const MOST_LISTING: usize = 64 << 20;

/// Asks one server. Redirects are followed, and the token stays with the server that it is for.
pub(super) struct Client {
    runtime: Runtime,
    client: reqwest::Client,
    endpoint: String,
    headers: HeaderMap,
    interrupt: Interrupt,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub message: String,
    /// Whether it may go better the next time.
    pub again: bool,
}

impl Client {
    /// A client of the server that the environment names, or of this one.
    pub(super) fn new(env: &Environment, endpoint: &str) -> Result<Client> {
        let text = |name| env.variable(name).and_then(|value| value.to_str()).map(str::to_owned);
        let endpoint = text(ENDPOINT_VARIABLE).unwrap_or_else(|| endpoint.to_owned());
        let valid = reqwest::Url::parse(&endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !valid {
            return Err(Error::usage(format!("`{ENDPOINT_VARIABLE}` is `{endpoint}`, which is no URL")));
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = text(TOKEN_VARIABLE) {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
                .map_err(|_| Error::usage(format!("`{TOKEN_VARIABLE}` is no token")))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let broken = |error: String| Error::environment("downloads cannot be prepared").caused_by(error);
        let tls = if endpoint.starts_with("https") {
            http::trusted().map_err(broken)?
        } else {
            http::without_trust()
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("bakery/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .no_proxy();
        let proxy =
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].iter().find_map(|name| text(name));
        if let Some(proxy) = proxy {
            let except = text("NO_PROXY").or_else(|| text("no_proxy")).unwrap_or_default();
            let proxy = reqwest::Proxy::all(&proxy).map_err(|error| broken(error.to_string()))?;
            builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&except)));
        }
        let client = builder.build().map_err(|error| broken(error.to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| broken(error.to_string()))?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Client { runtime, client, endpoint, headers, interrupt: env.interrupt.clone() })
    }

    /// What is in a repository.
    pub(super) fn listing(&self, spec: &HubSpec) -> Result<Listing> {
        let url = format!(
            "{}/api/models/{}/revision/{}?blobs=true",
            self.endpoint,
            spec.repository(),
            spec.revision
        );
        let document = self.block(async {
            let mut response = self.get(&url, None).await?;
            let mut text = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
                text.extend_from_slice(&chunk);
                if text.len() > MOST_LISTING {
                    return Err(Failure {
                        message: "the list of files does not end".to_owned(),
                        again: false,
                    });
                }
            }
            Ok(text)
        })?;
        let failed =
            |reason: String| Error::environment(format!("`{spec}` cannot be looked up")).caused_by(reason);
        let document = document.map_err(|failure| {
            let error = failed(failure.message);
            match self.headers.is_empty() {
                true => error.hint(format!("if the repository is not public: export {TOKEN_VARIABLE}=…")),
                false => error,
            }
        })?;
        let document = serde_json::from_slice(&document).map_err(|error| failed(error.to_string()))?;
        Listing::read(&document).map_err(failed)
    }

    /// The URL of a file.
    pub(super) fn url(&self, spec: &HubSpec, commit: &str, file: &str) -> String {
        format!("{}/{}/resolve/{commit}/{file}", self.endpoint, spec.repository())
    }

    /// Asks for a file, or for what of it follows the first bytes.
    pub(super) async fn get(&self, url: &str, from: Option<u64>) -> Result<Response, Failure> {
        let mut request = self.client.get(url).headers(self.headers.clone());
        if let Some(from) = from {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let message = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("the server answered {status}: it is not there, or is not for everybody")
            }
            _ => format!("the server answered {status}"),
        };
        let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Err(Failure { message, again: again || status == StatusCode::RANGE_NOT_SATISFIABLE })
    }

    /// Waits, unless the user stops it.
    pub(super) fn block<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let _waiting = self.interrupt.on_request(move || stopped.notify_one());
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.notified() => Err(Error::new(Kind::Interrupted, "interrupted")),
                done = work => Ok(done),
            }
        })
    }
}

/// What went wrong with a connection; mostly it is worth another try.
pub(super) fn failure(error: &reqwest::Error) -> Failure {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    Failure { message, again: !error.is_builder() && !error.is_redirect() }
}
