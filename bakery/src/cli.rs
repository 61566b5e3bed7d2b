//! From arguments to a command, and from its result to an exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::{self, Command};
use crate::crash::Crashes;
use crate::environment::{self, Environment};
use crate::error::{Error, Kind, Result};
use crate::ui::{Color, Manner, Ui, output_error};

/// Makes inferlets: small WebAssembly programs that run beside a language model and steer it from inside
#[derive(Debug, Parser)]
#[command(name = "bakery", disable_version_flag = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  bakery run hello -- --name Ada      Build the inferlet in `hello` if needed, and run it
  bakery run hello --trace t.jsonl    Also record all it did
  bakery trace show t.jsonl           Look at the record")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Print the version; with --verbose, more about this executable
    #[arg(short = 'V', long)]
    pub version: bool,
    /// The global flags.
    #[command(flatten)]
    pub globals: Globals,
}

/// Flags that every command takes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Print JSON documents, one a line, instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour; `auto` is on terminals, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "auto|always|never", hide_possible_values = true)]
    #[arg(default_value = "auto", hide_default_value = true)]
    pub color: Color,
}

impl From<Globals> for Manner {
    fn from(globals: Globals) -> Manner {
        let Globals { json, quiet, verbose, color } = globals;
        Manner { json, quiet, verbose, color }
    }
}

/// Help is not wider than this: long lines are hard to read.
pub const HELP_WIDTH: usize = 100;

/// Reads a program's arguments, its name first.
pub type Parse = fn(arguments: &[OsString], width: Option<usize>) -> Result<Cli, clap::Error>;

/// Reads the arguments of `bakery`.
///
/// # Errors
/// What clap says, which includes help: [`main`] tells the two apart.
pub fn parse(arguments: &[OsString], width: Option<usize>) -> Result<Cli, clap::Error> {
    let width = width.unwrap_or(HELP_WIDTH).min(HELP_WIDTH);
    let mut command = examples_within(width, Cli::command().term_width(width));
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Puts what an example does below it where there is no room beside it.
fn examples_within(width: usize, command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(|subcommand| examples_within(width, subcommand));
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let parts = |line| str::strip_prefix(line, "  ")?.split_once("  ");
    if !text.lines().any(|line| parts(line).is_some() && line.chars().count() > width) {
        return command;
    }
    let lines = text.lines().map(|line| match parts(line) {
        Some((example, explanation)) => format!("  {example}\n      {}", explanation.trim_start()),
        None => line.to_owned(),
    });
    command.after_help(lines.collect::<Vec<_>>().join("\n"))
}

/// The whole of a program that ends in one of bakery's commands.
pub fn main(parse: Parse) -> ExitCode {
    let crashes = Crashes::watch();
    let (environment, broken) = match Environment::read() {
        Ok(environment) => (environment, None),
        Err(error) => (Environment::empty(""), Some(error)),
    };
    let arguments = environment::arguments();
    let (ui, result) = match parse(&arguments, environment.width) {
        _ if broken.is_some() => {
            (Ui::new(guess_manner(&arguments), &environment), broken.map_or(Ok(()), Err))
        }
        Ok(cli) => {
            let ui = Ui::new(cli.globals.into(), &environment);
            let result = crashes.contain(|| execute(cli, &environment, &ui));
            (ui, result)
        }
        Err(error) => {
            let ui = Ui::new(guess_manner(&arguments), &environment);
            return usage(&error, &ui);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn execute(cli: Cli, environment: &Environment, ui: &Ui) -> Result<()> {
    environment.interrupt.listen()?;
    match cli.command {
        Some(command) if !cli.version => command.run(environment, ui),
        _ => commands::version::run(environment, ui),
    }
}

/// Prints clap's help or its complaint.
fn usage(error: &clap::Error, ui: &Ui) -> ExitCode {
    if !error.use_stderr() {
        let shown = print_rendered(error, &mut ui.stdout());
        return ExitCode::from(shown.map_or_else(|error| error.kind.exit_code(), |()| 0));
    }
    let exit_code = Kind::Usage.exit_code();
    if ui.json() {
        ui.error(&usage_error(error));
    } else if let Err(unheard) = print_rendered(error, &mut ui.stderr()) {
        return ExitCode::from(unheard.kind.exit_code().max(exit_code));
    }
    ExitCode::from(exit_code)
}

fn print_rendered(error: &clap::Error, stream: &mut crate::ui::Stream) -> Result<()> {
    let text = error.render();
    let text = if stream.theme().colour { text.ansi().to_string() } else { text.to_string() };
    stream.write_all(text.as_bytes()).map_err(output_error)
}

/// Clap's complaint as one of our errors: its first paragraph is the message, its tips are hints.
fn usage_error(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ");
    let mut paragraphs = text.split("\n\n");
    let message = paragraphs.next().unwrap_or(text).trim_end();
    let tips = paragraphs.flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("tip: "));
    tips.fold(Error::usage(message), Error::hint)
}

/// The global flags that decide how a complaint about the arguments looks, when the arguments cannot be read.
fn guess_manner(arguments: &[OsString]) -> Manner {
    let mut manner = Manner::default();
    let mut arguments =
        arguments.iter().filter_map(|argument| argument.to_str()).take_while(|text| *text != "--");
    while let Some(argument) = arguments.next() {
        let color = match argument {
            "--json" => {
                manner.json = true;
                continue;
            }
            "--color" => arguments.next(),
            _ => argument.strip_prefix("--color="),
        };
        match color {
            Some("always") => manner.color = Color::Always,
            Some("never") => manner.color = Color::Never,
            _ => {}
        }
    }
    manner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_manner_of_a_complaint_is_guessed_before_the_double_dash_only() {
        let guess = |line: &str| guess_manner(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(guess("bakery run --json --nonsense").json);
        assert!(!guess("bakery run x -- --json").json);
        assert_eq!(guess("bakery --color never --nonsense").color, Color::Never);
        assert_eq!(guess("bakery --color=always --nonsense").color, Color::Always);
        assert_eq!(guess("bakery --color").color, Color::Auto);
    }
}
