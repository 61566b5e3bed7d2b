//! An inferlet without the SDK: it exports the async form of `run` and waits through `pie:core/wait`.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package pie:waits;

        interface run {
            run: async func(input: string) -> result<string, string>;
        }

        world waits {
            include pie:inferlet/imports;
            import pie:core/wait;
            export run;
        }
    ",
    world: "waits",
    generate_all,
});

use exports::pie::waits::run::Guest;
use futures::future::{Either, select};
use pie::core::context::Context;
use pie::core::inference::{ForwardPass, FutureOutput, Sampler, SlotOutput};
use pie::core::model::Model;
use pie::core::{messaging, runtime, session, wait};
use std::pin::pin;

struct Waits;

export!(Waits);

impl Guest for Waits {
    async fn run(input: String) -> Result<String, String> {
        match input.as_str() {
            r#""overlap""# => overlap().await,
            r#""give up""# => give_up().await,
            r#""listen""# => listen().await,
            r#""children""# => children().await,
            r#""nap""# => nap().await,
            _ => Err(format!("there is no way to wait called {input}")),
        }
    }
}

/// Messages on a topic: what was there before the wait, what comes during it, and the end.
async fn listen() -> Result<String, String> {
    let subscription = messaging::subscribe("news");
    messaging::broadcast("news", "early");
    let early = wait::for_message(&subscription).await;
    let talk = async {
        wait::sleep(1_000_000).await;
        messaging::broadcast("news", "late");
        wait::sleep(1_000_000).await;
        subscription.unsubscribe();
    };
    let hear = async { (wait::for_message(&subscription).await, wait::for_message(&subscription).await) };
    let ((), (late, none)) = futures::join!(talk, hear);
    Ok(format!("{:?}", [early, late, none].map(|message| message.unwrap_or_default())))
}

/// Two children: one answers, and is waited for at first not long enough; the other fails. Tells what came of each, and that nothing comes twice.
async fn children() -> Result<String, String> {
    let (slow, wrong) = (runtime::launch("waits", r#""nap""#)?, runtime::launch("waits", r#""no way""#)?);
    let patience = pin!(wait::sleep(1_000_000));
    if let Either::Left((early, _)) = select(pin!(wait::for_child(&slow)), patience).await {
        return Err(format!("a child ended early: {early:?}"));
    }
    let ends = futures::join!(wait::for_child(&slow), wait::for_child(&wrong));
    let again = futures::join!(wait::for_child(&slow), wait::for_child(&wrong));
    if again != (None, None) {
        return Err(format!("{again:?} came after {ends:?}"));
    }
    let (answer, error) = (ends.0.ok_or("no answer")?, ends.1.ok_or("no error")?);
    Ok(format!("[{}, {:?}]", answer?, error.err().unwrap_or_default()))
}

async fn nap() -> Result<String, String> {
    wait::sleep(5_000_000).await;
    Ok(r#""rested""#.to_owned())
}

/// Two passes at a time, a message, a file and a sleep at once. Each tells the client when it is over.
async fn overlap() -> Result<String, String> {
    let model = Model::load("default")?;
    let (first, second) = (generate(&model, "Once", 3), generate(&model, "The lake", 2));
    let (first, second, message, file, ()) =
        futures::join!(first, second, receive(), receive_file(), sleep());
    Ok(format!("[{:?}, {:?}, {message:?}, {file:?}]", first?, second?))
}

/// Waits for a message no longer than a second, and then, after all, until it comes.
async fn give_up() -> Result<String, String> {
    let future = session::receive();
    let patience = pin!(wait::sleep(1_000_000_000));
    if let Either::Left((early, _)) = select(pin!(wait::for_string(&future)), patience).await {
        return Err(format!("a message came early: {early:?}"));
    }
    session::send("gave up");
    let message = wait::for_string(&future).await.ok_or("no message came")?;
    match wait::for_string(&future).await {
        None => Ok(format!("{message:?}")),
        Some(again) => Err(format!("{again:?} came after {message:?}, and was waited for once")),
    }
}

async fn sleep() {
    wait::sleep(2_500_000).await;
    session::send("slept");
}

async fn receive() -> String {
    let future = session::receive();
    let message = wait::for_string(&future).await.unwrap_or_default();
    session::send(&format!("received {message}"));
    message
}

async fn receive_file() -> Vec<u8> {
    let future = session::receive_file();
    let file = wait::for_blob(&future).await.unwrap_or_default();
    session::send(&format!("received {} bytes", file.len()));
    file
}

/// Continues a text by the most likely tokens.
async fn generate(model: &Model, prompt: &str, count: usize) -> Result<String, String> {
    let tokenizer = model.tokenizer();
    let context = Context::create(model)?;
    context.reserve_working_pages(1)?;
    let mut input = tokenizer.encode(prompt);
    let (mut position, mut tokens) = (0, Vec::new());
    while tokens.len() < count {
        let pass = ForwardPass::new(model);
        let positions: Vec<u32> = (position..).take(input.len()).collect();
        pass.context(&context);
        pass.input_tokens(&input, &positions);
        pass.sampler(&[input.len() as u32 - 1], &Sampler::Multinomial((0.0, 0)));
        position += input.len() as u32;
        let token = token(&pass.execute()?).await?;
        tokens.push(token);
        input = vec![token];
    }
    let text = tokenizer.decode(&tokens)?;
    session::send(&format!("{prompt}{text}"));
    Ok(text)
}

async fn token(pending: &FutureOutput) -> Result<u32, String> {
    let output = wait::for_output(pending).await.ok_or("the answer was taken before")?;
    match output.slots[..] {
        [SlotOutput::Token(token)] => Ok(token),
        _ => Err("a pass with one sampler has one answer".to_owned()),
    }
}
