//! HTTP: requests that go out, and the one that an inferlet responds to.
//!
//! An inferlet reaches the hosts that its manifest lists, and no others:
//!
//! ```toml
//! [permissions]
//! network = ["api.example.com", "*.example.org", "localhost:8080"]
//! ```
//!
//! ```no_run
//! # async fn example() -> inferlet::Result<()> {
//! use inferlet::http;
//!
//! let page = http::get("https://api.example.com/bread").await?.success()?.text()?;
//! let answer: serde_json::Value = http::Request::post("https://api.example.com/orders")
//!     .header("accept", "application/json")
//!     .json(&serde_json::json!({ "loaves": 2 }))?
//!     .send()
//!     .await?
//!     .json()?;
//! # Ok(())
//! # }
//! ```
//!
//! Requests are futures as everything else: several that are joined are under way at once. Redirects are not followed. Bodies are whole, up to a limit, and what the
//! engine records of a run has them, without what is secret in headers; so a run can be replayed without a network. Only a response that an inferlet
//! gives can be written while its client reads it: [`OutgoingResponse::stream`].
//!
//! An inferlet that *responds* to requests has [`#[inferlet::http]`](macro@crate::http) in the place of `#[inferlet::main]`, and runs under `bakery run --http
//! 127.0.0.1:8080`, once for each request:
//!
//! ```no_run
//! # mod program {
//! use inferlet::http::{IncomingRequest, OutgoingResponse};
//!
//! #[inferlet::http]
//! async fn handle(request: IncomingRequest) -> inferlet::Result<OutgoingResponse> {
//!     match (request.method(), request.path()) {
//!         ("POST", "/bread") => OutgoingResponse::json(&request.json::<Vec<String>>()?.len()),
//!         _ => Ok(OutgoingResponse::new(404).body("there is only bread\n")),
//!     }
//! }
//! # }
//! # fn main() {}
//! ```

mod message;
mod url;
#[cfg(not(test))]
pub(crate) mod wire;

pub use message::{BodyWriter, IncomingRequest, OutgoingResponse, Request, Response};

/// Gets what is at a URL.
#[cfg(not(test))]
pub async fn get(url: &str) -> crate::Result<Response> {
    Request::get(url).send().await
}

#[cfg(not(test))]
impl Request {
    /// Sends the request and waits for all of the response, whatever its status is. The error says what was asked and why there is no response.
    pub async fn send(self) -> crate::Result<Response> {
        wire::send(self).await
    }
}
