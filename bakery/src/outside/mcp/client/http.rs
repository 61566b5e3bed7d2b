//! A server over HTTP: the library's client, whose answers are looked at before the library has them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, CustomResult, ErrorCode, ErrorData, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage, ServerResult,
};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
    StreamableHttpError, StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use serde_json::Value;
use sse_stream::Sse;

use super::message::{chain, message, number_of, replied, shown};
use super::{MOST_MESSAGE, PARSE_ERROR};

/// How often a request may be sent on to another path.
const MOST_REDIRECTS: usize = 10;

/// The library's side of a server at this URL. Within a runtime.
pub(super) fn transport(
    name: &str,
    url: &str,
) -> Result<StreamableHttpClientTransport<Http>, reqwest::Error> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    config.max_sse_event_size = MOST_MESSAGE;
    config.max_json_response_size = MOST_MESSAGE;
    Ok(StreamableHttpClientTransport::with_client(Http { client: http_client()?, name: name.into() }, config))
}

/// The connections to servers over HTTP.
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Whoever comes first installs it; they are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A request may be sent on within its own server, where that keeps its method and body.
    let redirects = redirect::Policy::custom(|attempt| {
        let keeps = matches!(attempt.status().as_u16(), 307 | 308);
        let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        match keeps && same && attempt.previous().len() <= MOST_REDIRECTS {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    });
    // Proxies would come from the environment of the process, and connections that are kept may stall.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).redirect(redirects).build()
}

/// The library's client between ours.
#[derive(Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    /// What the server is called.
    name: Arc<str>,
}

/// Why a server cannot be spoken to. The library shows the failure of a request without its cause.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<HttpError>() {
        Some(StreamableHttpError::Client(error)) => chain(error),
        _ => chain(error),
    }
}

type HttpError = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

impl StreamableHttpClient for Http {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let asked = match &message {
            JsonRpcMessage::Request(request) => Some(Asked {
                name: Arc::clone(&self.name),
                id: request.id.clone(),
                handshake: matches!(request.request, ClientRequest::InitializeRequest(_)),
            }),
            _ => None,
        };
        let response = self
            .client
            .post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits)
            .await?;
        let Some(asked) = asked else { return Ok(response) };
        Ok(match response {
            StreamableHttpPostResponse::Json(message, session) => {
                let message = asked.fitting(message).map_err(unexpected)?;
                StreamableHttpPostResponse::Json(message, session)
            }
            StreamableHttpPostResponse::Sse(events, session) => {
                let events = events.map(move |event| event.map(|event| asked.fitting_event(event)));
                StreamableHttpPostResponse::Sse(events.boxed(), session)
            }
            other => other,
        })
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), HttpError> {
        self.client.delete_session(uri, session_id, auth_header, custom_headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<Events, HttpError> {
        let size = MOST_MESSAGE;
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            size,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<Events, HttpError> {
        let events = self
            .client
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                custom_headers,
                max_sse_event_size,
            )
            .await?;
        // An answer may come here too, after its own stream has broken off.
        Ok(events.map(|event| event.map(as_string)).boxed())
    }
}

fn unexpected(what: String) -> HttpError {
    StreamableHttpError::UnexpectedServerResponse(what.into())
}

/// The result in an event becomes a string, if there is one.
fn as_string(mut event: Sse) -> Sse {
    let message = event.data.as_deref().and_then(|data| message(data, false).ok());
    if let Some(text) = message.and_then(|message| serde_json::to_string(&message).ok()) {
        event.data = Some(text);
    }
    event
}

/// A request that was sent by HTTP.
struct Asked {
    name: Arc<str>,
    id: RequestId,
    handshake: bool,
}

impl Asked {
    /// A message that may come as its answer; else what the server did.
    fn fitting(&self, message: ServerJsonRpcMessage) -> Result<ServerJsonRpcMessage, String> {
        if let Some(Some(id)) = replied(&message)
            && number_of(id) != number_of(&self.id)
        {
            return Err(format!(
                "the id of the answer is {}, that of the request {}",
                shown(&id.to_string()),
                self.id
            ));
        }
        match message {
            JsonRpcMessage::Response(mut response) if !self.handshake => {
                if !matches!(&response.result, ServerResult::CustomResult(CustomResult(Value::String(_)))) {
                    let text = serde_json::to_string(&response.result).map_err(|cause| cause.to_string())?;
                    response.result = ServerResult::CustomResult(CustomResult(Value::String(text)));
                }
                Ok(JsonRpcMessage::Response(response))
            }
            JsonRpcMessage::Error(mut error) => {
                error.id = Some(self.id.clone());
                Ok(JsonRpcMessage::Error(error))
            }
            other => Ok(other),
        }
    }

    /// The same for an event, in which the answer is an error if it is not fitting: the library would pass over it.
    fn fitting_event(&self, mut event: Sse) -> Sse {
        let is_message = matches!(event.event.as_deref(), None | Some("" | "message"));
        let Some(data) = event.data.as_deref().filter(|data| is_message && !data.trim().is_empty()) else {
            return event;
        };
        let fitting = message(data, self.handshake).and_then(|message| self.fitting(message));
        let fitting = fitting.unwrap_or_else(|cause| {
            let text = format!(
                "the MCP server `{}` has sent what does not fit: {} ({cause})",
                self.name,
                shown(data)
            );
            let error = ErrorData::new(ErrorCode(PARSE_ERROR), text, None);
            JsonRpcMessage::error(error, Some(self.id.clone()))
        });
        if let Ok(text) = serde_json::to_string(&fitting) {
            event.data = Some(text);
        }
        event
    }
}
