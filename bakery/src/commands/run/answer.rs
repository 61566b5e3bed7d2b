//! What came of a run: the answer on standard output, or the error that ends the process.

use pie_engine::Finished;
use pie_engine::trace::{Limit, Outcome};
use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::report::jsonl::{RunDocument, RunResult};
use crate::report::limit_name;
use crate::report::received_files::Received;
use crate::report::visible;
use crate::ui::Ui;

/// Why a run ended that Ctrl-C ended.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Prints the answer, and with `--json` the whole result.
pub(super) fn show(finished: &Finished, received: &Received, ui: &Ui) -> Result<()> {
    if ui.json() {
        let files = received.written();
        return ui.document(&RunDocument::Result(&RunResult {
            outcome: finished.outcome.clone(),
            usage: finished.usage,
            findings: finished.findings.clone(),
            files: files.iter().map(|file| file.display().to_string()).collect(),
        }));
    }
    if let Outcome::Ok(answer) = &finished.outcome {
        print(answer.as_str(), ui)?;
    }
    for file in received.written() {
        ui.status("Received", format_args!("`{}`", file.display()));
    }
    if received.written().is_empty() && received.count() > 0 {
        ui.warning("the inferlet sent files, and without `--out-dir` they are not kept");
    }
    Ok(())
}

/// Prints an answer: the text of a JSON string, nothing for `null`, other values indented for a person and as they are for a program.
fn print(answer: &str, ui: &Ui) -> Result<()> {
    let person = ui.stdout().is_terminal();
    let text = match serde_json::from_str(answer) {
        Ok(Value::Null) => return Ok(()),
        Ok(Value::String(text)) => text,
        Ok(value) if person => format!("{value:#}"),
        // The engine has seen to it that it is JSON.
        Ok(_) | Err(_) => answer.to_owned(),
    };
    if person { ui.line(visible::on_terminal(&text)) } else { ui.line(text) }
}

/// The error that a run amounts to, if it does.
pub(super) fn verdict(finished: &Finished) -> Result<()> {
    if let Some(first) = finished.findings.first() {
        let more = finished.findings.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(Error::bug(format!("the page checker found a mistake of the engine's: {first}{more}")));
    }
    match &finished.outcome {
        Outcome::Ok(_) => Ok(()),
        Outcome::Error(text) => {
            Err(Error::failed(format!("the inferlet returned an error: {}", shown(text.as_str()))))
        }
        Outcome::Trap { message, backtrace } => Err(trap(message, backtrace)),
        Outcome::Limit { limit, message } => Err(over_limit(*limit, message)),
        Outcome::Stuck(why) => Err(Error::failed(format!("the run got stuck: {}", shown(why)))
            .hint("`--send TEXT`, or lines on standard input, are messages to it")),
        Outcome::Cancelled(why) if why == INTERRUPTED => Err(Error::new(Kind::Interrupted, INTERRUPTED)),
        Outcome::Cancelled(why) => Err(Error::failed(format!("the run was cancelled: {}", shown(why)))),
    }
}

fn trap(message: &str, backtrace: &[String]) -> Error {
    let error = Error::failed(format!("the inferlet trapped: {}", shown(message)));
    if backtrace.is_empty() {
        return error;
    }
    let frames: Vec<String> =
        backtrace.iter().map(|frame| format!("in {}", visible::on_one_line(frame))).collect();
    error.caused_by(frames.join("\n"))
}

fn over_limit(limit: Limit, message: &str) -> Error {
    let name = limit_name(limit);
    let error = Error::failed(format!("the inferlet went over the `{name}` limit: {}", shown(message)));
    if limit == Limit::Time { error.hint("`--timeout S` sets how many seconds it may take") } else { error }
}

/// What an inferlet says, without what a terminal would obey.
fn shown(text: &str) -> String {
    text.lines().map(visible::on_one_line).collect::<Vec<_>>().join("\n")
}
