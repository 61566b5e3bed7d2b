//! `bakery trace`

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use pie_engine::trace::Event;
use pie_engine::trace::jsonl::{ReadError, Reader};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::{Reporter, jsonl::JsonLines, terminal::Timeline};
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
}

/// Runs a subcommand.
///
/// # Errors
/// The file cannot be read or is no whole trace, or standard output is closed.
pub fn run(args: Args, env: &Environment, ui: &Ui) -> Result<()> {
    let Args::Show { file } = args;
    if ui.json() {
        show(&file, env, &mut JsonLines::new(ui.stdout()))
    } else {
        show(&file, env, &mut Timeline::new(ui.stdout(), ui.stdout().theme(), ui.width()))
    }
}

fn show(file: &Path, env: &Environment, reporter: &mut dyn Reporter) -> Result<()> {
    let opened = File::open(env.current_dir.join(file))
        .map_err(|error| Error::usage(format!("cannot open `{}`", file.display())).caused_by(error))?;
    let unreadable = |error| unreadable(error, file);
    let trace = Reader::new(BufReader::new(opened)).map_err(unreadable)?;
    reporter.begin(trace.header()).map_err(output_error)?;
    let mut running: i64 = 0;
    for record in trace {
        env.interrupt.check()?;
        let record = record.map_err(unreadable)?;
        running += i64::from(matches!(record.event, Event::Launched { .. }));
        running -= i64::from(matches!(record.event, Event::Finished { .. }));
        reporter.report(&record).map_err(output_error)?;
    }
    reporter.finish().map_err(output_error)?;
    if running > 0 {
        let cause = "the trace ends before the inferlet does";
        return Err(Error::usage(cannot_read(file)).caused_by(cause).hint(CUT_HINT));
    }
    Ok(())
}

const CUT_HINT: &str =
    "the run was cut short or the file was edited; record it again with `bakery run --trace`";

fn cannot_read(file: &Path) -> String {
    format!("cannot read `{}`", file.display())
}

fn unreadable(error: ReadError, file: &Path) -> Error {
    let hint = match &error {
        ReadError::NewerFormat { .. } => Some("get a newer bakery, or record the run again"),
        ReadError::Record { .. } | ReadError::Order { .. } => Some(CUT_HINT),
        ReadError::Empty | ReadError::Header(_) => Some("traces are what `bakery run --trace` writes"),
        ReadError::Io(_) => None,
    };
    let message = cannot_read(file);
    let error = match error {
        // The parser saw one line of the file and calls it line 1.
        ReadError::Record { line, source } => {
            let found = source.to_string();
            let found = found.rsplit_once(" at line ").map_or(found.as_str(), |(found, _)| found);
            let column = source.column();
            Error::usage(message)
                .caused_by(format!("line {line} is not a record: {found} at column {column}"))
        }
        error => Error::usage(message).caused_by(error),
    };
    hint.into_iter().fold(error, Error::hint)
}
