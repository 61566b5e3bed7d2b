//! A program in TypeScript, run as it is, against the least that it takes: a process that finds the runtime's machine code, makes an instance, and has a program
//! of one line called. A build against a bundler and a componentizer that others wrote. And what instances and steps cost in a warm engine.
//!
//! `cargo bench --bench javascript`; builds are compared where there is npm. Ratios are medians over pairs; nothing here passes or fails.

#[path = "crowd.rs"]
mod crowd;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crowd::{Crowd, FirstCall};

use bakery::build::javascript::bundle::{self, Wanted};
use bakery::build::javascript::link::World;
use bakery::build::javascript::shared::{self, Shared};
use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::project::Interpreter;
use bakery::toolchain::Network;
use pie_engine::trace::{Discard, Outcome};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Limits, Runtime, RuntimeConfig};

/// Pairs of commands that take milliseconds.
const SHORT: usize = 101;
/// Pairs of builds.
const LONG: usize = 11;
/// Instances at once.
const MANY: usize = 2000;

/// What it is started with to measure only what is in an engine that is warm.
const WARM: &str = "--warm";

/// What the process is started with that measures the floor.
const FLOOR: &str = "--floor";

/// And those that measure further instances of a program, in the two ways in which there are some.
const BUILT: &str = "--built";
const UNBUILT: &str = "--unbuilt";

const GREETER: &str = "export async function main({ name }: { name: string }): Promise<string> {\n  return `Hello, ${name}!`;\n}\n";

/// Says that it is there, and waits until all others have done so: time only moves when nothing else can happen.
const WAITER: &str = "import { session } from 'inferlet';\nexport async function main() {\n  session.send('here');\n  await new Promise((resolve) => setTimeout(resolve, 1000));\n  return 1;\n}\n";

/// One token after another, as fast as it goes.
const TALKER: &str = "import { Context, Model, Sampler } from 'inferlet';\nexport async function main({ tokens }: { tokens: number }) {\n  \
    using ctx = new Context(Model.load('default'));\n  ctx.user('Count.');\n  \
    for await (const step of ctx.generate(Sampler.argmax(), { maxTokens: tokens, stop: [] })) await step.execute();\n  return ctx.seqLen;\n}\n";

fn main() {
    let env = Environment::read().expect("the process has surroundings");
    let kind = (World { network: false, responds: false }, Interpreter::QuickJs);
    let shared = shared::provide(&env, kind, Network::Allowed, &Silent).expect("the runtime can be made");
    if std::env::args().any(|argument| argument == FLOOR) {
        return floor(&env, &shared);
    }
    for way in [BUILT, UNBUILT] {
        if std::env::args().any(|argument| argument == way) {
            return further(&env, &shared, way);
        }
    }
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    if !std::env::args().any(|argument| argument == WARM) {
        runs(folder.path());
        builds(folder.path());
    }
    // Each in a process of its own: what an instance has had stays in its place for the next one.
    for way in [BUILT, UNBUILT] {
        let this = std::env::current_exe().expect("a process knows its program");
        assert!(Command::new(this).arg(way).status().expect("it can be started").success());
    }
    let (runtime, inferlet) = warm(&env, &shared);
    steps(&runtime, &inferlet, folder.path());
}

/// Launches of the program that waits.
fn further(env: &Environment, shared: &Shared, way: &str) {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let (runtime, shared) = warm(env, shared);
    let (inferlet, waiter) = match way {
        BUILT => (built(&runtime, folder.path()), Launch::new("{}").limits(limits())),
        _ => (shared, launch(folder.path(), WAITER, "{}")),
    };
    println!("a program that is {}:", way.trim_start_matches('-'));
    launches(&runtime, &inferlet, &waiter);
    instances(&runtime, &inferlet, &waiter);
}

/// One call in one instance, and nothing else.
fn floor(env: &Environment, shared: &Shared) {
    let code_cache = Some(env.cache_dir().expect("there is a cache").join("code"));
    let runtime = Runtime::new(RuntimeConfig { code_cache, instances: 1, ..RuntimeConfig::default() });
    let runtime = Arc::new(runtime.expect("the runtime starts"));
    let inferlet = runtime.find(shared.digest.as_str()).expect("it is compiled");
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let script = "[[\"main.js\",0,[],{},function(a,b){b.main=()=>null}]]";
    let program =
        serde_json::json!({ "script": script, "map": { "sources": [], "mappings": "" } }).to_string();
    let finished = engine.run(&inferlet, Launch::new("{}").stdin(program), Box::new(Discard));
    assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
    std::mem::forget((engine, inferlet));
}

