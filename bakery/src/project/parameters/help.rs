//! The inferlet's own `--help`, drawn by clap so that it looks like every other.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};
use serde_json::Value;

use super::{Parameter, Type};
use crate::project::Manifest;

/// Columns of the text; fixed, so that the same manifest gives the same help everywhere.
const WIDTH: usize = 100;

/// The text of the inferlet's `--help`.
pub fn help(manifest: &Manifest) -> String {
    let package = &manifest.package;
    let mut command = Command::new(package.name.clone())
        .version(package.version.to_string())
        .bin_name("bakery run PATH --")
        .about(about(manifest))
        .term_width(WIDTH)
        .disable_version_flag(true);
    match &manifest.parameters {
        None => {
            command = command
                .override_usage("bakery run PATH -- [--NAME VALUE]...")
                .after_help("The manifest has no [parameters], so the inferlet takes anything.");
        }
        Some(parameters) => command = command.args(parameters.iter().map(argument)),
    }
    command.render_help().to_string()
}

fn about(manifest: &Manifest) -> String {
    let package = &manifest.package;
    let title = format!("{} {}", package.name, package.version);
    match &package.description {
        Some(description) => format!("{title}: {description}"),
        None => title,
    }
}

/// `--count <INT>`, as it stands in a command.
pub(super) fn usage(parameter: &Parameter) -> String {
    match parameter.kind {
        Type::Bool => parameter.flag(),
        _ => format!("{} <{}>", parameter.flag(), value_name(&parameter.kind)),
    }
}

fn argument(parameter: &Parameter) -> Arg {
    let long = parameter.name.replace('_', "-");
    let arg = Arg::new(parameter.name.clone())
        .long(long)
        .required(parameter.is_required())
        .help(description(parameter));
    match &parameter.kind {
        Type::Bool => arg.action(ArgAction::SetTrue),
        Type::Enum { values } => arg.value_parser(PossibleValuesParser::new(values)).value_name("VALUE"),
        Type::Array { items, .. } => {
            let arg = arg.action(ArgAction::Append).value_name(value_name(items));
            match items.as_ref() {
                Type::Enum { values } => arg.value_parser(PossibleValuesParser::new(values)),
                _ => arg,
            }
        }
        _ => arg.value_name(value_name(&parameter.kind)),
    }
}

fn value_name(kind: &Type) -> &'static str {
    match kind {
        Type::String { .. } => "TEXT",
        Type::Int { .. } => "INT",
        Type::Float { .. } => "NUMBER",
        Type::Bool => "BOOL",
        Type::Enum { .. } => "VALUE",
        Type::Array { items, .. } => value_name(items),
    }
}

/// The description, then what clap cannot know: limits, the default, how to repeat and how to switch off.
fn description(parameter: &Parameter) -> String {
    let mut parts: Vec<String> = parameter.description.iter().cloned().collect();
    parts.extend(limits(&parameter.kind));
    match &parameter.default {
        Some(Value::Bool(true)) => {
            parts.push(format!("[default: true, off with --no-{}]", &parameter.flag()[2..]))
        }
        Some(Value::String(text)) if !text.is_empty() => parts.push(format!("[default: {text}]")),
        Some(value) if *value != Value::Bool(false) => parts.push(format!("[default: {value}]")),
        _ => {}
    }
    parts.join(" ")
}

/// What of the type clap does not show: limits, and that a list is made by repeating.
fn limits(kind: &Type) -> Option<String> {
    match kind {
        kind if [Type::STRING, Type::INT, Type::FLOAT, Type::Bool].contains(kind) => None,
        Type::Enum { .. } => None,
        Type::Array { items, min_items: None, max_items: None } if limits(items).is_none() => {
            Some("[may be repeated]".to_owned())
        }
        Type::Array { .. } => Some(format!("[may be repeated: {kind}]")),
        _ => Some(format!("[{kind}]")),
    }
}
