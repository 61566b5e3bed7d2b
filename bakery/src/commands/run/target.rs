//! What to run: a project, a component that somebody built, or one that was installed. A program in Python, JavaScript or TypeScript is run without building it.

use std::path::{Path, PathBuf};

use pie_engine::{Inferlet, Runtime};
use semver::VersionReq;

use super::Args;
use crate::build::{self, Digest, Unbuilt};
use crate::dependencies::{self, Graph};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::{Progress, Unit};
use crate::project::{MANIFEST_NAME, Manifest, Project, javascript, python, read_manifest};
use crate::store::Store;
use crate::toolchain::Network;
use crate::ui::Ui;

/// Something that can be run, once it is built.
pub(in crate::commands) struct Target {
    source: Source,
    /// The manifest that counts: that of `--manifest`, else the project's or the component's own.
    manifest: Option<Manifest>,
}

enum Source {
    Project(Box<Project>),
    Component(Component),
}

/// What is there to run.
pub(in crate::commands) struct Built {
    /// The component.
    pub component: Component,
    /// Whom it may launch, if its manifest names anybody.
    pub dependencies: Option<Graph>,
}

/// A component and what to call it.
pub(in crate::commands) struct Component {
    content: Content,
    /// The file as the user would type it.
    shown: PathBuf,
    /// What it gets on its standard input: the program, where it is an interpreter.
    pub stdin: Vec<u8>,
}

/// The bytes of a component, or what is known without reading them.
enum Content {
    Bytes(Vec<u8>),
    /// Of a file that bakery has made: the digest, and what to call compiling it if that takes long.
    Made(Digest, Option<&'static str>),
}

impl Target {
    /// Looks at `path`: a folder and a `Pie.toml` are projects, any other file is a component, and what does not exist may be the name of an
    /// installed one.
    pub fn find(path: &Path, manifest: Option<&Path>, env: &Environment) -> Result<Target> {
        let manifest = manifest.map(|manifest| read(manifest, env)).transpose()?;
        let full = env.current_dir.join(path);
        let is_manifest = path.file_name().is_some_and(|name| name == MANIFEST_NAME);
        let is_source = path.extension().is_some_and(|extension| extension == "py")
            || javascript::language_of(path).is_some();
        if full.is_file() && !is_manifest && !is_source {
            return Self::component_at(path, &full, manifest);
        }
        if !full.exists()
            && let Some(stored) = installed(path, env)?
        {
            return Self::component_at(&stored, &stored, manifest);
        }
        let project = Project::discover(path, &env.current_dir)?;
        let manifest = Some(manifest.unwrap_or_else(|| project.manifest.clone()));
        Ok(Target { source: Source::Project(Box::new(project)), manifest })
    }

    fn component_at(path: &Path, full: &Path, manifest: Option<Manifest>) -> Result<Target> {
        let bytes = std::fs::read(full)
            .map_err(|error| Error::usage(format!("cannot read `{}`", path.display())).caused_by(error))?;
        let manifest = match manifest {
            Some(manifest) => Some(manifest),
            None => embedded(&bytes, path)?,
        };
        let component =
            Component { content: Content::Bytes(bytes), shown: path.to_owned(), stdin: Vec::new() };
        Ok(Target { source: Source::Component(component), manifest })
    }

    /// The manifest that counts, if there is one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// An error about the input, with the line that says what it has to be, where that is a line of Python.
    pub fn misfit(&self, error: Error, shown: &Path) -> Error {
        let Source::Project(project) = &self.source else { return error };
        match python::parameters_place(project, shown) {
            Some(place) if error.place.is_none() => error.at(place),
            _ => error,
        }
    }

    /// The folder of the project, if it is one.
    pub fn project(&self) -> Option<&Path> {
        match &self.source {
            Source::Project(project) => Some(&project.root),
            Source::Component(_) => None,
        }
    }

