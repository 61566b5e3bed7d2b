//! Front ends, on what nobody means: they answer, and with an error where there is nothing to match.

use super::*;

/// Pieces of all notations.
const SOUP: [&str; 73] = [
    "start",
    "root",
    ":",
    "::=",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "*",
    "+",
    "?",
    "~2..3",
    "{2}",
    "{,",
    "1,0}",
    "\"a\"",
    "'b'",
    "\"",
    "'",
    "/[a-z]/",
    "/",
    "[^",
    "-",
    "\\",
    "\\u",
    "\\x{1F600}",
    "#x41",
    "#",
    "//",
    "/*",
    "*/",
    "\n",
    " ",
    ";",
    "A",
    "b",
    "<|tool|>",
    "<[256]>",
    "<",
    ">",
    "%ignore",
    "%import common",
    "%json {}",
    "%declare",
    "->",
    "!",
    "&",
    "~",
    "é",
    "日",
    "\0",
    "(?:",
    "(?<a>",
    "(?i)",
    "^",
    "$",
    ".",
    "\\d",
    "\\p{L}",
    "\"type\"",
    "\"object\"",
    "\"$ref\":\"#\"",
    ",",
    "null",
    "1e999",
    "99999999999",
    "{\"items\":",
    "{\"anyOf\":[",
    "{\"pattern\":\"",
    "{\"properties\":{\"a\":",
];

/// Such pieces, in an order that makes sense by accident only.
fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&SOUP[..]), 0..24).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        3 => soup(),
        1 => bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => any::<String>(),
    ]
}

/// JSON of any kind, as a schema.
fn values() -> impl Strategy<Value = serde_json::Value> {
    let keyword = prop::sample::select(vec![
        "type",
        "items",
        "prefixItems",
        "properties",
        "required",
        "enum",
        "const",
        "anyOf",
        "allOf",
        "oneOf",
        "$ref",
        "$defs",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "additionalProperties",
        "patternProperties",
        "minProperties",
        "$schema",
        "title",
    ]);
    let text = prop::sample::select(vec![
        "string",
        "object",
        "integer",
        "#",
        "#/$defs/a",
        "int64",
        "date",
        "(",
        "^a$",
        "",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-5i64..5).prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        text.prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            4 => prop::collection::btree_map(keyword.clone().prop_map(str::to_owned), inner, 0..4).prop_map(|map| serde_json::json!(map)),
        ]
    })
}

/// Goes as far as it can; each step that a mask allows must be possible.
fn try_out(source: Source, choices: &[u32]) {
    let Ok(grammar) = Grammar::new(source) else { return };
    let Ok(prototype) = Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)) else { return };
    let mut matcher = Matcher::new(&prototype).leading(8);
    for &choice in choices {
        let Ok(mask) = matcher.mask() else { return };
        let possible: Vec<usize> = mask.into_bitset().ones().collect();
        if matcher.accept(&[possible[choice as usize % possible.len()] as u32]).is_err() {
            return;
        }
        matcher.way_out();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_a_front_end_panic(text in texts(), choices in prop::collection::vec(any::<u32>(), 6)) {
        for source in [Source::Ebnf(text.clone()), Source::Ebnf(format!("root ::= {text}")), Source::Ebnf(format!("start: {text}")), Source::Regex(text.clone()), Source::JsonSchema(text)] {
            try_out(source, &choices);
        }
    }

    #[test]
    fn no_json_makes_the_reader_of_schemas_panic(schema in values(), choices in prop::collection::vec(any::<u32>(), 6)) {
        try_out(Source::JsonSchema(schema.to_string()), &choices);
    }
}
