//! What came of the cases, to wherever it is wanted.

use std::io::Write;

use super::select::Chosen;
use super::{Args, Outcome};
use crate::environment::Environment;
use crate::error::{Error, Result};
pub use crate::report::cases::document::TestDocument;
use crate::report::cases::{Counts, Tested, TestedProject, document, github, junit, text};
use crate::ui::{Ui, output_error};

/// Lists cases.
pub(super) fn list(chosen: &[Chosen], ui: &Ui) -> Result<()> {
    for Chosen { shown, cases, .. } in chosen {
        for case in cases {
            if ui.json() {
                ui.document(&document::listed(shown, case))?;
                continue;
            }
            let dim = ui.stdout().theme().dim;
            let at = shown.join(&case.origin.file);
            let at = at.strip_prefix(".").unwrap_or(&at);
            let tags =
                if case.tags.is_empty() { String::new() } else { format!(" [{}]", case.tags.join(", ")) };
            ui.line(format_args!("{}{tags} {dim}{}:{}{dim:#}", case.name, at.display(), case.origin.line))?;
        }
    }
    Ok(())
}

/// Shows what came of a test, and says whether it is as it should be.
pub(super) fn shown(outcome: Outcome, args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let mut tested = tested(outcome, args, env);
    if let Some(file) = &args.junit {
        let report = junit::report(&tested)
            .map_err(|cause| Error::bug("a report cannot be written").caused_by(cause))?;
        std::fs::write(env.current_dir.join(file), report).map_err(|cause| {
            Error::environment(format!("cannot write `{}`", file.display())).caused_by(cause)
        })?;
    }
    if ui.json() {
        document::documents(&tested).iter().try_for_each(|document| ui.document(document))?;
    } else {
        if !ui.stdout().is_terminal() {
            // What is kept in a log is the same each time; the report and documents have the time.
            tested.elapsed = std::time::Duration::ZERO;
        }
        let theme = ui.stdout().theme();
        let how = text::How { theme, whole: ui.verbose(), width: ui.width(), coverage: args.coverage };
        let mut written = Vec::new();
        // Nothing can fail in memory; standard output can, and then there is one error.
        text::write(&mut written, &tested, how)
            .and_then(|()| ui.stdout().write_all(&written))
            .map_err(output_error)?;
        if env.variable("GITHUB_ACTIONS").is_some() {
            github::annotations(&tested).iter().try_for_each(|line| ui.line(line))?;
        }
    }
    verdict(&tested)
}

fn tested(outcome: Outcome, args: &Args, env: &Environment) -> Tested {
    let projects = outcome.projects.into_iter().map(|project| TestedProject {
        shown: project.shown,
        name: project.name,
        verdicts: project.verdicts,
        obsolete: project.obsolete,
        removed: project.removed,
        strict: env.is_ci(),
    });
    Tested { projects: projects.collect(), elapsed: outcome.elapsed, flags: flags(args) }
}

/// The flags that decide what a case does.
fn flags(args: &Args) -> String {
    let mut flags = String::new();
    let counts = [("seeds", args.seeds), ("schedules", args.schedules)];
    for (name, count) in counts.into_iter().filter_map(|(name, count)| Some((name, count?))) {
        flags.push_str(&format!(" --{name} {count}"));
    }
    for layer in &args.layer {
        flags.push_str(&format!(" --layer {}", layer.name()));
    }
    flags
}

/// The error that ends the command, if anything is not as it should be.
fn verdict(tested: &Tested) -> Result<()> {
    if tested.passed() {
        return Ok(());
    }
    let Counts { passed, failed, proposed, obsolete, .. } = tested.counts();
    let error = match (failed, obsolete) {
        (0, 1) => Error::failed("no case asks for one of the snapshots"),
        (0, count) => Error::failed(format!("no case asks for {count} of the snapshots")),
        (1, _) if passed == 0 => Error::failed("one case failed"),
        (failed, _) => Error::failed(format!("{failed} of {} cases failed", passed + failed)),
    };
    Err(match (proposed, obsolete) {
        (0, 0) => error,
        (0, _) if failed == 0 => error.hint("bakery test --update all"),
        (0, _) => error,
        _ => error.hint("bakery review"),
    })
}
