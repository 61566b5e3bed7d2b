//! Our matcher against the validator of the crate `jsonschema`, on generated schemas and values.

use super::*;
use serde_json::{Map, Value, json};

/// A schema out of what is supported, and values that are often valid and often just not.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => strings(),
        2 => numbers(),
        1 => Just(json!({"type": "boolean"})),
        1 => Just(json!({"type": "null"})),
        1 => Just(json!({"type": ["string", "null", "integer"]})),
        1 => prop::collection::vec(values(), 1..4).prop_map(|values| json!({ "enum": values })),
        1 => values().prop_map(|value| json!({ "const": value })),
        1 => Just(json!(true)),
        1 => Just(json!({})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            3 => objects(inner.clone()),
            2 => arrays(inner.clone()),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|options| json!({ "anyOf": options })),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "allOf": [a, b] })),
            1 => (inner.clone(), inner).prop_map(|(a, b)| json!({ "oneOf": [a, b] })),
        ]
    })
}

/// Schemas whose parts refer to definitions: one that is as any other, a list of itself, and an object in itself.
fn referring() -> impl Strategy<Value = Value> {
    let reference = prop::sample::select(vec!["plain", "list", "tree"]);
    let reference = reference.prop_map(|name| json!({ "$ref": format!("#/$defs/{name}") }));
    let part =
        prop_oneof![2 => reference.clone(), 1 => strings(), 1 => numbers(), 1 => Just(json!(true))].boxed();
    let root = prop_oneof![
        2 => reference,
        3 => objects(part.clone()),
        2 => arrays(part.clone()),
        1 => prop::collection::vec(part.clone(), 1..3).prop_map(|options| json!({ "anyOf": options })),
        1 => (part.clone(), part).prop_map(|(a, b)| json!({ "allOf": [a, b] })),
    ];
    (root, schemas(), any::<bool>()).prop_map(|(mut root, plain, closed)| {
        let plain_or = |name: &str| json!({ "anyOf": [{ "$ref": "#/$defs/plain" }, { "$ref": format!("#/$defs/{name}") }] });
        root["$defs"] = json!({
            "plain": plain,
            "list": { "type": "array", "items": plain_or("list"), "maxItems": 3 },
            "tree": {
                "type": "object",
                "properties": { "a": { "$ref": "#/$defs/plain" }, "b": { "$ref": "#/$defs/tree" } },
                "required": ["a"],
                "additionalProperties": !closed,
            },
        });
        root
    })
}

fn strings() -> impl Strategy<Value = Value> {
    let pattern =
        prop::sample::select(vec!["^a", "b+$", "^[a-c]*$", "a.c", r"^\d{1,2}$", r"\s", "^(a|b)$", "é"]);
    let format = prop::sample::select(vec!["ipv4", "uuid"]);
    (
        prop::option::of(0u32..3),
        prop::option::of(0u32..5),
        prop::option::of(pattern),
        prop::option::weighted(0.1, format),
    )
        .prop_map(|(min, max, pattern, format)| {
            let parts = [
                ("minLength", min.map(Value::from)),
                ("maxLength", max.map(Value::from)),
                ("pattern", pattern.map(Value::from)),
                ("format", format.map(Value::from)),
            ];
            with("string", parts)
        })
}

fn numbers() -> impl Strategy<Value = Value> {
    let bound = prop_oneof![
        (-20i64..20).prop_map(Value::from),
        (-40i64..40).prop_map(|n| Value::from(n as f64 / 4.0))
    ];
    let multiple = prop::sample::select(vec![json!(2), json!(3), json!(0.5), json!(0.25), json!(10)]);
    let kind = prop::sample::select(vec!["integer", "number"]);
    (
        kind,
        prop::option::of(bound.clone()),
        prop::option::of(bound),
        any::<[bool; 2]>(),
        prop::option::weighted(0.3, multiple),
    )
        .prop_map(|(kind, min, max, open, multiple)| {
            let min_name = if open[0] { "exclusiveMinimum" } else { "minimum" };
            let max_name = if open[1] { "exclusiveMaximum" } else { "maximum" };
            with(kind, [(min_name, min), (max_name, max), ("multipleOf", multiple), ("", None)])
        })
}

