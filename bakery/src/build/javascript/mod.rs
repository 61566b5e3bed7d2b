//! JavaScript and TypeScript: an engine with the SDK and the program in its memory.
//!
//! [`bundle`] makes one script of a program and what it imports, [`packages`] brings what of that is not there, [`types`] checks it, [`link`] puts QuickJS and
//! the interface together, [`begin`] gives that the SDK and the program and keeps its memory, and [`shared`] is the component that runs programs without
//! building them. All of it happens in this process; the same sources give the same bytes. [`spidermonkey`] is the other engine, made elsewhere.

pub mod begin;
pub mod bundle;
mod dense;
pub mod link;
pub mod packages;
pub mod sdk;
pub mod shared;
pub mod spidermonkey;
pub mod types;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use self::begin::Inside;
use self::bundle::{Bundle, Wanted};
use self::link::World;
use self::packages::Packages;
use self::sdk::Sdk;
use super::cache::{self, Key, Made, Seen, Standing};
use super::probe::Depth;
use super::provenance::Provenance;
use super::recipe::{Recipe, Step};
use super::rust::inputs::Inputs;
use super::{Artifact, Digest, Options, check, made, run, sections};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};
use crate::project::javascript::{entry_of, usual_entries};
use crate::project::{Interpreter, Language as Written, MANIFEST_NAME, Project};
use crate::toolchain::Network;
use crate::toolchain::javascript::spidermonkey::SpiderMonkey;
use crate::toolchain::javascript::{self as toolchain, quickjs, typescript};

/// Changes when older memories mean something else.
const FORMAT: u32 = 2;

/// What is remembered of a build.
#[derive(Serialize, Deserialize)]
struct Memory {
    made: Made,
}

/// What a component is made of but for the program: an engine, the interface and the SDK.
pub struct Language {
    machine: Machine,
    sdk: Sdk,
    world: World,
    env: Environment,
    cache: PathBuf,
}

/// What runs JavaScript, ready to be given a script.
enum Machine {
    /// QuickJS with the interface.
    QuickJs(Vec<u8>),
    SpiderMonkey(SpiderMonkey),
}

impl Language {
    /// Finds or provides what components in JavaScript are made of.
    ///
    /// # Errors
    /// The engine, or what it is built with, is not here and cannot be had.
    pub fn provide(
        env: &Environment,
        (world, engine): (World, Interpreter),
        network: Network,
        progress: &dyn Progress,
    ) -> Result<Language> {
        let cache = env.cache_dir()?;
        let sdk = sdk::bundle(&sdk::unpack(&cache)?)?;
        let machine = match engine {
            Interpreter::QuickJs => Machine::QuickJs(linked(env, world, network, &cache, progress)?),
            Interpreter::SpiderMonkey => {
                Machine::SpiderMonkey(toolchain::spidermonkey::provide(env, network, progress)?)
            }
        };
        Ok(Language { machine, sdk, world, env: env.clone(), cache })
    }

    /// A component with a program inside, or without.
    ///
    /// # Errors
    /// The SDK cannot be run, which a test rules out, or the engine cannot read the program.
    pub fn begin(&self, inside: Inside<'_>) -> Result<Vec<u8>> {
        let script = |engine| begin::script(&self.sdk, inside, self.world, engine);
        match &self.machine {
            Machine::QuickJs(linked) => {
                begin::begin(linked, &script(Interpreter::QuickJs), inside, &self.cache)
            }
            Machine::SpiderMonkey(made) => {
                let script = script(Interpreter::SpiderMonkey);
                spidermonkey::make(made, &script, self.world, &self.env, &self.cache)
            }
        }
    }
}

