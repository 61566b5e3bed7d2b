//! Packages that a project depends on: chosen and locked by uv or pip, installed for the Python inside of components, bundled with the program.
//!
//! The lock is `bakery.lock` beside `pyproject.toml`: requirements as pip reads them, each with its version and hashes, under a line that says which
//! `dependencies` they were chosen for. What is installed is kept in the cache under a digest of the lock, so a lock is installed once on a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::build::Digest;
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};
use crate::project::Project;
use crate::project::python::pyproject::{self, PyProject, requirement_name};
use crate::toolchain::Network;
use crate::toolchain::lock::Lock;
use crate::toolchain::python::{self, GUEST_VERSION};

/// The lock's file name.
pub const LOCK: &str = "bakery.lock";

/// What the line begins with that says what was locked.
const HEAD: &str = "# Made by bakery; do not edit. For dependencies ";

/// The installed packages change when this does.
const FORMAT: u32 = 1;

/// The files that say what a package is, in the folder that describes it.
const DESCRIPTIONS: [&str; 2] = ["METADATA", "entry_points.txt"];

/// What a compiled module's file ends in.
const NATIVE: [&str; 3] = [".so", ".pyd", ".dylib"];

/// Packages with compiled code that people ask for, and what does without.
const ALTERNATIVES: [(&str, &str); 19] = [
    ("numpy", "lists, `array`, `math` and `statistics` of Python's own library do without"),
    ("pandas", "`csv` and dictionaries of Python's own library do without"),
    ("scipy", "`math` and `statistics` of Python's own library do without"),
    ("pydantic-core", "pydantic 1 is pure Python: `pydantic<2`"),
    ("pydantic", "pydantic 1 is pure Python: `pydantic<2`"),
    ("orjson", "`json` of Python's own library does without"),
    ("ujson", "`json` of Python's own library does without"),
    ("msgspec", "`json` and `dataclasses` of Python's own library do without"),
    ("markupsafe", "`html.escape` of Python's own library does without"),
    ("jinja2", "it needs markupsafe, which is compiled; `string.Template`, or chevron, does without"),
    ("lxml", "`xml.etree` and `html.parser` of Python's own library do without"),
    ("pyyaml", "`json` and `tomllib` of Python's own library do without; ruamel.yaml is pure Python"),
    ("regex", "`re` of Python's own library does without"),
    ("cryptography", "`hashlib`, `hmac` and `secrets` of Python's own library do without"),
    ("aiohttp", "inferlets have no sockets"),
    ("tiktoken", "the model has its tokenizer: `model.tokenizer()`"),
    ("tokenizers", "the model has its tokenizer: `model.tokenizer()`"),
    ("torch", "the model runs in the engine: `Context.generate`"),
    ("pillow", "there is none in pure Python"),
];

/// The packages of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// The folder that they are in; `None` if there are none.
    pub folder: Option<PathBuf>,
    /// The text of the lock.
    pub lock: Option<String>,
}

/// How packages are provided.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Whether the lock must stay as it is.
    pub locked: bool,
    /// Whether something may be fetched.
    pub network: Network,
}

/// Locks and installs what a project depends on, as far as that is not done.
///
/// # Errors
/// The packages cannot be had, do not fit together or hold compiled code; or the lock would have to change and must not.
pub fn provide(project: &Project, how: How, env: &Environment, progress: &dyn Progress) -> Result<Packages> {
    let wanted = wanted(project)?;
    if wanted.is_empty() {
        return Ok(Packages::default());
    }
    let cache = env.cache_dir()?;
    let path = project.root.join(LOCK);
    let digest = Digest::of_parts(&wanted);
    let lock = match current(&path, &digest) {
        Some(lock) => lock,
        None if how.locked => {
            return Err(Error::usage(format!(
                "`{LOCK}` does not fit the dependencies of `pyproject.toml`, and must not change"
            ))
            .hint("run it once without `--locked`"));
        }
        None => lock(&wanted, &digest, &path, how, env, progress)?,
    };
    let folder = install(&lock, &cache, how, env, progress)?;
    Ok(Packages { folder: Some(folder), lock: Some(lock) })
}

/// What a project depends on besides the SDK.
///
/// # Errors
/// `pyproject.toml` has a mistake.
pub fn wanted(project: &Project) -> Result<Vec<String>> {
    let read = match project.file {
        Some(_) => None,
        None => PyProject::read(&project.root, Path::new(pyproject::FILE))?,
    };
    Ok(read.map(|read| pyproject::foreign(&read.dependencies)).unwrap_or_default())
}

impl Packages {
    /// All files of the packages, by the names they are imported by.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        if let Some(folder) = &self.folder {
            for path in files_below(folder)? {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                let name = name.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
                let bytes = fs::read(&path).map_err(|error| {
                    Error::environment(format!("cannot read `{}`", path.display())).caused_by(error)
                })?;
                files.insert(name, bytes);
            }
        }
        Ok(files)
    }
}

/// The lock, if it is of these dependencies.
fn current(path: &Path, digest: &Digest) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().any(|line| line.strip_prefix(HEAD) == Some(digest.short())).then_some(text)
}

