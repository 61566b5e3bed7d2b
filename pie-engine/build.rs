//! The digest of the interface, which every trace carries: SHA-256 over the files of the WIT package in order of their paths. It is taken here,
//! because taking it at every start would be a tenth of the time that a small inferlet runs.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    let wit = Path::new("../wit");
    println!("cargo::rerun-if-changed={}", wit.display());
    let mut files = BTreeMap::new();
    collect(wit, &mut files)?;
    let mut digest = Sha256::new();
    for (path, contents) in files {
        // The same on every platform.
        let components: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        digest.update(components.join("/"));
        digest.update([0]);
        digest.update(contents);
        digest.update([0]);
    }
    let hexadecimal: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=WIT_DIGEST={hexadecimal}");
    Ok(())
}

/// The `.wit` files below a folder, by their paths below `../wit`.
fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            let below = path.strip_prefix("../wit").expect("it was found there");
            files.insert(below.to_owned(), fs::read(&path)?);
        }
    }
    Ok(())
}
