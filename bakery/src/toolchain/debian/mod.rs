//! The Rust compiler of Debian's packages, with the standard library for the target added, in bakery's cache. No root, and nothing outside the cache
//! is touched.
//!
//! [`sources`] and [`packages`] decide what is needed and are pure; [`apt`] fetches; [`standard_library`] builds; [`sysroot`] puts it together.
//! [`python`] does the same for a Python.

mod apt;
mod packages;
pub mod python;
mod sources;
mod standard_library;
mod sysroot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::apt::Apt;
use self::packages::{C_LIBRARY, FAMILIES, Family, Package};
use self::sources::{Release, Source};
use super::lock::Lock;
use super::provided::{self, Record};
use super::{Attempt, Toolchain, Unavailable};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};

/// Debian's own programs, which fetch and unpack packages.
const NEEDED: [&str; 6] = ["apt-get", "apt-cache", "dpkg", "dpkg-deb", "dpkg-query", "tar"];

/// The linker for procedural macros, which the compiler's packages do not bring.
const LINKER: &str = "cc";

/// What a folder that is still being made is called; one that is left over belongs to a bakery that was ended.
const UNFINISHED: &str = ".making-";

/// Provides the compiler in `cache`, unless another bakery has done so by the time it is this one's turn.
///
/// # Errors
/// This is not Debian, or something of the way fails: there is no network, no new enough compiler, no space.
pub fn provide(env: &Environment, cache: &Path, progress: &dyn Progress) -> Attempt<Toolchain> {
    let archive = archive_of(Path::new("/"))?;
    check_programs(env, NEEDED.iter().chain([&LINKER]))?;
    let folder = provided::folder(cache);
    let _lock = Lock::take(&folder, "to provide the Rust compiler", &env.interrupt, progress)?;
    if let Some(found) = provided::find(&folder) {
        return Ok(found);
    }
    remove_unfinished(&folder);
    Ok(make(env, &archive, &folder, progress)?)
}

fn check_programs<'a>(env: &Environment, mut names: impl Iterator<Item = &'a &'a str>) -> Attempt<()> {
    match names.find(|name| env.find_program(name).is_none()) {
        Some(missing) => Err(Unavailable::Absent(format!("`{missing}` is not in `PATH`"))),
        None => Ok(()),
    }
}

/// The private package sources for the system whose files are under `root`.
fn archive_of(root: &Path) -> Attempt<Vec<Source>> {
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
    let release = Release::parse(&read("etc/os-release"))
        .filter(|release| release.id == "debian")
        .ok_or_else(|| Unavailable::Absent("this system is not Debian".into()))?;
    let mut system = sources::parse_lines(&read("etc/apt/sources.list"));
    let parts = root.join("etc/apt/sources.list.d");
    let mut files: Vec<_> =
        parts.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => system.extend(sources::parse_lines(&text)),
            Some("sources") => system.extend(sources::parse_paragraphs(&text)),
            _ => {}
        }
    }
    sources::archive(&system, &release)
        .ok_or_else(|| Unavailable::Absent(format!("no package source has `{}`", release.codename)))
}

/// What an ended bakery left behind. Called under the lock, so nobody is at work in there.
fn remove_unfinished(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // If it stays, it only takes space.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn make(env: &Environment, archive: &[Source], folder: &Path, progress: &dyn Progress) -> Result<Toolchain> {
    let started = env.clock.start();
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", folder.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(folder).map_err(unwritable)?;
    let made = work.path().join("toolchain");
    let debs = work.path().join("packages");
    for folder in [&made, &debs] {
        std::fs::create_dir(folder).map_err(unwritable)?;
    }

    let fetching = Fetching { what: "the Rust compiler", choose: &choose };
    let packages = fetching.fetch(env, archive, work.path(), &debs, progress)?;
    sysroot::unpack(env, &debs, &made, &sysroot::NOT_UNPACKED, progress)?;
    let bin = sysroot::write_wrappers(&made)?;
    let rustc = super::installed::version(env, folder, &bin.join("rustc"))?;
    let cargo = sysroot::cargo_version(env, &bin)?;

    let inputs = standard_library::Inputs { bin: &bin, usr: &made.join("usr"), rustc: &rustc };
    let library_started = env.clock.start();
    let libraries = standard_library::build(env, &inputs, &work.path().join("library"), progress)?;
    progress.note(&format!("built the standard library in {} s", library_started.elapsed().as_secs()));
    let task = progress.start("putting the compiler together", None, Unit::Items);
    sysroot::add_target(&made, &libraries, &rustc.host)?;
    sysroot::check(env, &bin, work.path())?;
    drop(task);

    let packages =
        packages.into_iter().map(|Package { name, version, .. }| provided::Package { name, version });
    let record = Record::new(rustc, cargo, packages.collect());
    record.save(&made)?;
    let place = folder.join(record.folder_name());
    if place.exists() {
        // Not complete or not readable: `provided::find` has just passed it over.
        std::fs::remove_dir_all(&place).map_err(unwritable)?;
    }
    std::fs::rename(&made, &place).map_err(unwritable)?;
    let release = &record.rustc.release;
    progress.note(&format!(
        "provided Rust {release} with `{}` in {} s",
        super::TARGET,
        started.elapsed().as_secs()
    ));
    provided::open(&place)
        .ok_or_else(|| Error::bug(format!("`{}` was made and cannot be used", place.display())))
}

