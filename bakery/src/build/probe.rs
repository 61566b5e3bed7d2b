//! What a file or a folder was like when something was made from it, and whether it still is.
//!
//! Looking is cheap: size and modification time first, the content only when those differ. As in git's index, a file that was changed in the same moment
//! in which it was recorded is not trusted by its time: its content is compared until it has been seen at rest.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::digest::{Digest, digest_file};

/// Clocks of file systems are coarse: a file younger than this may change again without its time showing it.
const AT_REST: Duration = Duration::from_secs(2);

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// A file's content; of a folder only that it is one.
    Content,
    /// The names in a folder.
    Names,
    /// All files below a folder, names and contents.
    Tree,
}

/// A path and what was seen there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Absolute.
    pub path: PathBuf,
    /// What was there.
    pub seen: Seen,
}

/// What was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// A folder whose inside does not matter.
    Folder,
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// Nanoseconds since the epoch; 0 while the file is not at rest.
        modified: u64,
        /// Of the content.
        digest: Digest,
    },
    /// A folder of these names.
    Names(Digest),
    /// A folder of these files.
    Tree {
        /// Of names, sizes and times; empty while a file is not at rest.
        outside: Option<Digest>,
        /// Of names and contents.
        inside: Digest,
    },
}

/// What a second look finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing has changed.
    Same,
    /// The content is the same, but what was seen of it is not; here is how to recognize it next time.
    Refreshed(Seen),
    /// It has changed.
    Changed,
}

impl Probe {
    /// Looks at a path for the first time.
    ///
    /// # Errors
    /// What is there cannot be read.
    pub fn take(path: impl Into<PathBuf>, depth: Depth) -> io::Result<Probe> {
        let path = path.into();
        let seen = look(&path, depth, SystemTime::now())?;
        Ok(Probe { path, seen })
    }

    /// Looks again. What cannot be read has changed.
    pub fn again(&self) -> Finding {
        self.again_at(SystemTime::now())
    }

    fn again_at(&self, now: SystemTime) -> Finding {
        if self.is_plainly_the_same() {
            return Finding::Same;
        }
        let depth = match &self.seen {
            Seen::Nothing => return Finding::Changed,
            Seen::Folder | Seen::File { .. } => Depth::Content,
            Seen::Names(_) => Depth::Names,
            Seen::Tree { .. } => Depth::Tree,
        };
        match look(&self.path, depth, now) {
            Ok(seen) if seen == self.seen => Finding::Same,
            Ok(seen) if seen.same_content(&self.seen) => Finding::Refreshed(seen),
            _ => Finding::Changed,
        }
    }

    /// Whether the cheap look is enough.
    fn is_plainly_the_same(&self) -> bool {
        match (&self.seen, fs::metadata(&self.path)) {
            (Seen::Nothing, Err(error)) => is_absence(&error),
            (Seen::Folder, Ok(metadata)) => metadata.is_dir(),
            (Seen::File { size, modified, .. }, Ok(metadata)) => {
                *modified != 0
                    && metadata.is_file()
                    && metadata.len() == *size
                    && time_of(&metadata) == *modified
            }
            (Seen::Tree { outside: Some(outside), .. }, Ok(_)) => {
                files_below(&self.path).is_ok_and(|files| outside_of(&self.path, &files) == *outside)
            }
            _ => false,
        }
    }

    /// When what was seen was changed last, if that is known: nanoseconds since the epoch.
    pub fn modified(&self) -> Option<u64> {
        fs::metadata(&self.path).ok().filter(Metadata::is_file).map(|metadata| time_of(&metadata))
    }
}

impl Seen {
    fn same_content(&self, other: &Seen) -> bool {
        match (self, other) {
            (Seen::File { digest: a, .. }, Seen::File { digest: b, .. }) => a == b,
            (Seen::Tree { inside: a, .. }, Seen::Tree { inside: b, .. }) => a == b,
            _ => self == other,
        }
    }

    /// The digest of the content, where content was looked at.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Seen::File { digest, .. } | Seen::Names(digest) | Seen::Tree { inside: digest, .. } => {
                Some(digest)
            }
            Seen::Nothing | Seen::Folder => None,
        }
    }
}

fn look(path: &Path, depth: Depth, now: SystemTime) -> io::Result<Seen> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => return Ok(Seen::Nothing),
        Err(error) => return Err(error),
    };
    if metadata.is_file() {
        let digest = digest_file(path)?;
        let modified = if is_at_rest(&metadata, now) { time_of(&metadata) } else { 0 };
        return Ok(Seen::File { size: metadata.len(), modified, digest });
    }
    match depth {
        Depth::Content => Ok(Seen::Folder),
        Depth::Names => Ok(Seen::Names(names_in(path)?)),
        Depth::Tree => tree(path, now),
    }
}

fn names_in(folder: &Path) -> io::Result<Digest> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(Digest::of_parts(names.iter().map(|name| name.as_encoded_bytes())))
}

