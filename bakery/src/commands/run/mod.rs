//! `bakery run`: from what the user names to an inferlet that runs, and from how it ends to an exit code.
//!
//! Reading order: [`target`] finds what to run, [`input`] checks what it is given, [`programs`] has what it may launch, [`outside`] what it may ask
//! of the world, [`http`] has it respond to requests instead, [`console`] connects it to the keyboard, the clock
//! and Ctrl-C, and [`answer`] says what came of it; [`watch`] does all of it again whenever a source changes. What is seen meanwhile is the business of [`crate::report`].

mod answer;
pub(super) mod cache;
mod console;
mod fork;
mod http;
mod input;
pub(super) mod model;
mod outside;
pub(super) mod programs;
mod recording;
mod scratch;
mod servers;
pub(super) mod target;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use pie_engine::launch::KeptScratch;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::candle::Device;
use pie_engine::trace::Outcome;
use pie_engine::{Control, Engine, EngineConfig, EngineError, Launch, PageChecks, Runtime, RuntimeConfig};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::models::hub::Network;
use crate::models::memory;
use crate::outside::branch::Branch;
use crate::project::Interpreter;
use crate::report::audience::Audience;
use crate::report::jsonl::JsonLines;
use crate::report::live::Live;
use crate::report::received_files::{Received, ReceivedFiles};
use crate::report::terminal::Timeline;
use crate::report::trace_file::TraceFile;
use crate::ui::{Ui, output_error};
pub use input::InferletDocument;
use input::Input;
use model::Source;
use outside::Answers;
use programs::Dependencies;
use target::{Built, Target};

/// Pages of the KV cache, if nothing else is said.
const PAGES: u32 = 4096;
/// The most pages: a million tokens of the dummy's cache take 24 MB.
const MOST_PAGES: i64 = 1 << 20;

/// Run an inferlet beside a model, building it first if needed
///
/// What the inferlet prints and sends is shown as it comes, its answer last: text as it is, other values as JSON. Lines on standard
/// input become messages to it when it waits for one.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery run hello -- --name Ada           Build the project in `hello` if needed, and run it
  bakery run hello -- --help               What it takes
  bakery run main.py -- --name Ada         Run a program in Python as it is
  bakery run main.ts -- --name Ada         The same in TypeScript or JavaScript
  bakery run hello.wasm --input @in.json   Run a component with the input in a file
  bakery run hello@1                       Run an installed inferlet
  bakery run chat --send hi --seed 7       Send it a message; choose its randomness
  bakery run agent --script replies.toml   Let the model give the answers in a file
  bakery run agent --mcp 'time=uvx mcp-server-time'
                                           Give it tools: a server that it may start
  bakery run hello --trace t.jsonl         Record all it does, for `bakery trace show`
  bakery run hello --replay t.jsonl        Answer what it asks of the network as recorded
  bakery run hello --record kept           Keep what the model says, too
  bakery run hello --replay kept           Run it again with no model and no network
  bakery run draft --model big.gguf --with-model small.gguf
                                           Run it beside two models
  bakery run hello --watch                 Build and run it again whenever a source changes
  bakery run api --http 127.0.0.1:8080     Let it respond to HTTP requests, until Ctrl-C

