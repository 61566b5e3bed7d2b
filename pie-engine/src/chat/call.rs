//! The text of a tool call.

use super::tool::kind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// How a call is written down between its marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CallShape {
    /// A JSON object with `name` and `arguments` (or `parameters`), or a list of such objects.
    #[default]
    Json,
    /// The name, this separator, and the arguments as JSON; the name may come on the separator's right
    /// with the arguments in a fenced block.
    Separated(String),
}

/// A complete call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object, spelled as the model spelled it.
    pub(super) arguments: String,
}

/// How much of a malformed call an error message shows, in characters.
const SHOWN: usize = 80;

impl CallShape {
    /// Reads what stood between the marks: at least one call.
    pub(super) fn parse(&self, text: &str) -> Result<Vec<Call>, String> {
        let calls = match self {
            CallShape::Json => parse_json(text),
            CallShape::Separated(separator) => parse_separated(text, separator).map(|call| vec![call]),
        };
        calls.map_err(|reason| {
            let head: String = text.trim().chars().take(SHOWN).collect();
            format!("malformed tool call: {reason}, in `{head}`")
        })
    }
}

#[derive(Deserialize)]
struct JsonCall<'a> {
    name: String,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
}

fn parse_json(text: &str) -> Result<Vec<Call>, String> {
    let calls: Vec<JsonCall> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        vec![serde_json::from_str(text).map_err(|error| error.to_string())?]
    };
    if calls.is_empty() {
        return Err("an empty list".to_owned());
    }
    calls.into_iter().map(|call| checked(&call.name, call.arguments.map_or("{}", RawValue::get))).collect()
}

fn parse_separated(text: &str, separator: &str) -> Result<Call, String> {
    let (left, right) = text.split_once(separator).ok_or_else(|| format!("no `{separator}`"))?;
    match right.split_once("```json") {
        Some((name, fenced)) => {
            let arguments = fenced.trim_end().strip_suffix("```").ok_or("the fenced block is not closed")?;
            checked(name, arguments)
        }
        None => checked(left, right),
    }
}

/// Arguments are an object. Some models write it as a string that contains JSON.
fn checked(name: &str, arguments: &str) -> Result<Call, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    let value: Value = serde_json::from_str(arguments).map_err(|error| format!("arguments: {error}"))?;
    match value {
        Value::Object(_) => Ok(Call { name: name.to_owned(), arguments: arguments.trim().to_owned() }),
        Value::Null => Ok(Call { name: name.to_owned(), arguments: "{}".to_owned() }),
        Value::String(inner) if inner.trim_start().starts_with('{') => checked(name, &inner),
        other => Err(format!("arguments are {}, expected an object", kind(&other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Vec<(String, String)> {
        let calls = CallShape::Json.parse(text).unwrap();
        calls.into_iter().map(|call| (call.name, call.arguments)).collect()
    }

    #[test]
    fn arguments_keep_their_spelling() {
        let text = "\n{\"name\": \"f\", \"arguments\": {\"b\": 1e2, \"a\":  12345678901234567890123}}\n";
        assert_eq!(json(text), [("f".into(), "{\"b\": 1e2, \"a\":  12345678901234567890123}".into())]);
    }

    #[test]
    fn a_list_is_several_calls_and_parameters_are_arguments() {
        let text = r#"[{"name":"f","parameters":{}},{"arguments":"{\"x\":1}","name":"g"},{"name":"h"}]"#;
        assert_eq!(
            json(text),
            [("f".into(), "{}".into()), ("g".into(), "{\"x\":1}".into()), ("h".into(), "{}".into())]
        );
    }

    #[test]
    fn both_separated_forms_are_read() {
        let shape = CallShape::Separated("<sep>".into());
        let expected = vec![Call { name: "f".into(), arguments: "{\"x\":1}".into() }];
        assert_eq!(shape.parse("f<sep>{\"x\":1}"), Ok(expected.clone()));
        assert_eq!(shape.parse("function<sep>f\n```json\n{\"x\":1}\n```"), Ok(expected));
    }

    #[test]
    fn a_malformed_call_says_what_is_wrong() {
        let shape = CallShape::Separated("<sep>".into());
        let cases = [
            (CallShape::Json, "{\"name\": \"f\"", "EOF"),
            (CallShape::Json, "{\"arguments\": {}}", "missing field `name`"),
            (
                CallShape::Json,
                "{\"name\": \"f\", \"arguments\": [1]}",
                "arguments are a list, expected an object",
            ),
            (CallShape::Json, "{\"name\": \" \", \"arguments\": {}}", "the name is empty"),
            (CallShape::Json, "[]", "an empty list"),
            (CallShape::Json, "{\"name\": \"f\"} and more", "trailing characters"),
            (shape.clone(), "f{}", "no `<sep>`"),
            (shape.clone(), "f<sep>{", "arguments: EOF"),
            (shape, "function<sep>f\n```json\n{}", "not closed"),
        ];
        for (shape, text, expected) in cases {
            let error = shape.parse(text).unwrap_err();
            assert!(
                error.starts_with("malformed tool call: ") && error.contains(expected),
                "{text}: {error}"
            );
        }
    }
}
