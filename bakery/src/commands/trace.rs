//! `bakery trace`

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

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
        show(&file, env, JsonLines::new(ui.stdout()))
    } else {
        show(&file, env, Timeline::new(ui.stdout(), ui.stdout().theme(), ui.width()))
    }
}

fn show(file: &Path, env: &Environment, mut reporter: impl Reporter) -> Result<()> {
    let opened = File::open(env.current_dir.join(file))
        .map_err(|error| Error::usage(format!("cannot open `{}`", file.display())).caused_by(error))?;
    let unreadable = |error| unreadable(error, file);
    let reader = Reader::new(BufReader::new(opened)).map_err(unreadable)?;
    reporter.begin(reader.header()).map_err(output_error)?;
    for record in reader {
        env.interrupt.check()?;
        reporter.report(&record.map_err(unreadable)?).map_err(output_error)?;
    }
    reporter.finish().map_err(output_error)
}

fn unreadable(error: ReadError, file: &Path) -> Error {
    let hint = match &error {
        ReadError::NewerFormat { .. } => Some("get a newer bakery, or record the run again"),
        ReadError::Record { .. } | ReadError::Order { .. } => {
            Some("the run was cut short or the file was edited; record it again with `bakery run --trace`")
        }
        ReadError::Empty | ReadError::Header(_) => Some("traces are what `bakery run --trace` writes"),
        ReadError::Io(_) => None,
    };
    let error = Error::usage(format!("cannot read `{}`", file.display())).caused_by(error);
    hint.into_iter().fold(error, Error::hint)
}
