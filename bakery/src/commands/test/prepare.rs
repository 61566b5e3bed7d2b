//! From projects to what can be run: components built and compiled, models loaded, snapshots listed. All of it once, whatever the number of cases.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pie_engine::loaded::LoadedModel;
use pie_engine::{Inferlet, Launch, Limits, Runtime, RuntimeConfig};

use super::Args;
use super::select::Chosen;
use crate::commands::run::model::{Computing, Source};
use crate::commands::run::programs::{self, Dependencies};
use crate::commands::run::target::{Built, Target};
use crate::commands::run::{self, cache};
use crate::environment::Environment;
use crate::error::{Error, Place, Result};
use crate::models::hub::Network;
use crate::outside::recording::Replayed;
use crate::project::Project;
use crate::project::case::Case;
use crate::report::vocabulary::Vocabulary;
use crate::snapshot::store::{Folder, Key};
use crate::ui::Ui;

/// Instances of one run that can be alive at once, as with `bakery run`.
pub(super) const PLACES: u32 = 64;

/// All that the cases need.
pub(super) struct Prepared {
    pub runtime: Arc<Runtime>,
    pub projects: Vec<OfProject>,
    /// Which case of which project, in the order in which they are reported.
    pub order: Vec<(usize, usize)>,
}

/// What the cases of one project need.
pub(super) struct OfProject {
    pub root: PathBuf,
    pub shown: PathBuf,
    pub name: String,
    pub inferlet: Inferlet,
    /// The functions of the interface that it imports.
    pub imports: Arc<BTreeSet<String>>,
    /// How it is launched, but for what a case says.
    pub launch: Launch,
    pub limits: Limits,
    pub cases: Vec<Case>,
    pub models: BTreeMap<(String, Option<String>), Model>,
    /// Recordings that cases are run from.
    pub recordings: BTreeMap<String, Replayed>,
    pub folder: Folder,
    pub asked_for: BTreeSet<Key>,
}

/// A model, and what its tokens say.
pub(super) struct Model {
    pub loaded: LoadedModel,
    pub vocabulary: Vocabulary,
}

impl Prepared {
    /// Builds, compiles and loads.
    pub fn new(
        chosen: Vec<Chosen>,
        args: &Args,
        jobs: usize,
        env: &Environment,
        ui: &Ui,
    ) -> Result<Prepared> {
        let instances = PLACES.saturating_mul(u32::try_from(jobs).unwrap_or(1));
        let config = RuntimeConfig { code_cache: cache::folder(env), instances, ..RuntimeConfig::default() };
        let cannot_start = |cause| Error::environment("the engine cannot start").caused_by(cause);
        let runtime = Arc::new(Runtime::new(config).map_err(cannot_start)?);
        let mut loaded = BTreeMap::new();
        let mut projects = Vec::new();
        for chosen in chosen.into_iter().filter(|chosen| !chosen.cases.is_empty()) {
            env.interrupt.check()?;
            projects.push(prepare(chosen, &runtime, &mut loaded, args, env, ui)?);
        }
        let cases = |(number, project): (usize, &OfProject)| {
            (0..project.cases.len()).map(move |case| (number, case)).collect::<Vec<_>>()
        };
        let order = projects.iter().enumerate().flat_map(cases).collect();
        Ok(Prepared { runtime, projects, order })
    }
}

/// Models that have been loaded, by what they were loaded from.
type Loaded = BTreeMap<(String, Option<PathBuf>), LoadedModel>;

fn prepare(
    chosen: Chosen,
    runtime: &Arc<Runtime>,
    loaded: &mut Loaded,
    args: &Args,
    env: &Environment,
    ui: &Ui,
) -> Result<OfProject> {
    let Chosen { project, shown, cases, asked_for } = chosen;
    let manifest = project.manifest.clone();
    let mut models = BTreeMap::new();
    for case in &cases {
        if let Entry::Vacant(entry) = models.entry((case.model.clone(), case.script.clone())) {
            let loaded = load(case, &project, &shown, loaded, (args, env, ui))?;
            let vocabulary = Vocabulary::with(Arc::clone(&loaded.tokenizer));
            entry.insert(Model { loaded, vocabulary });
        }
    }
    let recordings = recordings(&cases, &project, &shown, env)?;
    let Built { component, dependencies } = built(&project, args, env, ui)?;
    env.interrupt.check()?;
    let inferlet = component.compiled(runtime, &*ui.progress())?;
    for case in &cases {
        fits(case, &inferlet, &project.manifest_text, &shown)?;
    }
    let mut launch = programs::named(Launch::new("null"), &manifest).stdin(component.stdin);
    if let Some(dependencies) = dependencies {
        launch = launch.programs(Arc::new(Dependencies::new(dependencies, Arc::clone(runtime))));
    }
    Ok(OfProject {
        recordings,
        folder: Folder::open(&project.root)?,
        name: manifest.package.name.clone(),
        limits: programs::limits(&manifest),
        root: project.root,
        shown,
        imports: Arc::new(inferlet.imports()),
        inferlet,
        launch,
        cases,
        models,
        asked_for,
    })
}

