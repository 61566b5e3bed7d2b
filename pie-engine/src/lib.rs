//! Runs inferlets against a model and records what they did.
//!
//! Reading order: [`run`] is the face, [`trace`] is what comes out, [`model`] is what goes in, [`engine`] is the loop between them,
//! [`rounds`] drives it, and [`host`] is where WebAssembly is.
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

pub mod bitset;
pub mod brle;
pub mod chat;
pub mod clock;
pub mod control;
pub mod engine;
pub mod host;
pub mod ids;
pub mod kv;
pub mod loaded;
pub mod model;
pub mod rounds;
pub mod run;
pub mod sample;
pub mod sched;
mod splitmix;
pub mod tokenizer;
pub mod trace;

pub use run::{Control, Engine, EngineConfig, EngineError, Finished, Inferlet, Launch, Limits};

/// The version of the engine.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The WIT files, so that their digest can be in every trace.
static WIT: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../wit");

/// Digest of the WIT package: SHA-256 over its files in order of their paths.
pub fn wit_digest() -> String {
    let mut files = std::collections::BTreeMap::new();
    collect(&WIT, &mut files);
    let mut all = Vec::new();
    for (path, contents) in files {
        all.extend_from_slice(path.as_bytes());
        all.push(0);
        all.extend_from_slice(contents);
        all.push(0);
    }
    trace::sha256_hex(&all)
}

fn collect(
    folder: &'static include_dir::Dir<'static>,
    files: &mut std::collections::BTreeMap<String, &'static [u8]>,
) {
    for file in folder.files().filter(|file| file.path().extension().is_some_and(|ext| ext == "wit")) {
        files.insert(file.path().to_string_lossy().into_owned(), file.contents());
    }
    for folder in folder.dirs() {
        collect(folder, files);
    }
}