fn objects(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let properties = prop::collection::btree_map(names(), inner.clone(), 0..4);
    let required = prop::collection::btree_set(names(), 0..3);
    let additional =
        prop_oneof![2 => Just(None), 2 => Just(Some(json!(false))), 1 => inner.clone().prop_map(Some)];
    let pattern = prop::option::weighted(0.2, inner.prop_map(|schema| json!({ "^p": schema })));
    let bounds = (prop::option::weighted(0.2, 0u32..3), prop::option::weighted(0.2, 0u32..4));
    (properties, required, additional, pattern, bounds).prop_map(
        |(properties, required, additional, pattern, (min, max))| {
            let parts = [
                ("properties", Some(json!(properties))),
                ("required", Some(json!(required))),
                ("additionalProperties", additional),
                ("patternProperties", pattern),
                ("minProperties", min.map(Value::from)),
                ("maxProperties", max.map(Value::from)),
            ];
            with("object", parts)
        },
    )
}

fn arrays(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let prefix = prop::option::weighted(0.3, prop::collection::vec(inner.clone(), 1..3));
    let items = prop_oneof![3 => inner.prop_map(Some), 1 => Just(None), 1 => Just(Some(json!(false)))];
    (items, prefix, prop::option::of(0u32..3), prop::option::of(0u32..4)).prop_map(
        |(items, prefix, min, max)| {
            let prefix = prefix.map(Value::from);
            let parts = [
                ("items", items),
                ("prefixItems", prefix),
                ("minItems", min.map(Value::from)),
                ("maxItems", max.map(Value::from)),
            ];
            with("array", parts)
        },
    )
}

fn with<const N: usize>(kind: &str, parts: [(&str, Option<Value>); N]) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    schema.extend(parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(schema)
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "p1", "é\"", ""]).prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "", "a", "ab", "abc", "b", "bb", "12", "é", "a c", "aéc", "日本", "\n", "1.2.3.4",
    ]);
    let leaf = prop_oneof![
        3 => text.prop_map(Value::from),
        3 => (-20i64..20).prop_map(Value::from),
        2 => (-40i64..40).prop_filter("an integer is written as one", |n| n % 4 != 0).prop_map(|n| Value::from(n as f64 / 4.0)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// The value with keys in the order in which the matcher wants them: of each object the listed ones first, in the order of the
/// schema. Where the order depends on which alternative is taken, all orders of the few keys are tried.
fn spellings(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let members: Vec<Vec<String>> = map
                .iter()
                .map(|(key, value)| {
                    spellings(value).into_iter().map(|text| format!("{}:{text}", json!(key))).collect()
                })
                .collect();
            let mut all = Vec::new();
            permute(&members, &mut vec![false; members.len()], &mut Vec::new(), &mut all);
            all.into_iter().map(|members| format!("{{{}}}", members.join(","))).collect()
        }
        Value::Array(list) => {
            let mut all = vec![Vec::new()];
            for item in list {
                let items = spellings(item);
                let longer = all.iter().flat_map(|so_far| {
                    items
                        .iter()
                        .map(move |item| so_far.iter().chain([item]).cloned().collect::<Vec<String>>())
                });
                all = longer.take(MAX_SPELLINGS).collect();
            }
            all.into_iter().map(|items| format!("[{}]", items.join(","))).collect()
        }
        // A multiple of 0.25 is written with two decimals, or with none.
        Value::Number(number) if number.is_f64() => vec![number.to_string(), format!("{number}0")],
        other => vec![other.to_string()],
    }
}

const MAX_SPELLINGS: usize = 500;

fn permute(
    members: &[Vec<String>],
    used: &mut Vec<bool>,
    so_far: &mut Vec<String>,
    all: &mut Vec<Vec<String>>,
) {
    if so_far.len() == members.len() {
        all.push(so_far.clone());
        return;
    }
    for index in 0..members.len() {
        if used[index] || all.len() >= MAX_SPELLINGS {
            continue;
        }
        used[index] = true;
        for member in &members[index] {
            so_far.push(member.clone());
            permute(members, used, so_far, all);
            so_far.pop();
        }
        used[index] = false;
    }
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// The schema's matcher, or none if it says that it cannot be enforced.
fn compiled(schema: &Value) -> Option<Matcher> {
    let prototype = Grammar::new(Source::JsonSchema(schema.to_string()))
        .and_then(|grammar| Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)));
    match prototype {
        Ok(prototype) => Some(Matcher::new(&prototype)),
        Err(GrammarError::Unsupported { .. } | GrammarError::Unsatisfiable { .. }) => None,
        Err(other) => panic!("{schema}: {other}"),
    }
}

