//! Guesses what comes next, and lets one pass verify several guesses. The answer is the same without them; it only takes more passes.
//!
//! Worth it wherever an answer quotes something that is known: a document, the code that is to be edited, an earlier answer.

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Input {
    prompt: String,
    expected: String,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Answer {
    text: String,
    tokens: usize,
    passes: usize,
}

// ANCHOR: speculator
/// Expects a text: whenever a token of it was generated, it guesses that the text goes on.
struct Expectation {
    tokens: Vec<u32>,
    /// Where in it the answer seems to be, and how long the sequence is.
    at: usize,
    length: u32,
}

/// More guesses cost more to verify, and the later ones are less likely to hold.
const MOST_DRAFTS: usize = 4;

impl Speculator for Expectation {
    fn draft(&mut self) -> (Vec<u32>, Vec<u32>) {
        let drafts: Vec<u32> = self.tokens.iter().skip(self.at).take(MOST_DRAFTS).copied().collect();
        let positions = (self.length..).take(drafts.len()).collect();
        (drafts, positions)
    }

    fn accept(&mut self, accepted: &[u32]) {
        self.length += accepted.len() as u32;
        for token in accepted {
            self.at = match self.tokens.iter().skip(self.at).position(|expected| expected == token) {
                Some(skipped) => self.at + skipped + 1,
                None => self.at,
            };
        }
    }
}
// ANCHOR_END: speculator

#[inferlet::main]
async fn main(input: Input) -> Result<Answer> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();
    // ANCHOR: generate
    let expectation = Expectation {
        tokens: model.tokenizer().encode(&input.expected),
        at: 0,
        length: ctx.buffer().len() as u32,
    };
    let mut g = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens).speculator(expectation);
    // ANCHOR_END: generate
    let (mut tokens, mut passes) = (Vec::new(), 0);
    while let Some(step) = g.next()? {
        tokens.extend(step.execute().await?.tokens);
        passes += 1;
    }
    let text = model.tokenizer().decode(&tokens)?;
    Ok(Answer { text, tokens: tokens.len(), passes })
}
