//! Three texts at once in a cache that has no room for all of them. Each bids for its pages; who bids least gives way, and comes back when
//! there is room.
//!
//! Run it with few pages, `--pages 8`, or nobody has to give way. The texts are the same in any case: bids decide when, never what.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::scheduling;
use serde::{Deserialize, Serialize};
use std::cell::Cell;

const TOPICS: [&str; 3] = ["a lighthouse", "a baker", "the moon"];

#[derive(Deserialize)]
struct Input {
    /// One for each topic.
    bids: Vec<f64>,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Written {
    topic: &'static str,
    bid: f64,
    text: String,
    /// 1 for the text that was done first.
    place: usize,
    /// The most that a page of it cost in a step, in credits: never more than its bid, and nothing while nobody waits.
    highest_rent: f64,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Written>> {
    let model = Model::load("default")?;
    let done = Cell::new(0);
    let texts = TOPICS.into_iter().zip(&input.bids);
    let texts = texts.map(|(topic, &bid)| write(&model, topic, bid, input.max_tokens, &done));
    try_join_all(texts).await
}

// ANCHOR: write
/// Writes one text, and offers the same for its pages in each step.
async fn write(
    model: &Model,
    topic: &'static str,
    bid: f64,
    max_tokens: usize,
    done: &Cell<usize>,
) -> Result<Written> {
    let mut ctx = Context::new(model)?;
    ctx.user(&format!("Tell a story about {topic}.")).cue();
    // It holds until it is changed: only a generator bids by itself.
    ctx.set_bid(bid);
    let mut unseen = ctx.take_buffer();
    let (mut tokens, mut highest_rent) = (Vec::new(), 0.0_f64);
    while tokens.len() < max_tokens {
        let token = next_token(&mut ctx, &unseen).await?;
        highest_rent = highest_rent.max(scheduling::rent(&ctx));
        if chat::stop_tokens(model).contains(&token) {
            break;
        }
        tokens.push(token);
        unseen = vec![token];
    }
    done.set(done.get() + 1);
    let text = model.tokenizer().decode(&tokens)?;
    Ok(Written { topic, bid, text, place: done.get(), highest_rent })
}
// ANCHOR_END: write

async fn next_token(ctx: &mut Context, tokens: &[u32]) -> Result<u32> {
    let mut pass = ctx.forward();
    pass.input(tokens);
    let chosen = pass.sample(&[tokens.len() as u32 - 1], Sampler::Argmax);
    pass.execute().await?.token(chosen).ok_or_else(|| "the pass returned no token".to_owned())
}
