//! A component of a program: the shared one, with the program in its memory.
//!
//! The shared component is started and given the program as it is for a run, but to import it and not to call it; then its memory becomes the initial one of a new
//! component (`pie_engine::Preload`). So a build takes a second instead of the ten that it takes to make a component from nothing, what is built does what
//! runs without being built, and the same runtime and program give the same bytes: while a program is imported, clocks stand at zero and
//! random numbers follow from the seed zero.

use std::sync::Arc;

use pie_engine::trace::{Discard, Outcome};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Limits, Preload, Runtime, RuntimeConfig};

use super::componentize;
use super::shared::Shared;
use super::sources::Contents;
use super::wrapper::{self, World};
use crate::build::sections;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};

/// The component of a program, by the name of its project.
///
/// # Errors
/// The program has a mistake, which the error shows in its source; or the shared component cannot be read.
pub fn component(
    shared: &Shared,
    name: &str,
    contents: &Contents,
    show_sources: bool,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Vec<u8>> {
    let wasm = std::fs::read(&shared.path).map_err(|error| {
        Error::environment(format!("cannot read `{}`", shared.path.display())).caused_by(error)
    })?;
    let runtime = runtime(env)?;
    let observed = observed(shared, &runtime, &wasm, progress)?;
    let _task = progress.start(&format!("building `{name}`"), None, Unit::Items);
    env.interrupt.check()?;
    let (outcome, preload) = called(runtime, &observed, wasm, wrapper::preload(contents, show_sources))?;
    match outcome {
        Outcome::Ok(_) => {}
        Outcome::Error(said) => return Err(componentize::problem(said.as_str(), contents)),
        Outcome::Limit { message, .. } => {
            return Err(Error::failed(format!(
                "`{}` does not build: importing it goes {message}",
                contents.entry
            )));
        }
        Outcome::Trap { message, .. } => {
            return Err(Error::failed(format!("`{}` does not build: Python has crashed", contents.entry))
                .caused_by(message));
        }
        other => return Err(Error::bug(format!("a build has ended with {other:?}"))),
    }
    let made = made(&preload)?;
    if shared.world.responds {
        return Ok(made.to_vec());
    }
    renamed(made, &shared.world.export(), &wrapper::export(name))
}

/// The shared component once it has run programs of its own.
///
/// # Errors
/// It cannot be started, or these programs fail, which is our own mistake.
pub fn warmed(wasm: Vec<u8>, world: World, env: &Environment, progress: &dyn Progress) -> Result<Vec<u8>> {
    let _task = progress.start("compiling the Python runtime, once", None, Unit::Items);
    let runtime = runtime(env)?;
    let inferlet = runtime.compile(&observable(&wasm, world)?).map_err(unusable)?;
    env.interrupt.check()?;
    let (outcome, preload) = called(runtime, &inferlet, wasm, wrapper::WARM.to_owned())?;
    match outcome {
        Outcome::Ok(_) => Ok(made(&preload)?.to_vec()),
        other => Err(Error::bug(format!("the Python runtime has been made ready with {other:?}"))),
    }
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::bug("the Python runtime cannot be started").caused_by(error)
}

fn runtime(env: &Environment) -> Result<Arc<Runtime>> {
    let code_cache = Some(env.cache_dir()?.join("code"));
    let runtime = Runtime::new(RuntimeConfig { code_cache, instances: 1, ..RuntimeConfig::default() });
    Ok(Arc::new(runtime.map_err(unusable)?))
}

/// Calls an observable component with an input, and keeps its memory for the component that it was made of.
fn called(
    runtime: Arc<Runtime>,
    inferlet: &Inferlet,
    original: Vec<u8>,
    input: String,
) -> Result<(Outcome, Arc<Preload>)> {
    let engine = Engine::on(runtime, EngineConfig::dummy()).map_err(unusable)?;
    let preload = Preload::of(original);
    // It is the user's own program on the user's own machine, which imports what it likes.
    let limits = Limits { fuel: u64::MAX / 4, call_bytes: u64::from(u32::MAX), ..Limits::default() };
    let launch = Launch::new(input).limits(limits).preload(Arc::clone(&preload));
    Ok((engine.run(inferlet, launch, Box::new(Discard)).outcome, preload))
}

fn made(preload: &Preload) -> Result<&[u8]> {
    let made = preload.made().ok_or_else(|| Error::bug("the runtime has answered and kept nothing"))?;
    made.map_err(|error| Error::bug("the program cannot be kept").caused_by(error))
}

/// The shared component with exports for all that it keeps, and with no other export that it is called by than the one that keeps a program.
///
/// # Errors
/// It is not what it should be.
pub fn observable(wasm: &[u8], world: World) -> Result<Vec<u8>> {
    let wasm = pie_engine::observable(wasm)
        .map_err(|error| Error::bug("the Python runtime is not what it should be").caused_by(error))?;
    match world.handler() {
        None => Ok(wasm),
        Some(handler) => {
            let hidden = renamed(&wasm, &handler, "pie:hidden/handler")?;
            renamed(&hidden, &world.export(), &wrapper::export(world.name()))
        }
    }
}

fn renamed(wasm: &[u8], old: &str, new: &str) -> Result<Vec<u8>> {
    sections::rename_export(wasm, old, new).ok_or_else(|| Error::bug(format!("there is no export `{old}`")))
}

/// The shared component in its observable form, compiled. Its libraries are those of the shared one.
fn observed(shared: &Shared, runtime: &Runtime, wasm: &[u8], progress: &dyn Progress) -> Result<Inferlet> {
    if let Some(found) = runtime.find(shared.observable.as_str()) {
        return Ok(found);
    }
    let _task = progress.start("compiling the Python runtime, once", None, Unit::Items);
    let bug = "the Python runtime is not what it should be";
    let observable = observable(wasm, shared.world)?;
    runtime.compile(&observable).map_err(|error| Error::bug(bug).caused_by(error))
}
