//! Map and reduce: a long text is summarized in parts, each by a run of this program, and then the summaries are.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::{ChildExt, launch};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Input {
    text: String,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let parts: Vec<&str> = input.text.split("\n\n").collect();
    if parts.len() < 2 {
        return summarize(&input.text).await;
    }
    // All parts are launched before the first is waited for, so that they share the engine's steps.
    let part = |text: &&str| launch("map-reduce-rust", &Input { text: text.trim().to_owned() });
    let children = parts.iter().map(part).collect::<Result<Vec<_>>>()?;
    let summaries: Vec<String> = try_join_all(children.iter().map(ChildExt::answer_async)).await?;
    summarize(&summaries.join(" ")).await
}
// ANCHOR_END: main

async fn summarize(text: &str) -> Result<String> {
    let mut ctx = Context::new(&Model::load("default")?)?;
    ctx.system("You say in one sentence what a text says.").user(text).cue();
    ctx.generate(Sampler::Argmax).max_tokens(64).collect_text().await
}
