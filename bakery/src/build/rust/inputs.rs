//! What a build has read, so that the next one can tell that there is nothing to do. Missing something here would be worse than anything gained, so
//! whatever cannot be told for certain is taken to have been read.
//!
//! Two groups, because they answer two questions. The *ground* decides what cargo is asked to do: compiler, configuration, manifests. The *sources* decide
//! what comes out. A changed source keeps the ground, so that cargo is called once and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::config::Config;
use super::layout::Layout;
use super::messages::{Crate, Report, Script};
use crate::build::probe::Depth;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::toolchain::Toolchain;

/// Files that change what a package consists of by being there.
const DISCOVERED: [&str; 3] = ["build.rs", "src/lib.rs", "src/main.rs"];

/// Files that choose a compiler.
const COMPILER_CHOICE: [&str; 2] = ["rust-toolchain", "rust-toolchain.toml"];

/// Variables that cargo sets for a crate from its manifest; they change with it.
const SET_BY_CARGO: [&str; 6] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Files and folders, and how far they were looked into.
    pub files: BTreeMap<PathBuf, Depth>,
    /// Variables.
    pub variables: BTreeSet<String>,
}

impl Inputs {
    fn add(&mut self, file: impl Into<PathBuf>, depth: Depth) {
        self.files.entry(file.into()).or_insert(depth);
    }

    /// The files of a package that decide what it consists of.
    fn add_package(&mut self, folder: &Path) {
        for folder in folder.ancestors() {
            // One above could claim the package for its workspace.
            self.add(folder.join("Cargo.toml"), Depth::Content);
        }
        for file in DISCOVERED.map(|name| folder.join(name)).into_iter().filter(|file| !file.exists()) {
            self.add(file, Depth::Content);
        }
        self.add(folder.join("src/bin"), Depth::Names);
    }
}

/// The ground of a build.
pub fn ground(project: &Project, layout: &Layout, config: &Config, toolchain: &Toolchain) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add(&project.manifest_path, Depth::Content);
    for place in &config.places {
        inputs.add(place, Depth::Content);
    }
    for folder in project.root.ancestors() {
        for name in COMPILER_CHOICE {
            inputs.add(folder.join(name), Depth::Content);
        }
    }
    for witness in &toolchain.witnesses {
        inputs.add(witness, Depth::Names);
    }
    inputs.add(layout.workspace.join("Cargo.toml"), Depth::Content);
    for member in &layout.members {
        inputs.add(member, Depth::Content);
    }
    if let Some(folder) = layout.manifest.parent() {
        inputs.add_package(folder);
    }
    inputs
}

/// The sources of a build that cargo has reported on.
///
/// # Errors
/// Cargo has not written down what it read.
pub fn sources(layout: &Layout, report: &Report) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    inputs.add(layout.workspace.join("Cargo.lock"), Depth::Content);
    let component = report.component().ok_or_else(|| Error::bug("cargo did not say what it made"))?;
    for file in read_files(&component.with_extension("d"), &layout.workspace)? {
        if !file.starts_with(&layout.target) {
            // Of a folder that a build script watches, cargo watches all that is in it.
            inputs.add(file, Depth::Tree);
        }
    }
    for local in report.local.iter().filter(|local| !local.manifest.starts_with(&layout.target)) {
        if let Some(folder) = local.manifest.parent() {
            inputs.add_package(folder);
        }
    }
    for local in report.local.iter().filter(|local| !local.is_script) {
        inputs.variables.extend(read_variables(local)?);
    }
    for script in &report.scripts {
        watch_script(&mut inputs, script, report)?;
    }
    Ok(inputs)
}

