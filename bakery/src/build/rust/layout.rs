//! What cargo says of a project: which package and which of its targets is the inferlet, and where its files go.

use std::path::PathBuf;

use cargo_metadata::{Metadata, Package, Target, TargetKind};
use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::build::sdk;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::suggest;

/// Where things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The folder of the workspace.
    pub workspace: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The package, in a form that cargo takes.
    pub package: String,
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
    /// The target of the package that is the inferlet.
    pub artifact: Artifact,
    /// Where the SDK comes from.
    pub sdk: Sdk,
    /// Manifests of the workspace's members.
    pub members: Vec<PathBuf>,
}

/// A target of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it is to cargo.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What can become a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A library of the type `cdylib`.
    Library,
    /// A program.
    Program,
}

/// Where the SDK comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sdk {
    /// The project asks the registry for it: it gets the one that bakery carries.
    Carried,
    /// The project says where it is, or does not use it.
    Own,
}

impl Artifact {
    /// The name of the file that cargo makes.
    pub fn file_name(&self) -> String {
        match self.kind {
            Kind::Library => format!("{}.wasm", self.name.replace('-', "_")),
            Kind::Program => format!("{}.wasm", self.name),
        }
    }
}

impl Layout {
    /// Reads what `cargo metadata --no-deps` says. `root_manifest` is the text of the workspace's `Cargo.toml`.
    ///
    /// # Errors
    /// No package is the project, or none of its targets can become a component.
    pub fn of(
        metadata: &Metadata,
        project: &Project,
        root_manifest: &str,
        config: &Config,
    ) -> Result<Layout> {
        let package = package_of(metadata, project)?;
        let asks = metadata.packages.iter().flat_map(|package| &package.dependencies).any(|dependency| {
            dependency.name == sdk::CRATE && dependency.path.is_none() && dependency.source.is_some()
        });
        let carried = asks && !is_patched(root_manifest, config);
        Ok(Layout {
            workspace: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            package: package.id.repr.clone(),
            manifest: package.manifest_path.clone().into(),
            artifact: artifact_of(package)?,
            sdk: if carried { Sdk::Carried } else { Sdk::Own },
            members: metadata.packages.iter().map(|package| package.manifest_path.clone().into()).collect(),
        })
    }
}

/// The package in the project's folder, or the one that the manifest names.
fn package_of<'a>(metadata: &'a Metadata, project: &Project) -> Result<&'a Package> {
    let names = || metadata.packages.iter().map(|package| package.name.as_str());
    if let Some(name) = &project.manifest.build.package {
        return metadata.packages.iter().find(|package| package.name.as_str() == name).ok_or_else(|| {
            let error =
                Error::usage(format!("the workspace has no package `{name}`, which `[build] package` names"));
            suggest::did_you_mean(name, names()).into_iter().fold(error, Error::hint)
        });
    }
    let manifest = project.root.join("Cargo.toml");
    // Cargo resolves links in the paths it prints.
    let real = manifest.canonicalize().unwrap_or_else(|_| manifest.clone());
    let is_here = |package: &&Package| {
        let path = package.manifest_path.as_std_path();
        path == manifest || path == real || path.canonicalize().is_ok_and(|path| path == real)
    };
    metadata.packages.iter().find(is_here).ok_or_else(|| {
        let names = names().collect::<Vec<_>>().join("`, `");
        Error::usage(format!("`{}` is a workspace without a package of its own", manifest.display()))
            .hint(format!("name the package in `Pie.toml`: [build] package = \"...\"; there is `{names}`"))
    })
}

/// The library, or the program, that becomes a component.
fn artifact_of(package: &Package) -> Result<Artifact> {
    let of_kind = |kind: TargetKind| package.targets.iter().filter(move |target| target.kind.contains(&kind));
    let artifact = |kind, target: &Target| Artifact { kind, name: target.name.clone() };
    if let Some(library) = of_kind(TargetKind::CDyLib).next() {
        return Ok(artifact(Kind::Library, library));
    }
    let programs: Vec<&Target> = of_kind(TargetKind::Bin).collect();
    let default = package.default_run.as_ref();
    match programs.as_slice() {
        [program] => Ok(artifact(Kind::Program, program)),
        [] => {
            Err(Error::usage(format!("package `{}` has nothing that can become a component", package.name))
                .hint("in `Cargo.toml`: [lib] crate-type = [\"cdylib\"]"))
        }
        programs => programs
            .iter()
            .find(|program| Some(&program.name) == default)
            .map(|program| artifact(Kind::Program, program))
            .ok_or_else(|| {
                let names: Vec<&str> = programs.iter().map(|program| program.name.as_str()).collect();
                Error::usage(format!(
                    "package `{}` has several programs: `{}`",
                    package.name,
                    names.join("`, `")
                ))
                .hint("in `Cargo.toml`: [package] default-run = \"...\"")
            }),
    }
}

