//! A file in memory without copying it: the operating system brings in what is read, and drops it again when memory is short.

use super::SourceError;
use crate::model::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// The alignment that copied bytes get, in bytes. Mapped files begin at a page.
pub(super) const ALIGNMENT: usize = 64;

/// Maps a file for reading.
pub(super) fn map(path: &Path) -> Result<Bytes, SourceError> {
    let shown = || path.display().to_string();
    let unreadable = |error: std::io::Error| SourceError::Read { path: shown(), reason: error.to_string() };
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SourceError::NotFound { path: shown() },
        _ => unreadable(error),
    })?;
    // Whoever cuts a model's file while it runs has its process killed by the operating system. Everybody who maps weights accepts
    // that, because the alternative is to copy them.
    #[expect(unsafe_code)]
    let mapped = unsafe { Mmap::map(&file) };
    mapped.map(Bytes::new).map_err(unreadable)
}

/// The same bytes at another place, where numbers of any type can be read once `skip` bytes are passed over.
pub(super) fn copied(bytes: &[u8], skip: usize) -> Bytes {
    let mut copy = vec![0; bytes.len() + ALIGNMENT];
    let misplaced = (copy.as_ptr() as usize + skip) % ALIGNMENT;
    let place = (ALIGNMENT - misplaced) % ALIGNMENT;
    copy[place..place + bytes.len()].copy_from_slice(bytes);
    let copy = Bytes::new(copy);
    copy.slice(place..place + bytes.len()).unwrap_or(copy)
}