/// What a build script asked cargo to watch.
fn watch_script(inputs: &mut Inputs, script: &Script, report: &Report) -> Result<()> {
    let text = read(&script.output)?;
    let watched = Watched::parse(&text);
    inputs.variables.extend(watched.variables.iter().cloned());
    if script.is_local && watched.files.is_empty() && watched.variables.is_empty() {
        // A script that asks for nothing is run again whenever anything of its package changes.
        let folders =
            report.local.iter().filter(|local| local.is_script).filter_map(|local| local.manifest.parent());
        let folder = folders.into_iter().find(|folder| script.package.contains(&*folder.to_string_lossy()));
        let folder =
            folder.ok_or_else(|| Error::bug(format!("cargo did not say where `{}` is", script.package)))?;
        inputs.files.insert(folder.to_owned(), Depth::Tree);
    }
    // Those inside of local packages are among the files that cargo has written down.
    for file in watched.files.into_iter().filter(|file| file.is_absolute()) {
        inputs.add(file, Depth::Tree);
    }
    Ok(())
}

/// What a build script asked to be run again for
/// (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>).
#[derive(Debug, Default, PartialEq, Eq)]
struct Watched {
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Watched {
    fn parse(output: &str) -> Watched {
        let mut watched = Watched::default();
        for line in output.lines() {
            let Some(line) = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:")) else {
                continue;
            };
            match line.split_once('=') {
                Some(("rerun-if-changed", file)) => watched.files.push(file.trim_end().into()),
                Some(("rerun-if-env-changed", name)) => watched.variables.push(name.trim_end().to_owned()),
                _ => {}
            }
        }
        watched
    }
}

/// The files that an artifact was made from, out of the `.d` file that cargo puts beside it.
fn read_files(dep_info: &Path, workspace: &Path) -> Result<Vec<PathBuf>> {
    let text = read(dep_info)?;
    let files = parse_dep_info(&text).into_iter().map(|file| workspace.join(file));
    Ok(files.collect())
}

/// The right side of the first rule of a makefile: words with `\ ` for a space.
fn parse_dep_info(text: &str) -> Vec<PathBuf> {
    let line = text.lines().next().unwrap_or("");
    let Some((_, right)) = line.split_once(": ") else { return Vec::new() };
    let mut files = Vec::new();
    let mut word = String::new();
    let mut chars = right.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' if chars.peek() == Some(&' ') => word.extend(chars.next()),
            ' ' => files.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            char => word.push(char),
        }
    }
    files.extend(Some(word).filter(|word| !word.is_empty()));
    files.into_iter().map(PathBuf::from).collect()
}

/// The variables that a crate reads with `env!` and `option_env!`, out of what the compiler has written for cargo.
fn read_variables(local: &Crate) -> Result<Vec<String>> {
    let found = local.files.iter().flat_map(|file| compiler_dep_info(file)).find(|file| file.is_file());
    let found =
        found.ok_or_else(|| Error::bug(format!("no dependencies of `{}`", local.manifest.display())))?;
    Ok(parse_variables(&read(&found)?))
}

/// Where the compiler's `.d` file of an artifact can be: in `deps`, named after the crate. The one beside an artifact outside of `deps` is cargo's.
fn compiler_dep_info(artifact: &Path) -> Vec<PathBuf> {
    let Some(stem) = artifact.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
        return Vec::new();
    };
    let folder = artifact.parent().unwrap_or(artifact);
    let deps = if folder.ends_with("deps") { folder.to_owned() } else { folder.join("deps") };
    let names = [stem.strip_prefix("lib").unwrap_or(&stem).to_owned(), stem.replace('-', "_"), stem.clone()];
    names.iter().map(|name| deps.join(format!("{name}.d"))).collect()
}