/// Chooses packages, in the order of their names, given those that are installed on the system.
type Choose<'a> = dyn Fn(&Apt, &BTreeSet<String>) -> Result<Vec<Package>> + 'a;

/// What is fetched.
struct Fetching<'a> {
    /// For messages: `the Rust compiler`.
    what: &'a str,
    /// Its packages.
    choose: &'a Choose<'a>,
}

impl Fetching<'_> {
    /// Fetches the chosen packages into `debs`.
    fn fetch(
        &self,
        env: &Environment,
        archive: &[Source],
        work: &Path,
        debs: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<Package>> {
        let apt_folder = work.join("apt");
        let apt = Apt::prepare(env, &apt_folder, archive)?;
        // One list of several may be missing; whether it matters shows when packages are chosen.
        let updated = apt.update(progress);
        let chosen = apt::installed(env).and_then(|installed| (self.choose)(&apt, &installed));
        let packages = match (chosen, updated) {
            (Ok(packages), _) => packages,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        let size_mb = packages.iter().map(|package| package.size_bytes).sum::<u64>() / 1_000_000;
        apt.download(&packages, debs, self.what, progress)?;
        progress.note(&format!("downloaded {} packages, {size_mb} MB", packages.len()));
        Ok(packages)
    }
}

/// The packages of the newest compiler and all they need.
fn choose(apt: &Apt, installed: &BTreeSet<String>) -> Result<Vec<Package>> {
    let nothing = || {
        let wanted = FAMILIES.map(|family| format!("`{}`", family.rustc)).join(" or ");
        let minimum = provided::minimum();
        Error::environment(format!("no {wanted} of at least {minimum} with its source and `{C_LIBRARY}`"))
    };
    let roots: BTreeSet<String> =
        FAMILIES.iter().flat_map(Family::roots).chain([C_LIBRARY]).map(str::to_owned).collect();
    let known = apt.show(&roots)?;
    let family = packages::newest_family(&known, &provided::minimum()).ok_or_else(nothing)?;
    if !known.iter().any(|package| package.name == C_LIBRARY) {
        return Err(nothing());
    }
    let wanted =
        |package: &Package| package.name == C_LIBRARY || family.roots().contains(&package.name.as_str());
    let chosen: BTreeMap<String, Package> =
        known.into_iter().filter(wanted).map(|package| (package.name.clone(), package)).collect();
    let linker = chosen.get(family.tools).and_then(packages::linker);
    let missing: BTreeSet<String> = linker.into_iter().filter(|name| !chosen.contains_key(name)).collect();
    complete(apt, chosen, missing, &|chosen| packages::missing_libraries(chosen, installed))
}

/// Adds `missing` to what is chosen, and then what `more` says that this needs, until that is nothing.
fn complete(
    apt: &Apt,
    mut chosen: BTreeMap<String, Package>,
    mut missing: BTreeSet<String>,
    more: &dyn Fn(&BTreeMap<String, Package>) -> BTreeSet<String>,
) -> Result<Vec<Package>> {
    let mut asked = BTreeSet::new();
    loop {
        missing.extend(more(&chosen));
        // Names that only other packages provide are never found: they are asked for once.
        missing.retain(|name| asked.insert(name.clone()));
        if missing.is_empty() {
            return Ok(chosen.into_values().collect());
        }
        chosen.extend(apt.show(&missing)?.into_iter().map(|package| (package.name.clone(), package)));
        missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(os_release: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/apt/sources.list.d")).unwrap();
        std::fs::write(root.path().join("etc/os-release"), os_release).unwrap();
        for (name, text) in files {
            std::fs::write(root.path().join("etc/apt").join(name), text).unwrap();
        }
        root
    }

    #[test]
    fn the_sources_of_both_formats_are_read() {
        let debian = "ID=debian\nVERSION_CODENAME=bookworm\n";
        let lines = system(debian, &[("sources.list", "deb http://a.test/debian bookworm main\n")]);
        assert_eq!(archive_of(lines.path()).unwrap()[0].uris, ["http://a.test/debian"]);
        let text = "Types: deb\nURIs: http://b.test/debian\nSuites: bookworm\nComponents: main\n";
        let paragraphs =
            system(debian, &[("sources.list.d/debian.sources", text), ("sources.list.d/x.save", "deb")]);
        assert_eq!(archive_of(paragraphs.path()).unwrap()[0].uris, ["http://b.test/debian"]);
    }

    #[test]
    fn other_distributions_are_left_to_other_ways() {
        let ubuntu = system(
            "ID=ubuntu\nVERSION_CODENAME=noble\n",
            &[("sources.list", "deb http://a.test/u noble main")],
        );
        let Err(Unavailable::Absent(reason)) = archive_of(ubuntu.path()) else { panic!("taken for Debian") };
        assert_eq!(reason, "this system is not Debian");
        let no_sources = system("ID=debian\nVERSION_CODENAME=bookworm\n", &[]);
        let Err(Unavailable::Absent(reason)) = archive_of(no_sources.path()) else {
            panic!("found a source")
        };
        assert_eq!(reason, "no package source has `bookworm`");
    }

    #[test]
    fn only_what_is_unfinished_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".making-abc", "rust-1.96.0"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        remove_unfinished(folder.path());
        assert!(!folder.path().join(".making-abc").exists());
        assert!(folder.path().join("rust-1.96.0").exists());
    }
}