/// A text that the matcher ends at, chosen by numbers; none if they do not suffice.
fn generate(matcher: &mut Matcher, choices: &[u32]) -> Option<String> {
    matcher.reset();
    for &choice in choices {
        let mask = matcher.mask().expect("there is always a way on");
        if mask.allows(END) {
            break;
        }
        let possible: Vec<u32> = mask.into_bitset().ones().map(|token| token as u32).collect();
        // What closes something is taken more often, so that texts end.
        let closing: Vec<u32> =
            possible.iter().copied().filter(|token| b"}]\",:".map(u32::from).contains(token)).collect();
        let from = if choice % 3 > 0 && !closing.is_empty() { &closing } else { &possible };
        matcher.accept(&[from[choice as usize / 3 % from.len()]]).unwrap();
    }
    let ended = matcher.can_end().unwrap();
    let bytes = VOCABULARY.trie().decode_raw(matcher.tokens());
    ended.then(|| String::from_utf8(bytes).expect("matchers end between characters"))
}

/// Asserts that the values are accepted if and only if they are valid, each in some spelling, cut into tokens as `choose` says.
fn assert_same(schema: &Value, values: Vec<Value>, choose: u64) -> Result<(), TestCaseError> {
    let validator = validator(schema);
    let Some(mut matcher) = compiled(schema) else { return Ok(()) };
    for value in values {
        let mut choices = choose;
        let accepted = spellings(&value).iter().any(|text| {
            matcher.reset();
            let tokens = cut(text, |count| {
                choices = choices.rotate_left(7) ^ 0x9e37;
                choices as usize % count
            });
            accepts(&mut matcher, &tokens)
        });
        prop_assert_eq!(accepted, validator.is_valid(&value), "{} with {}", schema, value);
    }
    Ok(())
}

/// Asserts that what the matcher ends at is valid.
fn assert_valid(schema: &Value, choices: Vec<Vec<u32>>) -> Result<(), TestCaseError> {
    let validator = validator(schema);
    let Some(mut matcher) = compiled(schema) else { return Ok(()) };
    for choices in choices {
        let Some(text) = generate(&mut matcher, &choices) else { continue };
        let value = serde_json::from_str::<Value>(&text);
        prop_assert!(value.is_ok(), "{} with {}: {:?}", schema, text, value);
        // The validator's numbers are of 64 bits; a text may have digits beyond those.
        if is_exact(&text)
            && let Ok(value) = value
        {
            prop_assert!(validator.is_valid(&value), "{} with {}", schema, text);
        }
    }
    Ok(())
}

