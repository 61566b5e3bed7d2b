//! A program in Python, run as it is, against the least that it takes: a process that finds the runtime's machine code, makes an instance, and has a program without
//! a line in it called. And a build against componentize-py alone.
//!
//! The script `tests/bench/run` provides the release of bakery; a Python from 3.10 on is needed. Ratios are medians over pairs; nothing here
//! passes or fails.

#[path = "measure.rs"]
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use measure::{pairs, program, report, timed};

use bakery::build::python::shared::{self, Shared};
use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::toolchain::Network;
use pie_engine::trace::Discard;
use pie_engine::{Engine, EngineConfig, Launch, Runtime, RuntimeConfig};

/// Pairs of commands that take milliseconds.
const SHORT: usize = 101;
/// Pairs of builds.
const LONG: usize = 5;

/// What the process is started with that measures the floor.
const FLOOR: &str = "--floor";

const GREETER: &str = "async def main(name: str) -> str:\n    return f'Hello, {name}!'\n";

fn main() {
    let env = Environment::read().expect("the process has surroundings");
    let shared = shared::provide(&env, Network::Allowed, &Silent).expect("the runtime can be made");
    if std::env::args().any(|argument| argument == FLOOR) {
        return floor(&env, &shared);
    }
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    runs(folder.path());
    builds(folder.path());
}

/// One call in one instance, and nothing else.
fn floor(env: &Environment, shared: &Shared) {
    let code_cache = Some(env.cache_dir().expect("there is a cache").join("code"));
    let runtime = Runtime::new(RuntimeConfig { code_cache, instances: 1, ..RuntimeConfig::default() });
    let runtime = Arc::new(runtime.expect("the runtime starts"));
    let inferlet = runtime.find(shared.digest.as_str()).expect("it is compiled");
    let engine = Engine::on(runtime, EngineConfig::dummy()).expect("the engine starts");
    let program = r#"{"entry":"main.py","files":{"main.py":"async def main(): pass"},"data":{}}"#;
    let finished = engine.run(&inferlet, Launch::new("{}").stdin(program), Box::new(Discard));
    assert!(matches!(finished.outcome, pie_engine::trace::Outcome::Ok(_)), "{:?}", finished.outcome);
    std::mem::forget((engine, inferlet));
}

fn runs(folder: &Path) {
    let main = folder.join("main.py");
    write(&main, GREETER);
    let run = || timed(bakery(folder).args(["run", "main.py", "--", "--name", "Ada"]));
    let this = std::env::current_exe().expect("a process knows its program");
    let floor = || timed(Command::new(&this).arg(FLOOR));
    pairs("run main.py", "load, instantiate, call", SHORT, run, floor);
    let mut line = 0;
    let changed = || {
        line += 1;
        write(&main, &format!("{GREETER}LINE = {line}\n"));
        timed(bakery(folder).args(["run", "main.py", "--", "--name", "Ada"]))
    };
    let project = || timed(bakery(folder).arg("run").arg(repository().join("examples/hello-python")));
    pairs("run main.py, a line changed", "run examples/hello-python", SHORT, changed, project);
}

/// The same steps as a shell would do them: `bakery build --plan` says which.
fn builds(folder: &Path) {
    let mut line = 0;
    let main = folder.join("built.py");
    let mut times = Vec::new();
    for _ in 0..LONG {
        line += 1;
        write(&main, &format!("{GREETER}LINE = {line}\n"));
        let plan =
            bakery(folder).args(["build", "built.py", "--plan", "--json"]).output().expect("bakery is there");
        let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("a plan is JSON");
        let ours = timed(bakery(folder).args(["build", "built.py"]));
        times.push((ours, alone(&plan, &main)));
    }
    report("build, a line changed", "componentize-py alone", times);
    let nothing = || timed(bakery(folder).args(["build", "built.py"]));
    pairs("build, nothing to do", "the same again", SHORT, nothing, nothing);
}

/// componentize-py as the plan calls it, on files that the build has removed by now: it is given a program of the same size.
fn alone(plan: &serde_json::Value, main: &Path) -> Duration {
    let steps = plan["recipe"]["steps"].as_array().expect("a plan has steps");
    let run = steps.iter().find(|step| step["do"] == "run").expect("one runs componentize-py");
    let folder = PathBuf::from(run["folder"].as_str().expect("it has a folder"));
    let source = std::fs::read_to_string(main).expect("it was just written");
    let files = format!("ENTRY = 'built.py'\nSHOW_SOURCES = False\nFILES = {{'built.py': {source:?}}}\n");
    let wrapper = bakery::build::python::wrapper::shared("built");
    for (name, text) in wrapper {
        write(&folder.join(name), &text);
    }
    write(&folder.join("app/inferlet_files.py"), &files);
    let text = "from inferlet.bundle import Bundle\nfrom inferlet.entry import Program\nfrom inferlet_files import ENTRY, FILES\n\
                program = Program(Bundle(FILES), ENTRY)\nprogram.prepare()\n\nclass Run:\n    def run(self, input):\n        return program.run(input)\n";
    write(&folder.join("app/inferlet_program.py"), text);
    let words =
        run["arguments"].as_array().expect("it has arguments").iter().filter_map(|word| word.as_str());
    let mut command = Command::new(run["program"].as_str().expect("it has a program"));
    command.args(words).current_dir(&folder);
    for (name, value) in run["variables"].as_object().expect("it has variables") {
        command.env(name, value.as_str().unwrap_or_default());
    }
    timed(&mut command)
}

fn bakery(folder: &Path) -> Command {
    let mut bakery = Command::new(program("BAKERY"));
    bakery.current_dir(folder);
    bakery
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("it is in a folder");
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text)).expect("it can be written");
}
