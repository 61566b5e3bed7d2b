//! A generation in which each token sees the first few tokens and the last ones, and nothing between: the cost of a token stays the same
//! however long the text becomes.
//!
//! The first tokens draw much attention whatever they say; without them, text from transformers falls apart once they leave the window. The
//! observation and the method are those of Xiao et al., "Efficient Streaming Language Models with Attention Sinks" (2023).

use inferlet::brle;
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    prompt: String,
    sink: u32,
    window: u32,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Streamed {
    text: String,
    /// Length of the whole sequence.
    tokens: u32,
    /// How many of them the last token saw.
    seen: u32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Streamed> {
    let model = Model::load("default")?;
    let stop = chat::stop_tokens(&model);
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();

    let mut unseen = ctx.take_buffer();
    let mut generated = Vec::new();
    // ANCHOR: loop
    while generated.len() < input.max_tokens {
        let start = ctx.seq_len();
        let masks: Vec<Vec<u32>> =
            (start..start + unseen.len() as u32).map(|at| sink_and_window(at, &input)).collect();
        let mut pass = ctx.forward();
        pass.input(&unseen).attention_mask(&masks);
        let chosen = pass.sample(&[unseen.len() as u32 - 1], Sampler::Argmax);
        let token = pass.execute().await?.token(chosen).ok_or("the pass returned no token")?;
        if stop.contains(&token) {
            break;
        }
        generated.push(token);
        unseen = vec![token];
    }
    // ANCHOR_END: loop
    let tokens = ctx.seq_len();
    let seen = tokens.min(input.sink + input.window);
    Ok(Streamed { text: model.tokenizer().decode(&generated)?, tokens, seen })
}

// ANCHOR: mask
/// What the token at `at` sees: the first tokens, and the last ones up to itself.
fn sink_and_window(at: u32, input: &Input) -> Vec<u32> {
    let end = at + 1;
    brle::from_ranges([0..input.sink, end.saturating_sub(input.window)..end], end)
}
// ANCHOR_END: mask
