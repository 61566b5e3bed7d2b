//! HTTP requests of inferlets, by `reqwest`.
//!
//! The engine has seen to it that the host is permitted. What is left is its address: a name is looked up once, every address is held against what is
//! permitted, and the connection goes to one of those that were checked. Redirects are not followed and no proxy is used, because both would lead elsewhere.
//! Each request has a connection of its own, so nothing of one inferlet's requests shows in another's.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::BodyExt;
use pie_engine::outside::hosts::{Destination, Host};
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, HttpRequest, HttpResponse, Permit, Question};
use pie_engine::trace::Whole;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Url};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

use super::Background;

/// How long a whole exchange may take, unless the inferlet says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest time that an inferlet may say.
const LONGEST: Duration = Duration::from_secs(600);
/// How long it may take to look up a name and to connect.
const CONNECT: Duration = Duration::from_secs(20);
/// The most headers of a response.
const HEADERS: usize = 256;

/// Answers HTTP requests.
#[derive(Clone, Default)]
pub struct Http {
    background: Background,
    /// Trust in what the system trusts, once it is needed; or why there is none.
    trust: Arc<OnceLock<Result<ClientConfig, String>>>,
}

/// Why there is no response: a case of `error-code` in `wasi:http/types`, and a line for a person.
struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into() }
    }
}

impl Http {
    /// A client whose connections live on this thread.
    pub fn new(background: Background) -> Http {
        Http { background, trust: Arc::default() }
    }

    /// Begins to answer.
    pub fn ask(&self, asked: Asked, reply: Reply) {
        let Question::HttpRequest(request) = asked.question else { return };
        let http = self.clone();
        self.background.answer(reply, async move {
            match http.in_time(request, &asked.permit).await {
                Ok(response) => Answer::HttpResponse(response),
                Err(Failure { code, message }) => Answer::HttpFailed { code: code.to_owned(), message },
            }
        });
    }

    async fn in_time(&self, request: HttpRequest, permit: &Permit) -> Result<HttpResponse, Failure> {
        let timeout = request.timeout_ms.map_or(TIMEOUT, Duration::from_millis).min(LONGEST);
        let exchange = self.exchange(request, permit);
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| {
            let message = format!("there was no whole response within {} s", timeout.as_secs_f64());
            Err(Failure::new("HTTP-response-timeout", message))
        })
    }

    async fn exchange(&self, request: HttpRequest, permit: &Permit) -> Result<HttpResponse, Failure> {
        let url: Url = request
            .url
            .parse()
            .map_err(|error| Failure::new("HTTP-request-URI-invalid", format!("{error}")))?;
        let destination = destination(&url)?;
        if !permit.hosts.permit(&destination) {
            return Err(Failure::new(
                "HTTP-request-denied",
                format!("`{destination}` is not among the permitted hosts"),
            ));
        }
        let addresses = addresses(&destination, permit).await?;
        let client = self.client(&url, &destination, &addresses)?;
        let response = client.execute(message(request, url)?).await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.as_str().to_owned(), Whole::from(value.as_bytes().to_vec())));
        let headers = headers.collect();
        let body = body(response, permit.body_bytes).await?;
        Ok(HttpResponse { status, headers, body: body.into() })
    }

    /// A client that connects to these addresses and to no others.
    fn client(
        &self,
        url: &Url,
        destination: &Destination,
        addresses: &[SocketAddr],
    ) -> Result<Client, Failure> {
        let tls = if url.scheme() == "https" { self.trust()? } else { without_trust() };
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_max_headers(HEADERS)
            .connect_timeout(CONNECT);
        let builder = match &destination.host {
            Host::Name(name) => builder.resolve_to_addrs(name, addresses),
            Host::Address(_) => builder,
        };
        builder.build().map_err(|error| Failure::new("configuration-error", chain(&error)))
    }

    fn trust(&self) -> Result<ClientConfig, Failure> {
        let trust = self.trust.get_or_init(trusted);
        trust.clone().map_err(|problem| {
            Failure::new(
                "configuration-error",
                format!("the certificates that this machine trusts cannot be read: {problem}"),
            )
        })
    }
}

/// Trust in what the system trusts, or why there is none.
pub(crate) fn trusted() -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let builder = builder.with_platform_verifier().map_err(|error| error.to_string())?;
    Ok(builder.with_no_client_auth())
}

/// For requests without TLS, which need a client all the same.
pub(crate) fn without_trust() -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("the provider has the default protocol versions");
    builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

/// Where the client will go, which must be where the engine thought that it goes.
fn destination(url: &Url) -> Result<Destination, Failure> {
    let port = url.port_or_known_default().unwrap_or(80);
    url.host_str()
        .and_then(|host| Destination::parse(host, port))
        .ok_or_else(|| Failure::new("HTTP-request-URI-invalid", "the URL has no host that can be asked"))
}

/// The addresses of a host, all of them permitted.
async fn addresses(destination: &Destination, permit: &Permit) -> Result<Vec<SocketAddr>, Failure> {
    let port = destination.port;
    let found: BTreeSet<IpAddr> = match &destination.host {
        Host::Address(address) => BTreeSet::from([*address]),
        Host::Name(name) => look_up(name, port).await?,
    };
    for address in &found {
        if let Err(what) = permit.hosts.permit_address(destination, *address) {
            let message = format!(
                "`{destination}` leads to {address}, which is {what}; such addresses have to be listed themselves under `[permissions]`"
            );
            return Err(Failure::new("destination-IP-prohibited", message));
        }
    }
    Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

async fn look_up(name: &str, port: u16) -> Result<BTreeSet<IpAddr>, Failure> {
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name, port))).await;
    let found =
        found.map_err(|_| Failure::new("DNS-timeout", format!("`{name}` could not be looked up in time")))?;
    let found =
        found.map_err(|error| Failure::new("DNS-error", format!("`{name}` cannot be looked up: {error}")))?;
    let found: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
    if found.is_empty() {
        return Err(Failure::new("destination-not-found", format!("`{name}` has no address")));
    }
    Ok(found)
}

