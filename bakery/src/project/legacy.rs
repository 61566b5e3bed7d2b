//! Older forms of the manifest, recognised only to say precisely what to write instead.

use super::source::{Item, Table};
use crate::error::Result;

/// Refuses the tables of the first manifests, `[engine]` and `[interface]`, with the lines that replace them.
pub(super) fn check(root: &Table<'_>) -> Result<()> {
    if root.get("engine").is_some() {
        return Err(root
            .error_at_key("engine", "`[engine]` is from an older manifest", "no longer a table")
            .hint("write the interfaces it needs instead:\n[runtime]\ncore = \"^0.3\""));
    }
    let Some(interface) = root.get("interface") else { return Ok(()) };
    let error =
        root.error_at_key("interface", "`[interface]` is from an older manifest", "no longer a table");
    let lines = inputs(&interface).unwrap_or_default();
    if lines.is_empty() {
        return Err(error.hint("inputs are declared in `[parameters]`; outputs are not declared"));
    }
    Err(error.hint(format!(
        "write its inputs instead, and leave out its outputs:\n[parameters]\n{}",
        lines.join("\n")
    )))
}

/// One line of `[parameters]` for each input that can be read; `None` where there are none.
fn inputs(interface: &Item<'_>) -> Option<Vec<String>> {
    let inputs = interface.table().ok()?.get("inputs")?.array("inputs").ok()?;
    Some(inputs.iter().filter_map(|input| parameter(&input.table().ok()?)).collect())
}

fn parameter(input: &Table<'_>) -> Option<String> {
    let text = |key: &str| input.get(key).and_then(|item| item.string().ok());
    let mut fields = toml_edit::InlineTable::new();
    fields.insert("type", text("type")?.into());
    if input.get("optional").is_some_and(|item| item.boolean().unwrap_or(false)) {
        fields.insert("optional", true.into());
    }
    if let Some(description) = text("description") {
        fields.insert("description", description.into());
    }
    let key = toml_edit::Key::new(text("name")?);
    Some(format!("{key} = {fields}"))
}
