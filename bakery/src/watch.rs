//! Waits until a source changes: what `--watch` stands on.
//!
//! The operating system tells that something happened to a file; whether it changed is told by its contents, so saving a file as it was, touching it,
//! or checking out the same thing wakes nobody. Folders of outputs are not looked at. What bakery itself writes meanwhile is taken as known once it is
//! written, and a source that changes during a run is noticed after it, because contents are held against those from before the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Changes that come within this time are one.
const BURST: Duration = Duration::from_millis(120);
/// What has changed is looked at until it is the same for so long.
const SETTLING: Duration = Duration::from_millis(60);
/// How often it is looked whether the user wants to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// Folders in which there are outputs and no sources.
const OUTPUTS: [&str; 5] = ["target", "node_modules", "__pycache__", "dist", "venv"];
/// What bakery writes and somebody else may write too: it counts as known after each run.
const SNAPSHOT: &str = "snap";

/// The contents of a file, or that it cannot be read.
type Contents = Option<[u8; 32]>;

/// How many of the files that have changed are named.
const NAMED: usize = 3;

/// What is looked at; all paths are absolute.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// All files below these folders, but for outputs.
    pub roots: Vec<PathBuf>,
    /// These files too, wherever they are.
    pub files: BTreeSet<PathBuf>,
    /// Files and folders that are written by whoever watches, and not looked at.
    pub own: BTreeSet<PathBuf>,
}

/// Looks at files.
pub struct Watch {
    sources: Sources,
    known: BTreeMap<PathBuf, Contents>,
    folders: BTreeSet<PathBuf>,
    debouncer: Debouncer<RecommendedWatcher>,
    events: Receiver<DebounceEventResult>,
}

impl Watch {
    /// Begins to look at some files.
    ///
    /// # Errors
    /// The operating system cannot watch so many folders.
    pub fn new(sources: Sources) -> Result<Watch> {
        let (sender, events) = channel();
        let debouncer = new_debouncer(BURST, sender).map_err(cannot_watch)?;
        let mut watch =
            Watch { sources, known: BTreeMap::new(), folders: BTreeSet::new(), debouncer, events };
        watch.known = watch.look()?;
        Ok(watch)
    }

    /// The sources that are not as they were when this was last asked. To be asked before a run, so that what changes during it is noticed after it.
    ///
    /// # Errors
    /// The operating system cannot watch so many folders.
    pub fn changed(&mut self) -> Result<Vec<PathBuf>> {
        while self.events.try_recv().is_ok() {}
        let mut now = self.look()?;
        if now != self.known {
            // Somebody may be in the middle of writing.
            loop {
                std::thread::sleep(SETTLING);
                let again = self.look()?;
                if again == now {
                    break;
                }
                now = again;
            }
        }
        let paths: BTreeSet<&PathBuf> = now.keys().chain(self.known.keys()).collect();
        let differs = |path: &&&PathBuf| now.get(**path) != self.known.get(**path);
        let changed = paths.iter().filter(differs).map(|path| (**path).clone()).collect();
        self.known = now;
        Ok(changed)
    }

    /// Takes what a run has written as known. Sources stay as they were before it.
    ///
    /// # Errors
    /// The operating system cannot watch so many folders.
    pub fn settle(&mut self) -> Result<()> {
        let now = self.look()?;
        self.known.retain(|path, _| !is_snapshot(path));
        self.known.extend(now.into_iter().filter(|(path, _)| is_snapshot(path)));
        Ok(())
    }

    /// Blocks until a source is not as it was; which. None when the user wants to stop.
    ///
    /// # Errors
    /// The operating system cannot watch so many folders.
    pub fn wait(&mut self, interrupt: &Interrupt) -> Result<Option<Vec<PathBuf>>> {
        loop {
            let changed = self.changed()?;
            if !changed.is_empty() {
                return Ok(Some(changed));
            }
            loop {
                if interrupt.requested() {
                    return Ok(None);
                }
                match self.events.recv_timeout(PATIENCE) {
                    Ok(Ok(events)) if events.iter().all(|event| self.is_passed_over(&event.path)) => {}
                    Ok(_) => break,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::environment("the operating system has stopped watching files"));
                    }
                }
            }
        }
    }

    /// Whether a file is an output.
    fn is_passed_over(&self, path: &Path) -> bool {
        let Sources { roots, files, own } = &self.sources;
        if files.contains(path) {
            return false;
        }
        let Some(root) = roots.iter().find(|root| path.starts_with(root)) else { return true };
        let inner = path.strip_prefix(root).unwrap_or(path);
        let names = inner.components().filter_map(|part| part.as_os_str().to_str());
        own.iter().any(|own| path.starts_with(own)) || names.clone().any(is_output_name) || is_proposal(path)
    }

    /// The contents of all sources. Folders that are new are watched from now on.
    fn look(&mut self) -> Result<BTreeMap<PathBuf, Contents>> {
        let mut contents = BTreeMap::new();
        let mut left = self.sources.roots.clone();
        let mut folders = BTreeSet::new();
        for path in &self.sources.files {
            contents.insert(path.clone(), digest(path));
            // Its folder, because editors put a new file in the place of the old one.
            folders.extend(path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
        }
        while let Some(folder) = left.pop() {
            folders.insert(folder.clone());
            // What cannot be listed now may be gone, or may come back.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if self.is_passed_over(&path) {
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => left.push(path),
                    _ => drop(contents.insert(path.clone(), digest(&path))),
                }
            }
        }
        for folder in folders.difference(&self.folders) {
            self.debouncer.watcher().watch(folder, RecursiveMode::NonRecursive).map_err(cannot_watch)?;
        }
        self.folders = folders;
        Ok(contents)
    }
}

