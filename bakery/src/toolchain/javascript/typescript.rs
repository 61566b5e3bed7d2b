//! What checks types: the compiler of TypeScript that bakery pins, a program that needs no Node.js to run. npm brings it; without npm types are not checked.

use std::path::{Path, PathBuf};

use super::folder;
use super::node::npm;
use crate::build::Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Life, Limits};
use crate::progress::{Progress, Unit};
use crate::toolchain::Network;
use crate::toolchain::lock::Lock;

/// What npm installs, with the digests of its archives.
const PACKAGE: &str = include_str!("typescript/package.json");
const LOCK: &str = include_str!("typescript/package-lock.json");

/// Finds or provides it. `None` where it is not and cannot be had: then there is nobody to check types.
///
/// # Errors
/// npm is there and cannot install it.
pub fn provide(env: &Environment, network: Network, progress: &dyn Progress) -> Result<Option<PathBuf>> {
    let cache = env.cache_dir()?;
    let place = place(&cache);
    if let Some(found) = compiler(&place) {
        return Ok(Some(found));
    }
    let Some(mut command) = npm(env).filter(|_| network == Network::Allowed) else { return Ok(None) };
    let parent = folder(&cache);
    let _lock = Lock::take(&parent, "to provide TypeScript", &env.interrupt, progress)?;
    if let Some(found) = compiler(&place) {
        return Ok(Some(found));
    }
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(unwritable)?;
    let made = work.path().join("typescript");
    std::fs::create_dir_all(&made).map_err(unwritable)?;
    std::fs::write(made.join("package.json"), PACKAGE).map_err(unwritable)?;
    std::fs::write(made.join("package-lock.json"), LOCK).map_err(unwritable)?;
    {
        let _task = progress.start("fetching TypeScript, once", None, Unit::Items);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&made);
        let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
        process::watch(command, limits, &mut |_| Life::Moving).map_err(|error| {
            Error::environment("TypeScript, which checks types, cannot be installed")
                .caused_by(error)
                .hint("`--no-check` builds without it")
        })?;
    }
    // Where there is no compiler for this machine, npm has installed nothing that could be run.
    if compiler(&made).is_none() {
        return Ok(None);
    }
    std::fs::rename(&made, &place).map_err(unwritable)?;
    Ok(compiler(&place))
}

/// The folder of what this bakery pins.
fn place(cache: &Path) -> PathBuf {
    folder(cache).join(format!("typescript-{}", Digest::of_parts([PACKAGE, LOCK]).short()))
}

/// The program for this machine, in a folder that npm has filled.
fn compiler(place: &Path) -> Option<PathBuf> {
    let packages = place.join("node_modules/@typescript").read_dir().ok()?.flatten();
    let programs =
        packages.flat_map(|package| ["tsc", "tsc.exe"].map(|name| package.path().join("lib").join(name)));
    programs.into_iter().find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn without_npm_nobody_checks_types() {
        let cache = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", cache.path().as_os_str())], "/");
        assert_eq!(provide(&env, Network::Allowed, &Silent).unwrap(), None);
    }

    #[test]
    fn the_lock_names_no_hosts_and_has_a_digest_for_each_package() {
        assert!(!LOCK.contains("://"));
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap();
        let packages = lock["packages"].as_object().unwrap().iter().filter(|(path, _)| !path.is_empty());
        for (path, package) in packages {
            assert!(package["integrity"].as_str().unwrap().starts_with("sha512-"), "{path}");
        }
    }
}
