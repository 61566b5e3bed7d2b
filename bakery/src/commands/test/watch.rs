//! `--watch`: runs the cases again whenever a file has changed, those of the projects that it belongs to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::select::{self, Chosen};
use super::{Args, once, show};
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::ui::Ui;
use crate::watch::{Sources, Watch, named};

/// Runs cases until the user wants to stop.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let first = select::find(args, env)?;
    let roots: Vec<PathBuf> = first.iter().map(|chosen| chosen.project.root.clone()).collect();
    let own: BTreeSet<PathBuf> = args.junit.iter().map(|file| env.current_dir.join(file)).collect();
    let mut watch = Watch::new(Sources { roots, own, ..Sources::default() })?;
    // Asked before the run, so that what changes during it is noticed.
    watch.changed()?;
    attempt(args, Ok(first), env, ui)?;
    loop {
        watch.settle()?;
        ui.note("waiting for a file to change; Ctrl-C ends");
        let Some(changed) = watch.wait(&env.interrupt)? else {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        };
        ui.status("Changed", named(&changed, &env.current_dir));
        let chosen = select::find(args, env).map(|chosen| touched(chosen, &changed));
        attempt(args, chosen, env, ui)?;
    }
}

/// Runs the cases. What is wrong is said, and is no reason to stop, unless the user wants to.
fn attempt(args: &Args, chosen: Result<Vec<Chosen>>, env: &Environment, ui: &Ui) -> Result<()> {
    let outcome = chosen.and_then(|chosen| once(args, chosen, env, ui));
    match outcome.and_then(|outcome| show::shown(outcome, args, env, ui)) {
        Err(error) if matches!(error.kind, Kind::Interrupted | Kind::Closed) => Err(error),
        // What failed was shown.
        Err(error) if error.kind == Kind::Failed && error.place.is_none() && error.source.is_none() => Ok(()),
        Err(error) => {
            ui.error(&error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The projects that the files belong to.
fn touched(chosen: Vec<Chosen>, changed: &[PathBuf]) -> Vec<Chosen> {
    let is_touched = |chosen: &Chosen| changed.iter().any(|path| path.starts_with(&chosen.project.root));
    chosen.into_iter().filter(is_touched).collect()
}
