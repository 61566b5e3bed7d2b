//! Streams an answer: one step of the generator at a time, each new piece of text printed as soon as it is there.

use std::io::Write;

use inferlet::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    prompt: String,
    max_tokens: usize,
}

#[inferlet::main]
async fn main(input: Input) -> Result<()> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();

    // ANCHOR: stream
    // A token may be half a character. The decoder keeps such bytes back until the rest has come.
    let mut decoder = chat::Decoder::new(&model);
    let mut generator = ctx.generate(Sampler::top_p(0.7, 0.95)).max_tokens(input.max_tokens);
    while let Some(step) = generator.next()? {
        let output = step.execute().await?;
        if let chat::Event::Delta(text) = decoder.feed(&output.tokens)? {
            print!("{text}");
            // Without this, text would wait for the end of its line.
            std::io::stdout().flush().map_err(|error| error.to_string())?;
        }
    }
    // ANCHOR_END: stream
    println!();
    Ok(())
}
