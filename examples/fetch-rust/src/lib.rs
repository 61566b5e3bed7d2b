//! Fetches a text and lets the model summarise it. The manifest says which hosts it may ask; what was answered is in the trace, and a run can be
//! replayed from there without a network.

use inferlet::http;
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    url: String,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Answer {
    characters: usize,
    summary: String,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Answer> {
    // `success` makes an error of a status such as 404, and `text` of a body that is none.
    let page = http::get(&input.url).await?.success()?.text()?;

    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("Summarise what you are given in one sentence.").user(&page).cue();
    let summary = ctx.generate(Sampler::top_p(0.6, 0.95)).max_tokens(input.max_tokens).collect_text().await?;
    Ok(Answer { characters: page.chars().count(), summary })
}
// ANCHOR_END: main
