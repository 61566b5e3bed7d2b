//! `bakery model`: models with weights are listed, fetched, named, looked at, removed, and made at random.

mod document;
mod list;
mod pull;
mod random;
mod remove;
mod show;

pub use document::ModelDocument;

use crate::environment::Environment;
use crate::error::Result;
use crate::ui::Ui;

/// Fetch, name and look at models
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// List the models there are: names, and what was fetched
    #[command(after_help = "\
Examples:
  bakery model list           Names, what they stand for, and what was fetched
  bakery model list --json    The same as a document")]
    List,
    /// Fetch a model, or give one a name
    ///
    /// What was fetched of a file before is gone on with, and a file counts once its checksum is right. `HF_ENDPOINT` names another server, `HF_TOKEN` is sent to
    /// it, and files are kept in `HF_HOME`, where other tools find them too.
    #[command(after_help = "\
Examples:
  bakery model pull hf:owner/repo                      A repository with one model
  bakery model pull hf:owner/repo:model.Q4_K.gguf      One of several
  bakery model pull hf:owner/repo@v1 --name small      A revision of it, with a name for `--model`
  bakery model pull ./weights/model.gguf --name mine   A name for a file that is here")]
    Pull(pull::Args),
    /// Say what a model is: architecture, size, context, tokenizer
    #[command(after_help = "\
Examples:
  bakery model show tiny              The model that is part of bakery
  bakery model show ./model.gguf      A file
  bakery model show small             A model with a name
  bakery model show small --json      The same as a document")]
    Show(show::Args),
    /// Take a name away, or remove what was fetched
    #[command(after_help = "\
Examples:
  bakery model remove small            The name; what it stands for stays
  bakery model remove hf:owner/repo    All that was fetched of a repository")]
    Remove(remove::Args),
    /// Write a small model with random weights, for tests: what it says means nothing
    #[command(after_help = "\
Examples:
  bakery model random --arch llama --out m                           A folder as Hugging Face lays it out
  bakery model random --arch qwen3 --out m.gguf --format gguf --type q8_0
                                                                     A GGUF file
  bakery model random --arch phi3 --out m --rope longrope --seed 7   With scaled positions, and other weights
  bakery run hello --model ./m                                       Run beside it")]
    Random(Box<random::Args>),
}

/// Runs a subcommand.
///
/// # Errors
/// There is no such model, it cannot be fetched or written, or standard output is closed.
pub fn run(args: Args, env: &Environment, ui: &Ui) -> Result<()> {
    match args {
        Args::List => list::run(env, ui),
        Args::Pull(args) => pull::run(&args, env, ui),
        Args::Show(args) => show::run(&args, env, ui),
        Args::Remove(args) => remove::run(&args, env, ui),
        Args::Random(args) => random::run(&args, env, ui),
    }
}
