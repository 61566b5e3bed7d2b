//! Parameters as JSON Schema, for programs that call inferlets; and the declaration's own schema, for editors of `Pie.toml`.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{Parameter, Type};

/// The JSON Schema (draft 2020-12) of an inferlet's input. Without `[parameters]` any input will do.
pub fn json_schema(parameters: Option<&[Parameter]>) -> Value {
    let Some(parameters) = parameters else { return Value::Bool(true) };
    let properties: Map<_, _> = parameters.iter().map(|p| (p.name.clone(), property(p))).collect();
    let required: Vec<_> = parameters.iter().filter(|p| p.is_required()).map(|p| p.name.as_str()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(parameter: &Parameter) -> Value {
    let mut schema = of_type(&parameter.kind);
    set(&mut schema, "description", parameter.description.as_deref());
    set(&mut schema, "default", parameter.default.clone());
    Value::Object(schema)
}

fn of_type(kind: &Type) -> Map<String, Value> {
    let mut schema = Map::new();
    let name = match kind {
        Type::String { min_length, max_length, pattern } => {
            set(&mut schema, "minLength", *min_length);
            set(&mut schema, "maxLength", *max_length);
            set(&mut schema, "pattern", pattern.as_ref().map(|pattern| pattern.anchored()));
            "string"
        }
        Type::Int { min, max } => {
            set(&mut schema, "minimum", *min);
            set(&mut schema, "maximum", *max);
            "integer"
        }
        Type::Float { min, max } => {
            set(&mut schema, "minimum", *min);
            set(&mut schema, "maximum", *max);
            "number"
        }
        Type::Bool => "boolean",
        Type::Enum { values } => {
            set(&mut schema, "enum", Some(values.clone()));
            "string"
        }
        Type::Array { items, min_items, max_items } => {
            set(&mut schema, "items", Some(Value::Object(of_type(items))));
            set(&mut schema, "minItems", *min_items);
            set(&mut schema, "maxItems", *max_items);
            "array"
        }
    };
    schema.shift_insert(0, "type".to_owned(), Value::from(name));
    schema
}

fn set(schema: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        schema.insert(key.to_owned(), value.into());
    }
}

/// A parameter as it is written in `Pie.toml`.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Declaration {
    /// The type alone; the parameter is required.
    Short(TypeName),
    /// The type and more.
    Long(Box<LongDeclaration>),
}

/// The type of a parameter; `[]` makes a list of it.
#[derive(JsonSchema)]
#[schemars(extend("enum" = ["string", "int", "float", "bool", "string[]", "int[]", "float[]", "bool[]"]))]
#[schemars(transparent)]
pub struct TypeName(#[allow(dead_code, reason = "only its schema is used")] String);

/// A parameter with more than its type.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct LongDeclaration {
    /// The type; `string` where `values` are given.
    r#type: Option<TypeName>,
    /// The value when none is given.
    default: Option<Value>,
    /// Whether it may be left out although it has no default.
    optional: Option<bool>,
    /// One line for `--help`.
    description: Option<String>,
    /// The strings that are allowed.
    values: Option<Vec<String>>,
    /// Least number.
    min: Option<f64>,
    /// Greatest number.
    max: Option<f64>,
    /// Fewest characters.
    min_length: Option<u64>,
    /// Most characters.
    max_length: Option<u64>,
    /// A regular expression that the whole text matches.
    pattern: Option<String>,
    /// Fewest items of a list.
    min_items: Option<u64>,
    /// Most items of a list.
    max_items: Option<u64>,
}
