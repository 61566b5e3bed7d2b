//! The Python SDK and the WIT package that this bakery carries, unpacked into the cache under a digest of their content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::build::Digest;
use crate::build::check::WIT;
use crate::build::sdk::lay_down;
use crate::error::Result;

static SOURCES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/python/src");

/// A small engine in memory, for tests of programs on this machine.
static FAKE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/python/tests/fake");

/// The package that programs import.
pub const PACKAGE: &str = "inferlet";

/// The folders of an unpacked SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdk {
    /// The folder of the others; in `fake` is a small engine in memory, for tests.
    pub folder: PathBuf,
    /// What programs import from.
    pub python: PathBuf,
    /// The worlds.
    pub wit: PathBuf,
}

/// Identifies the SDK's content and that of the interface.
pub fn digest() -> &'static Digest {
    static DIGEST: LazyLock<Digest> = LazyLock::new(|| {
        let parts = files().into_iter().flat_map(|(path, bytes)| [path.into_bytes(), bytes.to_vec()]);
        Digest::of_parts(parts)
    });
    &DIGEST
}

/// The folders that [`unpack`] makes.
pub fn folders(cache: &Path) -> Sdk {
    let place = cache.join("sdk").join(format!("python-{}", digest().short()));
    Sdk { python: place.join("python"), wit: place.join("wit"), folder: place }
}

/// Unpacks the SDK into the cache unless it is there.
///
/// # Errors
/// The cache cannot be written.
pub fn unpack(cache: &Path) -> Result<Sdk> {
    let sdk = folders(cache);
    let place = sdk.folder.clone();
    if place.is_dir() {
        return Ok(sdk);
    }
    lay_down(&place, files())?;
    Ok(sdk)
}

/// The files by path, without what Python leaves beside them.
fn files() -> BTreeMap<String, &'static [u8]> {
    let mut files = BTreeMap::new();
    collect(&SOURCES, "python", &["py", "pyi", "typed"], &mut files);
    collect(&FAKE, "fake", &["py"], &mut files);
    collect(&WIT, "wit", &["wit"], &mut files);
    files
}

fn collect(
    dir: &'static Dir<'static>,
    below: &str,
    extensions: &[&str],
    files: &mut BTreeMap<String, &'static [u8]>,
) {
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let extension = file.path().extension().and_then(|extension| extension.to_str());
            if extension.is_some_and(|extension| extensions.contains(&extension)) {
                let path = file.path().to_string_lossy().replace('\\', "/");
                files.insert(format!("{below}/{path}"), file.contents());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_sdk_is_unpacked_once_with_the_worlds_beside_it() {
        let cache = tempfile::tempdir().unwrap();
        let sdk = unpack(cache.path()).unwrap();
        assert!(sdk.python.join("inferlet/entry.py").is_file());
        assert!(sdk.wit.join("world.wit").is_file() && sdk.wit.join("deps/pie-core").is_dir());
        fs::write(sdk.python.join("marker"), "").unwrap();
        assert_eq!(unpack(cache.path()).unwrap(), sdk);
        assert!(sdk.python.join("marker").exists());
        assert_eq!(fs::read_dir(cache.path().join("sdk")).unwrap().count(), 1, "nothing half-made stays");
    }
}
