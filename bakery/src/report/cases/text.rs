//! What came of a test, for people: what failed and why, then one line of counts.

use std::io::{self, Write};

use super::{Counts, Tested, TestedProject};
use crate::report::visible;
use crate::snapshot::coverage::{Coverage, Functions, GrammarStates};
use crate::snapshot::diff::tokens::Piece;
use crate::snapshot::diff::{Changed, Difference, TokenDifference};
use crate::snapshot::store;
use crate::snapshot::verdict::{Problem, Verdict};
use crate::ui::Theme;

/// Lines of a difference that are shown, unless all are wanted.
const SHOWN_LINES: usize = 24;
/// Lines of a new snapshot that are shown, unless all are wanted.
const SHOWN_NEW: usize = 8;

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Styles.
    pub theme: Theme,
    /// Whether what passes is listed, and differences are shown whole.
    pub whole: bool,
    /// Columns to stay within.
    pub width: Option<usize>,
    /// Whether it is said what the cases made use of.
    pub coverage: bool,
}

/// Writes all of it.
///
/// # Errors
/// Writing failed.
pub fn write(out: &mut dyn Write, tested: &Tested, how: How) -> io::Result<()> {
    let Theme { good, error, .. } = how.theme;
    for project in &tested.projects {
        for verdict in &project.verdicts {
            let name = titled(tested, project, verdict);
            if !verdict.passed() {
                writeln!(out, "{error}FAIL{error:#} {name}")?;
                failed(out, verdict, how)?;
                let dim = how.theme.dim;
                writeln!(out, "  {dim}again:{dim:#} {}\n", tested.again(project, &verdict.case.name))?;
            } else if how.whole {
                writeln!(out, "{good}PASS{good:#} {name}{}", in_numbers(verdict))?;
            }
            if how.coverage {
                coverage(out, &verdict.coverage, "  ")?;
            }
        }
        obsolete(out, project, how)?;
    }
    if how.coverage {
        let mut all = Coverage::default();
        tested
            .projects
            .iter()
            .flat_map(|project| &project.verdicts)
            .for_each(|verdict| all.add(&verdict.coverage));
        all.name_what_was_not_called();
        writeln!(out, "all cases together")?;
        coverage(out, &all, "  ")?;
    }
    summary(out, tested, how)
}

fn titled(tested: &Tested, project: &TestedProject, verdict: &Verdict) -> String {
    if tested.projects.len() > 1 {
        format!("{} ({})", verdict.case.name, project.shown.display())
    } else {
        verdict.case.name.clone()
    }
}

fn in_numbers(verdict: &Verdict) -> String {
    let margin = verdict.least_margin.map(|margin| format!(", least margin {margin:.3}")).unwrap_or_default();
    format!(
        ": {}, {}{margin}",
        counted(verdict.passes, "pass", "passes"),
        counted(verdict.sampled_tokens, "token", "tokens")
    )
}

fn counted(count: u64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}

fn failed(out: &mut dyn Write, verdict: &Verdict, how: How) -> io::Result<()> {
    for problem in &verdict.problems {
        writeln!(out, "  {}", visible::on_one_line(&problem.headline()))?;
        match problem {
            Problem::Differs { difference, .. } => differs(out, difference, how)?,
            Problem::Race { difference, traces, schedule } => {
                differs(out, difference, how)?;
                writeln!(out, "    in the natural order: {}", traces[0])?;
                writeln!(out, "    interleaving {schedule}:       {}", traces[1])?;
            }
            Problem::Missing { content, .. } => found(out, content, how)?,
            _ => {}
        }
    }
    Ok(())
}

/// The beginning of what was found where nothing was accepted.
fn found(out: &mut dyn Write, content: &str, how: How) -> io::Result<()> {
    let good = how.theme.good;
    let most = if how.whole { usize::MAX } else { SHOWN_NEW };
    for line in content.lines().take(most) {
        writeln!(out, "    {good}+{}{good:#}", fitted(line, how, 5))?;
    }
    let rest = content.lines().count().saturating_sub(most);
    if rest > 0 {
        writeln!(out, "    … and {}", counted(rest as u64, "line more", "lines more"))
    } else {
        Ok(())
    }
}

/// The tokens, if they differ, then the lines.
fn differs(out: &mut dyn Write, difference: &Difference, how: How) -> io::Result<()> {
    if let Some(tokens) = &difference.tokens {
        write_tokens(out, tokens, how)?;
    }
    write_lines(out, &difference.lines, how)
}

