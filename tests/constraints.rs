//! Structured output from the SDK to the engine and back: `tests/guests/constraints` generates under the constraints of its input.

use std::sync::OnceLock;

use pie_engine::trace::{Collected, Elided, Event, GrammarKind, Outcome};
use pie_engine::{Engine, EngineConfig, Launch};
use serde_json::{Value, json};

use crate::support::rust::guest;

/// The component, built once for all tests.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("constraints"))
}

fn engine() -> Engine {
    Engine::new(EngineConfig::dummy()).unwrap()
}

/// What the guest answers, and what happened.
fn run(engine: &Engine, input: &Value) -> (Vec<String>, Vec<Event>) {
    let inferlet = engine.compile(component()).unwrap();
    let trace = Collected::default();
    let finished = engine.run(&inferlet, Launch::new(input.to_string()), Box::new(trace.clone()));
    assert_eq!(finished.findings, [""; 0]);
    let Outcome::Ok(answer) = finished.outcome else { panic!("{:?}", finished.outcome) };
    (serde_json::from_str(answer.as_str()).unwrap(), trace.events())
}

fn group(name: &str) -> Vec<String> {
    run(&engine(), &json!({ "group": name })).0
}

fn texts(cases: Vec<Value>) -> Vec<String> {
    run(&engine(), &json!({ "texts": cases })).0
}

/// The error of one case.
fn error(constraints: &Value) -> String {
    let text = texts(vec![json!({ "constraints": constraints })]).remove(0);
    text.strip_prefix("error: ").unwrap_or_else(|| panic!("it generated {text:?}")).to_owned()
}

#[test]
fn matchers_move_roll_back_and_end_on_the_engine() {
    assert_eq!(group("matchers"), ["moved", "rolled back", "reset", "terminated", "shown"]);
}

#[test]
fn every_way_to_make_a_constraint_constrains() {
    let texts = group("constraints");
    let json: Result<Value, _> = serde_json::from_str(&texts[0]);
    assert!(json.is_ok(), "{texts:?}");
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits(&texts[1]) && ["3", "4", "5"].contains(&texts[2].as_str()), "{texts:?}");
    assert!(texts[3].len() == 3 && texts[3].bytes().all(|byte| b"xyz".contains(&byte)), "{texts:?}");
    assert!(texts[4].len() == 3 && texts[4].starts_with('<') && texts[4].ends_with('>'), "{texts:?}");
    assert!(digits(&texts[5]), "{texts:?}");
}

#[test]
fn schemas_and_constraints_of_ones_own_hold() {
    assert_eq!(group("own"), ["schema", "constrain"]);
}

#[test]
fn matchers_fork_and_roll_back_with_their_contexts() {
    assert_eq!(group("forks"), ["forked", "rolled back"]);
}

#[test]
fn forced_tokens_need_no_pass_and_change_nothing() {
    for (quick, slow) in [("quick", "slow"), ("quick at random", "slow at random")] {
        let (text, events) = run(&engine(), &json!({ "group": quick }));
        let (expected, more) = run(&engine(), &json!({ "group": slow }));
        assert_eq!(text, expected);
        let passes =
            |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Pass { .. })).count();
        assert!(passes(&events) + 6 < passes(&more), "{} and {} passes", passes(&events), passes(&more));
        assert!(events.iter().any(|event| matches!(event, Event::Forced { .. })));
    }
    assert_eq!(group("counted"), ["counted"]);
}

#[test]
fn values_of_rust_types_parse_and_what_a_limit_cuts_short_says_so() {
    let [loaf, error] = &group("json")[..] else { panic!("two answers") };
    assert!(loaf.starts_with("Loaf {"), "{loaf}");
    assert!(
        error.starts_with("the limit of 4 tokens cut the `") && error.contains("Loaf` short: {"),
        "{error}"
    );
}

#[test]
fn values_of_types_without_bounds_parse_as_well() {
    assert_eq!(group("types").len(), 40);
}

