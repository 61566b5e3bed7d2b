//! `--http`: each request launches the inferlet, until Ctrl-C.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pie_engine::{Engine, Inferlet, Launch, Limits, door};

use super::Args;
use super::outside::Answers;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::outside::Live;
use crate::report::audience::Audience;
use crate::report::jsonl::RunDocument;
use crate::report::request_log::RequestLog;
use crate::requests::{Listener, Responder};
use crate::ui::{Ui, output_error};

/// How long a response may take if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Refuses an inferlet that is called otherwise than the user means to.
pub(super) fn check(args: &Args, inferlet: &Inferlet) -> Result<()> {
    let path = args.path.display();
    match (args.http, inferlet.responds_to_http()) {
        (None, true) => Err(Error::usage(format!("`{path}` responds to HTTP requests, and there is none"))
            .hint(format!("bakery run --http 127.0.0.1:8080 {path}"))),
        (Some(_), false) => Err(Error::usage(format!("`{path}` does not respond to HTTP requests"))
            .caused_by(format!("it exports `{}`, and not `wasi:http/incoming-handler`", inferlet.export()))
            .hint("in Rust: `#[inferlet::http] async fn handle(request: http::IncomingRequest) -> inferlet::Result<http::OutgoingResponse>`")
            .hint("in TypeScript: `export async function handle(request: Request): Promise<Response>` in the place of `main`")
            .hint("in Python: `@http.handler` before `async def handle(request: http.IncomingRequest) -> http.OutgoingResponse`")),
        _ => Ok(()),
    }
}

/// Takes requests at `address` until the user presses Ctrl-C; then those that are being answered have a while to come to an end.
pub(super) fn serve(
    address: SocketAddr,
    args: &Args,
    engine: &Engine,
    (inferlet, launch, answers): (Inferlet, Launch, Answers),
    audience: &Audience,
    env: &Environment,
    ui: &Ui,
) -> Result<()> {
    let Answers::Live(world, background) = answers else {
        return Err(Error::bug("requests cannot be answered from a recording"));
    };
    let world = Arc::<Live>::from(world);
    let launch = launch.outside(Arc::clone(&world) as _);
    let unusable = |error| Error::environment(format!("cannot listen at `{address}`")).caused_by(error);
    let listener = Listener::bind(address).map_err(unusable)?;
    let url = format!("http://{}", listener.address());
    let (door, entrance) = door();
    let body_bytes = Limits::default().body_bytes;
    let timeout = args.timeout.unwrap_or(TIMEOUT);
    let responder = Responder { door, inferlet, launch, timeout, body_bytes };
    if !ui.json() && !ui.quiet() && !ui.verbose() {
        audience.add(RequestLog::new(ui.stderr()), output_error);
    }
    if ui.json() {
        ui.document(&RunDocument::Listening { url })?;
    } else {
        ui.line(format_args!("listening at {url}"))?;
    }
    let stop = listener.serve(responder, &background).map_err(unusable)?;
    let _interrupt = env.interrupt.on_request(move || stop.stop());
    engine.run_open(Vec::new(), entrance, Box::new(audience.clone()));
    world.mcp.close();
    audience.finish()
}
