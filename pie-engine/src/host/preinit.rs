//! Runs the beginning of a component once, and makes a component of what that leaves in its memory.
//!
//! An interpreter needs milliseconds to set itself up and to read what it is given, and what it has then is the same each time. So this is done when
//! a component is made: it is called, and its memories and globals become the initial ones of the component that comes out (the crate `wasmtime-wizer`).
//! While it is called there is no world yet: clocks stand still at zero, random numbers are zeros, and whatever else it asks for is an error. So the same
//! component and arguments give the same bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::runtime::Builder;
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Config, OptLevel, Store};
use wasmtime_wizer::Wizer;

use super::observed::Observed;
use crate::trace::sha256_hex;

/// Bytes of stack that the beginning may use. Parsers recurse.
const STACK: usize = 4 << 20;

/// The function that is called.
const INIT: &str = "init";

/// Why a component has no beginning that could be kept.
#[derive(Debug, thiserror::Error)]
pub enum PreinitError {
    /// It is not one that this can be done with, or it failed in the middle.
    #[error("the component cannot be started to keep its memory")]
    Failed(#[source] wasmtime::Error),
    /// It says itself that it cannot begin.
    #[error("{0}")]
    Refused(String),
}

impl From<wasmtime::Error> for PreinitError {
    fn from(error: wasmtime::Error) -> Self {
        PreinitError::Failed(error)
    }
}

/// What `init` is given: two texts, the name of the second, and whether garbage is left where it is.
type Arguments<'a> = (&'a str, &'a str, Option<&'a str>, bool);

/// A component that is ready to be begun with one text or another.
pub struct Beginning {
    engine: wasmtime::Engine,
    cache: Option<PathBuf>,
}

impl Beginning {
    /// Code that is compiled for this is kept in the folder `cache`, which only its owner may write to.
    ///
    /// # Errors
    /// The runtime cannot start.
    pub fn new(cache: Option<PathBuf>) -> Result<Beginning, PreinitError> {
        let mut config = Config::new();
        config.concurrency_support(true);
        // What it computes is kept, so it is the same on every machine.
        config.cranelift_nan_canonicalization(true);
        config.relaxed_simd_deterministic(true);
        // It is called once, and compiled nearly as often.
        config.cranelift_opt_level(OptLevel::None);
        config.max_wasm_stack(STACK);
        config.async_stack_size(2 * STACK);
        Ok(Beginning { engine: wasmtime::Engine::new(&config)?, cache })
    }

    /// Calls `init(shim, script, name, disable-gc)` of a component and gives the component that goes on from there.
    ///
    /// # Errors
    /// It has no such function, it asks for something while it is called, or it says that it cannot begin.
    pub fn make(&self, wasm: &[u8], shim: &str, script: &str, name: &str) -> Result<Vec<u8>, PreinitError> {
        let (context, instrumented) = Wizer::new().instrument_component(wasm)?;
        let component = self.component(&instrumented)?;
        let mut linker = Linker::new(&self.engine);
        linker.allow_shadowing(true);
        linker.define_unknown_imports_as_traps(&component)?;
        still_world(&mut linker, &component, &self.engine)?;
        let runtime = Builder::new_current_thread().build().map_err(wasmtime::Error::new)?;
        runtime.block_on(async {
            let mut store = Store::new(&self.engine, ());
            let instance = linker.instantiate_async(&mut store, &component).await?;
            let init = instance.get_typed_func::<Arguments<'_>, (Result<(), String>,)>(&mut store, INIT)?;
            let (begun,) = init.call_async(&mut store, (shim, script, Some(name), false)).await?;
            begun.map_err(PreinitError::Refused)?;
            Ok(Observed::new(&mut store, instance).snapshot(&context).await?)
        })
    }

    /// The compiled component, from the cache if it is there.
    fn component(&self, wasm: &[u8]) -> wasmtime::Result<Component> {
        let Some(cache) = &self.cache else { return Component::from_binary(&self.engine, wasm) };
        let path = cache.join(format!(
            "{}-{}.cwasm",
            sha256_hex(wasm),
            super::component::compatibility(&self.engine)
        ));
        if let Some(component) = self.load(&path) {
            return Ok(component);
        }
        let component = Component::from_binary(&self.engine, wasm)?;
        // It only saves time.
        let _ = keep(&path, &component.serialize()?);
        Ok(component)
    }

    fn load(&self, path: &Path) -> Option<Component> {
        // SAFETY: as in `component.rs`: the file is in a folder that only the user may write to, its name has the digest of its source and the runtime's
        // fingerprint, and it got there by a rename of a finished file.
        #[expect(unsafe_code)]
        let loaded = unsafe { Component::deserialize_file(&self.engine, path) };
        loaded.ok()
    }
}

fn keep(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(code)?;
    file.persist(path)?;
    Ok(())
}

/// What can be asked before there is a world: the time, which stands, random numbers, which are zeros, and what the surroundings are: none.
fn still_world(
    linker: &mut Linker<()>,
    component: &Component,
    engine: &wasmtime::Engine,
) -> wasmtime::Result<()> {
    let names: Vec<String> =
        component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let plain = name.split('@').next().unwrap_or_default();
        match plain {
            "wasi:clocks/monotonic-clock" => {
                linker.instance(&name)?.func_wrap("now", |_, (): ()| Ok((0u64,)))?;
            }
            "wasi:clocks/wall-clock" => {
                linker.instance(&name)?.func_new("now", |_, _, _, results| {
                    results[0] = Val::Record(vec![
                        ("seconds".into(), Val::U64(0)),
                        ("nanoseconds".into(), Val::U32(0)),
                    ]);
                    Ok(())
                })?;
            }
            "wasi:random/random" => {
                let mut random = linker.instance(&name)?;
                random.func_wrap("get-random-bytes", |_, (length,): (u64,)| {
                    Ok((vec![0u8; usize::try_from(length)?.min(1 << 16)],))
                })?;
                random.func_wrap("get-random-u64", |_, (): ()| Ok((0u64,)))?;
            }
            "wasi:random/insecure-seed" => {
                linker.instance(&name)?.func_wrap("insecure-seed", |_, (): ()| Ok(((0u64, 0u64),)))?;
            }
            "wasi:cli/environment" => {
                let mut environment = linker.instance(&name)?;
                environment
                    .func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
                environment.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
            }
            "wasi:filesystem/preopens" => {
                linker.instance(&name)?.func_new("get-directories", |_, _, _, results| {
                    results[0] = Val::List(Vec::new());
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}
