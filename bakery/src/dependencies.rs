//! From `[dependencies]` to components: which inferlets an inferlet may launch, and which those may launch in turn.
//!
//! A dependency with a path is a project, built if needed. One without is looked for among the projects in the folders beside the one that asks, and
//! then in the [`Store`]; a component without a project has only itself and the store. Each inferlet is found once, so inferlets may depend on each
//! other and on themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};

use crate::build::{self, Options};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::project::{Dependency, MANIFEST_NAME, Manifest, Project};
use crate::store::{Store, Stored};

/// Inferlets and whom they may launch. The first one is what is run.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Each by its number.
    pub members: Vec<Member>,
}

/// An inferlet, and whom it may launch.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where its component is.
    pub component: PathBuf,
    /// Its manifest; what has none launches nobody.
    pub manifest: Option<Manifest>,
    /// Its dependencies: names as its manifest has them, and their numbers.
    pub may_launch: BTreeMap<String, usize>,
    /// What it gets on its standard input: the program, where the component is an interpreter.
    pub stdin: Vec<u8>,
}

/// Finds everything that an inferlet may launch, directly or through others, and builds what is not built.
///
/// `project` is its folder; without one it is a component that somebody built, at `component`.
///
/// # Errors
/// A dependency is not there, there are several of the same name, it has not the version, or it cannot be built.
pub fn resolve(
    component: PathBuf,
    manifest: &Manifest,
    project: Option<&Path>,
    options: &Options,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Graph> {
    let store = Store::of(env).ok();
    let mut search =
        Search { options, env, progress, store, graph: Graph { members: Vec::new() }, homes: Vec::new() };
    search.add(component, Some(manifest.clone()), project.map(Path::to_owned));
    // Members that are found are appended, so this goes through them as well.
    let mut next = 0;
    while next < search.graph.members.len() {
        search.complete(next)?;
        next += 1;
    }
    Ok(search.graph)
}

struct Search<'a> {
    options: &'a Options,
    env: &'a Environment,
    progress: &'a dyn Progress,
    /// None where there is no place for one.
    store: Option<Store>,
    graph: Graph,
    /// The project's folder of each member that has one.
    homes: Vec<Option<PathBuf>>,
}

/// Where a dependency was found.
enum Found {
    Project(Box<Project>),
    Stored(Stored),
}

impl Search<'_> {
    fn add(&mut self, component: PathBuf, manifest: Option<Manifest>, home: Option<PathBuf>) -> usize {
        let (may_launch, stdin) = (BTreeMap::new(), Vec::new());
        self.graph.members.push(Member { component, manifest, may_launch, stdin });
        self.homes.push(home);
        self.graph.members.len() - 1
    }

    /// Finds the dependencies of a member.
    fn complete(&mut self, number: usize) -> Result<()> {
        let Some(manifest) = self.graph.members[number].manifest.clone() else { return Ok(()) };
        for (name, dependency) in &manifest.dependencies {
            let home = self.homes[number].as_deref();
            let package = &manifest.package;
            if home.is_none() && *name == package.name && dependency.version.matches(&package.version) {
                self.graph.members[number].may_launch.insert(name.clone(), number);
                continue;
            }
            let found = self.find(name, dependency, home);
            let found = found.map_err(|error| of_dependency(error, name, &package.name))?;
            let dependency = self.member(found)?;
            self.graph.members[number].may_launch.insert(name.clone(), dependency);
        }
        Ok(())
    }

    fn find(&self, name: &str, dependency: &Dependency, home: Option<&Path>) -> Result<Found> {
        let wanted = &dependency.version;
        if let (Some(path), Some(home)) = (&dependency.path, home) {
            return at_path(name, wanted, Path::new(path), home).map(Box::new).map(Found::Project);
        }
        let beside = home.map(|home| beside(name, home)).unwrap_or_default();
        let stored = self.store.as_ref().map(|store| store.versions(name)).transpose()?.unwrap_or_default();
        let versions: Vec<Version> = beside
            .iter()
            .map(|project| &project.manifest.package.version)
            .chain(stored.iter().map(|stored| &stored.version))
            .cloned()
            .collect();
        let mut fitting =
            beside.into_iter().filter(|project| wanted.matches(&project.manifest.package.version));
        match (fitting.next(), fitting.next()) {
            (Some(one), Some(other)) => return Err(ambiguous(name, &one, &other)),
            (Some(project), None) => return Ok(Found::Project(Box::new(project))),
            (None, _) => {}
        }
        let latest = stored.into_iter().rfind(|stored| wanted.matches(&stored.version));
        latest.map(Found::Stored).ok_or_else(|| not_found(name, wanted, &versions, home))
    }

    /// The member that was found, which may be one already.
    fn member(&mut self, found: Found) -> Result<usize> {
        match found {
            Found::Project(project) => {
                let home = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
                let known = |other: &Option<PathBuf>| {
                    let other = other.as_ref()?;
                    Some(other.canonicalize().as_ref().unwrap_or(other) == &home)
                };
                if let Some(known) = self.homes.iter().position(|other| known(other) == Some(true)) {
                    return Ok(known);
                }
                if let Some(unbuilt) = build::unbuilt(&project, self.options, self.env, self.progress)? {
                    let number = self.add(unbuilt.path, Some(project.manifest), Some(home));
                    self.graph.members[number].stdin = unbuilt.stdin;
                    return Ok(number);
                }
                let artifact = build::build(&project, self.options, self.env, self.progress)?;
                Ok(self.add(artifact.path, Some(project.manifest), Some(home)))
            }
            Found::Stored(Stored { path, .. }) => {
                if let Some(known) = self.graph.members.iter().position(|member| member.component == path) {
                    return Ok(known);
                }
                let manifest = stored_manifest(&path)?;
                Ok(self.add(path, manifest, None))
            }
        }
    }
}

