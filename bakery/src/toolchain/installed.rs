//! The user's own compiler, used as it is when it has the target.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Attempt, Origin, TARGET, Toolchain, Unavailable, Version};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;

/// The compiler that cargo would use in `dir`, if it has the target.
///
/// # Errors
/// There is no compiler, it cannot be run there, or it has no standard library for the target.
pub fn find(env: &Environment, dir: &Path) -> Attempt<Toolchain> {
    let (cargo, rustc) = programs(env)?;
    let folders = folders(env, dir, &rustc)?;
    if !has_standard_library(&folders.target) {
        return Err(Unavailable::Absent(format!("`{}` has no `{TARGET}`", rustc.display())));
    }
    describe(env, dir, cargo, &rustc, folders)
}

/// The compiler that cargo would use in `dir`, whether it has the target or not.
///
/// # Errors
/// There is no compiler, or it cannot be run there.
pub fn without_target(env: &Environment, dir: &Path) -> Attempt<Toolchain> {
    let (cargo, rustc) = programs(env)?;
    let folders = folders(env, dir, &rustc)?;
    describe(env, dir, cargo, &rustc, folders)
}

fn programs(env: &Environment) -> Attempt<(PathBuf, PathBuf)> {
    let cargo =
        env.find_program("cargo").ok_or_else(|| Unavailable::Absent("`cargo` is not in `PATH`".into()))?;
    let rustc = chosen(env).ok_or_else(|| Unavailable::Absent("`rustc` is not in `PATH`".into()))?;
    Ok((cargo, rustc))
}

fn describe(
    env: &Environment,
    dir: &Path,
    cargo: PathBuf,
    rustc: &Path,
    folders: Folders,
) -> Attempt<Toolchain> {
    let version = version(env, dir, rustc)?;
    let witnesses = witnesses(env, &cargo, rustc, &folders);
    Ok(Toolchain {
        cargo,
        rustc: None,
        version,
        sysroot: folders.sysroot,
        origin: Origin::Installed,
        witnesses,
    })
}

/// The compiler: the one of `RUSTC`, else the one in `PATH`.
fn chosen(env: &Environment) -> Option<PathBuf> {
    match env.variable("RUSTC") {
        Some(named) if Path::new(named).components().count() > 1 => Some(env.current_dir.join(named)),
        Some(named) => env.find_program(named.to_str()?),
        None => env.find_program("rustc"),
    }
}

/// Folders of a compiler.
#[derive(Debug, PartialEq, Eq)]
struct Folders {
    sysroot: PathBuf,
    target: PathBuf,
}

fn folders(env: &Environment, dir: &Path, rustc: &Path) -> Result<Folders> {
    let mut command = env.command(rustc);
    command.current_dir(dir).args(["--print", "sysroot", "--print", "target-libdir", "--target", TARGET]);
    let text = process::output(command)?;
    parse_folders(&text)
        .ok_or_else(|| Error::environment(format!("`{}` does not name its folders", rustc.display())))
}

fn parse_folders(text: &str) -> Option<Folders> {
    let mut lines = text.lines().map(PathBuf::from);
    Some(Folders { sysroot: lines.next()?, target: lines.next()? })
}

/// What the compiler at `rustc` says of itself when it is run in `dir`.
///
/// # Errors
/// It cannot be run, or says nothing that can be understood.
pub fn version(env: &Environment, dir: &Path, rustc: &Path) -> Result<Version> {
    let mut command = env.command(rustc);
    command.current_dir(dir).arg("-vV");
    let text = process::output(command)?;
    Version::parse(&text).ok_or_else(|| {
        Error::environment(format!("`{}` does not tell its version", rustc.display())).caused_by(text)
    })
}

/// Whether a folder of libraries has the standard library.
pub fn has_standard_library(libraries: &Path) -> bool {
    let Ok(entries) = libraries.read_dir() else { return false };
    entries.flatten().map(|entry| entry.file_name()).any(|name| is_standard_library(&name))
}

fn is_standard_library(name: &OsString) -> bool {
    name.to_str()
        .is_some_and(|name| (name.starts_with("libstd-") || name == "libstd.rlib") && name.ends_with(".rlib"))
}

/// A toolchain that changes changes one of these: the compiler itself, rustup's choice of a default, the list of installed components.
fn witnesses(env: &Environment, cargo: &Path, rustc: &Path, folders: &Folders) -> Vec<PathBuf> {
    let rustup_home =
        env.variable("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env.home()?.join(".rustup")));
    let mut witnesses = vec![
        cargo.to_owned(),
        rustc.to_owned(),
        folders.sysroot.join("bin").join(format!("rustc{}", std::env::consts::EXE_SUFFIX)),
        folders.sysroot.join("lib/rustlib/components"),
        folders.target.clone(),
    ];
    witnesses.extend(rustup_home.map(|home| home.join("settings.toml")));
    witnesses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_folders_are_told_apart_by_their_order() {
        let folders = parse_folders("/rust\n/rust/lib/rustlib/wasm32-wasip2/lib\n").unwrap();
        assert_eq!(folders.sysroot, Path::new("/rust"));
        assert_eq!(folders.target, Path::new("/rust/lib/rustlib/wasm32-wasip2/lib"));
        assert_eq!(parse_folders("/rust\n"), None);
    }

    #[test]
    fn a_folder_without_the_standard_library_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_standard_library(&dir.path().join("absent")));
        std::fs::write(dir.path().join("libcore-1.rlib"), "").unwrap();
        assert!(!has_standard_library(dir.path()));
        std::fs::write(dir.path().join("libstd-1.rlib"), "").unwrap();
        assert!(has_standard_library(dir.path()));
    }

    #[test]
    fn without_a_compiler_in_path_the_reason_says_so() {
        let env = Environment::new([("PATH", "/nowhere")], "/");
        let Err(Unavailable::Absent(reason)) = find(&env, Path::new("/")) else {
            panic!("found a compiler in /nowhere")
        };
        assert_eq!(reason, "`cargo` is not in `PATH`");
    }
}
