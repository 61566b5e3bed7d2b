//! A run that leaves a recorded one at an event, for `bakery trace fork`.

use std::sync::Arc;

use pie_engine::{Control, Launch};

use super::Args;
use super::outside::{Answers, Connected};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::outside::Live;
use crate::outside::branch::{Branch, ForkedTrace, Parted};
use crate::outside::replay::{self, Rerun};
use crate::report::audience::Audience;

/// Has the run written down, with what it is a fork of, and held against the recorded one. Where the two part too early, and the event before which they may not.
pub(super) fn watch(
    branch: &Branch,
    args: &Args,
    audience: &Audience,
    control: &Control,
    env: &Environment,
) -> Result<(Parted, u64)> {
    if let Some(path) = &args.fork {
        let shown = path.display().to_string();
        let unwritable = move |error| Error::environment(format!("cannot write `{shown}`")).caused_by(error);
        let file =
            ForkedTrace::create(&env.current_dir.join(path), branch.fork.clone()).map_err(&unwritable)?;
        audience.add(file, unwritable);
    }
    let watch = branch.watch(control, env)?;
    let parted = watch.parted.clone();
    audience.add(watch, |cause| Error::usage("the trace cannot be read again").caused_by(cause));
    Ok((parted, branch.at))
}

/// Connects an inferlet with recorded answers, and with the world for what has none.
pub(super) fn connect(
    branch: &Branch,
    launch: Launch,
    rerun: &Rerun<'_>,
    answers: Answers,
) -> Result<(Launch, Connected)> {
    let Answers::Live(world, _) = answers else { return Err(Error::bug("a fork of a replay")) };
    replay::same_program(&branch.questions, rerun.program, branch.file())?;
    let world = Arc::<Live>::from(world);
    let launch = launch.outside(Arc::new(branch.outside(Arc::clone(&world) as _)));
    let launch = branch.start.map_or(launch.clone(), |start| launch.start(start));
    Ok((launch, Connected::Live(world)))
}
