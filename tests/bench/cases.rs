//! What `bakery test` costs: a thousand cases of one inferlet, against the runs that they consist of.
//!
//! The component is that of `examples/hello-rust`, the model the dummy. A thousand cases are one test with a thousand seeds, each with a snapshot of its output; they
//! are accepted first. What a case costs besides its run is the time of the command, less what it takes to start, less the runs alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pie_engine::trace::Discard;
use pie_engine::{Engine, EngineConfig, Launch};

/// Cases of the test.
const CASES: u32 = 1000;
/// How often each thing is measured; medians are printed.
const TIMES: usize = 11;

fn main() {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let component = folder.path().join("hello.wasm");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello-rust");
    done(bakery().arg("build").arg(&example).arg("-o").arg(&component));
    let project = project(folder.path(), &example);
    let test = |arguments: &[&str]| {
        let mut command = bakery();
        command.arg("test").arg(&project).arg("--component").arg(&component).args(arguments);
        command
    };
    done(&mut test(&["--update", "all"]));
    let start = median(|| timed(&mut test(&["greets[seed=0]"])));
    println!("one case: {start:.2?}");
    let run = runs(&component);
    println!("one run of the engine by itself: {run:.2?}");
    for jobs in ["1", "2"] {
        let all = median(|| timed(&mut test(&["--jobs", jobs])));
        let parallel: u32 = jobs.parse().expect("a number");
        let each = all.saturating_sub(start) * parallel / CASES;
        let overhead = each.saturating_sub(run);
        println!(
            "{CASES} cases, --jobs {jobs}: {all:.2?}; {each:.2?} of a processor each, {overhead:.2?} besides the run"
        );
    }
}

/// A project whose one test is a thousand cases.
fn project(folder: &Path, example: &Path) -> PathBuf {
    let manifest = std::fs::read_to_string(example.join("Pie.toml")).expect("the example has a manifest");
    let head = manifest.split("[[test]]").next().expect("it has a beginning");
    let seeds: Vec<String> = (0..CASES).map(|seed| seed.to_string()).collect();
    let test = format!(
        "[build]\nlanguage = \"rust\"\n\n[[test]]\nname = \"greets\"\nsnapshot = [\"output\"]\nmatrix.seeds = [{}]\n",
        seeds.join(", ")
    );
    let project = folder.join("hello");
    std::fs::create_dir(&project).expect("the folder is new");
    std::fs::write(project.join("Pie.toml"), format!("{head}{test}")).expect("there is room");
    project
}

/// What one run takes, of a thousand on one engine, with nobody who listens.
fn runs(component: &Path) -> Duration {
    let engine = Engine::new(EngineConfig::dummy()).expect("the dummy runs everywhere");
    let bytes = std::fs::read(component).expect("it was built");
    let inferlet = engine.compile(&bytes).expect("it is an inferlet");
    let all = median(|| {
        let started = Instant::now();
        for seed in 0..CASES {
            let launch = Launch::new(r#"{"name":"World"}"#).seed(seed.into());
            engine.run(&inferlet, launch, Box::new(Discard));
        }
        started.elapsed()
    });
    all / CASES
}

fn bakery() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakery"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn done(command: &mut Command) {
    let status = command.status().expect("bakery is there");
    assert!(status.success(), "{command:?}: {status}");
}

fn timed(command: &mut Command) -> Duration {
    let started = Instant::now();
    done(command);
    started.elapsed()
}

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..TIMES).map(|_| measure()).collect();
    times.sort();
    times[TIMES / 2]
}