fn runs(folder: &Path) {
    let main = folder.join("main.ts");
    write(&main, GREETER);
    let run = || timed(bakery(folder).args(["run", "main.ts", "--", "--name", "Ada"]));
    let this = std::env::current_exe().expect("a process knows its program");
    let floor = || timed(Command::new(&this).arg(FLOOR));
    pairs("run main.ts", "load, instantiate, call", SHORT, run, floor);
}

/// Each build has a line that no other has. The peers make a component of the same source, with an interface of their own that needs nothing of the host.
fn builds(folder: &Path) {
    let mut line = 0;
    let peers = peers();
    let mut times = Vec::new();
    for _ in 0..LONG {
        line += 1;
        write(&folder.join("built.ts"), &format!("{GREETER}export const LINE = {line};\n"));
        let ours = timed(bakery(folder).args(["build", "built.ts", "--no-check"]));
        if let Some(peers) = &peers {
            times.push((ours, alone(peers, folder)));
        }
    }
    if !times.is_empty() {
        report("build, a line changed", "esbuild and componentize-qjs", times);
    }
    let nothing = || timed(bakery(folder).args(["build", "built.ts", "--no-check"]));
    pairs("build, nothing to do", "the same again", SHORT, nothing, nothing);
    let checked = || {
        line += 1;
        write(&folder.join("built.ts"), &format!("{GREETER}export const LINE = {line};\n"));
        timed(bakery(folder).args(["build", "built.ts"]))
    };
    let mut checked = checked;
    let times = (0..LONG).map(|_| milliseconds(checked())).collect();
    println!("build with types checked, a line changed: {:.1} ms", median(times));
}

/// A folder with a bundler and a componentizer, installed once.
fn peers() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript-peers");
    if !folder.join("node_modules/.bin/esbuild").exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
        npm.args(["esbuild@0.28.2", "componentize-qjs@0.4.5"]).stdout(Stdio::null());
        npm.status().ok().filter(std::process::ExitStatus::success)?;
    }
    Some(folder)
}

fn alone(peers: &Path, folder: &Path) -> Duration {
    let wit = folder.join("peer.wit");
    write(
        &wit,
        "package pie:built;\nworld program {\n    export main: async func(input: string) -> string;\n}\n",
    );
    let bundled = folder.join("built.peer.js");
    let mut esbuild = Command::new(peers.join("node_modules/.bin/esbuild"));
    esbuild.arg(folder.join("built.ts")).args(["--bundle", "--format=esm", "--log-level=error"]);
    esbuild.arg(format!("--outfile={}", bundled.display()));
    let mut componentize = Command::new(peers.join("node_modules/.bin/componentize-qjs"));
    componentize
        .arg("--wit")
        .arg(&wit)
        .arg("--js")
        .arg(&bundled)
        .arg("-o")
        .arg(folder.join("built.peer.wasm"));
    timed(&mut esbuild) + timed(&mut componentize)
}

fn warm(env: &Environment, shared: &Shared) -> (Arc<Runtime>, Inferlet) {
    let code_cache = Some(env.cache_dir().expect("there is a cache").join("code"));
    let instances = u32::try_from(MANY).expect("it is small");
    let ceiling = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let runtime = Runtime::new(RuntimeConfig { code_cache, instances, ceiling, threads: 1 });
    let runtime = Arc::new(runtime.expect("the runtime starts"));
    let inferlet = runtime.find(shared.digest.as_str()).unwrap_or_else(|| {
        let wasm = std::fs::read(&shared.path).expect("it is in the cache");
        runtime.compile(&wasm).expect("it is an inferlet")
    });
    (runtime, inferlet)
}

fn launch(folder: &Path, source: &str, input: &str) -> Launch {
    let entry = folder.join("program.ts");
    write(&entry, source);
    let bundle = bundle::program(Wanted { root: folder, entry: &entry, packages: None, texts: false })
        .expect("it is right");
    Launch::new(input).stdin(bundle.json()).limits(limits())
}

fn limits() -> Limits {
    Limits { memory_bytes: 64 << 20, ..Limits::default() }
}

