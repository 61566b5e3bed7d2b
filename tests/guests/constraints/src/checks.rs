//! Every way to make a constraint and to move it, on the engine.

use inferlet::brle;
use inferlet::inference::{Grammar, Matcher};
use inferlet::prelude::*;
use inferlet::schemars::JsonSchema;
use inferlet::{Constrain, GrammarConstraint};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Debug;

const AT_RANDOM: Sampler = Sampler::TopP { temperature: 1.5, p: 1.0 };

pub async fn run(group: &str, model: &Model) -> Result<Vec<String>> {
    match group {
        "matchers" => matchers(model),
        "constraints" => constraints(model).await,
        "own" => own(model).await,
        "forks" => forks(model).await,
        "quick" => quick(model, Sampler::Argmax).await,
        "slow" => slow(model, Sampler::Argmax).await,
        "quick at random" => quick(model, AT_RANDOM).await,
        "slow at random" => slow(model, AT_RANDOM).await,
        "counted" => counted(model).await,
        "json" => json(model).await,
        "tools" => native_tools(model),
        "types" => types(model).await,
        "copies" => copies(model),
        "long" => long(model).await,
        _ => Err(format!("there is no group `{group}`")),
    }
}

fn done(checks: &[&str]) -> Result<Vec<String>> {
    Ok(checks.iter().map(|&check| check.to_owned()).collect())
}

fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Result<()> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?} instead of {expected:?}")) }
}

fn asked(model: &Model) -> Result<Context> {
    let mut ctx = Context::new(model)?;
    ctx.user("Describe a loaf of bread.").cue();
    Ok(ctx)
}

fn token(model: &Model, text: &str) -> Result<u32> {
    match model.tokenizer().encode(text)[..] {
        [token] => Ok(token),
        ref tokens => Err(format!("{text:?} is {tokens:?}")),
    }
}

fn matchers(model: &Model) -> Result<Vec<String>> {
    let [a, b] = [token(model, "a")?, token(model, "b")?];
    let grammars = [Grammar::from_regex("ab*")?, Grammar::from_ebnf("start: \"a\" \"b\"*")?];
    for grammar in &grammars {
        let mut matcher = Matcher::new(grammar, model.tokenizer());
        let start = matcher.next_token_logit_mask();
        same("a at the start", (brle::allows(&start, a), brle::allows(&start, b)), (true, false))?;
        let error = matcher.accept_tokens(&[a, a]).err().ok_or("`aa` was accepted")?;
        if !error.contains("`a`") {
            return Err(format!("the error does not name the token: {error}"));
        }
        same("the mask after an error", matcher.next_token_logit_mask(), start.clone())?;
        matcher.accept_tokens(&[a, b])?;
        same("b behind ab", brle::allows(&matcher.next_token_logit_mask(), b), true)?;
        matcher.roll_back(2)?;
        same("the mask after rolling back", matcher.next_token_logit_mask(), start.clone())?;
        same("rolling back too far", matcher.roll_back(1).is_err(), true)?;
        matcher.accept_tokens(&[a])?;
        matcher.reset();
        same("the mask after a reset", matcher.next_token_logit_mask(), start)?;
    }
    let mut matcher = Matcher::new(&Grammar::from_regex("a")?, model.tokenizer());
    same("not terminated", matcher.is_terminated(), false)?;
    matcher.accept_tokens(&[a])?;
    same("terminated", matcher.is_terminated(), true)?;
    same("the text of a grammar", grammars[0].to_string(), "ab*".to_owned())?;
    same("the text of any JSON", Grammar::json().to_string(), "{}".to_owned())?;
    done(&["moved", "rolled back", "reset", "terminated", "shown"])
}

