//! Where fetched files are: the layout of Hugging Face's own tools, which share it.
//!
//! ```text
//! models--OWNER--REPO/refs/main             the commit that a revision was when it was fetched
//! models--OWNER--REPO/blobs/CHECKSUM        contents
//! models--OWNER--REPO/snapshots/COMMIT/…    names, which point to contents
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{self, File};
use super::spec::HubSpec;
use crate::environment::Environment;
use crate::error::{Error, Result};

const PREFIX: &str = "models--";
/// What the name of a file ends with that is not whole.
pub(super) const INCOMPLETE: &str = "incomplete";

/// The folder of all repositories.
pub struct Cache {
    root: PathBuf,
}

/// A repository that is here, as `bakery model list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is loaded by.
    pub spec: HubSpec,
    /// Bytes that it takes, parts of files included.
    pub bytes: u64,
}

/// The folder of one repository.
pub(super) struct Repository {
    folder: PathBuf,
    /// Where its lock is, beside those of Hugging Face's tools.
    locks: PathBuf,
}

impl Cache {
    /// `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else in `huggingface` in the platform's cache folder.
    pub fn of(env: &Environment) -> Result<Cache> {
        let given = |name| env.variable(name).map(|folder| env.current_dir.join(folder));
        let home = || {
            let cache = given("XDG_CACHE_HOME").or_else(|| Some(env.home()?.join(".cache")));
            given("HF_HOME").or_else(|| Some(cache?.join("huggingface")))
        };
        let root = given("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")));
        let root = root.ok_or_else(|| {
            Error::environment("there is no place for fetched models: neither `HOME` nor `HF_HOME` is set")
                .hint("export HF_HOME=/tmp/huggingface")
        })?;
        Ok(Cache { root })
    }

    pub(super) fn repository(&self, spec: &HubSpec) -> Repository {
        let name = format!("{PREFIX}{}--{}", spec.owner, spec.repo);
        Repository { folder: self.root.join(&name), locks: self.root.join(".locks").join(name) }
    }

    /// Where a model is, if all of it is here.
    pub fn find(&self, spec: &HubSpec) -> Option<PathBuf> {
        let repository = self.repository(spec);
        let commit = repository.commit(spec)?;
        files::whole(&repository.snapshot(&commit), spec)
    }

    /// Every repository, in the order of names.
    pub fn list(&self) -> Result<Vec<Kept>> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(broken(&self.root, "read")(error)),
        };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("--"));
            let Some((owner, repo)) = parts else { continue };
            let Ok(spec) = format!("hf:{owner}/{repo}").parse::<HubSpec>() else { continue };
            kept.push(Kept { spec, bytes: size(&entry.path()) });
        }
        kept.sort_by_key(|kept| kept.spec.repository());
        Ok(kept)
    }

    /// Removes a repository.
    pub fn remove(&self, spec: &HubSpec) -> Result<Option<u64>> {
        let folder = self.repository(spec).folder;
        if !folder.is_dir() {
            return Ok(None);
        }
        let bytes = size(&folder);
        fs::remove_dir_all(&folder).map_err(broken(&folder, "remove"))?;
        Ok(Some(bytes))
    }
}

impl Repository {
    /// Where the lock is that keeps two from fetching the same at once.
    pub(super) fn lock_folder(&self) -> &Path {
        &self.locks
    }

    /// Where a file's contents are, by its checksum.
    pub(super) fn blob(&self, file: &File) -> PathBuf {
        self.folder.join("blobs").join(&file.checksum)
    }

    /// The names of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Which commit a revision was when it was fetched; a commit is itself.
    fn commit(&self, spec: &HubSpec) -> Option<String> {
        if let Ok(commit) = fs::read_to_string(self.folder.join("refs").join(&spec.revision)) {
            let commit = commit.trim().to_owned();
            return files::is_checksum(&commit).then_some(commit);
        }
        self.snapshot(&spec.revision).is_dir().then(|| spec.revision.clone())
    }

    /// Gives a file that is here its name.
    pub(super) fn point(&self, commit: &str, file: &File) -> Result<()> {
        let name = self.snapshot(commit).join(&file.name);
        if name.is_file() {
            return Ok(());
        }
        let folder = name.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(broken(folder, "write"))?;
        // One that points to nothing: its contents were removed.
        let _ = fs::remove_file(&name);
        self.link(&name, file).map_err(broken(&name, "write"))
    }

    #[cfg(unix)]
    fn link(&self, name: &Path, file: &File) -> std::io::Result<()> {
        let up = "../".repeat(2 + file.name.matches('/').count());
        std::os::unix::fs::symlink(format!("{up}blobs/{}", file.checksum), name)
    }

    /// Links need a right there that few users have.
    #[cfg(not(unix))]
    fn link(&self, name: &Path, file: &File) -> std::io::Result<()> {
        fs::hard_link(self.blob(file), name)
    }

    /// Notes which commit a revision is.
    pub(super) fn finish(&self, spec: &HubSpec, commit: &str) -> Result<()> {
        let path = self.folder.join("refs").join(&spec.revision);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(broken(folder, "write"))?;
        let file = tempfile::NamedTempFile::new_in(folder).map_err(broken(&path, "write"))?;
        fs::write(file.path(), commit).map_err(broken(&path, "write"))?;
        file.persist(&path).map_err(|error| broken(&path, "write")(error.error))?;
        Ok(())
    }
}

fn broken<'a>(path: &'a Path, what: &'a str) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |error| Error::environment(format!("cannot {what} `{}`", path.display())).caused_by(error)
}

/// Bytes of all files below a folder; what links point to counts once, where it is.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
        _ => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_hugging_faces_tools() {
        let root = |variables: &[(&str, &str)]| {
            Cache::of(&Environment::new(variables.iter().copied(), "/work")).unwrap().root
        };
        assert_eq!(root(&[("HOME", "/home/ada")]), Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(root(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(root(&[("HF_HOME", "h")]), Path::new("/work/h/hub"));
        assert_eq!(root(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert!(Cache::of(&Environment::empty("/work")).is_err());
    }
}
