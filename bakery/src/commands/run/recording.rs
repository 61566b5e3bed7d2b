//! `--record` and `--replay` of a folder: what the model says is kept, or played back, beside what else comes from outside.

use std::path::PathBuf;

use pie_engine::Control;
use pie_engine::loaded::LoadedModel;

use super::{Args, programs};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::outside::branch::Branch;
use crate::outside::recording::{self, Recorder, Replayed, Started};
use crate::outside::replay::{self, Rerun};
use crate::project::Manifest;
use crate::report::audience::Audience;
use crate::report::trace_file::TraceFile;

/// The recording that is played back, where `--replay` names one and not a trace.
pub(super) fn find(args: &Args, env: &Environment) -> Result<Option<Replayed>> {
    let folder = args.replay.as_deref().filter(|path| Replayed::is_at(&env.current_dir.join(path)));
    folder.map(|folder| Replayed::read(folder, env)).transpose()
}

/// The arguments, with those of the recording where nothing else was said.
pub(super) fn arguments(args: &Args, replayed: Option<&Replayed>) -> Args {
    let mut args = args.clone();
    let (Some(replayed), Some(folder)) = (replayed, &args.replay) else { return args };
    args.replay = Some(folder.join(recording::TRACE));
    args.seed = replayed.begun.seed;
    args.pages = replayed.begun.pages;
    if args.input.is_none() && args.parameters.is_empty() {
        args.input = Some(replayed.begun.input.clone());
    }
    // They are sent by the recording.
    (args.send, args.file) = (Vec::new(), Vec::<PathBuf>::new());
    args
}

/// The environment variables of the inferlet: the recorded ones, or those of the machine that its manifest lets through. A recording of another inferlet is refused here,
/// before anything else is said about what this one is given.
pub(super) fn variables(
    args: &Args,
    manifest: Option<&Manifest>,
    branch: Option<&Branch>,
    replayed: Option<&Replayed>,
    env: &Environment,
) -> Result<Vec<(String, String)>> {
    if let (Some(replayed), Some(file), Some(manifest)) = (replayed, &args.replay, manifest) {
        replay::same_program(&replayed.questions, &manifest.package.name, file)?;
    }
    let recorded = branch.and_then(|branch| branch.environment.as_ref());
    let recorded = recorded.or(replayed.and_then(|replayed| replayed.begun.environment.as_ref()));
    let machines = || manifest.map(|manifest| programs::variables(manifest, env)).unwrap_or_default();
    Ok(recorded.cloned().unwrap_or_else(machines))
}

/// Begins a recording of a run with these variables, if one is wanted, and has the trace written, wherever it is wanted.
pub(super) fn begin(
    args: &Args,
    variables: Vec<(String, String)>,
    mut trace: Option<TraceFile>,
    audience: &Audience,
    env: &Environment,
) -> Result<Option<Recorder>> {
    let begin = |folder: &PathBuf| Recorder::create(folder, variables, &mut trace, env);
    let recorder = args.record.as_ref().map(begin).transpose()?;
    if let Some(trace) = trace {
        // Where there are two files, the cause names the one.
        let place = match (&args.trace, &args.record) {
            (Some(path), None) | (None, Some(path)) => format!("`{}`", path.display()),
            _ => "the trace".to_owned(),
        };
        audience
            .add(trace, move |cause| Error::environment(format!("cannot write {place}")).caused_by(cause));
    }
    if let Some(recorder) = &recorder {
        audience.add(recorder.clone(), |cause| {
            Error::bug("what the inferlet receives cannot be kept").caused_by(cause)
        });
    }
    Ok(recorder)
}

/// The model that the inferlet is to run beside: itself, kept, or played back.
pub(super) fn model(
    model: LoadedModel,
    replayed: Option<&Replayed>,
    recorder: Option<&Recorder>,
    control: &Control,
) -> Result<LoadedModel> {
    match (replayed, recorder) {
        (Some(replayed), _) => replayed.model(model, recording::ending(control)),
        (None, Some(recorder)) => Ok(recorder.taping(model)),
        (None, None) => Ok(model),
    }
}

/// Lets everybody who watches finish, and then completes the recording, if one is made: it is whole once its trace is.
pub(super) fn finish(
    recorder: Option<&Recorder>,
    audience: &Audience,
    args: &Args,
    rerun: &Rerun<'_>,
    model: &LoadedModel,
    files: &[Vec<u8>],
) -> Result<()> {
    audience.finish()?;
    let Some(recorder) = recorder else { return Ok(()) };
    recorder.finish(&Started {
        program: rerun.program,
        input: rerun.input,
        seed: args.seed,
        pages: args.pages,
        model,
        messages: &args.send,
        files,
    })
}
