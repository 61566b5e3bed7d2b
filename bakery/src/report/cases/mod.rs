//! What came of the cases of a test, in each format: [`text`] for people, [`document`] for programs, [`junit`] and [`github`] for CI services.

pub mod document;
pub mod github;
pub mod junit;
pub mod side;
pub mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::snapshot::verdict::Verdict;

/// What came of all cases.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Of each project that had any.
    pub projects: Vec<TestedProject>,
    /// How long all of it took; zero where nobody measures.
    pub elapsed: Duration,
    /// What has to be said to have a case run again, behind `bakery test`, the project and the case.
    pub flags: String,
}

/// What came of the cases of a project.
#[derive(Clone, Debug)]
pub struct TestedProject {
    /// The project's folder, as it is typed.
    pub shown: PathBuf,
    /// The inferlet's name.
    pub name: String,
    /// In the order of the cases.
    pub verdicts: Vec<Verdict>,
    /// Snapshots that no case asks for.
    pub obsolete: Vec<String>,
    /// Whether these were removed.
    pub removed: bool,
    /// Whether these are a failure.
    pub strict: bool,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases that are as they should be.
    pub passed: usize,
    /// Cases that are not.
    pub failed: usize,
    /// Snapshots that were accepted now.
    pub accepted: usize,
    /// Snapshots that wait to be accepted.
    pub proposed: usize,
    /// Snapshots that no case asks for and that are still there.
    pub obsolete: usize,
}

impl Tested {
    /// Counts.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for project in &self.projects {
            for verdict in &project.verdicts {
                counts.passed += usize::from(verdict.passed());
                counts.failed += usize::from(!verdict.passed());
                for done in &verdict.done {
                    match done {
                        crate::snapshot::verdict::Done::Accepted(_) => counts.accepted += 1,
                        crate::snapshot::verdict::Done::Proposed(_) => counts.proposed += 1,
                    }
                }
            }
            counts.obsolete += if project.removed { 0 } else { project.obsolete.len() };
        }
        counts
    }

    /// Whether all is as it should be.
    pub fn passed(&self) -> bool {
        let orderly = |project: &TestedProject| {
            project.verdicts.iter().all(Verdict::passed)
                && (project.removed || !project.strict || project.obsolete.is_empty())
        };
        self.projects.iter().all(orderly)
    }

    /// The command that runs just this case again.
    pub fn again(&self, project: &TestedProject, case: &str) -> String {
        let path = project.shown.display().to_string();
        let path =
            if is_here(&project.shown) { String::new() } else { format!(" {}", shell_words::quote(&path)) };
        format!("bakery test{path} {}{}", shell_words::quote(case), self.flags)
    }
}

impl TestedProject {
    /// The path of one of its files, from where its folder is typed from. Services that read a report know no `./`.
    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        if is_here(&self.shown) { name.to_owned() } else { self.shown.join(name) }
    }
}

/// Whether a path is the current folder.
pub fn is_here(path: &Path) -> bool {
    path.components().all(|part| part == std::path::Component::CurDir)
}
