//! Whole commands against the least that the same work takes without bakery, alternating, so that both meet the same noise.
//!
//! The script `tests/bench/run` provides the release of bakery and the peer. Ratios are medians over pairs. Nothing here passes or fails:
//! the numbers are for people.

#[path = "measure.rs"]
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;

use measure::{pairs, program, report, timed};

use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::toolchain::{self, Network, TARGET, Toolchain};

/// Pairs of commands that take milliseconds.
const SHORT: usize = 101;
/// Pairs of commands that compile WebAssembly.
const MIDDLE: usize = 21;
/// Pairs of commands that compile Rust.
const LONG: usize = 11;

fn main() {
    let bench = Bench::new();
    bench.runs();
    bench.builds();
}

/// The programs, and a folder in which they work.
struct Bench {
    bakery: PathBuf,
    wasmtime: PathBuf,
    toolchain: Toolchain,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let env = Environment::read().expect("the process has surroundings");
        let toolchain = toolchain::rust(&env, &repository(), Network::Allowed, &Silent)
            .expect("there is a compiler for guests");
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        Bench { bakery: program("BAKERY"), wasmtime: program("WASMTIME"), toolchain, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a component that is built, with and without its machine code at hand.
    fn runs(&self) {
        let (hello, peer, code) = (self.path("hello.wasm"), self.plain_command(), self.path("peer.cwasm"));
        let project = repository().join("examples/hello-rust");
        done(self.bakery("build").arg(&project).arg("-o").arg(&hello));
        done(self.wasmtime("compile").arg(&peer).arg("-o").arg(&code));
        println!("component of `hello-rust`: {} bytes; of its peer: {} bytes", size(&hello), size(&peer));

        let run = |target: &Path| timed(self.bakery("run").arg(target).args(["--", "--name", "Ada"]));
        let precompiled =
            || timed(self.wasmtime("run").args(["--allow-precompiled"]).arg(&code).arg(r#"{"name":"Ada"}"#));
        pairs("run, component, code cached", "wasmtime run, precompiled", SHORT, || run(&hello), precompiled);
        pairs("run, project, code cached", "wasmtime run, precompiled", SHORT, || run(&project), precompiled);
        let first = || {
            let cache = tempfile::tempdir().expect("there is room for a cache");
            let run = &mut self.bakery("run");
            timed(run.arg(&hello).args(["--", "--name", "Ada"]).env("BAKERY_CACHE_DIR", cache.path()))
        };
        let compiling = || timed(self.wasmtime("run").arg(&peer).arg(r#"{"name":"Ada"}"#));
        pairs("run, component, no code", "wasmtime run, compiling", MIDDLE, first, compiling);
    }

    /// Builds a project with nothing to do, and with one line changed.
    fn builds(&self) {
        let (ours, plain) = (self.path("ours"), self.path("plain"));
        for name in ["ours", "plain"] {
            done(self.bakery("new").arg(name).args(["--template", "rust-hello"]));
            done(self.bakery("build").arg(self.path(name)));
        }
        done(&mut self.cargo(&plain));
        let nothing = || timed(self.bakery("build").arg(&ours));
        let nothing_plain = || timed(&mut self.cargo(&plain));
        pairs("build, nothing to do", "cargo build, nothing to do", SHORT, nothing, nothing_plain);
        let source = std::fs::read_to_string(ours.join("src/lib.rs")).expect("the template has it");
        let mut line = 0;
        let mut change = |project: &Path| {
            line += 1;
            let changed = format!("{source}pub const LINE: u32 = {line};\n");
            std::fs::write(project.join("src/lib.rs"), changed).expect("it can be written");
        };
        let mut times = Vec::new();
        for _ in 0..LONG {
            change(&ours);
            let ours = timed(self.bakery("build").arg(&ours));
            change(&plain);
            times.push((ours, timed(&mut self.cargo(&plain))));
        }
        report("build, a line changed", "cargo build, a line changed", times);
    }

    fn bakery(&self, command: &str) -> Command {
        let mut bakery = Command::new(&self.bakery);
        bakery.arg(command).current_dir(self.folder.path());
        bakery
    }

    fn wasmtime(&self, command: &str) -> Command {
        let mut wasmtime = Command::new(&self.wasmtime);
        wasmtime.arg(command);
        wasmtime
    }

    /// What `bakery build` asks of cargo.
    fn cargo(&self, project: &Path) -> Command {
        let mut cargo = Command::new(&self.toolchain.cargo);
        cargo.args(["build", "--release", "--target", TARGET]).current_dir(project);
        if let Some(rustc) = &self.toolchain.rustc {
            cargo.env("RUSTC", rustc);
        }
        cargo
    }

    fn plain_command(&self) -> PathBuf {
        let target = self.path("target");
        let guests = repository().join("tests/guests");
        done(self.cargo(&guests).args(["-p", "plain-command", "--target-dir"]).arg(&target));
        target.join(TARGET).join("release/plain-command.wasm")
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).expect("it was just built").len()
}

/// Runs a command that has to succeed.
fn done(command: &mut Command) {
    timed(command);
}
