//! Responds to HTTP requests in each way that there is, also wrong ones.

use inferlet::http::{self, IncomingRequest, OutgoingResponse};
use inferlet::prelude::*;
use serde_json::json;

#[inferlet::http]
async fn handle(request: IncomingRequest) -> Result<OutgoingResponse> {
    match request.path() {
        "/echo" => echo(request),
        "/hello" => {
            println!("somebody is here");
            Ok(OutgoingResponse::text("hello\n"))
        }
        "/sleep" => {
            inferlet::sleep(std::time::Duration::from_secs(3600)).await;
            Ok(OutgoingResponse::text("an hour later\n"))
        }
        "/generate" => {
            let model = Model::load("default")?;
            let mut ctx = Context::new(&model)?;
            ctx.user("Say hello.").cue();
            let text = ctx.generate(Sampler::Argmax).max_tokens(8).collect_text().await?;
            Ok(OutgoingResponse::text(text))
        }
        "/error" => Err("there is no bread".to_owned()),
        "/panic" => panic!("the oven is on fire"),
        "/loop" => loop {
            std::hint::black_box(0);
        },
        "/wait" => {
            // Nobody will ever send one.
            let _ = inferlet::session::receive().wait_async().await;
            Ok(OutgoingResponse::new(204))
        }
        "/stream" => {
            let asked = request.query().unwrap_or_default().to_owned();
            Ok(OutgoingResponse::text("first\n").stream(|mut body| async move {
                body.write("second\n").await?;
                // Whoever answers this has read what there is.
                let third = http::get(&asked).await?.text()?;
                body.write(third).await
            }))
        }
        "/cut" => Ok(OutgoingResponse::text("first\n").stream(|_| async {
            inferlet::sleep(std::time::Duration::from_secs(1)).await;
            Err("the oven went out".to_owned())
        })),
        "/status" => Ok(OutgoingResponse::new(42)),
        "/forbidden" => Ok(OutgoingResponse::new(200).header("connection", "close")),
        "/teapot" => {
            Ok(OutgoingResponse::new(418).header("x-pot", "tea").header("content-length", "3").body("hot"))
        }
        _ => Ok(OutgoingResponse::new(404)),
    }
}

fn echo(request: IncomingRequest) -> Result<OutgoingResponse> {
    let headers: Vec<(String, String)> = request
        .headers()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    let (method, query) = (request.method().to_owned(), request.query().map(str::to_owned));
    let authority = request.authority().map(str::to_owned);
    OutgoingResponse::json(&json!({
        "method": method,
        "authority": authority,
        "query": query,
        "headers": headers,
        "body": request.text()?,
    }))
}
