//! `bakery test`: runs the cases of projects and holds them to what is expected.
//!
//! Reading order: [`select`] finds projects and cases, [`prepare`] builds and compiles, [`run`] runs cases side by side, [`crate::snapshot::judge`] says
//! what came of each, and [`show`] shows it. Results come in the order of the cases, whatever the number of threads.

mod live;
mod prepare;
mod run;
pub(super) mod select;
mod show;
mod watch;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::case::Layer;
use crate::snapshot::judge::Update;
use crate::ui::Ui;
pub use show::TestDocument;

use prepare::Prepared;
use select::{Chosen, Shard};

/// Run the tests of inferlets, and compare what they do with what was accepted
///
/// Cases are written under `[[test]]` in `Pie.toml`, or in files under `tests/`. What a case keeps as a snapshot is in `snapshots/`; what differs waits
/// there for `bakery review`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery test                            The cases of the project here
  bakery test greets-ada                 Those whose name contains this, or the one that is called so
  bakery test examples --tag fast        All projects below a folder; cases with a tag
  bakery test --update new               Accept what is new; what changed waits for `bakery review`
  bakery test --schedules 20             Also in other orders of what may happen in any order
  bakery test --seeds 5                  Also with other seeds, without comparing snapshots
  bakery test --junit report.xml         Also as a report for a CI service
  bakery test --watch                    Again whenever a file changes

Where `CI` is set nothing is written, and snapshots that are missing or that no case asks for are failures.

Exit codes: 0 all is as expected, 1 something differs, 2 a case asks for what cannot be, 3 something outside is missing")]
pub struct Args {
    /// Projects, or folders with projects below; and parts of the names of cases
    #[arg(value_name = "PATH|FILTER")]
    pub what: Vec<String>,
    /// Only cases with this tag; can be repeated
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// What to accept at once: `none` of what differs, what is `new`, or `all`
    #[arg(long, value_enum, value_name = "none|new|all", hide_possible_values = true)]
    pub update: Option<Accepting>,
    /// Cases that run at once; as many as there are processors if not given. Results are the same with any number
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Only the I-th of N parts of all cases
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,
    /// Run each case with N seeds, its own and those after it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: Option<u32>,
    /// Run each case also under N other interleavings; one under which something else comes out is a race
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub schedules: Option<u32>,
    /// Only cases that keep this layer, and of them only this one; can be repeated
    #[arg(long, value_parser = layers(), value_name = "output|events|numbers", hide_possible_values = true)]
    pub layer: Vec<Layer>,
    /// Write a report in JUnit's format
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Run again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["list", "shard"])]
    pub watch: bool,
    /// Stop at the first case that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// List the cases, and run none
    #[arg(long)]
    pub list: bool,
    /// Say what the cases made use of, each and together
    #[arg(long)]
    pub coverage: bool,
    /// Test this component, and build nothing
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Fetch nothing: what the build needs must be here
    #[arg(long)]
    pub offline: bool,
}

fn layers() -> impl TypedValueParser<Value = Layer> {
    let wanted = |name: String| Layer::ALL.into_iter().find(|layer| layer.name() == name);
    // The parser has let no other name through.
    PossibleValuesParser::new(Layer::ALL.map(Layer::name))
        .map(move |name| wanted(name).unwrap_or(Layer::Output))
}

/// What is accepted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Accepting {
    /// Nothing, and nothing is written.
    None,
    /// What is new.
    New,
    /// Everything.
    All,
}

/// Runs the cases.
///
/// # Errors
/// Something differs, a case or a project is wrong, or something outside is missing.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    if args.watch {
        return watch::run(args, env, ui);
    }
    let chosen = select::find(args, env)?;
    if args.list {
        return show::list(&chosen, ui);
    }
    let outcome = once(args, chosen, env, ui)?;
    show::shown(outcome, args, env, ui)
}

/// What came of all cases.
struct Outcome {
    projects: Vec<OfProject>,
    elapsed: std::time::Duration,
}

/// What came of the cases of a project.
struct OfProject {
    /// The project's folder, as it is typed.
    shown: PathBuf,
    name: String,
    verdicts: Vec<crate::snapshot::verdict::Verdict>,
    /// Snapshots that no case asks for.
    obsolete: Vec<String>,
    /// Whether they were removed.
    removed: bool,
}

/// Builds, runs and judges what was chosen.
fn once(args: &Args, chosen: Vec<Chosen>, env: &Environment, ui: &Ui) -> Result<Outcome> {
    let watch = env.clock.start();
    if chosen.iter().all(|chosen| chosen.cases.is_empty()) {
        // There may be more machines than cases.
        let all = args.shard.map(|_| select::find(&Args { shard: None, ..args.clone() }, env)).transpose()?;
        return match all {
            Some(all) if all.iter().any(|chosen| !chosen.cases.is_empty()) => {
                Ok(Outcome { projects: Vec::new(), elapsed: watch.elapsed() })
            }
            _ => Err(nothing_chosen(args)),
        };
    }
    if args.component.is_some() && chosen.len() > 1 {
        return Err(Error::usage("`--component` is for one project, and these are several"));
    }
    let jobs = jobs(args);
    let update = update(args, env);
    let prepared = Prepared::new(chosen, args, jobs, env, ui)?;
    let verdicts = run::all(&prepared, &run::How { args, update, jobs }, env, ui)?;
    let mut projects: Vec<OfProject> = Vec::new();
    for (number, project) in prepared.projects.iter().enumerate() {
        let obsolete = project.folder.obsolete(&project.asked_for);
        let removed = update == Update::All && !obsolete.is_empty();
        if removed {
            obsolete.iter().try_for_each(|file| project.folder.remove(file))?;
        }
        let of_project = verdicts.iter().filter(|(of, _)| *of == number).map(|(_, verdict)| verdict.clone());
        projects.push(OfProject {
            shown: project.shown.clone(),
            name: project.name.clone(),
            verdicts: of_project.collect(),
            obsolete,
            removed,
        });
    }
    Ok(Outcome { projects, elapsed: watch.elapsed() })
}

fn jobs(args: &Args) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    args.jobs.map_or_else(all, usize::from)
}

/// What is written: what the user says, and under CI nothing by itself.
fn update(args: &Args, env: &Environment) -> Update {
    match args.update {
        Some(Accepting::None) => Update::None,
        Some(Accepting::New) => Update::New,
        Some(Accepting::All) => Update::All,
        None if env.is_ci() => Update::None,
        None => Update::Pending,
    }
}

fn nothing_chosen(args: &Args) -> Error {
    let narrowed =
        !args.tag.is_empty() || !args.layer.is_empty() || args.shard.is_some() || !args.what.is_empty();
    let error = Error::usage("there is no case to run");
    if narrowed {
        error.hint("bakery test --list")
    } else {
        error.hint("write one in `Pie.toml`:\n[[test]]\nname = \"answers\"\nsnapshot = [\"output\"]")
    }
}
