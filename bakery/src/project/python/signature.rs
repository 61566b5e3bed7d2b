//! The parameters of `main`, from its type hints and its docstring: `[parameters]` without a manifest.
//!
//! It follows what the SDK does with the input when the program runs (`sdk/python/src/inferlet/entry.py`). Where a type is none that a manifest can have,
//! the input is left open, and the SDK says what does not fit.

use std::ops::Range;

use serde_json::Value;
use toml_edit::{Array, InlineTable, Table};
use tree_sitter::Node;

use super::docstring::{self, Described, Docstring};
use super::hint::Hint;
use super::syntax::{Source, named_children, undecorated};
use crate::project::parameters::{Parameter, Type};

/// What is known of a program from its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// What `main` takes; `None` if that is not known.
    pub parameters: Option<Vec<Parameter>>,
    /// The first paragraph about it.
    pub description: Option<String>,
    /// Where the parameters are written, in bytes.
    pub span: Option<Range<usize>>,
}

/// Reads a source. One with mistakes, or without a `main`, says nothing about parameters.
pub fn read(text: &str) -> Entry {
    let Some(source) = Source::parse(text) else { return Entry::default() };
    let about = source.docstring(source.root()).map(docstring::parse).unwrap_or_default().summary;
    let found = definition(&source, "function_definition", "main").filter(|_| !source.has_mistakes());
    let Some(main) = found else { return Entry { description: about, ..Entry::default() } };
    let docstring = docstring_of(&source, main);
    let parameters = parameters(&source, main, &docstring);
    let span = main.child_by_field_name("parameters").map(|node| node.byte_range());
    Entry { parameters, description: docstring.summary.or(about), span }
}

/// Whether a program responds to HTTP requests: it has a function with the mark of the SDK. The rule of `sdk/python/src/inferlet/style.py`.
pub fn responds(text: &str) -> bool {
    // Most programs do not even mention it.
    let Some(source) = text.contains("handler").then(|| Source::parse(text)).flatten() else { return false };
    let marks = ["handler", "http.handler", "inferlet.http.handler"];
    let is_mark = |node: &Node<'_>| {
        node.kind() == "decorator"
            && node.named_child(0).is_some_and(|name| marks.contains(&source.text(name)))
    };
    named_children(source.root())
        .into_iter()
        .filter(|node| undecorated(*node).kind() == "function_definition")
        .any(|node| named_children(node).iter().any(is_mark))
}

/// A definition of the module's, by its name.
fn definition<'t>(source: &'t Source<'_>, kind: &str, name: &str) -> Option<Node<'t>> {
    let all = named_children(source.root()).into_iter().map(undecorated);
    all.into_iter().find(|node| node.kind() == kind && source.field(*node, "name") == Some(name))
}

fn docstring_of(source: &Source<'_>, definition: Node<'_>) -> Docstring {
    let body = definition.child_by_field_name("body");
    body.and_then(|body| source.docstring(body)).map(docstring::parse).unwrap_or_default()
}

/// A parameter or a field as it is written.
struct Written<'a> {
    name: &'a str,
    hint: Option<&'a str>,
    default: Option<Option<Value>>,
}

fn parameters(source: &Source<'_>, main: Node<'_>, docstring: &Docstring) -> Option<Vec<Parameter>> {
    let mut given = Vec::new();
    for node in named_children(main.child_by_field_name("parameters")?) {
        let hint = source.field(node, "type");
        let default = node.child_by_field_name("value").map(|value| literal(source, value));
        let name = match node.kind() {
            "identifier" => source.text(node),
            "typed_parameter" if node.named_child(0)?.kind() == "identifier" => {
                source.text(node.named_child(0)?)
            }
            "default_parameter" | "typed_default_parameter" => source.field(node, "name")?,
            "keyword_separator" | "comment" => continue,
            // `*args`, `**kwargs` and `/`: they cannot be given by name.
            _ => return None,
        };
        given.push(Written { name, hint, default });
    }
    if let [only] = given.as_slice() {
        if let Some(fields) = only.hint.and_then(|hint| fields(source, hint)) {
            return fields;
        }
        if only.name == "input" || only.hint.is_none() {
            return None;
        }
    }
    given.iter().map(|written| parameter(written, docstring.parameters.get(written.name))).collect()
}