#[test]
fn matchers_that_have_moved_far_fork_and_go_back_to_where_they_were() {
    let refused = group("copies").remove(0);
    assert!(refused.contains("token id 99999999 is not in the vocabulary"), "{refused}");
}

#[test]
fn the_dummy_is_shown_the_end_of_a_text_and_drafts_do_not_change_its_way() {
    let (texts, events) = run(&engine(), &json!({ "group": "long" }));
    assert!(
        texts[0].ends_with('x') && texts[1].ends_with("end") && texts[2].ends_with("</html>"),
        "{texts:?}"
    );
    let shown = |event: &&Event| matches!(event, Event::Pass { shown: Some(_), .. });
    assert!(events.iter().filter(shown).count() > 3);
}

#[test]
fn a_trace_says_which_grammars_were_followed() {
    let cases = json!([
        { "constraints": [{ "schema": "{\"type\":\"boolean\"}" }, "json"], "max_tokens": 20 },
        { "constraints": [{ "regex": "[a-c]{3}" }], "max_tokens": 20 },
        { "constraints": [{ "ebnf": "start: \"a\"" }, { "ebnf": "s ::= \"a\"" }], "max_tokens": 20 },
    ]);
    let (_, events) = run(&engine(), &json!({ "texts": cases }));
    let followed = events.iter().filter_map(|event| match event {
        Event::MatcherCreated { kind, source, .. } => Some((*kind, source.clone())),
        _ => None,
    });
    let expected = [
        (GrammarKind::JsonSchema, "{\"type\":\"boolean\"}"),
        (GrammarKind::JsonSchema, "{}"),
        (GrammarKind::Regex, "[a-c]{3}"),
        (GrammarKind::Lark, "start: \"a\""),
        (GrammarKind::Ebnf, "s ::= \"a\""),
    ];
    assert_eq!(followed.collect::<Vec<_>>(), expected.map(|(kind, text)| (kind, Elided::of(text))));
}

#[test]
fn the_grammar_of_tool_calls_is_that_of_the_model() {
    assert_eq!(group("tools"), ["native"]);
}

/// Schemas as people write them, each with a value that nobody would guess.
fn schemas() -> Vec<Value> {
    let text = json!({ "type": "string" });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let object = |properties: Value| {
        let names: Vec<String> = properties.as_object().unwrap().keys().cloned().collect();
        json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
    };
    let person = object(json!({ "name": text, "age": { "type": "integer", "minimum": 0, "maximum": 150 } }));
    vec![
        json!({}),
        text.clone(),
        json!({ "type": "number" }),
        json!({ "type": "number", "minimum": -1000, "maximum": 1000 }),
        json!({ "type": "string", "format": "email" }),
        json!({ "type": "array", "items": { "type": "string", "format": "email" }, "minItems": 3 }),
        json!({ "type": "string", "pattern": "^[^#]*#$" }),
        json!({ "type": "integer", "minimum": -3, "maximum": 1000 }),
        json!({ "type": ["string", "null", "boolean"] }),
        json!({ "enum": ["rye", "wheat", 7, null] }),
        json!({ "type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$" }),
        json!({ "type": "string", "format": "date" }),
        json!({ "type": "string", "format": "uuid" }),
        json!({ "type": "string", "minLength": 12, "maxLength": 20 }),
        list(text.clone()),
        list(json!({ "type": "integer" })),
        json!({ "type": "array", "items": person, "minItems": 2, "maxItems": 4 }),
        person.clone(),
        object(json!({ "people": list(person.clone()), "open": { "type": "boolean" } })),
        object(json!({ "a": object(json!({ "b": object(json!({ "c": list(list(text.clone())) })) })) })),
        json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
        json!({ "type": "object" }),
        json!({ "anyOf": [person, { "type": "array", "items": { "type": "boolean" } }] }),
        json!({
            "$defs": { "tree": { "type": "object", "properties": {
                "value": { "type": "integer" }, "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } }
            }, "required": ["value", "children"], "additionalProperties": false } },
            "$ref": "#/$defs/tree"
        }),
    ]
}

