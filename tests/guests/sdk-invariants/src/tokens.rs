//! Tokens outside of the vocabulary, in all that takes tokens: each is an error that names it, and what it was given to goes on as if it had not been.

use crate::{Subject, refused, same};
use inferlet::brle;
use inferlet::chat;
use inferlet::inference::{Grammar, Matcher};
use inferlet::prelude::*;
use inferlet::reasoning;
use inferlet::sample::Logprobs;
use inferlet::tools;

const LIMIT: usize = 8;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    let grammar = Grammar::from_regex("[a-z]+")?;
    let mut matcher = Matcher::new(&grammar, subject.model.tokenizer());
    let vocabulary = brle::len(&matcher.next_token_logit_mask());
    for outside in [vocabulary, u32::MAX] {
        filled(subject, outside).await?;
        generated(subject, outside).await?;
        decoded(subject, outside)?;
        matched(subject, &mut matcher, outside)?;
    }
    Ok(vec!["filled", "generated", "decoded", "matched"])
}

/// In a context's buffer, in a pass and in a probe.
async fn filled(subject: &Subject, outside: u32) -> Result<()> {
    let (expected, name) = (subject.answer(LIMIT).await?, outside.to_string());
    let mut ctx = subject.asked()?;
    let prompt = ctx.take_buffer();
    ctx.append(&[prompt[0], outside]);
    refused("a flush", ctx.flush().await, &name)?;
    ctx.take_buffer();
    let mut pass = ctx.forward();
    pass.input(&[outside]);
    refused("a pass", pass.execute().await, &name)?;
    let mut pass = ctx.forward();
    pass.input(&prompt[..1]);
    pass.probe(0, Logprobs(vec![prompt[0], outside]));
    refused("a probe", pass.execute().await, &name)?;
    same("tokens after refused ones", ctx.seq_len(), 0)?;
    ctx.append(&prompt);
    same("the answer", ctx.generate(Sampler::Argmax).max_tokens(LIMIT).collect_tokens().await?, expected)
}

/// Among what a generation has accepted, and as a token that ends it.
async fn generated(subject: &Subject, outside: u32) -> Result<()> {
    let (expected, name) = (subject.answer(LIMIT).await?, outside.to_string());
    let mut ctx = subject.asked()?;
    let mut generator = ctx.generate(Sampler::Argmax).max_tokens(LIMIT);
    generator.next()?.ok_or("no step")?.execute().await?;
    generator.accept(&[outside]);
    let refused_step = generator.next()?.ok_or("no step behind what was accepted")?.execute().await;
    refused("a step behind an accepted token", refused_step, &name)?;
    let mut ctx = subject.asked()?;
    let generator = ctx.generate(Sampler::Argmax).max_tokens(LIMIT).add_stop(&[outside]);
    same("the answer with an end that never comes", generator.collect_tokens().await?, expected)
}

/// By the tokenizer and by each decoder.
fn decoded(subject: &Subject, outside: u32) -> Result<()> {
    let (model, name) = (&subject.model, outside.to_string());
    let tokens = model.tokenizer().encode("a sea");
    refused("the tokenizer", model.tokenizer().decode(&[tokens[0], outside]), &name)?;
    let mut chat = chat::Decoder::new(model);
    refused("the decoder of chats", chat.feed(&[outside]), &name)?;
    let mut reasoning = reasoning::Decoder::new(model);
    refused("the decoder of reasoning", reasoning.feed(&[outside]), &name)?;
    let mut calls = tools::Decoder::new(model);
    refused("the decoder of calls", calls.feed(&[outside]), &name)?;
    let told = |event| matches!(event, chat::Event::Delta(text) if text == "a sea");
    same("the decoder of chats goes on", told(chat.feed(&tokens)?), true)?;
    reasoning.feed(&tokens)?;
    calls.feed(&tokens)?;
    Ok(())
}

/// By a matcher.
fn matched(subject: &Subject, matcher: &mut Matcher, outside: u32) -> Result<()> {
    let before = matcher.next_token_logit_mask();
    refused("a matcher", matcher.accept_tokens(&[outside]), &outside.to_string())?;
    let letters = subject.model.tokenizer().encode("sea");
    refused(
        "behind others",
        matcher.accept_tokens(&[&letters[..], &[outside]].concat()),
        &outside.to_string(),
    )?;
    same("the mask after refused tokens", matcher.next_token_logit_mask(), before)
}
