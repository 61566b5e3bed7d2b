//! Greets a person: one question to the model, one answer.

use inferlet::prelude::*;
use serde::Deserialize;

// ANCHOR: input
#[derive(Deserialize)]
struct Input {
    /// Whom to greet.
    name: String,
}
// ANCHOR_END: input

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("You greet people warmly, in one sentence.").user(&format!("Greet {}.", input.name)).cue();
    ctx.generate(Sampler::Argmax).max_tokens(64).collect_text().await
}
// ANCHOR_END: main
