//! The local store: inferlets that were installed, so that any project can launch them by name and `bakery run` can run them from anywhere.
//!
//! One file for each name and version, `NAME/VERSION.wasm`. A file appears whole or not at all, and the bytes of a version do not change unless
//! somebody insists.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};

use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::name::check_package_name;

/// The end of the name of a component's file.
const EXTENSION: &str = ".wasm";

/// A folder of inferlets.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// An inferlet in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its component.
    pub path: PathBuf,
}

/// What happens to a component that has the same name and version, and other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Kept,
    /// It is replaced.
    Replaced,
}

impl Store {
    /// The user's store. Its folder need not exist.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn of(env: &Environment) -> Result<Store> {
        Ok(Store { folder: env.data_dir()?.join("store") })
    }

    /// Where the component of a version is, or would be.
    pub fn path(&self, name: &str, version: &Version) -> PathBuf {
        self.folder.join(name).join(format!("{version}{EXTENSION}"))
    }

    /// Puts a component into the store. False if it was there already.
    ///
    /// # Errors
    /// There is another one of this version, or the folder cannot be written to.
    pub fn add(&self, name: &str, version: &Version, wasm: &[u8], existing: Existing) -> Result<bool> {
        let path = self.path(name, version);
        match fs::read(&path) {
            Ok(old) if old == wasm => return Ok(false),
            Ok(_) if existing == Existing::Kept => {
                return Err(Error::usage(format!("`{name}` {version} is installed, and is not the same"))
                    .hint("give it another version in `Pie.toml`, or replace it with `--force`"));
            }
            _ => write_atomically(&path, wasm)?,
        }
        Ok(true)
    }

    /// Everything in the store, by name, versions rising. What bakery would not have put there is passed over.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Stored>> {
        let mut names: Vec<String> =
            entries(&self.folder)?.into_iter().filter(|entry| check_package_name(entry).is_ok()).collect();
        names.sort();
        let mut all = Vec::new();
        for name in names {
            all.extend(self.versions(&name)?);
        }
        Ok(all)
    }

    /// The versions of one inferlet, rising.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self, name: &str) -> Result<Vec<Stored>> {
        if check_package_name(name).is_err() {
            return Ok(Vec::new());
        }
        let version = |file: &String| Version::parse(file.strip_suffix(EXTENSION)?).ok();
        let mut versions: Vec<Version> =
            entries(&self.folder.join(name))?.iter().filter_map(version).collect();
        versions.sort();
        let stored = |version| Stored { name: name.to_owned(), path: self.path(name, &version), version };
        Ok(versions.into_iter().map(stored).collect())
    }

    /// The latest version of an inferlet that will do.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn latest(&self, name: &str, wanted: &VersionReq) -> Result<Option<Stored>> {
        Ok(self.versions(name)?.into_iter().rfind(|stored| wanted.matches(&stored.version)))
    }

    /// Takes an inferlet out of the store.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, stored: &Stored) -> Result<()> {
        fs::remove_file(&stored.path).map_err(|error| {
            Error::environment(format!("cannot remove `{}`", stored.path.display())).caused_by(error)
        })?;
        // The last version takes the folder with it.
        let _ = fs::remove_dir(self.folder.join(&stored.name));
        Ok(())
    }
}

/// The names in a folder; none if it does not exist.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let unreadable =
        |error| Error::environment(format!("cannot read `{}`", folder.display())).caused_by(error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(unreadable)?.file_name().into_string().ok());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().join("store") };
        (folder, store)
    }

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn the_latest_version_that_will_do_is_found() {
        let (_folder, store) = store();
        for number in ["1.10.0", "1.9.0", "2.0.0-beta.1", "1.9.0+built.once"] {
            assert!(store.add("oven", &version(number), number.as_bytes(), Existing::Kept).unwrap());
        }
        fs::write(store.folder.join("oven/notes.txt"), "").unwrap();
        fs::write(store.folder.join("oven/new.wasm"), "").unwrap();
        let versions: Vec<String> =
            store.list().unwrap().iter().map(|stored| stored.version.to_string()).collect();
        assert_eq!(versions, ["1.9.0", "1.9.0+built.once", "1.10.0", "2.0.0-beta.1"]);
        let latest = |wanted: &str| {
            let found = store.latest("oven", &VersionReq::parse(wanted).unwrap()).unwrap()?;
            Some(found.version.to_string())
        };
        assert_eq!(latest("*").as_deref(), Some("1.10.0"));
        assert_eq!(latest("=1.9.0").as_deref(), Some("1.9.0+built.once"));
        assert_eq!(latest("2"), None);
    }

    #[test]
    fn a_version_stays_what_it_is_unless_somebody_insists() {
        let (_folder, store) = store();
        let one = version("1.0.0");
        assert!(store.add("oven", &one, b"a", Existing::Kept).unwrap());
        assert!(!store.add("oven", &one, b"a", Existing::Kept).unwrap());
        assert!(store.add("oven", &one, b"b", Existing::Kept).is_err());
        assert!(store.add("oven", &one, b"b", Existing::Replaced).unwrap());
        assert_eq!(fs::read(store.path("oven", &one)).unwrap(), b"b");
    }

    #[test]
    fn what_was_removed_is_gone_and_an_empty_store_is_no_mistake() {
        let (_folder, store) = store();
        assert_eq!(store.list().unwrap(), []);
        store.add("oven", &version("1.0.0"), b"a", Existing::Kept).unwrap();
        store.remove(&store.list().unwrap()[0]).unwrap();
        assert_eq!((store.list().unwrap(), store.versions("../oven").unwrap()), (vec![], vec![]));
        assert!(!store.folder.join("oven").exists());
    }
}
