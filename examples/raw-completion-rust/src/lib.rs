//! Continues a text. There is no chat here: the model sees exactly the tokens of the text and predicts what follows.

use inferlet::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    text: String,
    max_tokens: usize,
}

// ANCHOR: main
#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let model = Model::load("default")?;
    let tokenizer = model.tokenizer();
    let mut ctx = Context::new(&model)?;
    // `generate` adds nothing of its own: whatever is in the context is what is continued.
    ctx.append(&tokenizer.encode(&input.text));
    let tokens = ctx.generate(Sampler::Argmax).max_tokens(input.max_tokens).collect_tokens().await?;
    Ok(input.text + &tokenizer.decode(&tokens)?)
}
// ANCHOR_END: main