async fn constraints(model: &Model) -> Result<Vec<String>> {
    let digits = Grammar::from_regex("[0-9]{2}")?;
    let each = [
        GrammarConstraint::json(model),
        GrammarConstraint::from_grammar(&digits, model),
        GrammarConstraint::from_json_schema(r#"{"type":"integer","minimum":3,"maximum":5}"#, model)?,
        GrammarConstraint::from_regex("[xyz]{3}", model)?,
        GrammarConstraint::from_ebnf("start: \"<\" /[a-z]/ \">\"", model)?,
        GrammarConstraint::new(Matcher::new(&digits, model.tokenizer())),
    ];
    let mut texts = Vec::new();
    for constraint in each {
        let mut ctx = asked(model)?;
        texts.push(ctx.generate(Sampler::Argmax).max_tokens(200).constrain(constraint).collect_text().await?);
    }
    Ok(texts)
}

/// Allows a grammar's tokens, without those of some text. Wraps a matcher, as the reference suggests.
struct Without {
    matcher: Matcher,
    forbidden: Vec<u32>,
    mask: Vec<u32>,
}

impl Constrain for Without {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        self.matcher.accept_tokens(accepted).expect("only tokens of the mask are accepted");
        self.mask = brle::and(&self.matcher.next_token_logit_mask(), &self.forbidden);
        &self.mask
    }
}

/// Texts of a number of letters.
struct Letters(usize);

impl Schema for Letters {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        GrammarConstraint::from_regex(&format!("[a-z]{{{}}}", self.0), model)
    }
}

async fn own(model: &Model) -> Result<Vec<String>> {
    let mut ctx = asked(model)?;
    let letters = ctx.generate(Sampler::Argmax).constrain_with(Letters(7))?.collect_text().await?;
    let vocabulary = model.tokenizer().vocabs();
    let size = vocabulary.0.last().ok_or("there are no tokens")? + 1;
    let with_e = |bytes: &Vec<u8>| bytes.contains(&b'e');
    let tokens = vocabulary.0.iter().zip(&vocabulary.1);
    let allowed: Vec<u32> = tokens.filter(|(_, bytes)| !with_e(bytes)).map(|(&id, _)| id).collect();
    let matcher = Matcher::new(&Grammar::from_regex("[a-z]{12}")?, model.tokenizer());
    let without = Without { matcher, forbidden: brle::from_indices(&allowed, size), mask: Vec::new() };
    let mut ctx = asked(model)?;
    let text = ctx.generate(Sampler::Argmax).constrain(without).collect_text().await?;
    same("letters, and an `e`", (letters.len(), text.len(), text.contains('e')), (7, 12, false))?;
    done(&["schema", "constrain"])
}

/// A matcher follows forks and truncations of its context.
async fn forks(model: &Model) -> Result<Vec<String>> {
    let mut ctx = asked(model)?;
    ctx.flush().await?;
    // To the end of a page: only tokens of a page that is not full can be dropped.
    let page = ctx.page_size();
    let missing = (page - ctx.seq_len() % page) % page;
    ctx.append(&vec![token(model, "a")?; missing as usize]).flush().await?;
    let mut constraint = GrammarConstraint::from_regex("[a-z]{4}-[0-9]{4}", model)?;
    let head = step_by_hand(&mut ctx, &mut constraint, 2).await?;
    let mut twin = (ctx.fork()?, constraint.fork(model)?);
    let tail = step_by_hand(&mut ctx, &mut constraint, 3).await?;
    same("a fork", step_by_hand(&mut twin.0, &mut twin.1, 3).await?, tail.clone())?;
    // Back to where the fork was made, and on again.
    ctx.truncate(3)?;
    constraint.roll_back(3)?;
    same("rolled back", step_by_hand(&mut ctx, &mut constraint, 3).await?, tail)?;
    same("the head", head.len(), 2)?;
    done(&["forked", "rolled back"])
}

/// Generates so many tokens with passes of its own; all are in the pages afterwards.
async fn step_by_hand(
    ctx: &mut Context,
    constraint: &mut GrammarConstraint,
    count: usize,
) -> Result<Vec<u32>> {
    let mut tokens = Vec::new();
    let mut mask = constraint.step(&[]).to_vec();
    while tokens.len() < count {
        // The first allowed token will do: it stands behind the first run of forbidden ones.
        let next = mask.first().copied().ok_or("there is no mask")?;
        let mut fwd = ctx.forward();
        fwd.input(&[next]).mask(&mask);
        fwd.execute().await?;
        tokens.push(next);
        mask = constraint.step(&[next]).to_vec();
    }
    Ok(tokens)
}

/// Has letters without a choice at its beginning, in its middle and at its end.
const SPELLED: &str = "(QZX|JKW)[a-c]{3}(QQZ|VVX)[0-9]{2}ZZZ";

