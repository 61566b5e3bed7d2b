//! Generating.

use crate::{Subject, same};
use futures::join;
use inferlet::chat;
use inferlet::prelude::*;
use inferlet::sample::Distribution;

const LIMIT: usize = 24;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    flushed(subject).await?;
    continued(subject).await?;
    forked(subject).await?;
    joined(subject).await?;
    own_choice(subject).await?;
    text(subject).await?;
    Ok(vec!["flushed", "continued", "forked", "joined", "own choice", "text"])
}

/// Whether the model has already seen the prompt makes no difference, whatever its length is within a page.
async fn flushed(subject: &Subject) -> Result<()> {
    let page = subject.asked()?.page_size();
    for extra in 0..=page {
        let filler = subject.model.tokenizer().encode("and so on")[0];
        let mut buffered = subject.asked()?;
        buffered.append(&vec![filler; extra as usize]);
        let mut flushed = buffered.fork()?;
        flushed.flush().await?;
        let expected = buffered.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?;
        let length = flushed.seq_len() as usize;
        let got = flushed.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?;
        same("the answer behind a flushed prompt", &got, &expected)?;
        let whole = flushed.seq_len() as usize + flushed.buffer().len();
        same("the length behind a flushed prompt", whole, length + got.len())?;
    }
    Ok(())
}

/// Two generations give what one gives.
async fn continued(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let mut ctx = subject.asked()?;
    let mut got = ctx.generate(Sampler::Argmax).max_tokens(LIMIT / 3).collect_tokens().await?;
    if got.len() == LIMIT / 3 {
        got.extend(ctx.generate(Sampler::Argmax).max_tokens(LIMIT - LIMIT / 3).collect_tokens().await?);
    }
    same("the continued answer", got, expected)
}

/// A fork answers as its origin does, and leaves it alone.
async fn forked(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let mut ctx = subject.asked()?;
    let mut early = ctx.fork()?;
    ctx.flush().await?;
    let mut late = ctx.fork()?;
    for (name, fork) in [("early fork", &mut early), ("late fork", &mut late), ("origin", &mut ctx)] {
        same(
            name,
            fork.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?,
            expected.clone(),
        )?;
    }
    Ok(())
}

/// Passes that are under way together do not change each other.
async fn joined(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let (mut one, mut two, mut three) = (subject.asked()?, subject.asked()?, subject.asked()?);
    two.flush().await?;
    let (a, b, c) = join!(
        one.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens(),
        two.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens(),
        three.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens(),
    );
    for got in [a?, b?, c?] {
        same("an answer among others", got, expected.clone())?;
    }
    Ok(())
}

/// Choosing the likeliest token by hand is what the arg max does.
async fn own_choice(subject: &Subject) -> Result<()> {
    let expected = subject.answer(LIMIT).await?;
    let mut ctx = subject.asked()?;
    let mut g = ctx.generate(Sampler::top_p(1.0, 0.9)).max_tokens(LIMIT);
    let mut got = Vec::new();
    while let Some(mut step) = g.next()? {
        step.clear_sampler();
        let probe = step.probe(0, Distribution { temperature: 1.0, k: 4 });
        let out = step.execute().await?;
        let (ids, _) = out.distribution(probe).ok_or("no distribution")?;
        let before = g.tokens_generated();
        g.accept(&ids[..1]);
        if g.tokens_generated() > before {
            got.push(ids[0]);
        }
    }
    same("the answer chosen by hand", got, expected)
}

/// The text is what the decoder makes of the tokens, one by one.
async fn text(subject: &Subject) -> Result<()> {
    let text = subject.asked()?.generate(Sampler::Argmax).max_tokens(LIMIT).collect_text().await?;
    let mut ctx = subject.asked()?;
    let mut decoder = chat::Decoder::new(&subject.model);
    let mut streamed = String::new();
    let mut g = ctx.generate(Sampler::Argmax).max_tokens(LIMIT);
    while let Some(step) = g.next()? {
        let out = step.execute().await?;
        if out.tokens.is_empty() {
            continue;
        }
        if let chat::Event::Delta(delta) = decoder.feed(&out.tokens)? {
            streamed.push_str(&delta);
        }
    }
    if text.starts_with(&streamed) {
        Ok(())
    } else {
        Err(format!("streamed `{streamed}`, collected `{text}`"))
    }
}
