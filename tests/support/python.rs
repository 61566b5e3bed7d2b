//! What Python needs to run and to be built, made once for all tests: it takes a minute, and half of it is compiling the interpreter.

#[cfg(unix)]
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Once, OnceLock};

use bakery::environment::{CACHE_DIR_VARIABLE, Environment};
use bakery::progress::Silent;
use bakery::toolchain::{self, Network};

use super::folder::Language;

/// The cache folder of all tests that run Python.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("python")
}

/// The surroundings of whoever runs the tests, with that cache.
pub fn environment() -> Environment {
    let env = Environment::read().expect("the process has surroundings");
    env.with_variable(CACHE_DIR_VARIABLE, cache())
}

/// The Python that bakery would use: the machine's, or one that is provided in that cache.
pub fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let host = toolchain::python::host(&environment(), Network::Allowed, &Silent);
        host.expect("there is a Python, or one can be provided").interpreter
    })
}

/// Every Python from 3.10 on that this machine has, one of each release: what bakery would use, what is in `PATH`, and those of pyenv.
#[cfg(unix)]
pub fn interpreters() -> Vec<PathBuf> {
    by_release().into_values().collect()
}

/// The same by the number behind `3.`.
#[cfg(unix)]
fn by_release() -> BTreeMap<u32, PathBuf> {
    const QUESTION: &str = "import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)";
    let named = |folder: PathBuf| (10..=14).map(move |minor| folder.join(format!("python3.{minor}")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).flat_map(named);
    let home = std::env::home_dir().unwrap_or_default().join(".pyenv/versions");
    let versions = home.read_dir().into_iter().flatten().flatten();
    let of_pyenv = versions.map(|version| version.path().join("bin")).flat_map(named);
    let mut found = BTreeMap::new();
    for program in std::iter::once(interpreter().to_owned()).chain(in_path).chain(of_pyenv) {
        let Ok(output) = Command::new(&program).args(["-I", "-c", QUESTION]).output() else { continue };
        if let Ok(minor @ 10..) = String::from_utf8_lossy(&output.stdout).trim().parse() {
            found.entry(minor).or_insert(program);
        }
    }
    found
}

/// The Python that bakery would use if it is none after this release, and else the latest other one that this machine has: some programs come for some releases only.
#[cfg(unix)]
pub fn interpreter_up_to(minor: u32) -> PathBuf {
    let found = by_release();
    let suits = found.range(..=minor);
    let bakerys = suits.clone().find(|(_, program)| program.as_path() == interpreter());
    let Some((_, program)) = bakerys.or(suits.max()) else {
        panic!(
            "this test needs a Python from 3.10 to 3.{minor} in `PATH` or of pyenv, and this machine has {found:?}"
        );
    };
    program.clone()
}

/// `bakery` with that cache, and with the tools of whoever runs the tests.
pub fn bakery() -> Command {
    let program =
        std::env::var_os("BAKERY_TEST_RELEASE").unwrap_or_else(|| env!("CARGO_BIN_EXE_bakery").into());
    let mut command = Command::new(program);
    command.env("BAKERY_CACHE_DIR", cache());
    command
}

/// What a file of requirements pins, installed once below the target folder by what bakery installs packages with.
pub fn installed(name: &str, pinned: &Path) -> PathBuf {
    install(name, pinned, &environment())
}

/// The same for a Python that need not be the one that bakery would use.
#[cfg(unix)]
pub fn installed_for(interpreter: &Path, name: &str, pinned: &Path) -> PathBuf {
    let env = environment();
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    std::os::unix::fs::symlink(interpreter, folder.path().join("python3")).expect("the folder is new");
    let path = env.variable("PATH").unwrap_or_default().to_owned();
    let folders = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("they were in `PATH`");
    install(name, pinned, &env.with_variable("PATH", path))
}

fn install(name: &str, pinned: &Path, env: &Environment) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let wanted = std::fs::read(pinned).expect("the requirements are part of the repository");
    let done = home.join("installed-requirements.txt");
    if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
        if home.exists() {
            std::fs::remove_dir_all(&home).expect("the target folder can be written");
        }
        let work = tempfile::tempdir().expect("the machine has a folder for temporary files");
        toolchain::python::installer(env, work.path(), Network::Allowed, &Silent)
            .expect("there is something that installs packages")
            .install_for_host(env, pinned, &home)
            .unwrap_or_else(|error| panic!("`{name}` can be installed: {error}"));
        std::fs::write(&done, wanted).expect("the target folder can be written");
    }
    home
}

/// Provides the runtime, so that later runs need nothing of the machine. Tests that run side by side wait for each other.
pub fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let program = folder.path().join("ready.py");
        std::fs::write(&program, "async def main(): pass\n").expect("the folder is new");
        let output =
            bakery().arg("run").arg(&program).stdin(Stdio::null()).output().expect("bakery is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// Python, for [`Folder`](super::folder::Folder).
pub struct Python;

impl Language for Python {
    fn cache() -> PathBuf {
        cache()
    }

    fn bakery() -> Command {
        bakery()
    }

    fn prepare() {
        prepare();
    }
}