fn tree(folder: &Path, now: SystemTime) -> io::Result<Seen> {
    let files = files_below(folder)?;
    let mut parts = Vec::new();
    for (file, _) in &files {
        parts.push(relative(folder, file));
        parts.push(digest_file(file)?.to_string().into_bytes());
    }
    let at_rest = files.iter().all(|(_, metadata)| is_at_rest(metadata, now));
    let outside = at_rest.then(|| outside_of(folder, &files));
    Ok(Seen::Tree { outside, inside: Digest::of_parts(parts) })
}

fn outside_of(folder: &Path, files: &[(PathBuf, Metadata)]) -> Digest {
    let parts = files.iter().flat_map(|(file, metadata)| {
        let numbers = [metadata.len().to_le_bytes(), time_of(metadata).to_le_bytes()].concat();
        [relative(folder, file), numbers]
    });
    Digest::of_parts(parts)
}

fn relative(folder: &Path, file: &Path) -> Vec<u8> {
    file.strip_prefix(folder).unwrap_or(file).as_os_str().as_encoded_bytes().to_vec()
}

/// Every file below a folder, in the order of the paths. What builds and version control put there is left out.
fn files_below(folder: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let path = entry?.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let generated = path.join("CACHEDIR.TAG").exists() || path.ends_with(".git");
            if metadata.is_dir() && !generated {
                folders.push(path);
            } else if metadata.is_file() {
                files.push((path, metadata));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_at_rest(metadata: &Metadata, now: SystemTime) -> bool {
    metadata.modified().is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age >= AT_REST))
}

/// Nanoseconds since the epoch; 0 where the file system has no times.
fn time_of(metadata: &Metadata) -> u64 {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    modified.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            age(&file, 100);
        }
        dir
    }

    /// Makes a file look as if it had been written that many seconds ago.
    fn age(file: &Path, seconds: u64) {
        let file = File::options().write(true).open(file).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_file_that_is_left_alone_is_the_same_and_is_not_read_again() {
        let dir = folder(&[("a", "text")]);
        let probe = Probe::take(dir.path().join("a"), Depth::Content).unwrap();
        assert!(probe.is_plainly_the_same());
        assert_eq!(probe.again(), Finding::Same);
    }

    #[test]
    fn touching_a_file_changes_what_is_seen_but_not_the_content() {
        let dir = folder(&[("a", "text")]);
        let mut probe = Probe::take(dir.path().join("a"), Depth::Content).unwrap();
        age(&probe.path, 50);
        let Finding::Refreshed(seen) = probe.again() else { panic!("touched, not changed") };
        probe.seen = seen;
        assert_eq!(probe.again(), Finding::Same);
    }

    #[test]
    fn another_content_of_the_same_size_is_a_change() {
        let dir = folder(&[("a", "text")]);
        let probe = Probe::take(dir.path().join("a"), Depth::Content).unwrap();
        fs::write(&probe.path, "TEXT").unwrap();
        assert_eq!(probe.again(), Finding::Changed);
    }

    #[test]
    fn a_change_within_the_tick_of_the_clock_is_noticed() {
        let dir = folder(&[("a", "text")]);
        let now = SystemTime::now();
        age(&dir.path().join("a"), 0);
        let probe = Probe::take(dir.path().join("a"), Depth::Content).unwrap();
        let time = fs::metadata(&probe.path).unwrap().modified().unwrap();
        fs::write(&probe.path, "TEXT").unwrap();
        File::options().write(true).open(&probe.path).unwrap().set_modified(time).unwrap();
        assert_eq!(probe.again_at(now), Finding::Changed);
    }

    #[test]
    fn appearing_and_vanishing_are_changes() {
        let dir = folder(&[("a", "text")]);
        let absent = Probe::take(dir.path().join("b"), Depth::Content).unwrap();
        let present = Probe::take(dir.path().join("a"), Depth::Content).unwrap();
        assert_eq!((absent.again(), present.again()), (Finding::Same, Finding::Same));
        fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert_eq!((absent.again(), present.again()), (Finding::Changed, Finding::Changed));
        let below_a_file = Probe::take(dir.path().join("b/c"), Depth::Content).unwrap();
        assert_eq!(below_a_file.seen, Seen::Nothing);
    }

    #[test]
    fn names_notice_a_new_file_and_nothing_else() {
        let dir = folder(&[("a", "text")]);
        let probe = Probe::take(dir.path(), Depth::Names).unwrap();
        fs::write(dir.path().join("a"), "other").unwrap();
        assert_eq!(probe.again(), Finding::Same);
        fs::write(dir.path().join("b"), "").unwrap();
        assert_eq!(probe.again(), Finding::Changed);
    }

    #[test]
    fn a_tree_notices_content_and_new_files_below_but_not_a_touch_or_a_build() {
        let dir = folder(&[("a/b", "text"), ("c", "")]);
        let probe = Probe::take(dir.path(), Depth::Tree).unwrap();
        assert!(probe.is_plainly_the_same());
        fs::create_dir(dir.path().join("target")).unwrap();
        fs::write(dir.path().join("target/CACHEDIR.TAG"), "").unwrap();
        assert_eq!(probe.again(), Finding::Same);
        age(&dir.path().join("a/b"), 50);
        assert!(matches!(probe.again(), Finding::Refreshed(_)));
        fs::write(dir.path().join("a/new"), "").unwrap();
        assert_eq!(probe.again(), Finding::Changed);
    }
}
