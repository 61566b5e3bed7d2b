//! What to run: a project, or a component that somebody built.

use std::path::{Path, PathBuf};

use pie_engine::EngineError;

use super::Args;
use crate::build;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::{MANIFEST_NAME, Manifest, Project, read_manifest};
use crate::toolchain::Network;
use crate::ui::Ui;

/// Something that can be run, once it is built.
pub(super) struct Target {
    source: Source,
    /// The manifest that counts: that of `--manifest`, else the project's or the component's own.
    manifest: Option<Manifest>,
}

enum Source {
    Project(Box<Project>),
    Component(Component),
}

/// A component and what to call it.
pub(super) struct Component {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The file as the user would type it.
    shown: PathBuf,
}

impl Target {
    /// Looks at `path`: a folder and a `Pie.toml` are projects, any other file is a component.
    pub fn find(path: &Path, manifest: Option<&Path>, env: &Environment) -> Result<Target> {
        let manifest = manifest.map(|manifest| read(manifest, env)).transpose()?;
        let full = env.current_dir.join(path);
        let is_manifest = path.file_name().is_some_and(|name| name == MANIFEST_NAME);
        if full.is_file() && !is_manifest {
            return Self::component_at(path, &full, manifest);
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
        let component = Component { bytes, shown: path.to_owned() };
        Ok(Target { source: Source::Component(component), manifest })
    }

    /// The manifest that counts, if there is one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The component, built if needed.
    pub fn component(self, args: &Args, env: &Environment, ui: &Ui) -> Result<Component> {
        match self.source {
            Source::Component(component) if args.debug => {
                let shown = component.shown.display();
                Err(Error::usage(format!("`--debug` is for building, and `{shown}` is built already")))
            }
            Source::Component(component) => Ok(component),
            Source::Project(project) => built(&project, args, env, ui),
        }
    }
}

impl Component {
    /// The error of a component that the engine does not take.
    pub fn rejected(&self, error: EngineError) -> Error {
        Error::usage(format!("`{}` is not an inferlet that can be run", self.shown.display()))
            .caused_by(error)
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

fn built(project: &Project, args: &Args, env: &Environment, ui: &Ui) -> Result<Component> {
    let network = if args.offline { Network::Forbidden } else { Network::Allowed };
    let profile = args.debug.then(|| "dev".to_owned());
    let options = build::Options { network, profile, quiet: ui.quiet(), ..build::Options::default() };
    let artifact = build::build(project, &options, env, &*ui.progress())?;
    let bytes = std::fs::read(&artifact.path).map_err(|error| {
        Error::environment(format!("cannot read `{}`", artifact.path.display())).caused_by(error)
    })?;
    Ok(Component { bytes, shown: artifact.path })
}
