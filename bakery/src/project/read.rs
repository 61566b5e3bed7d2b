//! From TOML to [`Manifest`], one function per table. Each says which keys it knows and what is wrong with a value.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

use super::interface::{INTERFACES, version_of};
use super::name::check_package_name;
use super::parameters;
use super::source::{Item, Source, Table};
use super::{
    Build, Dependency, Interpreter, Language, Manifest, Package, Permissions, case, legacy, permission,
};
use crate::error::{Error, Result};
use crate::suggest;

/// Reads a whole manifest.
pub(super) fn manifest(text: &str, file: &str) -> Result<Manifest> {
    let source = Source { file, text, noun: "a manifest" };
    let document = source.parse()?;
    let root = Table::root(source, &document);
    legacy::check(&root)?;
    root.allow(&["package", "runtime", "parameters", "dependencies", "permissions", "build", "test"])?;
    let parameters = root.get("parameters").map(|item| parameters::declare(&item.table()?)).transpose()?;
    Ok(Manifest {
        package: package(&root.get("package").ok_or_else(|| no_package(&root))?.table()?)?,
        runtime: optional(&root, "runtime", runtime)?,
        dependencies: optional(&root, "dependencies", dependencies)?,
        permissions: optional(&root, "permissions", permissions)?,
        build: optional(&root, "build", build)?,
        tests: root
            .get("test")
            .map(|item| case::read::tests(&item, parameters.as_deref()))
            .transpose()?
            .unwrap_or_default(),
        parameters,
    })
}

fn no_package(root: &Table<'_>) -> Error {
    root.error("the manifest lacks `[package]`", "nothing says what the inferlet is called")
        .hint("begin with\n[package]\nname = \"hello\"\nversion = \"0.1.0\"")
}

/// Reads a table that may be missing.
fn optional<T: Default>(root: &Table<'_>, key: &str, read: impl Fn(&Table<'_>) -> Result<T>) -> Result<T> {
    root.get(key).map_or_else(|| Ok(T::default()), |item| read(&item.table()?))
}

fn strings(table: &Table<'_>, key: &str) -> Result<Vec<String>> {
    Ok(table.read(key, Item::strings)?.unwrap_or_default())
}

fn package(table: &Table<'_>) -> Result<Package> {
    table.allow(&[
        "name",
        "version",
        "description",
        "authors",
        "license",
        "repository",
        "readme",
        "keywords",
    ])?;
    Ok(Package {
        name: name(&table.require("name")?)?,
        version: version(&table.require("version")?)?,
        description: table.read("description", Item::non_empty_string)?,
        authors: strings(table, "authors")?,
        license: table.read("license", Item::non_empty_string)?,
        repository: table.read("repository", Item::non_empty_string)?,
        readme: table.read("readme", Item::relative_path)?,
        keywords: strings(table, "keywords")?,
    })
}

pub(super) fn name(item: &Item<'_>) -> Result<String> {
    let name = item.non_empty_string()?;
    check_package_name(&name).map_err(|flaw| {
        let error =
            item.error(format!("`{}` is not a name for an inferlet", name.escape_debug()), flaw.reason);
        with_suggestion(error, flaw.suggestion)
    })?;
    Ok(name)
}

fn with_suggestion(error: Error, suggestion: Option<String>) -> Error {
    match suggestion {
        Some(suggestion) => error.hint(format!("did you mean `{suggestion}`?")),
        None => error,
    }
}

fn version(item: &Item<'_>) -> Result<Version> {
    let text = item.string()?;
    Version::parse(text).map_err(|cause| {
        let error = item.error(format!("`{}` is not a version", text.escape_debug()), cause.to_string());
        let plain = text.trim().trim_start_matches(['v', 'V']);
        let padded = [plain.to_owned(), format!("{plain}.0"), format!("{plain}.0.0")];
        let meant = padded.into_iter().find(|candidate| Version::parse(candidate).is_ok());
        match meant {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint("a version has three numbers, such as `0.1.0`"),
        }
    })
}

fn range(item: &Item<'_>) -> Result<VersionReq> {
    let text = item.string()?;
    VersionReq::parse(text).map_err(|cause| {
        item.error(format!("`{}` is not a range of versions", text.escape_debug()), cause.to_string())
            .hint("for example `^0.3`, `>=0.3, <0.5` or `*`")
    })
}

fn runtime(table: &Table<'_>) -> Result<BTreeMap<String, VersionReq>> {
    let mut ranges = BTreeMap::new();
    for (interface, item) in table.items() {
        let Some(ours) = version_of(interface) else { return Err(unknown_interface(table, interface)) };
        let range = range(&item)?;
        if !range.matches(ours) {
            let message = format!("the inferlet needs `{interface}` {range}, and this engine has {ours}");
            return Err(item
                .error(message, format!("does not take in {ours}"))
                .hint(format!("if it works with {ours} too, write `{interface} = \"^{ours}\"`")));
        }
        ranges.insert(interface.to_owned(), range);
    }
    Ok(ranges)
}

