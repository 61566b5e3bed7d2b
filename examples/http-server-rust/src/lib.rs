//! A small completion endpoint: a prompt comes in as JSON, the answer goes out as JSON. Each request is an instance of its own.

use inferlet::http::{IncomingRequest, OutgoingResponse};
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Question {
    prompt: String,
    #[serde(default = "default_max_tokens")]
    max_tokens: usize,
}

fn default_max_tokens() -> usize {
    64
}

#[derive(Serialize)]
struct Answer {
    text: String,
}

// ANCHOR: handle
#[inferlet::http]
async fn handle(request: IncomingRequest) -> Result<OutgoingResponse> {
    match (request.method(), request.path()) {
        ("POST", "/complete") => match request.json() {
            Ok(question) => OutgoingResponse::json(&complete(question).await?),
            Err(why) => Ok(OutgoingResponse::text(why).status(400)),
        },
        ("GET", "/health") => Ok(OutgoingResponse::text("fresh\n")),
        _ => Ok(OutgoingResponse::text("POST a prompt to /complete\n").status(404)),
    }
}
// ANCHOR_END: handle

async fn complete(question: Question) -> Result<Answer> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&question.prompt).cue();
    let text = ctx.generate(Sampler::top_p(0.6, 0.95)).max_tokens(question.max_tokens).collect_text().await?;
    Ok(Answer { text })
}
