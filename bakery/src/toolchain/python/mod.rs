//! What Python becomes a component with: componentize-py, in a folder of bakery's cache, run by a Python of the host's.
//!
//! The folder holds packages and no environment, so it does not care which Python runs it (3.10 or later), and a Python that is updated or gone only
//! has to be found again. [`requirements.txt`](REQUIREMENTS) pins each package to the bytes of its wheels; the folder is named after it, so bakeries
//! that pin something else have their own. [`host`] finds the Python, [`provided`] fetches one where there is none, and [`install`] fills the folder.
//!
//! Invariants as in [`super`]: nothing outside the cache is touched, the folder is complete or not there, two bakeries do not fill it at the same time.
//! What the user has set for a Python of their own (`PYTHONPATH`, `VIRTUAL_ENV`, settings of pip) reaches neither the installer nor componentize-py.

mod host;
mod install;
mod provided;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

pub use self::host::{Host, plain};
use self::install::Installer;
pub use self::provided::host;
use super::Network;
use super::lock::Lock;
use crate::build::Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};

/// The pinned packages.
pub const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The version of Python inside of the components.
pub const GUEST_VERSION: &str = "3.14";

/// Changes when an older folder can no longer be used.
const FORMAT: u32 = 1;

/// The file that describes a folder and makes it count.
const RECORD: &str = "toolchain.json";

/// What a folder that is still being made is called.
pub const UNFINISHED: &str = ".making-";

/// Starts componentize-py: its first argument is the folder of the packages, the others are its own.
const START: &str =
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from componentize_py import script; sys.exit(script())";

/// What components in Python are made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The host's Python that runs it.
    pub interpreter: PathBuf,
    /// The folder that all is in.
    pub folder: PathBuf,
    /// `componentize-py 0.25.1`
    pub version: String,
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// What componentize-py says of itself.
    version: String,
    /// The Python that was there when it was installed.
    interpreter: PathBuf,
}

impl Python {
    /// The program and the arguments that come before those of componentize-py.
    pub fn start(&self) -> (PathBuf, Vec<String>) {
        let packages = packages(&self.folder).to_string_lossy().into_owned();
        (self.interpreter.clone(), vec!["-I".into(), "-c".into(), START.into(), packages])
    }

    /// The environment that componentize-py is told to take packages from: one without any. Otherwise it looks for those of the user.
    pub fn empty_environment(&self) -> PathBuf {
        self.folder.join("nothing")
    }

    fn command(&self, env: &Environment, arguments: &[&str]) -> Command {
        let (program, first) = self.start();
        let mut command = plain(env, &program);
        command.args(first).args(arguments).env("VIRTUAL_ENV", self.empty_environment());
        command
    }
}

/// Finds or provides what components in Python are made with.
///
/// # Errors
/// There is no Python, or the packages cannot be installed.
pub fn provide(env: &Environment, network: Network, progress: &dyn Progress) -> Result<Python> {
    let cache = env.cache_dir()?;
    let place = place(&cache);
    if let Some(found) = open(env, &place) {
        return Ok(found);
    }
    let host = host(env, network, progress)?;
    if network == Network::Forbidden && !place.join(RECORD).exists() {
        return Err(Error::environment("what Python is built with is not here yet")
            .hint("run it once without `--offline`, so that it can be fetched"));
    }
    let parent = cache.join("toolchains/python");
    let _lock = Lock::take(&parent, "to provide what Python is built with", &env.interrupt, progress)?;
    if let Some(found) = open(env, &place) {
        return Ok(found);
    }
    remove_unfinished(&parent);
    make(env, &host, &parent, &place, progress)
}

/// What [`provide`] would use without providing anything.
pub fn find(env: &Environment) -> Option<Python> {
    open(env, &place(&env.cache_dir().ok()?))
}

/// The folder of the packages that this bakery pins.
fn place(cache: &Path) -> PathBuf {
    let digest = Digest::of_parts([&FORMAT.to_le_bytes(), REQUIREMENTS.as_bytes()]);
    cache.join("toolchains/python").join(digest.short())
}

fn packages(folder: &Path) -> PathBuf {
    folder.join("packages")
}

/// What is in a folder, if it is complete, with a Python that is there.
fn open(env: &Environment, folder: &Path) -> Option<Python> {
    let record: Record = serde_json::from_slice(&std::fs::read(folder.join(RECORD)).ok()?).ok()?;
    if record.format != FORMAT {
        return None;
    }
    let interpreter =
        if record.interpreter.is_file() { record.interpreter } else { provided::find(env).ok()?.interpreter };
    Some(Python { interpreter, folder: folder.to_owned(), version: record.version })
}

