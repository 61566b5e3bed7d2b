//! `bakery trace`: recorded runs are shown, compared, counted and converted. A file is read record by record, so how long it is does not matter.

mod diff;
mod export;
mod stats;

use std::path::{Path, PathBuf};

use pie_engine::trace::Event;

use crate::environment::Environment;
use crate::error::Result;
use crate::report::{Reporter, jsonl::JsonLines, recorded, terminal::Timeline};
use crate::ui::{Ui, output_error};

/// Look at recorded runs
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// Print a trace as a timeline
    #[command(after_help = "\
Examples:
  bakery trace show t.jsonl           What the inferlet did, event by event
  bakery trace show t.jsonl --json    The same as documents, one a line")]
    Show {
        /// The file that `bakery run --trace` wrote
        file: PathBuf,
    },
    /// Say where two traces part, and why
    #[command(after_help = "\
Examples:
  bakery trace diff old.jsonl new.jsonl                   What the inferlet did otherwise, from the first difference on
  bakery trace diff old.jsonl new.jsonl --layer numbers   Log-probabilities and margins, with a tolerance

Exit codes: 0 they are the same, 1 they differ")]
    Diff(diff::Args),
    /// Count what happened in a trace
    #[command(after_help = "\
Examples:
  bakery trace stats t.jsonl          Passes, tokens, steps, margins, and what was called
  bakery trace stats t.jsonl --json   The same as a document")]
    Stats {
        /// The file that `bakery run --trace` wrote
        file: PathBuf,
    },
    /// Write a trace for another program
    #[command(after_help = "\
Examples:
  bakery trace export t.jsonl --format perfetto -o t.json   For Perfetto and other viewers of Chrome traces
  bakery trace export t.jsonl --format csv                  A table of forward passes")]
    Export(export::Args),
}

pub use diff::DiffDocument;
pub use stats::StatsDocument;

/// Runs a subcommand.
///
/// # Errors
/// The file cannot be read or is no whole trace, or standard output is closed.
pub fn run(args: Args, env: &Environment, ui: &Ui) -> Result<()> {
    let file = match args {
        Args::Show { file } => file,
        Args::Diff(args) => return diff::run(&args, env, ui),
        Args::Stats { file } => return stats::run(&file, env, ui),
        Args::Export(args) => return export::run(&args, env, ui),
    };
    if ui.json() {
        show(&file, env, &mut JsonLines::new(ui.stdout()))
    } else {
        show(&file, env, &mut Timeline::new(ui.stdout(), ui.stdout().theme(), ui.width()))
    }
}

fn show(file: &Path, env: &Environment, reporter: &mut dyn Reporter) -> Result<()> {
    let trace = recorded::open(file, env)?;
    reporter.begin(trace.header()).map_err(output_error)?;
    let mut running: i64 = 0;
    for record in trace {
        env.interrupt.check()?;
        let record = record.map_err(|error| recorded::unreadable(error, file))?;
        running += i64::from(matches!(record.event, Event::Launched { .. }));
        running -= i64::from(matches!(record.event, Event::Finished { .. }));
        reporter.report(&record).map_err(output_error)?;
    }
    reporter.finish().map_err(output_error)?;
    if running > 0 {
        return Err(recorded::cut(file));
    }
    Ok(())
}