fn unknown_interface(table: &Table<'_>, interface: &str) -> Error {
    let error = table.error_at_key(
        interface,
        format!("there is no interface `{interface}`"),
        "not an interface of this engine",
    );
    let names = || INTERFACES.iter().map(|(name, _)| *name);
    let bare = interface.strip_prefix("pie:").unwrap_or(interface);
    let all = || {
        format!(
            "the interfaces are {}",
            names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    };
    error.hint(suggest::did_you_mean(bare, names()).unwrap_or_else(all))
}

fn dependencies(table: &Table<'_>) -> Result<BTreeMap<String, Dependency>> {
    let mut dependencies = BTreeMap::new();
    for (name, item) in table.items() {
        check_package_name(name).map_err(|flaw| {
            let error =
                table.error_at_key(name, format!("`{name}` is not a name of an inferlet"), flaw.reason);
            with_suggestion(error, flaw.suggestion)
        })?;
        dependencies.insert(name.to_owned(), dependency(&item)?);
    }
    Ok(dependencies)
}

fn dependency(item: &Item<'_>) -> Result<Dependency> {
    if item.is_string() {
        return Ok(Dependency { version: range(item)?, path: None });
    }
    let table = item.table()?;
    table.allow(&["version", "path"])?;
    let path = table.read("path", Item::non_empty_string)?;
    let version = match &path {
        Some(_) => table.read("version", range)?.unwrap_or(VersionReq::STAR),
        None => range(&table.require("version")?)?,
    };
    Ok(Dependency { version, path })
}

fn permissions(table: &Table<'_>) -> Result<Permissions> {
    table.allow(&["network", "scratch", "environment"])?;
    Ok(Permissions {
        network: checked_strings(table, "network", "a host", permission::check_host)?,
        scratch_bytes: table.read("scratch", size)?,
        environment: checked_strings(table, "environment", "an environment variable", |name| {
            if permission::is_variable(name) {
                Ok(())
            } else {
                Err("expected letters, digits and `_`".to_owned())
            }
        })?,
    })
}

/// Strings that each pass a check.
fn checked_strings(
    table: &Table<'_>,
    key: &str,
    what: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>> {
    let Some(list) = table.get(key) else { return Ok(Vec::new()) };
    for item in list.array("an array of strings")? {
        let text = item.string()?;
        check(text)
            .map_err(|reason| item.error(format!("`{}` is not {what}", text.escape_debug()), reason))?;
    }
    list.strings()
}

pub(super) fn size(item: &Item<'_>) -> Result<u64> {
    let text = if item.is_string() {
        item.string()?
    } else {
        return Err(item.mistyped("a size such as \"64 MiB\""));
    };
    permission::parse_size(text).ok_or_else(|| {
        item.error(format!("`{}` is not a size", text.escape_debug()), "expected a whole number and a unit")
            .hint("the units are `B`, `kB`, `KiB`, `MB`, `MiB`, `GB` and `GiB`")
    })
}

fn build(table: &Table<'_>) -> Result<Build> {
    table.allow(&["language", "profile", "features", "default-features", "package", "entry", "engine"])?;
    Ok(Build {
        language: table.read("language", language)?,
        profile: table.read("profile", Item::non_empty_string)?,
        features: strings(table, "features")?,
        default_features: table.read("default-features", Item::boolean)?.unwrap_or(true),
        package: table.read("package", Item::non_empty_string)?,
        entry: table.read("entry", Item::relative_path)?,
        engine: table.read("engine", engine)?,
    })
}

fn engine(item: &Item<'_>) -> Result<Interpreter> {
    let text = item.string()?;
    Interpreter::from_name(text).ok_or_else(|| {
        let error =
            item.error(format!("unknown engine `{}`", text.escape_debug()), "not an engine of JavaScript");
        let names = Interpreter::ALL.map(Interpreter::name);
        error.hint(suggest::did_you_mean(text, names).unwrap_or_else(|| {
            format!("the engines are {}", names.map(|name| format!("`{name}`")).join(" and "))
        }))
    })
}

fn language(item: &Item<'_>) -> Result<Language> {
    let text = item.string()?;
    Language::from_name(text).ok_or_else(|| {
        let error =
            item.error(format!("unknown language `{}`", text.escape_debug()), "not a language of inferlets");
        let names = Language::ALL.map(Language::name);
        error.hint(suggest::did_you_mean(text, names).unwrap_or_else(|| {
            format!("the languages are {}", names.map(|name| format!("`{name}`")).join(", "))
        }))
    })
}
