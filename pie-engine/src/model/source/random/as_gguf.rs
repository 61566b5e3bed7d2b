//! A random checkpoint as a GGUF file, as llama.cpp's converter would have written it from the folder.

use super::super::SourceError;
use super::super::config::{Architecture, Config, Rope, RopeScaling};
use super::super::gguf::{architecture_name, in_gguf};
use super::as_folder::unwritable;
use super::{Recipe, numbers, tokenizer};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Numbers that GGUF has for types of tokens.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const UNUSED: i32 = 5;

/// A tensor by its name in the file.
type Named = (String, QTensor);

pub(super) fn write(
    path: &Path,
    config: &Config,
    tokenizer: &tokenizer::Made,
    kind: GgmlDType,
    recipe: &Recipe,
) -> Result<(), SourceError> {
    let settings = settings(config, tokenizer, recipe)?;
    let tensors = tensors(config, kind, recipe.seed).map_err(|error| unwritable(path, error))?;
    let settings: Vec<(&str, &Value)> = settings.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let file = File::create(path).map_err(|error| unwritable(path, error))?;
    let mut file = BufWriter::new(file);
    gguf_file::write(&mut file, &settings, &tensors).map_err(|error| unwritable(path, error))?;
    std::io::Write::flush(&mut file).map_err(|error| unwritable(path, error))
}

fn settings(
    config: &Config,
    tokenizer: &tokenizer::Made,
    recipe: &Recipe,
) -> Result<Vec<(String, Value)>, SourceError> {
    let architecture = architecture_name(config.architecture);
    let mut settings = vec![
        ("general.architecture".to_owned(), Value::String(architecture.to_owned())),
        (
            "general.name".to_owned(),
            Value::String(format!("random {} {}", config.architecture.name(), recipe.seed)),
        ),
        ("general.alignment".to_owned(), Value::U32(32)),
    ];
    let own = counts(config).into_iter().chain(factors(config)).chain(rope(config, recipe)?);
    settings.extend(own.map(|(key, value)| (format!("{architecture}.{key}"), value)));
    settings.extend(vocabulary(config, tokenizer));
    Ok(settings)
}

fn count(number: usize) -> Value {
    Value::U32(u32::try_from(number).unwrap_or(u32::MAX))
}

fn counts(config: &Config) -> Vec<(&'static str, Value)> {
    let mut settings = vec![
        ("vocab_size", count(config.vocab_size)),
        ("context_length", count(config.max_positions)),
        ("embedding_length", count(config.hidden_size)),
        ("block_count", count(config.layers)),
        ("feed_forward_length", count(config.intermediate_size)),
        ("attention.head_count", count(config.heads)),
        ("attention.head_count_kv", count(config.kv_heads)),
        ("attention.key_length", count(config.head_dim)),
        ("attention.value_length", count(config.head_dim)),
        ("rope.dimension_count", count(config.rope.rotary_dim)),
    ];
    if let Some(moe) = &config.moe {
        settings.push(("expert_count", count(moe.experts)));
        settings.push(("expert_used_count", count(moe.per_token)));
        settings.push(("expert_feed_forward_length", count(moe.intermediate_size)));
    }
    // The converter does not say so of Mistral, whose architecture is Llama there.
    let window = config.sliding_window.iter().flatten().next();
    if let (Some(window), true) = (window, config.architecture != Architecture::Mistral) {
        settings.push(("attention.sliding_window", Value::U32(*window)));
    }
    if config.architecture == Architecture::Phi3 && window.is_none() {
        settings.push(("attention.sliding_window", Value::U32(0)));
    }
    settings
}

fn factors(config: &Config) -> Vec<(&'static str, Value)> {
    let mut settings = vec![
        ("attention.layer_norm_rms_epsilon", Value::F32(config.norm_eps as f32)),
        ("rope.freq_base", Value::F32(config.rope.theta as f32)),
    ];
    if let Some(theta) = config.rope.local_theta {
        settings.push(("rope.freq_base_swa", Value::F32(theta as f32)));
    }
    let caps = [
        ("attn_logit_softcapping", config.attention_soft_cap),
        ("final_logit_softcapping", config.final_soft_cap),
    ];
    settings.extend(caps.into_iter().filter_map(|(key, cap)| Some((key, Value::F32(cap?)))));
    if config.architecture == Architecture::Granite {
        settings.push(("attention.scale", Value::F32(config.attention_scale)));
        settings.push(("embedding_scale", Value::F32(config.embedding_scale)));
        settings.push(("residual_scale", Value::F32(config.residual_multiplier)));
        settings.push(("logit_scale", Value::F32(config.logits_scaling)));
    }
    settings
}

fn rope(config: &Config, recipe: &Recipe) -> Result<Vec<(&'static str, Value)>, SourceError> {
    let text = |text: &str| Value::String(text.to_owned());
    let factor = |factor: f64| ("rope.scaling.factor", Value::F32(factor as f32));
    Ok(match config.rope.scaling {
        RopeScaling::None | RopeScaling::Llama3 { .. } | RopeScaling::Divided { .. } => Vec::new(),
        RopeScaling::Linear { factor: by } => vec![("rope.scaling.type", text("linear")), factor(by)],
        RopeScaling::Yarn { factor: by, original, .. } => vec![
            ("rope.scaling.type", text("yarn")),
            factor(by),
            ("rope.scaling.original_context_length", count(original)),
        ],
        RopeScaling::LongRope { original, attention_factor, .. } => vec![
            ("rope.scaling.type", text("longrope")),
            ("rope.scaling.original_context_length", count(original)),
            ("rope.scaling.attn_factor", Value::F32(attention_factor as f32)),
        ],
        RopeScaling::Dynamic { .. } => {
            let reason = format!("`{}` cannot be said in GGUF", recipe.rope.name());
            return Err(SourceError::setting("the recipe", "rope_scaling", reason));
        }
    })
}

