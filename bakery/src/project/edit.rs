//! Changes to a `Pie.toml` or `Cargo.toml` that keep its comments, order and spacing.

use toml_edit::{DocumentMut, TableLike, Value};

use crate::error::{Error, Result};

/// Sets string values, each by its dotted path: `[("package.name", "hello")]`. Tables on the way must exist.
///
/// # Errors
/// The text is not TOML, or a table is missing. `file_name` is what the error calls the file.
pub fn set_strings(text: &str, file_name: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|cause: toml_edit::TomlError| {
        Error::usage(format!("`{file_name}` is not valid TOML")).caused_by(cause)
    })?;
    for (path, value) in values {
        set_string(&mut document, path, value)
            .ok_or_else(|| Error::usage(format!("`{file_name}` has no place for `{path}`")))?;
    }
    Ok(document.to_string())
}

fn set_string(document: &mut DocumentMut, path: &str, value: &str) -> Option<()> {
    let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in tables.split('.').filter(|name| !name.is_empty()) {
        table = table.get_mut(name)?.as_table_like_mut()?;
    }
    let mut value = Value::from(value);
    match table.get_mut(key).and_then(|item| item.as_value_mut()) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => drop(table.insert(key, value.into())),
    }
    Some(())
}
