//! The Python of Debian's packages with pip, in bakery's cache: for machines that have none, or one that cannot install packages.
//!
//! An interpreter finds its library beside itself, so the unpacked folder works where it lies and looks at nothing of the system's Python. `bin/python3` is a
//! script that adds the packages' shared libraries, for this program only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::apt::Apt;
use super::packages::{self, PYTHON, Package};
use super::sources::Source;
use super::sysroot::{make_executable, unpack, unreadable, unwritable, wrapper};
use super::{Fetching, NEEDED, UNFINISHED, archive_of, check_programs, complete, remove_unfinished};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;
use crate::progress::Progress;
use crate::toolchain::Attempt;
use crate::toolchain::lock::Lock;

/// Changes when an older folder can no longer be used.
const FORMAT: u32 = 1;

/// The oldest that will do.
const MINIMUM: semver::Version = semver::Version::new(3, 10, 0);

/// What is not unpacked: of `usr/share` only the wheel of pip is needed.
const NOT_UNPACKED: [&str; 1] = ["./usr/share/[!p]*"];

/// Where the distribution keeps the wheel of pip, and where the unpacked Python looks for packages.
const WHEELS: &str = "usr/share/python-wheels";
const PACKAGES: &str = "usr/lib/python3/dist-packages";

fn folder(cache: &Path) -> PathBuf {
    cache.join("toolchains/debian-python")
}

fn place(cache: &Path) -> PathBuf {
    folder(cache).join(FORMAT.to_string())
}

/// The Python that [`provide`] makes.
pub fn program(cache: &Path) -> PathBuf {
    place(cache).join("bin/python3")
}

/// Provides the Python in `cache`, unless another bakery has done so by the time it is this one's turn. `ask` finds out whether it works.
///
/// # Errors
/// This is not Debian, or something of the way fails: there is no network, no new enough Python, no space.
pub fn provide<T>(
    env: &Environment,
    cache: &Path,
    ask: &dyn Fn(&Path) -> Result<T>,
    progress: &dyn Progress,
) -> Attempt<T> {
    let archive = archive_of(Path::new("/"))?;
    check_programs(env, NEEDED.iter())?;
    let _lock = Lock::take(&folder(cache), "to provide Python", &env.interrupt, progress)?;
    let program = program(cache);
    if program.is_file()
        && let Ok(found) = ask(&program)
    {
        return Ok(found);
    }
    remove_unfinished(&folder(cache));
    make(env, &archive, cache, ask, progress)?;
    Ok(ask(&program)?)
}

