//! Lets the model call a function, and answer with what it returned.
//!
//! Run it with `--script replies.toml`: the dummy model then says what a model that can use tools would say.

use inferlet::prelude::*;
use inferlet::tools::Tools;
use serde::{Deserialize, Serialize};

/// So often the model may use tools before it has to answer.
const MAX_ROUNDS: usize = 4;

#[derive(Deserialize)]
struct Input {
    question: String,
}

#[derive(Serialize)]
struct Weather {
    city: String,
    celsius: i32,
}

// ANCHOR: tool
/// The weather in a city, today.
// What is written above is what the model is told, and so is what is written at the argument.
#[inferlet::tool]
fn weather(
    /// The name of the city, in English.
    city: String,
) -> Result<Weather> {
    match city.as_str() {
        "Oslo" => Ok(Weather { city, celsius: 4 }),
        "Rome" => Ok(Weather { city, celsius: 21 }),
        _ => Err(format!("no weather is known for `{city}`")),
    }
}
// ANCHOR_END: tool

// ANCHOR: loop
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let model = Model::load("default")?;
    let tools = Tools::new().with(weather);
    let mut ctx = Context::new(&model)?;
    ctx.system("You answer questions about the weather.");
    ctx.append(&tools::equip_prefix(&model, &tools.schemas())?);
    ctx.user(&input.question);

    for _ in 0..MAX_ROUNDS {
        let turn = take_turn(&mut ctx).await?;
        if turn.calls.is_empty() {
            return Ok(turn.text);
        }
        for (name, arguments) in turn.calls {
            eprintln!("{name}({arguments})");
            // An error is an answer too: the model can do better next time.
            let failed = |error| serde_json::json!({ "error": error }).to_string();
            let result = tools.call(&name, &arguments).await.unwrap_or_else(failed);
            ctx.append(&tools::answer_prefix(&model, &name, &result));
        }
    }
    Err(format!("no answer after {MAX_ROUNDS} rounds of tool calls"))
}
// ANCHOR_END: loop

/// What the model said in one turn.
struct Turn {
    text: String,
    /// Names, and arguments as JSON.
    calls: Vec<(String, String)>,
}

// ANCHOR: turn
async fn take_turn(ctx: &mut Context) -> Result<Turn> {
    let mut turn = Turn { text: String::new(), calls: Vec::new() };
    // Both see all tokens. One finds the calls, the other the text around them.
    let mut calls = tools::Decoder::new(ctx.model());
    let mut text = chat::Decoder::new(ctx.model());
    let mut generator = ctx.cue().generate(Sampler::Argmax).max_tokens(256);
    while let Some(step) = generator.next()? {
        let output = step.execute().await?;
        if let tools::Event::Call(name, arguments) = calls.feed(&output.tokens)? {
            turn.calls.push((name, arguments));
        }
        if let chat::Event::Delta(delta) = text.feed(&output.tokens)? {
            turn.text += &delta;
        }
    }
    ctx.seal();
    Ok(turn)
}
// ANCHOR_END: turn
