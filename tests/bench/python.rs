//! Programs in Python: run as they are, against the least that it takes (a process that finds the runtime's machine code, makes an instance, and has a program
//! without a line in it called); built, against componentize-py alone; launched in an engine that is warm; many at once; and what a step of a generation costs.
//!
//! The script `tests/bench/run` provides the release of bakery; a Python from 3.10 on is needed. Ratios are medians over pairs; nothing here
//! passes or fails.

#[path = "crowd.rs"]
mod crowd;
#[path = "measure.rs"]
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crowd::{Crowd, FirstCall};
use measure::{median, pairs, program, report, timed};

use bakery::build::python::shared::{self, Shared};
use bakery::build::python::wrapper::{self, World};
use bakery::build::python::{componentize, sdk};
use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::toolchain::{self, Network};
use pie_engine::trace::{Discard, Outcome};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Runtime, RuntimeConfig};

/// Pairs of commands that take milliseconds.
const SHORT: usize = 101;
/// Pairs of builds.
const LONG: usize = 5;
/// Instances at once.
const MANY: usize = 500;
/// Tokens of the two generations whose difference is what steps cost.
const TOKENS: (u32, u32) = (16, 516);

/// What the process is started with that measures the floor.
const FLOOR: &str = "--floor";

const GREETER: &str = "async def main(name: str) -> str:\n    return f'Hello, {name}!'\n";

/// Says that it is there, and waits until all others have done so: time only moves when nothing else can happen.
const WAITER: &str = "import asyncio\nfrom inferlet import session\n\nasync def main():\n    session.send('here')\n    await asyncio.sleep(1)\n";

const WRITER: &str = "from inferlet import Context, Model, Sampler\n\nasync def main(n: int) -> int:\n    ctx = Context(Model.load('default'))\n    \
                      ctx.user('Tell a story.')\n    return len(await ctx.generate(Sampler.multinomial(1.0), max_tokens=n, stop=[]).collect_tokens())\n";

/// Programs that answer an input and ask no host.
const PLAIN: World = World { network: false, responds: false };

fn main() {
    let env = Environment::read().expect("the process has surroundings");
    let shared = shared::provide(&env, PLAIN, Network::Allowed, &Silent).expect("the runtime can be made");
    if std::env::args().any(|argument| argument == FLOOR) {
        return floor(&env, &shared);
    }
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    runs(folder.path());
    builds(&env, folder.path());
    launches(&env, &shared, folder.path());
    many(&env, &shared, folder.path());
    steps(&env, folder.path());
}

fn runtime(env: &Environment, instances: usize) -> Arc<Runtime> {
    let code_cache = Some(env.cache_dir().expect("there is a cache").join("code"));
    let instances = u32::try_from(instances).expect("a few hundred");
    let runtime = Runtime::new(RuntimeConfig { code_cache, instances, ..RuntimeConfig::default() });
    Arc::new(runtime.expect("the runtime starts"))
}

/// One call in one instance, and nothing else.
fn floor(env: &Environment, shared: &Shared) {
    let runtime = runtime(env, 1);
    let inferlet = runtime.find(shared.digest.as_str()).expect("it is compiled");
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let program = document("async def main(): pass");
    let finished = engine.run(&inferlet, Launch::new("{}").stdin(program), Box::new(Discard));
    assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
    std::mem::forget((engine, inferlet));
}

/// A program as the shared component gets it.
fn document(source: &str) -> String {
    serde_json::json!({ "entry": "main.py", "files": { "main.py": source }, "data": {} }).to_string()
}

fn runs(folder: &Path) {
    let main = folder.join("main.py");
    write(&main, GREETER.as_bytes());
    let run = || timed(bakery(folder).args(["run", "main.py", "--", "--name", "Ada"]));
    let this = std::env::current_exe().expect("a process knows its program");
    let floor = || timed(Command::new(&this).arg(FLOOR));
    pairs("run main.py", "load, instantiate, call", SHORT, run, floor);
    let mut line = 0;
    let changed = || {
        line += 1;
        write(&main, format!("{GREETER}LINE = {line}\n").as_bytes());
        timed(bakery(folder).args(["run", "main.py", "--", "--name", "Ada"]))
    };
    let project = || timed(bakery(folder).arg("run").arg(repository().join("examples/hello-python")));
    pairs("run main.py, a line changed", "run examples/hello-python", SHORT, changed, project);
}

fn builds(env: &Environment, folder: &Path) {
    let main = folder.join("built.py");
    let mut line = 0;
    let mut times = Vec::new();
    // The first build compiles what all others use.
    write(&main, GREETER.as_bytes());
    timed(bakery(folder).args(["build", "built.py"]));
    for _ in 0..LONG {
        line += 1;
        let source = format!("{GREETER}LINE = {line}\n");
        write(&main, source.as_bytes());
        let ours = timed(bakery(folder).args(["build", "built.py"]));
        times.push((ours, alone(env, &source)));
    }
    report("build, a line changed", "componentize-py alone", times);
    let nothing = || timed(bakery(folder).args(["build", "built.py"]));
    pairs("build, nothing to do", "the same again", SHORT, nothing, nothing);
    let mut line = 0;
    let mut first_runs = Vec::new();
    for _ in 0..LONG {
        line += 1;
        write(&main, format!("{GREETER}OTHER = {line}\n").as_bytes());
        timed(bakery(folder).args(["build", "built.py", "-o", "built.wasm"]));
        let run = || timed(bakery(folder).args(["run", "built.wasm", "--", "--name", "Ada"]));
        first_runs.push((run(), run()));
    }
    report("first run of a built program", "the second", first_runs);
}

