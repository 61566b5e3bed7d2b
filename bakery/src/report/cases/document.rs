//! What `bakery test --json` prints: a document for each case, and one at the end.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Counts, Tested, TestedProject};
use crate::project::case::{Case, Layer};
use crate::snapshot::coverage::Coverage;
use crate::snapshot::diff::tokens::Piece;
use crate::snapshot::diff::{Changed, Difference};
use crate::snapshot::verdict::{Done, Problem, Verdict};

/// One line of the stream.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "test")]
pub enum TestDocument {
    /// What came of a case; they are in the order in which they are written.
    Case(CaseDocument),
    /// A case, with `--list`.
    Listed(ListedCase),
    /// Snapshots that no case asks for.
    Obsolete {
        /// The project's folder.
        project: String,
        /// Names of files in its folder `snapshots`.
        files: Vec<String>,
        /// Whether they were removed.
        removed: bool,
    },
    /// The last document of a test; an error follows if anything failed.
    Tested(Summary),
}

/// What came of a case.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaseDocument {
    /// The project's folder.
    pub project: String,
    /// The case.
    pub name: String,
    /// The file that it is written in, relative to the project.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// Whether all is as it should be.
    pub passed: bool,
    /// What is not.
    pub problems: Vec<ProblemDocument>,
    /// Layers that wait to be accepted.
    pub proposed: Vec<Layer>,
    /// Layers that were accepted now.
    pub accepted: Vec<Layer>,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Forward passes.
    pub passes: u64,
    /// Tokens that samplers chose.
    pub sampled_tokens: u64,
    /// The least margin between first and second logit over all arg max choices.
    pub least_margin: Option<f32>,
    /// What it made use of.
    pub coverage: Coverage,
    /// The command that runs it again.
    pub again: String,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemDocument {
    /// `unexpected`, `differs`, `missing`, `not-comparable`, `broken`, `race`, `finding` or `unrunnable`.
    pub kind: &'static str,
    /// In one line, with the first cause.
    pub message: String,
    /// How it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<DifferenceDocument>,
    /// Where the two traces of a race are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<String>,
}

/// How something differs from what was accepted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DifferenceDocument {
    /// Lines, as in a unified difference: each begins with a space, `-`, `+`, or `@` where lines are left out.
    pub lines: Vec<String>,
    /// Chosen tokens as text: each begins with a space, `-` or `+`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
}

/// A case that there is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedCase {
    /// The project's folder.
    pub project: String,
    /// The case.
    pub name: String,
    /// The file that it is written in, relative to the project.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// Words to choose it by.
    pub tags: Vec<String>,
    /// The layers that are compared.
    pub snapshot: Vec<Layer>,
}

/// How many there are of what.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Cases that are as they should be.
    pub passed: usize,
    /// Cases that are not.
    pub failed: usize,
    /// Snapshots that were accepted now.
    pub accepted: usize,
    /// Snapshots that wait to be accepted.
    pub proposed: usize,
    /// Snapshots that no case asks for.
    pub obsolete: usize,
    /// How long all of it took.
    pub elapsed_ms: u64,
    /// What all cases together made use of.
    pub coverage: Coverage,
}

/// All documents of a test.
pub fn documents(tested: &Tested) -> Vec<TestDocument> {
    let mut documents = Vec::new();
    let mut coverage = Coverage::default();
    for project in &tested.projects {
        for verdict in &project.verdicts {
            coverage.add(&verdict.coverage);
            documents.push(TestDocument::Case(case(tested, project, verdict)));
        }
        if !project.obsolete.is_empty() {
            documents.push(TestDocument::Obsolete {
                project: project.shown.display().to_string(),
                files: project.obsolete.clone(),
                removed: project.removed,
            });
        }
    }
    let Counts { passed, failed, accepted, proposed, obsolete } = tested.counts();
    let elapsed_ms = milliseconds(tested.elapsed);
    coverage.name_what_was_not_called();
    documents.push(TestDocument::Tested(Summary {
        passed,
        failed,
        accepted,
        proposed,
        obsolete,
        elapsed_ms,
        coverage,
    }));
    documents
}

/// A case of a list.
pub fn listed(project: &std::path::Path, case: &Case) -> TestDocument {
    TestDocument::Listed(ListedCase {
        project: project.display().to_string(),
        name: case.name.clone(),
        file: case.origin.file.clone(),
        line: case.origin.line,
        tags: case.tags.clone(),
        snapshot: case.layers.clone(),
    })
}

fn case(tested: &Tested, project: &TestedProject, verdict: &Verdict) -> CaseDocument {
    let layers = |wanted: fn(&Done) -> Option<Layer>| verdict.done.iter().filter_map(wanted).collect();
    CaseDocument {
        project: project.shown.display().to_string(),
        name: verdict.case.name.clone(),
        file: verdict.case.origin.file.clone(),
        line: verdict.case.origin.line,
        passed: verdict.passed(),
        problems: verdict.problems.iter().map(problem).collect(),
        proposed: layers(|done| if let Done::Proposed(layer) = done { Some(*layer) } else { None }),
        accepted: layers(|done| if let Done::Accepted(layer) = done { Some(*layer) } else { None }),
        elapsed_ms: milliseconds(verdict.elapsed),
        passes: verdict.passes,
        sampled_tokens: verdict.sampled_tokens,
        least_margin: verdict.least_margin,
        coverage: verdict.coverage.clone(),
        again: tested.again(project, &verdict.case.name),
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn problem(problem: &Problem) -> ProblemDocument {
    let traces = match problem {
        Problem::Race { traces, .. } => traces.to_vec(),
        _ => Vec::new(),
    };
    ProblemDocument {
        kind: problem.kind(),
        message: problem.headline(),
        difference: problem.difference().map(difference),
        traces,
    }
}

fn difference(difference: &Difference) -> DifferenceDocument {
    let lines = difference.lines.iter().map(|line| match line {
        Changed::Same(text) => format!(" {text}"),
        Changed::Gone(text) => format!("-{text}"),
        Changed::New(text) => format!("+{text}"),
        Changed::Gap(count) => format!("@{count}"),
    });
    let pieces = difference.tokens.iter().flat_map(|tokens| &tokens.pieces).map(|piece| match piece {
        Piece::Same(text) => format!(" {text}"),
        Piece::Gone(text) => format!("-{text}"),
        Piece::New(text) => format!("+{text}"),
    });
    DifferenceDocument { lines: lines.collect(), tokens: pieces.collect() }
}
