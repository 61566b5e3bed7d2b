//! How a parameter is declared in a manifest: `name = "string"`, or `name = { type = "string", default = "World" }`.

use serde_json::Value;

use super::{Parameter, Pattern, Type, value};
use crate::error::{Error, Result};
use crate::project::name::check_parameter_name;
use crate::project::source::{Item, Table};
use crate::suggest;

/// The types that can be written, each with the keys that go with it and no other. `[]` behind a type makes it a list.
const TYPES: [(&str, &[&str]); 4] = [
    ("string", &["values", "min-length", "max-length", "pattern"]),
    ("int", &["min", "max"]),
    ("float", &["min", "max"]),
    ("bool", &[]),
];

/// The keys that go with every type.
const COMMON_KEYS: [&str; 4] = ["type", "default", "optional", "description"];

/// The keys that go with every list.
const LIST_KEYS: [&str; 2] = ["min-items", "max-items"];

/// What the types are called elsewhere.
const FOREIGN_TYPES: [(&str, &str); 17] = [
    ("str", "string"),
    ("text", "string"),
    ("char", "string"),
    ("integer", "int"),
    ("i32", "int"),
    ("i64", "int"),
    ("u32", "int"),
    ("u64", "int"),
    ("usize", "int"),
    ("long", "int"),
    ("number", "float"),
    ("double", "float"),
    ("f32", "float"),
    ("f64", "float"),
    ("boolean", "bool"),
    ("array", "string[]"),
    ("list", "string[]"),
];

/// Reads `[parameters]`.
pub(in crate::project) fn declare(table: &Table<'_>) -> Result<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for (name, item) in table.items() {
        check_parameter_name(name).map_err(|flaw| {
            let error =
                table.error_at_key(name, format!("`{name}` is not a name for a parameter"), &flaw.reason);
            match flaw.suggestion {
                Some(suggestion) => error.hint(format!("did you mean `{suggestion}`?")),
                None => error,
            }
        })?;
        let parameter = if item.is_string() { short(name, &item) } else { long(name, &item) }?;
        if let Some(twin) = parameters.iter().find(|other| other.flag() == parameter.flag()) {
            let message = format!("`{name}` and `{}` are the same on a command line", twin.name);
            return Err(table.error_at_key(name, message, format!("both are `{}`", twin.flag())));
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

/// A type as written: one of [`TYPES`], and whether `[]` follows.
#[derive(Clone, Copy)]
struct Written {
    scalar: &'static str,
    keys: &'static [&'static str],
    is_list: bool,
}

const STRING: Written = Written { scalar: TYPES[0].0, keys: TYPES[0].1, is_list: false };

impl Written {
    fn read(item: &Item<'_>) -> Result<Self> {
        let name = item.string()?;
        let (scalar, is_list) = name.strip_suffix("[]").map_or((name, false), |scalar| (scalar, true));
        match TYPES.iter().find(|(known, _)| *known == scalar) {
            Some((scalar, keys)) => Ok(Written { scalar, keys, is_list }),
            None => Err(unknown_type(item, name)),
        }
    }
}

fn unknown_type(item: &Item<'_>, name: &str) -> Error {
    let error = item.error(format!("unknown type `{}`", name.escape_debug()), "not a type of a parameter");
    let foreign = FOREIGN_TYPES.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(name));
    let known = TYPES.iter().map(|(known, _)| *known);
    let meant = foreign.map(|(_, ours)| *ours).or_else(|| suggest::nearest(name, known));
    error.hint(match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "the types are `string`, `int`, `float` and `bool`, and lists of them such as `string[]`"
            .to_owned(),
    })
}

/// `name = "string"`
fn short(name: &str, item: &Item<'_>) -> Result<Parameter> {
    let written = Written::read(item)?;
    let kind = listed(plain(written), written, (None, None));
    Ok(Parameter { name: name.to_owned(), kind, default: None, optional: false, description: None })
}

/// `name = { type = "string", … }`
fn long(name: &str, item: &Item<'_>) -> Result<Parameter> {
    let table = item.table().map_err(|error| not_a_declaration(name, item, error))?;
    let known: Vec<_> =
        TYPES.iter().flat_map(|(_, keys)| *keys).chain(&COMMON_KEYS).chain(&LIST_KEYS).copied().collect();
    table.allow(&known)?;
    let written = match table.get("type") {
        None if table.get("values").is_some() => STRING,
        _ => Written::read(&table.require("type")?)?,
    };
    refuse_foreign_keys(&table, written)?;
    let kind = scalar(&table, written)?;
    let kind = listed(kind, written, limits(&table, "min-items", "max-items", Item::unsigned)?);
    Ok(Parameter {
        name: name.to_owned(),
        default: table.read("default", |item| default(name, &kind, item))?,
        kind,
        optional: table.get("optional").map_or(Ok(false), |item| item.boolean())?,
        description: table.read("description", Item::non_empty_string)?,
    })
}