/// componentize-py as bakery calls it once on a machine, and as whoever has no bakery would for each program.
fn alone(env: &Environment, source: &str) -> Duration {
    let python = toolchain::python::provide(env, Network::Allowed, &Silent).expect("it is installed");
    let sdk = sdk::unpack(&env.cache_dir().expect("there is a cache")).expect("the cache can be written");
    let work = tempfile::tempdir().expect("the machine has a folder for temporary files");
    for (name, bytes) in wrapper::shared(PLAIN) {
        write(&work.path().join(name), &bytes);
    }
    let program = format!(
        "from inferlet.bundle import Bundle\nfrom inferlet.entry import Program\n\
         program = Program(Bundle({{'built.py': {source:?}}}), 'built.py')\nprogram.prepare()\n\n\
         class Run:\n    def run(self, input):\n        return program.run(input)\n"
    );
    write(&work.path().join("app/inferlet_program.py"), program.as_bytes());
    let output = work.path().join("built.wasm");
    let invocation = componentize::invocation(&python, &sdk, PLAIN, work.path(), &output);
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).envs(&invocation.variables).current_dir(work.path());
    timed(&mut command)
}

/// From the launch to the first call of the host, in an engine in which another one has run.
fn launches(env: &Environment, shared: &Shared, folder: &Path) {
    let runtime = runtime(env, 2);
    let bare = runtime.find(shared.digest.as_str()).expect("it is compiled");
    let built = built(&runtime, folder, "waiter", WAITER);
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let launch = |inferlet: &Inferlet, launch: Launch| {
        let first = FirstCall::default();
        let started = Instant::now();
        let finished = engine.run(inferlet, launch, Box::new(first.clone()));
        assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
        first.at() - started
    };
    let built = || launch(&built, Launch::new("{}"));
    let bare = || launch(&bare, Launch::new("{}").stdin(document(WAITER)));
    pairs("launch of a built program to its first call", "of one that is not built", SHORT, built, bare);
}

/// A program built by bakery, and compiled.
fn built(runtime: &Runtime, folder: &Path, name: &str, source: &str) -> Inferlet {
    let (file, component) = (format!("{name}.py"), folder.join(name).with_extension("wasm"));
    write(&folder.join(&file), source.as_bytes());
    timed(bakery(folder).args(["build", &file, "-o"]).arg(&component));
    let wasm = std::fs::read(component).expect("bakery has written it");
    runtime.compile(&wasm).expect("it is an inferlet")
}

fn many(env: &Environment, shared: &Shared, folder: &Path) {
    let runtime = runtime(env, MANY);
    let built = built(&runtime, folder, "waiter", WAITER);
    let bare = runtime.find(shared.digest.as_str()).expect("it is compiled");
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let plain = || Launch::new("{}");
    crowd(&engine, "built", || (built.clone(), plain()));
    crowd(&engine, "not built", || (bare.clone(), plain().stdin(document(WAITER))));
}

fn crowd(engine: &Engine, what: &str, launch: impl Fn() -> (Inferlet, Launch)) {
    // One before, so that what is made once for all is there.
    engine.run_all(vec![launch()], Box::new(Discard));
    let crowd = Crowd::of(MANY);
    let started = Instant::now();
    let finished = engine.run_all((0..MANY).map(|_| launch()).collect(), Box::new(crowd.clone()));
    let elapsed = started.elapsed();
    assert!(finished.iter().all(|finished| matches!(finished.outcome, Outcome::Ok(_))), "all end well");
    println!(
        "{MANY} instances at once, {what}: {:.2} MB of private memory each, {:.2} ms each from launch to end",
        crowd.each_bytes() as f64 / 1e6,
        elapsed.as_secs_f64() * 1e3 / MANY as f64
    );
}

/// What a step of a generation costs in all: of two generations, the difference, divided by that in tokens.
fn steps(env: &Environment, folder: &Path) {
    let runtime = runtime(env, 2);
    let inferlet = built(&runtime, folder, "writer", WRITER);
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let generate = |tokens: u32| {
        let started = Instant::now();
        let launch = Launch::new(format!("{{\"n\":{tokens}}}"));
        let finished = engine.run(&inferlet, launch, Box::new(Discard));
        assert_eq!(finished.outcome, Outcome::Ok(tokens.to_string().into()));
        started.elapsed()
    };
    let (few, lots) = TOKENS;
    let each: Vec<f64> = (0..LONG * 2 + 1)
        .map(|_| (generate(lots).as_secs_f64() - generate(few).as_secs_f64()) * 1e6 / f64::from(lots - few))
        .collect();
    println!("a step of a generation, with that of the dummy: {:.0} µs", median(each));
}

fn bakery(folder: &Path) -> Command {
    let mut bakery = Command::new(program("BAKERY"));
    bakery.current_dir(folder);
    bakery
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn write(path: &Path, bytes: &[u8]) {
    let folder = path.parent().expect("it is in a folder");
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, bytes)).expect("it can be written");
}
