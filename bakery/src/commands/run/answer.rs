//! What came of a run: the answer on standard output, or the error that ends the process.

use pie_engine::Finished;
use pie_engine::trace::{Limit, Outcome};
use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::report::jsonl::{RunDocument, RunResult};
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

/// Which frames of a backtrace are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// Those of the inferlet and the SDK.
    Own,
    /// Also those of the standard library.
    All,
}

/// The error that a run amounts to, if it does.
pub(super) fn verdict(finished: &Finished, frames: Frames) -> Result<()> {
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
        Outcome::Trap { message, backtrace } => Err(trap(message, backtrace, frames)),
        Outcome::Limit { limit, message } => Err(over_limit(*limit, message)),
        Outcome::Stuck(why) => Err(stuck(why)),
        Outcome::Cancelled(why) if why == INTERRUPTED => Err(Error::new(Kind::Interrupted, INTERRUPTED)),
        Outcome::Cancelled(why) => Err(Error::failed(format!("the run was cancelled: {}", shown(why)))),
    }
}

fn trap(message: &str, backtrace: &[String], frames: Frames) -> Error {
    let error = Error::failed(format!("the inferlet trapped: {}", shown(message)));
    let has_lines = backtrace.iter().any(|frame| frame.contains(" at "));
    if backtrace.is_empty() {
        return error;
    }
    let kept: Vec<&String> =
        backtrace.iter().filter(|frame| frames == Frames::All || is_own(frame)).collect();
    let mut lines: Vec<String> =
        kept.iter().map(|frame| format!("in {}", visible::on_one_line(frame))).collect();
    let hidden = backtrace.len() - kept.len();
    if hidden > 0 {
        lines.push(format!("and {hidden} functions of the standard library, which `--verbose` shows"));
    }
    let error = error.caused_by(lines.join("\n"));
    if has_lines {
        error
    } else {
        error.hint("run the project with `--debug` to see the lines of its source")
    }
}

/// Whether a frame is the inferlet's own and not of Rust's or C's library, whose paths are those of their makers' machines.
fn is_own(frame: &str) -> bool {
    !frame.contains(" at /rustc/") && !frame.contains(" at ./libc-")
}

fn stuck(why: &str) -> Error {
    let error = Error::failed(format!("the run got stuck: {}", shown(why)));
    if !why.contains("message") {
        return error;
    }
    error.hint("`--send TEXT`, or lines on standard input, are messages to it")
}

fn over_limit(limit: Limit, message: &str) -> Error {
    let name = limit.name();
    let error = Error::failed(format!("the inferlet went over the `{name}` limit: {}", shown(message)));
    if limit == Limit::Time { error.hint("`--timeout S` sets how many seconds it may take") } else { error }
}

/// What an inferlet says, without what a terminal would obey.
fn shown(text: &str) -> String {
    text.lines().map(visible::on_one_line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(frames: Frames, backtrace: &[&str]) -> (Vec<String>, Vec<String>) {
        let backtrace: Vec<String> = backtrace.iter().map(ToString::to_string).collect();
        let error = trap("unreachable", &backtrace, frames);
        (error.causes(), error.hints)
    }

    #[test]
    fn frames_of_the_standard_library_are_left_out_unless_asked_for() {
        let backtrace = [
            "abort at ./libc-bottom-half/sources/abort.c:5",
            "core::panicking::panic_fmt at /rustc/ac68/library/core/src/panicking.rs:80",
            "hello::main at ./src/lib.rs:15",
        ];
        let hidden = "and 2 functions of the standard library, which `--verbose` shows";
        let (own, hints) = causes(Frames::Own, &backtrace);
        assert_eq!(own, [format!("in hello::main at ./src/lib.rs:15\n{hidden}")]);
        assert!(hints.is_empty());
        assert_eq!(causes(Frames::All, &backtrace).0[0].lines().count(), 3);
    }

    #[test]
    fn a_finding_of_the_page_checker_is_a_bug_whatever_the_inferlet_answered() {
        let finished = Finished {
            outcome: Outcome::Ok("true".into()),
            usage: pie_engine::trace::Usage::default(),
            findings: vec!["page 1 counts 2 holders, but 1 name it".to_owned(), "another".to_owned()],
        };
        let error = verdict(&finished, Frames::Own).unwrap_err();
        assert_eq!(error.kind, Kind::Bug);
        assert_eq!(
            error.message,
            "the page checker found a mistake of the engine's: page 1 counts 2 holders, but 1 name it (and 1 more)"
        );
    }

    #[test]
    fn a_backtrace_without_lines_says_how_to_get_them() {
        let (causes, hints) = causes(Frames::Own, &["run", "function 7"]);
        assert_eq!(causes, ["in run\nin function 7"]);
        assert!(hints[0].contains("--debug"), "{hints:?}");
    }
}
