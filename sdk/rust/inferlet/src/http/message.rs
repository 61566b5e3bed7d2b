//! Requests and responses as values.

use crate::Result;
use crate::entry::from_json;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Names and values, in order.
pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// What is the same for all messages that are made.
macro_rules! writing {
    ($message:ty) => {
        impl $message {
            /// Adds a header.
            pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
                self.headers.push((name.into(), value.as_ref().to_vec()));
                self
            }

            /// The body.
            pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
                self.body = body.into();
                self
            }
        }
    };
}

/// What is the same for all messages that come.
macro_rules! reading {
    ($message:ty) => {
        impl $message {
            /// The first value of a header, if it is text.
            pub fn header(&self, name: &str) -> Option<&str> {
                let (_, value) = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
                std::str::from_utf8(value).ok()
            }

            /// All headers, with names in lower case, in the order in which they came.
            pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
                self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
            }

            /// The body as text.
            pub fn text(self) -> Result<String> {
                text(self.body)
            }

            /// The body as JSON.
            pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
                json(&self.body)
            }

            /// The body.
            pub fn bytes(self) -> Vec<u8> {
                self.body
            }
        }
    };
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing before it is sent"]
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Option<Duration>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Request { method, url, headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// A value as JSON in the body, and the header that says so.
    pub fn json(self, value: &impl Serialize) -> Result<Self> {
        let body = to_json(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// How long the response may take; without one, a minute.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

writing!(Request);

/// A response that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The status, `200` for example.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The response itself if its status says that the request was successful, from 200 to 299; else an error with the status and the beginning of the body.
    pub fn success(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let head: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        Err(format!("the server answered with status {}: {head}", self.status))
    }
}

reading!(Response);

/// The request that the inferlet responds to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRequest {
    pub(super) method: String,
    pub(super) authority: Option<String>,
    /// With what follows it.
    pub(super) path: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl IncomingRequest {
    /// `GET` and the like.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The host that the client asked, and the port if it is given.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The path, `/bread` for example, without what follows `?`.
    pub fn path(&self) -> &str {
        self.path.split('?').next().unwrap_or(&self.path)
    }

    /// What follows `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.path.split_once('?').map(|(_, query)| query)
    }
}

reading!(IncomingRequest);

/// The inferlet's response.
#[derive(Debug)]
#[must_use = "a response goes out when it is returned"]
pub struct OutgoingResponse {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    /// What writes the rest of the body.
    pub(super) stream: Option<Stream>,
}

/// What writes a body piece by piece.
pub(super) struct Stream(Box<dyn FnOnce(BodyWriter) -> Writing>);

/// The work of such a thing.
type Writing = Pin<Box<dyn Future<Output = Result<()>>>>;

impl Stream {
    pub(super) fn write(self, body: BodyWriter) -> impl Future<Output = Result<()>> {
        self.0(body)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Takes the body of a response piece by piece.
pub struct BodyWriter {
    pieces: Box<dyn Pieces>,
}

/// Where the pieces go.
pub(super) trait Pieces {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
}

impl BodyWriter {
    pub(super) fn new(pieces: impl Pieces + 'static) -> Self {
        BodyWriter { pieces: Box::new(pieces) }
    }

    /// Writes a piece. The client gets it at the latest when the inferlet waits for something else.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.pieces.write(bytes.as_ref()).await
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyWriter")
    }
}

impl OutgoingResponse {
    /// A response with a status from 200 to 999, and no body.
    pub fn new(status: u16) -> Self {
        OutgoingResponse { status, headers: Vec::new(), body: Vec::new(), stream: None }
    }

    /// A text, with status 200.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// A value as JSON, with status 200.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        Ok(Self::new(200).header("content-type", "application/json").body(to_json(value)?))
    }

    /// Has the rest of the body written while the client reads it, behind what [`OutgoingResponse::body`] was given: for a text that a model writes. The status
    /// and the headers go out before, so an error in the middle only cuts the response off.
    ///
    /// ```no_run
    /// # async fn example() -> inferlet::Result<inferlet::http::OutgoingResponse> {
    /// use inferlet::http::OutgoingResponse;
    /// use inferlet::prelude::*;
    ///
    /// Ok(OutgoingResponse::text("").stream(async |mut body| {
    ///     let mut ctx = Context::new(&Model::load("default")?)?;
    ///     ctx.user("Tell me about bread.").cue();
    ///     body.write(ctx.generate(Sampler::Argmax).max_tokens(40).collect_text().await?).await
    /// }))
    /// # }
    /// ```
    pub fn stream<F>(mut self, write: impl FnOnce(BodyWriter) -> F + 'static) -> Self
    where
        F: Future<Output = Result<()>> + 'static,
    {
        self.stream = Some(Stream(Box::new(|body| Box::pin(write(body)))));
        self
    }

    /// Another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

writing!(OutgoingResponse);

fn text(body: Vec<u8>) -> Result<String> {
    String::from_utf8(body).map_err(|error| format!("the body is not text: {error}"))
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    from_json(text).map_err(|error| format!("the body is not the JSON that was expected: {error}"))
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| format!("the body cannot be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_built_piece_by_piece() {
        let request = Request::post("http://a.com").header("X-A", "1").json(&[1, 2]).unwrap();
        assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", b"[1,2]".as_slice()));
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-A", "content-type"]);
        assert_eq!(
            Request::delete("x").timeout(Duration::from_secs(1)).timeout,
            Some(Duration::from_secs(1))
        );
    }

    fn response(status: u16, body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), b"text/plain".to_vec()), ("x".to_owned(), vec![255])];
        Response { status, headers, body: body.into() }
    }

    #[test]
    fn a_response_is_read_as_what_it_is() {
        let ok = response(200, "{\"a\": [1]}");
        assert_eq!(
            (ok.header("Content-Type"), ok.header("x"), ok.header("y")),
            (Some("text/plain"), None, None)
        );
        assert_eq!(ok.json::<serde_json::Value>().unwrap()["a"][0], 1);
        assert_eq!(ok.headers().count(), 2);
        assert_eq!(ok.clone().success(), Ok(ok.clone()));
        assert_eq!(ok.text().unwrap(), "{\"a\": [1]}");
        let error = response(404, "no such bread").success().unwrap_err();
        assert_eq!(error, "the server answered with status 404: no such bread");
    }

    #[test]
    fn a_body_of_another_form_is_an_error_that_says_so() {
        let error =
            response(200, "{\"a\": \"b\"}").json::<std::collections::BTreeMap<String, u8>>().unwrap_err();
        assert!(error.contains("`a`"), "{error}");
        let broken = Response { body: vec![255], ..response(200, "") };
        assert!(broken.json::<u8>().unwrap_err().contains("not JSON"));
        assert!(broken.text().unwrap_err().contains("not text"));
    }

    #[test]
    fn a_path_and_what_follows_it_are_apart() {
        let request = |path: &str| IncomingRequest {
            method: "GET".to_owned(),
            authority: None,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        assert_eq!((request("/a?b?c").path(), request("/a?b?c").query()), ("/a", Some("b?c")));
        assert_eq!((request("/a").path(), request("/a").query()), ("/a", None));
    }

    #[test]
    fn a_body_is_written_piece_by_piece() {
        struct Kept(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
        impl Pieces for Kept {
            fn write<'a>(&'a mut self, bytes: &'a [u8]) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
                self.0.borrow_mut().extend_from_slice(bytes);
                Box::pin(std::future::ready(Ok(())))
            }
        }
        let kept = std::rc::Rc::default();
        let response = OutgoingResponse::new(200).stream(|mut body| async move {
            body.write("rye ").await?;
            body.write([98, 114]).await?;
            Err("burnt".to_owned())
        });
        let written = response.stream.unwrap().write(BodyWriter::new(Kept(std::rc::Rc::clone(&kept))));
        let polled =
            std::pin::pin!(written).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert_eq!(polled, std::task::Poll::Ready(Err("burnt".to_owned())));
        assert_eq!(*kept.borrow(), b"rye br");
    }

    #[test]
    fn a_response_says_what_its_body_is() {
        let response = OutgoingResponse::json(&1).unwrap().status(201).header("x", "y");
        assert_eq!(
            (response.status, response.body.as_slice(), response.headers.len()),
            (201, b"1".as_slice(), 2)
        );
        assert_eq!(OutgoingResponse::text("hi").headers[0].1, b"text/plain; charset=utf-8");
    }
}
