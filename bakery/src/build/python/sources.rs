//! Which files a program consists of, and what they are called inside of its component: as they are imported, from the folder that Python would look in.
//!
//! A project is its whole folder, or `src/` where it has that layout, without what is no part of the program: tests, documents, settings, environments and
//! what builds make. A single file is itself with what it imports from beside it: modules, and packages with all that is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::build::Digest;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::project::python::imports::imported;
use crate::project::python::{entry_of, usual_entries};

/// The most bytes of all files together: they are in the memory of every instance.
const MAX_BYTES: u64 = 16 << 20;
/// The most files. Where there are more, the folder is most likely something else than a program.
const MAX_FILES: usize = 4000;

/// Folders that are no part of a program, by name.
const OTHER_FOLDERS: [&str; 9] =
    ["__pycache__", "tests", "test", "target", "build", "dist", "node_modules", "venv", "site-packages"];

/// Files at the top that are no part of a program, by what their names end in.
const OTHER_FILES: [&str; 9] =
    [".toml", ".md", ".lock", ".wasm", ".cfg", ".ini", ".jsonl", "LICENSE", "pyrightconfig.json"];

/// The files of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Where it begins: a key of `files`.
    pub entry: String,
    /// The files by the name they have inside, with `/`, and where they are.
    pub files: BTreeMap<String, PathBuf>,
}

/// The contents of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// As in [`Sources`].
    pub entry: String,
    /// The contents by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Sources {
    /// Those of a project.
    ///
    /// # Errors
    /// Nothing says where the program begins, or there are too many files.
    pub fn of(project: &Project) -> Result<Sources> {
        match &project.file {
            Some(file) => of_file(&project.root, file),
            None => of_folder(project),
        }
    }

    /// Reads all files.
    ///
    /// # Errors
    /// One cannot be read, they are too large together, or a source is not UTF-8.
    pub fn read(&self) -> Result<Contents> {
        let mut files = BTreeMap::new();
        let mut total: u64 = 0;
        for (name, path) in &self.files {
            let bytes = fs::read(path).map_err(|error| {
                Error::environment(format!("cannot read `{}`", path.display())).caused_by(error)
            })?;
            total += bytes.len() as u64;
            if total > MAX_BYTES {
                return Err(Error::usage(format!(
                    "the files of the program are larger than {} MiB together, up to `{name}`",
                    MAX_BYTES >> 20
                ))
                .hint("put what is no part of it elsewhere, or into a folder whose name begins with a dot"));
            }
            if name.ends_with(".py") && std::str::from_utf8(&bytes).is_err() {
                return Err(Error::usage(format!("`{name}` is not UTF-8 text")));
            }
            files.insert(name.clone(), bytes);
        }
        Ok(Contents { entry: self.entry.clone(), files })
    }

    /// Of the names and places, to notice files that come and go.
    pub fn listing(&self) -> Digest {
        let parts = self.files.iter().flat_map(|(name, path)| {
            [name.as_bytes().to_vec(), path.as_os_str().as_encoded_bytes().to_vec()]
        });
        Digest::of_parts(parts.chain([self.entry.as_bytes().to_vec()]))
    }
}

impl Contents {
    /// Of names and contents.
    pub fn digest(&self) -> Digest {
        let parts = self.files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]);
        Digest::of_parts(parts.chain([self.entry.as_bytes()]))
    }

    /// Adds files of packages, which give way to the program's own.
    pub fn add(&mut self, packages: BTreeMap<String, Vec<u8>>) {
        for (name, bytes) in packages {
            self.files.entry(name).or_insert(bytes);
        }
    }
}

fn of_folder(project: &Project) -> Result<Sources> {
    let root = &project.root;
    let name = &project.manifest.package.name;
    let named = project.manifest.build.entry.as_deref();
    let Some(entry) = entry_of(root, name, named) else { return Err(no_entry(project)) };
    let below_src = entry.starts_with("src") && !root.join("src/__init__.py").exists();
    let base = if below_src { root.join("src") } else { root.clone() };
    let mut files = BTreeMap::new();
    collect(&base, &base, &mut files)?;
    let path = root.join(&entry);
    let entry = inside(&base, &path);
    files.insert(entry.clone(), path);
    Ok(Sources { entry, files })
}

fn no_entry(project: &Project) -> Error {
    let place = project.root.display();
    if let Some(named) = &project.manifest.build.entry {
        return Error::usage(format!("there is no `{named}` in `{place}`"))
            .hint("`entry` in `[build]` of `Pie.toml`, or in `[tool.bakery]` of `pyproject.toml`, says where the program begins");
    }
    let usual = usual_entries(&project.manifest.package.name);
    Error::usage(format!("nothing says where the program in `{place}` begins"))
        .caused_by(format!("there is none of `{}`", usual.join("`, `")))
        .hint("say it in `Pie.toml`:\n[build]\nentry = \"path/to/file.py\"")
}

/// A path relative to a folder, with `/`.
fn inside(base: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(base).unwrap_or(path).iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

/// All files below `folder` that may belong to a program.
fn collect(base: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let unreadable =
        |error| Error::environment(format!("cannot read `{}`", folder.display())).caused_by(error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if !is_other_folder(&path, &name) {
                collect(base, &path, files)?;
            }
        } else if path.is_file() && !is_other_file(&name, folder == base) {
            files.insert(inside(base, &path), path);
        }
        if files.len() > MAX_FILES {
            return Err(Error::usage(format!(
                "there are more than {MAX_FILES} files in `{}`",
                base.display()
            ))
            .hint("put the program into a folder of its own"));
        }
    }
    Ok(())
}

