//! Lets the model use the tools of an MCP server, which the inferlet knows nothing of before it asks.
//!
//! Run it with `--script replies.toml`: the dummy model then says what a model that can use tools would say.

use inferlet::mcp::client::{self, Session};
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// So often the model may use tools before it has to answer.
const MAX_ROUNDS: usize = 4;

#[derive(Deserialize)]
struct Input {
    server: String,
    question: String,
}

// ANCHOR: list
/// What the model is told about the tools of a server.
fn tools_of(session: &Session) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        tools: Vec<Tool>,
    }
    #[derive(Deserialize, Serialize)]
    struct Tool {
        name: String,
        #[serde(default)]
        description: String,
        // The protocol and the models have different names for it.
        #[serde(rename(deserialize = "inputSchema"))]
        parameters: Value,
    }
    let list: List = serde_json::from_str(&session.list_tools()?).map_err(|error| error.to_string())?;
    list.tools.iter().map(|tool| serde_json::to_string(tool).map_err(|error| error.to_string())).collect()
}
// ANCHOR_END: list

// ANCHOR: call
/// Calls a tool. Whatever goes wrong is an answer too: the model can do better next time.
fn call(session: &Session, name: &str, arguments: &str) -> String {
    session.call_tool(name, arguments).unwrap_or_else(|error| json!({ "error": error }).to_string())
}
// ANCHOR_END: call

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let session = client::connect(&input.server)?;
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("You answer questions about a bakery.");
    ctx.append(&tools::equip_prefix(&model, &tools_of(&session)?)?);
    ctx.user(&input.question);

    for _ in 0..MAX_ROUNDS {
        let turn = take_turn(&mut ctx).await?;
        if turn.calls.is_empty() {
            return Ok(turn.text);
        }
        for (name, arguments) in turn.calls {
            let result = call(&session, &name, &arguments);
            eprintln!("{name}({arguments}) = {result}");
            ctx.append(&tools::answer_prefix(&model, &name, &result));
        }
    }
    Err(format!("no answer after {MAX_ROUNDS} rounds of tool calls"))
}
// ANCHOR_END: main

/// What the model said in one turn.
struct Turn {
    text: String,
    /// Names, and arguments as JSON.
    calls: Vec<(String, String)>,
}

async fn take_turn(ctx: &mut Context) -> Result<Turn> {
    let mut turn = Turn { text: String::new(), calls: Vec::new() };
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
