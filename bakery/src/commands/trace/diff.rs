//! `bakery trace diff`: two traces side by side, up to the first difference; what comes behind it follows from it.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};

use pie_engine::trace::Header;
use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::case::{Layer, TOLERANCE};
use crate::report::cases::text::{self, How};
use crate::report::recorded::Trace;
use crate::report::vocabulary::Vocabulary;
use crate::snapshot::diff::{self, Changed, Difference};
use crate::snapshot::project::{events, numbers};
use crate::snapshot::store::Conditions;
use crate::ui::{Ui, output_error};

/// Equal lines that are kept from before the first difference.
const BEFORE: usize = 50;
/// Lines that are compared from the first difference on.
const BEHIND: usize = 2000;

/// What is compared.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What was recorded before
    pub accepted: PathBuf,
    /// What was recorded now
    pub found: PathBuf,
    /// What of it: `events` or `numbers`
    #[arg(
        long,
        value_enum,
        value_name = "events|numbers",
        hide_possible_values = true,
        default_value = "events"
    )]
    pub layer: Compared,
    /// How far numbers may be apart, absolutely or in proportion
    #[arg(long, value_name = "X", default_value_t = TOLERANCE)]
    pub tolerance: f64,
}

/// What of two traces is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Compared {
    /// Calls in their order, with tokens.
    Events,
    /// Log-probabilities, margins and the like.
    Numbers,
}

/// What `bakery trace diff --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "trace-diff")]
pub enum DiffDocument {
    /// How the two differ.
    TraceDiff {
        /// Whether they are the same.
        same: bool,
        /// Equal lines before the first difference.
        same_lines: u64,
        /// The first cause in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// What the two depend on, where it differs.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_comparable: Option<String>,
        /// Lines, each beginning with a space, `-`, `+`, or `@` where lines are left out.
        lines: Vec<String>,
    },
}

/// Compares two traces.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let mut old = Lines::open(&args.accepted, args.layer, env)?;
    let mut new = Lines::open(&args.found, args.layer, env)?;
    let conditions = Conditions::of(&old.header).differ(&Conditions::of(&new.header));
    let layer = match args.layer {
        Compared::Events => Layer::Events,
        Compared::Numbers => Layer::Numbers,
    };
    let (mut before, mut same_lines) = (VecDeque::new(), 0);
    let difference = loop {
        env.interrupt.check()?;
        match (old.next(env)?, new.next(env)?) {
            (None, None) => break None,
            (Some(one), Some(other))
                if one == other || diff::compare(layer, &one, &other, args.tolerance).is_none() =>
            {
                same_lines += 1;
                before.push_back(one);
                if before.len() > BEFORE {
                    before.pop_front();
                }
            }
            // Where a trace was cut, the other one just goes on.
            (None, _) if old.trace.is_cut() => break None,
            (_, None) if new.trace.is_cut() => break None,
            (one, other) => {
                let accepted = old.from(one, &before, env)?;
                let found = new.from(other, &before, env)?;
                break diff::compare(layer, &accepted, &found, args.tolerance);
            }
        }
    };
    show(same_lines, conditions.as_deref(), difference.as_ref(), ui)?;
    match (difference, conditions) {
        (None, None) => old.trace.end().and(new.trace.end()),
        (Some(difference), None) => Err(Error::failed(format!("the traces differ: {}", difference.cause))),
        (_, Some(why)) => Err(Error::failed(format!("the traces are not comparable: {why}"))),
    }
}

fn show(same_lines: u64, conditions: Option<&str>, difference: Option<&Difference>, ui: &Ui) -> Result<()> {
    let lines = difference.map(|difference| difference.lines.as_slice()).unwrap_or_default();
    if ui.json() {
        let lines = lines.iter().map(|line| match line {
            Changed::Same(text) => format!(" {text}"),
            Changed::Gone(text) => format!("-{text}"),
            Changed::New(text) => format!("+{text}"),
            Changed::Gap(count) => format!("@{count}"),
        });
        return ui.document(&DiffDocument::TraceDiff {
            same: difference.is_none() && conditions.is_none(),
            same_lines,
            cause: difference.map(|difference| difference.cause.clone()),
            not_comparable: conditions.map(str::to_owned),
            lines: lines.collect(),
        });
    }
    let how = How { theme: ui.stdout().theme(), whole: ui.verbose(), width: ui.width(), coverage: false };
    match same_lines {
        0 if difference.is_some() => {}
        1 => ui.line("1 line is the same")?,
        _ => ui.line(format_args!("{same_lines} lines are the same"))?,
    }
    let Some(difference) = difference else { return Ok(()) };
    let mut written = Vec::new();
    let drawn = (|| {
        if let Some(tokens) = &difference.tokens {
            text::write_tokens(&mut written, tokens, how)?;
        }
        text::write_lines(&mut written, lines, how)
    })();
    drawn.and_then(|()| ui.stdout().write_all(&written)).map_err(output_error)
}

/// The lines of a layer, read as they are asked for.
struct Lines {
    trace: Trace,
    header: Header,
    layer: Compared,
    vocabulary: Vocabulary,
    /// Those of a record that has several.
    left: VecDeque<String>,
}

impl Lines {
    fn open(file: &Path, layer: Compared, env: &Environment) -> Result<Lines> {
        let trace = Trace::open(file, env)?;
        let header = trace.header().clone();
        let vocabulary = Vocabulary::of(&header);
        Ok(Lines { trace, header, layer, vocabulary, left: VecDeque::new() })
    }

    fn next(&mut self, env: &Environment) -> Result<Option<String>> {
        loop {
            if let Some(line) = self.left.pop_front() {
                return Ok(Some(line));
            }
            let Some(record) = self.trace.next(env)? else { return Ok(None) };
            match self.layer {
                Compared::Events => self.left.extend(events::line(&record.event, &[], &self.vocabulary)),
                Compared::Numbers => {
                    self.left.extend(numbers::of_event(&record.event, &[], &numbers::Takes::new()));
                }
            }
        }
    }

    /// What is to be compared from the first difference on, with some lines from before.
    fn from(
        &mut self,
        first: Option<String>,
        before: &VecDeque<String>,
        env: &Environment,
    ) -> Result<String> {
        let mut lines: Vec<String> = before.iter().cloned().chain(first).collect();
        for _ in 0..BEHIND {
            match self.next(env)? {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        Ok(lines.join("\n"))
    }
}
