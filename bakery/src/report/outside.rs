//! What the timeline says about questions to the outside and their answers.

use pie_engine::outside::{Answer, HttpRequest, HttpResponse, Question};
use pie_engine::trace::Whole;

use super::visible;

/// How many characters of a body or a value are shown.
const SHOWN: usize = 64;

pub(super) fn question(question: &Question) -> String {
    match question {
        Question::HttpRequest(asked) => request("asked", asked),
        Question::McpServers => "asked which MCP servers there are".to_owned(),
        Question::McpConnect { server } => format!("asked to connect to the MCP server {server:?}"),
        Question::McpCall { session, method, params } => {
            format!("called {} in {session}{}", visible::on_one_line(method), with(params))
        }
    }
}

pub(super) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::HttpResponse(answered) => response("answered", answered),
        Answer::HttpFailed { code, message } => {
            format!("failed with `{}`: {}", visible::on_one_line(code), visible::on_one_line(message))
        }
        Answer::McpServers { names } if names.is_empty() => "answered that there are none".to_owned(),
        Answer::McpServers { names } => {
            format!(
                "answered {}",
                names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
            )
        }
        Answer::McpConnected => "the session is open".to_owned(),
        Answer::McpResult { result } => format!("answered{}", with(result)),
        Answer::McpFailed { code, message, .. } => {
            format!("failed with {code}: {}", visible::on_one_line(message))
        }
        Answer::Failed { message } => format!("failed: {}", visible::on_one_line(message)),
    }
}

pub(super) fn request(verb: &str, HttpRequest { method, url, body, .. }: &HttpRequest) -> String {
    format!("{verb} {} {}{}", visible::on_one_line(method), visible::on_one_line(url), with(body))
}

pub(super) fn response(verb: &str, HttpResponse { status, body, .. }: &HttpResponse) -> String {
    format!("{verb} {status}{}", with(body))
}

pub(super) fn denied(method: &str, url: &str, message: &str) -> String {
    let (method, url) = (visible::on_one_line(method), visible::on_one_line(url));
    format!("was denied {method} {url}: {}", visible::on_one_line(message))
}

/// The beginning of a body, if there is one.
fn with(body: &Whole) -> String {
    let bytes = body.len();
    match body.as_str() {
        Some("") => String::new(),
        Some(text) if text.chars().count() <= SHOWN => format!(" with {}", visible::on_one_line(text)),
        Some(text) => {
            let head: String = text.chars().take(SHOWN).collect();
            format!(" with {}… ({bytes} bytes)", visible::on_one_line(&head))
        }
        None => format!(" with {bytes} bytes"),
    }
}
