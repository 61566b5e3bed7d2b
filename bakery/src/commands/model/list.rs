//! `bakery model list`

use super::document::{EmbeddedModel, FetchedModel, ModelDocument, NamedModel, size};
use crate::environment::Environment;
use crate::error::Result;
use crate::models::embedded;
use crate::models::hub::{Hub, Kept};
use crate::project::models::ModelNames;
use crate::ui::Ui;

/// Prints a line for what is part of bakery, and for each name and each repository.
pub(super) fn run(env: &Environment, ui: &Ui) -> Result<()> {
    let names = ModelNames::find(env)?.names;
    let kept = Hub::of(env)?.kept()?;
    if ui.json() {
        let embedded = vec![EmbeddedModel { name: embedded::TINY.to_owned(), bytes: embedded::bytes() }];
        let names = names.into_iter().map(|(name, source)| NamedModel { name, source }).collect();
        let fetched =
            kept.into_iter().map(|Kept { spec, bytes }| FetchedModel { source: spec.to_string(), bytes });
        return ui.document(&ModelDocument::Models { embedded, names, fetched: fetched.collect() });
    }
    let sources: Vec<String> = kept.iter().map(|kept| kept.spec.to_string()).collect();
    let widest = names.keys().chain(&sources).map(String::len).max().unwrap_or(0).max(embedded::TINY.len());
    ui.line(format_args!("{:widest$}  {}, part of bakery", embedded::TINY, size(embedded::bytes())))?;
    for (name, source) in &names {
        ui.line(format_args!("{name:widest$}  {source}"))?;
    }
    for (source, kept) in sources.iter().zip(&kept) {
        ui.line(format_args!("{source:widest$}  {}", size(kept.bytes)))?;
    }
    Ok(())
}
