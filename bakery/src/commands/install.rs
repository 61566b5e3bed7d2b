//! `bakery install`

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::build::{self, Digest, Options, check, embedded_manifest};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::{MANIFEST_NAME, Manifest, Project};
use crate::store::{Existing, Store};
use crate::toolchain::Network;
use crate::ui::Ui;

/// Install an inferlet, so that others can launch it by name
///
/// Builds the project if needed, and copies its component into the store. Any inferlet that names it in `[dependencies]` can launch it, and
/// `bakery run NAME` runs it from anywhere. The store is in the folder that `BAKERY_DATA_DIR` names, else in the user's folder for data.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery install                The project in this folder
  bakery install worker         Another one
  bakery install worker.wasm    A component that somebody built
  bakery install --force        In place of other bytes of the same version")]
pub struct Args {
    /// Folder of the project, its `Pie.toml`, or a component (`.wasm`)
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Replace what is installed under the same name and version
    #[arg(long)]
    pub force: bool,
    /// Fetch nothing: what the build needs must be here
    #[arg(long)]
    pub offline: bool,
}

/// What `bakery install --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "install")]
pub enum InstallDocument {
    /// The component is in the store.
    Installed {
        /// Name of the inferlet.
        name: String,
        /// Its version.
        version: String,
        /// Where the component is, absolute.
        path: PathBuf,
        /// Whether it was there already.
        fresh: bool,
        /// SHA-256 of the component.
        digest: Digest,
    },
}

/// Installs an inferlet.
///
/// # Errors
/// There is no project or component, it cannot be built, or another one of this version is installed.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let store = Store::of(env)?;
    let (wasm, manifest) = component(args, env, ui)?;
    let name = manifest.package.name;
    let version = manifest.package.version;
    let existing = if args.force { Existing::Replaced } else { Existing::Kept };
    let fresh = !store.add(&name, &version, &wasm, existing)?;
    let path = store.path(&name, &version);
    if ui.json() {
        let (version, digest) = (version.to_string(), Digest::of(&wasm));
        return ui.document(&InstallDocument::Installed { name, version, path, fresh, digest });
    }
    let verb = if fresh { "Fresh" } else { "Installed" };
    ui.status(verb, format_args!("`{name}` {version}"));
    Ok(())
}

/// The component with its manifest, built if it is a project's.
fn component(args: &Args, env: &Environment, ui: &Ui) -> Result<(Vec<u8>, Manifest)> {
    let full = env.current_dir.join(&args.path);
    if full.is_file() && args.path.file_name().is_some_and(|name| name != MANIFEST_NAME) {
        return built_already(&args.path, &full);
    }
    let project = Project::discover(&args.path, &env.current_dir)?;
    let network = if args.offline { Network::Forbidden } else { Network::Allowed };
    let options = Options { network, quiet: ui.quiet(), ..Options::default() };
    let artifact = build::build(&project, &options, env, &*ui.progress())?;
    Ok((read(&artifact.path, &artifact.path)?, project.manifest))
}

fn built_already(shown: &Path, full: &Path) -> Result<(Vec<u8>, Manifest)> {
    let wasm = read(shown, full)?;
    let Some(text) = embedded_manifest(&wasm)? else {
        // What is no component at all has no manifest either, and that is what is wrong with it.
        check(&wasm, None)?;
        let message = format!("`{}` has no manifest, which says its name and version", shown.display());
        return Err(Error::usage(message).hint("components that `bakery build` makes have one"));
    };
    let manifest = Manifest::parse(&text, &format!("{MANIFEST_NAME} in {}", shown.display()))?;
    check(&wasm, Some(&manifest))?;
    Ok((wasm, manifest))
}

fn read(shown: &Path, full: &Path) -> Result<Vec<u8>> {
    std::fs::read(full)
        .map_err(|error| Error::usage(format!("cannot read `{}`", shown.display())).caused_by(error))
}