fn message(request: HttpRequest, url: Url) -> Result<Request, Failure> {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|error| Failure::new("HTTP-request-method-invalid", error.to_string()))?;
    let mut message = Request::new(method, url);
    for (name, value) in request.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(Failure::new("HTTP-protocol-error", "a header cannot be written"));
        };
        message.headers_mut().append(name, value);
    }
    if !request.body.is_empty() {
        *message.body_mut() = Some(request.body.into_bytes().into());
    }
    Ok(message)
}

/// The whole body, if it is not too long.
async fn body(response: reqwest::Response, most: u64) -> Result<Vec<u8>, Failure> {
    let too_long = || {
        Failure::new(
            "HTTP-response-body-size",
            format!("the body of the response is longer than {most} bytes"),
        )
    };
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_long());
    }
    let mut body = reqwest::Body::from(response);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        // Trailers are left out: nothing of the interface asks for them before the body has ended.
        let Ok(data) = frame.into_data() else { continue };
        if (bytes.len() + data.len()) as u64 > most {
            return Err(too_long());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// What of the interface's errors the client's error is.
fn failure(error: &reqwest::Error) -> Failure {
    let message = chain(error);
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return Failure::new(tls_code(error), message);
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            if let Some(error) = tls_error(error) {
                return Failure::new(tls_code(error), message);
            }
            return Failure::new(io_code(error.kind()), message);
        }
        if let Some(error) = cause.downcast_ref::<hyper::Error>()
            && error.source().is_none()
        {
            return Failure::new(http_code(error), message);
        }
        source = cause.source();
    }
    let code = match error {
        error if error.is_timeout() && error.is_connect() => "connection-timeout",
        error if error.is_timeout() => "HTTP-response-timeout",
        error if error.is_connect() => "destination-unavailable",
        _ => "HTTP-protocol-error",
    };
    Failure::new(code, message)
}

/// The error of TLS is within one of input and output, which may be within another one.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| tls_error(inner.downcast_ref()?))
}

fn http_code(error: &hyper::Error) -> &'static str {
    match error {
        error if error.is_incomplete_message() => "HTTP-response-incomplete",
        error if error.is_timeout() => "HTTP-response-timeout",
        error if error.is_closed() || error.is_canceled() => "connection-terminated",
        _ => "HTTP-protocol-error",
    }
}

fn tls_code(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            "TLS-certificate-error"
        }
        rustls::Error::AlertReceived(_) => "TLS-alert-received",
        _ => "TLS-protocol-error",
    }
}

fn io_code(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind as Kind;
    match kind {
        Kind::ConnectionRefused => "connection-refused",
        Kind::TimedOut => "connection-timeout",
        Kind::HostUnreachable | Kind::NetworkUnreachable => "destination-IP-unroutable",
        Kind::UnexpectedEof => "HTTP-response-incomplete",
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => "connection-terminated",
        _ => "HTTP-protocol-error",
    }
}

/// An error and its causes on one line, without the URL, which may hold secrets.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let mut text = error.to_string();
        if let Some(client) = error.downcast_ref::<reqwest::Error>()
            && let Some(url) = client.url()
        {
            text = text.replace(&format!(" for url ({url})"), "");
        }
        if parts.last().is_none_or(|last| !last.ends_with(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pie_engine::outside::hosts::Hosts;

    fn permit(rules: &[&str]) -> Permit {
        let hosts = Hosts::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        Permit { hosts: Arc::new(hosts), body_bytes: 100 }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_name_that_leads_to_this_machine_is_refused_unless_that_is_listed() {
        let destination = Destination::parse("localhost", 80).unwrap();
        let refused = now(addresses(&destination, &permit(&["*.example.com"]))).err().unwrap();
        assert_eq!(refused.code, "destination-IP-prohibited");
        assert!(
            refused.message.contains("which is loopback; such addresses have to be listed themselves"),
            "{}",
            refused.message
        );
        let found = now(addresses(&destination, &permit(&["localhost"]))).ok().unwrap();
        assert!(
            !found.is_empty()
                && found.iter().all(|address| address.ip().is_loopback() && address.port() == 80)
        );
        let numbered = Destination::parse("169.254.169.254", 80).unwrap();
        assert_eq!(now(addresses(&numbered, &permit(&[]))).err().unwrap().code, "destination-IP-prohibited");
    }

    #[test]
    fn the_client_and_the_engine_mean_the_same_host() {
        for (url, expected) in [
            ("http://a.com/b", Some("a.com")),
            ("http://a.com:8080/b", Some("a.com:8080")),
            ("http://127.0.0.1/", Some("127.0.0.1")),
            ("http://2130706433/", Some("127.0.0.1")),
            ("http://[::1]:81/", Some("[::1]:81")),
        ] {
            let found = destination(&url.parse().unwrap()).ok().map(|found| found.to_string());
            assert_eq!(found.as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn certificates_are_those_that_the_system_trusts_or_it_is_said_that_there_are_none() {
        match Http::default().trust() {
            Ok(_) => {}
            Err(failure) => assert_eq!(failure.code, "configuration-error"),
        }
    }
}
