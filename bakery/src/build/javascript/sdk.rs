//! The JavaScript SDK that this bakery carries: its sources, bundled as programs are. Editors and type checkers read the same sources, unpacked into the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use super::bundle::{self, Bundle};
use crate::build::Digest;
use crate::build::sdk::lay_down;
use crate::error::{Error, Result};

static SOURCES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/javascript/src");

/// Says which source is behind each name that programs import.
static PACKAGE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/javascript/package.json"));

/// The SDK, bundled.
pub struct Sdk {
    /// Its script.
    pub bundle: Bundle,
    /// The number of the module behind each name that programs import.
    pub modules: BTreeMap<String, usize>,
}

/// Identifies the SDK's content.
pub fn digest() -> &'static Digest {
    static DIGEST: LazyLock<Digest> = LazyLock::new(|| {
        let parts = files().into_iter().flat_map(|(path, bytes)| [path.into_bytes(), bytes.to_vec()]);
        Digest::of_parts(parts)
    });
    &DIGEST
}

/// The folder that [`unpack`] makes.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("sdk").join(format!("javascript-{}", digest().short()))
}

/// Unpacks the SDK into the cache unless it is there.
///
/// # Errors
/// The cache cannot be written.
pub fn unpack(cache: &Path) -> Result<PathBuf> {
    let place = folder(cache);
    if place.is_dir() {
        return Ok(place);
    }
    lay_down(&place, files())?;
    Ok(place)
}

/// Bundles the SDK in a folder: what its `package.json` exports.
///
/// # Errors
/// It has a mistake, which a test rules out.
pub fn bundle(folder: &Path) -> Result<Sdk> {
    let broken = |reason: String| Error::bug("the SDK inside bakery is broken").caused_by(reason);
    let text = fs::read_to_string(folder.join("package.json")).map_err(|error| broken(error.to_string()))?;
    let package: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
    let exports = package["exports"].as_object().ok_or_else(|| broken("no `exports`".to_owned()))?;
    let mut files = BTreeMap::new();
    for (name, target) in exports {
        let target = target["bakery"].as_str();
        let Some(target) = target.filter(|target| !target.ends_with(".json")) else { continue };
        let specifier = format!("inferlet{}", name.trim_start_matches('.'));
        files.insert(specifier, folder.join(target.trim_start_matches("./")));
    }
    let entries: Vec<PathBuf> = files.values().cloned().collect();
    let bundle = bundle::sdk(folder, &entries)?;
    let modules = files.into_iter().filter_map(|(name, file)| Some((name, bundle.number(&file)?))).collect();
    Ok(Sdk { bundle, modules })
}

/// The files by path.
fn files() -> BTreeMap<String, &'static [u8]> {
    let mut files = BTreeMap::from([("package.json".to_owned(), PACKAGE)]);
    let mut folders = vec![&SOURCES];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            files
                .insert(format!("src/{}", file.path().to_string_lossy().replace('\\', "/")), file.contents());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_one_script_with_a_module_behind_each_name() {
        let cache = tempfile::tempdir().unwrap();
        let sdk = bundle(&unpack(cache.path()).unwrap()).unwrap();
        for name in ["inferlet", "inferlet/entry", "inferlet/fs"] {
            assert!(sdk.modules.contains_key(name), "{name} is not in {:?}", sdk.modules);
        }
        assert!(sdk.bundle.outside.iter().all(|name| name.starts_with("pie:") || name.starts_with("wasi:")));
        assert_eq!(unpack(cache.path()).unwrap(), folder(cache.path()));
        assert_eq!(fs::read_dir(cache.path().join("sdk")).unwrap().count(), 1, "nothing half-made stays");
    }
}
