//! A watermark: text whose reader notices nothing, but which somebody with a key recognises as generated.
//!
//! After each token, key and token divide the vocabulary into two halves, and tokens of the marked half are made a little more
//! probable. Text from elsewhere has about half of its tokens marked; text from here has more. Where the model is sure of the next
//! token there is no room for a mark, so the mark shows in long texts and at high temperatures first. The method is that of
//! Kirchenbauer et al., "A Watermark for Large Language Models" (2023).

use inferlet::prelude::*;
use inferlet::sample::Distribution;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    prompt: String,
    key: u64,
    strength: f32,
    temperature: f32,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Marked {
    text: String,
    /// How many of the tokens are marked, of `tokens`.
    marked: usize,
    tokens: usize,
    /// How many standard deviations that is above chance; above 4 is no accident.
    z_score: f32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Marked> {
    let model = Model::load("default")?;
    let watermark = Watermark { key: input.key, strength: input.strength };
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();
    let mut previous = *ctx.buffer().last().ok_or("there is no prompt")?;
    let prompt_end = previous;

    let mut random = Random(input.key);
    let mut tokens = Vec::new();
    let mut generator = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens);
    // ANCHOR: step
    while let Some(mut step) = generator.next()? {
        // No sampler of the engine's: the choice is made here, from the whole distribution.
        step.clear_sampler();
        let probe = step.probe(0, Distribution { temperature: input.temperature, k: 0 });
        let output = step.execute().await?;
        let (ids, probabilities) = output.distribution(probe).ok_or("the step has no distribution")?;
        let weights: Vec<f32> = ids
            .iter()
            .zip(probabilities)
            .map(|(&id, probability)| probability * watermark.favour(previous, id))
            .collect();
        previous = ids[random.choose(&weights)];
        // Ends the generation if it is a stop token; that one is not part of the text.
        generator.accept(&[previous]);
        if generator.stopped_by().is_none() {
            tokens.push(previous);
        }
    }
    // ANCHOR_END: step
    let marked = watermark.count(prompt_end, &tokens);
    Ok(Marked {
        text: model.tokenizer().decode(&tokens)?,
        marked,
        tokens: tokens.len(),
        z_score: z_score(marked, tokens.len()),
    })
}

struct Watermark {
    key: u64,
    strength: f32,
}

impl Watermark {
    /// Whether a token is in the marked half behind another.
    fn marks(&self, previous: u32, token: u32) -> bool {
        let pair = u64::from(previous) << 32 | u64::from(token);
        mix(self.key ^ mix(pair)) & 1 == 1
    }

    /// What the probability of a token is multiplied by. As its logit grows by `strength`, this is its exponential.
    fn favour(&self, previous: u32, token: u32) -> f32 {
        if self.marks(previous, token) { self.strength.exp() } else { 1.0 }
    }

    /// How many tokens of a text are marked. A detector needs the key and the text, and no model.
    fn count(&self, before: u32, tokens: &[u32]) -> usize {
        let previous = std::iter::once(&before).chain(tokens);
        previous.zip(tokens).filter(|&(&previous, &token)| self.marks(previous, token)).count()
    }
}

/// The distance of `marked` from the `tokens / 2` to be expected by chance, in standard deviations.
fn z_score(marked: usize, tokens: usize) -> f32 {
    let tokens = tokens as f32;
    if tokens == 0.0 { 0.0 } else { (marked as f32 - tokens / 2.0) / (tokens / 4.0).sqrt() }
}

/// Random numbers of its own, so that the same key gives the same text.
struct Random(u64);

impl Random {
    /// An index, with probabilities in proportion to the weights.
    fn choose(&mut self, weights: &[f32]) -> usize {
        self.0 = self.0.wrapping_add(1);
        let uniform = (mix(self.0) >> 40) as f32 / (1u64 << 24) as f32;
        let mut rest = uniform * weights.iter().sum::<f32>();
        weights
            .iter()
            .position(|weight| {
                rest -= weight;
                rest < 0.0
            })
            .unwrap_or(0)
    }
}

/// Spreads the bits of a number over all of it: the finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
