//! Some models think before they answer, in a marked block. Two decoders read the same tokens: one finds the thoughts, the other
//! what is meant for the user.
//!
//! Run it with `--script replies.toml`: the dummy model then thinks.

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    question: String,
    max_tokens: usize,
}

#[derive(Default, Serialize)]
struct Reply {
    thoughts: String,
    answer: String,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Reply> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.question).cue();

    // ANCHOR: decoders
    let mut reply = Reply::default();
    let mut thoughts = reasoning::Decoder::new(&model);
    let mut answer = chat::Decoder::new(&model);
    let mut generator = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens);
    while let Some(step) = generator.next()? {
        let output = step.execute().await?;
        match thoughts.feed(&output.tokens)? {
            reasoning::Event::Delta(text) => reply.thoughts += &text,
            reasoning::Event::End(whole) => reply.thoughts = whole,
            reasoning::Event::Start | reasoning::Event::Idle => {}
        }
        if let chat::Event::Delta(text) = answer.feed(&output.tokens)? {
            reply.answer += &text;
        }
    }
    Ok(reply)
    // ANCHOR_END: decoders
}
