//! The keywords of JSON Schema that can be enforced.

/// What stands behind a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A schema.
    Schema,
    /// A list of schemas, not empty.
    Schemas,
    /// Schemas by name.
    SchemaMap,
    /// Schemas by regular expression.
    PatternMap,
    /// A schema or, before 2020-12, a list of schemas.
    Items,
    /// An integer from 0.
    Count,
    /// A number.
    Number,
    /// A regular expression.
    Pattern,
    /// The name of a format.
    Format,
    /// A type, or a list of types.
    Types,
    /// A list of strings.
    Names,
    /// A list of values.
    Values,
    /// A value.
    Value,
    /// A reference within the schema.
    Reference,
}

/// Keywords, in the order in which the library shall see them: it evaluates in order, and needs all that is said of an object or
/// array before the first of those that combine schemas.
pub(super) const KEYWORDS: [(&str, Shape); 29] = [
    ("$defs", Shape::SchemaMap),
    ("definitions", Shape::SchemaMap),
    ("type", Shape::Types),
    ("prefixItems", Shape::Schemas),
    ("items", Shape::Items),
    ("additionalItems", Shape::Schema),
    ("minItems", Shape::Count),
    ("maxItems", Shape::Count),
    ("properties", Shape::SchemaMap),
    ("patternProperties", Shape::PatternMap),
    ("additionalProperties", Shape::Schema),
    ("required", Shape::Names),
    ("minProperties", Shape::Count),
    ("maxProperties", Shape::Count),
    ("minLength", Shape::Count),
    ("maxLength", Shape::Count),
    ("pattern", Shape::Pattern),
    ("format", Shape::Format),
    ("minimum", Shape::Number),
    ("maximum", Shape::Number),
    ("exclusiveMinimum", Shape::Number),
    ("exclusiveMaximum", Shape::Number),
    ("multipleOf", Shape::Number),
    ("const", Shape::Value),
    ("enum", Shape::Values),
    ("$ref", Shape::Reference),
    ("allOf", Shape::Schemas),
    ("anyOf", Shape::Schemas),
    ("oneOf", Shape::Schemas),
];

/// Keywords that say nothing about what is valid. So do those that begin with `x-`.
const ANNOTATIONS: [&str; 14] = [
    "$anchor",
    "$comment",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

/// The types of JSON, and the integers among the numbers.
pub(super) const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// Whether a keyword says nothing about what is valid. `x-guidance` is the library's own, and does.
pub(super) fn is_annotation(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword) || (keyword.starts_with("x-") && keyword != "x-guidance")
}

/// What stands behind a keyword; none for one that cannot be enforced.
pub(super) fn shape(keyword: &str) -> Option<Shape> {
    KEYWORDS.iter().find(|(name, _)| *name == keyword).map(|(_, shape)| *shape)
}

/// The place of a keyword in [`KEYWORDS`].
pub(super) fn rank(keyword: &str) -> usize {
    KEYWORDS.iter().position(|(name, _)| *name == keyword).unwrap_or(KEYWORDS.len())
}
