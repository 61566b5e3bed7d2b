//! Makes a component from a project.
//!
//! [`build`] goes through four stations and stops at the first where there is nothing left to do: is what was made last time still what it was made from
//! ([`cache`]); what stands cargo on ([`rust::Ground`]); what is to be done ([`recipe`]); doing it ([`run`]), checking the result ([`mod@check`]) and
//! writing the manifest and the [`provenance`] into it ([`sections`]).
//!
//! Invariants: the same sources and tools give the same bytes, wherever they lie; the output is replaced in one step or not at all; what is reported as fresh
//! is what a build would have made.

pub mod cache;
pub mod check;
mod digest;
mod image;
pub mod javascript;
mod probe;
pub mod provenance;
pub mod python;
pub mod recipe;
pub mod run;
pub mod rust;
pub mod sdk;
pub mod sections;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use self::check::{Checked, Form, check};
pub use self::digest::Digest;
pub use self::recipe::Recipe;
pub use self::sections::embedded_manifest;

use self::cache::{Key, Made, Memory, Seen, Standing};
use self::probe::{Depth, Probe};
use self::provenance::Provenance;
use self::recipe::Step;
use self::run::Wanted;
use self::rust::Ground;
use self::rust::config::Config;
use self::rust::inputs;
use self::rust::layout::Sdk;
use self::rust::messages::Report;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::project::{Interpreter, Language, Project};
use crate::toolchain::{self, Network, Toolchain};

/// The profile that is built unless somebody says otherwise.
const DEFAULT_PROFILE: &str = "release";

/// What can be asked of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to write the component, absolute; `target/inferlets/NAME.wasm` if absent.
    pub output: Option<PathBuf>,
    /// The cargo profile; that of the manifest if absent.
    pub profile: Option<String>,
    /// Whether `Cargo.lock`, or `bakery.lock`, must stay as it is.
    pub locked: bool,
    /// Whether something may be fetched.
    pub network: Network,
    /// Whether cargo says nothing but errors.
    pub quiet: bool,
    /// Whether types are checked where they can be: those of TypeScript.
    pub check_types: bool,
    /// What runs JavaScript; that of the manifest if absent.
    pub engine: Option<Interpreter>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            output: None,
            profile: None,
            locked: false,
            network: Network::Allowed,
            quiet: false,
            check_types: true,
            engine: None,
        }
    }
}

impl Options {
    /// The profile for a project.
    pub fn profile_of<'a>(&'a self, project: &'a Project) -> &'a str {
        let chosen = self.profile.as_ref().or(project.manifest.build.profile.as_ref());
        chosen.map_or(DEFAULT_PROFILE, String::as_str)
    }

    /// The engine for a project in JavaScript or TypeScript.
    pub fn engine_of(&self, project: &Project) -> Interpreter {
        self.engine.or(project.manifest.build.engine).unwrap_or_default()
    }

    /// Refuses an engine for what is in another language.
    fn check_engine(&self, project: &Project) -> Result<()> {
        let engine = self.engine.or(project.manifest.build.engine);
        match (engine, project.language) {
            (None, _) | (_, Language::JavaScript | Language::TypeScript) => Ok(()),
            (Some(engine), language) => Err(Error::usage(format!(
                "`{}` is an engine for JavaScript and TypeScript, and `{}` is in {}",
                engine.name(),
                project.manifest.package.name,
                language.name()
            ))),
        }
    }
}

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// Whether there was nothing to do.
    pub fresh: bool,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size.
    pub size_bytes: u64,
    /// The profile it was built with.
    pub profile: String,
    /// What it exports and imports.
    pub checked: Checked,
}

