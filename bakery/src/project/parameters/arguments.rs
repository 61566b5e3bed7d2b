//! The arguments behind `--` on a command line, as the input of a run.
//!
//! A parameter is written `--max-tokens 5` or `--max-tokens=5`; `-` and `_` in its name are the same. A switch is `--verbose`, `--verbose=false`,
//! `--verbose false` or `--no-verbose`. A list repeats its parameter, `--tag a --tag b`; commas split nothing, because text has commas.
//! A value that begins with `--` needs the form with `=`.
//!
//! Without `[parameters]` types are guessed: `true` and `false` are switches, as is a name with no value; what JSON reads as a number is a number;
//! all else is text. A name given twice is a list. `-` in a name becomes `_`, which every language can spell.

use std::iter::Peekable;

use serde_json::{Map, Number, Value};

use super::{Parameter, fill, find, quoted, value};
use crate::error::{Error, Result};
use crate::suggest;

/// What stands behind `--`.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// The input of the run, defaults filled in, in the order of the manifest.
    Input(Map<String, Value>),
    /// `--help` or `-h` was among the arguments: show [`super::help`].
    Help,
}

/// Reads the arguments behind `--`; the rules are in this module's description. `None` is an inferlet without `[parameters]`.
///
/// # Errors
/// An unknown, missing, repeated or ill-typed parameter; the error names it, what was given and what was expected.
pub fn parse(parameters: Option<&[Parameter]>, args: &[String]) -> Result<Parsed> {
    let mut args = Arguments { rest: args.iter().map(String::as_str).peekable() };
    let mut given = Map::new();
    while let Some(argument) = args.rest.next() {
        if matches!(argument, "--help" | "-h") {
            return Ok(Parsed::Help);
        }
        let flag = Flag::read(argument).ok_or_else(|| stray(argument, parameters))?;
        match parameters {
            Some(parameters) => args.typed(&flag, parameters, &mut given)?,
            None => args.guessed(&flag, &mut given),
        }
    }
    finish(parameters, given).map(Parsed::Input)
}

/// Checks what only the whole shows (missing parameters, the lengths of lists) and fills in defaults.
fn finish(parameters: Option<&[Parameter]>, given: Map<String, Value>) -> Result<Map<String, Value>> {
    let Some(parameters) = parameters else { return Ok(given) };
    for (name, value) in &given {
        find(parameters, name)?.accept(value)?;
    }
    fill(parameters, &given)
}

/// `--name` or `--name=value`, the name with `_` for `-`.
struct Flag<'a> {
    written: &'a str,
    name: String,
    value: Option<&'a str>,
}

impl<'a> Flag<'a> {
    fn read(argument: &'a str) -> Option<Self> {
        let body = argument.strip_prefix("--").filter(|body| !body.is_empty() && !body.starts_with('='))?;
        let (name, value) = body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value)));
        Some(Flag { written: &argument[..2 + name.len()], name: underscored(name), value })
    }
}

fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

struct Arguments<'a, I: Iterator<Item = &'a str>> {
    rest: Peekable<I>,
}

