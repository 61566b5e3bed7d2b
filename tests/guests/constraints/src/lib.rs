//! Generates under constraints: those that its input lists, or with `group` a fixed set of checks.

mod checks;

use inferlet::inference::Grammar;
use inferlet::prelude::*;
use inferlet::{AnyJson, Constrain, Ebnf, JsonSchema, Regex};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Input {
    /// Texts to generate, each in a fork of one conversation.
    Texts(Vec<Case>),
    /// A group of checks.
    Group(String),
}

#[derive(Deserialize)]
struct Case {
    /// They all hold.
    constraints: Vec<Source>,
    max_tokens: Option<usize>,
    /// Zero for the arg max.
    #[serde(default)]
    temperature: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    Json,
    Schema(String),
    Regex(String),
    Ebnf(String),
    /// A regular expression that is compiled before.
    Compiled(String),
    /// A mask that is always the same.
    Mask(Vec<u32>),
}

/// The same mask at every position.
struct Fixed(Vec<u32>);

impl Constrain for Fixed {
    fn step(&mut self, _accepted: &[u32]) -> &[u32] {
        &self.0
    }

    fn describe(&self) -> String {
        format!("the mask of {} runs", self.0.len())
    }
}

#[inferlet::main]
async fn main(input: Input) -> Result<Vec<String>> {
    let model = Model::load("default")?;
    match input {
        Input::Group(group) => checks::run(&group, &model).await,
        Input::Texts(cases) => {
            let mut ctx = Context::new(&model)?;
            ctx.user("Describe a loaf of bread.").cue().flush().await?;
            let mut texts = Vec::new();
            for case in cases {
                texts.push(text(&ctx, case).await?);
            }
            Ok(texts)
        }
    }
}

/// What is generated, or the error with `error: ` in front. After an error the context must still be good for a text.
async fn text(ctx: &Context, case: Case) -> Result<String> {
    let mut fork = ctx.fork()?;
    match constrained(&mut fork, case).await {
        Ok(text) => Ok(text),
        Err(error) => {
            let length = fork.seq_len() + fork.buffer().len() as u32;
            // Whatever came before: a model might end its text at once.
            let digits = fork.generate(Sampler::Argmax).max_tokens(9).constrain_with(Regex("[0-9]{3}"))?;
            let after = digits.collect_text().await?;
            let longer = fork.seq_len() + fork.buffer().len() as u32 > length;
            if longer && after.len() == 3 && after.bytes().all(|byte| byte.is_ascii_digit()) {
                Ok(format!("error: {error}"))
            } else {
                Err(format!("after {error:?} the context went on with {after:?}"))
            }
        }
    }
}

async fn constrained(ctx: &mut Context, case: Case) -> Result<String> {
    let sampler = match case.temperature {
        0.0 => Sampler::Argmax,
        temperature => Sampler::top_p(temperature, 0.95),
    };
    let mut generator = ctx.generate(sampler);
    if let Some(limit) = case.max_tokens {
        generator = generator.max_tokens(limit);
    }
    for source in case.constraints {
        generator = match source {
            Source::Json => generator.constrain_with(AnyJson)?,
            Source::Schema(schema) => generator.constrain_with(JsonSchema(&schema))?,
            Source::Regex(pattern) => generator.constrain_with(Regex(&pattern))?,
            Source::Ebnf(grammar) => generator.constrain_with(Ebnf(&grammar))?,
            Source::Compiled(pattern) => generator.constrain_with(&Grammar::from_regex(&pattern)?)?,
            Source::Mask(mask) => generator.constrain(Fixed(mask)),
        };
    }
    generator.collect_text().await
}
