//! The parameters of `main`: from the schema that a program exports, or from the type of what `main` takes, with its comments.
//!
//! ```ts
//! export const parameters = { name: { type: "string", default: "world" } };       // as in `[parameters]`, or a JSON Schema of an object
//! export async function main({ name = "world" }: { name?: string }) { … }         // or from this
//! ```

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ArrayExpressionElement, ArrowFunctionExpression, BindingPattern, Declaration, Expression,
    FormalParameter, FormalParameters, Function, ObjectPropertyKind, Program, PropertyKey, Statement,
    TSLiteral, TSSignature, TSType, TSTypeName, UnaryOperator, VariableDeclaration,
};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};
use serde_json::{Map, Value};
use toml_edit::Table;

use super::package;
use crate::project::parameters::{Parameter, Type};

/// What is known of a program from its source.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// What it takes.
    pub declared: Declared,
    /// The first paragraph about `main`.
    pub description: Option<String>,
}

/// What a source says of what its program takes.
#[derive(Clone, Debug, Default)]
pub enum Declared {
    /// Nothing that a manifest could say.
    #[default]
    Nothing,
    /// What its types come to.
    Inferred(Vec<Parameter>),
    /// What it exports as `parameters`.
    Exported(Table),
}

/// Reads a source. One with mistakes, or without a `main`, says nothing.
pub fn read(file: &Path, text: &str) -> Entry {
    let allocator = Allocator::default();
    let kind = SourceType::from_path(file).unwrap_or_else(|_| SourceType::mjs()).with_module(true);
    let parsed = Parser::new(&allocator, text, kind).parse();
    if parsed.diagnostics.has_errors() {
        return Entry::default();
    }
    let source = Source { program: &parsed.program, text };
    let Some(main) = source.main() else { return Entry::default() };
    let comment = source.comment(main.span);
    let description = comment.as_deref().map(summary).filter(|text| !text.is_empty());
    let declared = match source.exported() {
        Some(table) => Declared::Exported(table),
        None => source.inferred(&main, comment.as_deref()).map_or(Declared::Nothing, Declared::Inferred),
    };
    Entry { declared, description }
}

/// The function `main`.
struct Main<'s, 'a> {
    /// Of the statement, which comments stand before.
    span: Span,
    parameters: &'s FormalParameters<'a>,
}

struct Source<'s, 'a> {
    program: &'s Program<'a>,
    text: &'s str,
}

/// A field of the input, as it is written.
struct Field<'s, 'a> {
    name: String,
    kind: &'s TSType<'a>,
    optional: bool,
    span: Span,
}

impl<'s, 'a> Source<'s, 'a> {
    /// Statements of the module, without `export`.
    fn declarations(&self) -> impl Iterator<Item = (Span, Found<'s, 'a>)> {
        self.program.body.iter().filter_map(|statement| {
            let found = match statement {
                Statement::ExportDeclaration(export) => match &export.declaration {
                    Declaration::FunctionDeclaration(function) => Found::Function(function),
                    Declaration::VariableDeclaration(variables) => Found::Variables(variables),
                    Declaration::TSInterfaceDeclaration(interface) => {
                        Found::Members(interface.id.name.as_str(), &interface.body.body)
                    }
                    Declaration::TSTypeAliasDeclaration(alias) => {
                        Found::Type(alias.id.name.as_str(), &alias.type_annotation)
                    }
                    _ => return None,
                },
                Statement::FunctionDeclaration(function) => Found::Function(function),
                Statement::VariableDeclaration(variables) => Found::Variables(variables),
                Statement::TSInterfaceDeclaration(interface) => {
                    Found::Members(interface.id.name.as_str(), &interface.body.body)
                }
                Statement::TSTypeAliasDeclaration(alias) => {
                    Found::Type(alias.id.name.as_str(), &alias.type_annotation)
                }
                _ => return None,
            };
            Some((statement.span(), found))
        })
    }

    fn main(&self) -> Option<Main<'s, 'a>> {
        self.declarations().find_map(|(span, found)| {
            let parameters = match found {
                Found::Function(function) if function.id.as_ref()?.name == "main" => &function.params,
                Found::Variables(variables) => parameters_of(initializer(variables, "main")?)?,
                _ => return None,
            };
            Some(Main { span, parameters })
        })
    }

