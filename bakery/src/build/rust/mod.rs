//! Rust: `cargo build` for `wasm32-wasip2`, with the project's workspace, target folder, features and profiles as they are.
//!
//! Cargo is asked in its own words and answers in its own: errors are what it prints. Nothing of the user's project is written but `Cargo.lock`, by cargo.

pub mod config;
pub mod flags;
pub mod inputs;
pub mod layout;
pub mod messages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;
use serde::{Deserialize, Serialize};

use self::config::Config;
use self::flags::Delivery;
use self::layout::{Kind, Layout, Sdk};
use super::recipe::{Invocation, Messages, Recipe, Step};
use super::{Options, sdk};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;
use crate::project::Project;
use crate::toolchain::{Network, TARGET, Toolchain};

/// What a build stands on; see [`inputs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The compiler.
    pub toolchain: Toolchain,
    /// Where things are.
    pub layout: Layout,
}

impl Ground {
    /// Asks cargo where things are.
    ///
    /// # Errors
    /// Cargo cannot read the project, or there is nothing in it that can become a component.
    pub fn of(env: &Environment, project: &Project, toolchain: Toolchain, config: &Config) -> Result<Ground> {
        let metadata = metadata(env, project, &toolchain)?;
        let root_manifest = metadata.workspace_root.join("Cargo.toml");
        let root_manifest = std::fs::read_to_string(root_manifest).unwrap_or_default();
        let layout = Layout::of(&metadata, project, &root_manifest, config)?;
        Ok(Ground { toolchain, layout })
    }

    /// Where the component goes unless the user says otherwise.
    pub fn default_output(&self, project: &Project) -> PathBuf {
        self.layout.target.join("inferlets").join(format!("{}.wasm", project.manifest.package.name))
    }
}

/// What cargo says of the project, without its dependencies.
fn metadata(env: &Environment, project: &Project, toolchain: &Toolchain) -> Result<Metadata> {
    let mut command = env.command(&toolchain.cargo);
    command.current_dir(&project.root).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--manifest-path",
    ]);
    command.arg(cargo_manifest(project)).envs(variables_for(toolchain));
    let text = process::output(command).map_err(|error| {
        let said = error.source.map_or_else(|| error.message, |said| said.to_string());
        Error::usage(format!("cargo cannot read `{}`", cargo_manifest(project).display())).caused_by(said)
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Error::bug("cargo's metadata cannot be understood").caused_by(error))
}

/// The manifest that cargo is pointed at: in a workspace, the packages are found from any of them.
fn cargo_manifest(project: &Project) -> PathBuf {
    project.root.join("Cargo.toml")
}

fn variables_for(toolchain: &Toolchain) -> BTreeMap<String, String> {
    let rustc =
        toolchain.rustc.as_ref().map(|rustc| ("RUSTC".to_owned(), rustc.to_string_lossy().into_owned()));
    rustc.into_iter().collect()
}

/// What to do to build a project. Pure, but for the environment and the configuration that were read before.
pub fn recipe(
    env: &Environment,
    project: &Project,
    ground: &Ground,
    config: &Config,
    options: &Options,
    cache: &Path,
) -> Recipe {
    let Ground { toolchain, layout } = ground;
    let profile = options.profile_of(project);
    let output = options.output.clone().unwrap_or_else(|| ground.default_output(project));
    let component =
        layout.target.join(TARGET).join(profile_folder(profile)).join(layout.artifact.file_name());
    let mut arguments = arguments(project, layout, profile, options);
    let mut steps = Vec::new();
    if layout.sdk == Sdk::Carried {
        let unpacked = sdk::folder(cache);
        // Inside of the workspace its path is the same for everybody, relative to it, and so is what cargo names the crates after it.
        let link = layout.target.join("inferlets").join(format!("sdk-{}", sdk::digest().short()));
        let path = toml::Value::String(link.join(sdk::CRATE).to_string_lossy().into_owned());
        arguments.extend(["--config".to_owned(), format!("patch.crates-io.{}.path={path}", sdk::CRATE)]);
        steps.push(Step::PlaceSdk { unpacked, link });
    }
    let mut variables = variables_for(toolchain);
    let renaming = flags::renaming(env, toolchain, &layout.workspace, &layout.target);
    match flags::delivery(env, config, &renaming) {
        Delivery::Argument(argument) => arguments.extend(["--config".to_owned(), argument]),
        Delivery::Variable(flags) => {
            variables.insert("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags);
        }
    }
    let inputs = [
        layout.manifest.parent().unwrap_or(&layout.workspace).to_owned(),
        layout.workspace.join("Cargo.lock"),
    ];
    steps.push(Step::Run(Invocation {
        program: toolchain.cargo.clone(),
        arguments,
        variables,
        folder: project.root.clone(),
        messages: Messages::Cargo,
        inputs: inputs.into(),
        outputs: vec![component.clone()],
    }));
    steps.push(Step::Finish { component, manifest: project.manifest_path.clone(), output: output.clone() });
    Recipe { name: project.manifest.package.name.clone(), steps, output }
}

fn arguments(project: &Project, layout: &Layout, profile: &str, options: &Options) -> Vec<String> {
    let manifest = layout.manifest.to_string_lossy();
    let mut arguments: Vec<&str> = vec!["build", "--manifest-path", &manifest, "--package", &layout.package];
    match layout.artifact.kind {
        Kind::Library => arguments.push("--lib"),
        Kind::Program => arguments.extend(["--bin", &layout.artifact.name]),
    }
    arguments.extend([
        "--target",
        TARGET,
        "--profile",
        profile,
        "--message-format",
        "json-render-diagnostics",
    ]);
    let features = project.manifest.build.features.join(",");
    if !features.is_empty() {
        arguments.extend(["--features", &features]);
    }
    let switches = [
        ("--no-default-features", !project.manifest.build.default_features),
        ("--locked", options.locked),
        ("--offline", options.network == Network::Forbidden),
        ("--quiet", options.quiet),
    ];
    arguments.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| *name));
    arguments.into_iter().map(str::to_owned).collect()
}

/// Where cargo puts what it builds with a profile (<https://doc.rust-lang.org/cargo/reference/build-cache.html>).
fn profile_folder(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

#[cfg(test)]
mod tests;