#[test]
fn the_dummy_closes_every_schema_within_its_budget() {
    let schemas = schemas();
    for temperature in [0.0, 1.0] {
        let case = |schema: &Value| json!({ "constraints": [{ "schema": schema.to_string() }], "max_tokens": 256, "temperature": temperature });
        for (schema, text) in schemas.iter().zip(texts(schemas.iter().map(case).collect())) {
            let value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema}: {error}: {text}"));
            let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
            assert!(validator.is_valid(&value), "{schema}: {text}");
        }
    }
}

#[test]
fn the_dummy_ends_expressions_and_grammars_too() {
    let calculator = "start: sum\nsum: product | sum /[+-]/ product\nproduct: atom | product /[*\\/]/ atom\natom: NUMBER | \"(\" sum \")\"\nNUMBER: /[0-9]{1,4}/";
    let json = json!({ "constraints": ["json"], "max_tokens": 256 });
    let cases = vec![
        json!({ "constraints": [{ "regex": "[a-z ]+\\." }], "max_tokens": 256 }),
        json!({ "constraints": [{ "ebnf": calculator }], "max_tokens": 256 }),
        json!({ "constraints": [{ "ebnf": "list ::= \"[\" [0-9]+ (\",\" [0-9]+)* \"]\"" }], "max_tokens": 256 }),
        json,
    ];
    let texts = texts(cases);
    assert!(texts[0].ends_with('.'), "{texts:?}");
    assert_eq!(texts[1].matches('(').count(), texts[1].matches(')').count(), "{texts:?}");
    assert!(texts[1].ends_with(|end: char| end == ')' || end.is_ascii_digit()), "{texts:?}");
    assert!(texts[2].starts_with('[') && texts[2].ends_with(']'), "{texts:?}");
    assert!(serde_json::from_str::<Value>(&texts[3]).is_ok(), "{texts:?}");
}

#[test]
fn several_constraints_hold_together() {
    let both = json!([{ "regex": "[a-m]{5}" }, { "compiled": "[g-z]{5}" }, { "ebnf": "start: /[a-hj-z]+/" }]);
    let texts = texts(vec![json!({ "constraints": both })]);
    assert!(texts[0].len() == 5 && texts[0].bytes().all(|byte| b"ghjklm".contains(&byte)), "{texts:?}");
}

