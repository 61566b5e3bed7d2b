//! The library's face: an [`Engine`], an [`Inferlet`], a [`Launch`], and what came of it.

use crate::clock::VirtualClock;
use crate::engine::bus::Bus;
use crate::engine::{Core, CoreConfig};
use crate::host::budget::HeldBudget;
use crate::host::component::{Compiler, ComponentError};
use crate::host::inference::Abandoned;
use crate::host::instance;
use crate::host::journal::Journal;
use crate::host::limits::Limiter;
use crate::host::runtime_config::Pools;
use crate::host::state::State;
use crate::host::wasi::{Scratch, ScratchLimits, Wasi, WasiConfig, instance_seed};
use crate::host::work::WorkBudget;
use crate::loaded::LoadedModel;
use crate::rounds::Rounds;
use crate::trace::{Event, FORMAT, Header, Outcome, Recorder, Sink, Usage};
use crate::{VERSION, WIT_DIGEST, sched};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

pub use crate::control::Control;
pub use crate::host::budget::Limits;
pub use crate::host::component::Inferlet;

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
}

/// How the WebAssembly side of engines is made.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled code is kept; a folder that only its owner may write to. Without one it is compiled anew in each process.
    pub code_cache: Option<PathBuf>,
    /// Instances that can be alive at once; those with async functions are counted apart.
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
        Ok(Runtime { compiler: compiler.map_err(|error| EngineError::Runtime(error.into()))? })
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
    /// Pages of the KV store.
    pub pages: u32,
    /// Tokens in a page.
    pub page_size: u32,
}

impl EngineConfig {
    /// An engine of 4,096 pages of 16 tokens.
    pub fn new(model: LoadedModel) -> Self {
        EngineConfig { model, pages: 4096, page_size: 16 }
    }

    /// The dummy model: deterministic, instant, no weights.
    pub fn dummy() -> Self {
        Self::new(LoadedModel::dummy())
    }
}

/// One start of an inferlet.
#[derive(Clone)]
pub struct Launch {
    input: String,
    name: Option<String>,
    seed: u64,
    limits: Limits,
    environment: Vec<(String, String)>,
    user: String,
    control: Control,
}

impl Launch {
    /// A start with this input, JSON text.
    pub fn new(input: impl Into<String>) -> Self {
        Launch {
            input: input.into(),
            name: None,
            seed: 0,
            limits: Limits::default(),
            environment: Vec::new(),
            user: "user".to_owned(),
            control: Control::default(),
        }
    }

    /// The name the trace gives the inferlet; without one, that of its export.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The seed of everything random. In [`Engine::run_all`] that of the first launch counts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the instance may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The environment variables it sees.
    #[must_use]
    pub fn environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }

    /// Who launches it; saved contexts belong to a user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Sends messages and files to the instance and ends it, from any thread.
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How the instance ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What the page checker found once all had ended; anything is a bug of the engine's.
    pub findings: Vec<String>,
}

/// Runs inferlets beside one model. Saved contexts live as long as it does.
pub struct Engine {
    runtime: Arc<Runtime>,
    model: Arc<LoadedModel>,
    page_size: u32,
    core: Mutex<Core>,
    bus: Bus,
}