Exit codes: 0 the inferlet answered, 1 it failed, 2 it was asked wrongly, 3 something outside is missing, 130 Ctrl-C")]
pub struct Args {
    /// A project's folder, its `Pie.toml`, a program in Python (`.py`), a component (`.wasm`), or the name of an installed inferlet
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Use this manifest instead of the project's or the one in the component
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The model to run beside: `dummy` is deterministic, instant and has no weights; `tiny` has a few, which are part of bakery; a folder or GGUF file, a name of
    /// `bakery model`, or `hf:owner/repo` has more
    #[arg(long, value_name = "SPEC", default_value = model::DUMMY)]
    pub model: String,
    /// Another model that the inferlet can load by its name, beside `--model`, which is its default; can be repeated
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["record", "replay"])]
    pub with_model: Vec<String>,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Replies that the dummy model gives to the prompts in this file
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// The input as JSON, or `@` and a file of it, instead of parameters
    #[arg(long, value_name = "JSON|@FILE", conflicts_with = "parameters")]
    pub input: Option<String>,
    /// Send a message; can be repeated
    #[arg(long, value_name = "TEXT")]
    pub send: Vec<String>,
    /// Send a file; can be repeated
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Write the files that the inferlet sends to this folder, as `file-1.bin`, `file-2.bin` and so on
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// A server of the Model Context Protocol that the inferlet may connect to: a command that starts it, or a URL; can be repeated
    #[arg(long, value_name = "NAME=COMMAND|URL")]
    pub mcp: Vec<String>,
    /// Record the run in this file
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Where the trace of a fork goes.
    #[arg(skip)]
    pub fork: Option<PathBuf>,
    /// Keep all that comes to the run from outside in this folder, for `--replay` and for tests: what the model says too
    #[arg(long, value_name = "DIR", conflicts_with_all = ["replay", "http"])]
    pub record: Option<PathBuf>,
    /// Answer what the inferlet asks of the network and of MCP servers from this recorded trace, and from nowhere else; from a recording, what it asks of the
    /// model too
    #[arg(long, value_name = "FILE|DIR")]
    pub replay: Option<PathBuf>,
    /// Write what the inferlet leaves under `/scratch` to this folder, which is empty or new
    #[arg(long, value_name = "DIR")]
    pub keep_scratch: Option<PathBuf>,
    /// Launch the inferlet for each HTTP request at this address, until Ctrl-C; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDR",
        conflicts_with_all = ["replay", "keep_scratch", "input", "send", "file", "parameters"]
    )]
    pub http: Option<SocketAddr>,
    /// End the run, or the response to a request, after so many seconds
    #[arg(long, value_name = "S", value_parser = console::parse_seconds)]
    pub timeout: Option<Duration>,
    /// Threads to compile and compute with; all processors if not given. The run is the same with any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Pages of the KV cache, of 16 tokens each. When an inferlet's contexts need more, they take turns
    #[arg(long, value_name = "N", default_value_t = PAGES, value_parser = clap::value_parser!(u32).range(1..=MOST_PAGES))]
    pub pages: u32,
    /// How a model with weights keeps keys and values
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub kv_cache: model::KvCache,
    /// What computes a model with weights: `cpu`, or one of NVIDIA's GPUs, `cuda` or `cuda:N`, in a bakery that was built with `--features cuda`
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = model::parse_device)]
    pub device: Device,
    /// Check the pages after each operation and step, and not only at the end: a mistake of the engine's is found where it is made
    #[arg(long)]
    pub sanitize: bool,
    /// Build with the profile `dev`, so that traps show lines of the source
    #[arg(long)]
    pub debug: bool,
    /// What runs JavaScript and TypeScript: `spidermonkey` needs Node.js to build [default: that of `Pie.toml`, else `quickjs`]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub engine: Option<Interpreter>,
    /// Fetch nothing: what the build needs must be here
    #[arg(long)]
    pub offline: bool,
    /// Run again whenever a source changes, until Ctrl-C. Standard input is not read then; `--send` sends messages
    #[arg(long, conflicts_with_all = ["http", "keep_scratch"])]
    pub watch: bool,
    /// Parameters of the inferlet, as `--name value`; `-- --help` lists them
    #[arg(last = true, value_name = "PARAMETERS")]
    pub parameters: Vec<String>,
}

impl Args {
    /// What `bakery run PATH` means.
    pub fn new(path: impl Into<PathBuf>) -> Args {
        Args {
            path: path.into(),
            manifest: None,
            model: model::DUMMY.to_owned(),
            with_model: Vec::new(),
            seed: 0,
            script: None,
            input: None,
            send: Vec::new(),
            file: Vec::new(),
            out_dir: None,
            mcp: Vec::new(),
            trace: None,
            fork: None,
            record: None,
            replay: None,
            keep_scratch: None,
            http: None,
            timeout: None,
            threads: None,
            pages: PAGES,
            kv_cache: model::KvCache::Auto,
            device: Device::Cpu,
            sanitize: false,
            debug: false,
            engine: None,
            offline: false,
            watch: false,
            parameters: Vec::new(),
        }
    }
}

/// Runs the inferlet.
///
/// # Errors
/// There is nothing to run, it cannot be built, it is asked wrongly, or it fails.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    if args.watch { watch::run(args, env, ui) } else { go(args, None, env, ui) }
}

