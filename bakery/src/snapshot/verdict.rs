//! What comes of a case.

use super::diff::Difference;
use crate::project::case::{Case, Layer};

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The case.
    pub case: Case,
    /// What is not as it should be; nothing if it passes.
    pub problems: Vec<Problem>,
    /// What was done about snapshots.
    pub done: Vec<Done>,
    /// How long it took; zero where nobody measures.
    pub elapsed: std::time::Duration,
    /// How many tokens were chosen, and the least margin of any.
    pub sampled_tokens: u64,
    /// See there.
    pub least_margin: Option<f32>,
    /// How many passes there were.
    pub passes: u64,
    /// What the inferlet called and reached.
    pub coverage: super::coverage::Coverage,
}

impl Verdict {
    /// Whether all is as it should be.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub enum Problem {
    /// The run ended otherwise than expected, or was not what the case says in words.
    Unexpected(String),
    /// A layer is not what was accepted.
    Differs {
        /// The layer.
        layer: Layer,
        /// How.
        difference: Box<Difference>,
    },
    /// Nothing was accepted, and nothing is to be accepted now.
    Missing {
        /// The layer.
        layer: Layer,
        /// Why, where a file is there.
        why: Option<String>,
        /// What was found.
        content: String,
    },
    /// What was accepted was found under other conditions.
    NotComparable {
        /// The layer.
        layer: Layer,
        /// Which conditions.
        why: String,
        /// Whether it is the same all the same.
        same: bool,
    },
    /// What was accepted cannot be read.
    Broken {
        /// The layer.
        layer: Layer,
        /// The file, relative to the project.
        file: String,
        /// Where and why.
        why: String,
    },
    /// Another order of things that nothing puts in order makes a difference.
    Race {
        /// The number of the interleaving.
        schedule: u64,
        /// How.
        difference: Box<Difference>,
        /// Where the two traces are.
        traces: [String; 2],
    },
    /// The page checker found something: a mistake of the engine's or the model's.
    Finding(String),
    /// The case could not be run at all.
    Unrunnable(String),
}

impl Problem {
    /// In one line.
    pub fn headline(&self) -> String {
        match self {
            Problem::Unexpected(what) | Problem::Unrunnable(what) => what.clone(),
            Problem::Differs { layer, difference } => format!("{}: {}", layer.name(), difference.cause),
            Problem::Missing { layer, why: Some(why), .. } => {
                format!("{}: nothing is accepted: {why}", layer.name())
            }
            Problem::Missing { layer, why: None, .. } => format!("{}: nothing is accepted yet", layer.name()),
            Problem::NotComparable { layer, why, same } => {
                let same = if *same { "; the content is the same" } else { "" };
                format!("{}: not comparable: {why}{same}", layer.name())
            }
            Problem::Broken { layer, file, why } => {
                format!("{}: `{file}` is not a snapshot: {why}", layer.name())
            }
            Problem::Race { schedule, difference, .. } => {
                format!("a race: under the interleaving {schedule}, {}", difference.cause)
            }
            Problem::Finding(what) => format!("the page checker found a mistake: {what}"),
        }
    }

    /// What kind of problem it is, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::Unexpected(_) => "unexpected",
            Problem::Differs { .. } => "differs",
            Problem::Missing { .. } => "missing",
            Problem::NotComparable { .. } => "not-comparable",
            Problem::Broken { .. } => "broken",
            Problem::Race { .. } => "race",
            Problem::Finding(_) => "finding",
            Problem::Unrunnable(_) => "unrunnable",
        }
    }

    /// The difference, if it is one.
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Problem::Differs { difference, .. } | Problem::Race { difference, .. } => Some(difference),
            _ => None,
        }
    }
}

/// What was done about a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was written, and waits to be accepted.
    Proposed(Layer),
    /// It was accepted.
    Accepted(Layer),
}