/// Files that have changed, as they are said to a person: a few of them, relative to the current folder if they are below it.
pub fn named(changed: &[PathBuf], current_dir: &Path) -> String {
    let shown = |path: &PathBuf| {
        let path: &Path = path.strip_prefix(current_dir).unwrap_or(path);
        format!("`{}`", path.display())
    };
    let names: Vec<String> = changed.iter().take(NAMED).map(shown).collect();
    let more = changed.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn digest(path: &Path) -> Contents {
    fs::read(path).ok().map(|bytes| Sha256::digest(bytes).into())
}

fn is_output_name(name: &str) -> bool {
    name.starts_with('.') || OUTPUTS.contains(&name)
}

fn is_snapshot(path: &Path) -> bool {
    path.extension().is_some_and(|found| found == SNAPSHOT)
}

/// What waits to be accepted is written by every run.
fn is_proposal(path: &Path) -> bool {
    path.extension().is_some_and(|found| found == "new")
}

fn cannot_watch(cause: notify_debouncer_mini::notify::Error) -> Error {
    Error::environment("the operating system cannot watch these folders").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn watched(files: &[(&str, &str)]) -> (tempfile::TempDir, Watch) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(folder.path(), name, text);
        }
        let root = folder.path().to_owned();
        let own = BTreeSet::from([root.join("report.xml"), root.join("kept")]);
        let files = BTreeSet::from([root.join("target/script.toml")]);
        let watch = Watch::new(Sources { roots: vec![root], files, own }).unwrap();
        (folder, watch)
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn names(root: &Path, changed: Vec<PathBuf>) -> Vec<String> {
        changed.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_file_has_changed_when_its_contents_have() {
        let (folder, mut watch) = watched(&[("src/lib.rs", "a"), ("Pie.toml", "b")]);
        write(folder.path(), "src/lib.rs", "a");
        assert_eq!(watch.changed().unwrap(), [] as [PathBuf; 0]);
        write(folder.path(), "src/lib.rs", "c");
        fs::remove_file(folder.path().join("Pie.toml")).unwrap();
        assert_eq!(names(folder.path(), watch.changed().unwrap()), ["Pie.toml", "src/lib.rs"]);
        assert_eq!(watch.changed().unwrap(), [] as [PathBuf; 0]);
    }

    #[test]
    fn outputs_wake_nobody() {
        let (folder, mut watch) = watched(&[("src/lib.rs", "a"), ("snapshots/x.output.snap", "a")]);
        for output in [
            "target/x.wasm",
            ".git/index",
            "snapshots/x.output.snap.new",
            "report.xml",
            "a/.cache/b",
            "kept/t",
        ] {
            write(folder.path(), output, "new");
        }
        assert_eq!(watch.changed().unwrap(), [] as [PathBuf; 0]);
        write(folder.path(), "snapshots/x.output.snap", "accepted by the run");
        watch.settle().unwrap();
        assert_eq!(watch.changed().unwrap(), [] as [PathBuf; 0]);
        write(folder.path(), "snapshots/x.output.snap", "accepted by somebody else");
        assert_eq!(names(folder.path(), watch.changed().unwrap()), ["snapshots/x.output.snap"]);
    }

    #[test]
    fn a_file_that_is_named_counts_wherever_it_is() {
        let (folder, mut watch) = watched(&[("src/lib.rs", "a"), ("target/script.toml", "a")]);
        write(folder.path(), "target/script.toml", "b");
        write(folder.path(), "target/other.toml", "b");
        assert_eq!(names(folder.path(), watch.changed().unwrap()), ["target/script.toml"]);
    }

    #[test]
    fn a_few_of_many_changes_are_named() {
        let paths = ["/w/a", "/w/b/c", "/x", "/w/d", "/w/e"].map(PathBuf::from);
        assert_eq!(named(&paths[..1], Path::new("/w")), "`a`");
        assert_eq!(named(&paths, Path::new("/w")), "`a`, `b/c`, `/x` and 2 more");
    }

    #[test]
    fn what_changes_during_a_run_is_noticed_after_it() {
        let (folder, mut watch) = watched(&[("src/lib.rs", "a")]);
        // The run has begun.
        assert_eq!(watch.changed().unwrap(), [] as [PathBuf; 0]);
        write(folder.path(), "src/lib.rs", "b");
        watch.settle().unwrap();
        let changed = watch.wait(&Interrupt::default()).unwrap().unwrap();
        assert_eq!(names(folder.path(), changed), ["src/lib.rs"]);
    }

    #[test]
    fn waiting_ends_with_a_change_in_a_new_folder_and_when_the_user_wants_to_stop() {
        let (folder, mut watch) = watched(&[("src/lib.rs", "a")]);
        let root = folder.path().to_owned();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            write(&root, "target/noise", "x");
            write(&root, "src/new/mod.rs", "x");
        });
        let changed = watch.wait(&Interrupt::default()).unwrap().unwrap();
        writer.join().unwrap();
        assert_eq!(names(folder.path(), changed), ["src/new/mod.rs"]);
        let interrupt = Interrupt::default();
        interrupt.request();
        let asked = Instant::now();
        assert_eq!(watch.wait(&interrupt).unwrap(), None);
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
}
