//! A program that compiles if and only if the SDK offers what the Rust API reference says.
//!
//! `snippets` holds the code blocks of the reference, character for character, each in a function that gives the names it
//! uses. `rows` holds the rows of its tables, as values of the types that the rows give. Running it calls what needs no
//! model feature.
#![allow(unused, reason = "the code blocks show calls, not uses of their results")]
#![allow(clippy::needless_borrow, reason = "the reference borrows what may be borrowed already")]

mod rows;
#[rustfmt::skip]
mod snippets;

use inferlet::Result;
use serde::{Deserialize, Serialize};

#[rustfmt::skip]
#[derive(Deserialize)]
struct Input { prompt: String }

#[rustfmt::skip]
#[derive(Serialize)]
struct Output { text: String }

#[inferlet::main]
async fn main(input: Input) -> Result<Output> {
    rows::inspect()?;
    let text = snippets::run(&input.prompt).await?;
    Ok(Output { text })
}
