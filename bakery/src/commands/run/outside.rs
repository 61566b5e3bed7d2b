//! What the inferlet may ask of the world: the world itself, or what was recorded of it.

use std::path::Path;
use std::sync::Arc;

use pie_engine::outside::replay::{Recording, Replay};
use pie_engine::trace::Outcome;
use pie_engine::{Control, Inferlet, Launch};

use super::{Args, servers};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::outside::http::Http;
use crate::outside::mcp::Mcp;
use crate::outside::replay::{self, Rerun};
use crate::outside::{Background, Live};
use crate::project::Manifest;

/// What answers the inferlet.
pub(super) enum Answers {
    /// The world, and the thread that waits for it.
    Live(Box<Live>, Background),
    /// A recording, which has been read.
    Recorded(Box<Recording>),
}

/// What an inferlet that runs is connected with.
pub(super) enum Connected {
    /// The world.
    Live(Arc<Live>),
    /// A recording.
    Replayed(Arc<Replay>),
}

impl Answers {
    /// Reads the recording, if there is to be one; else what is said about servers, on the command line and beside the project.
    pub(super) fn find(args: &Args, project: Option<&Path>, env: &Environment) -> Result<Answers> {
        Ok(match &args.replay {
            None => {
                let background = Background::default();
                let mcp = Mcp::new(servers::find(&args.mcp, project, env)?, env, background.clone());
                Answers::Live(Box::new(Live { http: Http::new(background.clone()), mcp }), background)
            }
            Some(file) => Answers::Recorded(Box::new(replay::read(file, env)?)),
        })
    }

    /// Connects an inferlet with what answers it.
    pub(super) fn connect(
        self,
        launch: Launch,
        args: &Args,
        rerun: &Rerun<'_>,
        control: &Control,
    ) -> Result<(Launch, Connected)> {
        match (self, &args.replay) {
            (Answers::Recorded(recording), Some(file)) => {
                replay::check(&recording, rerun, file)?;
                let control = control.clone();
                let replay = Arc::new(Replay::new(*recording, move |difference| {
                    control.cancel(Outcome::Cancelled(format!("the recording cannot answer: {difference}")));
                }));
                Ok((launch.outside(Arc::clone(&replay) as _), Connected::Replayed(replay)))
            }
            (Answers::Live(world, _), _) => {
                let world = Arc::<Live>::from(world);
                Ok((launch.outside(Arc::clone(&world) as _), Connected::Live(world)))
            }
            (Answers::Recorded(_), None) => Err(Error::bug("a recording without a file")),
        }
    }
}

impl Connected {
    /// Ends what was started for the inferlet.
    pub(super) fn close(&self) {
        if let Connected::Live(world) = self {
            world.mcp.close();
        }
    }

    /// Whether a run that was replayed was the recorded one, as far as it asked anything. One that was ended before its end has asked less, and says why.
    pub(super) fn verdict(&self, outcome: &Outcome) -> Result<()> {
        let Connected::Replayed(replay) = self else { return Ok(()) };
        let hint = "record it again: run it with `--trace` and without `--replay`";
        if let Some(difference) = replay.difference() {
            return Err(Error::failed(format!("the run is not the recorded one: {difference}")).hint(hint));
        }
        match replay.left() {
            0 => Ok(()),
            _ if matches!(outcome, Outcome::Cancelled(_)) => Ok(()),
            left => {
                let what = if left == 1 { "one question".to_owned() } else { format!("{left} questions") };
                Err(Error::failed(format!(
                    "the run is not the recorded one: it did not ask {what} that the recorded one asked"
                ))
                .hint(hint))
            }
        }
    }
}

/// What a recording has to be of.
pub(super) fn rerun<'a>(
    args: &Args,
    manifest: Option<&'a Manifest>,
    inferlet: &'a Inferlet,
    input: &'a str,
) -> Rerun<'a> {
    Rerun {
        program: manifest.map_or(inferlet.name(), |manifest| &manifest.package.name),
        input,
        seed: args.seed,
    }
}