/// Whether no number in the text has more digits than fit.
fn is_exact(text: &str) -> bool {
    text.split(|char: char| !char.is_ascii_digit() && char != '.').all(|digits| digits.len() < 16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_value_is_accepted_if_and_only_if_it_is_valid(schema in schemas(), values in prop::collection::vec(values(), 6), choose in any::<u64>()) {
        assert_same(&schema, values, choose)?;
    }

    #[test]
    fn every_text_that_is_reached_validates(schema in schemas(), choices in prop::collection::vec(prop::collection::vec(any::<u32>(), 120), 4)) {
        assert_valid(&schema, choices)?;
    }

    #[test]
    fn references_mean_what_they_refer_to(schema in referring(), values in prop::collection::vec(values(), 6), choose in any::<u64>(), choices in prop::collection::vec(prop::collection::vec(any::<u32>(), 120), 2)) {
        assert_same(&schema, values, choose)?;
        assert_valid(&schema, choices)?;
    }
}

/// Keywords that nothing here enforces, with values that mean something.
fn unsupported_keywords() -> Vec<(&'static str, Value)> {
    vec![
        ("not", json!({ "type": "null" })),
        ("if", json!({ "type": "string" })),
        ("contains", json!({ "type": "string" })),
        ("uniqueItems", json!(true)),
        ("propertyNames", json!({ "maxLength": 3 })),
        ("dependentRequired", json!({ "a": ["b"] })),
        ("dependentSchemas", json!({ "a": true })),
        ("unevaluatedProperties", json!(false)),
        ("unevaluatedItems", json!(false)),
        ("$dynamicRef", json!("#a")),
        ("minContains", json!(1)),
        ("minimun", json!(1)),
    ]
}

const FORMATS: [&str; 10] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn texts_of_a_format_are_of_that_format(format in prop::sample::select(FORMATS.to_vec()), pattern in prop::option::weighted(0.2, Just("[1-9]")), choices in prop::collection::vec(any::<u32>(), 0..60)) {
        let schema = with("string", [("format", Some(format.into())), ("pattern", pattern.map(Value::from))]);
        let mut matcher = compiled(&schema).expect("all formats are supported");
        walk(&mut matcher, &choices);
        let end = matcher.tokens().last() == Some(&END);
        let rest = if end { Vec::new() } else { matcher.rest().expect("there is a way to the end") };
        matcher.accept(&rest).unwrap();
        let text: Vec<u32> = matcher.tokens().iter().copied().filter(|token| *token != END).collect();
        let text = String::from_utf8(VOCABULARY.trie().decode_raw(&text)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(validator(&schema).is_valid(&value), "{} with {}", schema, text);
    }
}

#[test]
fn usual_texts_of_formats_are_reachable() {
    for (format, text) in [
        ("date", "2024-02-29"),
        ("date", "1999-12-31"),
        ("date-time", "2026-11-30T07:23:33.5+01:00"),
        ("time", "23:59:59Z"),
        ("duration", "P1DT2H"),
        ("email", "a.person+tag@mail.example.com"),
        ("hostname", "a-host.example.org"),
        ("hostname", "localhost"),
        ("ipv4", "10.0.0.255"),
        ("ipv6", "2001:db8::1"),
        ("uri", "https://example.org/a?b=c#d"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ] {
        let schema = json!({ "type": "string", "format": format });
        assert!(accepts_text(&mut compiled(&schema).unwrap(), &json!(text).to_string()), "{format}: {text}");
    }
    for (format, text) in [
        ("date", "2023-02-29"),
        ("date", "1900-02-29"),
        ("time", "12:00:60Z"),
        ("email", "nobody"),
        ("hostname", "-a"),
    ] {
        let schema = json!({ "type": "string", "format": format });
        assert!(!accepts_text(&mut compiled(&schema).unwrap(), &json!(text).to_string()), "{format}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_keyword_that_is_not_enforced_is_named_wherever_it_stands(inner in schemas(), index in 0_usize..12, place in 0_usize..6) {
        let (keyword, value) = unsupported_keywords().swap_remove(index);
        let mut inner = if inner.is_object() { inner } else { json!({}) };
        inner[keyword] = value;
        let schema = match place {
            0 => inner,
            1 => json!({ "type": "object", "properties": { "a": inner } }),
            2 => json!({ "type": "array", "items": inner }),
            3 => json!({ "anyOf": [true, inner] }),
            4 => json!({ "$defs": { "a": inner } }),
            _ => json!({ "type": "object", "additionalProperties": inner }),
        };
        match Grammar::new(Source::JsonSchema(schema.to_string())) {
            // What stands before it may be unsupported as well, by itself or for what it says.
            Err(GrammarError::Unsupported { keyword: named, .. }) => {
                prop_assert!(named == keyword || compiled_without(&schema, keyword).is_none(), "{}: {}", schema, named);
            }
            other => prop_assert!(false, "{}: {:?}", schema, other),
        }
    }
}

/// The matcher of a schema without a keyword, or none if there is none.
fn compiled_without(schema: &Value, keyword: &str) -> Option<Matcher> {
    fn without(schema: &Value, keyword: &str) -> Value {
        match schema {
            Value::Object(map) => {
                let left = map.iter().filter(|(name, _)| *name != keyword);
                left.map(|(name, value)| (name.clone(), without(value, keyword))).collect()
            }
            Value::Array(list) => list.iter().map(|value| without(value, keyword)).collect(),
            other => other.clone(),
        }
    }
    compiled(&without(schema, keyword))
}

#[test]
fn most_generated_schemas_are_supported() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut supported = |strategy: BoxedStrategy<Value>| {
        (0..300).filter(|_| compiled(&strategy.new_tree(&mut runner).unwrap().current()).is_some()).count()
    };
    let (plain, referring) = (supported(schemas().boxed()), supported(referring().boxed()));
    assert!(plain > 180 && referring > 150, "{plain} and {referring} of 300");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn bounds_and_multiples_mean_the_same(a in numbers(), b in prop::option::of(numbers()), values in prop::collection::vec(-90i64..90, 12)) {
        let schema = match b { Some(b) => json!({ "allOf": [a, b] }), None => a };
        let validator = validator(&schema);
        let Some(mut matcher) = compiled(&schema) else { return Ok(()) };
        for value in values {
            let value = if value % 4 == 0 { json!(value / 4) } else { json!(value as f64 / 4.0) };
            let accepted = spellings(&value).iter().any(|text| accepts_text(&mut matcher, text));
            prop_assert_eq!(accepted, validator.is_valid(&value), "{} with {}", schema, value);
        }
        for text in ["-0", "0.0", "-0.0", "4.00", "1e0"] {
            let value: Value = serde_json::from_str(text).unwrap();
            prop_assert!(!accepts_text(&mut matcher, text) || validator.is_valid(&value), "{} with {}", schema, text);
        }
    }
}
