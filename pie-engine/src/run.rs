//! The library's face: an [`Engine`], an [`Inferlet`], a [`Launch`], and what came of it.

use crate::adapter::Adapters;
use crate::child::Ended;
use crate::clock::VirtualClock;
use crate::door::Entrance;
use crate::engine::bus::Bus;
use crate::engine::{Core, CoreConfig, PageChecks};
use crate::host::budget::Limits;
use crate::host::component::{Compiler, ComponentError, Inferlet};
use crate::host::runtime_config::Pools;
use crate::launch::Launch;
use crate::launcher::Surroundings;
use crate::loaded::{LoadedModel, Models};
use crate::outside::outbox::Outbox;
use crate::rounds::Rounds;
use crate::trace::{FORMAT, Header, OtherModel, Outcome, Recorder, Sink, Usage};
use crate::{VERSION, WIT_DIGEST};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Why an engine could not be made or a component not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The bytes are not an inferlet.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The WebAssembly runtime cannot start on this machine with this configuration.
    #[error("the WebAssembly runtime cannot start")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The page size or the number of pages makes no sense.
    #[error("an engine needs at least one page of at least one token; it was given {pages} of {page_size}")]
    Pages {
        /// How many pages.
        pages: u32,
        /// Tokens in each.
        page_size: u32,
    },
    /// Inferlets load models by their names, and two have the same.
    #[error("two models have the name `{name}`, and an inferlet could load only one of them")]
    SameName {
        /// The name.
        name: String,
    },
}

/// How the WebAssembly side of engines is made.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled code is kept; a folder that only its owner may write to. Without one it is compiled anew in each process.
    pub code_cache: Option<PathBuf>,
    /// Instances that can be alive at once. Further ones of a run wait until others have ended.
    pub instances: u32,
    /// The most that any launch may set as its limits of memory and tables.
    pub ceiling: Limits,
    /// Threads to compile and compute with; 0 takes as many as there are processors. What a run does never depends on it.
    pub threads: usize,
}

impl Default for RuntimeConfig {
    /// Up to 64 instances, of up to 4 GiB each.
    fn default() -> Self {
        let ceiling = Limits { memory_bytes: 4 << 30, ..Limits::default() };
        RuntimeConfig { code_cache: None, instances: 64, ceiling, threads: 0 }
    }
}

/// The WebAssembly side of engines: compiles components and has the pools their instances live in. It knows no model, so it can start
/// while a model is being loaded, and engines with different models can share it.
pub struct Runtime {
    compiler: Compiler,
    instances: u32,
}

impl Runtime {
    /// A runtime with its pools.
    pub fn new(config: RuntimeConfig) -> Result<Self, EngineError> {
        let RuntimeConfig { code_cache, instances, ceiling, threads } = config;
        let pools = Pools {
            instances,
            memory_bytes: ceiling.memory_bytes,
            table_elements: ceiling.table_elements,
            parallel_compilation: threads != 1,
        };
        let compiler = Compiler::new(&pools, code_cache);
        Ok(Runtime { compiler: compiler.map_err(|error| EngineError::Runtime(error.into()))?, instances })
    }

    /// The component with this SHA-256, in hexadecimal, if its compiled code is in the cache: for whoever knows the digest and has no need to read
    /// a large component.
    pub fn find(&self, digest: &str) -> Option<Inferlet> {
        self.compiler.find(digest)
    }

    /// Compiles a component, or finds its compiled code.
    pub fn compile(&self, wasm: &[u8]) -> Result<Inferlet, EngineError> {
        Ok(self.compiler.compile(wasm)?)
    }
}

/// How an engine is made.
#[derive(Clone)]
pub struct EngineConfig {
    /// The model that inferlets run beside.
    pub model: LoadedModel,
    /// Others that they can load by their names. All share the pages, which have room for the tokens of any of them.
    pub others: Vec<LoadedModel>,
    /// Pages of the KV store.
    pub pages: u32,
    /// Tokens in a page.
    pub page_size: u32,
    /// As in [`CoreConfig::recompute_tokens`]; with 0 all contexts that give way are swapped, with the most there is none that can be
    /// computed again.
    pub recompute_tokens: u32,
    /// When the pages are checked; what is found is in [`Finished::findings`].
    pub checks: PageChecks,
    /// Instances of a run that can be alive at once, where several engines on one runtime run side by side; all that the runtime has places for if
    /// nothing is said.
    pub places: Option<u32>,
}

impl EngineConfig {
    /// An engine of 4,096 pages of 16 tokens, which are checked at the end of each run.
    pub fn new(model: LoadedModel) -> Self {
        let CoreConfig { pages, page_size, recompute_tokens, checks, .. } = CoreConfig::new(4096, 16);
        EngineConfig { model, others: Vec::new(), pages, page_size, recompute_tokens, checks, places: None }
    }

