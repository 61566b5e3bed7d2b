//! Saved contexts.

use crate::{Subject, refused, same};
use inferlet::prelude::*;

const LIMIT: usize = 12;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    let model = &subject.model;
    let expected = subject.answer(LIMIT).await?;
    // The last token stays out: a context that was opened has to be given one to predict from.
    let mut ctx = subject.asked()?;
    let mut prompt = ctx.take_buffer();
    let last = prompt.pop().ok_or("the prompt is empty")?;
    ctx.append(&prompt).save("invariant")?;
    drop(ctx);

    for _ in 0..2 {
        let mut opened = Context::open(model, "invariant")?;
        same("the length of an opened context", opened.seq_len(), prompt.len() as u32)?;
        opened.append(&[last]);
        same("the answer of an opened context", answer(&mut opened).await?, expected.clone())?;
    }
    let mut taken = Context::take(model, "invariant")?;
    refused("opening what was taken", Context::open(model, "invariant"), "invariant")?;
    let name = taken.snapshot()?;
    taken.append(&[last]);
    same("the answer of a taken context", answer(&mut taken).await?, expected.clone())?;

    let mut copy = Context::open(model, &name)?;
    copy.append(&[last]);
    same("the answer of a snapshot", answer(&mut copy).await?, expected)?;
    Context::delete(model, &name)?;
    refused("deleting what is gone", Context::delete(model, &name), &name)?;
    refused("taking what is gone", Context::take(model, &name), &name)?;
    names(subject).await?;
    Ok(vec!["saved", "taken", "snapshot", "names"])
}

/// Names of any content are names; one that is empty or too long is refused, and the context can be saved still.
async fn names(subject: &Subject) -> Result<()> {
    let model = &subject.model;
    let mut ctx = subject.asked()?;
    ctx.flush().await?;
    let length = ctx.seq_len();
    refused("no name", ctx.save(""), "not empty")?;
    refused("a long name", ctx.save(&"n".repeat(257)), "257 bytes, and 256 are allowed")?;
    for name in [" ", "../up", "a/b", "\u{0}", "ﷺ🦀", &"n".repeat(256)] {
        ctx.save(name)?;
        same(name, Context::open(model, name)?.seq_len(), length)?;
        Context::delete(model, name)?;
        refused(name, Context::open(model, name), name)?;
    }
    refused("a name nobody can have", Context::open(model, &"n".repeat(100_000)), "no context is saved")
}

async fn answer(ctx: &mut Context) -> Result<Vec<u32>> {
    ctx.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await
}
