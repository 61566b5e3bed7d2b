//! The code blocks. Indentation follows the function around them; nothing else is changed.

use inferlet::prelude::*;

/// Runs the blocks that every model supports.
pub async fn run(prompt: &str) -> Result<String> {
    let model = load()?;
    let mut ctx = new(&model)?;
    ctx.user(prompt).cue();
    step_by_step(&mut ctx).await?;
    arguments(vec!["--n".to_owned(), "8".to_owned()]);
    let token_ids = model.tokenizer().encode(prompt);
    let mut plain = new(&model)?;
    forward(&mut plain, token_ids.clone()).await?;
    decoder(model.clone(), token_ids)?;
    let mut chat = new(&model)?;
    chat.user(prompt).cue();
    generate(&mut chat).await
}

fn arguments(raw_argv: Vec<String>) {
use inferlet::{parse_args, Arguments};

let mut args: Arguments = parse_args(raw_argv);
let n: usize = args.value_from_str("--n").unwrap_or(4);
}

fn runtime() {
use inferlet::runtime;
}

fn load() -> Result<Model> {
use inferlet::model::Model;

let model = Model::load("default")?;
    Ok(model)
}

fn new(model: &Model) -> Result<Context> {
    let model = model.clone();
use inferlet::Context;

let mut ctx = Context::new(&model)?;
    Ok(ctx)
}

async fn generate(ctx: &mut Context) -> Result<String> {
let g = ctx.generate(Sampler::TopP { temperature: 0.6, p: 0.95 })
.max_tokens(256);
    g.collect_text().await
}

async fn step_by_step(ctx: &mut Context) -> Result<()> {
    let chosen_token = 1;
let mut g = ctx.generate(Sampler::Argmax).max_tokens(256);

while let Some(mut step) = g.next()? {
let out = step.execute().await?;
// Inspect or override; commit chosen tokens.
g.accept(&[chosen_token]);
}
    Ok(())
}

async fn forward(ctx: &mut Context, token_ids: Vec<u32>) -> Result<Option<u32>> {
let mut fwd = ctx.forward();
fwd.input(&token_ids);
let h = fwd.sample(&[0], Sampler::Argmax);
let out = fwd.execute().await?;
let token = out.token(h);
    Ok(token)
}

fn samplers() {
use inferlet::sample::Sampler;
}

fn probes() {
use inferlet::sample::{Distribution, Entropy, Logits, Logprob, Logprobs};
}

fn schema(ctx: &mut Context, sampler: Sampler, s: &str) -> Result<()> {
use inferlet::{AnyJson, JsonSchema, Regex, Ebnf, Schema};

ctx.generate(sampler).constrain_with(JsonSchema(s))?;
    Ok(())
}

fn grammar_constraint(model: Model, my_grammar: &str) -> Result<()> {
use inferlet::GrammarConstraint;

let gc = GrammarConstraint::from_ebnf(my_grammar, &model)?;
    Ok(())
}

fn matcher(model: Model, grammar_src: String, prefix_tokens: Vec<u32>) -> Result<()> {
use inferlet::inference::{Grammar, Matcher};

let grammar = Grammar::from_ebnf(&grammar_src)?;
let mut m = Matcher::new(&grammar, &model.tokenizer());

m.accept_tokens(&prefix_tokens)?;
let mask = m.next_token_logit_mask();
let done = m.is_terminated();
m.reset();
    Ok(())
}

mod speculator {
use inferlet::spec::Speculator;
}

fn adapter(model: Model) -> Result<()> {
use inferlet::adapter::Adapter;

let adapter = Adapter::create(&model, "my-adapter")?;
    Ok(())
}

fn decoder(model: Model, tokens: Vec<u32>) -> Result<()> {
use inferlet::chat;

let mut dec = chat::Decoder::new(&model);
match dec.feed(&tokens)? {
chat::Event::Delta(s) => { /* visible text */ }
chat::Event::Done(s) => { /* end of turn */ }
chat::Event::Idle => { /* no semantic boundary */ }
chat::Event::Interrupt(token_id) => { /* template control token */ }
}
    Ok(())
}

fn other_decoders() {
use inferlet::reasoning;
use inferlet::tools;
}

fn market(ctx: Context) -> Result<()> {
ctx.set_bid(2.5); // override the next-step bid
let _g = ctx.idle(); // RAII guard: bid 0 until `_g` drops
ctx.suspend()?; // return all pages to the pool; resume later
    Ok(())
}

fn scheduling() {
use inferlet::scheduling;
}

async fn session() {
use inferlet::pie::core::session;
use inferlet::FutureStringExt; // for `.wait_async()` on FutureString
    {
use inferlet::pie::core::session;
use inferlet::FutureStringExt;

let next = session::receive();
let msg: Option<String> = next.wait_async().await;
    }
}

fn messaging() {
use inferlet::messaging;
use inferlet::{FutureStringExt, SubscriptionExt};
}

fn mcp() {
use inferlet::mcp;
}
