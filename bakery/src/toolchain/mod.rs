//! Finds or provides what a language needs to become a component.
//!
//! For Rust that is a compiler with the standard library of `wasm32-wasip2`. In this order:
//!
//! 1. [`installed`]: the user's own compiler has the target;
//! 2. [`provided`]: an earlier run of bakery has put a compiler into the cache;
//! 3. [`rustup`]: `rustup target add`, where there is a rustup and a network;
//! 4. [`debian`]: on Debian, the distribution's packages unpacked into the cache, without root;
//! 5. an error that says why none of these worked and what to type.
//!
//! For JavaScript and TypeScript it is QuickJS: see [`javascript`].
//!
//! For Python it is componentize-py and a Python to run it: see [`python`]. The latter is the host's, or on Debian one of the distribution's packages
//! ([`debian::python`]).
//!
//! Invariants: the system and the user's files are left alone, but for the target that `rustup` adds to its own toolchain; what appears
//! in the cache is complete, because it is made beside its place and moved there in one step; two bakeries do not provide at the same
//! time.

pub mod debian;
pub mod installed;
pub mod javascript;
pub mod lock;
pub mod provided;
pub mod python;
pub mod rustup;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The target that inferlets in Rust are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// Whether bakery may fetch something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It may.
    Allowed,
    /// `--offline`: what is not here is missing.
    Forbidden,
}

/// A Rust compiler that has the standard library for [`TARGET`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// The `cargo` to run.
    pub cargo: PathBuf,
    /// The compiler that cargo is told to use; `None` leaves the choice to the user's configuration.
    pub rustc: Option<PathBuf>,
    /// The compiler's own account of itself.
    pub version: Version,
    /// Where the compiler keeps its libraries.
    pub sysroot: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// Files and folders that change when the toolchain does.
    pub witnesses: Vec<PathBuf>,
}

/// Where a toolchain came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The user's own.
    Installed,
    /// The distribution's packages, in bakery's cache.
    Packages,
}

/// What `rustc -vV` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The first line, for people: `rustc 1.96.0 (ac68faa20 2026-05-25)`.
    pub line: String,
    /// `1.96.0`
    pub release: semver::Version,
    /// The commit it was built from, when it says so.
    pub commit: Option<String>,
    /// The host's target triple.
    pub host: String,
}

impl Version {
    /// Reads the output of `rustc -vV`.
    pub fn parse(text: &str) -> Option<Version> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Some(Version {
            line: text.lines().next()?.to_owned(),
            release: semver::Version::parse(field("release")?).ok()?,
            commit: field("commit-hash").filter(|hash| *hash != "unknown").map(str::to_owned),
            host: field("host")?.to_owned(),
        })
    }
}

/// Finds or provides the Rust toolchain for the project in `dir`, whose settings (a `rust-toolchain.toml`) the user's own compiler follows.
///
/// # Errors
/// None of the ways of this module's description worked.
pub fn rust(env: &Environment, dir: &Path, network: Network, progress: &dyn Progress) -> Result<Toolchain> {
    let mut attempts = Attempts::default();
    if let Some(found) = attempts.take("the installed compiler", installed::find(env, dir)) {
        return Ok(found);
    }
    let cache = env.cache_dir()?;
    if let Some(found) = provided::find(&provided::folder(&cache)) {
        return Ok(found);
    }
    if network == Network::Forbidden {
        return Err(attempts
            .into_error(env)
            .hint("run it once without `--offline`, so that the compiler can be fetched"));
    }
    if attempts.take("rustup", rustup::add_target(env, dir, progress)).is_some()
        && let Some(found) = attempts.take("the compiler of rustup", installed::find(env, dir))
    {
        return Ok(found);
    }
    if let Some(found) =
        attempts.take("the packages of the distribution", debian::provide(env, &cache, progress))
    {
        return Ok(found);
    }
    env.interrupt.check()?;
    Err(attempts.into_error(env))
}

/// The toolchain that [`rust`] would use without providing anything.
pub fn find(env: &Environment, dir: &Path) -> Option<Toolchain> {
    installed::find(env, dir).ok().or_else(|| provided::find(&provided::folder(&env.cache_dir().ok()?)))
}

/// The outcome of one way to a toolchain that did not work: not an error by itself.
pub type Attempt<T> = Result<T, Unavailable>;

/// Why one way to a toolchain is closed.
#[derive(Debug)]
pub enum Unavailable {
    /// It does not exist on this machine.
    Absent(String),
    /// It exists and failed.
    Failed(Error),
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        Unavailable::Failed(error)
    }
}

/// What was tried, for the error at the end.
#[derive(Debug, Default)]
struct Attempts(Vec<String>);

impl Attempts {
    fn take<T>(&mut self, what: &str, attempt: Attempt<T>) -> Option<T> {
        match attempt {
            Ok(found) => return Some(found),
            Err(Unavailable::Absent(reason)) => self.0.push(format!("{what}: {reason}")),
            Err(Unavailable::Failed(error)) => self.0.push(format!("{what}: {}", chain(&error))),
        }
        None
    }

    /// Line by line.
    fn tried(self) -> String {
        self.0.join("\n")
    }

    fn into_error(self, env: &Environment) -> Error {
        let error =
            Error::environment(format!("there is no Rust compiler for `{TARGET}`")).caused_by(self.tried());
        if env.find_program("rustup").is_some() {
            error.hint(format!("rustup target add {TARGET}"))
        } else {
            error
                .hint("install rustup, as the home page of Rust shows")
                .hint(format!("then: rustup target add {TARGET}"))
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBOSE: &str = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\nbinary: rustc\n\
        commit-hash: ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96\ncommit-date: 2026-05-25\nhost: x86_64-unknown-linux-gnu\n\
        release: 1.96.0\nLLVM version: 22.1.8\n";

    #[test]
    fn the_compilers_account_of_itself_is_read() {
        let version = Version::parse(VERBOSE).unwrap();
        assert_eq!(version.release, semver::Version::new(1, 96, 0));
        assert_eq!(version.host, "x86_64-unknown-linux-gnu");
        assert_eq!(version.commit.as_deref(), Some("ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96"));
        let without_commit = VERBOSE.replace("ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96", "unknown");
        assert_eq!(Version::parse(&without_commit).unwrap().commit, None);
    }

    #[test]
    fn an_account_without_release_or_host_is_no_compiler() {
        for text in ["", "rustc 1.96.0", "rustc x\nrelease: x\nhost: y"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_last_error_says_what_was_tried_and_what_to_type() {
        let mut attempts = Attempts::default();
        attempts.take::<()>("rustup", Err(Unavailable::Absent("not in `PATH`".into())));
        let failure = Error::environment("`apt-get` failed").caused_by("no network");
        attempts.take::<()>("packages", Err(failure.into()));
        let error = attempts.into_error(&Environment::new([("PATH", "/nowhere")], "/"));
        let tried = error.source.unwrap().to_string();
        assert_eq!(tried, "rustup: not in `PATH`\npackages: `apt-get` failed: no network");
        assert!(
            error.hints.iter().any(|hint| hint.contains("rustup target add wasm32-wasip2")),
            "{:?}",
            error.hints
        );
    }
}