/// `count = 3` is most likely meant as a default.
fn not_a_declaration(name: &str, item: &Item<'_>, error: Error) -> Error {
    let scalar = match item.json() {
        Ok(Value::Bool(_)) => "bool",
        Ok(Value::Number(number)) if number.is_f64() => "float",
        Ok(Value::Number(_)) => "int",
        _ => return error,
    };
    error.hint(format!(
        "for a default, write `{name} = {{ type = \"{scalar}\", default = {} }}`",
        item.written()
    ))
}

/// Refuses keys that belong to another type, such as `pattern` beside `int`.
fn refuse_foreign_keys(table: &Table<'_>, written: Written) -> Result<()> {
    let lists: &[&str] = if written.is_list { &LIST_KEYS } else { &[] };
    let fits = |key: &str| COMMON_KEYS.contains(&key) || written.keys.contains(&key) || lists.contains(&key);
    let Some((key, _)) = table.items().find(|(key, _)| !fits(key)) else { return Ok(()) };
    let suffix = if written.is_list { "[]" } else { "" };
    let message = format!("`{key}` does not go with `{}{suffix}`", written.scalar);
    let error = table.error_at_key(key, message, "not a key of this type");
    let keys: Vec<_> = written.keys.iter().chain(lists).map(|key| format!("`{key}`")).collect();
    Err(match keys.as_slice() {
        [] => error,
        keys => error.hint(format!("with this type go {}", value::listed(keys, "and"))),
    })
}

/// The type with its limits, of one item where it is a list.
fn scalar(table: &Table<'_>, written: Written) -> Result<Type> {
    match written.scalar {
        "int" => {
            let (min, max) = limits(table, "min", "max", Item::int)?;
            Ok(Type::Int { min, max })
        }
        "float" => {
            let (min, max) = limits(table, "min", "max", Item::float)?;
            Ok(Type::Float { min, max })
        }
        "string" => string(table),
        _ => Ok(plain(written)),
    }
}

fn string(table: &Table<'_>) -> Result<Type> {
    let Some(values) = table.get("values") else {
        let (min_length, max_length) = limits(table, "min-length", "max-length", Item::unsigned)?;
        let pattern = table.read("pattern", pattern)?;
        return Ok(Type::String { min_length, max_length, pattern });
    };
    if let Some(key) = STRING.keys.iter().find(|key| **key != "values" && table.get(key).is_some()) {
        return Err(table.error_at_key(
            key,
            format!("`{key}` does not go with `values`"),
            "the values say it all",
        ));
    }
    match values.strings()? {
        list if list.is_empty() => {
            Err(values.error(format!("`{}` is empty", values.path), "expected at least one value"))
        }
        values => Ok(Type::Enum { values }),
    }
}

fn pattern(item: &Item<'_>) -> Result<Pattern> {
    Pattern::new(item.string()?).map_err(|cause| {
        let reason = cause.to_string();
        // The crate draws the expression with a caret of its own over several lines; the last one says what is wrong.
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        item.error(format!("`{}` is not a regular expression", item.path), reason)
    })
}

/// The type without limits.
fn plain(written: Written) -> Type {
    match written.scalar {
        "int" => Type::INT,
        "float" => Type::FLOAT,
        "bool" => Type::Bool,
        _ => Type::STRING,
    }
}

fn listed(item: Type, written: Written, (min_items, max_items): (Option<u64>, Option<u64>)) -> Type {
    if written.is_list { Type::Array { items: Box::new(item), min_items, max_items } } else { item }
}

/// A lower and an upper limit, which must leave something between them.
fn limits<'a, T: PartialOrd>(
    table: &Table<'a>,
    min: &str,
    max: &str,
    read: impl Fn(&Item<'a>) -> Result<T>,
) -> Result<(Option<T>, Option<T>)> {
    let low = table.read(min, &read)?;
    let high = table.read(max, &read)?;
    match (&low, &high) {
        (Some(least), Some(most)) if least > most => {
            Err(table.error_at_key(min, format!("`{min}` is more than `{max}`"), "leaves no value"))
        }
        _ => Ok((low, high)),
    }
}

fn default(name: &str, kind: &Type, item: &Item<'_>) -> Result<Value> {
    kind.accept(&item.json()?).map_err(|mismatch| {
        let what = format!("the default of `{name}`");
        mismatch.error(&what).at(item.place("not a value of this parameter"))
    })
}
