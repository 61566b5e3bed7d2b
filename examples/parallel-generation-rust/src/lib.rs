//! Three texts at once. Their beginning is the same, so the model reads it once; then each goes on in a fork of its own.

use futures::join;
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    topic: String,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Texts {
    story: String,
    joke: String,
    advice: String,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Texts> {
    let model = Model::load("default")?;
    let mut shared = Context::new(&model)?;
    shared.system(&format!("You write short texts about {}.", input.topic));
    // Forks share what has been flushed. What is only buffered would be computed by each of them again.
    shared.flush().await?;

    // Nothing has run yet: these are futures. Joined, their passes are in flight together and share the engine's steps, so that
    // three texts take about as many steps as the longest one.
    let write = |request| write(&shared, request, input.max_tokens);
    let (story, joke, advice) = join!(write("Tell a story."), write("Tell a joke."), write("Give advice."));
    Ok(Texts { story: story?, joke: joke?, advice: advice? })
}
// ANCHOR_END: main

// ANCHOR: write
/// One text, in a fork that is gone afterwards.
async fn write(shared: &Context, request: &str, max_tokens: usize) -> Result<String> {
    let mut ctx = shared.fork()?;
    ctx.user(request).cue();
    ctx.generate(Sampler::Argmax).max_tokens(max_tokens).collect_text().await
}
// ANCHOR_END: write
