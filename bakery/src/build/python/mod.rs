//! Python: one component for all programs, with the interpreter and the SDK, and each program's own made from it.
//!
//! [`sources`] says which files the program is, [`dependencies`] brings its packages. [`shared`] is the component that runs programs without building them; it is
//! made by [`componentize`] of the module in [`wrapper`], and [`preload`] makes a program's component of it. [`sdk`] has what programs import.

pub mod componentize;
pub mod dependencies;
pub mod first;
pub mod preload;
pub mod sdk;
pub mod shared;
pub mod sources;
pub mod still;
pub mod wrapper;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::dependencies::{How, Packages};
use self::shared::Shared;
use self::sources::Sources;
use self::wrapper::World;
use super::cache::{self, Key, Made, Seen, Standing};
use super::probe::Depth;
use super::provenance::Provenance;
use super::recipe::{Recipe, Step};
use super::rust::inputs::Inputs;
use super::{Artifact, Digest, Options, check, made, run, sections};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::project::{MANIFEST_NAME, Project};
use crate::toolchain;
use crate::toolchain::python::Python;

/// Changes when older memories mean something else.
const FORMAT: u32 = 3;

/// What says to tools that a folder is made and can be deleted (<https://bford.info/cachedir/>).
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by bakery.\n";

/// What is remembered of a build.
#[derive(Serialize, Deserialize)]
struct Memory {
    /// Of the names of the files.
    listing: Digest,
    /// What came of them.
    made: Made,
}

/// A build of one project.
struct Build<'a> {
    project: &'a Project,
    options: &'a Options,
    env: &'a Environment,
    cache: PathBuf,
    key: Key,
}