/// Builds the inferlet if needed, and runs it to its end; as was recorded up to an event if there is a branch.
pub(super) fn go(args: &Args, branch: Option<&Branch>, env: &Environment, ui: &Ui) -> Result<()> {
    let replayed = recording::find(args, env)?;
    let args = &recording::arguments(args, replayed.as_ref());
    let (model, others) = read_models(args, env, ui)?;
    // It is loaded while the component is built, or its code is found; and here, should the thread still not run when it is needed, as
    // it takes an idle processor a millisecond to wake up.
    let how = model::Computing { cache: args.kv_cache, device: args.device };
    let model = Arc::new(LazyLock::new(move || model.load(how)));
    let ahead = Arc::clone(&model);
    thread::spawn(move || {
        LazyLock::force(&ahead);
    });
    let target = Target::find(&args.path, args.manifest.as_deref(), env)?;
    let manifest = target.manifest().cloned();
    let variables = recording::variables(args, manifest.as_ref(), branch, replayed.as_ref(), env)?;
    let read = input::read(args, manifest.as_ref(), env).map_err(|error| target.misfit(error, &args.path));
    let input = match read? {
        Input::Help => return input::help(args, manifest.as_ref(), ui),
        Input::Json(input) => input,
    };
    let answers = Answers::find(args, target.project(), env)?;
    args.keep_scratch.as_deref().map_or(Ok(()), |folder| scratch::check(folder, env))?;
    let kept = KeptScratch::default();
    let mut launch = Launch::new(input.as_str()).seed(args.seed).scratch(Arc::clone(&kept));
    launch = programs::permitted(launch, manifest.as_ref(), variables.clone());
    let control = launch.control();
    let trace = trace_file(args, env)?;
    let (audience, received) = audience(args, &control, env, ui)?;
    let parted = branch.map(|branch| fork::watch(branch, args, &audience, &control, env)).transpose()?;
    let files = send(args, &control, env)?;

    let Built { component, dependencies } = target.built(args, env, ui)?;
    env.interrupt.check()?;
    let runtime = Arc::new(runtime(args, dependencies.is_some(), env)?);
    let inferlet = component.compiled(&runtime, &*ui.progress())?;
    http::check(args, &inferlet)?;
    // Not before, so that a recording is replaced only by that of a run.
    let recorder = recording::begin(args, variables, trace, &audience, env)?;
    launch = launch.stdin(component.stdin);
    if let Some(dependencies) = dependencies {
        launch = launch.programs(Arc::new(Dependencies::new(dependencies, Arc::clone(&runtime))));
    }
    let model = LazyLock::force(&model).clone()?;
    let model = recording::model(model, replayed.as_ref(), recorder.as_ref(), &control)?;
    let model = branch.map_or(model.clone(), |branch| branch.model(model));
    let others = others.iter().map(|other| other.load(how)).collect::<std::result::Result<_, _>>()?;
    let engine = Engine::on(runtime, engine_config(args, model, others, env)?).map_err(cannot_start)?;
    if let Some(address) = args.http {
        return http::serve(address, args, &engine, (inferlet, launch, answers), &audience, env, ui);
    }
    let rerun = outside::rerun(args, manifest.as_ref(), &inferlet, &input);
    let (launch, connected) = match branch {
        Some(branch) => fork::connect(branch, launch, &rerun, answers)?,
        None => answers.connect(launch, args, &rerun, &control)?,
    };

    let _interrupt = console::cancel_on_interrupt(&control, env);
    let _deadline = console::cancel_after(args.timeout, &control);
    match (branch, &replayed) {
        (Some(branch), _) => branch.attend(&control),
        (None, Some(replayed)) => replayed.attend(&control),
        (None, None) if args.watch => control.close(),
        (None, None) => console::listen(&control, ui),
    }
    let finished = engine.run(&inferlet, launch, Box::new(audience.clone()));
    connected.close();
    let recorded = recording::finish(recorder.as_ref(), &audience, args, &rerun, engine.model(), &files);
    if !args.watch {
        // The process ends soon, which frees the same at once.
        std::mem::forget((engine, inferlet));
    }
    let kept = args.keep_scratch.as_deref().map_or(Ok(()), |folder| scratch::keep(folder, &kept, env, ui));
    let shown = answer::show(&finished, &received, ui);
    recorded.and(kept).and(shown)?;
    connected.verdict(&finished.outcome)?;
    parted.map_or(Ok(()), |(parted, at)| parted.verdict(at))?;
    answer::verdict(&finished, if ui.verbose() { answer::Frames::All } else { answer::Frames::Own })
}

