//! `bakery model list`

use super::document::{FetchedModel, ModelDocument, NamedModel, size};
use crate::environment::Environment;
use crate::error::Result;
use crate::models::hub::{Hub, Kept};
use crate::project::models::ModelNames;
use crate::ui::Ui;

/// Prints a line for each name and each repository.
pub(super) fn run(env: &Environment, ui: &Ui) -> Result<()> {
    let names = ModelNames::find(env)?.names;
    let kept = Hub::of(env)?.kept()?;
    if ui.json() {
        let names = names.into_iter().map(|(name, source)| NamedModel { name, source }).collect();
        let fetched =
            kept.into_iter().map(|Kept { spec, bytes }| FetchedModel { source: spec.to_string(), bytes });
        return ui.document(&ModelDocument::Models { names, fetched: fetched.collect() });
    }
    if names.is_empty() && kept.is_empty() {
        ui.status("Empty", "no model has a name, and none was fetched; `bakery model pull` does both");
    }
    let sources: Vec<String> = kept.iter().map(|kept| kept.spec.to_string()).collect();
    let widest = names.keys().chain(&sources).map(String::len).max().unwrap_or(0);
    for (name, source) in &names {
        ui.line(format_args!("{name:widest$}  {source}"))?;
    }
    for (source, kept) in sources.iter().zip(&kept) {
        ui.line(format_args!("{source:widest$}  {}", size(kept.bytes)))?;
    }
    Ok(())
}
