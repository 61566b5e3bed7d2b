//! Checks an answer for what no schema can say, and tells the model what is wrong until it is right.
//!
//! Run it with `--script replies.toml`: the dummy model then says what a model that makes mistakes would say.

use inferlet::prelude::*;
use inferlet::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// So often the model may try.
const MAX_TRIES: usize = 3;

#[derive(Deserialize)]
struct Input {
    hours: u32,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Plan {
    #[schemars(range(max = 24))]
    baking: u32,
    #[schemars(range(max = 24))]
    selling: u32,
    #[schemars(range(max = 24))]
    cleaning: u32,
}

// ANCHOR: validate
impl Plan {
    /// What is wrong with the plan, in words for the model.
    fn validate(&self, hours: u32) -> Result<()> {
        let sum = self.baking + self.selling + self.cleaning;
        if sum == hours { Ok(()) } else { Err(format!("It adds up to {sum} hours, and there are {hours}.")) }
    }
}
// ANCHOR_END: validate

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Plan> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&format!("Plan my day in the bakery, of {} hours, as JSON.", input.hours));
    for _ in 0..MAX_TRIES {
        let plan: Plan = ctx.cue().generate(Sampler::Argmax).max_tokens(128).collect_json().await?;
        ctx.seal();
        let Err(problem) = plan.validate(input.hours) else { return Ok(plan) };
        eprintln!("{problem}");
        // What was wrong stays in the context, where the model can see both.
        ctx.user(&problem);
    }
    Err(format!("no plan was right after {MAX_TRIES} tries"))
}
// ANCHOR_END: main
