//! `bakery completions`

use std::io::Write;

use clap::CommandFactory;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::ui::{Ui, output_error};

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery completions bash > ~/.local/share/bash-completion/completions/bakery
  bakery completions zsh > ~/.zfunc/_bakery
  bakery completions fish > ~/.config/fish/completions/bakery.fish")]
pub struct Args {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// What `bakery completions --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "completions")]
pub enum CompletionsDocument {
    /// A script.
    Completions {
        /// The shell it is for.
        shell: String,
        /// What the shell has to read.
        script: String,
    },
}

/// Prints the script.
///
/// # Errors
/// Standard output is closed or broken.
pub fn run(args: &Args, ui: &Ui) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "bakery", &mut script);
    if ui.json() {
        let script = String::from_utf8_lossy(&script).into_owned();
        return ui.document(&CompletionsDocument::Completions { shell: args.shell.to_string(), script });
    }
    ui.stdout().write_all(&script).map_err(output_error)
}