/// The project at a path.
fn at_path(name: &str, wanted: &VersionReq, path: &Path, home: &Path) -> Result<Project> {
    let project = Project::discover(path, home)?;
    let package = &project.manifest.package;
    let shown = path.display();
    if package.name != name {
        return Err(Error::usage(format!("the inferlet in `{shown}` is `{}`, not `{name}`", package.name)));
    }
    if !wanted.matches(&package.version) {
        return Err(Error::usage(format!(
            "the inferlet in `{shown}` is {}, not `{wanted}`",
            package.version
        )));
    }
    Ok(project)
}

/// The projects of this name in the folders beside a project, that one too, in the order of their paths. A manifest with a mistake is none of these.
fn beside(name: &str, home: &Path) -> Vec<Project> {
    let Some(parent) = home.parent() else { return Vec::new() };
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|folder| folder.join(MANIFEST_NAME).is_file()).collect();
    folders.sort();
    let projects = folders.iter().filter_map(|folder| Project::discover(folder, parent).ok());
    projects.filter(|project| project.manifest.package.name == name).collect()
}

fn stored_manifest(path: &Path) -> Result<Option<Manifest>> {
    let unreadable = |error| Error::environment(format!("cannot read `{}`", path.display())).caused_by(error);
    let text = build::embedded_manifest(&std::fs::read(path).map_err(unreadable)?)?;
    text.map(|text| Manifest::parse(&text, &format!("{MANIFEST_NAME} in {}", path.display()))).transpose()
}

/// Says whose dependency an error is about.
fn of_dependency(error: Error, name: &str, parent: &str) -> Error {
    let message = format!("`{parent}` depends on `{name}`, which cannot be launched");
    let hints = error.hints.clone();
    let kind = error.kind;
    let error = Error::new(kind, message).caused_by(error);
    hints.into_iter().fold(error, Error::hint)
}

fn ambiguous(name: &str, one: &Project, other: &Project) -> Error {
    let [one, other] = [one, other].map(|project| project.root.display().to_string());
    Error::usage(format!("there are two of this name: `{one}` and `{other}`"))
        .hint(format!("say which one in `[dependencies]`: `{name} = {{ version = \"…\", path = \"…\" }}`"))
}

fn not_found(name: &str, wanted: &VersionReq, versions: &[Version], home: Option<&Path>) -> Error {
    let places = match home {
        Some(_) => "beside it or in the store",
        None => "in the store",
    };
    let error = match versions {
        [] => Error::usage(format!("there is no inferlet `{name}` {places}")),
        versions => {
            let versions: Vec<String> = versions.iter().map(|version| format!("`{version}`")).collect();
            Error::usage(format!("`{name}` is there as {}, and `{wanted}` is wanted", versions.join(", ")))
        }
    };
    error.hint(format!("put its folder beside this one, or install it: `bakery install PATH/TO/{name}`"))
}
