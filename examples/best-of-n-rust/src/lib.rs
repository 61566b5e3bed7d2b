//! Best of n: several answers are drawn at once, and the one that the model finds most probable wins.
//!
//! The score is the mean log-probability of the answer's tokens. Each is known when its token is drawn: a probe in the same pass has
//! the distribution that it was drawn from.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::sample::Distribution;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Input {
    prompt: String,
    n: usize,
    temperature: f32,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Best {
    text: String,
    score: f32,
    /// The scores of all, best first.
    scores: Vec<f32>,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Best> {
    let model = Model::load("default")?;
    let mut prompt = Context::new(&model)?;
    prompt.user(&input.prompt).cue();
    // ANCHOR: join
    let mut answers = try_join_all((0..input.n).map(|_| answer(&prompt, &input))).await?;
    // ANCHOR_END: join
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let scores = answers.iter().map(|(score, _)| *score).collect();
    let (score, text) = answers.into_iter().next().ok_or("there is no answer to choose from")?;
    Ok(Best { text, score, scores })
}

// ANCHOR: answer
/// Draws an answer in a fork, and scores it.
async fn answer(prompt: &Context, input: &Input) -> Result<(f32, String)> {
    let mut ctx = prompt.fork()?;
    let model = ctx.model().clone();
    let mut g = ctx.generate(Sampler::top_p(input.temperature, 0.95)).max_tokens(input.max_tokens);
    let seen = g.probe_each_step(0, Distribution { temperature: 1.0, k: 0 });
    let (mut tokens, mut logprob) = (Vec::new(), 0.0);
    while let Some(step) = g.next()? {
        let out = step.execute().await?;
        let Some(&token) = out.tokens.first() else { break };
        let (ids, probabilities) = out.distribution(seen).ok_or("the pass has no distribution")?;
        let place = ids.iter().position(|&id| id == token).ok_or("the token has no probability")?;
        logprob += probabilities[place].ln();
        tokens.push(token);
    }
    Ok((logprob / tokens.len().max(1) as f32, model.tokenizer().decode(&tokens)?))
}
// ANCHOR_END: answer
