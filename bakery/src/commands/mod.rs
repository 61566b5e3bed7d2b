//! One file for each subcommand. A command is a doc comment that becomes its help, an `Args`, and
//! `run(args, &Environment, &Ui) -> Result<()>` over modules that never print. Only this module and those below see the [`Ui`].
//!
//! A new command is a file here, a `mod` line, a variant of [`Command`] and an arm in [`Command::run`].

pub mod build;
pub mod completions;
pub mod install;
pub mod list;
pub mod model;
pub mod new;
pub mod review;
pub mod run;
pub mod schema;
pub mod test;
pub mod trace;
pub mod uninstall;
pub mod version;

use crate::environment::Environment;
use crate::error::Result;
use crate::ui::Ui;

/// The subcommands, in the order `bakery --help` lists them.
#[derive(Debug, clap::Subcommand)]
#[expect(
    missing_docs,
    reason = "the help of a command is the doc comment of its `Args`, and one here would replace it"
)]
pub enum Command {
    New(new::Args),
    Build(build::Args),
    Run(Box<run::Args>),
    Test(Box<test::Args>),
    Review(review::Args),
    #[command(subcommand)]
    Trace(trace::Args),
    #[command(subcommand)]
    Model(model::Args),
    Install(install::Args),
    List(list::Args),
    Uninstall(uninstall::Args),
    Completions(completions::Args),
    Schema(schema::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of the command; the kind decides the exit code.
    pub fn run(self, env: &Environment, ui: &Ui) -> Result<()> {
        match self {
            Command::New(args) => new::run(args, env, ui),
            Command::Build(args) => build::run(&args, env, ui),
            Command::Run(args) => run::run(&args, env, ui),
            Command::Test(args) => test::run(&args, env, ui),
            Command::Review(args) => review::run(&args, env, ui),
            Command::Trace(args) => trace::run(args, env, ui),
            Command::Model(args) => model::run(args, env, ui),
            Command::Install(args) => install::run(&args, env, ui),
            Command::List(args) => list::run(&args, env, ui),
            Command::Uninstall(args) => uninstall::run(&args, env, ui),
            Command::Completions(args) => completions::run(&args, ui),
            Command::Schema(args) => schema::run(&args, ui),
        }
    }
}