fn make<T>(
    env: &Environment,
    archive: &[Source],
    cache: &Path,
    ask: &dyn Fn(&Path) -> Result<T>,
    progress: &dyn Progress,
) -> Result<()> {
    let started = env.clock.start();
    let parent = folder(cache);
    let broken = |error| unwritable(&parent, error);
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&parent).map_err(broken)?;
    let (made, debs) = (work.path().join("python"), work.path().join("packages"));
    for folder in [&made, &debs] {
        std::fs::create_dir(folder).map_err(broken)?;
    }
    let fetching = Fetching { what: "Python", choose: &choose };
    let packages = fetching.fetch(env, archive, work.path(), &debs, progress)?;
    unpack(env, &debs, &made, &NOT_UNPACKED, progress)?;
    let program = write_wrapper(&made)?;
    add_pip(env, &program, &made)?;
    ask(&program).map_err(|error| {
        Error::environment("the Python of the packages does not run on this machine").caused_by(error)
    })?;
    let place = place(cache);
    if place.exists() {
        // It no longer works: `provide` has just passed it over.
        std::fs::remove_dir_all(&place).map_err(broken)?;
    }
    std::fs::rename(&made, &place).map_err(broken)?;
    let version = packages.iter().find(|package| package.name == PYTHON[0]).and_then(Package::upstream);
    let version = version.map(|version| version.to_string()).unwrap_or_default();
    progress.note(&format!("provided Python {version} in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// The packages of the Python and all they need.
fn choose(apt: &Apt, installed: &BTreeSet<String>) -> Result<Vec<Package>> {
    let known = apt.show(&PYTHON.map(str::to_owned).into())?;
    let chosen: BTreeMap<String, Package> =
        known.into_iter().map(|package| (package.name.clone(), package)).collect();
    let version = chosen.get(PYTHON[0]).and_then(Package::upstream);
    if chosen.len() < PYTHON.len() || version.is_none_or(|version| version < MINIMUM) {
        let [python, pip] = PYTHON;
        return Err(Error::environment(format!("no `{python}` of at least {MINIMUM} with `{pip}`")));
    }
    complete(apt, chosen, BTreeSet::new(), &|chosen| packages::missing_for_python(chosen, installed))
}

/// Writes `bin/python3` and returns it.
fn write_wrapper(python: &Path) -> Result<PathBuf> {
    let name = interpreter(&names(&python.join("usr/bin"))?)
        .ok_or_else(|| Error::environment(format!("no Python in `{}`", python.display())))?;
    // A link to the settings of the system's Python.
    let foreign = python.join("usr/lib").join(&name).join("sitecustomize.py");
    if foreign.is_symlink() {
        std::fs::remove_file(&foreign).map_err(|error| unwritable(&foreign, error))?;
    }
    let program = python.join("bin/python3");
    std::fs::create_dir_all(python.join("bin")).map_err(|error| unwritable(python, error))?;
    std::fs::write(&program, wrapper(&name, &libraries(python)))
        .map_err(|error| unwritable(&program, error))?;
    make_executable(&program)?;
    Ok(program)
}

/// `python3.11` among the names of programs.
fn interpreter(names: &[String]) -> Option<String> {
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    names.iter().find(|name| name.strip_prefix("python3.").is_some_and(is_number)).cloned()
}

/// The folders with shared libraries, relative to the Python: `usr/lib/x86_64-linux-gnu`, and the same without `usr` in releases that have both.
fn libraries(python: &Path) -> Vec<String> {
    let has_libraries = |folder: &str| {
        let names = names(&python.join(folder)).unwrap_or_default();
        names.iter().any(|name| name.starts_with("lib") && name.contains(".so"))
    };
    let below = |base: &str| {
        let names = names(&python.join(base)).unwrap_or_default();
        names.into_iter().map(|name| format!("{base}/{name}")).collect::<Vec<_>>()
    };
    let mut found: Vec<String> = ["usr/lib", "lib"].into_iter().flat_map(below).collect();
    found.retain(|folder| has_libraries(folder));
    if found.is_empty() {
        // All are the system's. A path without a name would mean the current folder.
        found.push("usr/lib".to_owned());
    }
    found
}

/// Puts pip where the Python finds it, and removes what is then not needed.
fn add_pip(env: &Environment, program: &Path, python: &Path) -> Result<()> {
    let wheels = python.join(WHEELS);
    let wheel = names(&wheels)?.into_iter().find(|name| name.starts_with("pip-") && name.ends_with(".whl"));
    let wheel = wheel.ok_or_else(|| Error::environment(format!("no pip in `{}`", wheels.display())))?;
    let mut command = env.command(program);
    command.args(["-I", "-m", "zipfile", "-e"]).arg(wheels.join(wheel)).arg(python.join(PACKAGES));
    process::output(command)?;
    let share = python.join("usr/share");
    std::fs::remove_dir_all(&share).map_err(|error| unwritable(&share, error))
}

/// The names in a folder, in their order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = folder.read_dir().map_err(|error| unreadable(folder, error))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_is_found_whatever_its_version() {
        let names = |names: &[&str]| interpreter(&names.iter().map(|&name| name.into()).collect::<Vec<_>>());
        assert_eq!(
            names(&["pydoc3.14", "python3", "python3.14", "python3.14-config"]).unwrap(),
            "python3.14"
        );
        assert_eq!(names(&["python3", "python3.", "python3-config", "pygettext3.11"]), None);
    }

    #[test]
    fn folders_with_shared_libraries_are_found_in_both_places() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(libraries(dir.path()), ["usr/lib"], "none of them is needed");
        for file in
            ["usr/lib/arch/libssl.so.3", "lib/arch/libexpat.so.1", "usr/lib/python3.11/os.py", "lib/x/y.conf"]
        {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(libraries(dir.path()), ["usr/lib/arch", "lib/arch"]);
    }
}
