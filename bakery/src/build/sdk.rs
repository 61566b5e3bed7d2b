//! The Rust SDK that this bakery carries. It is not in any registry, so it is unpacked into the cache under a digest of its content, and cargo is told to
//! take `inferlet` from there.
//!
//! The unpacked crates stand alone: what they inherit from this repository's workspace is written into them, because cargo would look for it in the user's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::digest::Digest;
use crate::error::{Error, Result};

static SOURCES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/rust");

/// The manifest of the workspace that the SDK is developed in.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// The crate that users depend on.
pub const CRATE: &str = "inferlet";

/// Identifies the SDK's content.
pub fn digest() -> &'static Digest {
    static DIGEST: LazyLock<Digest> = LazyLock::new(|| {
        let parts = files(&SOURCES).into_iter().flat_map(|(path, text)| [path.into_bytes(), text.to_vec()]);
        Digest::of_parts(parts.chain([WORKSPACE.as_bytes().to_vec()]))
    });
    &DIGEST
}

/// The folder that [`unpack`] makes; in it is one folder for each crate.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("sdk").join(digest().short())
}

/// Whether a path leads to an SDK that some bakery has unpacked: `.../sdk/<digest>/inferlet`.
pub fn is_unpacked(path: &str) -> bool {
    let mut parts = Path::new(path).iter().rev().map(|part| part.to_string_lossy());
    let is_digest = |part: &str| part.len() == 16 && part.chars().all(|c| c.is_ascii_hexdigit());
    parts.next().is_some_and(|name| name == CRATE)
        && parts.next().is_some_and(|name| is_digest(&name))
        && parts.next().is_some_and(|name| name == "sdk")
}

/// Unpacks the SDK into the cache unless it is there, and returns the folder of the crate `inferlet`.
///
/// # Errors
/// The cache cannot be written.
pub fn unpack(cache: &Path) -> Result<PathBuf> {
    let place = folder(cache);
    let krate = place.join(CRATE);
    if place.is_dir() {
        return Ok(krate);
    }
    let files = files(&SOURCES).into_iter().map(|(path, bytes)| {
        let bytes =
            if path.ends_with("Cargo.toml") { stand_alone(bytes)?.into_bytes() } else { bytes.to_vec() };
        Ok((path, bytes))
    });
    lay_down(&place, files.collect::<Result<Vec<_>>>()?)?;
    Ok(krate)
}

/// Makes a folder of the cache with files in it, whole or not at all.
///
/// # Errors
/// The cache cannot be written.
pub fn lay_down<B: AsRef<[u8]>>(place: &Path, files: impl IntoIterator<Item = (String, B)>) -> Result<()> {
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", place.display())).caused_by(error);
    let parent = place.parent().unwrap_or(place);
    fs::create_dir_all(parent).map_err(unwritable)?;
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(parent).map_err(unwritable)?;
    let made = work.path().join("sdk");
    for (path, bytes) in files {
        let file = made.join(&path);
        fs::create_dir_all(file.parent().unwrap_or(&made)).map_err(unwritable)?;
        fs::write(&file, bytes).map_err(unwritable)?;
    }
    match fs::rename(&made, place) {
        // Another bakery was faster, with the same content.
        Err(_) if place.is_dir() => Ok(()),
        result => result.map_err(unwritable),
    }
}

/// The sources of the crates by path, without their own tests.
fn files(dir: &'static Dir<'static>) -> BTreeMap<String, &'static [u8]> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs().filter(|folder| !is_left_out(folder.path())));
        for file in folder.files() {
            files.insert(file.path().to_string_lossy().replace('\\', "/"), file.contents());
        }
    }
    files
}

fn is_left_out(folder: &Path) -> bool {
    folder.ends_with("tests") || folder.ends_with("target")
}