/// Writes tokens that differ.
///
/// # Errors
/// Writing failed.
pub fn write_tokens(out: &mut dyn Write, tokens: &TokenDifference, how: How) -> io::Result<()> {
    let Theme { good, error, dim, colour, .. } = how.theme;
    write!(out, "    tokens, {} the same: ", tokens.same)?;
    for piece in &tokens.pieces {
        // Without colour the two are told apart by brackets.
        match piece {
            Piece::Same(text) => write!(out, "{dim}{}{dim:#}", visible::on_one_line(text))?,
            Piece::Gone(text) if colour => write!(out, "{error}{}{error:#}", visible::on_one_line(text))?,
            Piece::New(text) if colour => write!(out, "{good}{}{good:#}", visible::on_one_line(text))?,
            Piece::Gone(text) => write!(out, "[-{}-]", visible::on_one_line(text))?,
            Piece::New(text) => write!(out, "{{+{}+}}", visible::on_one_line(text))?,
        }
    }
    writeln!(out, "{}", if tokens.cut { "…" } else { "" })
}

/// Writes the lines of a difference.
///
/// # Errors
/// Writing failed.
pub fn write_lines(out: &mut dyn Write, lines: &[Changed], how: How) -> io::Result<()> {
    let Theme { good, error, dim, .. } = how.theme;
    let most = if how.whole { usize::MAX } else { SHOWN_LINES };
    for line in lines.iter().take(most) {
        match line {
            Changed::Same(text) => writeln!(out, "     {dim}{}{dim:#}", fitted(text, how, 5))?,
            Changed::Gone(text) => writeln!(out, "    {error}-{}{error:#}", fitted(text, how, 5))?,
            Changed::New(text) => writeln!(out, "    {good}+{}{good:#}", fitted(text, how, 5))?,
            Changed::Gap(count) => {
                let lines = counted(*count as u64, "line the same", "lines the same");
                writeln!(out, "    {dim}… {lines}{dim:#}")?;
            }
        }
    }
    let rest = lines.len().saturating_sub(most);
    if rest > 0 {
        writeln!(
            out,
            "    … and {}; `--verbose` shows all",
            counted(rest as u64, "line more", "lines more")
        )?;
    }
    Ok(())
}

fn fitted(line: &str, how: How, margin: usize) -> String {
    let line = visible::on_one_line(line);
    match how.width {
        Some(width) if !how.whole => visible::cut(&line, width.saturating_sub(margin).max(20)).into_owned(),
        _ => line,
    }
}

fn obsolete(out: &mut dyn Write, project: &TestedProject, how: How) -> io::Result<()> {
    if project.obsolete.is_empty() {
        return Ok(());
    }
    let Theme { error, warning, dim, .. } = how.theme;
    let folder = project.file(store::FOLDER);
    for file in &project.obsolete {
        let path = folder.join(file);
        let path = path.display();
        match (project.removed, project.strict) {
            (true, _) => writeln!(out, "{dim}removed{dim:#} {path}, which no case asks for")?,
            (false, true) => writeln!(out, "{error}FAIL{error:#} {path}: no case asks for it")?,
            (false, false) => writeln!(out, "{warning}obsolete{warning:#} {path}: no case asks for it")?,
        }
    }
    Ok(())
}

fn coverage(out: &mut dyn Write, coverage: &Coverage, indent: &str) -> io::Result<()> {
    let Coverage { calls, functions, endings, grammars, grammar_states, pages, input_tokens, reused_tokens } =
        coverage;
    for (what, counts) in [("called", calls), ("ended", endings), ("grammars", grammars), ("pages", pages)] {
        if !counts.is_empty() {
            let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(out, "{indent}{what}: {}", counts.join(", "))?;
        }
    }
    if let Some(Functions { imported, called, not_called, .. }) = functions {
        writeln!(out, "{indent}functions called: {called} of {imported} that are imported")?;
        if !not_called.is_empty() {
            writeln!(out, "{indent}never called: {}", not_called.join(", "))?;
        }
    }
    for (name, GrammarStates { visited, of, .. }) in grammar_states {
        writeln!(out, "{indent}states of the grammar {name}: {visited} of {of}")?;
    }
    writeln!(out, "{indent}input tokens: {input_tokens}, of which {reused_tokens} were reused")
}

fn summary(out: &mut dyn Write, tested: &Tested, how: How) -> io::Result<()> {
    let Counts { passed, failed, accepted, proposed, obsolete } = tested.counts();
    let Theme { good, error, warning, dim, .. } = how.theme;
    let mut parts = vec![format!("{good}{passed} passed{good:#}")];
    if failed > 0 {
        parts.push(format!("{error}{failed} failed{error:#}"));
    }
    if accepted > 0 {
        parts.push(format!("{} accepted", counted(accepted as u64, "snapshot", "snapshots")));
    }
    if proposed > 0 {
        parts.push(format!(
            "{warning}{} to review{warning:#}",
            counted(proposed as u64, "snapshot", "snapshots")
        ));
    }
    if obsolete > 0 {
        parts.push(format!("{warning}{obsolete} obsolete{warning:#}"));
    }
    let took = match tested.elapsed.as_secs_f64() {
        0.0 => String::new(),
        seconds => format!(" {dim}in {seconds:.2} s{dim:#}"),
    };
    writeln!(out, "{}: {}{took}", counted((passed + failed) as u64, "case", "cases"), parts.join(", "))
}
