//! The same text with and without the engine's drafter, which guesses that a text goes on as it did before.

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Input {
    text: String,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Comparison {
    text: String,
    tokens: usize,
    passes_without: usize,
    passes_with: usize,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Comparison> {
    let model = Model::load("default")?;
    let mut plain = Context::new(&model)?;
    plain.append(&model.tokenizer().encode(&input.text)).flush().await?;
    let mut drafted = plain.fork()?;

    // ANCHOR: compare
    let plain = plain.generate(Sampler::Argmax).max_tokens(input.max_tokens);
    let drafted = drafted.generate(Sampler::Argmax).max_tokens(input.max_tokens).system_speculation();
    let (expected, passes_without) = run(plain).await?;
    let (tokens, passes_with) = run(drafted).await?;
    // ANCHOR_END: compare
    if tokens != expected {
        return Err("speculation has changed what was generated".to_owned());
    }
    let text = model.tokenizer().decode(&tokens)?;
    Ok(Comparison { text, tokens: tokens.len(), passes_without, passes_with })
}

/// Generates to the end, and counts passes.
async fn run(mut generator: Generator<'_>) -> Result<(Vec<u32>, usize)> {
    let (mut tokens, mut passes) = (Vec::new(), 0);
    while let Some(step) = generator.next()? {
        tokens.extend(step.execute().await?.tokens);
        passes += 1;
    }
    Ok((tokens, passes))
}