    /// What is exported as `parameters`: the table of a manifest, or a JSON Schema of an object.
    fn exported(&self) -> Option<Table> {
        let value = self.declarations().find_map(|(_, found)| match found {
            Found::Variables(variables) => initializer(variables, "parameters"),
            _ => None,
        })?;
        let Value::Object(object) = literal(value)? else { return None };
        match object.get("properties") {
            Some(Value::Object(properties)) if object.get("type") == Some(&"object".into()) => {
                package::table(&of_schema(properties, object.get("required")))
            }
            _ => package::table(&object),
        }
    }

    fn inferred(&self, main: &Main<'s, 'a>, comment: Option<&str>) -> Option<Vec<Parameter>> {
        if main.parameters.rest.is_some() {
            return None;
        }
        let parameter = match main.parameters.items.as_slice() {
            [] => return Some(Vec::new()),
            [only] => only,
            _ => return None,
        };
        let defaults = defaults(parameter);
        let parameters = match &parameter.type_annotation {
            Some(annotation) => self.of_type(&annotation.type_annotation)?,
            None => of_comment(comment?)?,
        };
        let with_default = |mut parameter: Parameter| {
            let default = defaults.iter().find(|(name, _)| *name == parameter.name);
            if let Some((_, value)) = default {
                parameter.default = value.as_ref().and_then(|value| parameter.accept(value).ok());
                parameter.optional = parameter.default.is_none();
            }
            parameter
        };
        Some(parameters.into_iter().map(with_default).collect())
    }

    fn of_type(&self, kind: &TSType<'a>) -> Option<Vec<Parameter>> {
        let fields = self.fields(kind)?;
        fields
            .into_iter()
            .map(|field| {
                let (kind, optional) = self.kind(field.kind)?;
                let description =
                    self.comment(field.span).map(|text| summary(&text)).filter(|text| !text.is_empty());
                Some(Parameter {
                    name: field.name,
                    kind,
                    default: None,
                    optional: optional || field.optional,
                    description,
                })
            })
            .collect()
    }

