//! Holds a run against its case: what is expected in words, what the page checker found, and each layer against what was accepted. What differs is
//! proposed or accepted, as far as the caller wants it.

use std::path::Path;

use super::Observed;
use super::diff;
use super::expectations;
use super::project;
use super::store::{Conditions, Folder, Key, Parsed, Snapshot};
use super::verdict::{Done, Problem};
use crate::error::Result;
use crate::project::case::{Case, Layer};
use crate::report::vocabulary::Vocabulary;

/// What becomes of what is not as it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Nothing is written.
    None,
    /// All of it waits to be accepted.
    Pending,
    /// What is new is accepted, and what changed waits.
    New,
    /// All is accepted.
    All,
}

/// Judges the runs of one project.
pub struct Judge<'a> {
    /// Its snapshots.
    pub folder: &'a Folder,
    /// The folder of its manifest.
    pub root: &'a Path,
    /// What is written.
    pub update: Update,
    /// The layers that count; all if empty.
    pub layers: &'a [Layer],
}

impl Judge<'_> {
    /// What is not as it should be, and what was done about it.
    ///
    /// # Errors
    /// Snapshots cannot be read or written.
    pub fn judge(
        &self,
        case: &Case,
        observed: &Observed,
        vocabulary: &Vocabulary,
    ) -> Result<(Vec<Problem>, Vec<Done>)> {
        let mut problems: Vec<Problem> =
            observed.finished.findings.iter().cloned().map(Problem::Finding).collect();
        problems.extend(expectations::check(case, observed, self.root).into_iter().map(Problem::Unexpected));
        // What went wrong is no reason to accept it.
        let sound = problems.is_empty();
        let mut done = Vec::new();
        let wanted = |layer: &&Layer| self.layers.is_empty() || self.layers.contains(layer);
        for &layer in case.layers.iter().filter(wanted) {
            let content = project::layer(layer, observed, &case.redactions, vocabulary);
            let key = Key { stem: case.file_stem(), layer };
            let conditions = Conditions::of(&observed.header);
            let found =
                Snapshot { source: case.origin.file.clone(), case: case.name.clone(), conditions, content };
            let Some(problem) = self.compare(&key, case.tolerance, &found)? else {
                self.folder.reject_pending(&key)?;
                continue;
            };
            if !sound {
                problems.extend(Some(problem).filter(|problem| matches!(problem, Problem::Differs { .. })));
                continue;
            }
            match self.write(&problem) {
                Write::Nothing => problems.push(problem),
                Write::Proposal => {
                    self.folder.propose(&key, &found)?;
                    done.push(Done::Proposed(layer));
                    problems.push(problem);
                }
                Write::Accepted => {
                    self.folder.accept(&key, &found)?;
                    done.push(Done::Accepted(layer));
                }
            }
        }
        Ok((problems, done))
    }

    /// What is wrong with a layer, if anything is.
    fn compare(&self, key: &Key, tolerance: f64, found: &Snapshot) -> Result<Option<Problem>> {
        let layer = key.layer;
        let missing = |why| Problem::Missing { layer, why, content: found.content.clone() };
        Ok(match self.folder.accepted(key)? {
            Parsed::Missing => Some(missing(None)),
            Parsed::Conflict(line) => {
                Some(missing(Some(format!("a merge has left its marks, from line {line} on"))))
            }
            Parsed::Broken { line, why } => {
                let file = self.folder.accepted_path(key);
                let file = file.strip_prefix(self.root).unwrap_or(&file).display().to_string();
                Some(Problem::Broken { layer, file, why: format!("line {line}: {why}") })
            }
            Parsed::Snapshot(accepted) => match accepted.conditions.differ(&found.conditions) {
                Some(why) => {
                    let same = accepted.content == found.content;
                    Some(Problem::NotComparable { layer, why, same })
                }
                None => diff::compare(layer, &accepted.content, &found.content, tolerance)
                    .map(|difference| Problem::Differs { layer, difference: Box::new(difference) }),
            },
        })
    }

    fn write(&self, problem: &Problem) -> Write {
        match (self.update, problem) {
            (Update::None, _) => Write::Nothing,
            (Update::All, _) | (Update::New, Problem::Missing { why: None, .. }) => Write::Accepted,
            (Update::Pending | Update::New, _) => Write::Proposal,
        }
    }
}

enum Write {
    Nothing,
    Proposal,
    Accepted,
}
