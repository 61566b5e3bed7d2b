//! Projects in Python that need no `Pie.toml`: one file, or a folder with a `pyproject.toml`. Their manifest is written for them, from what they say
//! elsewhere: the name and version of `[project]`, the parameters in the signature of `main`.
//!
//! Sources are read, never run: what needs running to be known (a type that is computed, say) is left to the program, which checks its input itself.

pub mod docstring;
pub mod hint;
pub mod imports;
pub mod pyproject;
pub mod signature;
pub mod syntax;

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Table, value};

use self::pyproject::PyProject;
use super::name::slug;
use super::parameters::Parameter;
use super::{Language, Manifest, Project};
use crate::error::{Error, Place, Result};

/// The version of what has none.
const NO_VERSION: &str = "0.0.0";

/// The project that one file is.
///
/// # Errors
/// It cannot be read, or no inferlet can have its name.
pub fn of_file(file: &Path, shown: &Path) -> Result<Project> {
    let source = read(file, shown)?;
    let root = file.parent().unwrap_or(Path::new("")).to_owned();
    let name = named_after(file.file_stem().unwrap_or_default().to_string_lossy().as_ref(), shown)?;
    let entry = signature::read(&source);
    let mut document = DocumentMut::new();
    package(&mut document, &name, NO_VERSION, entry.description.as_deref());
    let file_name = file.file_name().map(PathBuf::from);
    written(document, entry.parameters, root, file.to_owned(), file_name, Language::Python)
}

/// The project in a folder without a `Pie.toml`, if it is one in Python: it has a `pyproject.toml` with a `[project]`, or a `main.py`.
///
/// # Errors
/// A file has a mistake.
pub fn of_folder(root: &Path, shown: &Path) -> Result<Option<Project>> {
    let path = root.join(pyproject::FILE);
    if !path.is_file() {
        let main = root.join("main.py");
        return if main.is_file() { of_file(&main, &shown.join("main.py")).map(Some) } else { Ok(None) };
    }
    let Some(project) = PyProject::read(root, &shown.join(pyproject::FILE))? else { return Ok(None) };
    let mut document = DocumentMut::new();
    let name = named_after(&project.name, &shown.join(pyproject::FILE))?;
    let version = semantic(&project.version.clone().unwrap_or_default());
    let entry = entry_of(root, &name, project.entry.as_deref())
        .and_then(|entry| std::fs::read_to_string(root.join(entry)).ok())
        .map(|source| signature::read(&source))
        .unwrap_or_default();
    package(&mut document, &name, &version, project.description.as_deref().or(entry.description.as_deref()));
    if let Some(entry) = &project.entry {
        document["build"] = toml_edit::table();
        document["build"]["entry"] = value(entry.as_str());
    }
    for (table, content) in &project.manifest {
        document[table] = content.clone();
    }
    let declared = document.get("parameters").is_some();
    let parameters = if declared { None } else { entry.parameters };
    written(document, parameters, root.to_owned(), path, None, Language::Python).map(Some)
}

/// Where a program begins, relative to the root of its project: what the manifest says, else the first of the usual places that is there.
pub fn entry_of(root: &Path, name: &str, named: Option<&str>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(PathBuf::from(named)).filter(|entry| root.join(entry).is_file());
    }
    usual_entries(name).into_iter().map(PathBuf::from).find(|entry| root.join(entry).is_file())
}

/// Where programs begin, the first that is there.
pub fn usual_entries(name: &str) -> Vec<String> {
    let module = name.replace('-', "_");
    let inside = ["__main__.py", "main.py", "__init__.py"];
    let mut entries = vec!["main.py".to_owned(), "src/main.py".to_owned()];
    for file in inside {
        entries.extend([format!("src/{module}/{file}"), format!("{module}/{file}")]);
    }
    entries
}

/// Where the file that a project is says what it takes, for an error about its input. A project of several files says it in its manifest.
pub fn parameters_place(project: &Project, shown: &Path) -> Option<Place> {
    let text = std::fs::read_to_string(project.root.join(project.file.as_ref()?)).ok()?;
    let span = signature::read(&text).span?;
    Some(Place { file: shown.display().to_string(), text, span, label: "what `main` takes".to_owned() })
}

pub(super) fn read(file: &Path, shown: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read `{}`", shown.display())).caused_by(error))
}

