//! Runs a component on the dummy model and prints its trace:
//!
//! ```text
//! cargo run -p pie-engine --example run -- hello.wasm '{"name": "Ada"}'
//! ```

use pie_engine::trace::Collected;
use pie_engine::{Engine, EngineConfig, Launch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let wasm = std::fs::read(arguments.next().ok_or("which component?")?)?;
    let engine = Engine::new(EngineConfig::dummy())?;
    let inferlet = engine.compile(&wasm)?;
    let trace = Collected::default();
    let launch = Launch::new(arguments.next().unwrap_or_else(|| "null".to_owned()));
    let finished = engine.run(&inferlet, launch, Box::new(trace.clone()));
    for record in trace.records() {
        println!("{}", serde_json::to_string(&record)?);
    }
    println!("{finished:?}");
    Ok(())
}
