//! A skeleton of thought: an outline comes first, and then all its points are written at the same time.

use futures::future::try_join_all;
use inferlet::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    question: String,
    max_tokens: usize,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let mut ctx = Context::new(&Model::load("default")?)?;
    ctx.system("You answer in points.")
        .user(&format!("{} Give an outline, a line for each point.", input.question));
    let outline = ctx.cue().generate(Sampler::Argmax).max_tokens(96).collect_text().await?;
    // What all points share is read once.
    ctx.seal().flush().await?;

    let points = outline.lines().filter(|line| !line.trim().is_empty());
    let written = try_join_all(points.map(|point| write(&ctx, point, input.max_tokens))).await?;
    Ok(written.join("\n"))
}

/// One point, in a fork that has read the outline and none of the other points.
async fn write(outline: &Context, point: &str, max_tokens: usize) -> Result<String> {
    let mut ctx = outline.fork()?;
    ctx.user(&format!("Write only this point, in one sentence: {point}")).cue();
    let text = ctx.generate(Sampler::Argmax).max_tokens(max_tokens).collect_text().await?;
    Ok(format!("{point}: {text}"))
}
// ANCHOR_END: main
