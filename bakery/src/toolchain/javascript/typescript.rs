//! What checks types: the compiler of TypeScript that bakery pins, a program that needs no Node.js to run. npm brings it; without npm types are not checked.

use std::path::{Path, PathBuf};

use super::installed::Pinned;
use super::node::npm;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::toolchain::Network;

/// What npm installs, with the digests of its archives.
const PINNED: Pinned = Pinned {
    name: "typescript",
    package: include_str!("typescript/package.json"),
    lock: include_str!("typescript/package-lock.json"),
    script: None,
    superfluous: &[],
};

/// Finds or provides it. `None` where it is not and cannot be had: then there is nobody to check types.
///
/// # Errors
/// npm is there and cannot install it.
pub fn provide(env: &Environment, network: Network, progress: &dyn Progress) -> Result<Option<PathBuf>> {
    if let Some(place) = PINNED.find(env)? {
        // Where there is no compiler for this machine, npm has installed nothing that could be run.
        return Ok(compiler(&place));
    }
    let Some(npm) = npm(env).filter(|_| network == Network::Allowed) else { return Ok(None) };
    let place = PINNED.install(env, npm, "TypeScript", progress).map_err(|error| {
        Error::environment("TypeScript, which checks types, cannot be installed")
            .caused_by(error)
            .hint("`--no-check` builds without it")
    })?;
    Ok(compiler(&place))
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
        super::super::installed::check_lock(PINNED.lock);
    }
}