    /// The fields of a type that is written here.
    fn fields<'t>(&self, kind: &'t TSType<'a>) -> Option<Vec<Field<'t, 'a>>>
    where
        's: 't,
    {
        match kind {
            TSType::TSTypeLiteral(literal) => fields(&literal.members),
            TSType::TSParenthesizedType(inner) => self.fields(&inner.type_annotation),
            TSType::TSTypeReference(reference) if reference.type_arguments.is_none() => {
                let TSTypeName::IdentifierReference(name) = &reference.type_name else { return None };
                match self.named(name.name.as_str())? {
                    Found::Members(_, members) => fields(members),
                    Found::Type(_, TSType::TSTypeLiteral(literal)) => fields(&literal.members),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn named(&self, wanted: &str) -> Option<Found<'s, 'a>> {
        self.declarations().find_map(|(_, found)| match found {
            Found::Members(name, _) | Found::Type(name, _) if name == wanted => Some(found),
            _ => None,
        })
    }

    /// A type as one of a manifest's, and whether it may be missing.
    fn kind(&self, kind: &TSType<'a>) -> Option<(Type, bool)> {
        let plain = |kind: Type| Some((kind, false));
        match kind {
            TSType::TSStringKeyword(_) => plain(Type::STRING),
            TSType::TSNumberKeyword(_) => plain(Type::FLOAT),
            TSType::TSBooleanKeyword(_) => plain(Type::Bool),
            TSType::TSParenthesizedType(inner) => self.kind(&inner.type_annotation),
            TSType::TSArrayType(array) => self.list(&array.element_type),
            TSType::TSTypeOperatorType(operator) => self.kind(&operator.type_annotation),
            TSType::TSLiteralType(_) => plain(Type::Enum { values: vec![text_of(kind)?] }),
            TSType::TSUnionType(union) => {
                let is_nothing = |kind: &&TSType<'_>| {
                    matches!(kind, TSType::TSUndefinedKeyword(_) | TSType::TSNullKeyword(_))
                };
                let (nothing, others): (Vec<_>, Vec<_>) = union.types.iter().partition(is_nothing);
                let kind = match others.as_slice() {
                    [one] => self.kind(one)?.0,
                    many => {
                        Type::Enum { values: many.iter().map(|kind| text_of(kind)).collect::<Option<_>>()? }
                    }
                };
                Some((kind, !nothing.is_empty()))
            }
            TSType::TSTypeReference(reference) => {
                let TSTypeName::IdentifierReference(name) = &reference.type_name else { return None };
                match (name.name.as_str(), &reference.type_arguments) {
                    ("Array" | "ReadonlyArray", Some(arguments)) => self.list(arguments.params.first()?),
                    (name, None) => match self.named(name)? {
                        // What refers to itself is no scalar, and would never end.
                        Found::Type(_, kind) if !matches!(kind, TSType::TSTypeReference(_)) => {
                            self.kind(kind)
                        }
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn list(&self, items: &TSType<'a>) -> Option<(Type, bool)> {
        let (items, optional) = self.kind(items)?;
        let is_scalar = !matches!(items, Type::Array { .. }) && !optional;
        is_scalar.then(|| (Type::Array { items: Box::new(items), min_items: None, max_items: None }, false))
    }

    /// The text of the JSDoc comment before something.
    fn comment(&self, before: Span) -> Option<String> {
        let comments = self.program.comments.iter().filter(|comment| comment.span.end <= before.start);
        let nearest = comments.max_by_key(|comment| comment.span.end)?;
        let between = self.text.get(nearest.span.end as usize..before.start as usize)?;
        let written = self.text.get(nearest.span.start as usize..nearest.span.end as usize)?;
        let inside = written.strip_prefix("/**")?.strip_suffix("*/")?;
        if !between.trim().is_empty() {
            return None;
        }
        let lines = inside.lines().map(|line| line.trim().trim_start_matches('*').trim());
        Some(lines.collect::<Vec<_>>().join("\n").trim().to_owned())
    }
}

/// A declaration.
#[derive(Clone, Copy)]
enum Found<'s, 'a> {
    Function(&'s Function<'a>),
    Variables(&'s VariableDeclaration<'a>),
    Members(&'s str, &'s [TSSignature<'a>]),
    Type(&'s str, &'s TSType<'a>),
}

/// The value of the variable of this name.
fn initializer<'s, 'a>(variables: &'s VariableDeclaration<'a>, name: &str) -> Option<&'s Expression<'a>> {
    variables.declarations.iter().find_map(|variable| match &variable.id {
        BindingPattern::BindingIdentifier(id) if id.name == name => variable.init.as_ref(),
        _ => None,
    })
}

fn parameters_of<'s, 'a>(value: &'s Expression<'a>) -> Option<&'s FormalParameters<'a>> {
    match value {
        Expression::ArrowFunctionExpression(arrow) => Some(arrow_parameters(arrow)),
        Expression::FunctionExpression(function) => Some(&function.params),
        Expression::TSSatisfiesExpression(inner) => parameters_of(&inner.expression),
        Expression::TSAsExpression(inner) => parameters_of(&inner.expression),
        Expression::ParenthesizedExpression(inner) => parameters_of(&inner.expression),
        _ => None,
    }
}

fn arrow_parameters<'s, 'a>(arrow: &'s ArrowFunctionExpression<'a>) -> &'s FormalParameters<'a> {
    &arrow.params
}

/// The fields of an object type; `None` if it has others.
fn fields<'t, 'a>(members: &'t [TSSignature<'a>]) -> Option<Vec<Field<'t, 'a>>> {
    members
        .iter()
        .map(|member| {
            let TSSignature::TSPropertySignature(property) = member else { return None };
            let kind = &property.type_annotation.as_ref()?.type_annotation;
            Some(Field { name: key(&property.key)?, kind, optional: property.optional, span: property.span })
        })
        .collect()
}

/// The defaults in the pattern of a parameter: names, and values as far as they are written out.
fn defaults(parameter: &FormalParameter<'_>) -> Vec<(String, Option<Value>)> {
    let BindingPattern::ObjectPattern(pattern) = &parameter.pattern else { return Vec::new() };
    let of = |property: &oxc_ast::ast::BindingProperty<'_>| {
        let BindingPattern::AssignmentPattern(assignment) = &property.value else { return None };
        Some((key(&property.key)?, literal(&assignment.right)))
    };
    pattern.properties.iter().filter_map(of).collect()
}

fn key(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(name.name.to_string()),
        PropertyKey::StringLiteral(text) => Some(text.value.to_string()),
        _ => None,
    }
}

fn text_of(kind: &TSType<'_>) -> Option<String> {
    let TSType::TSLiteralType(literal) = kind else { return None };
    match &literal.literal {
        TSLiteral::StringLiteral(text) => Some(text.value.to_string()),
        _ => None,
    }
}

/// The value of an expression that is written out.
fn literal(expression: &Expression<'_>) -> Option<Value> {
    match expression {
        Expression::StringLiteral(text) => Some(text.value.as_str().into()),
        Expression::BooleanLiteral(truth) => Some(truth.value.into()),
        Expression::NumericLiteral(number) => number_of(number.value),
        Expression::NullLiteral(_) => Some(Value::Null),
        Expression::TemplateLiteral(template) if template.expressions.is_empty() => {
            Some(template.quasis.first()?.value.cooked.as_ref()?.as_str().into())
        }
        Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => {
            match &unary.argument {
                Expression::NumericLiteral(number) => number_of(-number.value),
                _ => None,
            }
        }
        Expression::ArrayExpression(list) => {
            let value = |element: &ArrayExpressionElement<'_>| literal(element.as_expression()?);
            list.elements.iter().map(value).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Expression::ObjectExpression(object) => {
            let entry = |property: &ObjectPropertyKind<'_>| match property {
                ObjectPropertyKind::ObjectProperty(property) => {
                    Some((key(&property.key)?, literal(&property.value)?))
                }
                ObjectPropertyKind::SpreadProperty(_) => None,
            };
            object.properties.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Expression::TSAsExpression(inner) => literal(&inner.expression),
        Expression::TSSatisfiesExpression(inner) => literal(&inner.expression),
        Expression::ParenthesizedExpression(inner) => literal(&inner.expression),
        _ => None,
    }
}

/// A number as JSON has it: whole numbers without a point.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
fn number_of(number: f64) -> Option<Value> {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Some((number as i64).into());
    }
    number.is_finite().then(|| number.into())
}

/// The table of a manifest for the properties of a JSON Schema.
fn of_schema(properties: &Map<String, Value>, required: Option<&Value>) -> Map<String, Value> {
    let is_required = |name: &str| {
        required.and_then(Value::as_array).is_some_and(|names| names.iter().any(|required| required == name))
    };
    let scalar = |schema: &Value| match schema.get("type").and_then(Value::as_str) {
        Some("integer") => "int",
        Some("number") => "float",
        Some("boolean") => "bool",
        // Others are for the manifest to refuse.
        Some("string") | None => "string",
        Some(_) => "object",
    };
    let entry = |name: &String, schema: &Value| {
        let mut entry = Map::new();
        let items = schema.get("items").filter(|_| schema.get("type") == Some(&"array".into()));
        let kind = items.map_or_else(|| scalar(schema).to_owned(), |items| format!("{}[]", scalar(items)));
        entry.insert("type".to_owned(), kind.into());
        for (from, to) in [
            ("default", "default"),
            ("description", "description"),
            ("enum", "values"),
            ("minimum", "min"),
            ("maximum", "max"),
            ("pattern", "pattern"),
        ] {
            if let Some(value) = schema.get(from).or_else(|| items.and_then(|items| items.get(from))) {
                entry.insert(to.to_owned(), value.clone());
            }
        }
        if !is_required(name) && !entry.contains_key("default") {
            entry.insert("optional".to_owned(), true.into());
        }
        (name.clone(), Value::Object(entry))
    };
    properties.iter().map(|(name, schema)| entry(name, schema)).collect()
}

/// The first paragraph of a comment, on one line, without tags.
fn summary(comment: &str) -> String {
    let lines = comment.lines().map(str::trim).take_while(|line| !line.is_empty() && !line.starts_with('@'));
    lines.collect::<Vec<_>>().join(" ")
}

/// What `@param {TYPE} input` in a comment of JavaScript says.
fn of_comment(comment: &str) -> Option<Vec<Parameter>> {
    let (_, rest) = comment.split_once("@param")?;
    let rest = rest.trim_start().strip_prefix('{')?;
    let mut depth = 1;
    let end = rest.char_indices().find_map(|(at, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        (depth == 0).then_some(at)
    })?;
    let text = format!("type Input = {};", &rest[..end]);
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &text, SourceType::ts()).parse();
    if parsed.diagnostics.has_errors() {
        return None;
    }
    let source = Source { program: &parsed.program, text: &text };
    let Found::Type(_, kind) = source.named("Input")? else { return None };
    source.of_type(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::signature::table;

    fn manifest(file: &str, text: &str) -> Option<String> {
        match read(Path::new(file), text).declared {
            Declared::Nothing => None,
            Declared::Inferred(parameters) => Some(table(&parameters).to_string()),
            Declared::Exported(table) => Some(table.to_string()),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(manifest("main.ts", text).as_deref(), expected);
    }

    #[test]
    fn types_of_all_kinds_become_parameters() {
        check(
            "export async function main(input: { a: string; b?: number; c: boolean | undefined; d: string[]; e?: 'x' | \"y\" }) {}",
            Some(
                "a = { type = \"string\" }\nb = { type = \"float\", optional = true }\nc = { type = \"bool\", optional = true }\n\
                 d = { type = \"string[]\" }\ne = { type = \"string\", values = [\"x\", \"y\"], optional = true }\n",
            ),
        );
        check(
            "type Mood = 'glad' | 'sad';\ninterface Input {\n  /** Whom to greet. */\n  name: string;\n  mood?: Mood;\n  tags: ReadonlyArray<string>;\n}\nexport const main = async ({ name, mood = 'glad' }: Input) => {};",
            Some(
                "name = { type = \"string\", description = \"Whom to greet.\" }\nmood = { type = \"string\", values = [\"glad\", \"sad\"], default = \"glad\" }\n\
                 tags = { type = \"string[]\" }\n",
            ),
        );
    }

    #[test]
    fn comments_type_what_javascript_takes() {
        let text = "/**\n * Greets.\n * @param {{ name?: string, times: number }} input\n */\nexport async function main({ name, times = 2 }) {}\n";
        assert_eq!(
            manifest("main.js", text).as_deref(),
            Some(
                "name = { type = \"string\", optional = true }\ntimes = { type = \"float\", default = 2.0 }\n"
            )
        );
        assert_eq!(read(Path::new("main.js"), text).description.as_deref(), Some("Greets."));
    }

    #[test]
    fn a_main_without_parameters_takes_none() {
        check("export async function main() {}", Some(""));
    }

    #[test]
    fn a_schema_that_is_exported_comes_first() {
        check(
            "export const parameters = { n: { type: 'int', default: -1 } } as const;\nexport async function main(input: { a: string }) {}",
            Some("n = { type = \"int\", default = -1 }\n"),
        );
        check(
            "export const parameters = { type: 'object', properties: { n: { type: 'integer', minimum: 1 }, t: { type: 'array', items: { type: 'string' } } }, required: ['n'] };\nexport async function main(input) {}",
            Some("n = { type = \"int\", min = 1 }\nt = { type = \"string[]\", optional = true }\n"),
        );
    }

    #[test]
    fn what_a_manifest_cannot_say_leaves_the_input_open() {
        for source in [
            "export async function main(input) {}",
            "export async function main(input: any) {}",
            "export async function main(input: Elsewhere) {}",
            "export async function main(input: { a: { b: string } }) {}",
            "export async function main(input: { a: string[][] }) {}",
            "export async function main(input: { [key: string]: string }) {}",
            "type A = A; export async function main(input: { a: A }) {}",
            "export async function main(a: string, b: string) {}",
            "export async function main(...rest: string[]) {}",
            "console.log('a script')",
            "export async function main(a: string",
        ] {
            check(source, None);
        }
    }
}
