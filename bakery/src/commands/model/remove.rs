//! `bakery model remove`

use super::document::{ModelDocument, size};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::models::embedded;
use crate::models::hub::{Hub, HubSpec};
use crate::project::models::ModelNames;
use crate::suggest;
use crate::ui::Ui;

/// What is removed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A name, or `hf:owner/repo`
    #[arg(value_name = "NAME|hf:OWNER/REPO")]
    model: String,
}

/// Takes a name away, or removes what was fetched of a repository.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let source = args.model.clone();
    if source.starts_with("hf:") {
        let spec: HubSpec = source.parse().map_err(|reason: String| {
            Error::usage(format!("`{source}` is no repository")).caused_by(reason)
        })?;
        if spec.file.is_some() {
            let whole = HubSpec { file: None, ..spec };
            return Err(Error::usage("a repository is removed as a whole")
                .hint(format!("bakery model remove {whole}")));
        }
        let freed = Hub::of(env)?.remove(&spec)?;
        let bytes = freed.ok_or_else(|| {
            Error::usage(format!("nothing of `{spec}` was fetched")).hint("bakery model list")
        })?;
        return told(source, Some(bytes), ui);
    }
    if source == embedded::TINY {
        return Err(Error::usage(format!("`{source}` is part of bakery, and stays")));
    }
    let mut names = ModelNames::find(env)?;
    if !names.remove(&source)? {
        let near = suggest::did_you_mean(&source, names.names.keys().map(String::as_str));
        return Err(Error::usage(format!("no model has the name `{source}`"))
            .hint(near.unwrap_or_else(|| "bakery model list".to_owned())));
    }
    told(source, None, ui)
}

fn told(source: String, bytes: Option<u64>, ui: &Ui) -> Result<()> {
    if ui.json() {
        return ui.document(&ModelDocument::ModelRemoved { source, bytes });
    }
    match bytes {
        Some(bytes) => ui.status("Removed", format_args!("`{source}`, {}", size(bytes))),
        None => ui.status("Removed", format_args!("the name `{source}`")),
    }
    Ok(())
}
