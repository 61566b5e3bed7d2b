//! Which cases are meant: of which projects, by which filters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::case::{self, Case};
use crate::project::{MANIFEST_NAME, Project};
use crate::snapshot::store::Key;
use crate::suggest;

/// Folders in which nobody keeps projects to be tested.
const PASSED_OVER: [&str; 4] = ["target", "node_modules", "snapshots", "__pycache__"];
/// How deep below a folder projects are looked for.
const DEPTH: usize = 4;

/// A project and those of its cases that are to run.
pub(in crate::commands) struct Chosen {
    pub project: Project,
    /// Its folder as it is typed.
    pub shown: PathBuf,
    pub cases: Vec<Case>,
    /// The snapshots that its cases keep, all of them.
    pub asked_for: BTreeSet<Key>,
}

/// One of several parts of all cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

impl Shard {
    /// Reads `2/3`.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(text: &str) -> Result<Shard, String> {
        let expected = || "expected a part and their number, such as `1/3`".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(expected)?;
        let (number, of) = (number.parse().map_err(|_| expected())?, of.parse().map_err(|_| expected())?);
        if (1..=of).contains(&number) { Ok(Shard { number, of }) } else { Err(expected()) }
    }

    fn takes(self, index: usize) -> bool {
        index % self.of == self.number - 1
    }
}

/// Finds what is to be tested.
pub(in crate::commands) fn find(args: &Args, env: &Environment) -> Result<Vec<Chosen>> {
    let (mut all, filters) = projects_of(&args.what, env)?;
    narrow(&mut all, &filters, args)?;
    Ok(all)
}

/// Projects with all of their cases, and parts of names of cases.
pub(in crate::commands) fn projects_of(
    what: &[String],
    env: &Environment,
) -> Result<(Vec<Chosen>, Vec<String>)> {
    let (paths, filters) = apart(what, env)?;
    let mut all = Vec::new();
    for path in paths {
        for project in projects(&path, env)? {
            if !all.iter().any(|known: &Chosen| known.project.root == project.project.root) {
                all.push(project);
            }
        }
    }
    Ok((all, filters))
}

/// What is there is a path; what looks like one has to be; all else is a part of a case's name.
fn apart(what: &[String], env: &Environment) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut paths, mut filters) = (Vec::new(), Vec::new());
    for text in what {
        if env.current_dir.join(text).exists() {
            paths.push(PathBuf::from(text));
        } else if text.contains('/') || text.ends_with(".py") {
            return Err(Error::usage(format!("there is no `{text}`")));
        } else {
            filters.push(text.clone());
        }
    }
    if paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    Ok((paths, filters))
}

/// The project at a path, or those below it.
fn projects(path: &Path, env: &Environment) -> Result<Vec<Chosen>> {
    let full = env.current_dir.join(path);
    let is_here = path.components().all(|part| part == std::path::Component::CurDir);
    let inside = is_here && full.ancestors().any(|folder| folder.join(MANIFEST_NAME).is_file());
    let mut folders = Vec::new();
    if full.is_dir() && !full.join(MANIFEST_NAME).is_file() && !inside {
        below(&full, path, DEPTH, &mut folders)?;
    }
    if folders.is_empty() {
        let project = Project::discover(path, &env.current_dir)?;
        let shown = shown_root(path, &full, &project);
        return Ok(vec![all_cases(project, shown)?]);
    }
    folders
        .into_iter()
        .map(|shown| {
            let project = Project::discover(&shown, &env.current_dir)?;
            all_cases(project, shown)
        })
        .collect()
}

/// The folder of a project as it is typed.
fn shown_root(path: &Path, full: &Path, project: &Project) -> PathBuf {
    if full == project.root {
        return path.to_owned();
    }
    match full.parent() {
        Some(parent) if parent == project.root => path.parent().map(Path::to_owned).unwrap_or_default(),
        _ => project.root.clone(),
    }
}

/// Folders with a manifest below a folder, in the order of their names.
fn below(full: &Path, shown: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable =
        |cause| Error::environment(format!("cannot read `{}`", shown.display())).caused_by(cause);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(full).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let passed_over = name.starts_with(['.', '_']) || PASSED_OVER.contains(&name.as_str());
        if !passed_over && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    for name in names {
        let (full, shown) = (full.join(&name), shown.join(&name));
        if full.join(MANIFEST_NAME).is_file() {
            found.push(shown);
        } else if depth > 1 {
            below(&full, &shown, depth - 1, found)?;
        }
    }
    Ok(())
}

fn all_cases(project: Project, shown: PathBuf) -> Result<Chosen> {
    let cases = case::of_project(&project, if shown == Path::new(".") { Path::new("") } else { &shown })?;
    let keys = |case: &Case| {
        let stem = case.file_stem();
        case.layers.iter().map(move |layer| Key { stem: stem.clone(), layer: *layer }).collect::<Vec<_>>()
    };
    let asked_for = cases.iter().flat_map(keys).collect();
    Ok(Chosen { project, shown, cases, asked_for })
}

/// Leaves the cases that are meant.
fn narrow(all: &mut Vec<Chosen>, filters: &[String], args: &Args) -> Result<()> {
    let names: Vec<String> =
        all.iter().flat_map(|chosen| chosen.cases.iter().map(|case| case.name.clone())).collect();
    for filter in filters {
        if !names.iter().any(|name| name.contains(filter.as_str())) {
            let error = Error::usage(format!("no case is called `{filter}`, and none has it in its name"));
            let near = suggest::did_you_mean(filter, names.iter().map(String::as_str));
            return Err(error.hint(near.unwrap_or_else(|| "bakery test --list".to_owned())));
        }
    }
    let tags: BTreeSet<&str> = all
        .iter()
        .flat_map(|chosen| chosen.cases.iter().flat_map(|case| &case.tags))
        .map(String::as_str)
        .collect();
    if let Some(tag) = args.tag.iter().find(|tag| !tags.contains(tag.as_str())) {
        let near = suggest::did_you_mean(tag, tags);
        return Err(Error::usage(format!("no case has the tag `{tag}`"))
            .hint(near.unwrap_or_else(|| "bakery test --list".to_owned())));
    }
    // A filter that is a whole name means that one.
    let meant = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|filter| {
                if names.contains(filter) { name == filter } else { name.contains(filter.as_str()) }
            })
    };
    let tagged = |case: &Case| args.tag.is_empty() || args.tag.iter().any(|tag| case.tags.contains(tag));
    let kept =
        |case: &Case| args.layer.is_empty() || args.layer.iter().any(|layer| case.layers.contains(layer));
    let mut index = 0;
    for chosen in all.iter_mut() {
        chosen.cases.retain(|case| {
            let chosen = meant(&case.name) && tagged(case) && kept(case);
            index += usize::from(chosen);
            chosen && args.shard.is_none_or(|shard| shard.takes(index - 1))
        });
    }
    // Nothing is built of which nothing is run.
    let all_meant = filters.is_empty() && args.tag.is_empty() && args.layer.is_empty();
    all.retain(|chosen| !chosen.cases.is_empty() || all_meant);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_so_many() {
        assert_eq!(Shard::parse("2/3"), Ok(Shard { number: 2, of: 3 }));
        for wrong in ["", "1", "0/3", "4/3", "a/b", "1/", "-1/2", "1/0"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
        let taken: Vec<Vec<usize>> =
            (1..=3).map(|number| (0..7).filter(|at| Shard { number, of: 3 }.takes(*at)).collect()).collect();
        assert_eq!(taken, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    }
}
