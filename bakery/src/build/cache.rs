//! Remembers what a build was made from, so that the next one can tell in milliseconds that there is nothing to do, without asking cargo.
//!
//! One file for each way of building a project, in bakery's cache: [`Key`] says which. It is a memory, not a promise: deleting it costs a call of cargo, and
//! a file that cannot be read counts as none.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::check::Checked;
use super::digest::Digest;
use super::probe::{self, Finding, Probe};
use super::rust::inputs::Inputs;
use super::rust::{Ground, config};
use super::{Options, sdk};
use crate::environment::Environment;
use crate::project::Project;

/// Changes when older files mean something else.
const FORMAT: u32 = 1;

/// Variables that change what cargo does. All that begin with one of these are taken, but for [`NOT_RELEVANT`].
const RELEVANT: [&str; 4] = ["CARGO_", "RUSTFLAGS", "RUSTC", "RUSTUP_"];

/// Variables that only say how cargo talks and fetches, and those that an outer cargo sets for the program that it runs.
const NOT_RELEVANT: [&str; 9] = [
    "CARGO_TERM_",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
];

/// One way of building one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Digest);

impl Key {
    /// Everything that is known before anything is read.
    pub fn of(env: &Environment, project: &Project, options: &Options) -> Key {
        let text = |path: Option<PathBuf>| {
            path.map(|path| path.into_os_string().into_encoded_bytes()).unwrap_or_default()
        };
        let mut parts = vec![
            FORMAT.to_le_bytes().to_vec(),
            env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
            sdk::digest().as_str().as_bytes().to_vec(),
            text(Some(project.root.clone())),
            text(options.output.clone()),
            options.profile_of(project).as_bytes().to_vec(),
            text(env.find_program("cargo")),
            text(env.find_program("rustc")),
            text(config::cargo_home(env)),
        ];
        for (name, value) in env.variables().filter(|(name, _)| is_relevant(&name.to_string_lossy())) {
            parts.push(name.as_encoded_bytes().to_vec());
            parts.push(value.as_encoded_bytes().to_vec());
        }
        Key(Digest::of_parts(parts))
    }
}

impl Key {
    /// Of the parts that say which way of building which project it is.
    pub fn of_parts<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Key {
        Key(Digest::of_parts(parts))
    }

    /// The digest.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

/// What is remembered under a key. What cannot be read counts as nothing.
pub fn recollect<T: DeserializeOwned>(cache: &Path, key: &Key) -> Option<T> {
    serde_json::from_slice(&std::fs::read(file(cache, key)).ok()?).ok()
}

/// Remembers. If that fails, the next build takes longer and nothing else.
pub fn remember<T: Serialize>(cache: &Path, key: &Key, memory: &T) {
    if let Ok(bytes) = serde_json::to_vec(memory) {
        let _ = super::run::write_atomically(&file(cache, key), &bytes);
    }
}

fn is_relevant(name: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    begins(&RELEVANT) && !begins(&NOT_RELEVANT)
}

/// What is remembered of a build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// What cargo was asked with.
    pub ground: Ground,
    /// What that was decided from.
    pub ground_inputs: Seen,
    /// What it was made from; absent while that is not certain.
    pub made: Option<Made>,
}

/// What came out of a build, and from what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// The sources.
    pub sources: Seen,
    /// The component's file.
    pub output: Probe,
    /// Its size.
    pub size_bytes: u64,
    /// Its content.
    pub digest: Digest,
    /// What it turned out to be.
    pub checked: Checked,
}

impl Made {
    /// Looks at the component's file again.
    pub fn again(&mut self) -> Standing {
        Standing::of(std::slice::from_mut(&mut self.output))
    }
}

impl Memory {
    /// What is remembered under a key.
    pub fn load(cache: &Path, key: &Key) -> Option<Memory> {
        recollect(cache, key)
    }

    /// Remembers. If that fails, the next build takes longer and nothing else.
    pub fn save(&self, cache: &Path, key: &Key) {
        remember(cache, key, self);
    }
}

fn file(cache: &Path, key: &Key) -> PathBuf {
    cache.join("builds").join(format!("{}.json", key.0.short()))
}

/// Inputs and what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    files: Vec<Probe>,
    variables: Vec<(String, Option<String>)>,
}

/// What a second look at inputs finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They are as they were.
    Same,
    /// They are as they were, and [`Seen`] was updated to tell so faster.
    Refreshed,
    /// One has changed.
    Changed,
}

impl Standing {
    fn of(probes: &mut [Probe]) -> Standing {
        let mut standing = Standing::Same;
        for probe in probes {
            match probe.again() {
                Finding::Same => {}
                Finding::Refreshed(seen) => {
                    probe.seen = seen;
                    standing = Standing::Refreshed;
                }
                Finding::Changed => return Standing::Changed,
            }
        }
        standing
    }
}