pub(super) fn named_after(text: &str, shown: &Path) -> Result<String> {
    let name = slug(text);
    super::name::check_package_name(&name).map(|()| name).map_err(|flaw| {
        Error::usage(format!(
            "no inferlet can be called after `{}`: `{text}` {}",
            shown.display(),
            flaw.reason
        ))
        .hint("rename it; a name is letters from a to z, digits, `-` and `_`")
    })
}

/// A version of Python's as one with three numbers: `1.2` becomes `1.2.0`, what comes behind the numbers is left out.
fn semantic(version: &str) -> String {
    let numbers: Vec<u64> = version
        .split('.')
        .map_while(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        })
        .collect();
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    format!("{}.{}.{}", at(0), at(1), at(2))
}

pub(super) fn package(document: &mut DocumentMut, name: &str, version: &str, description: Option<&str>) {
    let mut package = Table::new();
    package["name"] = value(name);
    package["version"] = value(version);
    if let Some(description) = description.filter(|text| !text.trim().is_empty()) {
        package["description"] = value(description.trim());
    }
    document["package"] = toml_edit::Item::Table(package);
}

/// The project with the manifest that was written for it. Parameters that a manifest cannot have are left out, all of them.
pub(super) fn written(
    mut document: DocumentMut,
    parameters: Option<Vec<Parameter>>,
    root: PathBuf,
    manifest_path: PathBuf,
    file: Option<PathBuf>,
    language: Language,
) -> Result<Project> {
    let shown = manifest_path.display().to_string();
    let plain = document.to_string();
    if let Some(parameters) = parameters {
        document["parameters"] = toml_edit::Item::Table(signature::table(&parameters));
    }
    let with_parameters = document.to_string();
    let (manifest_text, manifest) = match Manifest::parse(&with_parameters, &shown) {
        Ok(manifest) => (with_parameters, manifest),
        Err(_) => {
            let manifest = Manifest::parse(&plain, &shown)?;
            (plain, manifest)
        }
    };
    Ok(Project { root, manifest_path, manifest_text, manifest, language, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_file_is_a_project_of_its_name_with_the_parameters_of_main() {
        let root = folder(&[(
            "my greeter.py",
            "async def main(name: str, times: int = 2):\n    \"\"\"Greets.\"\"\"\n",
        )]);
        let file = root.path().join("my greeter.py");
        let project = of_file(&file, Path::new("my greeter.py")).unwrap();
        assert_eq!(project.manifest.package.name, "my-greeter");
        assert_eq!(project.manifest.package.description.as_deref(), Some("Greets."));
        let names: Vec<_> = project.manifest.parameters.unwrap().into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["name", "times"]);
        assert_eq!(project.file.as_deref(), Some(Path::new("my greeter.py")));
    }

    #[test]
    fn a_pyproject_gives_name_version_and_entry() {
        let text = "[project]\nname = \"My.Agent\"\nversion = \"1.2rc1\"\ndescription = \"Acts.\"\n[tool.bakery]\nentry = \"src/a/b.py\"\n";
        let root = folder(&[("pyproject.toml", text), ("src/a/b.py", "async def main(goal: str): pass\n")]);
        let project = of_folder(root.path(), Path::new("")).unwrap().unwrap();
        assert_eq!(project.manifest.package.name, "My-Agent");
        assert_eq!(project.manifest.package.version.to_string(), "1.2.0");
        assert_eq!(project.manifest.build.entry.as_deref(), Some("src/a/b.py"));
        assert_eq!(project.manifest.parameters.unwrap()[0].name, "goal");
    }

    #[test]
    fn a_parameter_that_no_manifest_can_have_leaves_the_input_open() {
        let root = folder(&[("main.py", "async def main(help: str): pass\n")]);
        let project = of_folder(root.path(), Path::new("")).unwrap().unwrap();
        assert_eq!(project.manifest.parameters, None);
    }

    #[test]
    fn entries_are_looked_for_where_programs_usually_begin() {
        let root = folder(&[("src/my_agent/__main__.py", ""), ("my_agent/main.py", "")]);
        let found = |named| entry_of(root.path(), "my-agent", named);
        assert_eq!(found(None), Some("src/my_agent/__main__.py".into()));
        assert_eq!(found(Some("my_agent/main.py")), Some("my_agent/main.py".into()));
        assert_eq!(found(Some("gone.py")), None);
    }

    #[test]
    fn versions_get_three_numbers() {
        for (version, expected) in
            [("1.2.3", "1.2.3"), ("1", "1.0.0"), ("2.0b1", "2.0.0"), ("", "0.0.0"), ("1.2.3.4", "1.2.3")]
        {
            assert_eq!(semantic(version), expected);
        }
    }
}