fn parse_variables(dep_info: &str) -> Vec<String> {
    let names = dep_info.lines().filter_map(|line| line.strip_prefix("# env-dep:")?.split('=').next());
    names
        .filter(|name| !SET_BY_CARGO.iter().any(|prefix| name.starts_with(prefix)))
        .map(str::to_owned)
        .collect()
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::environment(format!("cannot read `{}`", path.display())).caused_by(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_spaces_are_one_word() {
        let files = parse_dep_info("/t/a.wasm: /w/src/lib.rs /w/my\\ file.txt /w/b.rs\n\n/w/src/lib.rs:\n");
        assert_eq!(files, ["/w/src/lib.rs", "/w/my file.txt", "/w/b.rs"].map(PathBuf::from));
        assert!(parse_dep_info("").is_empty());
        assert!(parse_dep_info("/t/a.wasm:").is_empty());
    }

    #[test]
    fn variables_of_the_program_are_told_from_those_of_cargo() {
        let text = "/t/a.d: src/lib.rs\n\n# env-dep:GREETING=hi\n# env-dep:CARGO_PKG_VERSION=0.1.0\n# env-dep:UNSET\n";
        assert_eq!(parse_variables(text), ["GREETING", "UNSET"]);
    }

    #[test]
    fn both_spellings_of_a_build_scripts_wishes_are_heard() {
        let watched = Watched::parse(
            "noise\ncargo::rerun-if-changed=a b\ncargo:rerun-if-env-changed=CC\ncargo:rustc-cfg=x\n",
        );
        assert_eq!(watched, Watched { files: vec!["a b".into()], variables: vec!["CC".into()] });
    }

    #[test]
    fn the_compilers_own_account_is_looked_for_where_it_can_be() {
        let of = |file: &str| compiler_dep_info(Path::new(file));
        assert!(of("/t/deps/libdep-1a.rlib").contains(&"/t/deps/dep-1a.d".into()));
        assert!(of("/t/my_inferlet.wasm").contains(&"/t/deps/my_inferlet.d".into()));
        assert!(of("/t/my-tool.wasm").contains(&"/t/deps/my_tool.d".into()));
    }

    fn layout(root: &Path) -> Layout {
        use super::super::layout::{Artifact, Kind, Sdk};
        Layout {
            workspace: root.join("w"),
            target: root.join("w/target"),
            package: String::new(),
            manifest: root.join("w/a/Cargo.toml"),
            artifact: Artifact { kind: Kind::Library, name: "a".into() },
            sdk: Sdk::Own,
            members: vec![],
        }
    }

    fn write(file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// A finished build of package `a` that has a build script with this output.
    fn built(root: &Path, script_output: &str) -> Report {
        let target = root.join("w/target");
        let source = root.join("w/a/src/lib.rs");
        write(&source, "");
        write(
            &target.join("a.d"),
            &format!(
                "{}: {} {}\n",
                target.join("a.wasm").display(),
                source.display(),
                target.join("gen.rs").display()
            ),
        );
        write(&target.join("deps/a.d"), "# env-dep:GREETING\n");
        write(&target.join("build/a-1/output"), script_output);
        let local = |file: &str, is_script| Crate {
            manifest: root.join("w/a/Cargo.toml"),
            files: vec![target.join(file)],
            is_script,
        };
        Report {
            local: vec![local("a.wasm", false), local("build/a-1/build-script-build", true)],
            scripts: vec![Script {
                package: format!("path+file://{}#0.1.0", root.join("w/a").display()),
                output: target.join("build/a-1/output"),
                is_local: true,
            }],
            made: vec![target.join("a.wasm")],
        }
    }

    #[test]
    fn sources_are_what_was_compiled_and_what_would_change_the_package_by_appearing() {
        let dir = tempfile::tempdir().unwrap();
        let inputs =
            sources(&layout(dir.path()), &built(dir.path(), "cargo::rerun-if-env-changed=CC\n")).unwrap();
        let has = |name: &str| inputs.files.contains_key(&dir.path().join(name));
        assert!(
            has("w/a/src/lib.rs") && has("w/Cargo.lock") && has("w/a/build.rs") && has("w/a/src/main.rs")
        );
        assert!(!has("w/target/gen.rs"), "what the build makes is not what it is made from");
        assert!(!has("w/a"), "the script says what it needs");
        assert_eq!(inputs.variables, ["CC", "GREETING"].map(str::to_owned).into());
    }

    #[test]
    fn a_build_script_that_asks_for_nothing_depends_on_its_whole_package() {
        let dir = tempfile::tempdir().unwrap();
        let inputs = sources(&layout(dir.path()), &built(dir.path(), "hello\n")).unwrap();
        assert_eq!(inputs.files.get(&dir.path().join("w/a")), Some(&Depth::Tree));
    }

    #[test]
    fn without_cargos_account_nothing_is_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let report = built(dir.path(), "");
        std::fs::remove_file(dir.path().join("w/target/deps/a.d")).unwrap();
        assert!(sources(&layout(dir.path()), &report).is_err());
    }
}