/// Builds a project, if anything has changed since it was built last.
///
/// # Errors
/// There is nothing to build it with, the program has a mistake, or what it depends on cannot be had.
pub fn build(
    project: &Project,
    options: &Options,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Artifact> {
    let build = Build::new(project, options, env)?;
    let sources = Sources::of(project)?;
    if let Some(artifact) = build.recall(&sources) {
        return Ok(artifact);
    }
    // Looked at before they are read: what changes meanwhile is noticed next time.
    let seen = Seen::take(&build.inputs(&sources), env);
    let mut contents = sources.read()?;
    let how = How { locked: options.locked, network: options.network };
    let packages = dependencies::provide(project, how, env, progress)?;
    let own = contents.digest();
    contents.add(packages.read()?);
    let shared = shared::provide(env, World::of(project, &sources), options.network, progress)?;
    let wasm = preload::component(&shared, build.name(), &contents, build.shows_sources(), env, progress)?;
    let artifact = build.finish(&wasm, &shared, own, &packages)?;
    // The lock may have been written just now.
    let seen = if packages.lock.is_some() { Seen::take(&build.inputs(&sources), env) } else { seen };
    if let Some(made) = seen.and_then(|seen| made(&artifact, seen)) {
        cache::remember(&build.cache, &build.key, &Memory { listing: sources.listing(), made });
    }
    Ok(artifact)
}

/// What [`build`] would do, without doing it.
///
/// # Errors
/// Nothing says where the program begins.
pub fn plan(project: &Project, options: &Options, env: &Environment) -> Result<Recipe> {
    let build = Build::new(project, options, env)?;
    let sources = Sources::of(project)?;
    let mut steps = Vec::new();
    let world = World::of(project, &sources);
    let runtime = shared::place(&build.cache, world);
    if !runtime.exists() {
        let python = toolchain::python::find(env).unwrap_or_else(|| {
            steps.push(Step::ProvidePython);
            Python {
                interpreter: "python3".into(),
                folder: build.cache.join("toolchains/python"),
                version: String::new(),
            }
        });
        let folder = build.cache.join("languages/.making-python");
        let sdk = sdk::folders(&build.cache);
        steps.push(Step::Run(componentize::invocation(&python, &sdk, world, &folder, &runtime)));
    }
    let wanted = dependencies::wanted(project)?;
    if !wanted.is_empty() {
        let lock = project.root.join(dependencies::LOCK);
        steps.push(Step::InstallDependencies { dependencies: wanted, lock });
    }
    let output = build.output();
    steps.push(Step::Preload {
        entry: sources.entry.clone(),
        files: sources.files.values().cloned().collect(),
        runtime: runtime.clone(),
    });
    steps.push(Step::Finish {
        component: runtime,
        manifest: project.manifest_path.clone(),
        output: output.clone(),
    });
    Ok(Recipe { name: build.name().to_owned(), steps, output })
}

/// A program that runs without being built.
pub struct Unbuilt {
    /// What runs it.
    pub shared: shared::Shared,
    /// What that one gets on its standard input.
    pub input: Vec<u8>,
}

/// The program of a project for the shared component.
///
/// # Errors
/// As for [`build`], but that a mistake in the program is left for the run to find.
pub fn unbuilt(project: &Project, how: How, env: &Environment, progress: &dyn Progress) -> Result<Unbuilt> {
    let sources = Sources::of(project)?;
    let mut contents = sources.read()?;
    contents.add(dependencies::provide(project, how, env, progress)?.read()?);
    let shared = shared::provide(env, World::of(project, &sources), how.network, progress)?;
    Ok(Unbuilt { shared, input: wrapper::input(&contents) })
}

impl<'a> Build<'a> {
    fn new(project: &'a Project, options: &'a Options, env: &'a Environment) -> Result<Build<'a>> {
        let parts = [
            FORMAT.to_le_bytes().to_vec(),
            env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
            sdk::digest().as_str().as_bytes().to_vec(),
            toolchain::python::REQUIREMENTS.as_bytes().to_vec(),
            project.root.as_os_str().as_encoded_bytes().to_vec(),
            project.manifest_text.as_bytes().to_vec(),
            project.file.iter().flat_map(|file| file.as_os_str().as_encoded_bytes().to_vec()).collect(),
            options.output.iter().flat_map(|path| path.as_os_str().as_encoded_bytes().to_vec()).collect(),
            options.profile_of(project).as_bytes().to_vec(),
        ];
        Ok(Build { project, options, env, cache: env.cache_dir()?, key: Key::of_parts(parts) })
    }

    /// Whether tracebacks show sources.
    fn shows_sources(&self) -> bool {
        matches!(self.options.profile_of(self.project), "dev" | "debug")
    }

    fn name(&self) -> &str {
        &self.project.manifest.package.name
    }

    fn output(&self) -> PathBuf {
        let default = || self.project.root.join("target/inferlets").join(format!("{}.wasm", self.name()));
        self.options.output.clone().unwrap_or_else(default)
    }

    fn inputs(&self, sources: &Sources) -> Inputs {
        let root = &self.project.root;
        let described = [MANIFEST_NAME, "pyproject.toml", dependencies::LOCK].map(|name| root.join(name));
        let files: BTreeSet<PathBuf> = sources.files.values().cloned().chain(described).collect();
        Inputs { files: files.into_iter().map(|path| (path, Depth::Content)).collect(), ..Inputs::default() }
    }

    /// What was made last time, if it is what would be made now.
    fn recall(&self, sources: &Sources) -> Option<Artifact> {
        let mut memory: Memory = cache::recollect(&self.cache, &self.key)?;
        if memory.listing != sources.listing() {
            return None;
        }
        let standings = [memory.made.sources.again(self.env), memory.made.again()];
        if standings.contains(&Standing::Changed) {
            return None;
        }
        let Made { output, size_bytes, digest, checked, .. } = &memory.made;
        let artifact = Artifact {
            path: output.path.clone(),
            fresh: true,
            digest: digest.clone(),
            size_bytes: *size_bytes,
            profile: self.options.profile_of(self.project).to_owned(),
            checked: checked.clone(),
        };
        if standings.contains(&Standing::Refreshed) {
            cache::remember(&self.cache, &self.key, &memory);
        }
        Some(artifact)
    }

    /// Checks the component, writes what belongs to it into it, and puts it where it belongs.
    fn finish(&self, wasm: &[u8], shared: &Shared, sources: Digest, packages: &Packages) -> Result<Artifact> {
        let checked = check(wasm, Some(&self.project.manifest))?;
        let profile = self.options.profile_of(self.project);
        let provenance = Provenance::of_python(&shared.maker, profile, sdk::digest().clone(), Some(sources));
        let provenance = serde_json::to_vec(&provenance)
            .map_err(|error| Error::bug("provenance cannot be written").caused_by(error))?;
        let manifest = self.project.manifest_text.as_bytes();
        let mut entries = vec![(sections::MANIFEST, manifest), (sections::PROVENANCE, provenance.as_slice())];
        if let Some(lock) = &packages.lock {
            entries.push((sections::LOCK, lock.as_bytes()));
        }
        let wasm = sections::embed(wasm, &entries);
        let output = self.output();
        if self.options.output.is_none() {
            tag(&self.project.root.join("target"));
        }
        run::write_atomically(&output, &wasm)?;
        Ok(Artifact {
            path: output,
            fresh: false,
            digest: Digest::of(&wasm),
            size_bytes: wasm.len() as u64,
            profile: profile.to_owned(),
            checked,
        })
    }
}

/// Says that a folder is made, if it is new.
pub(super) fn tag(folder: &Path) {
    if !folder.exists() {
        // It only spares others to look into it.
        let _ = run::write_atomically(&folder.join("CACHEDIR.TAG"), CACHE_TAG.as_bytes());
    }
}

#[cfg(test)]
mod tests;
