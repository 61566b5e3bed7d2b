//! Between the export of the component and the program's `main`: JSON in, JSON out.

use crate::executor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::fmt::Display;
use std::future::Future;
use std::io::Write;

/// What a `main` may return: a [`Result`] of anything that can be written as JSON, with an error that can be shown.
#[diagnostic::on_unimplemented(
    message = "`main` of an inferlet returns `inferlet::Result<T>` with a `T` that implements `serde::Serialize`",
    label = "this is `{Self}`"
)]
pub trait Outcome {
    /// Output as JSON text, or the message of the error.
    fn into_json(self) -> Result<String, String>;
}

impl<T: Serialize, E: Display> Outcome for Result<T, E> {
    fn into_json(self) -> Result<String, String> {
        let value = self.map_err(|error| error.to_string())?;
        serde_json::to_string(&value)
            .map_err(|error| format!("the output `{}` cannot be written as JSON: {error}", short_name::<T>()))
    }
}

/// Runs a program to its end: the `main` attribute calls this in the component's export.
pub fn run<F>(program: F) -> Result<String, String>
where
    F: Future<Output = Result<String, String>>,
{
    let result = executor::block_on(program)
        .unwrap_or_else(|_| Err("the program waits for something that nothing will ever provide".to_owned()));
    flush();
    result
}

/// A reactor has no exit at which the standard library would flush; a failure to do so has no reader.
pub(crate) fn flush() {
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// Reads the input of `main`. No text at all stands for an object without fields.
pub fn parse_input<T: DeserializeOwned>(input: &str) -> Result<T, String> {
    from_json(input).map_err(|error| format!("the input does not fit `{}`: {error}", short_name::<T>()))
}

/// Reads the input of a `main` that takes a `String`: what a JSON string holds, and any other JSON as it stands.
pub fn text_input(input: &str) -> String {
    serde_json::from_str(input).unwrap_or_else(|_| input.to_owned())
}

/// The name of a type as its author writes it, without the path to it.
fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    // The paths of generic arguments stay: cutting inside brackets would leave a broken name.
    match name.find('<') {
        Some(_) => name,
        None => name.rsplit("::").next().unwrap_or(name),
    }
}

/// Reads JSON; the error names the place in the value and what was expected there.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => error.inner().to_string(),
            path => format!("`{path}`: {}", error.inner()),
        }
    })?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    struct Input {
        prompt: String,
        #[serde(default)]
        options: Vec<Choice>,
    }

    #[derive(Deserialize, Debug)]
    struct Choice {
        weight: f32,
    }

    fn error(input: &str) -> String {
        parse_input::<Input>(input).unwrap_err()
    }

    #[test]
    fn an_input_that_fits_is_read() {
        let input: Input = parse_input(r#"{"prompt": "hi", "options": [{"weight": 2}]}"#).unwrap();
        assert_eq!((input.prompt.as_str(), input.options[0].weight), ("hi", 2.0));
        assert_eq!(parse_input::<String>("\"plain\"").unwrap(), "plain");
    }

    #[test]
    fn an_input_that_does_not_fit_is_an_error_that_says_where_and_what_was_expected() {
        assert!(error("{}").contains("missing field `prompt`"), "{}", error("{}"));
        let wrong = error(r#"{"prompt": "hi", "options": [{"weight": "heavy"}]}"#);
        assert!(wrong.contains("`options[0].weight`") && wrong.contains("expected f32"), "{wrong}");
        assert!(error("").contains("missing field"), "no input is an object without fields");
        assert!(error("{\"prompt\": \"hi\"} x").contains("trailing characters"));
        assert!(error("[").starts_with("the input does not fit `Input`: "), "{}", error("["));
        assert!(parse_input::<Vec<Choice>>("{}").unwrap_err().contains("Choice>`"));
    }

    #[test]
    fn a_text_input_is_the_string_or_the_json_itself() {
        assert_eq!(text_input("\"a \\\"b\\\"\""), "a \"b\"");
        assert_eq!(text_input("{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(text_input(""), "");
    }

    #[test]
    fn outputs_and_errors_become_text() {
        assert_eq!(Ok::<_, String>(vec![1, 2]).into_json(), Ok("[1,2]".to_owned()));
        assert_eq!(Ok::<_, String>(()).into_json(), Ok("null".to_owned()));
        assert_eq!(Err::<(), _>(std::fmt::Error).into_json(), Err(std::fmt::Error.to_string()));
    }

    #[test]
    fn a_program_that_waits_for_nothing_fails_instead_of_hanging() {
        assert!(run(std::future::pending()).unwrap_err().contains("waits for something"));
        assert_eq!(run(async { Ok("1".to_owned()) }), Ok("1".to_owned()));
    }
}
