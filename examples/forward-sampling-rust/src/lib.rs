//! What `generate` does, by hand: one forward pass for each token, with the pass's input, sampler and output in plain sight.

use inferlet::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    prompt: String,
    temperature: f32,
    max_tokens: usize,
}

#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let model = Model::load("default")?;
    let stop = chat::stop_tokens(&model);
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();

    // ANCHOR: loop
    // The first pass feeds the whole question, each further one the token before.
    let mut unseen = ctx.take_buffer();
    let mut generated = Vec::new();
    while generated.len() < input.max_tokens {
        let token = next_token(&mut ctx, &unseen, Sampler::top_p(input.temperature, 0.95)).await?;
        if stop.contains(&token) {
            break;
        }
        generated.push(token);
        unseen = vec![token];
    }
    // ANCHOR_END: loop
    model.tokenizer().decode(&generated)
}

// ANCHOR: next_token
/// Feeds tokens and samples the one that follows the last of them.
async fn next_token(ctx: &mut Context, tokens: &[u32], sampler: Sampler) -> Result<u32> {
    let mut pass = ctx.forward();
    // Positions follow from what the context holds, and the pages for these tokens are reserved and committed by themselves.
    pass.input(tokens);
    let chosen = pass.sample(&[tokens.len() as u32 - 1], sampler);
    let output = pass.execute().await?;
    output.token(chosen).ok_or_else(|| "the pass returned no token".to_owned())
}
// ANCHOR_END: next_token
