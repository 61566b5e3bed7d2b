//! `bakery trace stats`: what happened in a trace, counted.

use std::collections::BTreeMap;
use std::path::Path;

use pie_engine::trace::Event;
use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::Result;
use crate::report::recorded::Trace;
use crate::snapshot::coverage::Coverage;
use crate::ui::Ui;

/// What `bakery trace stats --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "trace-stats")]
pub enum StatsDocument {
    /// All of it.
    TraceStats(Stats),
}

/// What happened, counted.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Stats {
    /// Virtual time of the last event, in nanoseconds.
    pub virtual_ns: u64,
    /// Instances that were launched.
    pub instances: u64,
    /// Contexts that came to be.
    pub contexts: u64,
    /// Forward passes.
    pub passes: u64,
    /// Batched runs of the model.
    pub steps: u64,
    /// Rows that were computed in them.
    pub rows: u64,
    /// The most passes in one step.
    pub most_passes_in_a_step: u64,
    /// Tokens that samplers chose.
    pub sampled_tokens: u64,
    /// Guesses that were verified.
    pub drafted_tokens: u64,
    /// Those of them that held.
    pub accepted_tokens: u64,
    /// The least margin between first and second logit over all arg max choices.
    pub least_margin: Option<f32>,
    /// The pass that had it, as `i1 p3`.
    pub most_fragile: Option<String>,
    /// How often each kind of event happened.
    pub events: BTreeMap<String, u64>,
    /// What was made use of.
    pub coverage: Coverage,
}

impl Stats {
    fn count(&mut self, at: u64, event: &Event) {
        self.virtual_ns = self.virtual_ns.max(at);
        self.coverage.add(&Coverage::of(std::slice::from_ref(event)));
        let kind = serde_json::to_value(event).ok();
        let kind = kind.as_ref().and_then(|event| event.get("event")?.as_str()).unwrap_or_default();
        *self.events.entry(kind.to_owned()).or_default() += 1;
        match event {
            Event::Launched { .. } => self.instances += 1,
            Event::ContextCreated { .. } => self.contexts += 1,
            Event::Pass { .. } => self.passes += 1,
            Event::Step { passes, rows, .. } => {
                self.steps += 1;
                self.rows += u64::from(*rows);
                self.most_passes_in_a_step = self.most_passes_in_a_step.max(passes.len() as u64);
            }
            Event::PassDone { instance, pass, margin: Some(margin), .. }
                if self.least_margin.is_none_or(|least| *margin < least) =>
            {
                self.least_margin = Some(*margin);
                self.most_fragile = Some(format!("{instance} {pass}"));
            }
            Event::Finished { usage, .. } => {
                self.sampled_tokens += usage.sampled_tokens;
                self.drafted_tokens += usage.drafted_tokens;
                self.accepted_tokens += usage.accepted_tokens;
            }
            _ => {}
        }
    }

    /// Names and values, as a person reads them.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let Stats { coverage, .. } = self;
        let mut rows = vec![
            ("virtual time", format!("{:.3} ms", self.virtual_ns as f64 / 1e6)),
            ("instances", self.instances.to_string()),
            ("contexts", self.contexts.to_string()),
            ("passes", self.passes.to_string()),
            (
                "steps",
                format!(
                    "{}, of {} rows, at most {} passes in one",
                    self.steps, self.rows, self.most_passes_in_a_step
                ),
            ),
            (
                "input tokens",
                format!("{}, of which {} were reused", coverage.input_tokens, coverage.reused_tokens),
            ),
            ("sampled tokens", self.sampled_tokens.to_string()),
        ];
        if self.drafted_tokens > 0 {
            rows.push((
                "guesses",
                format!("{}, of which {} held", self.drafted_tokens, self.accepted_tokens),
            ));
        }
        if let (Some(margin), Some(pass)) = (self.least_margin, &self.most_fragile) {
            rows.push(("least margin", format!("{margin:.3}, in {pass}")));
        }
        let counted = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let groups = [
            ("called", &coverage.calls),
            ("ended", &coverage.endings),
            ("grammars", &coverage.grammars),
            ("pages", &coverage.pages),
        ];
        rows.extend(
            groups
                .into_iter()
                .filter(|(_, counts)| !counts.is_empty())
                .map(|(name, counts)| (name, counted(counts))),
        );
        rows
    }
}

/// Counts.
pub(super) fn run(file: &Path, env: &Environment, ui: &Ui) -> Result<()> {
    let mut stats = Stats::default();
    let mut trace = Trace::open(file, env)?;
    while let Some(record) = trace.next(env)? {
        stats.count(record.at, &record.event);
    }
    if ui.json() {
        ui.document(&StatsDocument::TraceStats(stats))?;
    } else {
        let name = ui.stdout().theme().name;
        stats
            .rows()
            .iter()
            .try_for_each(|(what, value)| ui.line(format_args!("{name}{what:14}{name:#} {value}")))?;
    }
    trace.end()
}
