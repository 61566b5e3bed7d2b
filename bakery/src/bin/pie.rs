//! The `pie` command: the flags that inferlet documentation uses, for `bakery run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use bakery::cli::{Cli, Globals, HELP_WIDTH};
use bakery::commands::{Command, run};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Runs inferlets; `bakery` does all this and more
#[derive(Debug, Parser)]
#[command(name = "pie", version, arg_required_else_help = true)]
struct Pie {
    #[command(subcommand)]
    command: PieCommand,
    #[command(flatten)]
    globals: Globals,
}

#[derive(Debug, Subcommand)]
enum PieCommand {
    Run(RunArgs),
}

/// Run an inferlet beside the dummy model
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pie run --dummy --path hello.wasm --manifest hello/Pie.toml -- --name Ada
  pie run --dummy --path hello.wasm -- --help")]
struct RunArgs {
    /// Use the dummy model, the only one there is so far
    #[arg(long, required = true)]
    dummy: bool,
    /// A component (`.wasm`), or a project's folder
    #[arg(long, value_name = "FILE")]
    path: PathBuf,
    /// Use this manifest instead of the one in the component
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Parameters of the inferlet, as `--name value`
    #[arg(last = true, value_name = "PARAMETERS")]
    parameters: Vec<String>,
}

fn main() -> ExitCode {
    bakery::cli::main(parse)
}

fn parse(arguments: &[OsString], width: Option<usize>) -> Result<Cli, clap::Error> {
    let mut command = Pie::command().term_width(width.unwrap_or(HELP_WIDTH).min(HELP_WIDTH));
    let matches = command.try_get_matches_from_mut(arguments)?;
    let Pie { command: PieCommand::Run(args), globals } =
        Pie::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    let RunArgs { dummy: _, path, manifest, parameters } = args;
    let run = run::Args { manifest, parameters, ..run::Args::new(path) };
    Ok(Cli { command: Some(Command::Run(Box::new(run))), globals, version: false })
}