/// A crate's manifest with the workspace's values in place of `workspace = true`.
fn stand_alone(manifest: &[u8]) -> Result<String> {
    let broken =
        |error: toml_edit::TomlError| Error::bug("a manifest of the SDK cannot be read").caused_by(error);
    let mut manifest: DocumentMut = String::from_utf8_lossy(manifest).parse().map_err(broken)?;
    let workspace: DocumentMut = WORKSPACE.parse().map_err(broken)?;
    let shared = &workspace["workspace"];
    if let Some(package) = manifest["package"].as_table_like_mut() {
        inherit(package, &shared["package"]);
    }
    for name in ["dependencies", "build-dependencies"] {
        if let Some(dependencies) = manifest.get_mut(name).and_then(Item::as_table_like_mut) {
            inherit(dependencies, &shared["dependencies"]);
        }
    }
    manifest.remove("dev-dependencies");
    // Users are not asked to read warnings of a newer compiler about code that is not theirs.
    let mut lints = Table::new();
    lints["rust"]["warnings"] = value("allow");
    manifest["lints"] = Item::Table(lints);
    Ok(manifest.to_string())
}

/// Replaces every `NAME.workspace = true` by the shared value; what else such an entry says (features) stays.
fn inherit(table: &mut dyn TableLike, shared: &Item) {
    for (name, entry) in table.iter_mut() {
        let is_inherited = entry.get("workspace").and_then(Item::as_bool) == Some(true);
        let Some(inherited) = shared.get(name.get()).filter(|_| is_inherited) else { continue };
        let own = std::mem::replace(entry, inherited.clone());
        let Some(own) = own.as_table_like() else { continue };
        let additions: Vec<_> = own.iter().filter(|(key, _)| *key != "workspace").collect();
        if additions.is_empty() {
            continue;
        }
        let mut merged = toml_edit::InlineTable::new();
        match entry.as_table_like() {
            Some(table) => {
                merged.extend(table.iter().filter_map(|(key, item)| Some((key, item.as_value()?.clone()))))
            }
            None => merged.extend(entry.as_value().map(|version| ("version", version.clone()))),
        }
        merged.extend(additions.iter().filter_map(|(key, item)| Some((*key, item.as_value()?.clone()))));
        *entry = value(merged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unpacked_crates_stand_alone() {
        let cache = tempfile::tempdir().unwrap();
        let krate = unpack(cache.path()).unwrap();
        for krate in [krate.clone(), krate.with_file_name("inferlet-macros")] {
            let manifest = fs::read_to_string(krate.join("Cargo.toml")).unwrap();
            assert!(!manifest.contains("workspace"), "{manifest}");
            let manifest: DocumentMut = manifest.parse().unwrap();
            assert_eq!(manifest["package"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
            assert_eq!(manifest["lints"]["rust"]["warnings"].as_str(), Some("allow"));
            assert!(krate.join("src/lib.rs").is_file());
        }
    }

    #[test]
    fn unpacking_twice_is_unpacking_once() {
        let cache = tempfile::tempdir().unwrap();
        let krate = unpack(cache.path()).unwrap();
        fs::write(krate.join("marker"), "").unwrap();
        assert_eq!(unpack(cache.path()).unwrap(), krate);
        assert!(krate.join("marker").exists());
        assert_eq!(fs::read_dir(cache.path().join("sdk")).unwrap().count(), 1, "nothing half-made stays");
    }

    #[test]
    fn inherited_dependencies_keep_what_they_add() {
        let mut manifest: DocumentMut =
            "[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }\nc = \"3\"\n"
                .parse()
                .unwrap();
        let shared: DocumentMut = "a = { version = \"1\", features = [\"y\"] }\nb = \"2\"\n".parse().unwrap();
        inherit(manifest["dependencies"].as_table_like_mut().unwrap(), shared.as_item());
        let dependencies = &manifest["dependencies"];
        assert_eq!(dependencies["a"]["version"].as_str(), Some("1"));
        assert_eq!(dependencies["b"]["version"].as_str(), Some("2"));
        assert_eq!(dependencies["b"]["features"][0].as_str(), Some("x"));
        assert_eq!(dependencies["c"].as_str(), Some("3"));
    }
}
