//! The market for pages: bids, suspension, and what can be read of it.

use crate::{Subject, same};
use inferlet::prelude::*;
use inferlet::scheduling;

const LIMIT: usize = 8;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    bidding(subject).await?;
    suspended(subject).await?;
    readings(subject).await?;
    Ok(vec!["bidding", "suspended", "readings"])
}

/// Bids do not change what is generated. The bids themselves are in the trace, where the test looks at them.
async fn bidding(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let mut ctx = subject.asked()?;
    ctx.set_bid(2.5);
    let got = ctx.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?;
    same("the answer of a context that bids", got, expected)?;
    let idle = ctx.idle();
    drop(idle);
    Ok(())
}

/// A context that was suspended in the middle of an answer goes on with it.
async fn suspended(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let mut ctx = subject.asked()?;
    let mut got = ctx.generate(Sampler::Argmax).max_tokens(LIMIT / 2).collect_tokens().await?;
    let length = ctx.seq_len();
    ctx.suspend()?;
    same("the length of a suspended context", ctx.seq_len(), length)?;
    let mut fork = ctx.fork()?;
    if got.len() == LIMIT / 2 {
        ctx.suspend()?;
        let forked = rest(&mut fork).await?;
        let own = rest(&mut ctx).await?;
        same("the answers of a suspended context and its fork", &own, &forked)?;
        got.extend(own);
    }
    same("the answer of a suspended context", got, expected)
}

async fn rest(ctx: &mut Context) -> Result<Vec<u32>> {
    ctx.generate(Sampler::Argmax).max_tokens(LIMIT - LIMIT / 2).collect_tokens().await
}

/// Pages cost a credit each, and while nobody waits there is no rent and no dividend.
async fn readings(subject: &Subject) -> Result<()> {
    let model = &subject.model;
    same("the price of a page", scheduling::price(), 1.0)?;
    let before = scheduling::balance(model);
    let mut ctx = subject.asked()?;
    ctx.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?;
    let pages = ctx.inner().committed_page_count() + ctx.inner().working_page_count();
    // A page that others have with the same content was paid for like any other.
    same("the credits that pages cost", before - scheduling::balance(model), f64::from(pages))?;
    same("rent and dividend", (scheduling::rent(&ctx), scheduling::dividend(model)), (0.0, 0.0))?;
    if scheduling::latency(&ctx) > 0.0 { Ok(()) } else { Err("steps take no time".to_owned()) }
}
