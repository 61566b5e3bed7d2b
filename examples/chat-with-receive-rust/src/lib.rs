//! A conversation with whoever launched this: waits for a message, answers with one, and so on.
//!
//! The context stays. Each answer costs the new message and the answer itself, however long the conversation has become.

use inferlet::prelude::*;
use inferlet::session;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    system: String,
    max_tokens: usize,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<()> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system(&input.system);
    // `None` is the end of the session: nobody has anything more to say.
    while let Some(message) = session::receive().wait_async().await {
        ctx.user(&message).cue();
        let answer = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens).collect_text().await?;
        session::send(&answer);
        // A generator leaves the model's turn open, so that it could go on. Here it is over.
        ctx.seal();
    }
    Ok(())
}
// ANCHOR_END: main
