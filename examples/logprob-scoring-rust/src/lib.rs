//! Ranks given answers by their probability, without generating anything: the model only reads them.
//!
//! The probability of an answer is the product of the probabilities of its tokens, each behind those before it. One pass over the
//! answer has them all, because a pass predicts at every position.

use inferlet::prelude::*;
use inferlet::sample::Logprob;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    question: String,
    answers: Vec<String>,
}

#[derive(Serialize)]
struct Scored {
    answer: String,
    /// Natural logarithm of the probability.
    logprob: f32,
    /// The same for each token on average, which does not favour short answers.
    mean_logprob: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Scored>> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.question).cue();
    // The question is fed once, but for its last token: behind that one the first token of an answer is predicted, so it
    // opens the pass of each answer.
    let mut question = ctx.take_buffer();
    let last = question.pop().ok_or("there is no question")?;
    ctx.append(&question).flush().await?;

    let mut ranking = Vec::new();
    for answer in input.answers {
        ranking.push(score(&ctx, last, answer).await?);
    }
    ranking.sort_by(|a, b| b.mean_logprob.total_cmp(&a.mean_logprob));
    Ok(ranking)
}

// ANCHOR: score
/// Reads an answer in a fork, so that no answer sees another.
async fn score(question: &Context, last: u32, answer: String) -> Result<Scored> {
    let mut ctx = question.fork()?;
    let mut tokens = ctx.model().tokenizer().encode(&answer);
    // The end of the turn counts: an answer that should go on is not a good one.
    tokens.extend(chat::seal(ctx.model()));

    let mut pass = ctx.forward();
    pass.input(&[last]).input(&tokens[..tokens.len() - 1]);
    let probes: Vec<_> =
        (0..).zip(&tokens).map(|(index, &token)| pass.probe(index, Logprob(token))).collect();
    let output = pass.execute().await?;
    let logprob: f32 = probes.into_iter().filter_map(|probe| output.logprobs(probe)).flatten().sum();
    Ok(Scored { answer, logprob, mean_logprob: logprob / tokens.len() as f32 })
}
// ANCHOR_END: score
