//! Runs cases side by side: threads that take the next case, an engine for each run, so that no run knows of another one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pie_engine::loaded::LoadedModel;
use pie_engine::outside::replay::Replay;
use pie_engine::trace::{Outcome, Sink};
use pie_engine::{Control, Engine, EngineConfig, Finished, Launch, PageChecks};

use super::Args;
use super::live::{Attended, sent};
use super::prepare::{OfProject, PLACES, Prepared};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::interrupt::Waiting;
use crate::outside::recording::{Replayed, ending};
use crate::outside::replies::Replies;
use crate::progress::Unit;
use crate::project::case::{Case, Layer};
use crate::report::Reporter;
use crate::report::trace_file::TraceFile;
use crate::snapshot::coverage::Coverage;
use crate::snapshot::judge::{Judge, Update};
use crate::snapshot::verdict::{Problem, Verdict};
use crate::snapshot::{Kept, Observed, diff, expectations, project};
use crate::ui::Ui;

/// How cases are run.
pub(super) struct How<'a> {
    pub args: &'a Args,
    pub update: Update,
    pub jobs: usize,
}

/// Runs all cases. Which project each is of, and what came of it, in the order of the cases; with `--fail-fast` up to the first that fails.
pub(super) fn all(
    prepared: &Prepared,
    how: &How<'_>,
    env: &Environment,
    ui: &Ui,
) -> Result<Vec<(usize, Verdict)>> {
    let total = prepared.order.len();
    let task = ui.progress().start("testing", Some(total as u64), Unit::Items);
    let next = AtomicUsize::new(0);
    let first_failed = AtomicUsize::new(usize::MAX);
    let results = Mutex::new((0u64, BTreeMap::new()));
    let task = Mutex::new(task);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            // Those before the first that failed are still to be run, so that which one that is does not depend on who was faster.
            let stopped = how.args.fail_fast && index > first_failed.load(Ordering::SeqCst);
            if index >= total || stopped || env.interrupt.requested() {
                return;
            }
            let (number, case) = prepared.order[index];
            let of = &prepared.projects[number];
            let verdict = Worker { prepared, of, how, env }.verdict(&of.cases[case]);
            if !verdict.as_ref().is_ok_and(Verdict::passed) {
                first_failed.fetch_min(index, Ordering::SeqCst);
            }
            let done = {
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.0 += 1;
                results.1.insert(index, verdict);
                results.0
            };
            task.lock().unwrap_or_else(PoisonError::into_inner).reached(done);
        }
    };
    thread::scope(|scope| {
        for _ in 1..how.jobs.min(total) {
            scope.spawn(work);
        }
        work();
    });
    drop(task);
    env.interrupt.check()?;
    let (_, results) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut verdicts = Vec::new();
    for (index, verdict) in results {
        if how.args.fail_fast && index > first_failed.load(Ordering::SeqCst) {
            break;
        }
        verdicts.push((prepared.order[index].0, verdict?));
    }
    Ok(verdicts)
}

/// Runs the cases of a project, one at a time.
struct Worker<'a> {
    prepared: &'a Prepared,
    of: &'a OfProject,
    how: &'a How<'a>,
    env: &'a Environment,
}

/// One run of a case.
#[derive(Clone, Copy)]
struct Turn {
    seed: u64,
    interleaving: u64,
}

