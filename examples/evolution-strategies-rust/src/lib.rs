//! Trains an adapter without gradients. In each round some candidates, which are the adapter plus noise, are scored; then the
//! adapter moves towards those that did best. A candidate is nothing but a seed: the engine makes its noise again from it.
//!
//! The score here is how probable the model finds a given answer, which one pass over the answer tells. Any number will do: whether
//! generated code compiles, what a reader thinks of a summary.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::sample::Logprob;
use inferlet::zo;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    prompt: String,
    goal: String,
    rounds: i64,
    population: u32,
}

#[derive(Serialize)]
struct Progress {
    /// The score without an adapter.
    before: f32,
    /// The mean score of the candidates of each round.
    rounds: Vec<f32>,
    /// The score of the adapter in the end.
    after: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Progress> {
    let model = Model::load("default")?;
    let task = Task::new(&model, &input)?;
    // ANCHOR: train
    let adapter = Adapter::create(&model, "taste")?;
    let population_size = input.population;
    let settings =
        zo::Settings { rank: 4, alpha: 4.0, population_size, mu_fraction: 0.5, initial_sigma: 0.2 };
    zo::initialize(&adapter, settings)?;

    let before = task.score(None, None).await?;
    let mut rounds = Vec::new();
    for round in 0..input.rounds {
        let seeds: Vec<i64> = (0..i64::from(population_size)).map(|i| round << 32 | i).collect();
        let candidates = seeds.iter().map(|&seed| task.score(Some(&adapter), Some(seed)));
        let scores = try_join_all(candidates).await?;
        zo::update(&adapter, &scores, &seeds, 1.0)?;
        rounds.push(scores.iter().sum::<f32>() / scores.len() as f32);
    }
    let after = task.score(Some(&adapter), None).await?;
    // ANCHOR_END: train
    adapter.save("/scratch/taste.safetensors")?;
    adapter.destroy();
    Ok(Progress { before, rounds, after })
}

/// A question and the answer that is wanted.
struct Task {
    model: Model,
    prompt: Vec<u32>,
    goal: Vec<u32>,
}

impl Task {
    fn new(model: &Model, input: &Input) -> Result<Task> {
        let mut ctx = Context::new(model)?;
        let prompt = ctx.user(&input.prompt).cue().take_buffer();
        Ok(Task { model: model.clone(), prompt, goal: model.tokenizer().encode(&input.goal) })
    }

    // ANCHOR: score
    /// The mean log-probability of the answer's tokens, under the adapter or a candidate of it.
    async fn score(&self, adapter: Option<&Adapter>, seed: Option<i64>) -> Result<f32> {
        let mut ctx = Context::new(&self.model)?;
        let mut pass = ctx.forward();
        pass.input(&self.prompt).input(&self.goal[..self.goal.len() - 1]);
        if let Some(adapter) = adapter {
            pass.adapter(adapter);
        }
        if let Some(seed) = seed {
            pass.zo_seed(seed);
        }
        // Behind the last token of the prompt the first of the answer is predicted.
        let first = self.prompt.len() as u32 - 1;
        let probes: Vec<_> =
            (first..).zip(&self.goal).map(|(index, &token)| pass.probe(index, Logprob(token))).collect();
        let output = pass.execute().await?;
        let logprobs = probes.into_iter().filter_map(|probe| output.logprobs(probe)).flatten();
        Ok((logprobs.copied().map(f64::from).sum::<f64>() / self.goal.len() as f64) as f32)
    }
    // ANCHOR_END: score
}
