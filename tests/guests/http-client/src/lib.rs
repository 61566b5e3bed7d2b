//! Sends the requests in its input, one after another or at once, and says what came back. With `say`, it does so too after each.

use futures::future::join_all;
use inferlet::http::Request;
use inferlet::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Deserialize)]
struct Input {
    requests: Vec<Asked>,
    #[serde(default)]
    at_once: bool,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    timeout_ms: Option<u64>,
    /// Say only how long the body is.
    #[serde(default)]
    count: bool,
}

fn get() -> String {
    "GET".to_owned()
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Value>> {
    let requests = input.requests.into_iter().map(ask);
    if input.at_once {
        return Ok(join_all(requests).await);
    }
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await);
    }
    Ok(answers)
}

async fn ask(asked: Asked) -> Value {
    let mut request = Request::new(asked.method, asked.url).body(asked.body);
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    if let Some(milliseconds) = asked.timeout_ms {
        request = request.timeout(Duration::from_millis(milliseconds));
    }
    match request.send().await {
        Err(error) => json!({ "error": error }),
        Ok(response) => {
            let headers: Vec<(String, String)> = response
                .headers()
                .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
                .collect();
            let status = response.status();
            let body = response.bytes();
            let body = if asked.count { json!(body.len()) } else { json!(String::from_utf8_lossy(&body)) };
            json!({ "status": status, "headers": headers, "body": body })
        }
    }
}