    /// The dummy model: deterministic, instant, no weights.
    pub fn dummy() -> Self {
        Self::new(LoadedModel::dummy())
    }
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How the instance ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What the page checker found; anything is a bug of the engine's or the model's.
    pub findings: Vec<String>,
}

/// Runs inferlets beside a model, or several. Saved contexts live as long as it does.
pub struct Engine {
    runtime: Arc<Runtime>,
    models: Models,
    page_size: u32,
    places: u32,
    core: Mutex<Core>,
    bus: Bus,
    adapters: Vec<Adapters>,
}

impl Engine {
    /// An engine with its model and pages, and a runtime of its own.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Self::on(Arc::new(Runtime::new(RuntimeConfig::default())?), config)
    }

    /// An engine with its model and pages on a runtime that exists. Several engines can be on one.
    pub fn on(runtime: Arc<Runtime>, config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { model, others, pages, page_size, recompute_tokens, checks, places } = config;
        if pages == 0 || page_size == 0 {
            return Err(EngineError::Pages { pages, page_size });
        }
        let models = Models::new(model, others).map_err(|name| EngineError::SameName { name })?;
        let adapters = models.iter().map(|model| Adapters::new(model.info())).collect();
        let core = CoreConfig { recompute_tokens, checks, ..CoreConfig::new(pages, page_size) };
        let core = Mutex::new(Core::new(models.clone(), core));
        let places = places.unwrap_or(runtime.instances);
        Ok(Engine { runtime, models, page_size, places, core, bus: Bus::default(), adapters })
    }

    /// Compiles a component, or finds its compiled code.
    pub fn compile(&self, wasm: &[u8]) -> Result<Inferlet, EngineError> {
        self.runtime.compile(wasm)
    }

    /// The model that `default` means.
    pub fn model(&self) -> &LoadedModel {
        self.models.first()
    }

    /// Runs an inferlet to its end, and hands every event to `sink` as it happens.
    pub fn run(&self, inferlet: &Inferlet, launch: Launch, sink: Box<dyn Sink>) -> Finished {
        let mut finished = self.run_all(vec![(inferlet.clone(), launch)], sink);
        finished.pop().expect("one launch has one end")
    }

    /// Runs inferlets side by side under one trace, until all have ended, and those that they launched. The answers are in the order of the
    /// launches.
    pub fn run_all(&self, launches: Vec<(Inferlet, Launch)>, sink: Box<dyn Sink>) -> Vec<Finished> {
        self.run_open(launches, Entrance::closed(), sink)
    }

    /// Runs inferlets side by side under one trace, and those that come in by a door meanwhile, until all have ended and the door is closed. The
    /// answers are those of `launches`, in their order.
    pub fn run_open(
        &self,
        launches: Vec<(Inferlet, Launch)>,
        entrance: Entrance,
        sink: Box<dyn Sink>,
    ) -> Vec<Finished> {
        let first = launches.first().map(|(_, launch)| (launch.seed, launch.interleaving, launch.start));
        let (seed, interleaving, start) = first.unwrap_or((0, 0, VirtualClock::START));
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = Recorder::new(sink, &self.header(seed));
        let surroundings = Surroundings {
            models: self.models.clone(),
            page_size: self.page_size,
            bus: self.bus.clone(),
            adapters: self.adapters.clone(),
            outbox: Outbox::new(entrance.bell()),
            clock: Arc::new(VirtualClock::starting(start)),
            recorder,
            seed,
        };
        let mut rounds = Rounds::new(&mut core, surroundings, entrance, self.places, interleaving);
        let ends: Vec<Ended> = launches.iter().map(|_| Ended::default()).collect();
        for ((inferlet, launch), ended) in launches.into_iter().zip(&ends) {
            rounds.launch(inferlet, launch, Arc::clone(ended));
        }
        rounds.drive();
        let findings = rounds.core().finish();
        let finished = ends.iter().map(|ended| {
            let end = ended.get().expect("every instance has ended").clone();
            Finished { outcome: end.outcome, usage: end.usage, findings: findings.clone() }
        });
        finished.collect()
    }

    fn header(&self, seed: u64) -> Header {
        let model = self.models.first();
        let info = model.info();
        Header {
            format: FORMAT,
            model: info.name.clone(),
            model_digest: info.digest.clone(),
            tokenizer_digest: model.tokenizer.digest().to_owned(),
            wit_digest: WIT_DIGEST.to_owned(),
            kernel: info.kernel.clone(),
            seed,
            engine: VERSION.to_owned(),
            fork: None,
            others: self.models.iter().skip(1).map(other).collect(),
        }
    }
}

/// What a trace says of a model that is not the first.
fn other(model: &LoadedModel) -> OtherModel {
    let info = model.info();
    OtherModel {
        model: info.name.clone(),
        model_digest: info.digest.clone(),
        tokenizer_digest: model.tokenizer.digest().to_owned(),
        kernel: info.kernel.clone(),
    }
}
