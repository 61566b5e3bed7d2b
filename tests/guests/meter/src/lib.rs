//! Does one thing many times between two messages. An inferlet has only virtual time, so the host measures: from one message's event to the
//! next one's, as the guest waits for neither.

use inferlet::{prelude::*, session};
use serde::Deserialize;
use std::hint::black_box;

/// Tokens that the context of the passes may hold before it is cut back: passes of about equal length are measured.
const LONGEST: u32 = 64;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Input {
    /// Nothing at all: what it takes to come to the first call is measured.
    Launch,
    /// Waits for a message that does not come.
    Wait,
    /// So many calls of `tokens-per-page`.
    Control(u64),
    /// So many passes of one token, each with one token sampled.
    Passes(u64),
    /// So many messages pushed for another instance, each answered before the next.
    Serve(u64),
    /// Answers so many messages.
    Return(u64),
}

#[inferlet::main]
async fn main(input: Input) -> Result<()> {
    session::send("begin");
    match input {
        Input::Launch => {}
        Input::Wait => {
            session::receive().wait_async().await;
        }
        Input::Control(times) => control(times)?,
        Input::Passes(times) => passes(times).await?,
        Input::Serve(times) => {
            session::send("begin");
            for _ in 0..times {
                messaging::push("over", "ball");
                pull("back").await?;
            }
            session::send("end");
        }
        Input::Return(times) => {
            for _ in 0..times {
                let ball = pull("over").await?;
                messaging::push("back", &ball);
            }
        }
    }
    Ok(())
}

async fn pull(topic: &str) -> Result<String> {
    messaging::pull(topic).wait_async().await.ok_or_else(|| "the queue is closed".to_owned())
}

fn control(times: u64) -> Result<()> {
    let ctx = Context::new(&Model::load("default")?)?;
    session::send("begin");
    for _ in 0..times {
        black_box(ctx.inner().tokens_per_page());
    }
    session::send("end");
    Ok(())
}

async fn passes(times: u64) -> Result<()> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    let mut token = model.tokenizer().encode("a")[0];
    session::send("begin");
    for _ in 0..times {
        if ctx.seq_len() == LONGEST {
            ctx = Context::new(&model)?;
        }
        let mut pass = ctx.forward();
        pass.input(&[token]);
        let sampled = pass.sample(&[0], Sampler::Argmax);
        token = pass.execute().await?.token(sampled).ok_or("the pass returned no token")?;
    }
    session::send("end");
    Ok(())
}
