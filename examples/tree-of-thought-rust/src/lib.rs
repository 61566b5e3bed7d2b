//! A tree of thought: from each thought several next steps are tried, each in a fork, and the model rates them. The best live on.

use futures::future::try_join_all;
use inferlet::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    numbers: String,
    ways: usize,
    kept: usize,
    steps: usize,
}

/// A line of thought: the steps so far, and a context that has read them.
struct Thought {
    ctx: Context,
    steps: Vec<String>,
    /// How promising the model finds the last step, from 0 to 9.
    rating: u32,
}

// ANCHOR: search
#[inferlet::main]
async fn main(input: Input) -> Result<Vec<String>> {
    let mut ctx = Context::new(&Model::load("default")?)?;
    ctx.system("You make 24 of some numbers, with one operation a step.").flush().await?;
    let mut thoughts = vec![Thought { ctx, steps: vec![input.numbers], rating: 0 }];
    for _ in 0..input.steps {
        let ways = thoughts.iter().flat_map(|thought| (1..=input.ways).map(|way| thought.next(way)));
        thoughts = try_join_all(ways).await?;
        // Equals stay in the order in which they were tried. What is dropped gives its pages back.
        thoughts.sort_by_key(|thought| std::cmp::Reverse(thought.rating));
        thoughts.truncate(input.kept);
    }
    thoughts.into_iter().next().map(|best| best.steps).ok_or_else(|| "no thought was kept".to_owned())
}
// ANCHOR_END: search

impl Thought {
    // ANCHOR: next
    /// This thought and one step more, with a rating.
    async fn next(&self, way: usize) -> Result<Thought> {
        let last = &self.steps[self.steps.len() - 1];
        let mut ctx = self.ctx.fork()?;
        let step = ask(&mut ctx, &format!("From {last}, try way {way}.")).await?;
        // It is rated in a fork too, so that the line of thought does not hold the question.
        let rating = ask(&mut ctx.fork()?, &format!("How promising is {step}, from 0 to 9?")).await?;
        let rating = rating.chars().find_map(|char| char.to_digit(10)).unwrap_or(0);
        Ok(Thought { ctx, steps: [self.steps.as_slice(), &[step]].concat(), rating })
    }
    // ANCHOR_END: next
}

async fn ask(ctx: &mut Context, question: &str) -> Result<String> {
    ctx.user(question).cue();
    let answer = ctx.generate(Sampler::Argmax).max_tokens(32).collect_text().await?;
    ctx.seal().flush().await?;
    Ok(answer)
}
