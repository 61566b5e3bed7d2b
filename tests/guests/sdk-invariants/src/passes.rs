//! Single passes and pages.

use crate::{Subject, refused, same};
use inferlet::brle;
use inferlet::chat;
use inferlet::prelude::*;
use inferlet::sample::{Entropy, Logits, Logprob};
use std::iter;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    own_loop(subject).await?;
    rolled_back(subject).await?;
    masked(subject).await?;
    probed(subject).await?;
    paged(subject).await?;
    bad(subject).await?;
    Ok(vec!["own loop", "rolled back", "masked", "probed", "paged", "bad passes"])
}

/// A loop around `forward` generates what the generator does.
async fn own_loop(subject: &Subject) -> Result<()> {
    let expected = subject.answer(12).await?;
    let mut ctx = subject.asked()?;
    let mut pending = ctx.take_buffer();
    let mut got = Vec::new();
    while got.len() < expected.len() {
        let mut fwd = ctx.forward();
        fwd.input(&pending);
        let choice = fwd.sample(&[pending.len() as u32 - 1], Sampler::Argmax);
        let token = fwd.execute().await?.token(choice).ok_or("no token")?;
        got.push(token);
        pending = vec![token];
    }
    same("the answer of an own loop", got, expected)
}

/// What was truncated leaves no trace.
async fn rolled_back(subject: &Subject) -> Result<()> {
    let mut ctx = subject.asked()?;
    let prompt = ctx.take_buffer();
    let expected = next(&mut ctx.fork()?, &prompt).await?;
    // Two tokens that are in the way, in a page that is not full, so that they can be dropped.
    let page = ctx.page_size() as usize;
    let kept = prompt.len() / page * page;
    next(&mut ctx, &prompt[..kept.max(1)]).await?;
    let rest = &prompt[kept.max(1)..];
    if page > 2 && kept > 0 {
        next(&mut ctx, &prompt[..2]).await?;
        ctx.truncate(2)?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    same("the choice behind a rolled-back sequence", next(&mut ctx, rest).await?, expected)
}

/// A mask that shows everything there is changes nothing; one that hides the beginning may, and a logit mask decides.
async fn masked(subject: &Subject) -> Result<()> {
    let prompt = subject.asked()?.take_buffer();
    let length = prompt.len() as u32;
    let expected = next(&mut subject.fresh()?, &prompt).await?;
    for total in [false, true] {
        let mut ctx = subject.fresh()?;
        let mut fwd = ctx.forward();
        fwd.input(&prompt);
        let mask = |i: u32| brle::from_ranges(iter::once(0..i + 1), if total { length } else { i + 1 });
        fwd.attention_mask(&(0..length).map(mask).collect::<Vec<_>>());
        let choice = fwd.sample(&[length - 1], Sampler::Argmax);
        same("the choice under a full mask", fwd.execute().await?.token(choice), Some(expected))?;
    }
    let vocabulary = subject.model.tokenizer().vocabs().0.last().map_or(0, |last| last + 1);
    let only = (expected + 1) % vocabulary;
    let mut ctx = subject.fresh()?;
    let mut fwd = ctx.forward();
    fwd.input(&prompt).mask(&brle::from_indices(&[only], vocabulary));
    let choice = fwd.sample(&[length - 1], Sampler::Argmax);
    same("the choice when one token is allowed", fwd.execute().await?.token(choice), Some(only))
}

/// Probes agree with each other and with the sampler.
async fn probed(subject: &Subject) -> Result<()> {
    let prompt = subject.asked()?.take_buffer();
    let last = prompt.len() as u32 - 1;
    let mut ctx = subject.fresh()?;
    let mut fwd = ctx.forward();
    fwd.input(&prompt);
    let choice = fwd.sample(&[last], Sampler::Argmax);
    let logits = fwd.probe(last, Logits);
    let entropy = fwd.probe(last, Entropy);
    let out = fwd.execute().await?;
    let token = out.token(choice).ok_or("no token")?;
    let values: Vec<f32> = out
        .logits(logits)
        .ok_or("no logits")?
        .chunks_exact(4)
        .map(|bytes| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let first = values.iter().position(|&value| value == largest).map(|index| index as u32);
    same("the token of the largest logit", first, Some(token))?;
    if out.entropy(entropy).is_none_or(|nats| nats < 0.0) {
        return Err("the entropy is missing or negative".to_owned());
    }
    let mut ctx = subject.fresh()?;
    let mut fwd = ctx.forward();
    fwd.input(&prompt);
    let logprob = fwd.probe(last, Logprob(token));
    let out = fwd.execute().await?;
    match out.logprobs(logprob) {
        Some([value]) if *value <= 0.0 => Ok(()),
        other => Err(format!("the log-probability of the chosen token is {other:?}")),
    }
}

/// Pages are reserved as needed, and committed when they are full.
async fn paged(subject: &Subject) -> Result<()> {
    let mut ctx = subject.fresh()?;
    let page = ctx.page_size();
    let token = subject.model.tokenizer().encode("a")[0];
    for length in 1..=2 * page + 1 {
        ctx.append(&[token]).flush().await?;
        let raw = ctx.inner();
        let counts = (raw.committed_page_count(), raw.working_page_token_count(), raw.working_page_count());
        let partial = length % page;
        same(
            "committed pages, working tokens and working pages",
            counts,
            (length / page, partial, partial.min(1)),
        )?;
    }
    Ok(())
}

/// A pass that makes no sense is an error, and the context is as before.
async fn bad(subject: &Subject) -> Result<()> {
    let mut ctx = subject.fresh()?;
    let token = subject.model.tokenizer().encode("a")[0];
    ctx.append(&[token]).flush().await?;
    let before = (ctx.seq_len(), ctx.inner().working_page_count());

    refused("no input", ctx.forward().execute().await, "input")?;
    let mut fwd = ctx.forward();
    fwd.input_at(&[token, token], &[1]);
    refused("too few positions", fwd.execute().await, "position")?;
    let mut fwd = ctx.forward();
    fwd.input(&[token]);
    fwd.sample(&[1], Sampler::Argmax);
    refused("an index past the input", fwd.execute().await, "indices")?;
    let mut fwd = ctx.forward();
    fwd.input(&[token]).attention_mask(&[vec![0, 7]]);
    refused("a mask of the wrong length", fwd.execute().await, "mask")?;
    let mut fwd = ctx.forward();
    fwd.input(&[u32::MAX]);
    refused("a token outside the vocabulary", fwd.execute().await, &u32::MAX.to_string())?;
    let mut fwd = ctx.forward();
    fwd.input(&[token]);
    fwd.probe(0, Logprob(u32::MAX));
    refused("a probe outside the vocabulary", fwd.execute().await, &u32::MAX.to_string())?;
    refused(
        "decoding what is no token",
        subject.model.tokenizer().decode(&[token, u32::MAX]),
        &u32::MAX.to_string(),
    )?;
    let mut decoder = chat::Decoder::new(&subject.model);
    refused("a decoder of what is no token", decoder.feed(&[u32::MAX]), &u32::MAX.to_string())?;
    refused("truncating more than there is", ctx.truncate(100), "cannot truncate")?;
    refused("committing a page that is not full", ctx.inner().commit_working_pages(1), "full")?;

    same("the context after refused passes", (ctx.seq_len(), ctx.inner().working_page_count()), before)
}

/// The arg max behind `tokens`.
async fn next(ctx: &mut Context, tokens: &[u32]) -> Result<u32> {
    let mut fwd = ctx.forward();
    fwd.input(tokens);
    let choice = fwd.sample(&[tokens.len() as u32 - 1], Sampler::Argmax);
    fwd.execute().await?.token(choice).ok_or_else(|| "no token".to_owned())
}

impl Subject {
    fn fresh(&self) -> Result<Context> {
        Context::new(&self.model)
    }
}
