//! Which inferlets an inferlet may launch: whoever runs it says so.

use crate::host::component::Inferlet;
use crate::launch::Launch;
use semver::{Version, VersionReq};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Finds the inferlets that one inferlet may launch.
pub trait Programs: Send + Sync {
    /// The inferlet that is meant, and its start: its input checked and completed, and what its own manifest lets it have. The engine sees to it
    /// that this is no more than what the one who launches it has.
    ///
    /// # Errors
    /// Why there is none, for the inferlet that asked.
    fn find(self: Arc<Self>, wanted: &Wanted<'_>) -> Result<(Inferlet, Launch), ProgramError>;
}

/// What an inferlet asks to be launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The name.
    pub name: &'a str,
    /// The versions that will do.
    pub version: VersionReq,
    /// The input as JSON text.
    pub input: &'a str,
}

impl<'a> Wanted<'a> {
    /// Reads `name` or `name@version`, where `version` is a requirement: `1.2`, `=1.2.3`, `>=1, <3`.
    ///
    /// # Errors
    /// There is no name, or what follows it is no requirement.
    pub fn parse(program: &'a str, input: &'a str) -> Result<Wanted<'a>, ProgramError> {
        let (name, version) = match program.split_once('@') {
            None => (program, VersionReq::STAR),
            Some((name, version)) => (name, requirement(program, version)?),
        };
        if name.is_empty() {
            return Err(ProgramError::Spelling {
                program: shortened(program),
                problem: "it has no name".to_owned(),
            });
        }
        Ok(Wanted { name, version, input })
    }
}

fn requirement(program: &str, version: &str) -> Result<VersionReq, ProgramError> {
    VersionReq::parse(version).map_err(|error| ProgramError::Spelling {
        program: shortened(program),
        problem: format!("what follows `@` is no version: {error}"),
    })
}

/// A name as an error shows it.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why an inferlet cannot be launched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// It is not written as `name` or `name@version`.
    #[error("`{program}` is not the `name` or `name@version` of an inferlet: {problem}")]
    Spelling {
        /// What was asked for.
        program: String,
        /// What is wrong with it.
        problem: String,
    },
    /// None of that name.
    #[error("there is no `{}` to launch; {}", shortened(.name), choices(.known))]
    Unknown {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// There is one of that name, and not of that version.
    #[error("there is no `{name}` of version `{wanted}` to launch; there is {}", versions(.found))]
    Version {
        /// The name.
        name: String,
        /// The requirement.
        wanted: VersionReq,
        /// Those there are.
        found: Vec<Version>,
    },
    /// Its input is not what it takes.
    #[error("`{name}` does not take this input: {problem}")]
    Input {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It is known, but cannot be had.
    #[error("`{name}` cannot be launched: {problem}")]
    Unavailable {
        /// The name.
        name: String,
        /// Why not.
        problem: String,
    },
    /// Nobody said which ones there are.
    #[error("this inferlet may launch no others: its manifest has no `[dependencies]`")]
    None,
}

fn choices(known: &[String]) -> String {
    match known {
        [] => "`[dependencies]` in its manifest is empty".to_owned(),
        known => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("`[dependencies]` in its manifest has {}", names.join(", "))
        }
    }
}

fn versions(found: &[Version]) -> String {
    found.iter().map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ")
}

/// Inferlets that are there already. Each of them may launch all of them.
#[derive(Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<String, BTreeMap<Version, Inferlet>>,
}

impl Catalog {
    /// Adds an inferlet.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, version: Version, inferlet: Inferlet) -> Self {
        self.entries.entry(name.into()).or_default().insert(version, inferlet);
        self
    }
}

impl Programs for Catalog {
    /// Of several versions that will do, the latest.
    fn find(self: Arc<Self>, wanted: &Wanted<'_>) -> Result<(Inferlet, Launch), ProgramError> {
        let name = wanted.name.to_owned();
        let Some(versions) = self.entries.get(&name) else {
            return Err(ProgramError::Unknown { name, known: self.entries.keys().cloned().collect() });
        };
        let Some((_, inferlet)) = versions.iter().rfind(|(version, _)| wanted.version.matches(version))
        else {
            let found = versions.keys().cloned().collect();
            return Err(ProgramError::Version { name, wanted: wanted.version.clone(), found });
        };
        let launch = Launch::new(wanted.input).name(name).programs(Arc::clone(&self) as _);
        Ok((inferlet.clone(), launch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(program: &str) -> Result<(&str, String), String> {
        let wanted = Wanted::parse(program, "null").map_err(|error| error.to_string())?;
        Ok((wanted.name, wanted.version.to_string()))
    }

    #[test]
    fn a_name_alone_means_any_version() {
        assert_eq!(read("worker"), Ok(("worker", "*".to_owned())));
        assert_eq!(read("worker@1.2"), Ok(("worker", "^1.2".to_owned())));
        assert_eq!(read("worker@=1.2.3"), Ok(("worker", "=1.2.3".to_owned())));
    }

    #[test]
    fn what_is_no_name_or_no_version_is_said() {
        let no_name = "` is not the `name` or `name@version` of an inferlet: it has no name";
        assert_eq!(read(""), Err(format!("`{no_name}")));
        assert_eq!(read("@1"), Err(format!("`@1{no_name}")));
        let error = read("worker@latest").unwrap_err();
        assert!(error.starts_with("`worker@latest` is not") && error.contains("no version"), "{error}");
        let long = read(&format!("worker@{}", "x".repeat(1000))).unwrap_err();
        assert!(long.len() < 300, "{long}");
    }
}
