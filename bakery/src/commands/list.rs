//! `bakery list`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::Result;
use crate::store::{Store, Stored};
use crate::ui::Ui;

/// List the installed inferlets
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery list           Names and versions
  bakery list --json    Also where the components are")]
pub struct Args {}

/// What `bakery list --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "list")]
pub enum ListDocument {
    /// All there are, by name, versions rising.
    Inferlets {
        /// One for each version.
        inferlets: Vec<ListedInferlet>,
    },
}

/// An installed inferlet.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedInferlet {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where its component is, absolute.
    pub path: PathBuf,
}

/// Prints a line for each installed inferlet.
///
/// # Errors
/// The store cannot be read, or standard output is closed.
pub fn run(_args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let all = Store::of(env)?.list()?;
    if ui.json() {
        let listed =
            |Stored { name, version, path }| ListedInferlet { name, version: version.to_string(), path };
        return ui.document(&ListDocument::Inferlets { inferlets: all.into_iter().map(listed).collect() });
    }
    if all.is_empty() {
        ui.status("Empty", "nothing is installed; `bakery install` does it");
    }
    let widest = all.iter().map(|stored| stored.name.len()).max().unwrap_or(0);
    for Stored { name, version, .. } in all {
        ui.line(format_args!("{name:widest$}  {version}"))?;
    }
    Ok(())
}