/// QuickJS with the interface, which is put together once.
fn linked(
    env: &Environment,
    world: World,
    network: Network,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Vec<u8>> {
    let parts = [quickjs::DIGEST.as_bytes(), world.bindings()];
    let name = format!("quickjs-linked-{}.wasm", Digest::of_parts(parts).short());
    let place = cache.join("toolchains/javascript").join(name);
    if let Ok(linked) = std::fs::read(&place) {
        return Ok(linked);
    }
    let linked = link::link(&quickjs::provide(env, network, progress)?, world)?;
    run::write_atomically(&place, &linked)?;
    Ok(linked)
}

/// Of all that makes an engine what it is.
fn engine_digest(engine: Interpreter) -> String {
    match engine {
        Interpreter::QuickJs => quickjs::DIGEST.to_owned(),
        Interpreter::SpiderMonkey => toolchain::spidermonkey::digest().as_str().to_owned(),
    }
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
    if let Some(artifact) = build.recall() {
        return Ok(artifact);
    }
    let started = SystemTime::now();
    let entry = entry(project)?;
    let packages = packages::provide(project, options.network, env, progress)?;
    let bundle = bundle::program(Wanted {
        root: &project.root,
        entry: &entry,
        packages: packages.folder.as_deref(),
        texts: build.shows_sources(),
    })?;
    let wasm = std::thread::scope(|scope| {
        let types = scope.spawn(|| build.check_types(&entry, progress));
        let wasm = build.component(&bundle, progress);
        let types = types.join().unwrap_or_else(|_| Err(Error::bug("the check of types has panicked")));
        types.and(wasm)
    })?;
    let artifact = build.finish(&wasm, &bundle, &packages)?;
    // Looked at when the output is in its folder; what has changed meanwhile is not known to be what was built.
    let seen = Seen::take(&build.inputs(&bundle, &packages), env);
    let seen = seen.filter(|seen| !seen.changed_since(started, &artifact.path));
    if let Some(made) = seen.and_then(|seen| made(&artifact, seen)) {
        cache::remember(&build.cache, &build.key, &Memory { made });
    }
    Ok(artifact)
}

/// What [`build`] would do, without doing it.
///
/// # Errors
/// Nothing says where the program begins, or it has a mistake.
pub fn plan(project: &Project, options: &Options, env: &Environment) -> Result<Recipe> {
    let build = Build::new(project, options, env)?;
    let entry = entry(project)?;
    let mut steps = Vec::new();
    match options.engine_of(project) {
        Interpreter::QuickJs if quickjs::is_here(env) => {}
        Interpreter::QuickJs => steps.push(Step::ProvideQuickJs { version: quickjs::VERSION.to_owned() }),
        Interpreter::SpiderMonkey if toolchain::spidermonkey::is_here(env) => {}
        Interpreter::SpiderMonkey => {
            let version = toolchain::spidermonkey::VERSION.to_owned();
            steps.push(Step::ProvideSpiderMonkey { version });
        }
    }
    if let Some((dependencies, lock)) = packages::missing(project)? {
        steps.push(Step::InstallDependencies { dependencies, lock });
    }
    let name = build.name().to_owned();
    let is_checked = build.options.check_types && project.language == Written::TypeScript;
    steps.push(Step::Bundle { entry: entry.clone(), check_types: is_checked });
    let output = build.output();
    steps.push(Step::Finish {
        component: PathBuf::from(format!("{name}.wasm")),
        manifest: project.manifest_path.clone(),
        output: output.clone(),
    });
    Ok(Recipe { name, steps, output })
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
/// As for [`build`], but that types are not checked.
pub fn unbuilt(
    project: &Project,
    options: &Options,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Unbuilt> {
    let entry = entry(project)?;
    let packages = packages::provide(project, options.network, env, progress)?;
    let packages = packages.folder.as_deref();
    let bundle = bundle::program(Wanted { root: &project.root, entry: &entry, packages, texts: true })?;
    let kind = (world(project, &bundle), options.engine_of(project));
    let shared = shared::provide(env, kind, options.network, progress)?;
    Ok(Unbuilt { shared, input: bundle.json().into_bytes() })
}

/// The file that a program begins with.
fn entry(project: &Project) -> Result<PathBuf> {
    if let Some(file) = &project.file {
        return Ok(project.root.join(file));
    }
    let named = project.manifest.build.entry.as_deref();
    if let Some(entry) = entry_of(&project.root, named) {
        return Ok(project.root.join(entry));
    }
    let place = project.root.display();
    Err(match named {
        Some(named) => Error::usage(format!("there is no `{named}` in `{place}`"))
            .hint("`entry` in `[build]` of `Pie.toml`, or in `bakery` of `package.json`, says where the program begins"),
        None => {
            let usual: Vec<String> = usual_entries().collect();
            Error::usage(format!("nothing says where the program in `{place}` begins"))
                .caused_by(format!("there is none of `{}`", usual.join("`, `")))
                .hint("say it in `Pie.toml`:\n[build]\nentry = \"path/to/file.ts\"")
        }
    })
}

/// What a program may ask for, and how it is called.
fn world(project: &Project, bundle: &Bundle) -> World {
    World { network: !project.manifest.permissions.network.is_empty(), responds: bundle.responds }
}

impl<'a> Build<'a> {
    fn new(project: &'a Project, options: &'a Options, env: &'a Environment) -> Result<Build<'a>> {
        let parts = [
            FORMAT.to_le_bytes().to_vec(),
            env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
            sdk::digest().as_str().as_bytes().to_vec(),
            begin::digest().as_str().as_bytes().to_vec(),
            engine_digest(options.engine_of(project)).into_bytes(),
            project.root.as_os_str().as_encoded_bytes().to_vec(),
            project.manifest_text.as_bytes().to_vec(),
            project.file.iter().flat_map(|file| file.as_os_str().as_encoded_bytes().to_vec()).collect(),
            options.output.iter().flat_map(|path| path.as_os_str().as_encoded_bytes().to_vec()).collect(),
            options.profile_of(project).as_bytes().to_vec(),
            vec![u8::from(options.check_types)],
        ];
        Ok(Build { project, options, env, cache: env.cache_dir()?, key: Key::of_parts(parts) })
    }

    /// Whether stacks show lines of sources.
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

    /// What a build reads: the sources, what describes the project, and the names in the folders of its own sources, because a new file there can take the place
    /// of another.
    fn inputs(&self, bundle: &Bundle, packages: &Packages) -> Inputs {
        let root = &self.project.root;
        let described = [MANIFEST_NAME, "package.json", "tsconfig.json"].map(|name| root.join(name));
        let mut files: BTreeSet<PathBuf> = bundle.files.iter().cloned().chain(described).collect();
        files.extend(packages.lock.clone());
        let own = bundle.files.iter().filter(|file| !file.iter().any(|part| part == "node_modules"));
        let folders: BTreeSet<PathBuf> = own.filter_map(|file| Some(file.parent()?.to_owned())).collect();
        let mut all: Vec<(PathBuf, Depth)> = files.into_iter().map(|path| (path, Depth::Content)).collect();
        all.extend(folders.into_iter().map(|folder| (folder, Depth::Names)));
        Inputs { files: all.into_iter().collect(), ..Inputs::default() }
    }

    /// What was made last time, if it is what would be made now.
    fn recall(&self) -> Option<Artifact> {
        let mut memory: Memory = cache::recollect(&self.cache, &self.key)?;
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

    /// Checks the types of a program in TypeScript, if there is something to check them with.
    fn check_types(&self, entry: &Path, progress: &dyn Progress) -> Result<()> {
        if !self.options.check_types || self.project.language != Written::TypeScript {
            return Ok(());
        }
        let Some(compiler) = typescript::provide(self.env, self.options.network, progress)? else {
            progress.note("types are not checked: there is no npm, which brings TypeScript");
            return Ok(());
        };
        let sdk = sdk::unpack(&self.cache)?;
        let work = self.cache.join("builds").join(format!("types-{}", self.key.digest().short()));
        let wanted =
            types::Wanted { compiler: &compiler, root: &self.project.root, entry, sdk: &sdk, work: &work };
        types::check(wanted, self.env)
    }

    /// The component with the program.
    fn component(&self, bundle: &Bundle, progress: &dyn Progress) -> Result<Vec<u8>> {
        let kind = (world(self.project, bundle), self.options.engine_of(self.project));
        let language = Language::provide(self.env, kind, self.options.network, progress)?;
        let what = format!("building `{}`", self.name());
        let _task = progress.start(&what, None, Unit::Items);
        let wasm = language.begin(Inside::Program(bundle))?;
        link::name(&wasm, &super::python::wrapper::package(self.name()))
    }

    /// Checks the component, writes what belongs to it into it, and puts it where it belongs.
    fn finish(&self, wasm: &[u8], bundle: &Bundle, packages: &Packages) -> Result<Artifact> {
        let checked = check(wasm, Some(&self.project.manifest))?;
        let profile = self.options.profile_of(self.project);
        let maker = match self.options.engine_of(self.project) {
            Interpreter::QuickJs => format!("quickjs (componentize-qjs {})", quickjs::VERSION),
            Interpreter::SpiderMonkey => {
                format!("spidermonkey (componentize-js {})", toolchain::spidermonkey::VERSION)
            }
        };
        let sources = Digest::of_parts([bundle.script.as_bytes(), bundle.mappings.as_bytes()]);
        let language = self.project.language.name();
        let provenance = Provenance::of_javascript(language, &maker, profile, sdk::digest().clone(), sources);
        let provenance = serde_json::to_vec(&provenance)
            .map_err(|error| Error::bug("provenance cannot be written").caused_by(error))?;
        let manifest = self.project.manifest_text.as_bytes();
        let mut entries = vec![(sections::MANIFEST, manifest), (sections::PROVENANCE, provenance.as_slice())];
        let lock = packages.lock.as_ref().and_then(|lock| std::fs::read(lock).ok());
        if let Some(lock) = &lock {
            entries.push((sections::LOCK, lock));
        }
        let wasm = sections::embed(wasm, &entries);
        let output = self.output();
        if self.options.output.is_none() {
            super::python::tag(&self.project.root.join("target"));
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

#[cfg(test)]
mod tests;