/// What the generator makes of it.
async fn quick(model: &Model, sampler: Sampler) -> Result<Vec<String>> {
    let constraint = GrammarConstraint::from_regex(SPELLED, model)?;
    let text = asked(model)?.generate(sampler).constrain(constraint).collect_text().await?;
    Ok(vec![text])
}

/// What a loop makes of it that asks the model for each token.
async fn slow(model: &Model, sampler: Sampler) -> Result<Vec<String>> {
    let mut ctx = asked(model)?;
    let mut constraint = GrammarConstraint::from_regex(SPELLED, model)?;
    let stops = chat::stop_tokens(model);
    let (mut tokens, mut pending, mut told) = (Vec::new(), ctx.take_buffer(), Vec::new());
    loop {
        let mask = constraint.step(&told).to_vec();
        let mut fwd = ctx.forward();
        fwd.input(&pending).mask(&mask);
        let choice = fwd.sample(&[pending.len() as u32 - 1], sampler);
        let token = fwd.execute().await?.token(choice).ok_or("no token")?;
        if stops.contains(&token) {
            return Ok(vec![model.tokenizer().decode(&tokens)?]);
        }
        tokens.push(token);
        (pending, told) = (vec![token], vec![token]);
    }
}

/// Limits and steps count forced tokens like others.
async fn counted(model: &Model) -> Result<Vec<String>> {
    let mut ctx = asked(model)?;
    let constraint = GrammarConstraint::from_regex("[0-9]QZXJKW", model)?;
    let mut generator = ctx.generate(Sampler::Argmax).max_tokens(4).constrain(constraint);
    let mut told = Vec::new();
    while let Some(step) = generator.next()? {
        told.extend(step.execute().await?.tokens);
    }
    same("tokens under the limit", (told.len(), generator.tokens_generated()), (4, 4))?;
    done(&["counted"])
}

#[derive(Deserialize, JsonSchema, Debug)]
#[schemars(crate = "inferlet::schemars")]
#[allow(dead_code)]
struct Loaf {
    name: String,
    grams: u32,
    seeds: Vec<String>,
    crust: Crust,
    notes: Option<String>,
}

#[derive(Deserialize, JsonSchema, Debug)]
#[schemars(crate = "inferlet::schemars")]
#[serde(rename_all = "kebab-case")]
enum Crust {
    Soft,
    Crisp,
}

async fn json(model: &Model) -> Result<Vec<String>> {
    let mut ctx = asked(model)?;
    let loaf: Loaf = ctx.generate(Sampler::Argmax).collect_json().await?;
    let mut short = asked(model)?;
    let cut = short.generate(Sampler::Argmax).max_tokens(4).collect_json::<Loaf>().await;
    let error = cut.err().ok_or("4 tokens were enough")?;
    short.generate(Sampler::Argmax).max_tokens(3).collect_tokens().await?;
    Ok(vec![format!("{loaf:?}"), error])
}

/// What a type's values are, as often as asked for; each is read by `collect_json`.
async fn values<T>(model: &Model, times: usize) -> Result<Vec<String>>
where
    T: JsonSchema + serde::de::DeserializeOwned + Debug,
{
    let mut values = Vec::new();
    for number in 0..times {
        let mut ctx = Context::new(model)?;
        ctx.user(&format!("Tell me about loaf {number}.")).cue();
        let sampler = if number % 2 == 0 { Sampler::Argmax } else { AT_RANDOM };
        let value: T = ctx.generate(sampler).collect_json().await?;
        values.push(format!("{value:?}"));
    }
    Ok(values)
}

/// Types whose schemas say little or nothing about how large a value is. There is no limit on tokens.
async fn types(model: &Model) -> Result<Vec<String>> {
    let mut all = Vec::new();
    all.extend(values::<f64>(model, 8).await?);
    all.extend(values::<Option<i64>>(model, 8).await?);
    all.extend(values::<Vec<u8>>(model, 4).await?);
    all.extend(values::<Vec<f32>>(model, 4).await?);
    all.extend(values::<(u64, i32, isize)>(model, 4).await?);
    all.extend(values::<BTreeMap<String, f64>>(model, 4).await?);
    all.extend(values::<serde_json::Value>(model, 8).await?);
    Ok(all)
}

