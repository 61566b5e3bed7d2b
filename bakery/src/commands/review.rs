//! `bakery review`: what waits to be accepted is shown, decided about, and then accepted or dropped, all at once.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::test::select;
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::project::case::Layer;
use crate::report::cases::text::{self, How};
use crate::report::cases::{is_here, side};
use crate::report::visible;
use crate::snapshot::diff::{self, Changed};
use crate::snapshot::review::{Act, Change, Decision, Operation, Review, Waiting};
use crate::snapshot::store::{Folder, Parsed};
use crate::ui::{Key as Pressed, Ui, output_error};

/// The variable that names a program which shows the difference of two files.
const DIFF_VARIABLE: &str = "BAKERY_DIFF";

/// Accept or reject what tests have found to differ
///
/// On a terminal each is shown and asked about; what is not decided about waits on, and nothing changes before the end. Elsewhere what waits is printed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery review                          Go through what waits in the project here
  bakery review examples                 In all projects below a folder
  bakery review --accept                 Accept all of it
  bakery review --reject greets-ada      Drop what waits of one case
  BAKERY_DIFF='git diff --no-index' bakery review
                                         With a program of your own for `d`")]
pub struct Args {
    /// Projects, or folders with projects below; and parts of the names of cases
    #[arg(value_name = "PATH|CASE")]
    pub what: Vec<String>,
    /// Accept all that waits
    #[arg(long, conflicts_with = "reject")]
    pub accept: bool,
    /// Drop all that waits
    #[arg(long)]
    pub reject: bool,
}

/// One line of what `bakery review --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "review")]
pub enum ReviewDocument {
    /// Something that waits.
    Waiting {
        /// The project's folder.
        project: String,
        /// The case.
        case: String,
        /// The layer.
        layer: Layer,
        /// `new`, `changed` or `obsolete`.
        change: &'static str,
        /// The first cause in words, where something changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// Lines, each beginning with a space, `-`, `+`, or `@` where lines are left out.
        lines: Vec<String>,
    },
    /// The last document: what was done.
    Reviewed {
        /// Snapshots that were accepted, or removed because no case asks for them.
        accepted: usize,
        /// Snapshots that were dropped.
        rejected: usize,
        /// Snapshots that wait on.
        left: usize,
    },
}

/// A project with something that waits.
struct OfProject {
    shown: PathBuf,
    folder: Folder,
}

/// What is shown of something that waits.
struct Shown {
    case: String,
    accepted: String,
    found: String,
    /// The first cause in words, where something changed.
    cause: Option<String>,
    lines: Vec<Changed>,
}

/// Shows what waits and does what was decided.
///
/// # Errors
/// Snapshots cannot be read or written, or standard output is closed.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let (projects, waiting) = find(args, env)?;
    let mut review = Review::new(waiting);
    if args.accept || args.reject {
        let decision = if args.accept { Decision::Accept } else { Decision::Reject };
        review.act(Act::DecideRest(decision));
    } else if ui.can_ask() && ui.stdout().is_terminal() && !ui.json() {
        ask(&mut review, &projects, env, ui)?;
    } else {
        print(&review, &projects, ui)?;
        review.act(Act::Finish);
    }
    let operations = review.commit();
    carry_out(&operations, &projects)?;
    let [accepted, rejected, left] = review.counts();
    let rejected = rejected.min(operations.len());
    if ui.json() {
        return ui.document(&ReviewDocument::Reviewed { accepted, rejected, left });
    }
    if review.is_empty() {
        return ui.line("nothing waits to be reviewed");
    }
    ui.line(format_args!("{accepted} accepted, {rejected} rejected, {left} left"))?;
    if left > 0 && !args.accept && !args.reject && !ui.can_ask() {
        ui.note("`bakery review --accept` accepts all of it, `--reject` drops it; with the name of a case, just that");
    }
    Ok(())
}

/// What waits, in the order of projects and files.
fn find(args: &Args, env: &Environment) -> Result<(Vec<OfProject>, Vec<Waiting>)> {
    let (mut projects, mut waiting) = (Vec::new(), Vec::new());
    let (chosen, filters) = select::projects_of(&args.what, env)?;
    for chosen in chosen {
        let folder = Folder::open(&chosen.project.root)?;
        let number = projects.len();
        let stems: BTreeSet<String> = chosen
            .cases
            .iter()
            .filter(|case| meant(&case.name, &filters))
            .map(|case| case.file_stem())
            .collect();
        for key in folder.all_pending() {
            let known = chosen.asked_for.contains(&key);
            if known && stems.contains(&key.stem) {
                let is_new = matches!(folder.accepted(&key)?, Parsed::Missing);
                let change = if is_new { Change::New } else { Change::Changed };
                waiting.push(Waiting { project: number, key, change });
            }
        }
        for file in folder.obsolete(&chosen.asked_for) {
            let Some(key) = Folder::key_of(&file) else { continue };
            if filters.is_empty() || filters.iter().any(|filter| key.stem.contains(filter.as_str())) {
                waiting.push(Waiting { project: number, key, change: Change::Obsolete { file } });
            }
        }
        projects.push(OfProject { shown: chosen.shown, folder });
    }
    Ok((projects, waiting))
}