/// The recordings that cases are run from.
fn recordings(
    cases: &[Case],
    project: &Project,
    shown: &Path,
    env: &Environment,
) -> Result<BTreeMap<String, Replayed>> {
    let mut recordings = BTreeMap::new();
    let own = &project.manifest.package.name;
    for (case, name) in cases.iter().filter_map(|case| Some((case, case.replay.as_ref()?))) {
        if recordings.contains_key(name) {
            continue;
        }
        let folder = shown.join(name);
        let recording = Replayed::read(&folder, env)?;
        if recording.begun.program != *own {
            let error = Error::usage(format!("`{}` cannot be replayed", folder.display()));
            let program = &recording.begun.program;
            return Err(error
                .caused_by(format!("it is a recording of `{program}`, and this is `{own}`"))
                .at(place(case, &project.manifest_text, shown)));
        }
        recordings.insert(name.clone(), recording);
    }
    Ok(recordings)
}

/// The component of a project, or the one that is to be tested instead.
fn built(project: &Project, args: &Args, env: &Environment, ui: &Ui) -> Result<Built> {
    let own = project.file.as_ref().map_or_else(|| project.root.clone(), |file| project.root.join(file));
    let (path, manifest) = match &args.component {
        Some(component) => (component, Some(project.manifest_path.as_path())),
        None => (&own, None),
    };
    let how = run::Args { offline: args.offline, ..run::Args::new(path.clone()) };
    Target::find(path, manifest, env)?.built(&how, env, ui)
}

/// The model of a case. Each is loaded once.
fn load(
    case: &Case,
    project: &Project,
    shown: &Path,
    loaded: &mut Loaded,
    (args, env, ui): (&Args, &Environment, &Ui),
) -> Result<LoadedModel> {
    let script = case.script.as_ref().map(|script| project.root.join(script));
    let key = (case.model.clone(), script);
    if let Some(loaded) = loaded.get(&key) {
        return Ok(loaded.clone());
    }
    let called = case.script.as_ref().map(|script| shown.join(script));
    let network = Network::unless(args.offline);
    let source = Source::read(&case.model, called.as_deref(), network, env, &*ui.progress()).map_err(
        |mut error| {
            // A place in the script says more than one in the case.
            if error.place.is_none() {
                error = error.at(place(case, &project.manifest_text, shown));
            }
            error.hints.retain(|hint| !hint.starts_with("--"));
            error
        },
    )?;
    let model = source.load(Computing::default())?;
    loaded.insert(key, model.clone());
    Ok(model)
}

/// Refuses a case that calls its inferlet otherwise than it can be called.
fn fits(case: &Case, inferlet: &Inferlet, manifest: &str, shown: &Path) -> Result<()> {
    let error = match (&case.request, inferlet.responds_to_http()) {
        (None, true) => Error::usage(format!("the test `{}` has no request to respond to", case.name))
            .hint("[test.request]\npath = \"/\""),
        (Some(_), false) => Error::usage(format!(
            "the test `{}` has a request, and the inferlet does not respond to any",
            case.name
        )),
        _ => return Ok(()),
    };
    Err(error.at(place(case, manifest, shown)))
}

/// Where a case is written. Of one in another file than the manifest, only the file is known here.
fn place(case: &Case, manifest: &str, shown: &Path) -> Place {
    let file = shown.join(&case.origin.file);
    let text = if case.origin.file == crate::project::MANIFEST_NAME {
        manifest.to_owned()
    } else {
        std::fs::read_to_string(&file).unwrap_or_default()
    };
    Place {
        file: file.display().to_string(),
        text,
        span: case.origin.span.clone(),
        label: "in this test".to_owned(),
    }
}
