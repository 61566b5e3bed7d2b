//! A member of a family: what it does with its children, step by step, is its input.

use futures::future::{Either, join_all, select};
use inferlet::pie::core::runtime::Child;
use inferlet::prelude::*;
use inferlet::{ChildExt, session, sleep};
use serde::Deserialize;
use serde_json::Value;
use std::pin::pin;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Launches an inferlet with this input and holds it.
    Launch(String, Value),
    /// Launches one with the same input so many times.
    LaunchMany(String, Value, usize),
    /// Launches itself with its own input, so often, and waits for all.
    Bomb(usize),
    /// Waits for all children it holds; tells what they answered, in the order of launch.
    Wait,
    /// Waits for them again, though their answers were taken.
    WaitAgain,
    /// Takes what there is of the first child's answer, without waiting.
    Look,
    /// Waits for the first child, but at most so many milliseconds.
    WaitAtMost(u64),
    /// The ids of all children.
    Pids,
    /// Ends all children.
    Cancel,
    /// Lets all children go.
    LetGo,
    /// Lets virtual time pass, in milliseconds.
    Sleep(u64),
    /// Says something to the client.
    Say(String),
    /// Prints a line.
    Print(String),
    /// Asks the client for a message.
    Receive,
    /// Pushes to a topic.
    Push(String, String),
    /// Pulls from a topic.
    Pull(String),
    /// Uses all its fuel.
    Spin,
    /// Ends with an error.
    Fail(String),
    /// Traps.
    Panic(String),
    /// What it sees of its environment variables.
    Environment,
}

#[inferlet::main]
async fn main(input: Value) -> Result<Vec<Value>> {
    let steps: Vec<Step> = serde_json::from_value(input.clone()).map_err(|error| error.to_string())?;
    let mut children: Vec<Child> = Vec::new();
    let mut told = Vec::new();
    for step in steps {
        match step {
            Step::Launch(program, input) => match runtime::launch(&program, &input.to_string()) {
                Ok(child) => children.push(child),
                Err(error) => told.push(error.into()),
            },
            Step::LaunchMany(program, input, times) => {
                let input = input.to_string();
                children = (0..times).map(|_| runtime::launch(&program, &input)).collect::<Result<_>>()?;
            }
            Step::Bomb(width) => {
                let input = input.to_string();
                let all: Vec<_> = (0..width).filter_map(|_| runtime::launch("family", &input).ok()).collect();
                join_all(all.iter().map(ChildExt::wait_async)).await;
            }
            Step::Wait | Step::WaitAgain => told.extend(wait(&children).await),
            Step::Look => told.push(match first(&children)?.get() {
                None => "nothing yet".into(),
                Some(answer) => answer.unwrap_or_else(|error| error).into(),
            }),
            Step::WaitAtMost(milliseconds) => {
                let answer = pin!(first(&children)?.wait_async());
                let deadline = pin!(sleep(Duration::from_millis(milliseconds)));
                told.push(match select(answer, deadline).await {
                    Either::Left((answer, _)) => answer.unwrap_or_else(|error| error).into(),
                    Either::Right(_) => "gave up".into(),
                });
            }
            Step::Pids => told.extend(children.iter().map(|child| Value::from(child.pid()))),
            Step::Cancel => children.iter().for_each(Child::cancel),
            Step::LetGo => children.clear(),
            Step::Sleep(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
            Step::Say(text) => session::send(&text),
            Step::Print(text) => println!("{text}"),
            Step::Receive => told.push(session::receive().wait_async().await.into()),
            Step::Push(topic, message) => messaging::push(&topic, &message),
            Step::Pull(topic) => told.push(messaging::pull(&topic).wait_async().await.into()),
            Step::Spin => loop {
                std::hint::black_box(0);
            },
            Step::Fail(error) => return Err(error),
            Step::Panic(message) => panic!("{message}"),
            Step::Environment => {
                told.extend(std::env::vars().map(|(name, value)| format!("{name}={value}").into()))
            }
        }
    }
    Ok(told)
}

fn first(children: &[Child]) -> Result<&Child> {
    children.first().ok_or_else(|| "there is no child".to_owned())
}

/// The answers as they are, errors as `error: ...`.
async fn wait(children: &[Child]) -> Vec<Value> {
    let answers = join_all(children.iter().map(ChildExt::wait_async)).await;
    let tell = |answer: Result<String>| match answer {
        Ok(answer) => serde_json::from_str(&answer).unwrap_or(Value::Null),
        Err(error) => format!("error: {error}").into(),
    };
    answers.into_iter().map(tell).collect()
}
