//! One side of a conversation between inferlets: what it does, step by step, is its input.

use futures::future::{Either, select};
use inferlet::prelude::*;
use inferlet::{session, sleep};
use serde::Deserialize;
use std::pin::pin;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Pushes to a topic.
    Push(String, String),
    /// Pulls from a topic.
    Pull(String),
    /// Asks for a message of a topic, and gives up after a millisecond.
    GiveUp(String),
    /// Broadcasts on a topic.
    Broadcast(String, String),
    /// Subscribes to a topic; later steps hear what it hears.
    Subscribe(String),
    /// Waits for the next message of the subscription.
    Hear,
    /// Takes what the subscription has, without waiting.
    Look,
    /// Ends the subscription; it can be looked at still.
    Unsubscribe,
    /// Lets virtual time pass, in milliseconds.
    Sleep(u64),
    /// Pushes and pulls in turn, so many times.
    Rally(String, String, u64),
    /// Broadcasts so many messages of so many bytes.
    Flood(String, u64, usize),
}

#[inferlet::main]
async fn main(steps: Vec<Step>) -> Result<Vec<String>> {
    let mut heard = Vec::new();
    let mut subscription = None;
    for step in steps {
        match step {
            Step::Push(topic, message) => messaging::push(&topic, &message),
            Step::Pull(topic) => heard.push(pull(&topic).await?),
            Step::GiveUp(topic) => {
                let message = pin!(pull(&topic));
                let deadline = pin!(sleep(Duration::from_millis(1)));
                match select(message, deadline).await {
                    Either::Left((message, _)) => heard.push(message?),
                    Either::Right(_) => heard.push("gave up".to_owned()),
                }
            }
            Step::Broadcast(topic, message) => messaging::broadcast(&topic, &message),
            Step::Subscribe(topic) => subscription = Some(messaging::subscribe(&topic)),
            Step::Hear => {
                let subscription = subscription.as_ref().ok_or("nothing was subscribed to")?;
                heard.push(subscription.get_async().await.unwrap_or("ended".to_owned()));
            }
            Step::Look => {
                let subscription = subscription.as_ref().ok_or("nothing was subscribed to")?;
                heard.push(subscription.get().unwrap_or("nothing".to_owned()));
            }
            Step::Unsubscribe => subscription.as_ref().ok_or("nothing was subscribed to")?.unsubscribe(),
            Step::Sleep(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
            Step::Rally(to, from, times) => rally(&to, &from, times).await?,
            Step::Flood(topic, times, bytes) => {
                let message = "x".repeat(bytes);
                (0..times).for_each(|_| messaging::broadcast(&topic, &message));
            }
        }
    }
    Ok(heard)
}

async fn pull(topic: &str) -> Result<String> {
    messaging::pull(topic).wait_async().await.ok_or_else(|| "the queue was closed".to_owned())
}

async fn rally(to: &str, from: &str, times: u64) -> Result<()> {
    session::send("begin");
    for _ in 0..times {
        messaging::push(to, "ball");
        pull(from).await?;
    }
    session::send("end");
    Ok(())
}
