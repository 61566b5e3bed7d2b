//! Extracts a date from a text. The answer is nothing but a date, because nothing else matches.

use inferlet::Regex;
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

// ANCHOR: pattern
/// A date of this or the last century. It has to match as a whole.
const DATE: &str = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
// ANCHOR_END: pattern

#[derive(Deserialize)]
struct Input {
    text: String,
}

#[derive(Serialize)]
struct Date {
    year: u16,
    month: u8,
    day: u8,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Date> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&format!("Which date does this mention?\n\n{}", input.text)).cue();
    let generator = ctx.generate(Sampler::Argmax).max_tokens(32);
    let date = generator.constrain_with(Regex(DATE))?.collect_text().await?;
    parse(&date).ok_or_else(|| format!("`{date}` is not a whole date"))
}
// ANCHOR_END: main

fn parse(date: &str) -> Option<Date> {
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    Some(Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? })
}