    /// The component, and whom it may launch, built if needed.
    pub fn built(self, args: &Args, env: &Environment, ui: &Ui) -> Result<Built> {
        let network = if args.offline { Network::Forbidden } else { Network::Allowed };
        let profile = args.debug.then(|| "dev".to_owned());
        let others = build::Options { network, profile, quiet: ui.quiet(), ..build::Options::default() };
        let options = build::Options { engine: args.engine, ..others.clone() };
        let (component, home) = match self.source {
            Source::Component(component) if args.debug || args.engine.is_some() => {
                let shown = component.shown.display();
                let option = if args.debug { "--debug" } else { "--engine" };
                return Err(Error::usage(format!(
                    "`{option}` is for building, and `{shown}` is built already"
                )));
            }
            Source::Component(component) => (component, None),
            Source::Project(project) => {
                let component = match build::unbuilt(&project, &options, env, &*ui.progress())? {
                    Some(unbuilt) => runtime(unbuilt),
                    None => built(&project, &options, env, ui)?,
                };
                (component, Some(project.root))
            }
        };
        let manifest = self.manifest.filter(|manifest| !manifest.dependencies.is_empty());
        let dependencies = manifest.map(|manifest| {
            let at = env.current_dir.join(&component.shown);
            dependencies::resolve(at, &manifest, home.as_deref(), &others, env, &*ui.progress())
        });
        let mut dependencies = dependencies.transpose()?;
        if let Some(first) = dependencies.as_mut().and_then(|graph| graph.members.first_mut()) {
            // It may launch itself.
            first.stdin.clone_from(&component.stdin);
        }
        Ok(Built { component, dependencies })
    }
}

/// The installed component that a name or `name@version` means: the latest that will do.
fn installed(name: &Path, env: &Environment) -> Result<Option<PathBuf>> {
    let (Some(name), Ok(store)) = (name.to_str(), Store::of(env)) else { return Ok(None) };
    let (name, wanted) = match name.split_once('@') {
        None => (name, VersionReq::STAR),
        Some((name, version)) => match VersionReq::parse(version) {
            Ok(wanted) => (name, wanted),
            Err(_) => return Ok(None),
        },
    };
    Ok(store.latest(name, &wanted)?.map(|stored| stored.path))
}

impl Component {
    /// The component, compiled. One that is known by its digest is not even read if its code is there.
    pub fn compiled(&self, runtime: &Runtime, progress: &dyn Progress) -> Result<Inferlet> {
        let read;
        let (bytes, what) = match &self.content {
            Content::Bytes(bytes) => (bytes, None),
            Content::Made(digest, what) => {
                if let Some(inferlet) = runtime.find(digest.as_str()) {
                    return Ok(inferlet);
                }
                read = std::fs::read(&self.shown).map_err(|error| {
                    Error::environment(format!("cannot read `{}`", self.shown.display())).caused_by(error)
                })?;
                (&read, *what)
            }
        };
        let _task = what.map(|what| progress.start(what, None, Unit::Items));
        runtime.compile(bytes).map_err(|error| {
            Error::usage(format!("`{}` is not an inferlet that can be run", self.shown.display()))
                .caused_by(error)
        })
    }
}

fn read(path: &Path, env: &Environment) -> Result<Manifest> {
    let full = env.current_dir.join(path);
    Manifest::parse(&read_manifest(&full)?, &path.display().to_string())
}

/// The manifest that travels inside a component.
fn embedded(bytes: &[u8], path: &Path) -> Result<Option<Manifest>> {
    let text = build::embedded_manifest(bytes)?;
    let name = format!("Pie.toml in {}", path.display());
    text.map(|text| Manifest::parse(&text, &name)).transpose()
}

fn built(project: &Project, options: &build::Options, env: &Environment, ui: &Ui) -> Result<Component> {
    let artifact = build::build(project, options, env, &*ui.progress())?;
    Ok(Component { content: Content::Made(artifact.digest, None), shown: artifact.path, stdin: Vec::new() })
}

/// The runtime of a language, with a program in it.
fn runtime(unbuilt: Unbuilt) -> Component {
    let Unbuilt { path, digest, compiling, stdin } = unbuilt;
    Component { content: Content::Made(digest, Some(compiling)), shown: path, stdin }
}