impl Engine {
    /// An engine with its model and pages, and a runtime of its own.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Self::on(Arc::new(Runtime::new(RuntimeConfig::default())?), config)
    }

    /// An engine with its model and pages on a runtime that exists. Several engines can be on one.
    pub fn on(runtime: Arc<Runtime>, config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { model, pages, page_size } = config;
        if pages == 0 || page_size == 0 {
            return Err(EngineError::Pages { pages, page_size });
        }
        let model = Arc::new(model);
        let core = CoreConfig { pages, page_size, step: sched::Limits::default() };
        let core = Mutex::new(Core::new(Arc::clone(&model), core));
        Ok(Engine { runtime, model, page_size, core, bus: Bus::default() })
    }

    /// Compiles a component, or finds its compiled code.
    pub fn compile(&self, wasm: &[u8]) -> Result<Inferlet, EngineError> {
        self.runtime.compile(wasm)
    }

    /// The model.
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// Runs an inferlet to its end, and hands every event to `sink` as it happens.
    pub fn run(&self, inferlet: &Inferlet, launch: Launch, sink: Box<dyn Sink>) -> Finished {
        let mut finished = self.run_all(vec![(inferlet.clone(), launch)], sink);
        finished.pop().expect("one launch has one end")
    }

    /// Runs inferlets side by side under one trace, until all have ended. The answers are in the order of the launches.
    pub fn run_all(&self, launches: Vec<(Inferlet, Launch)>, sink: Box<dyn Sink>) -> Vec<Finished> {
        let seed = launches.first().map_or(0, |(_, launch)| launch.seed);
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = Recorder::new(sink, &self.header(seed));
        let clock = Arc::new(VirtualClock::new());
        let mut rounds = Rounds::new(&mut core, Arc::clone(&clock), recorder.clone());
        let mut instances = Vec::with_capacity(launches.len());
        for (inferlet, launch) in launches {
            instances.push(self.launch(&mut rounds, &clock, &recorder, seed, inferlet, launch));
        }
        rounds.drive();
        let findings = rounds.core().findings();
        for message in &findings {
            recorder.record(Event::Finding { message: message.clone() });
        }
        let mut ended = |instance| {
            let (outcome, usage) = rounds.take_ended(instance).expect("every instance has ended");
            Finished { outcome, usage, findings: findings.clone() }
        };
        instances.into_iter().map(&mut ended).collect()
    }

    fn header(&self, seed: u64) -> Header {
        let info = self.model.info();
        Header {
            format: FORMAT,
            model: info.name.clone(),
            model_digest: info.digest.clone(),
            tokenizer_digest: self.model.tokenizer.digest().to_owned(),
            wit_digest: WIT_DIGEST.to_owned(),
            kernel: info.kernel.clone(),
            seed,
            engine: VERSION.to_owned(),
        }
    }

    fn launch(
        &self,
        rounds: &mut Rounds<'_>,
        clock: &Arc<VirtualClock>,
        recorder: &Recorder,
        seed: u64,
        inferlet: Inferlet,
        launch: Launch,
    ) -> crate::ids::InstanceId {
        let instance = rounds.next_instance();
        let Launch { input, name, limits, environment, user, control, .. } = launch;
        let program = name.unwrap_or_else(|| inferlet.name().to_owned());
        let recorder = recorder.counting_apart();
        recorder.record(Event::Launched { instance, program, input: input.as_str().into(), parent: None });
        let user: Arc<str> = user.into();
        let draws = crate::sample::draw_seed(seed, instance.0, 0, 0);
        rounds.core().admit(instance, Arc::clone(&user), draws, recorder.clone());
        let journal = Journal::new(instance, recorder, limits.trace_bytes, limits.output_bytes);
        let state = State {
            table: State::handles(&limits),
            wasi: Wasi::new(WasiConfig {
                scratch: Scratch::new(Arc::clone(clock) as _, scratch_limits(&limits)),
                clock: Arc::clone(clock) as _,
                seed: instance_seed(seed, instance),
                environment,
                output: Box::new(journal.clone()),
            }),
            limiter: Limiter::new(limits.instance()),
            port: crate::engine::operation::Port::new(instance, rounds.sender()),
            model: Arc::clone(&self.model),
            journal,
            held: HeldBudget::new(limits.memory_bytes),
            work: WorkBudget::new(limits.fuel),
            abandoned: Abandoned::default(),
            session: control.session(),
            bus: self.bus.clone(),
            cancellation: control.cancellation(),
            user,
            page_size: self.page_size,
        };
        let future = instance::run(inferlet, state, input, limits);
        rounds.add(instance, Box::pin(future), control);
        instance
    }
}

fn scratch_limits(limits: &Limits) -> ScratchLimits {
    ScratchLimits { bytes: limits.scratch_bytes, ..ScratchLimits::default() }
}