fn lock(
    wanted: &[String],
    digest: &Digest,
    path: &Path,
    how: How,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<String> {
    let work = work_folder(&env.cache_dir()?)?;
    let installer = python::installer(env, work.path(), how.network, progress)?;
    let (requirements, made) = (work.path().join("requirements.in"), work.path().join("lock.txt"));
    write_atomically(&requirements, (wanted.join("\n") + "\n").as_bytes())?;
    let _task = progress.start("choosing versions of dependencies", None, Unit::Items);
    installer.lock(env, &requirements, &made, how.network).map_err(|error| refused(error, wanted))?;
    let lock = fs::read_to_string(&made)
        .map_err(|error| Error::environment("the installer has written no lock").caused_by(error))?;
    let text = format!("{HEAD}{}\n{}", digest.short(), without_comments(&lock));
    write_atomically(path, text.as_bytes())?;
    Ok(text)
}

/// uv and pip say in comments how they were called, which has paths of this machine in it.
fn without_comments(lock: &str) -> String {
    lock.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line}\n")).collect()
}

fn work_folder(cache: &Path) -> Result<tempfile::TempDir> {
    let parent = cache.join("packages");
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    fs::create_dir_all(&parent).map_err(unwritable)?;
    tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(unwritable)
}

/// The folder with what a lock names.
fn install(
    lock: &str,
    cache: &Path,
    how: How,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let parts = [&FORMAT.to_le_bytes(), GUEST_VERSION.as_bytes(), without_comments(lock).as_bytes()]
        .map(<[u8]>::to_vec);
    let parent = cache.join("packages");
    let place = parent.join(Digest::of_parts(parts).short());
    if place.is_dir() {
        return Ok(place);
    }
    let _lock = Lock::take(&parent, "to install packages", &env.interrupt, progress)?;
    if place.is_dir() {
        return Ok(place);
    }
    let work = work_folder(cache)?;
    let installer = python::installer(env, work.path(), how.network, progress)?;
    let (list, made) = (work.path().join("lock.txt"), work.path().join("installed"));
    write_atomically(&list, lock.as_bytes())?;
    {
        let _task = progress.start("installing dependencies", None, Unit::Items);
        installer.install(env, &list, &made, how.network).map_err(|error| {
            let named: Vec<String> =
                lock.lines().filter(|line| line.contains("==")).map(str::to_owned).collect();
            refused(error, &named)
        })?;
    }
    check_pure(&made)?;
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    fs::rename(&made, &place).map_err(unwritable)?;
    Ok(place)
}

/// Refuses packages with compiled code.
fn check_pure(folder: &Path) -> Result<()> {
    let native = files_below(folder)?.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        NATIVE.iter().any(|end| name.ends_with(end))
    });
    let Some(native) = native else { return Ok(()) };
    let inside = native.strip_prefix(folder).unwrap_or(&native);
    let top = inside.iter().next().unwrap_or_default().to_string_lossy().into_owned();
    let package = owner(folder, inside).unwrap_or(top);
    Err(compiled(&package, &package, &format!("it holds compiled code, such as `{}`", inside.display())))
}

/// The package that has installed a file, as its record says.
fn owner(folder: &Path, file: &Path) -> Option<String> {
    let file = file.to_string_lossy().replace('\\', "/");
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (package, _version) = name.strip_suffix(".dist-info")?.split_once('-')?;
        let record = fs::read_to_string(entry.path().join("RECORD")).ok()?;
        record.lines().any(|line| line.starts_with(&file)).then(|| requirement_name(package))
    })
}

/// Words of pip and uv for a package without a wheel that fits.
const NO_WHEELS: [&str; 6] = [
    "no matching distribution",
    "no wheels",
    "wheels with a matching",
    "usable wheels",
    "only-binary",
    "no-build",
];

/// Lines of an installer's that are shown: it may say one for each version there is.
const SHOWN_LINES: usize = 3;

/// An error of the installer's: most often there is no wheel of pure Python, and then which package it is and what does without is said.
fn refused(error: Error, wanted: &[String]) -> Error {
    let text = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
    let said = text.to_ascii_lowercase();
    let words = said.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let named: BTreeSet<String> = words.map(requirement_name).collect();
    let known = || ALTERNATIVES.iter().map(|(name, _)| *name).filter(|name| named.contains(*name));
    // pip calls it a conflict if all versions need something that there is no wheel of.
    let needed = known().find(|name| said.contains(&format!("depends on {name}")));
    let is_conflict = needed.is_some() && said.contains("conflict");
    if !is_conflict && !NO_WHEELS.iter().any(|words| said.contains(words)) {
        return error;
    }
    let asked = wanted.iter().map(|text| requirement_name(text)).find(|name| named.contains(name));
    let Some(culprit) = needed.or_else(|| known().next()).map(str::to_owned).or_else(|| asked.clone()) else {
        return error;
    };
    let package = asked.unwrap_or_else(|| culprit.clone());
    let mut why = match package == culprit {
        true => "there is no wheel of it that is pure Python".to_owned(),
        false => format!("it needs `{culprit}`, of which there is no wheel that is pure Python"),
    };
    let about = |line: &&str| line.to_ascii_lowercase().contains(&culprit);
    for line in text.lines().filter(about).take(SHOWN_LINES) {
        why += "\n";
        why += line.trim();
    }
    compiled(&package, &culprit, &why)
}