/// Removes what an ended bakery left behind. Called under the folder's lock, so nobody is at work in there.
pub fn remove_unfinished(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // If it stays, it only takes space.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn make(
    env: &Environment,
    host: &Host,
    parent: &Path,
    place: &Path,
    progress: &dyn Progress,
) -> Result<Python> {
    let started = env.clock.start();
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent).map_err(unwritable)?;
    let made = work.path().join("python");
    std::fs::create_dir_all(made.join("nothing/lib/site-packages")).map_err(unwritable)?;
    let requirements = work.path().join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS).map_err(unwritable)?;
    let installer = Installer::find(env, host, work.path(), progress)?;
    {
        let _task = progress.start("installing componentize-py", None, Unit::Items);
        installer.install_pinned(env, &requirements, &packages(&made))?;
    }
    let mut python =
        Python { interpreter: host.interpreter.clone(), folder: made.clone(), version: String::new() };
    let said = crate::process::output(python.command(env, &["--version"])).map_err(|error| {
        Error::environment("componentize-py does not run on this machine").caused_by(error)
    })?;
    said.trim().clone_into(&mut python.version);
    let record =
        Record { format: FORMAT, version: python.version.clone(), interpreter: host.interpreter.clone() };
    let text = serde_json::to_string_pretty(&record)
        .map_err(|error| Error::bug("a toolchain cannot be described").caused_by(error))?;
    std::fs::write(made.join(RECORD), text + "\n").map_err(unwritable)?;
    if place.exists() {
        // Not complete or not readable: `open` has just passed it over.
        std::fs::remove_dir_all(place).map_err(unwritable)?;
    }
    std::fs::rename(&made, place).map_err(unwritable)?;
    place.clone_into(&mut python.folder);
    progress.note(&format!("provided {} in {} s", python.version, started.elapsed().as_secs()));
    Ok(python)
}

/// The installer for other packages: those that a project depends on.
///
/// # Errors
/// There is no Python or no installer.
pub fn installer(
    env: &Environment,
    work: &Path,
    network: Network,
    progress: &dyn Progress,
) -> Result<Packages> {
    let host = host(env, network, progress)?;
    Ok(Packages(Installer::find(env, &host, work, progress)?))
}

/// Installs and locks packages: for the Python inside of components, but for those of [`Packages::install_for_host`].
pub struct Packages(Installer);

impl Packages {
    /// Whom it calls: `uv` or `pip`.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// See [`Installer::lock`].
    ///
    /// # Errors
    /// The packages do not fit together, or cannot be had.
    pub fn lock(&self, env: &Environment, requirements: &Path, lock: &Path, network: Network) -> Result<()> {
        self.0.lock(env, requirements, lock, network)
    }

    /// Installs packages for this machine, each pinned by hashes, into a folder.
    ///
    /// # Errors
    /// One cannot be had, or has other bytes.
    pub fn install_for_host(&self, env: &Environment, requirements: &Path, into: &Path) -> Result<()> {
        self.0.install_pinned(env, requirements, into)
    }

    /// Installs what a lock names into a folder.
    ///
    /// # Errors
    /// One cannot be had, has other bytes than the lock says, or is no wheel that every Python takes.
    pub fn install(&self, env: &Environment, lock: &Path, into: &Path, network: Network) -> Result<()> {
        self.0.install_for_guest(env, lock, into, network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn every_package_is_pinned_by_version_and_hash() {
        let lines: Vec<&str> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
        let packages: Vec<&&str> = lines.iter().filter(|line| !line.starts_with(' ')).collect();
        assert!(!packages.is_empty() && packages.iter().all(|line| line.contains("==")), "{packages:?}");
        let hashes = lines.iter().filter(|line| line.trim_start().starts_with("--hash=sha256:")).count();
        assert_eq!(hashes, lines.len() - packages.len());
        assert!(hashes >= packages.len());
    }

    #[test]
    fn a_folder_counts_once_its_record_is_written_and_its_python_may_move() {
        let dir = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", dir.path().as_os_str())], "/");
        assert_eq!(find(&env), None);
        let place = place(dir.path());
        std::fs::create_dir_all(&place).unwrap();
        assert_eq!(find(&env), None, "nothing is recorded yet");
        let interpreter = dir.path().join("python3");
        std::fs::write(&interpreter, "").unwrap();
        let record = Record { format: FORMAT, version: "componentize-py 1".into(), interpreter };
        std::fs::write(place.join(RECORD), serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(find(&env).unwrap().version, "componentize-py 1");
        std::fs::remove_file(&record.interpreter).unwrap();
        assert_eq!(find(&env), None, "there is no other Python in this world");
        let old = Record { format: FORMAT + 1, ..record };
        std::fs::write(place.join(RECORD), serde_json::to_string(&old).unwrap()).unwrap();
        assert_eq!(find(&env), None);
    }

    #[test]
    fn without_a_python_and_without_a_network_the_error_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", dir.path().as_os_str())], "/");
        let error = provide(&env, Network::Allowed, &Silent).unwrap_err();
        assert!(error.message.contains("no Python"), "{error}");
        assert!(error.hints.iter().any(|hint| hint.contains("uv")), "{:?}", error.hints);
    }
}