/// A component of the program that waits.
fn built(runtime: &Runtime, folder: &Path) -> Inferlet {
    write(&folder.join("waiter.ts"), WAITER);
    timed(bakery(folder).args(["build", "waiter.ts", "--no-check", "-o", "waiter.wasm"]));
    let wasm = std::fs::read(folder.join("waiter.wasm")).expect("it was built");
    runtime.compile(&wasm).expect("it is an inferlet")
}

/// From the launch to the first call of the host, in an engine in which another one has run.
fn launches(runtime: &Arc<Runtime>, inferlet: &Inferlet, waiter: &Launch) {
    let engine = Engine::on(Arc::clone(runtime), EngineConfig::dummy()).expect("the engine starts");
    let one = || {
        let (first, launch) = (FirstCall::default(), waiter.again());
        let started = Instant::now();
        let finished = engine.run(inferlet, launch, Box::new(first.clone()));
        assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
        milliseconds(first.at() - started)
    };
    one();
    let each = median((0..SHORT).map(|_| one()).collect());
    println!("launch of a further instance to its first call: {each:.2} ms (median of {SHORT})");
}

/// All of them wait for the same moment, so all are there at once.
fn instances(runtime: &Arc<Runtime>, inferlet: &Inferlet, waiter: &Launch) {
    let engine = Engine::on(Arc::clone(runtime), EngineConfig::dummy()).expect("the engine starts");
    let launches: Vec<_> = (0..MANY).map(|_| (inferlet.clone(), waiter.again())).collect();
    let crowd = Crowd::of(MANY);
    let started = Instant::now();
    let finished = engine.run_all(launches, Box::new(crowd.clone()));
    let elapsed = started.elapsed();
    let failed = finished.iter().find(|one| !matches!(one.outcome, Outcome::Ok(_)));
    assert!(failed.is_none(), "{:?}", failed.map(|one| &one.outcome));
    println!(
        "{MANY} instances at once: {:.2} MB of private memory each, {:.2} ms each from launch to end",
        crowd.each_bytes() as f64 / 1e6,
        milliseconds(elapsed) / MANY as f64
    );
}

fn steps(runtime: &Arc<Runtime>, inferlet: &Inferlet, folder: &Path) {
    let time = |tokens: u32| {
        let talker = launch(folder, TALKER, &format!("{{\"tokens\":{tokens}}}"));
        let engine = Engine::on(Arc::clone(runtime), EngineConfig::dummy()).expect("the engine starts");
        let started = Instant::now();
        let finished = engine.run(inferlet, talker, Box::new(Discard));
        assert!(matches!(finished.outcome, Outcome::Ok(_)), "{:?}", finished.outcome);
        started.elapsed()
    };
    let _warm = time(100);
    let each = (0..LONG).map(|_| milliseconds(time(2100).saturating_sub(time(100))) / 2000.0).collect();
    println!("a step of generation, with the dummy's part of it: {:.1} µs", median(each) * 1000.0);
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn bakery(folder: &Path) -> Command {
    let mut bakery = Command::new(env!("CARGO_BIN_EXE_bakery"));
    bakery.current_dir(folder);
    bakery
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("it is in a folder");
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text)).expect("it can be written");
}

/// How long a command that has to succeed takes, from start to exit.
fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output().expect("the program can be started");
    let elapsed = started.elapsed();
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    elapsed
}

/// Times two commands in turn, after once each unmeasured.
fn pairs(
    name: &str,
    peer: &str,
    count: usize,
    mut ours: impl FnMut() -> Duration,
    mut theirs: impl FnMut() -> Duration,
) {
    let _warm = (ours(), theirs());
    report(name, peer, (0..count).map(|_| (ours(), theirs())).collect());
}

fn report(name: &str, peer: &str, times: Vec<(Duration, Duration)>) {
    let ms = |time: &Duration| time.as_secs_f64() * 1e3;
    let ours = median(times.iter().map(|(ours, _)| ms(ours)).collect());
    let theirs = median(times.iter().map(|(_, theirs)| ms(theirs)).collect());
    let ratio = median(times.iter().map(|(ours, theirs)| ms(ours) / ms(theirs)).collect());
    println!("{name}: {ours:.1} ms; {peer}: {theirs:.1} ms; ratio {ratio:.2}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
