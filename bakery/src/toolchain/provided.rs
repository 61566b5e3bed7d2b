//! Compilers that bakery has put into its cache. Each is a folder with `bin/` (what to run), `usr/` (what the packages hold, with the
//! target added) and `toolchain.json`, which is written last and says what is inside.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Origin, TARGET, Toolchain, Version};
use crate::error::{Error, Result};

/// Changes when an older folder can no longer be used.
const FORMAT: u32 = 1;

/// The file that describes a folder and makes it count.
const RECORD: &str = "toolchain.json";

/// What is in a folder; provenance names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`] of the bakery that made it.
    pub format: u32,
    /// The target that was added.
    pub target: String,
    /// The compiler's own account of itself.
    pub rustc: Version,
    /// The first line of `cargo --version`.
    pub cargo: String,
    /// What was unpacked, in the order of the names.
    pub packages: Vec<Package>,
}

/// One unpacked package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, as the distribution writes it.
    pub version: String,
}

impl Record {
    /// Describes a compiler and the packages that it came in.
    pub fn new(rustc: Version, cargo: String, mut packages: Vec<Package>) -> Record {
        packages.sort();
        Record { format: FORMAT, target: TARGET.to_owned(), rustc, cargo, packages }
    }

    /// A folder name of its own for this compiler.
    pub fn folder_name(&self) -> String {
        let compiler = self.packages.iter().find(|package| package.name.starts_with("rustc"));
        let version =
            compiler.map_or_else(|| self.rustc.release.to_string(), |package| package.version.clone());
        let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
        format!("rust-{}", version.chars().map(plain).collect::<String>())
    }

    /// Writes the record into a folder that is complete.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::bug("a toolchain cannot be described").caused_by(error))?;
        let path = folder.join(RECORD);
        std::fs::write(&path, text + "\n").map_err(|error| {
            Error::environment(format!("cannot write `{}`", path.display())).caused_by(error)
        })
    }
}

/// The folder of all provided toolchains.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("toolchains")
}

/// The newest toolchain in `folder` that this bakery can use.
pub fn find(folder: &Path) -> Option<Toolchain> {
    let entries = folder.read_dir().ok()?;
    let found = entries.flatten().filter_map(|entry| open(&entry.path()));
    found.max_by(|a, b| a.version.release.cmp(&b.version.release).then_with(|| a.sysroot.cmp(&b.sysroot)))
}

/// The toolchain in one folder, if it is complete and new enough.
pub fn open(folder: &Path) -> Option<Toolchain> {
    let record: Record = serde_json::from_slice(&std::fs::read(folder.join(RECORD)).ok()?).ok()?;
    if record.format != FORMAT || record.target != TARGET || record.rustc.release < minimum() {
        return None;
    }
    let (cargo, rustc) = (folder.join("bin/cargo"), folder.join("bin/rustc"));
    (cargo.is_file() && rustc.is_file()).then(|| Toolchain {
        cargo,
        rustc: Some(rustc),
        version: record.rustc,
        sysroot: folder.join("usr"),
        origin: Origin::Packages,
        witnesses: vec![folder.join(RECORD)],
    })
}

/// The oldest compiler that compiles the SDK: the one that the workspace asks for.
pub fn minimum() -> semver::Version {
    let mut parts = env!("CARGO_PKG_RUST_VERSION").split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    semver::Version::new(next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(release: &str) -> Record {
        let text = format!("rustc {release}\nhost: x86_64-unknown-linux-gnu\nrelease: {release}\n");
        let package = Package { name: "rustc-web".into(), version: format!("{release}+dfsg1-1~deb12u2") };
        Record::new(Version::parse(&text).unwrap(), format!("cargo {release}"), vec![package])
    }

    fn make(root: &Path, record: &Record) -> PathBuf {
        let folder = root.join(record.folder_name());
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        for name in ["cargo", "rustc"] {
            std::fs::write(folder.join("bin").join(name), "").unwrap();
        }
        record.save(&folder).unwrap();
        folder
    }

    #[test]
    fn the_newest_complete_toolchain_is_used() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find(dir.path()), None);
        make(dir.path(), &record("1.95.0"));
        make(dir.path(), &record("1.100.0"));
        let incomplete = make(dir.path(), &record("1.200.0"));
        std::fs::remove_file(incomplete.join(RECORD)).unwrap();
        assert_eq!(find(dir.path()).unwrap().version.release, semver::Version::new(1, 100, 0));
    }

    #[test]
    fn a_toolchain_too_old_for_the_sdk_or_of_another_format_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &record("1.85.0"));
        make(dir.path(), &Record { format: FORMAT + 1, ..record("1.99.0") });
        let damaged = make(dir.path(), &record("1.98.0"));
        std::fs::write(damaged.join(RECORD), "{").unwrap();
        assert_eq!(find(dir.path()), None);
    }

    #[test]
    fn folder_names_follow_the_packages_version_without_odd_characters() {
        assert_eq!(record("1.96.0").folder_name(), "rust-1.96.0_dfsg1-1_deb12u2");
    }

    #[test]
    fn the_minimum_is_what_the_workspace_asks_for() {
        assert!(minimum() >= semver::Version::new(1, 95, 0));
    }
}
