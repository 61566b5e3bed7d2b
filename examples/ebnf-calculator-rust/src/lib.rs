//! Lets the model write a formula, and works it out: models are better at the one than at the other.

use std::iter::Peekable;
use std::str::Chars;

use inferlet::Ebnf;
use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

// ANCHOR: grammar
/// Formulas, in Lark's notation. What is in capitals is a token of the grammar.
const FORMULA: &str = r#"
start: sum
sum: product (("+" | "-") product)*
product: factor ("*" factor)*
factor: NUMBER | "(" sum ")"
NUMBER: /[1-9][0-9]{0,3}/
"#;
// ANCHOR_END: grammar

#[derive(Deserialize)]
struct Input {
    question: String,
}

#[derive(Serialize)]
struct Answer {
    formula: String,
    value: f64,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Answer> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("You answer with a formula, and do not work it out.").user(&input.question).cue();
    let generator = ctx.generate(Sampler::Argmax).max_tokens(256);
    let formula = generator.constrain_with(Ebnf(FORMULA))?.collect_text().await?;
    let value = sum(&mut formula.chars().peekable()).ok_or_else(|| format!("`{formula}` was cut off"))?;
    Ok(Answer { formula, value })
}
// ANCHOR_END: main

// ANCHOR: evaluate
// One function for each rule of the grammar.
fn sum(formula: &mut Peekable<Chars>) -> Option<f64> {
    let mut value = product(formula)?;
    while let Some(sign) = formula.next_if(|sign| "+-".contains(*sign)) {
        let next = product(formula)?;
        value += if sign == '+' { next } else { -next };
    }
    Some(value)
}

fn product(formula: &mut Peekable<Chars>) -> Option<f64> {
    let mut value = factor(formula)?;
    while formula.next_if_eq(&'*').is_some() {
        value *= factor(formula)?;
    }
    Some(value)
}

fn factor(formula: &mut Peekable<Chars>) -> Option<f64> {
    if formula.next_if_eq(&'(').is_some() {
        let value = sum(formula)?;
        return formula.next_if_eq(&')').map(|_| value);
    }
    let digits: String = std::iter::from_fn(|| formula.next_if(char::is_ascii_digit)).collect();
    digits.parse().ok()
}
// ANCHOR_END: evaluate
