//! `bakery model pull`

use super::document::ModelDocument;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::models::hub::{Hub, Network};
use crate::models::{self, Found, Meaning};
use crate::project::models::ModelNames;
use crate::ui::Ui;

/// What is fetched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `hf:owner/repo`, with `@revision` and `:file` or without; a name; or a path, to give it a name
    #[arg(value_name = "MODEL")]
    model: String,
    /// A name for it, for `--model`
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Ask no server: what is here has to do
    #[arg(long)]
    offline: bool,
}

/// Fetches a model, and looks whether it can be opened before it gets a name.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let (name, meaning) = models::meaning(&args.model, &[], env)?;
    let (path, source) = match meaning {
        Meaning::Embedded => {
            let error = Error::usage(format!("`{name}` is part of bakery: there is nothing to fetch"));
            return Err(error.hint(format!("bakery run INFERLET --model {name}")));
        }
        Meaning::Path(path) if args.name.is_none() => {
            let error = Error::usage(format!("`{}` is here already", path.display()));
            return Err(error.hint(format!("bakery model pull {} --name NAME", args.model)));
        }
        Meaning::Path(path) => (path.clone(), path.display().to_string()),
        Meaning::Hub(spec) => {
            let network = if args.offline { Network::Never } else { Network::Fresh };
            (Hub::of(env)?.find(&spec, network, &*ui.progress())?, spec.to_string())
        }
    };
    models::open(&Found { name: args.name.clone().unwrap_or(name), path: Some(path.clone()) }, env)?;
    if let Some(name) = &args.name {
        ModelNames::find(env)?.set(name, &source)?;
    }
    if ui.json() {
        return ui.document(&ModelDocument::ModelPulled { source, path, name: args.name.clone() });
    }
    match &args.name {
        Some(name) => ui.status("Named", format_args!("`{source}`: `{name}`")),
        None => ui.status("Pulled", format_args!("`{source}`")),
    }
    Ok(())
}