impl<'a, I: Iterator<Item = &'a str>> Arguments<'a, I> {
    /// Takes the next argument as a value, unless it is a flag itself.
    fn value(&mut self) -> Option<&'a str> {
        self.rest.next_if(|argument| !argument.starts_with("--"))
    }

    /// Takes the next argument if it is `true` or `false`.
    fn truth(&mut self) -> Option<&'a str> {
        self.rest.next_if(|argument| matches!(*argument, "true" | "false"))
    }

    fn typed(
        &mut self,
        flag: &Flag<'a>,
        parameters: &[Parameter],
        given: &mut Map<String, Value>,
    ) -> Result<()> {
        let Some(parameter) = parameters.iter().find(|p| underscored(&p.name) == flag.name) else {
            return switched_off(flag, parameters, given);
        };
        let value = match (&parameter.kind, flag.value) {
            (_, Some(value)) => value,
            (value::Type::Bool, None) => self.truth().unwrap_or("true"),
            (_, None) => self.value().ok_or_else(|| no_value(flag, parameter, self.rest.peek().copied()))?,
        };
        let value = parameter.kind.read(value).map_err(|mismatch| mismatch.error(&parameter.title()))?;
        insert(parameter, value, given)
    }

    fn guessed(&mut self, flag: &Flag<'a>, given: &mut Map<String, Value>) {
        let value = guess(flag.value.or_else(|| self.value()).unwrap_or("true"));
        match given.get_mut(&flag.name) {
            None => {
                given.insert(flag.name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

/// The type of a value where no manifest says it.
fn guess(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // JSON would skip white space around a number; here it makes a text.
        _ if text.trim() != text => Value::from(text),
        _ => serde_json::from_str::<Number>(text).map_or_else(|_| Value::from(text), Value::Number),
    }
}

/// `--no-verbose`, where `verbose` is a switch.
fn switched_off(flag: &Flag<'_>, parameters: &[Parameter], given: &mut Map<String, Value>) -> Result<()> {
    let name = flag.name.strip_prefix("no_");
    let switch = parameters
        .iter()
        .find(|p| p.kind == value::Type::Bool && name.is_some_and(|name| underscored(&p.name) == name));
    match switch {
        Some(switch) if flag.value.is_none() => insert(switch, Value::Bool(false), given),
        Some(switch) => Err(Error::usage(format!("`{}` takes no value", flag.written))
            .hint(format!("write `{}=false`", switch.flag()))),
        None => Err(unknown(flag, parameters)),
    }
}

fn insert(parameter: &Parameter, value: Value, given: &mut Map<String, Value>) -> Result<()> {
    let is_list = matches!(parameter.kind, value::Type::Array { .. });
    match given.get_mut(&parameter.name) {
        Some(Value::Array(values)) if is_list => values.push(value),
        Some(_) => {
            return Err(Error::usage(format!("the parameter `{}` is given twice", parameter.name))
                .hint("only a parameter that is a list can be repeated"));
        }
        None => {
            let value = if is_list { Value::Array(vec![value]) } else { value };
            given.insert(parameter.name.clone(), value);
        }
    }
    Ok(())
}

fn unknown(flag: &Flag<'_>, parameters: &[Parameter]) -> Error {
    let error = Error::usage(format!("there is no parameter `{}`", flag.written));
    if parameters.is_empty() {
        return error.hint("this inferlet takes no parameters");
    }
    let flags: Vec<_> = parameters.iter().map(Parameter::flag).collect();
    let flags = || flags.iter().map(String::as_str);
    let all = || format!("the parameters are {}", quoted(flags()));
    error.hint(suggest::did_you_mean(flag.written, flags()).unwrap_or_else(all))
}

fn no_value(flag: &Flag<'_>, parameter: &Parameter, next: Option<&str>) -> Error {
    let error = Error::usage(format!("`{}` needs a value: {}", flag.written, parameter.kind));
    match next {
        Some(next) => error.hint(format!("if `{next}` is the value, write `{}={next}`", flag.written)),
        None => error,
    }
}

/// An argument that is no parameter.
fn stray(argument: &str, parameters: Option<&[Parameter]>) -> Error {
    let error = Error::usage(format!("unexpected argument `{argument}`"));
    let takes_it = |p: &&Parameter| matches!(p.kind, value::Type::String { .. } | value::Type::Enum { .. });
    let first = parameters.unwrap_or_default().iter().find(takes_it).map(Parameter::flag);
    let flag = first.as_deref().unwrap_or("--name");
    let double = argument.strip_prefix('-').filter(|rest| rest.len() > 1 && !rest.starts_with('-'));
    error.hint(match double {
        _ if argument == "--" => "one `--` in front of the parameters is enough".to_owned(),
        Some(rest) => format!("parameters have two dashes: `--{rest}`"),
        None => format!("parameters have names: `{flag} {argument}`"),
    })
}
