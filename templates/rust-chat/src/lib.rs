//! A conversation: reads messages, streams answers, and keeps one context, so that nothing is
//! computed twice.

use std::io::Write;

use inferlet::prelude::*;
use inferlet::session;
use serde::Deserialize;

/// The parameters, as `Pie.toml` declares them.
#[derive(Deserialize)]
struct Input {
    system: String,
    temperature: f32,
    max_tokens: usize,
}

#[inferlet::main]
async fn main(input: Input) -> Result<()> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.system(&input.system);
    // `None` is the end of the session: whoever launched this has nothing more to say.
    while let Some(message) = session::receive().wait_async().await {
        match Request::read(&message) {
            Request::Nothing => {}
            Request::Quit => break,
            Request::Say(text) => answer(&mut ctx, text, &input).await?,
        }
    }
    Ok(())
}

/// One turn: the question goes into the context, and the answer behind it.
async fn answer(ctx: &mut Context, question: &str, input: &Input) -> Result<()> {
    ctx.user(question).cue();
    stream(ctx, input).await?;
    // Generating leaves the model's turn open; the next question needs it closed.
    ctx.seal();
    Ok(())
}

/// Generates an answer, and prints it as it comes.
async fn stream(ctx: &mut Context, input: &Input) -> Result<()> {
    let mut decoder = chat::Decoder::new(ctx.model());
    let mut generator = ctx
        .generate(sampler(input.temperature))
        .max_tokens(input.max_tokens);
    while let Some(step) = generator.next()? {
        let output = step.execute().await?;
        if let chat::Event::Delta(text) = decoder.feed(&output.tokens)? {
            print!("{text}");
            std::io::stdout()
                .flush()
                .map_err(|error| error.to_string())?;
        }
    }
    println!();
    Ok(())
}

fn sampler(temperature: f32) -> Sampler {
    if temperature == 0.0 {
        Sampler::Argmax
    } else {
        Sampler::top_p(temperature, 0.95)
    }
}

/// What a message asks for.
#[derive(Debug, PartialEq)]
enum Request<'a> {
    Nothing,
    Quit,
    Say(&'a str),
}

impl<'a> Request<'a> {
    fn read(message: &'a str) -> Self {
        match message.trim() {
            "" => Request::Nothing,
            "/quit" | "/exit" => Request::Quit,
            text => Request::Say(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn a_message_is_said_without_the_spaces_around_it() {
        assert_eq!(Request::read(" Hello there\n"), Request::Say("Hello there"));
    }

    #[test]
    fn an_empty_message_asks_for_nothing() {
        assert_eq!(Request::read(" \n"), Request::Nothing);
    }

    #[test]
    fn the_conversation_ends_on_request() {
        assert_eq!(Request::read("/quit"), Request::Quit);
        assert_eq!(Request::read("/exit\n"), Request::Quit);
        assert_eq!(Request::read("/quit now"), Request::Say("/quit now"));
    }
}