/// Whether the user says where the SDK is: in the workspace, or in a configuration file that bakery has not written.
fn is_patched(root_manifest: &str, config: &Config) -> bool {
    let root: toml::Table = root_manifest.parse().unwrap_or_default();
    let in_workspace = root
        .get("patch")
        .and_then(|patch| patch.get("crates-io"))
        .is_some_and(|patch| patch.get(sdk::CRATE).is_some());
    let in_config = config.find(&["patch", "crates-io", sdk::CRATE]).is_some_and(|(entry, _)| {
        // `bakery new` writes a path into the cache for the user's editor.
        !entry.get("path").and_then(toml::Value::as_str).is_some_and(sdk::is_unpacked)
    });
    in_workspace || in_config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Language, Manifest};
    use serde_json::{Value, json};

    fn project(build: &str) -> Project {
        let text = format!("[package]\nname = \"a\"\nversion = \"0.1.0\"\n[build]\n{build}");
        Project {
            root: "/w/a".into(),
            manifest_path: "/w/a/Pie.toml".into(),
            manifest: Manifest::parse(&text, "Pie.toml").unwrap(),
            manifest_text: text,
            language: Language::Rust,
            file: None,
        }
    }

    fn target(name: &str, kind: &str) -> Value {
        json!({ "name": name, "kind": [kind], "crate_types": [kind], "src_path": "/w/a/src/lib.rs", "edition": "2024" })
    }

    fn package(name: &str, targets: &[Value], dependencies: &[Value]) -> Value {
        json!({
            "name": name, "version": "0.1.0", "id": format!("path+file:///w/{name}#0.1.0"), "source": null,
            "dependencies": dependencies, "targets": targets, "features": {},
            "manifest_path": format!("/w/{name}/Cargo.toml"),
        })
    }

    fn inferlet_from(source: Value, path: Value) -> Value {
        json!({
            "name": "inferlet", "source": source, "req": "^0.1", "kind": null, "optional": false,
            "uses_default_features": true, "features": [], "path": path,
        })
    }

    fn layout(packages: &[Value], build: &str, root_manifest: &str) -> Result<Layout> {
        let metadata: Metadata = serde_json::from_value(json!({
            "packages": packages, "workspace_members": [], "resolve": null, "target_directory": "/w/target",
            "version": 1, "workspace_root": "/w",
        }))
        .unwrap();
        Layout::of(&metadata, &project(build), root_manifest, &Config::default())
    }

    fn registry() -> Value {
        "registry+https://registry.test/index".into()
    }

    #[test]
    fn the_library_becomes_the_component() {
        let packages = [package("a", &[target("a-tool", "bin"), target("my_a", "cdylib")], &[])];
        let layout = layout(&packages, "", "").unwrap();
        assert_eq!(layout.artifact, Artifact { kind: Kind::Library, name: "my_a".into() });
        assert_eq!(layout.artifact.file_name(), "my_a.wasm");
        assert_eq!(layout.sdk, Sdk::Own);
    }

    #[test]
    fn a_program_is_taken_where_there_is_no_library() {
        let one = layout(&[package("a", &[target("a-b", "bin"), target("a", "lib")], &[])], "", "").unwrap();
        assert_eq!(one.artifact.file_name(), "a-b.wasm");
        let several =
            layout(&[package("a", &[target("x", "bin"), target("y", "bin")], &[])], "", "").unwrap_err();
        assert!(
            several.message.contains("`x`, `y`") && several.hints[0].contains("default-run"),
            "{several:?}"
        );
    }

    #[test]
    fn a_plain_library_is_told_what_it_lacks() {
        let error = layout(&[package("a", &[target("a", "lib")], &[])], "", "").unwrap_err();
        assert!(error.hints[0].contains("crate-type"), "{error:?}");
    }

    #[test]
    fn a_workspace_needs_to_know_which_package() {
        let packages = [package("b", &[target("b", "cdylib")], &[])];
        assert!(layout(&packages, "", "").unwrap_err().hints[0].contains("[build] package"));
        assert_eq!(layout(&packages, "package = \"b\"", "").unwrap().artifact.name, "b");
        assert!(layout(&packages, "package = \"c\"", "").unwrap_err().message.contains("no package `c`"));
    }

    #[test]
    fn the_carried_sdk_is_for_those_that_ask_the_registry() {
        let with = |dependency: Value, root: &str| {
            layout(&[package("a", &[target("a", "cdylib")], &[dependency])], "", root).unwrap().sdk
        };
        assert_eq!(with(inferlet_from(registry(), Value::Null), ""), Sdk::Carried);
        assert_eq!(with(inferlet_from(Value::Null, "/sdk".into()), ""), Sdk::Own);
        let patched = "[patch.crates-io]\ninferlet = { path = \"../sdk\" }";
        assert_eq!(with(inferlet_from(registry(), Value::Null), patched), Sdk::Own);
    }

    #[test]
    fn only_a_patch_that_bakery_wrote_is_replaced() {
        let config = |path: &str| {
            let table = format!("[patch.crates-io.inferlet]\npath = \"{path}\"").parse().unwrap();
            Config {
                files: vec![super::super::config::File { path: "/w/.cargo/config.toml".into(), table }],
                places: vec![],
            }
        };
        let unpacked = sdk::folder("/cache".as_ref()).join("inferlet");
        assert!(!is_patched("", &config(unpacked.to_str().unwrap())));
        assert!(is_patched("", &config("/home/ada/bakery/sdk/rust/inferlet")));
    }
}
