//! The component that runs programs which are not built: QuickJS, the SDK and a loader, made once on a machine. A program comes in by its standard input, as
//! one script.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::begin::{self, Inside};
use super::link::{self, World};
use super::{Language, engine_digest, sdk};
use crate::build::Digest;
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};
use crate::project::Interpreter;
use crate::toolchain::Network;
use crate::toolchain::lock::Lock;

/// Changes when an older component can no longer be used.
const FORMAT: u32 = 2;

/// The component, in bakery's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its file.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// What is known of the file without reading it; written after it.
#[derive(Serialize, Deserialize)]
struct Record {
    digest: Digest,
    size_bytes: u64,
}

/// Finds or makes it.
///
/// # Errors
/// There is nothing to make it with.
pub fn provide(
    env: &Environment,
    kind: (World, Interpreter),
    network: Network,
    progress: &dyn Progress,
) -> Result<Shared> {
    let cache = env.cache_dir()?;
    let (path, record) = places(&cache, kind);
    if let Some(found) = open(&path, &record) {
        return Ok(found);
    }
    let folder = cache.join("languages");
    let _lock = Lock::take(&folder, "to make the JavaScript runtime", &env.interrupt, progress)?;
    if let Some(found) = open(&path, &record) {
        return Ok(found);
    }
    let language = Language::provide(env, kind, network, progress)?;
    let bytes = {
        let _task = progress.start("making the JavaScript runtime, once", None, Unit::Items);
        link::name(&language.begin(Inside::Nothing)?, "program")?
    };
    let digest = Digest::of(&bytes);
    let text = serde_json::to_vec(&Record { digest: digest.clone(), size_bytes: bytes.len() as u64 })
        .map_err(|error| Error::bug("a record cannot be written").caused_by(error))?;
    write_atomically(&path, &bytes)?;
    write_atomically(&record, &text)?;
    Ok(Shared { path, digest })
}

fn open(path: &Path, record: &Path) -> Option<Shared> {
    let record: Record = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    let size_bytes = path.metadata().ok()?.len();
    (size_bytes == record.size_bytes).then(|| Shared { path: path.to_owned(), digest: record.digest })
}

/// The file and its record. Whatever it is made of has a part in the name.
fn places(cache: &Path, (world, engine): (World, Interpreter)) -> (PathBuf, PathBuf) {
    let parts = [
        FORMAT.to_le_bytes().to_vec(),
        env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
        engine_digest(engine).into_bytes(),
        sdk::digest().as_str().as_bytes().to_vec(),
        begin::digest().as_str().as_bytes().to_vec(),
        world.bindings().to_vec(),
    ];
    let name = format!("javascript-{}", Digest::of_parts(parts).short());
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
        let (path, record) = places(cache.path(), (PLAIN, Interpreter::QuickJs));
        assert_eq!(open(&path, &record), None);
        write_atomically(&path, b"abc").unwrap();
        let text = format!("{{\"digest\":\"{}\",\"size_bytes\":3}}", Digest::of(b"abc"));
        write_atomically(&record, text.as_bytes()).unwrap();
        assert_eq!(open(&path, &record), Some(Shared { path: path.clone(), digest: Digest::of(b"abc") }));
        write_atomically(&path, b"ab").unwrap();
        assert_eq!(open(&path, &record), None);
    }

    #[test]
    fn another_world_or_engine_has_another_one() {
        let place =
            |network, responds, engine| places(Path::new("/cache"), (World { network, responds }, engine)).0;
        let all = [
            place(false, false, Interpreter::QuickJs),
            place(true, false, Interpreter::QuickJs),
            place(false, true, Interpreter::QuickJs),
            place(true, true, Interpreter::QuickJs),
            place(false, false, Interpreter::SpiderMonkey),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
