//! `bakery uninstall`

use schemars::JsonSchema;
use semver::VersionReq;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::store::{Store, Stored};
use crate::suggest;
use crate::ui::Ui;

/// Remove an installed inferlet
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery uninstall worker           All its versions
  bakery uninstall worker@=1.2.0    One of them
  bakery uninstall worker@1         All that 1 stands for")]
pub struct Args {
    /// The name, or the name and the versions
    #[arg(value_name = "NAME[@VERSION]")]
    pub inferlet: String,
}

/// What `bakery uninstall --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "uninstall")]
pub enum UninstallDocument {
    /// It is gone.
    Uninstalled {
        /// Name of the inferlet.
        name: String,
        /// The versions that were removed, rising.
        versions: Vec<String>,
    },
}

/// Removes versions of an inferlet from the store.
///
/// # Errors
/// There is none of them, or a file cannot be removed.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let store = Store::of(env)?;
    let (name, wanted) = read(&args.inferlet)?;
    let installed = store.versions(name)?;
    let unwanted: Vec<&Stored> = installed.iter().filter(|stored| wanted.matches(&stored.version)).collect();
    if unwanted.is_empty() {
        return Err(not_installed(name, &wanted, &installed, &store)?);
    }
    for stored in &unwanted {
        store.remove(stored)?;
        ui.status("Removed", format_args!("`{name}` {}", stored.version));
    }
    if ui.json() {
        let versions = unwanted.iter().map(|stored| stored.version.to_string()).collect();
        return ui.document(&UninstallDocument::Uninstalled { name: name.to_owned(), versions });
    }
    Ok(())
}

fn read(inferlet: &str) -> Result<(&str, VersionReq)> {
    let Some((name, version)) = inferlet.split_once('@') else { return Ok((inferlet, VersionReq::STAR)) };
    let version = VersionReq::parse(version)
        .map_err(|error| Error::usage(format!("`{version}` is no version")).caused_by(error))?;
    Ok((name, version))
}

fn not_installed(name: &str, wanted: &VersionReq, installed: &[Stored], store: &Store) -> Result<Error> {
    if !installed.is_empty() {
        let versions: Vec<String> = installed.iter().map(|stored| format!("`{}`", stored.version)).collect();
        let message = format!("no `{name}` of version `{wanted}` is installed, only {}", versions.join(", "));
        return Ok(Error::usage(message));
    }
    let error = Error::usage(format!("no `{name}` is installed"));
    let all = store.list()?;
    let near = suggest::did_you_mean(name, all.iter().map(|stored| stored.name.as_str()));
    Ok(error.hint(near.unwrap_or_else(|| "bakery list".to_owned())))
}
