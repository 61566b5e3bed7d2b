//! The grammar of tool calls in a model's format, in Lark's notation: one call or more, with the model's marks, each naming one of the
//! tools and giving arguments that satisfy its schema.

use super::call::CallShape;
use super::tool::{Tool, ToolFormat};
use crate::grammar::{GrammarError, checked_schema};
use crate::tokenizer::Tokenizer;
use std::fmt::Write;

/// The grammar. What a tool says about its parameters has to be something that can be enforced; the error names what is not.
pub(super) fn write(
    format: &ToolFormat,
    tokenizer: &Tokenizer,
    tools: &[Tool],
) -> Result<String, (usize, GrammarError)> {
    let marks = |marks: &[String]| {
        let each: Vec<String> = marks.iter().map(|mark| terminal(mark, tokenizer)).collect();
        if each.is_empty() { String::new() } else { format!("({})", each.join(" | ")) }
    };
    let around =
        |index: usize| format.around.get(index).map(|mark| terminal(mark, tokenizer)).unwrap_or_default();
    let calls: Vec<String> = (0..tools.len()).map(|number| format!("call_{number}")).collect();
    let mut lark = format!("start: {} (call SPACE)+ {}\n", around(0), around(1));
    lark += &format!(
        "call: {} SPACE ({}) SPACE {}\n",
        marks(&format.open),
        calls.join(" | "),
        marks(&format.close)
    );
    // Between marks and calls, where formats differ in line breaks.
    lark += "SPACE: /[ \\n]{0,2}/\n";
    for (number, tool) in tools.iter().enumerate() {
        let schema = checked_schema(&tool.parameters.to_string()).map_err(|error| (number + 1, error))?;
        let (head, tail) = match &format.shape {
            CallShape::Json => {
                let name = quoted(&tool.name);
                (quoted(&format!("{{\"name\": {name}, \"arguments\": ")), quoted("}"))
            }
            CallShape::Separated(separator) => {
                (format!("{} {}", quoted(&tool.name), terminal(separator, tokenizer)), String::new())
            }
        };
        writeln!(lark, "call_{number}: {head} %json {schema} {tail}")
            .expect("a string takes all that is written");
    }
    Ok(lark)
}

/// A mark: the token of that spelling if it is a control token, or else its text.
fn terminal(mark: &str, tokenizer: &Tokenizer) -> String {
    match tokenizer.special_id(mark).filter(|id| tokenizer.is_control(*id)) {
        Some(id) => format!("<[{id}]>"),
        None => quoted(mark),
    }
}

/// A text between quotes, as JSON and Lark write it. Lark wants DEL escaped as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', r"\u007f")
}
