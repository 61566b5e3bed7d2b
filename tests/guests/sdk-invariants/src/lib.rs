//! Checks from inside what the SDK promises of any engine and model. The output is the list of checks that held.

mod adapters;
mod generation;
mod market;
mod passes;
mod snapshots;
mod speculation;
mod tokens;

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    /// What every check starts from.
    #[serde(default = "default_prompt")]
    prompt: String,
    /// Only the checks of one group: `generation`, `passes`, `snapshots`, `speculation`, `adapters`, `market` or `tokens`.
    group: Option<String>,
    /// Instead of checks, generate with drafts and draw.
    seeded: Option<speculation::Seeded>,
}

fn default_prompt() -> String {
    "Tell me about the sea.".to_owned()
}

#[inferlet::main]
async fn main(input: Input) -> Result<Report> {
    let subject = Subject { model: Model::load("default")?, prompt: input.prompt };
    if let Some(how) = input.seeded {
        return Ok(Report::Generated(speculation::seeded(&subject, how).await?));
    }
    let wanted = |group: &str| input.group.as_deref().is_none_or(|name| name == group);
    let mut held = Vec::new();
    if wanted("generation") {
        held.extend(generation::check(&subject).await?);
    }
    if wanted("passes") {
        held.extend(passes::check(&subject).await?);
    }
    if wanted("snapshots") {
        held.extend(snapshots::check(&subject).await?);
    }
    if wanted("speculation") {
        held.extend(speculation::check(&subject).await?);
    }
    if wanted("adapters") {
        held.extend(adapters::check(&subject).await?);
    }
    if wanted("market") {
        held.extend(market::check(&subject).await?);
    }
    if wanted("tokens") {
        held.extend(tokens::check(&subject).await?);
    }
    Ok(Report::Held(held))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Report {
    Held(Vec<&'static str>),
    Generated(Vec<Vec<u32>>),
}

/// A model and a prompt.
struct Subject {
    model: Model,
    prompt: String,
}

impl Subject {
    /// A context that waits for an answer, with everything still in its buffer.
    fn asked(&self) -> Result<Context> {
        let mut ctx = Context::new(&self.model)?;
        ctx.user(&self.prompt).cue();
        Ok(ctx)
    }

    /// The answer that every check compares with.
    async fn answer(&self, limit: usize) -> Result<Vec<u32>> {
        self.asked()?.generate(Sampler::Argmax).max_tokens(limit).collect_tokens().await
    }
}

/// Fails with the name of what did not hold, and both values.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<()> {
    if got == expected { Ok(()) } else { Err(format!("{what}: got {got:?}, expected {expected:?}")) }
}

/// Fails unless the result is an error that mentions `part`.
fn refused<T>(what: &str, result: Result<T>, part: &str) -> Result<()> {
    match result {
        Ok(_) => Err(format!("{what}: accepted")),
        Err(error) if error.contains(part) => Ok(()),
        Err(error) => Err(format!("{what}: the error does not mention `{part}`: {error}")),
    }
}