/// Builds a project, if anything has changed since it was built last.
///
/// # Errors
/// There is no compiler, the project does not compile, or what comes out is no inferlet.
pub fn build(
    project: &Project,
    options: &Options,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Artifact> {
    options.check_engine(project)?;
    match project.language {
        Language::Rust => {}
        Language::Python => return python::build(project, options, env, progress),
        Language::JavaScript | Language::TypeScript => {
            return javascript::build(project, options, env, progress);
        }
    }
    let build = Build::new(project, options, env)?;
    let (ground, ground_inputs) = match build.recall() {
        Recalled::Everything(artifact) => return Ok(artifact),
        Recalled::Ground(ground, inputs) => (ground, Some(inputs)),
        Recalled::Nothing => build.lay_ground(progress)?,
    };
    let config = Config::of(env, &project.root);
    let recipe = rust::recipe(env, project, &ground, &config, options, &build.cache);
    let started = SystemTime::now();
    let wanted = Wanted { package: &ground.layout.package, target: &ground.layout.artifact.name };
    let report = run::run(env, &recipe.steps, &recipe.name, wanted, &build.cache)?;
    let sources = inputs::sources(&ground.layout, &report).ok().and_then(|inputs| Seen::take(&inputs, env));
    let artifact = build.finish(&ground, &report, sources.as_ref(), &recipe.output)?;
    let lock = ground.layout.workspace.join("Cargo.lock");
    let sources = sources.filter(|sources| !sources.changed_since(started, &lock));
    if let Some(ground_inputs) = ground_inputs {
        let made = sources.and_then(|sources| made(&artifact, sources));
        Memory { ground, ground_inputs, made }.save(&build.cache, &build.key);
    }
    Ok(artifact)
}

/// A program that runs without being built: the runtime of its language, and the program for that.
pub struct Unbuilt {
    /// The runtime's file.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What to say while it is compiled, which is done once.
    pub compiling: &'static str,
    /// The program, as the runtime reads it from its standard input.
    pub stdin: Vec<u8>,
}

/// The program of a project as it is, if its language has a runtime for that.
///
/// # Errors
/// As for [`build`], as far as mistakes show before the program runs.
pub fn unbuilt(
    project: &Project,
    options: &Options,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Option<Unbuilt>> {
    options.check_engine(project)?;
    Ok(match project.language {
        Language::Rust => None,
        Language::Python => {
            let how = python::dependencies::How { locked: options.locked, network: options.network };
            let python::Unbuilt { shared, input } = python::unbuilt(project, how, env, progress)?;
            let compiling = "compiling the Python runtime, once";
            Some(Unbuilt { path: shared.path, digest: shared.digest, compiling, stdin: input })
        }
        Language::JavaScript | Language::TypeScript => {
            let javascript::Unbuilt { shared, input } = javascript::unbuilt(project, options, env, progress)?;
            let compiling = "compiling the JavaScript runtime, once";
            Some(Unbuilt { path: shared.path, digest: shared.digest, compiling, stdin: input })
        }
    })
}

/// What [`build`] would do, without doing it: nothing is provided, compiled or written.
///
/// # Errors
/// Cargo cannot read the project, or there is nothing in it that can become a component.
pub fn plan(project: &Project, options: &Options, env: &Environment) -> Result<Recipe> {
    options.check_engine(project)?;
    match project.language {
        Language::Rust => {}
        Language::Python => return python::plan(project, options, env),
        Language::JavaScript | Language::TypeScript => return javascript::plan(project, options, env),
    }
    let build = Build::new(project, options, env)?;
    let config = Config::of(env, &project.root);
    let follow = |toolchain: Toolchain| -> Result<Recipe> {
        let ground = Ground::of(env, project, toolchain, &config)?;
        Ok(rust::recipe(env, project, &ground, &config, options, &build.cache))
    };
    if let Some(toolchain) = toolchain::find(env, &project.root) {
        return follow(toolchain);
    }
    // Where there is a compiler without the target, it answers for the one that will be provided.
    let mut recipe = match toolchain::installed::without_target(env, &project.root) {
        Ok(toolchain) => follow(toolchain)?,
        Err(_) => {
            let name = project.manifest.package.name.clone();
            let output = project.root.join("target/inferlets").join(format!("{name}.wasm"));
            Recipe { name, steps: Vec::new(), output: options.output.clone().unwrap_or(output) }
        }
    };
    recipe.steps.insert(0, Step::ProvideCompiler);
    Ok(recipe)
}

/// What is known when a build begins.
struct Build<'a> {
    project: &'a Project,
    options: &'a Options,
    env: &'a Environment,
    cache: PathBuf,
    key: Key,
}

/// What is still true of what was remembered.
#[expect(clippy::large_enum_variant, reason = "there is one, and it is taken apart at once")]
enum Recalled {
    /// All of it: there is nothing to do.
    Everything(Artifact),
    /// The ground, and what it was seen in.
    Ground(Ground, Seen),
    /// Nothing.
    Nothing,
}

impl<'a> Build<'a> {
    fn new(project: &'a Project, options: &'a Options, env: &'a Environment) -> Result<Build<'a>> {
        let cache = env.cache_dir()?;
        Ok(Build { project, options, env, cache, key: Key::of(env, project, options) })
    }

    /// Looks at what was remembered, and remembers how to look faster next time.
    fn recall(&self) -> Recalled {
        let Some(mut memory) = Memory::load(&self.cache, &self.key) else { return Recalled::Nothing };
        let ground = memory.ground_inputs.again(self.env);
        if ground == Standing::Changed {
            return Recalled::Nothing;
        }
        let Some(made) = &mut memory.made else {
            return Recalled::Ground(memory.ground, memory.ground_inputs);
        };
        let standings = [ground, made.sources.again(self.env), made.again()];
        if standings.contains(&Standing::Changed) {
            return Recalled::Ground(memory.ground, memory.ground_inputs);
        }
        let artifact = Artifact {
            path: made.output.path.clone(),
            fresh: true,
            digest: made.digest.clone(),
            size_bytes: made.size_bytes,
            profile: self.options.profile_of(self.project).to_owned(),
            checked: made.checked.clone(),
        };
        if standings.contains(&Standing::Refreshed) {
            memory.save(&self.cache, &self.key);
        }
        Recalled::Everything(artifact)
    }

    /// Finds or provides the compiler, and asks cargo where things are. Without the inputs, if they changed meanwhile.
    fn lay_ground(&self, progress: &dyn Progress) -> Result<(Ground, Option<Seen>)> {
        let toolchain = toolchain::rust(self.env, &self.project.root, self.options.network, progress)?;
        let started = SystemTime::now();
        let config = Config::of(self.env, &self.project.root);
        let ground = Ground::of(self.env, self.project, toolchain, &config)?;
        let inputs = inputs::ground(self.project, &ground.layout, &config, &ground.toolchain);
        let seen = Seen::take(&inputs, self.env).filter(|seen| !seen.changed_since(started, Path::new("")));
        Ok((ground, seen))
    }

    /// Checks what cargo has made, writes manifest and provenance into it, and puts it where it belongs.
    fn finish(
        &self,
        ground: &Ground,
        report: &Report,
        sources: Option<&Seen>,
        output: &Path,
    ) -> Result<Artifact> {
        let component = report.component().ok_or_else(|| Error::bug("cargo did not say what it made"))?;
        let wasm = std::fs::read(component).map_err(|error| {
            Error::environment(format!("cannot read `{}`", component.display())).caused_by(error)
        })?;
        let checked = check(&wasm, Some(&self.project.manifest))?;
        let provenance = self.provenance(ground, report, sources)?;
        let manifest = self.project.manifest_text.as_bytes();
        let wasm =
            sections::embed(&wasm, &[(sections::MANIFEST, manifest), (sections::PROVENANCE, &provenance)]);
        run::write_atomically(output, &wasm)?;
        Ok(Artifact {
            path: output.to_owned(),
            fresh: false,
            digest: Digest::of(&wasm),
            size_bytes: wasm.len() as u64,
            profile: self.options.profile_of(self.project).to_owned(),
            checked,
        })
    }

    fn provenance(&self, ground: &Ground, report: &Report, sources: Option<&Seen>) -> Result<Vec<u8>> {
        let layout = &ground.layout;
        let is_part = |path: &Path| {
            // Manifests above the packages were looked at, and are not theirs.
            path.file_name().is_none_or(|name| name != "Cargo.toml")
                || path.starts_with(&layout.workspace)
                || report.local.iter().any(|local| local.manifest == path)
        };
        let sources = sources.map(|sources| {
            let files = sources.files().filter(|(path, _)| is_part(path));
            provenance::digest_of_sources(&self.project.root, files)
        });
        let sdk = (layout.sdk == Sdk::Carried).then(|| sdk::digest().clone());
        let profile = self.options.profile_of(self.project);
        let provenance = Provenance::of_rust(&ground.toolchain.version.line, profile, sdk, sources);
        serde_json::to_vec(&provenance)
            .map_err(|error| Error::bug("provenance cannot be written").caused_by(error))
    }
}

/// What to remember of a component and its sources, if it is still there.
fn made(artifact: &Artifact, sources: Seen) -> Option<Made> {
    let Artifact { path, digest, size_bytes, checked, .. } = artifact.clone();
    let output = Probe::take(path, Depth::Content).ok()?;
    (output.seen.digest() == Some(&digest)).then_some(Made { sources, output, size_bytes, digest, checked })
}
