//! Gets a recipe as a value of a Rust type. The type says what the model may answer.

use inferlet::prelude::*;
use inferlet::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    dish: String,
}

// ANCHOR: types
#[derive(Deserialize, Serialize, JsonSchema)]
struct Recipe {
    #[schemars(length(min = 3, max = 40))]
    name: String,
    #[schemars(range(min = 1, max = 12))]
    servings: u32,
    #[schemars(length(min = 1, max = 4))]
    ingredients: Vec<Ingredient>,
    oven: Option<Oven>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Ingredient {
    #[schemars(length(min = 1, max = 20))]
    name: String,
    grams: u16,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Oven {
    Low,
    Medium,
    Hot,
}
// ANCHOR_END: types

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Recipe> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&format!("Write down a recipe for {}, as JSON.", input.dish)).cue();
    ctx.generate(Sampler::Argmax).max_tokens(256).collect_json().await
}
// ANCHOR_END: main
