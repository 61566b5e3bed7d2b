use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Parameter, Parsed, Pattern, Type, check, help, json_schema, parse};
use crate::project::Manifest;
use crate::project::tests::render;

fn manifest(parameters: &str) -> Manifest {
    let package =
        "[package]\nname = \"demo\"\nversion = \"0.1.0\"\ndescription = \"Shows off\"\n[parameters]\n";
    Manifest::parse(&format!("{package}{parameters}"), "Pie.toml")
        .unwrap_or_else(|error| panic!("{}", render(&error)))
}

const DEMO: &str = r#"
name = { type = "string", default = "World", description = "Who is greeted" }
max_tokens = { type = "int", min = 1, max = 100 }
temperature = { type = "float", default = 0.5 }
stream = { type = "bool", default = true }
shout = { type = "bool", default = false, description = "In capitals" }
mode = { values = ["fast", "good"], optional = true }
tag = { type = "string[]", max-items = 2, optional = true, description = "Words" }
counts = { type = "int[]", optional = true }
code = { type = "string", pattern = "[A-Z]{3}", optional = true }
"#;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The input for a command line, as JSON, or the diagnostic.
fn demo(line: &str) -> String {
    match parse(manifest(DEMO).parameters.as_deref(), &words(line)) {
        Ok(Parsed::Input(input)) => Value::Object(input).to_string(),
        Ok(Parsed::Help) => "help".to_owned(),
        Err(error) => render(&error),
    }
}

fn untyped(line: &str) -> String {
    match parse(None, &words(line)) {
        Ok(Parsed::Input(input)) => Value::Object(input).to_string(),
        Ok(Parsed::Help) => "help".to_owned(),
        Err(error) => render(&error),
    }
}

