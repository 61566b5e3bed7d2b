//! The component that all programs share: interpreter, SDK and a loader, made once on a machine. A program that is not built comes in by its standard input; one that is
//! built is put into its memory by [`preload`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::wrapper::World;
use super::{componentize, preload, sdk, still, wrapper};
use crate::build::Digest;
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};
use crate::toolchain::lock::Lock;
use crate::toolchain::python::UNFINISHED;
use crate::toolchain::{self, Network};

/// Changes when an older component can no longer be used.
const FORMAT: u32 = 5;

/// The component, in bakery's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its file.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// SHA-256 of its observable form, which is compiled for builds.
    pub observable: Digest,
    /// `componentize-py 0.25.1`
    pub maker: String,
    /// Its world.
    pub world: World,
}

/// What is known of the file without reading it; written after it.
#[derive(Serialize, Deserialize)]
struct Record {
    digest: Digest,
    observable: Digest,
    maker: String,
    size_bytes: u64,
}

/// Finds or makes it.
///
/// # Errors
/// There is nothing to make it with, or componentize-py fails.
pub fn provide(env: &Environment, world: World, network: Network, progress: &dyn Progress) -> Result<Shared> {
    let cache = env.cache_dir()?;
    let (path, record) = places(&cache, world);
    if let Some(found) = open(&path, &record, world) {
        return Ok(found);
    }
    let folder = cache.join("languages");
    let _lock = Lock::take(&folder, "to make the Python runtime", &env.interrupt, progress)?;
    if let Some(found) = open(&path, &record, world) {
        return Ok(found);
    }
    toolchain::python::remove_unfinished(&folder);
    let python = toolchain::python::provide(env, network, progress)?;
    let sdk = sdk::unpack(&cache)?;
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", folder.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&folder).map_err(unwritable)?;
    componentize::write(&wrapper::shared(world), work.path())?;
    let output = work.path().join("python.wasm");
    {
        let _task = progress.start("making the Python runtime, once", None, Unit::Items);
        componentize::run(env, &componentize::invocation(&python, &sdk, world, work.path(), &output))?;
    }
    let still = still::still(&std::fs::read(&output).map_err(unwritable)?)?;
    let bytes = preload::warmed(still, world, env, progress)?;
    std::fs::write(&output, &bytes).map_err(unwritable)?;
    let observable = preload::observable(&bytes, world)?;
    let made = Record {
        digest: Digest::of(&bytes),
        observable: Digest::of(&observable),
        maker: python.version,
        size_bytes: bytes.len() as u64,
    };
    let text = serde_json::to_vec(&made)
        .map_err(|error| Error::bug("a record cannot be written").caused_by(error))?;
    std::fs::rename(&output, &path).map_err(unwritable)?;
    write_atomically(&record, &text)?;
    Ok(made.shared(&path, world))
}

impl Record {
    fn shared(self, path: &Path, world: World) -> Shared {
        let Record { digest, observable, maker, .. } = self;
        Shared { path: path.to_owned(), digest, observable, maker, world }
    }
}

fn open(path: &Path, record: &Path, world: World) -> Option<Shared> {
    let record: Record = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    let size_bytes = path.metadata().ok()?.len();
    (size_bytes == record.size_bytes).then(|| record.shared(path, world))
}

/// Where it is, whether or not it has been made.
pub fn place(cache: &Path, world: World) -> PathBuf {
    places(cache, world).0
}

/// The file and its record. Whatever it is made of has a part in the name.
fn places(cache: &Path, world: World) -> (PathBuf, PathBuf) {
    let mut parts = vec![
        FORMAT.to_le_bytes().to_vec(),
        toolchain::python::REQUIREMENTS.as_bytes().to_vec(),
        sdk::digest().as_str().as_bytes().to_vec(),
    ];
    parts.extend(wrapper::shared(world).into_values());
    let name = format!("{}-{}", world.name(), Digest::of_parts(parts).short());
    let folder = cache.join("languages");
    (folder.join(format!("{name}.wasm")), folder.join(format!("{name}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: World = World { network: false, responds: false };

    #[test]
    fn a_file_that_is_not_as_recorded_does_not_count() {
        let cache = tempfile::tempdir().unwrap();
        let (path, record) = places(cache.path(), PLAIN);
        let open = |path: &Path, record: &Path| open(path, record, PLAIN);
        assert_eq!(open(&path, &record), None);
        write_atomically(&path, b"abc").unwrap();
        let made = || Record {
            digest: Digest::of(b"abc"),
            observable: Digest::of(b"def"),
            maker: "componentize-py 1".into(),
            size_bytes: 3,
        };
        write_atomically(&record, &serde_json::to_vec(&made()).unwrap()).unwrap();
        assert_eq!(open(&path, &record), Some(made().shared(&path, PLAIN)));
        write_atomically(&path, b"ab").unwrap();
        assert_eq!(open(&path, &record), None);
    }
}