/// The model and the others, opened if they have weights.
fn read_models(args: &Args, env: &Environment, ui: &Ui) -> Result<(Source, Vec<Source>)> {
    let read = |spec: &str, script: Option<&Path>| {
        Source::read(spec, script, Network::unless(args.offline), env, &*ui.progress())
    };
    let others = args.with_model.iter().map(|spec| read(spec, None));
    Ok((read(&args.model, args.script.as_deref())?, others.collect::<Result<_>>()?))
}

/// The runtime, with as many places for instances as there may be. Room for one is set up before there is one, and who launches no others and responds to
/// no requests is the only one.
fn runtime(args: &Args, launches: bool, env: &Environment) -> Result<Runtime> {
    let threads = args.threads.map_or(0, usize::from);
    pie_engine::model::candle::use_threads(threads);
    let several = launches || args.http.is_some();
    let instances = if several { RuntimeConfig::default().instances } else { 1 };
    let code_cache = cache::folder(env);
    let config = RuntimeConfig { code_cache, threads, instances, ..RuntimeConfig::default() };
    Runtime::new(config).map_err(cannot_start)
}

fn engine_config(
    args: &Args,
    model: LoadedModel,
    others: Vec<LoadedModel>,
    env: &Environment,
) -> Result<EngineConfig> {
    let checks = if args.sanitize { PageChecks::Always } else { PageChecks::AtEnd };
    let config = EngineConfig { others, ..EngineConfig::new(model) };
    // A page may have been used by one model after the other, and each keeps what it needs for it.
    let slot_bytes: u64 =
        std::iter::once(&config.model).chain(&config.others).map(|model| model.model.slot_bytes()).sum();
    let page_bytes = slot_bytes * u64::from(config.page_size);
    let pages = memory::pages(args.pages, args.pages != PAGES, page_bytes, env)?;
    Ok(EngineConfig { pages, checks, ..config })
}

fn cannot_start(error: EngineError) -> Error {
    Error::environment("the engine cannot start").caused_by(error)
}

/// The file of `--trace`, which nothing is written to before the run.
fn trace_file(args: &Args, env: &Environment) -> Result<Option<TraceFile>> {
    let Some(path) = &args.trace else { return Ok(None) };
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", path.display())).caused_by(error);
    TraceFile::create(&env.current_dir.join(path)).map(Some).map_err(unwritable)
}

/// Everybody who watches but for files of the trace: the terminal or the reader of `--json`, and whoever keeps the inferlet's files.
fn audience(args: &Args, control: &Control, env: &Environment, ui: &Ui) -> Result<(Audience, Received)> {
    let control = control.clone();
    let audience =
        Audience::new(move || control.cancel(Outcome::Cancelled("the output cannot be written".into())));
    let files = ReceivedFiles::new(args.out_dir.clone(), &env.current_dir);
    let received = files.received();
    audience.add(files, |error| Error::environment("cannot write a file of the inferlet's").caused_by(error));
    if ui.json() {
        audience.add(JsonLines::new(ui.stdout()), output_error);
        return Ok((audience, received));
    }
    if ui.verbose() {
        audience.add(Timeline::new(ui.stderr(), ui.stderr().theme(), ui.width()), output_error);
    }
    // On one terminal, the timeline already has what is printed.
    if !(ui.verbose() && ui.stdout().is_terminal() && ui.stderr().is_terminal()) {
        audience.add(Live::new(ui.stdout().into(), ui.stderr().into()), output_error);
    }
    Ok((audience, received))
}

/// Sends what was given on the command line; what standard input holds comes after it. The contents of the files.
fn send(args: &Args, control: &Control, env: &Environment) -> Result<Vec<Vec<u8>>> {
    control.open();
    let mut files = Vec::new();
    for message in &args.send {
        control.send(message.clone());
    }
    for file in &args.file {
        let contents = std::fs::read(env.current_dir.join(file))
            .map_err(|error| Error::usage(format!("cannot read `{}`", file.display())).caused_by(error))?;
        control.send_file(contents.clone());
        files.push(contents);
    }
    Ok(files)
}
