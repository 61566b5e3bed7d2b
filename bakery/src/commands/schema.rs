//! `bakery schema`

use schemars::JsonSchema;
use serde::Serialize;

use crate::documents::{PUBLISHED, Published};
use crate::error::{Error, Result};
use crate::ui::Ui;

/// Print the JSON Schema of what `--json` prints
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery schema             List the schemas
  bakery schema run         The documents of `bakery run --json`, one a line
  bakery schema error       The last document of any command that failed")]
pub struct Args {
    /// Which schema; all are listed without it
    pub name: Option<String>,
}

/// What `bakery schema --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "schemas")]
pub enum SchemasDocument {
    /// The schemas there are.
    Schemas {
        /// What to give to `bakery schema`.
        names: Vec<&'static str>,
    },
}

/// Prints one schema, or the list.
///
/// # Errors
/// There is no such schema, or standard output is closed.
pub fn run(args: &Args, ui: &Ui) -> Result<()> {
    let Some(name) = &args.name else {
        return list(ui);
    };
    let Some(published) = PUBLISHED.iter().find(|published| published.name == name) else {
        let names: Vec<_> = PUBLISHED.iter().map(|published| format!("`{}`", published.name)).collect();
        return Err(Error::usage(format!("there is no schema `{name}`, only {}", names.join(", ")))
            .hint("bakery schema"));
    };
    let schema = (published.schema)();
    if ui.json() {
        return ui.document(&schema);
    }
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Error::bug("a schema cannot be written as JSON").caused_by(error))?;
    ui.line(text)
}

fn list(ui: &Ui) -> Result<()> {
    if ui.json() {
        let names = PUBLISHED.iter().map(|published| published.name).collect();
        return ui.document(&SchemasDocument::Schemas { names });
    }
    let widest = PUBLISHED.iter().map(|published| published.name.len()).max().unwrap_or(0);
    let strong = ui.stdout().theme().strong;
    for Published { name, about, .. } in PUBLISHED {
        ui.line(format_args!("{strong}{name:widest$}{strong:#}  {about}"))?;
    }
    Ok(())
}
