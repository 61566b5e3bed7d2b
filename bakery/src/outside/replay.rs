//! `bakery run --replay`: from a trace file to the answers in it.

use std::path::Path;

use pie_engine::outside::replay::{Recording, RecordingError};
use pie_engine::trace::Text;
use pie_engine::trace::jsonl::ReadError;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::recorded;

/// The run that a recording is to answer for.
pub struct Rerun<'a> {
    /// What the inferlet is called in a trace.
    pub program: &'a str,
    /// Its input, JSON text.
    pub input: &'a str,
    /// The seed.
    pub seed: u64,
}

/// What can be wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// Reads a recording.
///
/// # Errors
/// The file cannot be read, or is no trace of a whole run.
pub fn read(file: &Path, env: &Environment) -> Result<Recording> {
    let trace = recorded::open(file, env)?;
    let header = trace.header().clone();
    let records = trace.map(|record| record.map_err(Unusable::from));
    Recording::new(header, records).map_err(|error| match error {
        Unusable::Read(error) => recorded::unreadable(error, file),
        Unusable::Recording(RecordingError::Cut) => {
            unusable(file).caused_by(RecordingError::Cut).hint(recorded::CUT_HINT)
        }
        Unusable::Recording(error) => unusable(file).caused_by(error),
    })
}

fn unusable(file: &Path) -> Error {
    Error::usage(format!("`{}` cannot be replayed", file.display()))
}

/// Sees to it that the recording is of the run that is about to be: otherwise it would ask something else. Beside another model it may ask the
/// same all the same, and where it does not, the question says so.
///
/// # Errors
/// It is of another one.
pub fn check(recording: &Recording, rerun: &Rerun<'_>, file: &Path) -> Result<()> {
    let Recording { header, input, .. } = recording;
    let recorded = |what: String| unusable(file).caused_by(what);
    same_program(recording, rerun.program, file)?;
    if !same(input, &Text::from(rerun.input)) {
        let input = input.as_str();
        return Err(recorded(format!("it was recorded with another input: {input}"))
            .hint(format!("--input '{input}'")));
    }
    if header.seed != rerun.seed {
        return Err(recorded(format!("it was recorded with another seed: {}", header.seed))
            .hint(format!("--seed {}", header.seed)));
    }
    Ok(())
}

/// Sees to it that the recording is of the inferlet that is about to run.
///
/// # Errors
/// It is of another one.
pub fn same_program(recording: &Recording, program: &str, file: &Path) -> Result<()> {
    let recorded = &recording.program;
    if recorded == program {
        return Ok(());
    }
    Err(unusable(file).caused_by(format!("it is a recording of `{recorded}`, and this is `{program}`")))
}

/// Whether two texts are the same as traces have them, where long ones are digests.
fn same(recorded: &Text, now: &Text) -> bool {
    serde_json::to_value(recorded).ok() == serde_json::to_value(now).ok()
}