/// The error of a package that has compiled code, or needs a culprit that has.
fn compiled(package: &str, culprit: &str, why: &str) -> Error {
    let error = Error::usage(format!("`{package}` cannot be part of an inferlet")).caused_by(why.to_owned());
    match ALTERNATIVES.iter().find(|(name, _)| *name == package || *name == culprit) {
        Some((_, instead)) => error.hint(*instead),
        None => error.hint("inferlets take packages of pure Python, whose wheels end in `-none-any.whl`"),
    }
}

/// All files below a folder; of those that describe packages, the ones that programs ask for.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable =
            |error| Error::environment(format!("cannot read `{}`", folder.display())).caused_by(error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_other = name == "__pycache__" || name == "bin" || name.starts_with('.');
            if name.ends_with(".dist-info") {
                // What `importlib.metadata` reads.
                files.extend(
                    DESCRIPTIONS.map(|name| path.join(name)).into_iter().filter(|path| path.is_file()),
                );
            } else if path.is_dir() && !is_other {
                folders.push(path);
            } else if path.is_file() && !name.starts_with('.') {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_counts_for_the_dependencies_it_was_made_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK);
        let digest = Digest::of(b"attrs");
        fs::write(&path, format!("{HEAD}{}\nattrs==1\n", digest.short())).unwrap();
        assert!(current(&path, &digest).is_some());
        assert_eq!(current(&path, &Digest::of(b"other")), None);
        assert_eq!(
            without_comments("# uv pip compile /home/ada/x\na==1 \\\n    --hash=sha256:0\n"),
            "a==1 \\\n    --hash=sha256:0\n"
        );
    }

    #[test]
    fn a_package_without_a_pure_wheel_is_refused_by_name_with_what_does_without() {
        let said = "ERROR: Could not find a version that satisfies the requirement numpy (from versions: none)\nERROR: No matching distribution found for numpy";
        let error = refused(Error::environment("`pip` failed").caused_by(said), &["numpy>=2".into()]);
        assert_eq!(error.message, "`numpy` cannot be part of an inferlet");
        assert!(error.hints[0].contains("`statistics`"), "{:?}", error.hints);
        let other = refused(Error::environment("`uv` failed").caused_by("dns error"), &["numpy".into()]);
        assert_eq!(other.message, "`uv` failed");
        let inner = refused(
            Error::environment("`uv` failed")
                .caused_by("because pydantic-core has no wheels with a matching Python ABI tag"),
            &["agents".into()],
        );
        assert!(inner.message.contains("pydantic-core"), "{inner}");
    }

    #[test]
    fn a_package_that_needs_compiled_code_in_every_version_is_refused_with_what_it_needs() {
        let said = "ERROR: Cannot install -r requirements.in (line 1) because these package versions have conflicting dependencies.\n\
                    pydantic 2.14.4 depends on pydantic-core==2.50.5\npydantic 2.0 depends on pydantic-core==2.0.1";
        let failed = || Error::environment("`python3` failed").caused_by(said);
        let error = refused(failed(), &["attrs".into(), "pydantic>=2".into()]);
        assert_eq!(error.message, "`pydantic` cannot be part of an inferlet");
        let cause = error.source.unwrap().to_string();
        assert!(cause.starts_with("it needs `pydantic-core`, of which there is no wheel"), "{cause}");
        assert_eq!(cause.lines().count(), 3, "{cause}");
        assert_eq!(error.hints, ["pydantic 1 is pure Python: `pydantic<2`"]);
        let conflict = "ERROR: conflicting dependencies\na 1 depends on b==2";
        let other = refused(Error::environment("`python3` failed").caused_by(conflict), &["a".into()]);
        assert_eq!(other.message, "`python3` failed");
    }

    #[test]
    fn compiled_code_that_was_installed_is_found_and_its_package_named() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| write_atomically(&dir.path().join(name), text.as_bytes()).unwrap();
        write("fast/__init__.py", "");
        check_pure(dir.path()).unwrap();
        write("fast/_speed.cpython-314.so", "");
        write(
            "Fast_Things-1.0.dist-info/RECORD",
            "fast/__init__.py,,\nfast/_speed.cpython-314.so,sha256=x,1\n",
        );
        write("Fast_Things-1.0.dist-info/METADATA", "Name: fast-things\n");
        let error = check_pure(dir.path()).unwrap_err();
        assert_eq!(error.message, "`fast-things` cannot be part of an inferlet");
        let names: Vec<_> = Packages { folder: Some(dir.path().to_owned()), lock: None }
            .read()
            .unwrap()
            .into_keys()
            .collect();
        assert_eq!(
            names,
            ["Fast_Things-1.0.dist-info/METADATA", "fast/__init__.py", "fast/_speed.cpython-314.so"]
        );
    }
}
