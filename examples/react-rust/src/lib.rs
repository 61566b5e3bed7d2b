//! Lets the model think, act and look at what happened, until it knows the answer (ReAct). The actions are tools of an MCP server and one of our own.
//!
//! Run it with `--script replies.toml`: the dummy model then says what a model that reasons would say.

use inferlet::Regex;
use inferlet::mcp::client::{self, Session};
use inferlet::prelude::*;
use serde::Deserialize;
use serde_json::json;

/// So many actions the model has until it must have finished.
const MAX_STEPS: usize = 6;

// ANCHOR: form
/// The form of a turn: a thought in one line, and an action with its input in brackets.
const TURN: &str = r"Thought: [^\n]{1,200}\nAction: [a-z_]{1,40}\[[^\]\n]{0,200}\]";
// ANCHOR_END: form

#[derive(Deserialize)]
struct Input {
    server: String,
    question: String,
}

// ANCHOR: loop
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let session = client::connect(&input.server)?;
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system(&instructions(&session)?);
    ctx.user(&format!("Question: {}", input.question));

    for _ in 0..MAX_STEPS {
        let turn = ctx.cue().generate(Sampler::Argmax).max_tokens(256).constrain_with(Regex(TURN))?;
        let text = turn.collect_text().await?;
        ctx.seal();
        eprintln!("{text}");
        let (name, input) = action(&text).ok_or("the turn has no action")?;
        if name == "finish" {
            return Ok(input.to_owned());
        }
        let observation = act(&session, name, input);
        eprintln!("Observation: {observation}");
        ctx.user(&format!("Observation: {observation}"));
    }
    Err(format!("no answer after {MAX_STEPS} actions"))
}
// ANCHOR_END: loop

/// Name and input of the action in a turn.
fn action(turn: &str) -> Option<(&str, &str)> {
    let (name, input) = turn.rsplit_once("Action: ")?.1.split_once('[')?;
    Some((name, input.strip_suffix(']')?))
}

// ANCHOR: act
/// What happens: what a tool of the server says, the value of an expression, or what went wrong.
fn act(session: &Session, name: &str, input: &str) -> String {
    let outcome = match name {
        "calculate" => calculate(input).map(|value| value.to_string()),
        _ => session
            .call_tool(name, &json!({ "input": input }).to_string())
            .and_then(|result| text_of(&result)),
    };
    outcome.unwrap_or_else(|error| format!("it failed: {error}"))
}
// ANCHOR_END: act

/// Sums and differences of whole numbers.
fn calculate(expression: &str) -> Result<i64> {
    let spaced = expression.replace('-', " -").replace('+', " ").replace("- ", "-");
    let numbers = spaced.split_whitespace().map(str::parse::<i64>);
    let sum = numbers.reduce(|sum, number| Ok(sum?.saturating_add(number?)));
    match sum {
        Some(Ok(sum)) => Ok(sum),
        _ => Err(format!("`{expression}` is not a sum of whole numbers")),
    }
}

/// The text in the result of a tool.
fn text_of(result: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        content: Vec<Part>,
    }
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        text: String,
    }
    let answer: Answer = serde_json::from_str(result).map_err(|error| error.to_string())?;
    Ok(answer.content.into_iter().map(|part| part.text).collect::<Vec<_>>().join(" "))
}

/// Tells the model what it may do.
fn instructions(session: &Session) -> Result<String> {
    #[derive(Deserialize)]
    struct List {
        tools: Vec<Tool>,
    }
    #[derive(Deserialize)]
    struct Tool {
        name: String,
        #[serde(default)]
        description: String,
    }
    let list: List = serde_json::from_str(&session.list_tools()?).map_err(|error| error.to_string())?;
    let mut text = "Answer the question in turns of two lines, and wait for what you observe after each:\n\
        Thought: what you think\n\
        Action: name[input]\n\n\
        The actions are:\n"
        .to_owned();
    for Tool { name, description } in list.tools {
        text += &format!("- {name}: {description}\n");
    }
    text += "- calculate: The sum of whole numbers, such as 3 + 4 - 1\n- finish: Your answer\n";
    Ok(text)
}
