//! Asks for six words, none of which has a token that was there before: a grammar and a constraint of our own, both of which hold.

use std::collections::BTreeSet;
use std::iter::once;

use inferlet::prelude::*;
use inferlet::{Constrain, Regex, brle};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    theme: String,
}

// ANCHOR: constraint
/// Forbids tokens that were there before.
struct NoRepeats {
    used: BTreeSet<u32>,
    vocab_size: u32,
    mask: Vec<u32>,
}

impl NoRepeats {
    fn new(model: &Model) -> Self {
        let (ids, _) = model.tokenizer().vocabs();
        NoRepeats {
            used: BTreeSet::new(),
            vocab_size: ids.last().map_or(0, |last| last + 1),
            mask: Vec::new(),
        }
    }
}

impl Constrain for NoRepeats {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        self.used.extend(accepted);
        // Allowed are the gaps between the tokens that were used.
        let starts = once(0).chain(self.used.iter().map(|token| token + 1));
        let ends = self.used.iter().copied().chain(once(self.vocab_size));
        self.mask = brle::from_ranges(starts.zip(ends).map(|(start, end)| start..end), self.vocab_size);
        &self.mask
    }

    fn describe(&self) -> String {
        "no token twice".to_owned()
    }
}
// ANCHOR_END: constraint

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<Vec<String>> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&format!("Six words about {}.", input.theme)).cue();
    let generator = ctx.generate(Sampler::Argmax).max_tokens(128).constrain(NoRepeats::new(&model));
    let text = generator.constrain_with(Regex("[a-z]{2,12}( [a-z]{2,12}){5}"))?.collect_text().await?;
    Ok(text.split(' ').map(str::to_owned).collect())
}
// ANCHOR_END: main
