//! `bakery run --watch`: builds and runs again whenever a source has changed. How that is noticed is the business of [`crate::watch`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Args;
use super::target::Target;
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::project::{MANIFEST_NAME, Manifest};
use crate::ui::Ui;
use crate::watch::{Sources, Watch, named};

/// Runs the inferlet until the user wants to stop.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let mut watch = Watch::new(sources(args, env)?)?;
    // Asked before the run, so that what changes during it is noticed after it.
    watch.changed()?;
    loop {
        attempt(args, env, ui)?;
        watch.settle()?;
        ui.note("waiting for a file to change; Ctrl-C ends");
        let Some(changed) = watch.wait(&env.interrupt)? else {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        };
        ui.status("Changed", named(&changed, &env.current_dir));
    }
}

/// Runs it once. What is wrong is said, and is no reason to stop, unless the user wants to.
fn attempt(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    match super::go(args, None, env, ui) {
        Err(error) if matches!(error.kind, Kind::Interrupted | Kind::Closed) => Err(error),
        Err(error) => {
            ui.error(&error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// What a run depends on, and what it writes.
fn sources(args: &Args, env: &Environment) -> Result<Sources> {
    let full = |path: &PathBuf| env.current_dir.join(path);
    let target = Target::find(&args.path, args.manifest.as_deref(), env)?;
    let (mut roots, mut files) = (Vec::new(), BTreeSet::new());
    match target.project() {
        Some(root) => {
            roots.push(root.to_owned());
            roots.extend(target.manifest().map(|manifest| dependencies(root, manifest)).unwrap_or_default());
        }
        None if full(&args.path).is_file() => drop(files.insert(full(&args.path))),
        None => {
            let error = Error::usage(format!("`{}` is installed, and does not change", args.path.display()));
            return Err(error.hint("`--watch` is for projects, and for components that are files"));
        }
    }
    let input = args.input.as_deref().and_then(|input| input.strip_prefix('@')).map(PathBuf::from);
    let named = [args.manifest.clone(), args.script.clone(), input].into_iter().flatten();
    files.extend(named.chain(args.file.iter().cloned()).map(|path| full(&path)));
    let own = [&args.trace, &args.record, &args.out_dir].into_iter().flatten().map(full).collect();
    Ok(Sources { roots, files, own })
}

/// The folders of the projects that a project may launch, as far as its manifest says where they are.
fn dependencies(root: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let of = |(name, dependency): (&String, &crate::project::Dependency)| match &dependency.path {
        Some(path) => root.join(path),
        None => root.parent().unwrap_or(root).join(name),
    };
    let folders = manifest.dependencies.iter().map(of);
    folders.filter(|folder| folder.join(MANIFEST_NAME).is_file() && !folder.starts_with(root)).collect()
}