#[test]
fn arguments_become_the_input_in_the_order_of_the_manifest() {
    let rest = r#""temperature":0.5,"stream":true,"shout":false"#;
    let input = |fields: &str| format!(r#"{{"name":"World","max_tokens":5,{fields}}}"#);
    assert_eq!(demo("--max-tokens 5"), input(rest));
    assert_eq!(demo("--max_tokens=5"), input(rest));
    assert_eq!(demo("--tag a --max-tokens 5 --tag=b,c"), input(&format!(r#"{rest},"tag":["a","b,c"]"#)));
    assert_eq!(demo("--max-tokens 5 --counts -1 --counts 2"), input(&format!(r#"{rest},"counts":[-1,2]"#)));
    assert_eq!(
        demo("--temperature 1 --no-stream --shout --max-tokens 5"),
        input(r#""temperature":1.0,"stream":false,"shout":true"#)
    );
    assert_eq!(
        demo("--stream false --shout=true --max-tokens 5 --mode good"),
        input(r#""temperature":0.5,"stream":false,"shout":true,"mode":"good""#)
    );
    assert_eq!(
        demo("--name --max-tokens --help"),
        "error: `--name` needs a value: a string\n   hint: if `--max-tokens` is the value, write `--name=--max-tokens`\n"
    );
    assert_eq!(demo("--help"), "help");
    assert_eq!(demo("--max-tokens 5 -h"), "help");
}

/// Each input with what comes of it, as one text that reads like a session.
fn transcript<T: std::fmt::Display>(
    inputs: impl IntoIterator<Item = T>,
    run: impl Fn(&T) -> String,
) -> String {
    inputs.into_iter().map(|input| format!("> {input}\n{}\n", run(&input))).collect()
}

#[test]
fn a_wrong_argument_is_named_with_what_was_expected() {
    let lines = [
        "",
        "--max-tokens 0",
        "--max-tokens many",
        "--max-tokens",
        "--max-tokns 5",
        "--max-tokens 5 --max_tokens 6",
        "--max-tokens 5 --mode fest",
        "--max-tokens 5 --no-stream=false",
        "--max-tokens 5 --counts 1,2",
        "--max-tokens 5 --tag a --tag b --tag c",
        "--max-tokens 5 --code abc",
        "--max-tokens 5 --temperature nan",
        "--max-tokens 99999999999999999999",
        "Ada",
        "-name Ada",
        "--",
    ];
    insta::assert_snapshot!(transcript(lines, |line| demo(line)));
}

#[test]
fn without_parameters_in_the_manifest_types_are_guessed() {
    assert_eq!(untyped(""), "{}");
    assert_eq!(
        untyped("--max-tokens 5 --name Ada --temperature 0.5 --fast --quiet false --id 007 --big 1e999"),
        r#"{"max_tokens":5,"name":"Ada","temperature":0.5,"fast":true,"quiet":false,"id":"007","big":"1e999"}"#
    );
    assert_eq!(untyped("--tag a --tag 2 --tag c"), r#"{"tag":["a",2,"c"]}"#);
    assert_eq!(untyped("--help"), "help");
    assert!(untyped("Ada").contains("parameters have names: `--name Ada`"));
    let spaced = parse(None, &["--text= 1".to_owned()]).unwrap();
    assert_eq!(spaced, Parsed::Input(json!({"text": " 1"}).as_object().unwrap().clone()));
}

#[test]
fn an_inferlet_with_an_empty_table_takes_nothing() {
    let nothing = manifest("");
    let error = parse(nothing.parameters.as_deref(), &words("--name Ada")).unwrap_err();
    assert_eq!(
        render(&error),
        "error: there is no parameter `--name`\n   hint: this inferlet takes no parameters\n"
    );
    assert_eq!(check(nothing.parameters.as_deref(), &json!({})).unwrap(), json!({}));
}

#[test]
fn json_input_is_checked_and_completed() {
    let demo = manifest(DEMO);
    let check = |input: Value| match check(demo.parameters.as_deref(), &input) {
        Ok(input) => input.to_string(),
        Err(error) => render(&error),
    };
    assert_eq!(
        check(json!({"max_tokens": 5.0, "temperature": 1, "tag": ["a"], "mode": null})),
        r#"{"name":"World","max_tokens":5,"temperature":1.0,"stream":true,"shout":false,"tag":["a"]}"#
    );
    let wrong = [
        json!(["a"]),
        json!({"max-tokens": 5}),
        json!({"max_tokens": "5"}),
        json!({"max_tokens": 5.5}),
        json!({"max_tokens": 18446744073709551615_u64}),
        json!({"max_tokens": null}),
        json!({"max_tokens": 5, "tag": ["a", 7]}),
        json!({"max_tokens": 5, "mode": "x".repeat(100)}),
    ];
    insta::assert_snapshot!(transcript(wrong, |input| check(input.clone())));
    assert_eq!(super::check(None, &json!([1, null])).unwrap(), json!([1, null]));
}

#[test]
fn help_looks_like_every_other() {
    insta::assert_snapshot!(help(&manifest(DEMO)));
    let anything = Manifest::parse("[package]\nname = \"demo\"\nversion = \"0.1.0\"\n", "Pie.toml").unwrap();
    insta::assert_snapshot!(help(&anything));
}

#[test]
fn the_json_schema_says_what_the_manifest_says() {
    insta::assert_json_snapshot!(json_schema(manifest(DEMO).parameters.as_deref()));
    assert_eq!(json_schema(None), json!(true));
}

#[test]
fn a_pattern_matches_whole_texts() {
    let pattern = Pattern::new("a|b").unwrap();
    let kind = Type::String { min_length: None, max_length: None, pattern: Some(pattern) };
    assert!(kind.accept(&json!("a")).is_ok());
    assert!(kind.accept(&json!("ab")).is_err());
    assert!(kind.accept(&json!("a\n")).is_err());
    assert!(Pattern::new("a)|(b").is_err());
}

/// A parameter as `Pie.toml` has it; the inverse of `declare`.
fn print(parameter: &Parameter) -> String {
    let mut table = toml_edit::InlineTable::new();
    let (item, suffix) = match &parameter.kind {
        Type::Array { items, min_items, max_items } => {
            put(&mut table, "min-items", min_items.map(|n| n as i64));
            put(&mut table, "max-items", max_items.map(|n| n as i64));
            (items.as_ref(), "[]")
        }
        kind => (kind, ""),
    };
    let name = match item {
        Type::String { min_length, max_length, pattern } => {
            put(&mut table, "min-length", min_length.map(|n| n as i64));
            put(&mut table, "max-length", max_length.map(|n| n as i64));
            put(&mut table, "pattern", pattern.as_ref().map(Pattern::as_str));
            "string"
        }
        Type::Int { min, max } => {
            put(&mut table, "min", *min);
            put(&mut table, "max", *max);
            "int"
        }
        Type::Float { min, max } => {
            put(&mut table, "min", *min);
            put(&mut table, "max", *max);
            "float"
        }
        Type::Bool => "bool",
        Type::Enum { values } => {
            put(&mut table, "values", Some(values.iter().collect::<toml_edit::Array>()));
            "string"
        }
        Type::Array { .. } => unreachable!("lists have no lists"),
    };
    put(&mut table, "type", Some(format!("{name}{suffix}")));
    put(&mut table, "optional", parameter.optional.then_some(true));
    put(&mut table, "description", parameter.description.as_deref());
    put(&mut table, "default", parameter.default.as_ref().map(toml));
    format!("{} = {table}\n", toml_edit::Key::new(&parameter.name))
}

fn put(table: &mut toml_edit::InlineTable, key: &str, value: Option<impl Into<toml_edit::Value>>) {
    if let Some(value) = value {
        table.insert(key, value.into());
    }
}

fn toml(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_i64().map_or_else(|| number.as_f64().unwrap().into(), Into::into),
        Value::Array(items) => items.iter().map(toml).collect::<toml_edit::Array>().into(),
        other => panic!("no parameter has a default such as {other}"),
    }
}

fn ordered<T: PartialOrd + Copy + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = (Option<T>, Option<T>)> {
    prop::collection::vec(value, 0..3).prop_map(|values| match values[..] {
        [a, b] if a <= b => (Some(a), Some(b)),
        [a, b] => (Some(b), Some(a)),
        [a] => (Some(a), None),
        _ => (None, None),
    })
}

fn scalar() -> impl Strategy<Value = Type> {
    let pattern =
        prop_oneof![Just(None), "[a-z]{1,5}[*+?]?".prop_map(|source| Some(Pattern::new(&source).unwrap()))];
    prop_oneof![
        (ordered(0..9_u64), pattern).prop_map(|((min_length, max_length), pattern)| Type::String {
            min_length,
            max_length,
            pattern
        }),
        ordered(any::<i64>()).prop_map(|(min, max)| Type::Int { min, max }),
        ordered(-1e300..1e300).prop_map(|(min, max)| Type::Float { min, max }),
        Just(Type::Bool),
        prop::collection::hash_set("[a-zA-Z \"\\\\日]{0,6}[a-z]", 1..4)
            .prop_map(|values| Type::Enum { values: values.into_iter().collect() }),
    ]
}

fn parameter() -> impl Strategy<Value = Parameter> {
    let kind = prop_oneof![
        3 => scalar(),
        1 => (scalar(), ordered(0..5_u64)).prop_map(|(item, (min_items, max_items))| {
            Type::Array { items: Box::new(item), min_items, max_items }
        }),
    ];
    let value = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    let description = prop::option::of("[ -~é]{0,20}[a-z]");
    ("[a-z][a-z0-9]{0,8}", kind, any::<bool>(), description, value).prop_map(
        |(name, kind, optional, description, value)| {
            let default = kind.accept(&value).or_else(|_| kind.accept(&kind.example())).ok();
            Parameter { name: format!("p{name}"), kind, default, optional, description }
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(parameter in parameter()) {
        let read = manifest(&print(&parameter)).parameters.unwrap();
        prop_assert_eq!(read, vec![parameter]);
    }

    #[test]
    fn a_default_satisfies_its_own_json_schema_type(parameter in parameter()) {
        let schema = json_schema(Some(std::slice::from_ref(&parameter)));
        prop_assert_eq!(schema["required"].as_array().unwrap().len(), usize::from(parameter.is_required()));
        prop_assert_eq!(schema["properties"][&parameter.name].get("default"), parameter.default.as_ref());
    }

    #[test]
    fn what_is_accepted_is_accepted_again_unchanged(parameter in parameter()) {
        if let Some(value) = &parameter.default {
            prop_assert_eq!(&parameter.accept(value).unwrap(), value);
        }
    }

    #[test]
    fn no_arguments_make_the_parser_panic(parameters in prop::collection::vec(parameter(), 0..4), args in prop::collection::vec("(-{0,3}[a-z=]{0,4}|.{0,5})", 0..6)) {
        let _ = parse(Some(&parameters), &args);
        let _ = parse(None, &args);
    }
}
