//! A swarm: members are launched, hear what the others say on a topic, and each adds a word. Whoever launched them hears too, and takes notes.

use futures::future::try_join_all;
use inferlet::prelude::*;
use inferlet::{ChildExt, launch};
use serde::{Deserialize, Serialize};

/// Where all can hear what is said.
const TALK: &str = "talk";
/// Where a member says that it listens.
const READY: &str = "ready";

#[derive(Clone, Deserialize, Serialize)]
struct Input {
    goal: String,
    roles: Vec<String>,
    role: Option<String>,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<String>> {
    match &input.role {
        Some(role) => take_part(&input, role).await,
        None => host(&input).await,
    }
}

// ANCHOR: host
/// Brings the members together, opens the talk and notes what is said.
async fn host(input: &Input) -> Result<Vec<String>> {
    let talk = messaging::subscribe(TALK);
    let member =
        |role: &String| launch("pubsub-swarm-rust", &Input { role: Some(role.clone()), ..input.clone() });
    let members = input.roles.iter().map(member).collect::<Result<Vec<_>>>()?;
    // A broadcast reaches those who subscribe by then, so all have to.
    for _ in &members {
        messaging::pull(READY).wait_async().await.ok_or("a member is missing")?;
    }
    messaging::broadcast(TALK, &format!("We plan {}.", input.goal));

    let mut notes = Vec::new();
    while notes.len() <= members.len() {
        notes.push(talk.get_async().await.ok_or("the talk is over")?);
    }
    try_join_all(members.iter().map(ChildExt::wait_async)).await?;
    Ok(notes)
}
// ANCHOR_END: host

// ANCHOR: member
/// Listens until it is this one's turn, which comes in the order of the roles, and says something that fits.
async fn take_part(input: &Input, role: &str) -> Result<Vec<String>> {
    let talk = messaging::subscribe(TALK);
    messaging::push(READY, role);
    let turn = input.roles.iter().position(|other| other == role).ok_or("nobody has this role")?;
    let mut heard = Vec::new();
    while heard.len() <= turn {
        heard.push(talk.get_async().await.ok_or("the talk is over")?);
    }
    let mut ctx = Context::new(&Model::load("default")?)?;
    ctx.system(&format!("You are the {role}. Add one sentence to the talk.")).user(&heard.join("\n")).cue();
    let said = ctx.generate(Sampler::Argmax).max_tokens(48).collect_text().await?;
    println!("{said}");
    messaging::broadcast(TALK, &format!("{role}: {said}"));
    Ok(heard)
}
// ANCHOR_END: member
