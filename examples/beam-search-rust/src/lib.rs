//! Beam search: several continuations grow side by side, and after each token only the most probable ones live on.
//!
//! Each beam is a context of its own. A beam that goes on in two ways is forked, which shares its full pages; one that is given up
//! is dropped, which frees its pages at once.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::sample::Distribution;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    prompt: String,
    beams: usize,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Continuation {
    text: String,
    /// Natural logarithm of its probability.
    logprob: f32,
}

/// A continuation under way.
struct Beam {
    ctx: Context,
    /// What the model has to see before it can say what follows.
    unseen: Vec<u32>,
    tokens: Vec<u32>,
    logprob: f32,
}

/// A token that a beam may go on with.
#[derive(Clone, Copy)]
struct Candidate {
    /// The number of the beam.
    parent: usize,
    token: u32,
    /// Of the beam with this token.
    logprob: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Continuation>> {
    let model = Model::load("default")?;
    let stop = chat::stop_tokens(&model);
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();
    let unseen = ctx.take_buffer();

    // ANCHOR: search
    let mut beams = vec![Beam { ctx, unseen, tokens: Vec::new(), logprob: 0.0 }];
    let mut finished = Vec::new();
    for _ in 0..input.max_tokens {
        // Joined, the passes of all beams are in flight together, and the engine batches them.
        let passes = beams.iter_mut().enumerate().map(|(number, beam)| beam.candidates(number, input.beams));
        let mut candidates = try_join_all(passes).await?.concat();
        candidates.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        candidates.truncate(input.beams - finished.len());

        let (ended, open): (Vec<Candidate>, Vec<Candidate>) =
            candidates.into_iter().partition(|c| stop.contains(&c.token));
        finished.extend(ended.iter().map(|end| (beams[end.parent].tokens.clone(), end.logprob)));
        beams = open.iter().map(|next| beams[next.parent].grown(next)).collect::<Result<_>>()?;
        if beams.is_empty() {
            break;
        }
    }
    // ANCHOR_END: search

    finished.extend(beams.into_iter().map(|beam| (beam.tokens, beam.logprob)));
    finished.sort_by(|a, b| b.1.total_cmp(&a.1));
    let text = |tokens: Vec<u32>| model.tokenizer().decode(&tokens);
    finished.into_iter().map(|(tokens, logprob)| Ok(Continuation { text: text(tokens)?, logprob })).collect()
}

impl Beam {
    /// The `count` most probable ways to go on.
    async fn candidates(&mut self, parent: usize, count: usize) -> Result<Vec<Candidate>> {
        let last = self.unseen.len() as u32 - 1;
        let mut pass = self.ctx.forward();
        pass.input(&self.unseen);
        let probe = pass.probe(last, Distribution { temperature: 1.0, k: count as u32 });
        let output = pass.execute().await?;
        let (tokens, probabilities) = output.distribution(probe).ok_or("the pass has no distribution")?;
        let candidate = |(&token, probability): (&u32, &f32)| Candidate {
            parent,
            token,
            logprob: self.logprob + probability.ln(),
        };
        Ok(tokens.iter().zip(probabilities).map(candidate).collect())
    }

    // ANCHOR: grown
    /// This beam with one more token, in a context of its own.
    fn grown(&self, next: &Candidate) -> Result<Beam> {
        let tokens = [self.tokens.as_slice(), &[next.token]].concat();
        Ok(Beam { ctx: self.ctx.fork()?, unseen: vec![next.token], tokens, logprob: next.logprob })
    }
    // ANCHOR_END: grown
}
