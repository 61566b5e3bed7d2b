//! `bakery model random`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pie_engine::model::source::random::{Format, Recipe, RopeKind};
use pie_engine::model::source::{Architecture, Limits, Source, SourceError};

use super::document::ModelDocument;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::ui::Ui;

/// What is made.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The architecture: llama, mistral, qwen2, qwen3, qwen3_moe, gemma2, gemma3, phi3, olmo2 or granite
    #[arg(long, value_name = "NAME", value_parser = architecture)]
    arch: Architecture,
    /// Where it goes: a new folder, or with `--format gguf` a new file
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// In what files
    #[arg(long, value_enum, default_value_t = Files::Hf)]
    format: Files,
    /// The type of the numbers: f32, f16 or bf16, and in GGUF q8_0, q4_0, q4_1, q5_0, q5_1, q2_k to q6_k
    #[arg(long = "type", value_name = "TYPE", default_value = "f32")]
    kind: String,
    /// Another seed gives other weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Width of the residual stream
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Number of layers
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Query heads
    #[arg(long, value_name = "N")]
    heads: Option<usize>,
    /// Key and value heads
    #[arg(long, value_name = "N")]
    kv_heads: Option<usize>,
    /// Width of a head
    #[arg(long, value_name = "N")]
    head_dim: Option<usize>,
    /// Width of the MLP
    #[arg(long, value_name = "N")]
    intermediate: Option<usize>,
    /// The longest context
    #[arg(long, value_name = "N")]
    positions: Option<usize>,
    /// Rows of the embedding
    #[arg(long, value_name = "N")]
    vocab: Option<usize>,
    /// Experts, for `qwen3_moe`
    #[arg(long, value_name = "N")]
    experts: Option<usize>,
    /// Make the output matrix the embedding
    #[arg(long)]
    tied: bool,
    /// How rotary positions are scaled: default, linear, dynamic, yarn, llama3 or longrope
    #[arg(long, value_name = "KIND", default_value = "default", value_parser = rope)]
    rope: RopeKind,
}

/// The files of a checkpoint.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Files {
    /// A folder as Hugging Face lays it out
    Hf,
    /// One GGUF file
    Gguf,
}

fn architecture(text: &str) -> Result<Architecture, String> {
    Architecture::named(text).ok_or_else(|| format!("known are {}", Architecture::list()))
}

fn rope(text: &str) -> Result<RopeKind, String> {
    let known = RopeKind::ALL.map(|kind| format!("`{}`", kind.name())).join(", ");
    RopeKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| format!("known are {known}"))
}

/// Writes the model, which appears whole or not at all.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let recipe = recipe(args)?;
    recipe.check().map_err(|error| refused(&error))?;
    let out = env.current_dir.join(&args.out);
    let shown = args.out.display();
    if out.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{shown}` is there already")).hint("give `--out` another name"));
    }
    let unwritable =
        |error: std::io::Error| Error::environment(format!("cannot write `{shown}`")).caused_by(error);
    let parent = out.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(unwritable)?;
    let beside = tempfile::Builder::new().prefix(".making-").tempdir_in(parent).map_err(unwritable)?;
    let made = beside.path().join("model.gguf");
    let made = if matches!(recipe.format, Format::Gguf(_)) { made } else { beside.path().join("model") };
    if matches!(recipe.format, Format::Folder(_)) {
        std::fs::create_dir(&made).map_err(unwritable)?;
    }
    let task = ui.progress().start(&format!("making {shown}"), None, crate::progress::Unit::Items);
    recipe.write(&made).map_err(|error| refused(&error))?;
    // What was made is looked at as what comes from elsewhere is.
    let source = Source::open(&made, "random", &Limits::default()).map_err(|error| refused(&error))?;
    drop(task);
    let (parameters, digest) = (source.parameters(), source.digest.clone());
    drop(source);
    env.interrupt.check()?;
    std::fs::rename(&made, &out).map_err(unwritable)?;
    let architecture = recipe.architecture.name().to_owned();
    if ui.json() {
        return ui.document(&ModelDocument::ModelMade { path: out, architecture, parameters, digest });
    }
    ui.status("Made", format_args!("`{shown}`, a `{architecture}` of {parameters} weights"));
    Ok(())
}

fn refused(error: &SourceError) -> Error {
    let what = "such a model cannot be made";
    match error {
        SourceError::Write { .. } => Error::environment(what).caused_by(error.clone()),
        _ => Error::usage(what).caused_by(error.clone()),
    }
}

fn recipe(args: &Args) -> Result<Recipe> {
    let (format, known) = match args.format {
        Files::Hf => (Format::folder(&args.kind), Format::IN_FOLDERS.map(str::to_owned).to_vec()),
        Files::Gguf => (Format::gguf(&args.kind), Format::in_gguf()),
    };
    let format = format.ok_or_else(|| {
        let known = known.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
        Error::usage(format!(
            "there are no numbers of the type `{}` in such files; there are {known}",
            args.kind
        ))
    })?;
    let small = Recipe::new(args.arch);
    let (hidden_size, heads) = (args.hidden.unwrap_or(small.hidden_size), args.heads.unwrap_or(small.heads));
    let changed = args.hidden.is_some() || args.heads.is_some();
    let head_dim = if changed { hidden_size.checked_div(heads).unwrap_or(0) } else { small.head_dim };
    Ok(Recipe {
        format,
        seed: args.seed,
        hidden_size,
        heads,
        layers: args.layers.unwrap_or(small.layers),
        kv_heads: args.kv_heads.unwrap_or(small.kv_heads.min(heads)),
        head_dim: args.head_dim.unwrap_or(head_dim),
        intermediate_size: args.intermediate.unwrap_or(small.intermediate_size),
        max_positions: args.positions.unwrap_or(small.max_positions),
        vocab_size: args.vocab.unwrap_or(small.vocab_size),
        experts: args.experts.unwrap_or(small.experts),
        tied: args.tied || small.tied,
        rope: args.rope,
        ..small
    })
}