/// The fields of the class in this file that a hint names, as parameters, if it is one whose fields are an object's. Those of its bases are not known.
fn fields(source: &Source<'_>, hint: &str) -> Option<Option<Vec<Parameter>>> {
    let class = definition(source, "class_definition", hint.trim_matches(['"', '\'']))?;
    if !is_object(source, class) {
        return None;
    }
    let docstring = docstring_of(source, class);
    let statements = class.child_by_field_name("body").map(named_children).unwrap_or_default();
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|node| node.kind() == "expression_statement") {
        let Some(field) = statement.named_child(0).filter(|node| node.kind() == "assignment") else {
            continue;
        };
        let (Some(name), Some(hint)) = (source.field(field, "left"), source.field(field, "type")) else {
            continue;
        };
        let default = field.child_by_field_name("right").map(|value| literal(source, value));
        let written = Written { name, hint: Some(hint), default };
        match parameter(&written, docstring.parameters.get(name)) {
            Some(parameter) => found.push(parameter),
            None => return Some(None),
        }
    }
    Some(Some(found))
}

fn is_object(source: &Source<'_>, class: Node<'_>) -> bool {
    let around = class.parent().filter(|parent| parent.kind() == "decorated_definition");
    let mut decorators = around.map(named_children).unwrap_or_default().into_iter();
    let last_name = |text: &str| {
        text.split('(')
            .next()
            .unwrap_or_default()
            .rsplit(['.', '@'])
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let decorated =
        decorators.any(|node| node.kind() == "decorator" && last_name(source.text(node)) == "dataclass");
    let bases = class.child_by_field_name("superclasses").map(named_children).unwrap_or_default();
    decorated
        || bases
            .into_iter()
            .any(|base| ["TypedDict", "BaseModel"].contains(&last_name(source.text(base)).as_str()))
}

fn parameter(written: &Written<'_>, described: Option<&Described>) -> Option<Parameter> {
    let told = described.and_then(|described| described.kind.as_deref());
    let hint = match (written.hint.or(told), &written.default) {
        (Some(hint), _) => Hint::parse(hint)?,
        (None, Some(Some(default))) => Hint::plain(kind_of(default)?),
        (None, _) => return None,
    };
    let text = described.map(|described| described.text.clone()).filter(|text| !text.is_empty());
    // A default that is computed is the program's business.
    let value = written.default.clone().flatten().filter(|value| !value.is_null());
    let mut parameter = Parameter {
        name: written.name.to_owned(),
        optional: false,
        default: None,
        description: hint.description.or(text),
        kind: hint.kind,
    };
    parameter.default = value.and_then(|value| parameter.accept(&value).ok());
    parameter.optional = parameter.default.is_none() && (hint.optional || written.default.is_some());
    Some(parameter)
}

/// The value of an expression that is written out.
fn literal(source: &Source<'_>, node: Node<'_>) -> Option<Value> {
    let text = source.text(node);
    match node.kind() {
        "string" => source.string(node).map(Value::from),
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        "none" => Some(Value::Null),
        "integer" => text.replace('_', "").parse::<i64>().ok().map(Value::from),
        "float" => {
            text.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
        }
        "unary_operator" if source.field(node, "operator") == Some("-") => {
            match literal(source, node.child_by_field_name("argument")?)? {
                Value::Number(number) => match number.as_i64() {
                    Some(number) => number.checked_neg().map(Value::from),
                    None => number.as_f64().map(|number| Value::from(-number)),
                },
                _ => None,
            }
        }
        "list" | "tuple" => {
            let items = named_children(node).into_iter().filter(|item| item.kind() != "comment");
            items.map(|item| literal(source, item)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

/// The type of a default, for a parameter without a hint.
fn kind_of(value: &Value) -> Option<Type> {
    match value {
        Value::String(_) => Some(Type::STRING),
        Value::Bool(_) => Some(Type::Bool),
        Value::Number(number) if number.is_f64() => Some(Type::FLOAT),
        Value::Number(_) => Some(Type::INT),
        _ => None,
    }
}

/// The parameters as the table `[parameters]` of a manifest.
pub fn table(parameters: &[Parameter]) -> Table {
    let mut table = Table::new();
    for parameter in parameters {
        let mut entry = InlineTable::new();
        let (name, list) = match &parameter.kind {
            Type::Array { items, .. } => (&**items, "[]"),
            kind => (kind, ""),
        };
        let scalar = match name {
            Type::Int { .. } => "int",
            Type::Float { .. } => "float",
            Type::Bool => "bool",
            _ => "string",
        };
        entry.insert("type", format!("{scalar}{list}").into());
        if let Type::Enum { values } = name {
            entry.insert("values", values.iter().collect::<Array>().into());
        }
        if let Some(default) = parameter.default.as_ref().and_then(written) {
            entry.insert("default", default);
        }
        if parameter.optional {
            entry.insert("optional", true.into());
        }
        if let Some(description) = &parameter.description {
            entry.insert("description", description.into());
        }
        table.insert(&parameter.name, toml_edit::value(entry));
    }
    table
}

fn written(value: &Value) -> Option<toml_edit::Value> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Bool(truth) => Some((*truth).into()),
        Value::Number(number) => number.as_i64().map(Into::into).or_else(|| number.as_f64().map(Into::into)),
        Value::Array(values) => values.iter().map(written).collect::<Option<Array>>().map(Into::into),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters as they would be in a manifest.
    #[track_caller]
    fn check(source: &str, expected: Option<&str>) {
        let found = read(source).parameters.map(|parameters| table(&parameters).to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_program_with_a_marked_function_responds_to_requests() {
        for text in [
            "from inferlet import http\n@http.handler\nasync def f(request): pass\n",
            "@log\n@handler\nasync def f(request): pass\n",
        ] {
            assert!(responds(text), "{text}");
        }
        for text in [
            "async def handler(request): pass\n",
            "@http.handler_of(1)\nasync def f(request): pass\n",
            "# @http.handler\nasync def main(): pass\n",
            "class A:\n    @http.handler\n    async def f(self): pass\n",
        ] {
            assert!(!responds(text), "{text}");
        }
    }

    #[test]
    fn hints_of_all_kinds_become_types() {
        check(
            "async def main(a: str, b: int = 3, c: float = -0.5, d: bool = False, e: list[str] = [], f: str | None = None): pass",
            Some(
                "a = { type = \"string\" }\nb = { type = \"int\", default = 3 }\nc = { type = \"float\", default = -0.5 }\n\
                 d = { type = \"bool\", default = false }\ne = { type = \"string[]\", default = [] }\nf = { type = \"string\", optional = true }\n",
            ),
        );
        check(
            "async def main(m: Literal['x', 'y'], n: \"typing.Optional[int]\", o: Annotated[str, 'Text.'], p=1): pass",
            Some(
                "m = { type = \"string\", values = [\"x\", \"y\"] }\nn = { type = \"int\", optional = true }\n\
                 o = { type = \"string\", description = \"Text.\" }\np = { type = \"int\", default = 1 }\n",
            ),
        );
    }

    #[test]
    fn a_docstring_describes_and_types() {
        check(
            "async def main(name, n: int = 1):\n    '''Greets.\n\n    Args:\n        name (str): Whom.\n        n: How often.\n    '''\n",
            Some(
                "name = { type = \"string\", description = \"Whom.\" }\nn = { type = \"int\", default = 1, description = \"How often.\" }\n",
            ),
        );
    }

    #[test]
    fn a_main_without_parameters_takes_none() {
        check("async def main(): pass", Some(""));
    }

    #[test]
    fn the_fields_of_a_class_in_the_same_file_are_parameters() {
        let class = "@dataclass(frozen=True)\nclass Task:\n    goal: str\n    steps: int = 4\n\nasync def main(task: Task): pass";
        check(class, Some("goal = { type = \"string\" }\nsteps = { type = \"int\", default = 4 }\n"));
        check(
            "class T(TypedDict):\n    a: str\nasync def main(input: T): pass",
            Some("a = { type = \"string\" }\n"),
        );
    }

    #[test]
    fn what_a_manifest_cannot_say_leaves_the_input_open() {
        for source in [
            "async def main(input): pass",
            "async def main(input: dict): pass",
            "async def main(a: str, b: dict[str, int]): pass",
            "async def main(a: list[list[str]], b: str): pass",
            "async def main(*args): pass",
            "async def main(a: Elsewhere): pass",
            "print('a script')",
            "async def main(a: str",
            "async def main(a, /): pass",
        ] {
            check(source, None);
        }
    }

    #[test]
    fn a_default_that_is_computed_makes_a_parameter_optional() {
        check(
            "async def main(a: str = f(), b: int = 1 + 1): pass",
            Some("a = { type = \"string\", optional = true }\nb = { type = \"int\", optional = true }\n"),
        );
    }
}