fn meant(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

/// What there is to see of something that waits.
fn look(waiting: &Waiting, projects: &[OfProject]) -> Result<Shown> {
    let folder = &projects[waiting.project].folder;
    let content = |parsed: Parsed| match parsed {
        Parsed::Snapshot(snapshot) => (snapshot.case, snapshot.content),
        Parsed::Missing => (String::new(), String::new()),
        Parsed::Conflict(line) => {
            (String::new(), format!("(a merge has left its marks, from line {line} on)"))
        }
        Parsed::Broken { line, why } => (String::new(), format!("(no snapshot: line {line}: {why})")),
    };
    let (name, accepted) = content(folder.accepted(&waiting.key)?);
    let (case, found) = match waiting.change {
        Change::Obsolete { .. } => (name, String::new()),
        _ => content(folder.pending(&waiting.key)?),
    };
    let layer = waiting.key.layer;
    // What else is given with a case does not count here: whatever waits was found to differ.
    let difference =
        diff::compare(layer, &accepted, &found, 0.0).filter(|_| waiting.change == Change::Changed);
    let (cause, lines) = match difference {
        Some(difference) => (Some(difference.cause), difference.lines),
        None => (None, diff::lines(layer, &accepted, &found)),
    };
    let case = if case.is_empty() { waiting.key.stem.clone() } else { case };
    Ok(Shown { case, accepted, found, cause, lines })
}

fn change_name(change: &Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Changed => "changed",
        Change::Obsolete { .. } => "obsolete",
    }
}

/// Prints all that waits.
fn print(review: &Review, projects: &[OfProject], ui: &Ui) -> Result<()> {
    let how = how(ui);
    for waiting in review.waiting() {
        let shown = look(waiting, projects)?;
        if ui.json() {
            ui.document(&document(waiting, &shown, projects))?;
            continue;
        }
        let mut text = Vec::new();
        write_title(&mut text, "", waiting, &shown, projects, how)
            .and_then(|()| text::write_lines(&mut text, &shown.lines, how))
            .and_then(|()| writeln!(text))
            .and_then(|()| ui.stdout().write_all(&text))
            .map_err(output_error)?;
    }
    Ok(())
}

fn how(ui: &Ui) -> How {
    How { theme: ui.stdout().theme(), whole: true, width: ui.width(), coverage: false }
}

fn document(waiting: &Waiting, shown: &Shown, projects: &[OfProject]) -> ReviewDocument {
    let lines = shown.lines.iter().map(|line| match line {
        Changed::Same(text) => format!(" {text}"),
        Changed::Gone(text) => format!("-{text}"),
        Changed::New(text) => format!("+{text}"),
        Changed::Gap(count) => format!("@{count}"),
    });
    ReviewDocument::Waiting {
        project: projects[waiting.project].shown.display().to_string(),
        case: shown.case.clone(),
        layer: waiting.key.layer,
        change: change_name(&waiting.change),
        cause: shown.cause.clone(),
        lines: lines.collect(),
    }
}

/// What waits, and why.
fn write_title(
    out: &mut dyn Write,
    number: &str,
    waiting: &Waiting,
    shown: &Shown,
    projects: &[OfProject],
    how: How,
) -> io::Result<()> {
    let crate::ui::Theme { strong, warning, dim, .. } = how.theme;
    let project = &projects[waiting.project].shown;
    let project =
        if is_here(project) { String::new() } else { format!(" {dim}{}{dim:#}", project.display()) };
    let change = change_name(&waiting.change);
    let layer = waiting.key.layer.name();
    writeln!(out, "{number}{strong}{}{strong:#} {layer}, {warning}{change}{warning:#}{project}", shown.case)?;
    match &shown.cause {
        Some(cause) => writeln!(out, "  {}", visible::on_one_line(cause)),
        None => Ok(()),
    }
}

/// Asks about each on the terminal.
fn ask(review: &mut Review, projects: &[OfProject], env: &Environment, ui: &Ui) -> Result<()> {
    let mut screen = Screen { projects, env, ui, beside: false, note: String::new() };
    while let Some((at, waiting)) = review.current() {
        let shown = look(waiting, projects)?;
        screen.draw((at, review.len()), waiting, &shown)?;
        screen.note.clear();
        if let Some(act) = screen.pressed(ui.key()?, &shown)? {
            review.act(act);
        }
    }
    Ok(())
}