impl Seen {
    /// Looks at inputs. `None` if one cannot be read.
    pub fn take(inputs: &Inputs, env: &Environment) -> Option<Seen> {
        let files = inputs.files.iter().map(|(path, depth)| Probe::take(path, *depth));
        let variables = inputs.variables.iter().map(|name| (name.clone(), value(env, name))).collect();
        Some(Seen { files: files.collect::<Result<_, _>>().ok()?, variables })
    }

    /// Looks again.
    pub fn again(&mut self, env: &Environment) -> Standing {
        if self.variables.iter().any(|(name, seen)| value(env, name) != *seen) {
            return Standing::Changed;
        }
        Standing::of(&mut self.files)
    }

    /// Whether a file was changed after `start`: then nobody knows which of its contents was compiled. Those that `except` names are written by the build.
    pub fn changed_since(&self, start: SystemTime, except: &Path) -> bool {
        let start = start.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |start| start.as_nanos());
        let sources = self.files.iter().filter(|probe| probe.path != except);
        sources.filter_map(Probe::modified).any(|modified| u128::from(modified) > start)
    }

    /// The files and watched folders and their contents, for provenance. Whole packages are left out: their sources are here one by one, and what else lies
    /// there is nobody's business.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Digest)> {
        self.files.iter().filter_map(|probe| {
            let digest = match &probe.seen {
                probe::Seen::File { digest, .. } => digest,
                probe::Seen::Tree { inside, .. } if !probe.path.join("Cargo.toml").exists() => inside,
                _ => return None,
            };
            Some((probe.path.as_path(), digest))
        })
    }
}

fn value(env: &Environment, name: &str) -> Option<String> {
    env.variable(name).map(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::probe::Depth;
    use crate::project::{Language, Manifest};
    use crate::toolchain::Network;

    fn project() -> Project {
        let text = "[package]\nname = \"a\"\nversion = \"0.1.0\"\n".to_owned();
        Project {
            root: "/p".into(),
            manifest_path: "/p/Pie.toml".into(),
            manifest: Manifest::parse(&text, "Pie.toml").unwrap(),
            manifest_text: text,
            language: Language::Rust,
            file: None,
        }
    }

    fn key(variables: &[(&str, &str)], options: &Options) -> Key {
        Key::of(&Environment::new(variables.iter().copied(), "/"), &project(), options)
    }

    #[test]
    fn whatever_changes_what_cargo_does_changes_the_key() {
        let options = Options::default();
        let plain = key(&[], &options);
        for name in [
            "RUSTFLAGS",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert_ne!(key(&[(name, "x")], &options), plain, "{name}");
        }
        assert_ne!(key(&[], &Options { profile: Some("dev".into()), ..Options::default() }), plain);
        assert_ne!(key(&[], &Options { output: Some("/o.wasm".into()), ..Options::default() }), plain);
    }

    #[test]
    fn what_only_changes_how_it_talks_does_not() {
        let plain = key(&[], &Options::default());
        for name in ["CARGO_TERM_COLOR", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "TERM", "CARGO_NET_OFFLINE"]
        {
            assert_eq!(key(&[(name, "x")], &Options::default()), plain, "{name}");
        }
        let other = Options { locked: true, quiet: true, network: Network::Forbidden, ..Options::default() };
        assert_eq!(key(&[], &other), plain);
    }

    #[test]
    fn a_variable_that_was_read_counts_also_when_it_was_not_set() {
        let inputs = Inputs { variables: ["GREETING".to_owned()].into(), ..Inputs::default() };
        let env = Environment::new([("X", "")], "/");
        let mut seen = Seen::take(&inputs, &env).unwrap();
        assert_eq!(seen.again(&env), Standing::Same);
        assert_eq!(seen.again(&env.with_variable("GREETING", "hi")), Standing::Changed);
    }

    #[test]
    fn a_file_written_while_cargo_was_at_work_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (source, lock) = (dir.path().join("lib.rs"), dir.path().join("Cargo.lock"));
        for file in [&source, &lock] {
            std::fs::write(file, "").unwrap();
        }
        let inputs = Inputs {
            files: [&source, &lock].map(|file| (file.clone(), Depth::Content)).into(),
            ..Inputs::default()
        };
        let seen = Seen::take(&inputs, &Environment::new([("X", "")], "/")).unwrap();
        let start = SystemTime::now() + std::time::Duration::from_secs(1);
        assert!(!seen.changed_since(start, &lock));
        let touch = |file: &Path| {
            let file = std::fs::File::options().write(true).open(file).unwrap();
            file.set_modified(start + std::time::Duration::from_secs(1)).unwrap();
        };
        touch(&lock);
        assert!(!seen.changed_since(start, &lock), "cargo writes the lock file itself");
        touch(&source);
        assert!(seen.changed_since(start, &lock));
    }

    #[test]
    fn a_memory_that_cannot_be_read_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let key = key(&[], &Options::default());
        assert!(Memory::load(dir.path(), &key).is_none());
        super::super::run::write_atomically(&file(dir.path(), &key), b"{").unwrap();
        assert!(Memory::load(dir.path(), &key).is_none());
    }
}