fn vocabulary(config: &Config, tokenizer: &tokenizer::Made) -> Vec<(String, Value)> {
    let tokens = tokenizer.padded(config.vocab_size).map(Value::String).collect();
    let kind = |id: usize| match id {
        id if id < tokenizer.marks => NORMAL,
        id if id < tokenizer.tokens.len() => CONTROL,
        _ => UNUSED,
    };
    let kinds = (0..config.vocab_size).map(|id| Value::I32(kind(id))).collect();
    let merges =
        tokenizer.merges.iter().map(|(left, right)| Value::String(format!("{left} {right}"))).collect();
    let settings = [
        ("model", Value::String("gpt2".to_owned())),
        ("pre", Value::String(tokenizer.cut().to_owned())),
        ("tokens", Value::Array(tokens)),
        ("token_type", Value::Array(kinds)),
        ("merges", Value::Array(merges)),
        ("eos_token_id", count(tokenizer.close)),
        ("eot_token_id", count(tokenizer.end)),
        ("padding_token_id", count(tokenizer.end)),
        ("add_bos_token", Value::Bool(false)),
    ];
    let settings = settings.into_iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value));
    let template = Value::String(tokenizer::TEMPLATE.to_owned());
    settings.chain([("tokenizer.chat_template".to_owned(), template)]).collect()
}

/// All tensors as the converter has them: rows of queries and keys in llama.cpp's order, 1 added to Gemma's norms, experts stacked.
fn tensors(config: &Config, kind: GgmlDType, seed: u64) -> candle_core::Result<Vec<Named>> {
    let interleaved =
        matches!(config.architecture, Architecture::Llama | Architecture::Mistral | Architecture::Granite);
    let mut stacks: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    let mut tensors = rope_tensors(config)?;
    for (name, shape) in config.tensors() {
        let mut values = numbers(seed, &name, &shape, config);
        if config.norm_offset != 0.0 && name.ends_with("norm.weight") {
            values.iter_mut().for_each(|value| *value += config.norm_offset);
        }
        let is_rotated = |part: &str| name.contains(part);
        if interleaved && (is_rotated("self_attn.q_proj") || is_rotated("self_attn.k_proj")) {
            values = in_pairs(&values, shape[0], config.head_dim);
        }
        let in_file = in_gguf(&name, config.norms);
        if name.contains(".mlp.experts.") {
            let (shape, stack) =
                stacks.entry(in_file).or_insert_with(|| ([&[0], &shape[..]].concat(), Vec::new()));
            shape[0] += 1;
            stack.extend(values);
        } else {
            tensors.push((in_file, quantized(values, &shape, kind)?));
        }
    }
    for (name, (shape, values)) in stacks {
        tensors.push((name, quantized(values, &shape, kind)?));
    }
    Ok(tensors)
}

/// Settings that are tensors there.
fn rope_tensors(config: &Config) -> candle_core::Result<Vec<Named>> {
    let lists = match &config.rope.scaling {
        RopeScaling::LongRope { short, long, .. } => {
            vec![("rope_factors_long.weight", long.clone()), ("rope_factors_short.weight", short.clone())]
        }
        RopeScaling::Llama3 { .. } => vec![("rope_freqs.weight", llama3_divisors(&config.rope))],
        _ => Vec::new(),
    };
    let tensor = |(name, list): (&str, Vec<f32>)| {
        let length = list.len();
        Ok((name.to_owned(), quantized(list, &[length], GgmlDType::F32)?))
    };
    lists.into_iter().map(tensor).collect()
}

/// What Llama 3.1 divides each frequency by: 1 where the wavelength is short, the factor where it is long.
fn llama3_divisors(rope: &Rope) -> Vec<f32> {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original } = rope.scaling else {
        return Vec::new();
    };
    let divisor = |index: usize| {
        let exponent = (2 * index) as f64 / rope.rotary_dim as f64;
        let wavelength = 2.0 * std::f64::consts::PI * libm::pow(rope.theta, exponent);
        let turns = original as f64 / wavelength;
        if turns > high_freq_factor {
            return 1.0;
        }
        if turns < low_freq_factor {
            return factor as f32;
        }
        let share = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
        (1.0 / ((1.0 - share) / factor + share)) as f32
    };
    (0..rope.rotary_dim / 2).map(divisor).collect()
}

/// Rows of each head in another order: `i` and `i + half` become neighbours.
fn in_pairs(values: &[f32], rows: usize, head_dim: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let half = head_dim / 2;
    let from = (0..rows).map(|row| {
        let (head, place) = (row / head_dim, row % head_dim);
        head * head_dim + place / 2 + if place % 2 == 1 { half } else { 0 }
    });
    from.flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect()
}

/// Vectors keep 32 bits, as llama.cpp has it, and matrices whose rows are no whole blocks get a type whose blocks fit.
fn quantized(values: Vec<f32>, shape: &[usize], kind: GgmlDType) -> candle_core::Result<QTensor> {
    let width = shape.last().copied().unwrap_or(1);
    let fits = |kind: &GgmlDType| width.is_multiple_of(kind.block_size());
    let kinds = [kind, GgmlDType::Q8_0, GgmlDType::F32];
    let kind = match shape.len() {
        0 | 1 => GgmlDType::F32,
        _ => kinds.into_iter().find(fits).unwrap_or(GgmlDType::F32),
    };
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
    QTensor::quantize(&tensor, kind)
}
