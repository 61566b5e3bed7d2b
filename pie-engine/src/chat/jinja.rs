//! Renders chat templates as they are published with models: Jinja as Hugging Face's `transformers` sets it up.
//!
//! The differences are deliberate: the date is always the same, so that the same conversation is always the same text, and a
//! template that runs for too long fails.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use std::io::{self, Write};
use std::sync::Arc;

/// Instructions that one rendering may take. A conversation takes some thousands.
const FUEL: u64 = 1_000_000;
const NAME: &str = "chat";
/// The day that every template is told it is: Friday, 26 July 2024, the default of the Llama 3 templates.
const TODAY: [(char, &str); 12] = [
    ('Y', "2024"),
    ('y', "24"),
    ('m', "07"),
    ('d', "26"),
    ('j', "208"),
    ('b', "Jul"),
    ('B', "July"),
    ('a', "Fri"),
    ('A', "Friday"),
    ('H', "00"),
    ('M', "00"),
    ('S', "00"),
];

/// A compiled template.
#[derive(Clone)]
pub(super) struct Jinja {
    environment: Arc<Environment<'static>>,
}

impl std::fmt::Debug for Jinja {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jinja")
    }
}

impl Jinja {
    /// Compiles a template; the error says where it is wrong.
    pub(super) fn new(source: &str) -> Result<Jinja, String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| chain(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_filter("tojson", tojson);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| strftime(&format));
        environment
            .add_template_owned(NAME, without_generation_marks(source))
            .map_err(|error| chain(&error))?;
        Ok(Jinja { environment: Arc::new(environment) })
    }

    /// Renders it with the members of an object as variables.
    pub(super) fn render(&self, variables: &serde_json::Value) -> Result<String, String> {
        let template = self.environment.get_template(NAME).map_err(|error| chain(&error))?;
        template.render(Value::from(Serde(variables))).map_err(|error| chain(&error))
    }
}

/// An error with its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// `{% generation %}` marks what is trained on; it prints nothing, and only `transformers` knows it.
fn without_generation_marks(source: &str) -> String {
    let mut text = source.to_owned();
    for name in ["generation", "endgeneration"] {
        for (open, close) in [("{%", "%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%-", "-%}")] {
            // A comment with the same signs trims white space the same way.
            let comment = format!("{}{}", open.replace('%', "#"), close.replace('%', "#"));
            text = text.replace(&format!("{open} {name} {close}"), &comment);
        }
    }
    text
}

fn strftime(format: &str) -> String {
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match if c == '%' { chars.next() } else { None } {
            None => text.push(c),
            Some('-') => text += today(chars.next()).trim_start_matches('0'),
            Some('%') => text.push('%'),
            code => text += &today(code),
        }
    }
    text
}

fn today(code: Option<char>) -> String {
    let Some(code) = code else { return String::new() };
    let known = TODAY.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| format!("%{code}"), |(_, value)| (*value).to_owned())
}

/// `json.dumps` of Python, without escapes for HTML and with the white space that models have seen.
fn tojson(value: Value, arguments: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let failed = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut bytes = Vec::new();
    match indent {
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, PythonFormatter)),
        Some(indent) => {
            let indent = " ".repeat(indent.min(16));
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        }
    }
    .map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A space after each comma and colon.
struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str) -> Result<String, String> {
        let variables = json!({"x": {"b": [1, "<é>", null], "a": true}, "s": " Hi "});
        Jinja::new(source).and_then(|jinja| jinja.render(&variables))
    }

    #[test]
    fn templates_render_as_python_would() {
        let cases = [
            ("{{ x | tojson }}", r#"{"b": [1, "<é>", null], "a": true}"#),
            ("{{ x.b | tojson(indent=1) }}", "[\n 1,\n \"<é>\",\n null\n]"),
            ("{{ s.strip() }}{{ s | trim }}{{ s[1:-1] }}", "HiHiHi"),
            ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "13"),
            ("a\n  {% if true %}\nb\n  {% endif %}\n", "a\nb\n"),
            ("{% generation %}a{% endgeneration %} {%- generation -%} b", "ab"),
            ("{{ strftime_now('%d %b %Y, %-m, %%, %Q') }}", "26 Jul 2024, 7, %, %Q"),
            ("{{ nothing }}{{ s is string }}", "True"),
        ];
        for (source, expected) in cases {
            assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn a_template_that_raises_or_never_ends_is_an_error() {
        assert!(render("{{ raise_exception('no such role') }}").unwrap_err().contains("no such role"));
        assert!(render("{% for").unwrap_err().contains("syntax error"));
        let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(render(nested).unwrap_err().contains("fuel"));
    }
}
