//! How far back does the model have to look? The same text is read with windows of different sizes, each in one pass with a mask for every
//! token, and the model's surprise at the text is compared.

use futures::future::try_join_all;
use inferlet::brle;
use inferlet::prelude::*;
use inferlet::sample::Logprob;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    windows: Vec<u32>,
    text: String,
}

#[derive(Serialize)]
struct Reading {
    /// How many tokens each token saw at most, itself included.
    window: u32,
    /// Mean surprise at a token, in nats; less is better.
    surprise: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Reading>> {
    let model = Model::load("default")?;
    let tokens = model.tokenizer().encode(&input.text);
    if tokens.len() < 2 {
        return Err("the text is too short to be surprised at".to_owned());
    }
    // The readings know nothing of each other, so their passes share a step.
    try_join_all(input.windows.iter().map(|&window| read(&model, &tokens, window.max(1)))).await
}

// ANCHOR: read
/// Reads the tokens in one pass, in which each sees only the last `window` up to itself.
async fn read(model: &Model, tokens: &[u32], window: u32) -> Result<Reading> {
    let mut ctx = Context::new(model)?;
    let mut pass = ctx.forward();
    let ends = 1..=tokens.len() as u32;
    let masks: Vec<Vec<u32>> =
        ends.map(|end| brle::from_ranges(std::iter::once(end.saturating_sub(window)..end), end)).collect();
    pass.input(tokens).attention_mask(&masks);
    // At each token, how probable was the one that came next?
    let probes: Vec<_> = (0..).zip(&tokens[1..]).map(|(at, &next)| pass.probe(at, Logprob(next))).collect();
    let output = pass.execute().await?;
    let logprobs = probes.iter().filter_map(|&probe| output.logprobs(probe)?.first());
    let surprise = -logprobs.sum::<f32>() / probes.len() as f32;
    Ok(Reading { window, surprise })
}
// ANCHOR_END: read
