//! Makes a component of an instance that has been called once: a component that begins where the instance has ended. So what takes an interpreter
//! a while, reading a program and importing it, is done once and not in each run.
//!
//! [`observable`] gives a component exports for all that it keeps (its memories and what may change of its globals), a launch with a [`Preload`] runs it, and
//! when `run` has answered, the original component is written anew with what was found there. Handles are not kept: an instance that holds a stream or
//! a pollable when it answers makes a component that traps when it uses that.

use super::observed::Observed;
use super::parts;
use super::state::State;
use std::sync::{Arc, OnceLock};
use wasm_encoder::RawSection;
use wasmparser::{DataKind, Parser, Payload};
use wasmtime::Store;
use wasmtime::component::Instance;
use wasmtime_wizer::Wizer;

/// Why a component cannot be made of an instance.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the state of an instance cannot be kept: {0}")]
pub struct PreloadError(String);

impl PreloadError {
    fn new(error: &wasmtime::Error) -> Self {
        PreloadError(format!("{error:#}"))
    }
}

/// The component with exports for all that its instances keep.
pub fn observable(wasm: &[u8]) -> Result<Vec<u8>, PreloadError> {
    let instrumented = Wizer::new().instrument_component(wasm);
    instrumented.map(|(_, wasm)| wasm).map_err(|error| PreloadError::new(&error))
}

/// What becomes of a launch of an [`observable`] component whose state is kept.
#[derive(Debug)]
pub struct Preload {
    original: Vec<u8>,
    made: OnceLock<Result<Vec<u8>, PreloadError>>,
}

impl Preload {
    /// For a launch of the observable form of this component.
    pub fn of(original: Vec<u8>) -> Arc<Preload> {
        Arc::new(Preload { original, made: OnceLock::new() })
    }

    /// The component that was made; `None` if nothing has answered.
    pub fn made(&self) -> Option<Result<&[u8], PreloadError>> {
        self.made.get().map(|made| made.as_deref().map_err(Clone::clone))
    }

    /// Keeps the state of an instance that has answered.
    pub(super) async fn keep(&self, store: &mut Store<State>, instance: Instance) {
        let made = self.taken(store, instance).await.map_err(|error| PreloadError::new(&error));
        // An instance answers once.
        let _ = self.made.set(made);
    }

    async fn taken(&self, store: &mut Store<State>, instance: Instance) -> wasmtime::Result<Vec<u8>> {
        // All of its memory goes through one call.
        store.set_hostcall_fuel(usize::MAX);
        store.set_fuel(u64::MAX)?;
        let (context, _) = Wizer::new().instrument_component(&self.original)?;
        let made = Observed::new(store, instance).snapshot(&context).await?;
        with_libraries_as_they_were(&self.original, &made)
    }
}

/// Modules that keep nothing are those of the original, byte for byte: what was written anew says the same in other bytes, and would have to be compiled
/// again.
fn with_libraries_as_they_were(original: &[u8], made: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let different = || wasmtime::Error::msg("a component that was written anew has other sections");
    let (before, after) = (parts::sections(original), parts::sections(made));
    let (before, after) = (before.ok_or_else(different)?, after.ok_or_else(different)?);
    let mut before = before.into_iter().filter(|(id, _)| *id == parts::CORE_MODULE);
    let mut component = wasm_encoder::Component::new();
    for (id, mut data) in after {
        if id == parts::CORE_MODULE {
            let (_, module) = before.next().ok_or_else(different)?;
            if !keeps_something(module)? {
                data = module;
            }
        }
        component.section(&RawSection { id, data });
    }
    Ok(component.finish())
}

/// Whether a module has a memory or a global that changes, or does something when it is instantiated.
fn keeps_something(module: &[u8]) -> wasmtime::Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::MemorySection(_) | Payload::StartSection { .. } => return Ok(true),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    if global?.ty.mutable {
                        return Ok(true);
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    if matches!(segment?.kind, DataKind::Active { .. }) {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(false)
}
