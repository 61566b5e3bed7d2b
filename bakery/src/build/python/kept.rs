//! Components that were made, by a digest of all that they were made of. The last few are kept: for a project that goes back and forth, one that lies in two
//! places, and so that what was the same stays the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::build::Digest;
use crate::build::run::write_atomically;

/// How many are kept, of some 25 MB each.
const KEPT: usize = 24;

fn folder(cache: &Path) -> PathBuf {
    cache.join("builds").join("python-components")
}

fn file(cache: &Path, digest: &Digest) -> PathBuf {
    folder(cache).join(format!("{digest}.wasm"))
}

/// The component of this digest.
pub fn find(cache: &Path, digest: &Digest) -> Option<Vec<u8>> {
    let path = file(cache, digest);
    let wasm = fs::read(&path).ok()?;
    // Found again is as good as new; and if that cannot be said, it is forgotten earlier.
    let _ =
        fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
    Some(wasm)
}

/// Keeps a component, and forgets the one that was not asked for longest if there are many. Nothing depends on it.
pub fn keep(cache: &Path, digest: &Digest, wasm: &[u8]) {
    let _ = write_atomically(&file(cache, digest), wasm);
    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder(cache))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(KEPT);
    for (_, path) in kept.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_last_few_are_kept() {
        let cache = tempfile::tempdir().unwrap();
        let digest = |number: usize| Digest::of(&number.to_le_bytes());
        for number in 0..KEPT + 3 {
            keep(cache.path(), &digest(number), &number.to_le_bytes());
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64 + 1);
            let path = file(cache.path(), &digest(number));
            fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        }
        assert_eq!(find(cache.path(), &digest(0)), None);
        assert_eq!(find(cache.path(), &digest(KEPT)), Some(KEPT.to_le_bytes().to_vec()));
        assert_eq!(fs::read_dir(folder(cache.path())).unwrap().count(), KEPT);
    }
}