/// What is on the terminal.
struct Screen<'a> {
    projects: &'a [OfProject],
    env: &'a Environment,
    ui: &'a Ui,
    /// Side by side, or one below the other.
    beside: bool,
    /// Said once, below what is shown.
    note: String,
}

impl Screen<'_> {
    /// What a key means; nothing where it changes only what is shown.
    fn pressed(&mut self, key: Pressed, shown: &Shown) -> Result<Option<Act>> {
        match key {
            Pressed::Char('a' | 'y') => return Ok(Some(Act::Decide(Decision::Accept))),
            Pressed::Char('r' | 'n') => return Ok(Some(Act::Decide(Decision::Reject))),
            Pressed::Char('s' | ' ') | Pressed::Enter => return Ok(Some(Act::Decide(Decision::Skip))),
            Pressed::Char('A') => return Ok(Some(Act::DecideRest(Decision::Accept))),
            Pressed::Char('R') => return Ok(Some(Act::DecideRest(Decision::Reject))),
            Pressed::Char('b') => return Ok(Some(Act::Back)),
            Pressed::Char('q') => return Ok(Some(Act::Finish)),
            Pressed::Escape => return Ok(Some(Act::Abort)),
            Pressed::Interrupt => return Err(Error::new(Kind::Interrupted, "interrupted")),
            Pressed::Char('v') => self.beside = !self.beside,
            Pressed::Char('d') => self.note = external(shown, self.env).err().unwrap_or_default(),
            Pressed::Char('?' | 'h') => HELP.clone_into(&mut self.note),
            Pressed::Char(_) | Pressed::Other => "`?` lists the keys".clone_into(&mut self.note),
        }
        Ok(None)
    }

    fn draw(&self, (at, count): (usize, usize), waiting: &Waiting, shown: &Shown) -> Result<()> {
        let how = how(self.ui);
        let mut text = Vec::new();
        let drawn = (|| {
            let number = format!("\n{} of {count}: ", at + 1);
            write_title(&mut text, &number, waiting, shown, self.projects, how)?;
            if self.beside {
                side::write(&mut text, &shown.lines, how.theme, self.ui.width().unwrap_or(100))?;
            } else {
                text::write_lines(&mut text, &shown.lines, how)?;
            }
            if !self.note.is_empty() {
                writeln!(text, "{}", self.note)?;
            }
            let tool = if self.env.variable(DIFF_VARIABLE).is_some() { ", d your program" } else { "" };
            let dim = how.theme.dim;
            writeln!(text, "{dim}a accept, r reject, s skip, b back, v view{tool}, q end, ? help{dim:#}")
        })();
        drawn.and_then(|()| self.ui.stdout().write_all(&text)).map_err(output_error)
    }
}

const HELP: &str = "\
a  accept           A  accept this and all that is left
r  reject           R  reject this and all that is left
s  skip (Enter)     b  back to the one before
v  side by side, or one below the other
d  show it in the program that `BAKERY_DIFF` names
q  end, and do what was decided     Escape  end, and do nothing";

/// Shows a difference in a program of the user's; why not, in words.
fn external(shown: &Shown, env: &Environment) -> Result<(), String> {
    let command = env.variable(DIFF_VARIABLE).and_then(|value| value.to_str());
    let command = command.ok_or("`BAKERY_DIFF` names no program")?;
    let words =
        shell_words::split(command).map_err(|_| "a quote in `BAKERY_DIFF` is not closed".to_owned())?;
    let (program, arguments) = words.split_first().ok_or("`BAKERY_DIFF` names no program")?;
    let folder = tempfile::tempdir().map_err(|cause| cause.to_string())?;
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{text}\n")).map(|()| path).map_err(|cause| cause.to_string())
    };
    let (accepted, found) = (write("accepted", &shown.accepted)?, write("found", &shown.found)?);
    // Such programs say by their exit code that the files differ.
    let status = env.command(program).args(arguments).args([accepted, found]).status();
    status.map(drop).map_err(|cause| format!("cannot run `{program}`: {cause}"))
}

/// Does what was decided.
fn carry_out(operations: &[Operation], projects: &[OfProject]) -> Result<()> {
    for operation in operations {
        match operation {
            Operation::Accept(project, key) => projects[*project].folder.accept_pending(key)?,
            Operation::Reject(project, key) => projects[*project].folder.reject_pending(key)?,
            Operation::Remove(project, file) => projects[*project].folder.remove(file)?,
        }
    }
    Ok(())
}