fn is_other_folder(path: &Path, name: &str) -> bool {
    OTHER_FOLDERS.contains(&name)
        || name.ends_with(".egg-info")
        || path.join("pyvenv.cfg").exists()
        || path.join("CACHEDIR.TAG").exists()
}

fn is_other_file(name: &str, is_at_the_top: bool) -> bool {
    let is_test = name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py";
    let is_made = name.ends_with(".pyc") || name.ends_with('~');
    is_made || (is_at_the_top && (is_test || OTHER_FILES.iter().any(|end| name.ends_with(end))))
}

/// A file, with what it imports from beside it.
fn of_file(root: &Path, file: &Path) -> Result<Sources> {
    let entry = inside(Path::new(""), file);
    let mut files = BTreeMap::from([(entry.clone(), root.join(file))]);
    let mut seen = BTreeSet::new();
    let mut unread = vec![root.join(file)];
    while let Some(path) = unread.pop() {
        let Ok(source) = fs::read_to_string(&path) else { continue };
        for name in imported(&source) {
            let top = name.split('.').next().unwrap_or_default().to_owned();
            if !seen.insert(top.clone()) {
                continue;
            }
            let mut found = BTreeMap::new();
            let (module, package) = (root.join(format!("{top}.py")), root.join(&top));
            if package.join("__init__.py").is_file() {
                collect(root, &package, &mut found)?;
            } else if module.is_file() {
                found.insert(inside(root, &module), module);
            } else if is_folder_of_sources(&package) {
                collect(root, &package, &mut found)?;
            }
            unread.extend(found.values().filter(|path| path.extension().is_some_and(|e| e == "py")).cloned());
            files.extend(found);
        }
    }
    Ok(Sources { entry, files })
}

/// Whether a folder is a package without an `__init__.py`.
fn is_folder_of_sources(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|extension| extension == "py"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in files {
            let (name, text) = name.split_once('=').unwrap_or((name, ""));
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn names(sources: &Sources) -> Vec<&str> {
        sources.files.keys().map(String::as_str).collect()
    }

    fn project(root: &Path) -> Project {
        Project::discover(root, root).unwrap()
    }

    const PIE: &str = "Pie.toml=[package]\nname = \"my-agent\"\nversion = \"0.1.0\"\n";

    #[test]
    fn a_flat_project_is_its_folder_without_what_is_no_part_of_it() {
        let root = folder(&[
            PIE,
            "main.py",
            "helpers.py",
            "data/words.txt",
            "pkg/__init__.py",
            "pkg/prompt.md",
            "README.md",
            "tests/test_main.py",
            "test_x.py",
            ".venv/lib/a.py",
            "env/pyvenv.cfg",
            "env/b.py",
            "target/c.py",
            "__pycache__/main.pyc",
            "prompt.txt",
            "pyproject.toml",
        ]);
        let sources = Sources::of(&project(root.path())).unwrap();
        assert_eq!(
            names(&sources),
            ["data/words.txt", "helpers.py", "main.py", "pkg/__init__.py", "pkg/prompt.md", "prompt.txt"]
        );
        assert_eq!(sources.entry, "main.py");
    }

    #[test]
    fn with_a_src_folder_names_begin_below_it() {
        let root = folder(&[
            PIE,
            "pyproject.toml",
            "src/my_agent/__init__.py",
            "src/my_agent/__main__.py",
            "other.py",
        ]);
        let sources = Sources::of(&project(root.path())).unwrap();
        assert_eq!(sources.entry, "my_agent/__main__.py");
        assert_eq!(names(&sources), ["my_agent/__init__.py", "my_agent/__main__.py"]);
    }

    #[test]
    fn a_single_file_takes_along_what_it_imports_from_beside_it() {
        let root = folder(&[
            "main.py=import a, json\nfrom c import d\n",
            "a.py=import b\n",
            "b.py",
            "c/__init__.py=import e\n",
            "c/d.py",
            "c/words.txt",
            "e/f.py",
            "unrelated.py",
            "notes.txt",
        ]);
        let project = python::of_file(&root.path().join("main.py"), Path::new("main.py")).unwrap();
        let sources = Sources::of(&project).unwrap();
        assert_eq!(
            names(&sources),
            ["a.py", "b.py", "c/__init__.py", "c/d.py", "c/words.txt", "e/f.py", "main.py"]
        );
    }

    #[test]
    fn without_an_entry_the_error_says_where_it_was_looked_for() {
        let root = folder(&[PIE, "pyproject.toml", "agent.py"]);
        let error = Sources::of(&project(root.path())).unwrap_err();
        assert!(error.source.unwrap().to_string().contains("`src/my_agent/__main__.py`"));
        let named = folder(&[
            "pyproject.toml",
            "Pie.toml=[package]\nname = \"a\"\nversion = \"0.1.0\"\n[build]\nentry = \"x.py\"\n",
        ]);
        assert!(Sources::of(&project(named.path())).unwrap_err().message.contains("there is no `x.py`"));
    }

    #[test]
    fn the_digest_is_of_names_and_contents_and_not_of_places() {
        let one = folder(&[PIE, "main.py=a"]);
        let two = folder(&[PIE, "main.py=a"]);
        let digest = |root: &Path| Sources::of(&project(root)).unwrap().read().unwrap().digest();
        assert_eq!(digest(one.path()), digest(two.path()));
        fs::write(two.path().join("main.py"), "b").unwrap();
        assert_ne!(digest(one.path()), digest(two.path()));
    }
}
