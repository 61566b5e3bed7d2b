//! Projects in JavaScript and TypeScript that need no `Pie.toml`: one file, or a folder with a `package.json`. Their manifest is written for them, from what
//! they say elsewhere: name and version of the package, the parameters in the type of what `main` takes.
//!
//! Sources are read, never run: where a type is computed or stands in another file, the input is left open, and the program checks it itself.

pub mod package;
pub mod parameters;

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, value};

use self::package::PackageJson;
use self::parameters::Declared;
use super::python::{named_after, package as describe, read, written};
use super::{Language, Project};
use crate::error::Result;

/// The version of what has none.
const NO_VERSION: &str = "0.0.0";

/// Endings of programs, and the language of each.
const ENDINGS: [(&str, Language); 4] = [
    ("ts", Language::TypeScript),
    ("mts", Language::TypeScript),
    ("js", Language::JavaScript),
    ("mjs", Language::JavaScript),
];

/// The language of a file, by its ending.
pub fn language_of(file: &Path) -> Option<Language> {
    let extension = file.extension()?.to_str()?;
    ENDINGS.iter().find(|(ending, _)| *ending == extension).map(|(_, language)| *language)
}

/// The project that one file is.
///
/// # Errors
/// It cannot be read, no inferlet can have its name, or what it says of its parameters is wrong.
pub fn of_file(file: &Path, shown: &Path, language: Language) -> Result<Project> {
    let source = read(file, shown)?;
    let root = file.parent().unwrap_or(Path::new("")).to_owned();
    let name = named_after(file.file_stem().unwrap_or_default().to_string_lossy().as_ref(), shown)?;
    let entry = parameters::read(file, &source);
    let mut document = DocumentMut::new();
    describe(&mut document, &name, NO_VERSION, entry.description.as_deref());
    let file_name = file.file_name().map(PathBuf::from);
    let parameters = declare(&mut document, entry.declared);
    written(document, parameters, root, file.to_owned(), file_name, language)
}

/// The project in a folder without a `Pie.toml`, if it is one in JavaScript or TypeScript: its `package.json` says so, or a program is where programs usually
/// begin.
///
/// # Errors
/// A file has a mistake.
pub fn of_folder(root: &Path, shown: &Path) -> Result<Option<Project>> {
    let package = PackageJson::read(root, &shown.join(package::FILE))?;
    let named = package.as_ref().and_then(|package| package.entry.as_deref());
    let Some(entry) = entry_of(root, named) else { return Ok(None) };
    let Some(language) = language_of(&entry) else { return Ok(None) };
    let file = root.join(&entry);
    let Some(package) = package else { return of_file(&file, &shown.join(&entry), language).map(Some) };
    let folder = || root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = named_after(&package.name.clone().unwrap_or_else(folder), &shown.join(package::FILE))?;
    let source = read(&file, &shown.join(&entry))?;
    let found = parameters::read(&file, &source);
    let mut document = DocumentMut::new();
    let version = package.version.as_deref().filter(|version| semver::Version::parse(version).is_ok());
    let description = package.description.as_deref().or(found.description.as_deref());
    describe(&mut document, &name, version.unwrap_or(NO_VERSION), description);
    if let Some(entry) = &package.entry {
        document["build"] = toml_edit::table();
        document["build"]["entry"] = value(entry.as_str());
    }
    for (table, content) in package.manifest {
        document[&table] = content;
    }
    let is_declared = document.get("parameters").is_some();
    let parameters = if is_declared { None } else { declare(&mut document, found.declared) };
    written(document, parameters, root.to_owned(), root.join(package::FILE), None, language).map(Some)
}

/// Where a program begins, relative to the root of its project: what the manifest says, else the first of the usual places that is there.
pub fn entry_of(root: &Path, named: Option<&str>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(PathBuf::from(named)).filter(|entry| root.join(entry).is_file());
    }
    usual_entries().map(PathBuf::from).find(|entry| root.join(entry).is_file())
}

/// Where programs begin, the first that is there.
pub fn usual_entries() -> impl Iterator<Item = String> {
    let places = ["main", "src/main", "index", "src/index"];
    places.into_iter().flat_map(|place| ENDINGS.map(|(ending, _)| format!("{place}.{ending}")))
}

/// Puts what a program says itself into its manifest. What is only inferred from types comes back, since it may be more than a manifest can say.
fn declare(document: &mut DocumentMut, declared: Declared) -> Option<Vec<super::Parameter>> {
    match declared {
        Declared::Nothing => None,
        Declared::Inferred(parameters) => Some(parameters),
        Declared::Exported(table) => {
            document["parameters"] = Item::Table(table);
            None
        }
    }
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

    fn names(project: Project) -> Vec<String> {
        project.manifest.parameters.unwrap().into_iter().map(|parameter| parameter.name).collect()
    }

    #[test]
    fn a_file_is_a_project_of_its_name_with_the_parameters_of_main() {
        let root = folder(&[(
            "my greeter.ts",
            "/** Greets. */\nexport async function main(input: { name: string; times?: number }) {}\n",
        )]);
        let file = root.path().join("my greeter.ts");
        let project = of_file(&file, Path::new("my greeter.ts"), Language::TypeScript).unwrap();
        assert_eq!(project.manifest.package.name, "my-greeter");
        assert_eq!(project.manifest.package.description.as_deref(), Some("Greets."));
        assert_eq!(project.file.as_deref(), Some(Path::new("my greeter.ts")));
        assert_eq!(names(project), ["name", "times"]);
    }

    #[test]
    fn a_package_gives_name_version_entry_and_tables_of_a_manifest() {
        let package = r#"{ "name": "@ada/agent", "version": "1.2.3-rc.1", "bakery": { "entry": "lib/a.mts", "permissions": { "network": ["example.com"] } } }"#;
        let root = folder(&[
            ("package.json", package),
            ("lib/a.mts", "export const main = async (input: { goal: string }) => {};"),
        ]);
        let project = of_folder(root.path(), Path::new("")).unwrap().unwrap();
        assert_eq!(project.manifest.package.name, "agent");
        assert_eq!(project.manifest.package.version.to_string(), "1.2.3-rc.1");
        assert_eq!(project.manifest.build.entry.as_deref(), Some("lib/a.mts"));
        assert_eq!(project.manifest.permissions.network.len(), 1);
        assert_eq!(project.language, Language::TypeScript);
        assert_eq!(names(project), ["goal"]);
    }

    #[test]
    fn a_folder_without_a_program_is_none() {
        let root = folder(&[("package.json", r#"{ "name": "site" }"#), ("server.js", "")]);
        assert!(of_folder(root.path(), Path::new("")).unwrap().is_none());
    }

    #[test]
    fn a_schema_that_is_exported_counts_and_its_mistakes_are_errors() {
        let good = "export const parameters = { count: { type: \"int\", default: 3, min: 1 } } as const;\nexport async function main(input: any) {}\n";
        let root = folder(&[("main.ts", good), ("bad.ts", &good.replace("\"int\"", "\"integer\""))]);
        let project =
            of_file(&root.path().join("main.ts"), Path::new("main.ts"), Language::TypeScript).unwrap();
        assert_eq!(names(project), ["count"]);
        let error =
            of_file(&root.path().join("bad.ts"), Path::new("bad.ts"), Language::TypeScript).unwrap_err();
        assert!(
            error.message.contains("integer") || error.hints.iter().any(|hint| hint.contains("int")),
            "{error}"
        );
    }
}
