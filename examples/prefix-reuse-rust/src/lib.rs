//! A long text that many questions are asked about is read by the model once, and saved under a name.
//!
//! A saved context lives as long as the engine does. Further runs of this inferlet, or of another one of the same user, find it
//! again and begin where it ends.

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

const NAME: &str = "house-rules";

const HOUSE_RULES: &str = "You answer questions about the rules of the bakery. \
    The oven goes on at four in the morning. Bread goes in at five, rolls at half past five, cakes at seven. \
    Only the baker on duty may open the oven, and only with gloves. Flour is weighed, never guessed. \
    Yesterday's bread is sold until noon at half its price. Dogs wait outside.";

#[derive(Deserialize)]
struct Input {
    questions: Vec<String>,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Answer {
    text: String,
    /// How many tokens the model had read before this question.
    reused_tokens: u32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<Answer>> {
    let model = Model::load("default")?;
    let mut answers = Vec::new();
    for question in &input.questions {
        let mut ctx = house_rules(&model).await?;
        let reused_tokens = ctx.seq_len();
        ctx.user(question).cue();
        let text = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens).collect_text().await?;
        answers.push(Answer { text, reused_tokens });
    }
    Ok(answers)
}

// ANCHOR: house_rules
/// A context in which the model has read the rules.
async fn house_rules(model: &Model) -> Result<Context> {
    // A copy: it shares the pages of what was saved, and what is added to it is its own.
    if let Ok(ctx) = Context::open(model, NAME) {
        return Ok(ctx);
    }
    let mut ctx = Context::new(model)?;
    ctx.system(HOUSE_RULES).flush().await?;
    ctx.save(NAME)?;
    Ok(ctx)
}
// ANCHOR_END: house_rules
