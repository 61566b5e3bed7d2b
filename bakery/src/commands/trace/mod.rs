//! `bakery trace`: recorded runs are shown, compared, counted and converted. A file is read record by record, so how long it is does not matter.

mod diff;
mod export;
mod fork;
mod otel;
mod show;
mod stats;

use std::path::PathBuf;

use crate::environment::Environment;
use crate::error::Result;
use crate::ui::Ui;

/// Look at recorded runs
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// Print a trace as a timeline
    #[command(after_help = "\
Examples:
  bakery trace show t.jsonl                 What the inferlet did, event by event
  bakery trace show t.jsonl --lanes         Contexts as lanes, forks as branches, and what each says
  bakery trace show t.jsonl --html t.html   A page to look at in a browser
  bakery trace show t.jsonl --json          The events as documents, one a line")]
    Show(show::Args),
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
  bakery trace export t.jsonl --format otel --endpoint http://localhost:4318
                                                            Spans, to a collector of OpenTelemetry
  bakery trace export t.jsonl --format csv                  A table of forward passes")]
    Export(export::Args),
    /// Run a recorded run again, with something else at one of its events
    ///
    /// Up to the event the run is as it was recorded; from there on the model goes on. At `launched`, `input`, `input.PARAMETER`, `seed` and `clock` can be set; at
    /// `pass-done`, `token`, or `token.1` and so on, a number or text in quotes; at `received`, `text`; at `received-file`, `data`; at `answered`, `status`,
    /// `body`, `header.NAME`, or `result` of an MCP server, or `error`. A value that begins with `@` is a file.
    #[command(after_help = "\
Examples:
  bakery trace fork t.jsonl hello --at 6 --set token=42            What if another token had been chosen?
  bakery trace fork t.jsonl hello --at 6 --set 'token=\" no\"'      The same, by its text
  bakery trace fork kept agent --at 31 --set status=503            What if the server had failed?
  bakery trace fork t.jsonl hello --at 0 --set input.name=Bob      What if it had been given something else?
  bakery trace diff t.jsonl fork.jsonl                             What came of it")]
    Fork(Box<fork::Args>),
}

pub use diff::DiffDocument;
pub use stats::StatsDocument;

/// Runs a subcommand.
///
/// # Errors
/// The file cannot be read or is no whole trace, or standard output is closed.
pub fn run(args: Args, env: &Environment, ui: &Ui) -> Result<()> {
    match args {
        Args::Show(args) => show::run(&args, env, ui),
        Args::Diff(args) => diff::run(&args, env, ui),
        Args::Stats { file } => stats::run(&file, env, ui),
        Args::Export(args) => export::run(&args, env, ui),
        Args::Fork(args) => fork::run(&args, env, ui),
    }
}