/// Forks and ways back of matchers that have moved far.
fn copies(model: &Model) -> Result<Vec<String>> {
    let [a, b] = [token(model, "a")?, token(model, "b")?];
    let grammar = Grammar::from_regex("(a|b)*c|a{12}d|(ab){8}e")?;
    let fresh = |tokens: &[u32]| -> Result<Vec<u32>> {
        let mut matcher = Matcher::new(&grammar, model.tokenizer());
        for token in tokens {
            matcher.accept_tokens(&[*token])?;
        }
        Ok(matcher.next_token_logit_mask())
    };
    let mut matcher = Matcher::new(&grammar, model.tokenizer());
    matcher.accept_tokens(&[a; 12])?;
    let mut fork = matcher.fork(model.tokenizer())?;
    same("the mask of a fork", fork.next_token_logit_mask(), fresh(&[a; 12])?)?;
    fork.accept_tokens(&[b])?;
    same("the mask of the other", matcher.next_token_logit_mask(), fresh(&[a; 12])?)?;
    same(
        "the mask of a fork that moved",
        fork.next_token_logit_mask(),
        fresh(&[&[a; 12][..], &[b]].concat())?,
    )?;
    matcher.roll_back(11)?;
    same("the mask on the way back", matcher.next_token_logit_mask(), fresh(&[a])?)?;
    matcher.accept_tokens(&[b, a, b, a, b, a, b, a, b, a, b, a, b, a, b])?;
    same("the mask on another way", matcher.next_token_logit_mask(), fresh(&[a, b].repeat(8))?)?;
    matcher.reset();
    let refused = matcher.accept_tokens(&[a, a, 99_999_999]).err().ok_or("an unknown token was accepted")?;
    same("the mask behind an unknown token", matcher.next_token_logit_mask(), fresh(&[])?)?;
    fork.roll_back(13)?;
    same("the mask at the start", fork.next_token_logit_mask(), fresh(&[])?)?;
    Ok(vec![refused])
}

/// Drafts the same token again and again.
struct Stubborn {
    drafts: Vec<u32>,
    at: u32,
}

impl Speculator for Stubborn {
    fn draft(&mut self) -> (Vec<u32>, Vec<u32>) {
        (self.drafts.clone(), (self.at..).take(self.drafts.len()).collect())
    }

    fn accept(&mut self, accepted: &[u32]) {
        self.at += accepted.len() as u32;
    }
}

/// Texts that a grammar does not let end before a rare mark, with and without drafts.
async fn long(model: &Model) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for pattern in ["[^x]*x", r"(\w+ )*end", r"(?s:.)*</html>"] {
        let mut plain = asked(model)?;
        let mut engine = asked(model)?;
        let mut own = asked(model)?;
        let at = own.buffer().len() as u32;
        let constraint = || GrammarConstraint::from_regex(pattern, model);
        let text = plain.generate(Sampler::Argmax).constrain(constraint()?).collect_text().await?;
        let generator = engine.generate(Sampler::Argmax).constrain(constraint()?).system_speculation();
        same("with the engine's drafts", generator.collect_text().await?, text.clone())?;
        let drafts = model.tokenizer().encode(" the end")[..].to_vec();
        let generator = own.generate(Sampler::Argmax).constrain(constraint()?);
        let generator = generator.speculator(Stubborn { drafts, at });
        same("with stubborn drafts", generator.collect_text().await?, text.clone())?;
        texts.push(text);
    }
    Ok(texts)
}

fn native_tools(model: &Model) -> Result<Vec<String>> {
    let tool = r#"{"name":"weigh","parameters":{"type":"object","properties":{"grams":{"type":"integer"}},"required":["grams"]}}"#;
    let grammar = tools::native_grammar(model, &[tool]).ok_or("the model has no tool format")?;
    let matcher = tools::native_matcher(model, &[tool]).ok_or("the model has no tool format")?;
    let other = Matcher::new(&grammar, model.tokenizer());
    same("the masks", matcher.next_token_logit_mask(), other.next_token_logit_mask())?;
    let mut constraint = GrammarConstraint::new(matcher);
    same("a mask", brle::allows_any(constraint.step(&[])), true)?;
    done(&["native"])
}