#[test]
fn the_dummy_comes_to_an_end_that_several_constraints_have_in_common() {
    let schema = r#"{"type":"object","properties":{"name":{"type":"string"},"note":{"type":"string"}},"required":["name"],"additionalProperties":false}"#;
    let named = json!([{ "schema": schema }, { "regex": r#"\{"name": "[a-z ]{30,}"\}"# }]);
    let loops = json!([{ "regex": "[ab]*a" }, { "regex": "[ab]*bba" }]);
    for temperature in [0.0, 1.0] {
        let case = |constraints: &Value| json!({ "constraints": constraints, "max_tokens": 256, "temperature": temperature });
        let texts = texts([&named, &loops].map(case).to_vec());
        let value: Value =
            serde_json::from_str(&texts[0]).unwrap_or_else(|error| panic!("{error}: {texts:?}"));
        assert!(value["name"].as_str().unwrap().len() >= 30, "{texts:?}");
        assert!(texts[1].ends_with("bba") && texts[1].bytes().all(|byte| b"ab".contains(&byte)), "{texts:?}");
    }
}

#[test]
fn constraints_that_never_end_together_are_an_error_that_names_them() {
    let constraints = json!([{ "regex": "[ab]*aab" }, { "regex": "[ab]*bba" }]);
    let text = texts(vec![json!({ "constraints": constraints, "max_tokens": 1000 })]).remove(0);
    let expected = "the regular expression `[ab]*aab` and the regular expression `[ab]*bba` do not come to an end together, as far as is known";
    assert!(text.starts_with("error: ") && text.contains(expected), "{text}");
}

#[test]
fn constraints_without_a_common_token_are_an_error_that_names_them() {
    let message = error(&json!([{ "regex": "[a-c]{5}" }, { "regex": "[x-z]{5}" }]));
    assert!(
        message.contains("no token satisfies")
            && message.contains("the grammar `[a-c]{5}`; the grammar `[x-z]{5}`"),
        "{message}"
    );
    let message = error(&json!([{ "mask": [100] }]));
    assert!(message.contains("no token") && message.contains("the mask of 1 runs"), "{message}");
}

#[test]
fn a_mask_of_the_wrong_length_is_an_error_that_names_its_constraint() {
    for mask in [json!([0, 3]), json!([0, 100_000_000]), json!([0, 4_294_967_295_u32, 7])] {
        let message = error(&json!([{ "mask": mask }]));
        assert!(message.contains("mask") && message.contains("constrained by the mask of"), "{message}");
    }
}

#[test]
fn a_grammar_that_cannot_be_is_an_error_that_says_why() {
    for (constraint, reason) in [
        (json!({ "schema": "" }), "the JSON schema is empty"),
        (json!({ "schema": "{\"type\":\"strin\"}" }), "strin"),
        (json!({ "schema": "{\"not\":{}}" }), "not"),
        (json!({ "ebnf": "" }), "is empty"),
        (json!({ "ebnf": "# nothing but a comment" }), "is empty"),
        (json!({ "ebnf": "root ::= \"a\" other" }), "there is no rule `other`"),
        (
            json!({ "ebnf": format!("root ::= {}\"a\"{}", "(".repeat(99), ")".repeat(99)) }),
            "nested deeper than",
        ),
        (json!({ "ebnf": huge_grammar() }), "rules"),
        (json!({ "schema": deep_schema() }), "nested deeper than 127 levels"),
        (json!({ "ebnf": "start: \"a" }), ""),
        (json!({ "regex": "(" }), ""),
        (json!({ "regex": "x".repeat(300_000) }), "the limit is"),
        (json!({ "ebnf": "start: start \"a\"" }), "no token of this vocabulary can begin a text"),
        (json!({ "ebnf": "start: \"a\" b\nb: b \"c\"" }), "no token of the vocabulary continues the text"),
        (json!({ "ebnf": ambiguous_grammar() }), "the grammar is too complex to go on"),
    ] {
        let message = error(&json!([constraint]));
        assert!(message.contains(reason), "{message}");
    }
}

/// More rules than there may be.
fn huge_grammar() -> String {
    (0..5000).map(|rule| format!("r{rule} ::= \"a\" r{}\n", (rule + 1) % 5000)).collect()
}

/// Each text of n letters has more than 2^n derivations of each of many rules.
fn ambiguous_grammar() -> String {
    let rule = |rule: usize| {
        let next = (rule + 1) % 60;
        format!("a{rule}: a{rule} a{next} a{rule} | a{next} a{next} | \"a\" | \"a\" a{rule}\n")
    };
    "start: a0 \"b\"\n".to_owned() + &(0..60).map(rule).collect::<String>()
}

fn deep_schema() -> String {
    format!("{}true{}", r#"{"items":"#.repeat(200), "}".repeat(200))
}

#[test]
fn ambiguous_and_left_recursive_grammars_generate() {
    let left = json!([{ "ebnf": "start: item | start \",\" item\nitem: /[0-9]/" }]);
    let ambiguous = json!([{ "ebnf": "e ::= e \"+\" e | [0-9]" }]);
    let texts = texts([left, ambiguous].map(|it| json!({ "constraints": it, "max_tokens": 256 })).to_vec());
    assert!(texts.iter().all(|text| text.ends_with(|end: char| end.is_ascii_digit())), "{texts:?}");
}
