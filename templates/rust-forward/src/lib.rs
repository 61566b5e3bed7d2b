//! A sampling loop of its own: one forward pass for each token, the model's distribution read from
//! it, and the choice made here.

mod sampler;

use inferlet::prelude::*;
use inferlet::sample::Distribution;
use serde::{Deserialize, Serialize};

use sampler::SurpriseSampler;

/// How many of the likeliest tokens are looked at; what is further down would hardly be chosen.
const CANDIDATES: u32 = 64;

/// The parameters, as `Pie.toml` declares them.
#[derive(Deserialize)]
struct Input {
    prompt: String,
    max_tokens: usize,
    temperature: f32,
    surprise: f32,
    seed: u64,
}

#[derive(Serialize)]
struct Answer {
    text: String,
    /// Number of tokens that were generated.
    tokens: usize,
    /// How unlikely the chosen tokens were on average, in bits; 0 if each was certain.
    mean_surprise: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Answer> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();
    // The question is fed by the first pass of the loop; each further pass feeds the token before.
    let mut pending = ctx.take_buffer();

    let stop = chat::stop_tokens(&model);
    let mut sampler = SurpriseSampler::new(input.surprise, input.seed);
    let mut generated = Vec::new();
    while generated.len() < input.max_tokens {
        let token = next_token(&mut ctx, &pending, input.temperature, &mut sampler).await?;
        if stop.contains(&token) {
            break;
        }
        generated.push(token);
        pending = vec![token];
    }
    Ok(Answer {
        text: model.tokenizer().decode(&generated)?,
        tokens: generated.len(),
        mean_surprise: sampler.mean_surprise(),
    })
}

/// Feeds tokens to the model and chooses the one that follows.
async fn next_token(
    ctx: &mut Context,
    tokens: &[u32],
    temperature: f32,
    sampler: &mut SurpriseSampler,
) -> Result<u32> {
    let last = tokens
        .len()
        .checked_sub(1)
        .ok_or("there is nothing to continue")?;
    let mut pass = ctx.forward();
    pass.input(tokens);
    let probe = pass.probe(
        last as u32,
        Distribution {
            temperature,
            k: CANDIDATES,
        },
    );
    let output = pass.execute().await?;
    let (candidates, probabilities) = output
        .distribution(probe)
        .ok_or("the pass returned no distribution")?;
    let chosen = sampler
        .choose(probabilities)
        .ok_or("the distribution is empty")?;
    Ok(candidates[chosen])
}