impl Worker<'_> {
    /// Runs a case as often as is wanted, and says what came of it.
    ///
    /// # Errors
    /// Its snapshots cannot be read or written.
    fn verdict(&self, case: &Case) -> Result<Verdict> {
        let watch = self.env.clock.start();
        let mut verdict = Verdict {
            case: case.clone(),
            problems: Vec::new(),
            done: Vec::new(),
            elapsed: std::time::Duration::ZERO,
            sampled_tokens: 0,
            least_margin: None,
            passes: 0,
            coverage: Coverage::default(),
        };
        let natural = Turn { seed: case.seed, interleaving: 0 };
        match self.observe(case, natural) {
            Err(why) => verdict.problems.push(Problem::Unrunnable(why)),
            Ok(observed) => self.judge(case, &observed, &mut verdict)?,
        }
        verdict.elapsed = watch.elapsed();
        Ok(verdict)
    }

    fn judge(&self, case: &Case, observed: &Observed, verdict: &mut Verdict) -> Result<()> {
        let usage = &observed.finished.usage;
        (verdict.sampled_tokens, verdict.least_margin, verdict.passes) =
            (usage.sampled_tokens, usage.least_margin, usage.passes);
        verdict.coverage = Coverage::of_run(&observed.events, &observed.uses, &self.of.imports);
        let judge = Judge {
            folder: &self.of.folder,
            root: &self.of.root,
            update: self.how.update,
            layers: &self.how.args.layer,
        };
        let vocabulary = &self.model(case).vocabulary;
        (verdict.problems, verdict.done) = judge.judge(case, observed, vocabulary)?;
        self.other_seeds(case, &mut verdict.problems);
        self.other_schedules(case, observed, &mut verdict.problems)
    }

    fn model(&self, case: &Case) -> &super::prepare::Model {
        &self.of.models[&(case.model.clone(), case.script.clone())]
    }

    /// Runs a case with the seeds after its own. What it is expected to be in words has to hold for each.
    fn other_seeds(&self, case: &Case, problems: &mut Vec<Problem>) {
        let count = u64::from(self.how.args.seeds.unwrap_or(1));
        for seed in (1..count).map(|more| case.seed.wrapping_add(more)) {
            let wrong = match self.observe(case, Turn { seed, interleaving: 0 }) {
                Err(why) => vec![why],
                Ok(observed) => {
                    let mut wrong = expectations::check(case, &observed, &self.of.root);
                    wrong.extend(observed.finished.findings);
                    wrong
                }
            };
            problems.extend(
                wrong.into_iter().map(|what| Problem::Unexpected(format!("with the seed {seed}: {what}"))),
            );
            if self.env.interrupt.requested() {
                return;
            }
        }
    }

    /// Runs a case under other interleavings: the caller must get the same.
    fn other_schedules(&self, case: &Case, natural: &Observed, problems: &mut Vec<Problem>) -> Result<()> {
        let vocabulary = &self.model(case).vocabulary;
        let output =
            |observed: &Observed| project::layer(Layer::Output, observed, &case.redactions, vocabulary);
        let expected = output(natural);
        for interleaving in 1..=u64::from(self.how.args.schedules.unwrap_or(0)) {
            let turn = Turn { seed: case.seed, interleaving };
            let observed = match self.observe(case, turn) {
                Ok(observed) => observed,
                Err(why) => {
                    problems
                        .push(Problem::Unexpected(format!("under the interleaving {interleaving}: {why}")));
                    return Ok(());
                }
            };
            problems.extend(observed.finished.findings.iter().cloned().map(Problem::Finding));
            if let Some(difference) = diff::compare(Layer::Output, &expected, &output(&observed), 0.0) {
                let traces = [self.trace(case, 0)?, self.trace(case, interleaving)?];
                problems.push(Problem::Race {
                    schedule: interleaving,
                    difference: Box::new(difference),
                    traces,
                });
                return Ok(());
            }
            if self.env.interrupt.requested() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs a case once more and records it; where.
    fn trace(&self, case: &Case, interleaving: u64) -> Result<String> {
        let folder = self.env.cache_dir()?.join("races");
        let name = match interleaving {
            0 => format!("{}-{}.jsonl", self.of.name, case.file_stem()),
            number => format!("{}-{}-interleaving-{number}.jsonl", self.of.name, case.file_stem()),
        };
        let path = folder.join(name);
        let unwritable =
            |cause| Error::environment(format!("cannot write `{}`", path.display())).caused_by(cause);
        std::fs::create_dir_all(&folder).map_err(unwritable)?;
        let file = Recording(Arc::new(Mutex::new(TraceFile::create(&path).map_err(unwritable)?)));
        // That it could be run was seen before.
        let _ = self.run(case, Turn { seed: case.seed, interleaving }, Box::new(file.clone()), None);
        file.0.lock().unwrap_or_else(PoisonError::into_inner).finish().map_err(unwritable)?;
        Ok(shown(path))
    }

    /// Runs a case and keeps what happens.
    fn observe(&self, case: &Case, turn: Turn) -> Result<Observed, String> {
        let kept = Kept::default();
        let finished = self.run(case, turn, Box::new(kept.clone()), Some(&kept))?;
        kept.observed(finished).ok_or_else(|| "the run never began".to_owned())
    }

    /// Runs a case; why it cannot be run, in words.
    fn run(
        &self,
        case: &Case,
        turn: Turn,
        sink: Box<dyn Sink>,
        kept: Option<&Kept>,
    ) -> Result<Finished, String> {
        match &case.replay {
            Some(recording) => self.replay(case, &self.of.recordings[recording], turn, sink, kept),
            None => self.perform(case, turn, sink, kept),
        }
    }

    /// Runs a case in the world that it describes.
    fn perform(
        &self,
        case: &Case,
        turn: Turn,
        sink: Box<dyn Sink>,
        kept: Option<&Kept>,
    ) -> Result<Finished, String> {
        let mut model = self.model(case).loaded.clone();
        if let Some(kept) = kept.filter(|_| case.layers.contains(&Layer::Numbers)) {
            model.model = Arc::new(kept.taping(model.model));
        }
        let engine = self.engine(model, case.pages)?;
        let launch = observed(self.launch(case, turn), kept);
        let control = launch.control();
        let refusing = control.clone();
        let world = Arc::new(Replies::new(case, &self.of.root, self.env, move |what| {
            refusing.cancel(Outcome::Cancelled(what.to_owned()));
        }));
        let launch = launch.outside(Arc::clone(&world) as _);
        let sending = sent(case, &self.of.root)?;
        let sink = Attended::new(sink, &control, sending);
        let _interrupt = self.ends_on_interrupt(&control);
        let finished = engine.run(&self.of.inferlet, launch, Box::new(sink));
        world.close();
        Ok(finished)
    }

    /// Runs what was recorded, with no model and no network.
    fn replay(
        &self,
        case: &Case,
        recording: &Replayed,
        turn: Turn,
        sink: Box<dyn Sink>,
        kept: Option<&Kept>,
    ) -> Result<Finished, String> {
        let begun = &recording.begun;
        let launch = self.launch(case, Turn { seed: begun.seed, ..turn }).input(begun.input.as_str());
        let launch = match &begun.environment {
            Some(environment) if case.environment.is_empty() => launch.environment(environment.clone()),
            _ => launch,
        };
        let launch = observed(launch, kept);
        let control = launch.control();
        let model = recording.model(self.model(case).loaded.clone(), ending(&control));
        let model = model.map_err(|error| [vec![error.to_string()], error.causes()].concat().join(": "))?;
        let engine = self.engine(model, Some(begun.pages))?;
        let differs = ending(&control);
        let replay = Arc::new(Replay::new(recording.questions.clone(), move |difference| {
            differs(&difference.to_string())
        }));
        let launch = launch.outside(Arc::clone(&replay) as _);
        recording.attend(&control);
        let _interrupt = self.ends_on_interrupt(&control);
        let finished = engine.run(&self.of.inferlet, launch, sink);
        match replay.left() {
            left if left > 0 && matches!(finished.outcome, Outcome::Ok(_)) => {
                Err(format!("the run is not the recorded one: it left out {left} of the recorded questions"))
            }
            _ => Ok(finished),
        }
    }

    fn engine(&self, model: LoadedModel, pages: Option<u32>) -> Result<Engine, String> {
        let config = EngineConfig::new(model);
        let config = EngineConfig {
            pages: pages.unwrap_or(config.pages),
            checks: PageChecks::AtEnd,
            places: Some(PLACES),
            ..config
        };
        Engine::on(Arc::clone(&self.prepared.runtime), config).map_err(|cause| cause.to_string())
    }

    fn ends_on_interrupt(&self, control: &Control) -> Waiting {
        let control = control.clone();
        self.env.interrupt.on_request(move || control.cancel(Outcome::Cancelled("interrupted".to_owned())))
    }

    fn launch(&self, case: &Case, turn: Turn) -> Launch {
        let environment = case.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        let launch = self
            .of
            .launch
            .again()
            .input(serde_json::Value::Object(case.parameters.clone()).to_string())
            .seed(turn.seed)
            .interleaving(turn.interleaving)
            .limits(case.limits.over(&self.of.limits))
            .environment(environment.collect());
        match &case.request {
            Some(request) => launch.request(super::live::request(request)).0,
            None => launch,
        }
    }
}

/// A launch of which somebody wants to know what it makes use of.
fn observed(launch: Launch, kept: Option<&Kept>) -> Launch {
    match kept {
        Some(kept) => launch.uses(kept.uses()),
        None => launch,
    }
}

fn shown(path: PathBuf) -> String {
    path.display().to_string()
}

/// A trace file as a sink.
#[derive(Clone)]
struct Recording(Arc<Mutex<TraceFile>>);

impl Sink for Recording {
    fn begin(&mut self, header: &pie_engine::trace::Header) {
        // The file keeps its first error until it is finished.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).begin(header);
    }

    fn record(&mut self, record: &Arc<pie_engine::trace::Record>) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).share(record);
    }
}
