//! Turns a report into a ticket: JSON that satisfies a schema, whatever the model would like to say.

use inferlet::JsonSchema;
use inferlet::prelude::*;
use serde::Deserialize;
use serde_json::Value;

// ANCHOR: schema
/// What a ticket looks like.
const TICKET: &str = r#"{
    "type": "object",
    "properties": {
        "title": { "type": "string", "minLength": 1, "maxLength": 60 },
        "severity": { "enum": ["low", "medium", "high"] },
        "parts": { "type": "array", "items": { "type": "string", "maxLength": 30 }, "maxItems": 3 },
        "reproducible": { "type": "boolean" }
    },
    "required": ["title", "severity", "parts", "reproducible"],
    "additionalProperties": false
}"#;
// ANCHOR_END: schema

#[derive(Deserialize)]
struct Input {
    report: String,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Value> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("You write tickets, in JSON.").user(&input.report).cue();
    let generator = ctx.generate(Sampler::Argmax).max_tokens(256);
    let text = generator.constrain_with(JsonSchema(TICKET))?.collect_text().await?;
    serde_json::from_str(&text).map_err(|error| format!("the ticket was cut off: {error}"))
}
// ANCHOR_END: main
