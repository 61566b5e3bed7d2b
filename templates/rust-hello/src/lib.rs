//! Greets somebody: one question to the model, one answer.

use inferlet::prelude::*;
use serde::Deserialize;

/// The parameters, as `Pie.toml` declares them.
#[derive(Deserialize)]
struct Input {
    name: String,
    max_tokens: usize,
}

#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system("You greet people warmly, in one sentence.")
        .user(&request(&input.name))
        .cue();
    ctx.generate(Sampler::Argmax)
        .max_tokens(input.max_tokens)
        .collect_text()
        .await
}

/// What the model is asked.
fn request(name: &str) -> String {
    match name.trim() {
        "" => "Please greet whoever reads this.".to_owned(),
        name => format!("Please greet {name}."),
    }
}

#[cfg(test)]
mod tests {
    use super::request;

    #[test]
    fn a_name_is_greeted_without_the_spaces_around_it() {
        assert_eq!(request(" Ada\n"), "Please greet Ada.");
    }

    #[test]
    fn without_a_name_everybody_is_greeted() {
        assert_eq!(request("  "), "Please greet whoever reads this.");
    }
}
