//! What npm installs into bakery's cache: packages that are pinned by a lock with the digests of their archives.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use crate::build::Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Life, Limits};
use crate::progress::{Progress, Unit};
use crate::toolchain::lock::Lock;

/// Packages that belong together.
pub struct Pinned {
    /// What their folder is called, with a digest behind it.
    pub name: &'static str,
    /// `package.json`.
    pub package: &'static str,
    /// `package-lock.json`.
    pub lock: &'static str,
    /// A script of bakery's that uses them, and its name.
    pub script: Option<(&'static str, &'static str)>,
    /// Packages that are installed with the others and that nobody uses.
    pub superfluous: &'static [&'static str],
}

impl Pinned {
    /// Identifies all of it.
    pub fn digest(&self) -> Digest {
        match self.script {
            Some((_, script)) => Digest::of_parts([self.package, self.lock, script]),
            None => Digest::of_parts([self.package, self.lock]),
        }
    }

    /// The folder, if it is there.
    ///
    /// # Errors
    /// There is no place for a cache.
    pub fn find(&self, env: &Environment) -> Result<Option<PathBuf>> {
        let place = self.place(&env.cache_dir()?);
        Ok(place.is_dir().then_some(place))
    }

    /// Installs it, unless somebody else does meanwhile. The folder appears when it is whole.
    ///
    /// # Errors
    /// npm cannot install it, or the cache cannot be written.
    pub fn install(
        &self,
        env: &Environment,
        mut npm: Command,
        title: &str,
        progress: &dyn Progress,
    ) -> Result<PathBuf> {
        let cache = env.cache_dir()?;
        let (parent, place) = (folder(&cache), self.place(&cache));
        let _lock = Lock::take(&parent, &format!("to provide {title}"), &env.interrupt, progress)?;
        if place.is_dir() {
            return Ok(place);
        }
        let unwritable =
            |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
        let work = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(unwritable)?;
        let made = work.path().join(self.name);
        std::fs::create_dir_all(&made).map_err(unwritable)?;
        let files = [("package.json", self.package), ("package-lock.json", self.lock)];
        for (name, text) in files.into_iter().chain(self.script) {
            std::fs::write(made.join(name), text).map_err(unwritable)?;
        }
        {
            let _task = progress.start(&format!("fetching {title}, once"), None, Unit::Items);
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&made);
            let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
            process::watch(npm, limits, &mut |_| Life::Moving)?;
        }
        for package in self.superfluous {
            // It only takes room.
            let _ = std::fs::remove_dir_all(made.join("node_modules").join(package));
        }
        std::fs::rename(&made, &place).map_err(unwritable)?;
        Ok(place)
    }

    fn place(&self, cache: &Path) -> PathBuf {
        folder(cache).join(format!("{}-{}", self.name, self.digest().short()))
    }
}

/// Holds that a lock names no hosts and has a digest for each package.
#[cfg(test)]
pub fn check_lock(lock: &str) {
    assert!(!lock.contains("://"));
    let lock: serde_json::Value = serde_json::from_str(lock).unwrap();
    let packages = lock["packages"].as_object().unwrap().iter().filter(|(path, _)| !path.is_empty());
    for (path, package) in packages {
        assert!(package["integrity"].as_str().unwrap().starts_with("sha512-"), "{path}");
    }
}
