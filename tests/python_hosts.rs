//! What bakery asks of the machine for Python: any release of it from 3.10 on, and uv where it is. Every Python that this machine has is tried.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::toolchain::{self, Network};

use crate::support::folder::text;
use crate::support::python;

/// A folder of programs, a cache that has the runtime and nothing that was installed, and a project that depends on a package.
struct Machine(tempfile::TempDir);

const PROJECT: &str =
    "[project]\nname = \"user\"\nversion = \"0.1.0\"\ndependencies = [\"iniconfig==2.1.0\"]\n";
const PROGRAM: &str = "import iniconfig\nfrom importlib.metadata import version\n\n\
                       async def main() -> list[str]:\n    return [iniconfig.IniConfig('x', '[a]\\nb=1')['a']['b'], version('iniconfig')]\n";

impl Machine {
    /// One with these programs, by the names that they are called by.
    fn with(programs: &[(&str, &Path)]) -> Machine {
        python::prepare();
        let machine = Machine(tempfile::tempdir().expect("the machine has a folder for temporary files"));
        for folder in ["bin", "cache", "project", "home"] {
            std::fs::create_dir(machine.path(folder)).expect("the folder is new");
        }
        for (name, program) in programs {
            symlink(program, machine.path("bin").join(name)).expect("the folder is new");
        }
        for part in ["languages", "code"] {
            let made = python::cache().join(part);
            symlink(made, machine.path("cache").join(part)).expect("the folder is new");
        }
        std::fs::write(machine.path("project/pyproject.toml"), PROJECT).expect("the folder is new");
        std::fs::write(machine.path("project/main.py"), PROGRAM).expect("the folder is new");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the toolchain of bakery is installed with there.
    fn environment(&self) -> Environment {
        let env = Environment::read().expect("the process has surroundings");
        env.with_variable("BAKERY_CACHE_DIR", self.path("cache")).with_variable("PATH", self.path("bin"))
    }

    /// Installs the toolchain, builds the project, and runs what was built. Gives the lock.
    fn builds(&self) -> String {
        let toolchain = toolchain::python::provide(&self.environment(), Network::Allowed, &Silent);
        let toolchain = toolchain.unwrap_or_else(|error| panic!("{error}: {:?}", error.source));
        assert!(toolchain.version.starts_with("componentize-py "), "{}", toolchain.version);
        for (arguments, expected) in
            [(&["build", ".", "-o", "user.wasm"][..], ""), (&["run", "user.wasm"], "[\"1\",\"2.1.0\"]\n")]
        {
            let mut command = python::bakery();
            command.env("BAKERY_CACHE_DIR", self.path("cache")).env("PATH", self.path("bin"));
            command.env("HOME", self.path("home")).current_dir(self.path("project")).args(arguments);
            let output = command.stdin(Stdio::null()).output().expect("bakery is there");
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(text(&output.stdout).ends_with(expected), "{}", text(&output.stdout));
        }
        std::fs::read_to_string(self.path("project/bakery.lock")).expect("a build locks what it bundles")
    }
}

#[test]
fn the_sdk_passes_its_own_tests_on_every_python_from_3_10_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python");
    for interpreter in python::interpreters() {
        let mut command = Command::new(&interpreter);
        command.args(["-m", "unittest", "-q"]).current_dir(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.stdin(Stdio::null()).output().expect("it has run before");
        let stderr = text(&output.stderr);
        let passed = output.status.success() && !stderr.contains("Ran 0 tests");
        assert!(passed, "{}: {stderr}", interpreter.display());
    }
}

#[test]
fn every_python_from_3_10_on_installs_the_toolchain_and_what_a_project_depends_on() {
    let interpreters = python::interpreters();
    let locks: Vec<String> =
        interpreters.iter().map(|interpreter| Machine::with(&[("python3", interpreter)]).builds()).collect();
    assert!(locks.iter().all(|lock| *lock == locks[0] && lock.contains("iniconfig==2.1.0 ")), "{locks:?}");
}

#[test]
fn uv_installs_where_it_is_and_locks_the_same() {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/uv-requirements.txt");
    let uv = python::installed("uv", &pinned).join("bin/uv");
    let with_pip = Machine::with(&[("python3", python::interpreter())]).builds();
    let machine = Machine::with(&[("python3", python::interpreter()), ("uv", &uv)]);
    let work = machine.path("home");
    let installer = toolchain::python::installer(&machine.environment(), &work, Network::Allowed, &Silent);
    assert_eq!(installer.expect("there is one").name(), "uv");
    let with_uv = machine.builds();
    // uv locks the source of a package beside its wheel.
    let hashes = |lock: &str| lock.matches("--hash=sha256:").count();
    assert_eq!((hashes(&with_pip), hashes(&with_uv)), (1, 2));
    for part in with_pip.split_whitespace().filter(|part| *part != "\\") {
        assert!(with_uv.contains(part), "`{part}` of\n{with_pip}\nis not in\n{with_uv}");
    }
}
