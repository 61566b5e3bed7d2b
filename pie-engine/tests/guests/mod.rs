//! Guests as text, and what tests do with them.

use pie_engine::trace::{Collected, Event, Outcome};
use pie_engine::{Engine, EngineConfig, Finished, Inferlet, Launch, Runtime, RuntimeConfig};
use std::sync::Arc;

/// A guest that generates so many tokens.
pub fn generate(samples: u32) -> String {
    include_str!("generate.wat").replace("SAMPLES", &samples.to_string())
}

/// A guest that imports nothing, under this name, with this body.
pub fn plain(name: &str, body: &str) -> String {
    include_str!("plain.wat").replace("NAME", name).replace("BODY", body)
}

/// A guest that prints and sends pieces of a text, as its body says: `(call $print (i32.const FROM) (i32.const LENGTH))`, and so on.
#[allow(dead_code, reason = "not every file of tests has use for it")]
pub fn speak(text: &str, body: &str) -> String {
    include_str!("speak.wat").replace("TEXT", text).replace("BODY", body)
}

/// A guest that has a text of zeros encoded, `(call $encode (i32.const LENGTH))`, and feeds a decoder, `(call $feed (i32.const COUNT))`, which it may
/// reset: `(call $reset)`.
#[allow(dead_code, reason = "not every file of tests has use for it")]
pub fn listen(body: &str) -> String {
    include_str!("listen.wat").replace("BODY", body)
}

/// The bytes of a component.
pub fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("guests of tests are valid text")
}

/// A small engine with the dummy model.
pub fn engine() -> Engine {
    engine_on(RuntimeConfig { instances: 8, ..RuntimeConfig::default() })
}

/// A small engine with the dummy model, on a runtime of this kind.
pub fn engine_on(runtime: RuntimeConfig) -> Engine {
    let runtime = Runtime::new(runtime).expect("the runtime starts");
    let config = EngineConfig { pages: 64, ..EngineConfig::dummy() };
    Engine::on(Arc::new(runtime), config).expect("there are pages")
}

/// Compiles a guest.
pub fn compile(engine: &Engine, text: &str) -> Inferlet {
    engine.compile(&binary(text)).expect("the guest is an inferlet")
}

/// Runs one guest and gives its events too.
pub fn run(engine: &Engine, inferlet: &Inferlet, launch: Launch) -> (Finished, Vec<Event>) {
    let trace = Collected::default();
    let finished = engine.run(inferlet, launch, Box::new(trace.clone()));
    (finished, trace.events())
}

/// What an answer of `true` looks like.
pub fn ok(text: &str) -> Outcome {
    Outcome::Ok(text.into())
}

/// The instance that an event is about; a step is about several.
pub fn instance(event: &Event) -> Option<u64> {
    serde_json::to_value(event).expect("events are data")["instance"].as_u64()
}
