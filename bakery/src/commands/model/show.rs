//! `bakery model show`

use std::path::PathBuf;

use pie_engine::model::source::{Numbers, Source};

use super::document::{ModelDocument, ShownModel, ShownNumbers, size};
use crate::environment::Environment;
use crate::error::Result;
use crate::models;
use crate::models::hub::Network;
use crate::ui::Ui;

/// What is looked at.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `tiny`, a folder, a GGUF file, a name, or `hf:owner/repo` with `:file` or without
    #[arg(value_name = "MODEL")]
    model: String,
    /// Ask no server: what is here has to do
    #[arg(long)]
    offline: bool,
}

/// Opens the model and prints what it is.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let network = Network::unless(args.offline);
    let found = models::find(&args.model, &[], network, env, &*ui.progress())?;
    let source = models::open(&found, env)?;
    let shown = shown(&source, found.path);
    if ui.json() {
        return ui.document(&ModelDocument::Model(Box::new(shown)));
    }
    let name = ui.stdout().theme().name;
    lines(&shown)
        .iter()
        .try_for_each(|(what, value)| ui.line(format_args!("{name}{what:12}{name:#} {value}")))
}

fn shown(source: &Source, path: Option<PathBuf>) -> ShownModel {
    let Source { config, weights, tokenizer, chat, name, digest } = source;
    let numbers =
        |Numbers { kind, tensors, bytes }: Numbers| ShownNumbers { kind: kind.to_owned(), tensors, bytes };
    let moe = config.moe.as_ref();
    ShownModel {
        name: name.clone(),
        path,
        architecture: config.architecture.name().to_owned(),
        parameters: source.parameters(),
        bytes: weights.bytes(),
        numbers: source.numbers().into_iter().map(numbers).collect(),
        layers: config.layers,
        hidden_size: config.hidden_size,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        intermediate_size: moe.map_or(config.intermediate_size, |moe| moe.intermediate_size),
        experts: moe.map(|moe| moe.experts),
        experts_per_token: moe.map(|moe| moe.per_token),
        max_positions: config.max_positions,
        windowed_layers: config.sliding_window.iter().flatten().count(),
        rope: config.rope_name().to_owned(),
        vocab_size: config.vocab_size,
        tokens: tokenizer.vocab_size(),
        reasoning: chat.check_reasoning().is_ok(),
        tools: chat.check_tools().is_ok(),
        digest: digest.clone(),
    }
}

/// Names and values, as a person reads them.
fn lines(shown: &ShownModel) -> Vec<(&'static str, String)> {
    let numbers = shown.numbers.iter().map(|numbers| format!("{} in {}", numbers.tensors, numbers.kind));
    let experts = match (shown.experts, shown.experts_per_token) {
        (Some(all), Some(some)) => format!(", {some} of {all} experts"),
        _ => String::new(),
    };
    let windows = match shown.windowed_layers {
        0 => String::new(),
        some => format!(", a window in {some} layers"),
    };
    let rope = if shown.rope == "default" { String::new() } else { format!(", scaled by `{}`", shown.rope) };
    let can = [(shown.reasoning, "reasoning"), (shown.tools, "tools")];
    let can: Vec<&str> = can.into_iter().filter(|(can, _)| *can).map(|(_, what)| what).collect();
    vec![
        ("name", shown.name.clone()),
        ("path", shown.path.as_ref().map_or("part of bakery".to_owned(), |path| path.display().to_string())),
        ("architecture", format!("{}, {} layers{experts}", shown.architecture, shown.layers)),
        (
            "shape",
            format!(
                "{} wide, {} heads of {}, {} for keys and values, MLP {}",
                shown.hidden_size, shown.heads, shown.head_dim, shown.kv_heads, shown.intermediate_size
            ),
        ),
        (
            "weights",
            format!(
                "{} in {}, tensors {}",
                shown.parameters,
                size(shown.bytes),
                numbers.collect::<Vec<_>>().join(", ")
            ),
        ),
        ("context", format!("{} tokens{windows}{rope}", shown.max_positions)),
        ("vocabulary", format!("{} of {} rows", shown.tokens, shown.vocab_size)),
        (
            "chat",
            if can.is_empty() { "messages".to_owned() } else { format!("messages, {}", can.join(", ")) },
        ),
        ("digest", shown.digest.clone()),
    ]
}
