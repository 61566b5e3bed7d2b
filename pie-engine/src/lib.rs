//! Runs inferlets against a model and records what they did.
//!
//! Reading order: [`run`] is the face, [`trace`] is what comes out, [`model`] is what goes in, [`engine`] is the loop between them,
//! [`rounds`] drives it, [`launcher`] starts instances, and [`host`] is where WebAssembly is.
//!
//! ```no_run
//! use pie_engine::{Engine, EngineConfig, Launch, trace::Collected};
//!
//! let engine = Engine::new(EngineConfig::dummy())?;
//! let inferlet = engine.compile(&std::fs::read("hello.wasm")?)?;
//! let trace = Collected::default();
//! let finished = engine.run(&inferlet, Launch::new(r#"{"name": "Ada"}"#), Box::new(trace.clone()));
//! println!("{:?} after {} events", finished.outcome, trace.records().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod adapter;
pub mod bitset;
pub mod brle;
pub mod chat;
pub mod child;
pub mod clock;
pub mod control;
pub mod door;
pub mod engine;
pub mod grammar;
pub mod host;
pub mod ids;
pub mod interleaving;
pub mod kv;
pub mod launch;
pub mod launcher;
pub mod loaded;
pub mod model;
pub mod outside;
pub mod places;
pub mod programs;
pub mod respond;
pub mod rounds;
pub mod run;
pub mod sample;
pub mod sched;
pub mod spec;
mod splitmix;
pub mod testing;
pub mod tokenizer;
pub mod trace;
pub mod uses;

pub use control::Control;
pub use door::{Door, Entrance, door};
pub use engine::PageChecks;
pub use host::budget::Limits;
pub use host::component::Inferlet;
pub use host::preinit::{Beginning, PreinitError};
pub use host::preload::{Preload, PreloadError, observable};
pub use launch::Launch;
pub use outside::Outside;
pub use programs::{Catalog, ProgramError, Programs, Wanted};
pub use run::{Engine, EngineConfig, EngineError, Finished, Runtime, RuntimeConfig};

/// The version of the engine.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Digest of the WIT package: SHA-256, in hexadecimal, over its files in order of their paths.
pub const WIT_DIGEST: &str = env!("WIT_DIGEST");
