//! The architecture from a `config.json`, with the defaults that `transformers` has for what is left out.
//!
//! Both spellings of rotary settings are read: `rope_theta` and `rope_scaling`, and since version 5 `rope_parameters`.

use super::SourceError;
use super::config::{Activation, Architecture, Config, Moe, Norms, QkNorm, Rope, RopeScaling};
use super::settings::most;
use serde_json::Value;

/// Reads the contents of a `config.json`. `file` is for messages.
pub(super) fn read(json: &Value, file: &str) -> Result<Config, SourceError> {
    let whole = Object { file, value: json };
    if !json.is_object() {
        return Err(SourceError::malformed(file, "it is no object"));
    }
    if json.get("quantization_config").is_some_and(|quantized| !quantized.is_null()) {
        let reason = "says that the weights are quantized in a way of Hugging Face's, which is not read; a GGUF file is";
        return Err(SourceError::setting(file, "quantization_config", reason));
    }
    let name =
        whole.text("model_type")?.ok_or_else(|| SourceError::setting(file, "model_type", "is missing"))?;
    let (name, text) = match (name, json.get("text_config")) {
        ("gemma3", Some(text)) => ("gemma3", Object { file, value: text }),
        ("gemma3_text", _) => ("gemma3", whole),
        _ => (name, whole),
    };
    let architecture = Architecture::named(name)
        .ok_or_else(|| SourceError::UnknownArchitecture { file: file.to_owned(), name: name.to_owned() })?;
    let mut config = family(&text, architecture)?;
    for place in [&whole, &text] {
        config.bos = config.bos.or(place.ids("bos_token_id")?.first().copied());
        if config.eos.is_empty() {
            config.eos = place.ids("eos_token_id")?;
        }
    }
    config.check(file)
}

/// What the families have in common, and what is different about each.
fn family(text: &Object<'_>, architecture: Architecture) -> Result<Config, SourceError> {
    let mut config = common(text, architecture)?;
    let window = text.window()?;
    match architecture {
        Architecture::Llama => {
            config.qkv_bias = text.flag("attention_bias")?.unwrap_or(false);
            config.output_bias = config.qkv_bias;
            config.mlp_bias = text.flag("mlp_bias")?.unwrap_or(false);
        }
        Architecture::Mistral => {
            config.sliding_window = vec![window.unwrap_or(Some(4096)); config.layers];
        }
        Architecture::Qwen2 => {
            config.qkv_bias = true;
            config.sliding_window = text.late_windows(config.layers)?;
        }
        Architecture::Qwen3 | Architecture::Qwen3Moe => {
            config.qkv_bias = text.flag("attention_bias")?.unwrap_or(false);
            config.output_bias = config.qkv_bias;
            config.qk_norm = QkNorm::Head;
            if architecture == Architecture::Qwen3 {
                config.sliding_window = text.late_windows(config.layers)?;
            } else {
                config.moe = Some(text.moe(config.layers)?);
                let used = text.flag("use_sliding_window")?.unwrap_or(false);
                config.sliding_window = vec![window.flatten().filter(|_| used); config.layers];
            }
        }
        Architecture::Gemma2 | Architecture::Gemma3 => {
            text.gemma(&mut config, window.unwrap_or(Some(4096)))?
        }
        Architecture::Phi3 => {
            (config.fused_qkv, config.fused_gate_up) = (true, true);
            config.sliding_window = vec![window.flatten(); config.layers];
        }
        Architecture::Olmo2 => {
            config.qkv_bias = text.flag("attention_bias")?.unwrap_or(false);
            config.output_bias = config.qkv_bias;
            (config.norms, config.qk_norm) = (Norms::After, QkNorm::All);
        }
        Architecture::Granite => {
            config.qkv_bias = text.flag("attention_bias")?.unwrap_or(false);
            config.output_bias = config.qkv_bias;
            config.mlp_bias = text.flag("mlp_bias")?.unwrap_or(false);
            config.attention_scale = text.number("attention_multiplier")?.unwrap_or(1.0) as f32;
            config.embedding_scale = text.number("embedding_multiplier")?.unwrap_or(1.0) as f32;
            config.residual_multiplier = text.number("residual_multiplier")?.unwrap_or(1.0) as f32;
            config.logits_scaling = text.number("logits_scaling")?.unwrap_or(1.0) as f32;
        }
    }
    Ok(config)
}

fn common(text: &Object<'_>, architecture: Architecture) -> Result<Config, SourceError> {
    let defaults = Defaults::of(architecture);
    let need = |key| text.count(key)?.or(defaults.count(key)).ok_or_else(|| text.missing(key));
    let (hidden_size, layers, heads) =
        (need("hidden_size")?, need("num_hidden_layers")?, need("num_attention_heads")?);
    let kv_heads =
        text.count("num_key_value_heads")?.or(defaults.count("num_key_value_heads")).unwrap_or(heads);
    let head_dim = match text.count("head_dim")?.or(defaults.count("head_dim")) {
        Some(head_dim) => head_dim,
        None if heads > 0 && hidden_size.is_multiple_of(heads) => hidden_size / heads,
        None => {
            let reason = format!("is {heads}, which does not divide the hidden size {hidden_size}");
            return Err(SourceError::setting(text.file, "num_attention_heads", reason));
        }
    };
    let max_positions = need("max_position_embeddings")?;
    let tied = text.flag("tie_word_embeddings")?.unwrap_or(defaults.tied);
    Ok(Config {
        architecture,
        hidden_size,
        layers,
        heads,
        kv_heads,
        head_dim,
        intermediate_size: need("intermediate_size")?,
        vocab_size: need("vocab_size")?,
        max_positions,
        norm_eps: text.number("rms_norm_eps")?.unwrap_or(defaults.norm_eps),
        norm_offset: 0.0,
        norms: Norms::Before,
        qk_norm: QkNorm::None,
        rope: text.rope(architecture, head_dim, max_positions)?,
        sliding_window: vec![None; layers],
        attention_scale: 1.0 / (head_dim as f32).sqrt(),
        attention_soft_cap: None,
        final_soft_cap: None,
        logits_scaling: 1.0,
        embedding_scale: 1.0,
        residual_multiplier: 1.0,
        tied_embeddings: tied,
        qkv_bias: false,
        output_bias: false,
        mlp_bias: false,
        fused_qkv: false,
        fused_gate_up: false,
        activation: text.activation(defaults.activation)?,
        moe: None,
        bos: None,
        eos: Vec::new(),
    })
}

/// What `transformers` takes for settings that a file leaves out.
struct Defaults {
    counts: &'static [(&'static str, usize)],
    norm_eps: f64,
    tied: bool,
    activation: Activation,
}

impl Defaults {
    fn of(architecture: Architecture) -> Defaults {
        let plain = Defaults { counts: &[], norm_eps: 1e-6, tied: false, activation: Activation::Silu };
        match architecture {
            Architecture::Gemma2 => Defaults {
                counts: &[("head_dim", 256), ("num_key_value_heads", 4), ("max_position_embeddings", 8192)],
                tied: true,
                activation: Activation::GeluTanh,
                ..plain
            },
            // Published files leave out much of their part on text.
            Architecture::Gemma3 => Defaults {
                counts: &[
                    ("vocab_size", 262_208),
                    ("num_attention_heads", 8),
                    ("num_key_value_heads", 4),
                    ("head_dim", 256),
                    ("max_position_embeddings", 131_072),
                ],
                tied: true,
                activation: Activation::GeluTanh,
                ..plain
            },
            Architecture::Qwen3 => Defaults { counts: &[("head_dim", 128)], ..plain },
            Architecture::Phi3 | Architecture::Olmo2 => Defaults { norm_eps: 1e-5, ..plain },
            _ => plain,
        }
    }

    fn count(&self, key: &str) -> Option<usize> {
        self.counts.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }
}

/// An object of the file.
#[derive(Clone, Copy)]
struct Object<'a> {
    file: &'a str,
    value: &'a Value,
}

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn missing(&self, key: &str) -> SourceError {
        SourceError::setting(self.file, key, "is missing")
    }

    fn wrong(&self, key: &str, expected: &str) -> SourceError {
        let mut value = self.value[key].to_string();
        if value.chars().count() > 60 {
            value = value.chars().take(60).chain(['…']).collect();
        }
        SourceError::setting(self.file, key, format!("is {value}; expected {expected}"))
    }

    fn count(&self, key: &str) -> Result<Option<usize>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count <= most(key));
        count.map(Some).ok_or_else(|| self.wrong(key, &format!("a whole number up to {}", most(key))))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.wrong(key, "a number"))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "`true` or `false`"))
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong(key, "a string"))
    }

    fn list(&self, key: &str) -> Result<Option<&'a Vec<Value>>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_array().map(Some).ok_or_else(|| self.wrong(key, "a list"))
    }

    fn numbers(&self, key: &str) -> Result<Vec<f32>, SourceError> {
        let list = self.list(key)?.ok_or_else(|| self.missing(key))?;
        let numbers: Option<Vec<f32>> =
            list.iter().map(|value| value.as_f64().map(|value| value as f32)).collect();
        numbers.ok_or_else(|| self.wrong(key, "a list of numbers"))
    }

    /// One id or several, in ascending order.
    fn ids(&self, key: &str) -> Result<Vec<u32>, SourceError> {
        ids(self.get(key)).ok_or_else(|| self.wrong(key, "a token id or a list of them"))
    }

    fn activation(&self, default: Activation) -> Result<Activation, SourceError> {
        let key = if self.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
        match self.text(key)? {
            None => Ok(default),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            // Early files of Gemma say so and mean the approximation, which `transformers` computes with for them.
            Some("gelu") if default == Activation::GeluTanh => Ok(Activation::GeluTanh),
            Some(_) => Err(self.wrong(key, "`silu` or `gelu_pytorch_tanh`")),
        }
    }

    /// The window; none if nothing is said, and `Some(None)` if there is said to be none.
    fn window(&self) -> Result<Option<Option<u32>>, SourceError> {
        if self.value.get("sliding_window").is_some_and(Value::is_null) {
            return Ok(Some(None));
        }
        let window = self.count("sliding_window")?.map(|window| u32::try_from(window).unwrap_or(u32::MAX));
        match window {
            Some(0) => Err(self.wrong("sliding_window", "a number above 0")),
            Some(window) => Ok(Some(Some(window))),
            None => Ok(None),
        }
    }

    /// Which layers are local by `layer_types`, where a file has them.
    fn layer_types(&self, layers: usize) -> Result<Option<Vec<bool>>, SourceError> {
        let Some(types) = self.list("layer_types")? else { return Ok(None) };
        let known = types.iter().map(|kind| match kind.as_str() {
            Some("sliding_attention") => Some(true),
            Some("full_attention") => Some(false),
            _ => None,
        });
        let local: Option<Vec<bool>> = known.collect();
        let local = local.filter(|local| local.len() == layers);
        let expected = || format!("`sliding_attention` or `full_attention` for each of {layers} layers");
        local.map(Some).ok_or_else(|| self.wrong("layer_types", &expected()))
    }

    /// The windows of Qwen's models: in the later layers, and mostly in none.
    fn late_windows(&self, layers: usize) -> Result<Vec<Option<u32>>, SourceError> {
        let window = match self.flag("use_sliding_window")?.unwrap_or(false) {
            true => self.window()?.unwrap_or(Some(4096)),
            false => None,
        };
        let first = self.count("max_window_layers")?.unwrap_or(28);
        let local = self.layer_types(layers)?;
        let local = local.unwrap_or_else(|| (0..layers).map(|layer| layer >= first).collect());
        Ok(local.into_iter().map(|local| window.filter(|_| local)).collect())
    }

    fn moe(&self, layers: usize) -> Result<Moe, SourceError> {
        let need = |key| self.count(key)?.ok_or_else(|| self.missing(key));
        let step = self.count("decoder_sparse_step")?.unwrap_or(1);
        let dense = self.list("mlp_only_layers")?.map_or(&[][..], Vec::as_slice);
        let is_dense = |layer: usize| dense.iter().any(|dense| dense.as_u64() == Some(layer as u64));
        let sparse = |layer: usize| (layer + 1).is_multiple_of(step) && !is_dense(layer);
        let experts = self.count("num_experts")?.or(self.count("num_local_experts")?);
        Ok(Moe {
            experts: experts.ok_or_else(|| self.missing("num_experts"))?,
            per_token: need("num_experts_per_tok")?,
            intermediate_size: need("moe_intermediate_size")?,
            norm_topk: self.flag("norm_topk_prob")?.unwrap_or(false),
            layers: (0..layers).map(sparse).collect(),
        })
    }

    fn gemma(&self, config: &mut Config, window: Option<u32>) -> Result<(), SourceError> {
        if self.flag("use_bidirectional_attention")?.unwrap_or(false) {
            return Err(self.wrong("use_bidirectional_attention", "a model that looks back only"));
        }
        let third = config.architecture == Architecture::Gemma3;
        config.qkv_bias = self.flag("attention_bias")?.unwrap_or(false);
        config.output_bias = config.qkv_bias;
        config.norms = Norms::Around;
        config.norm_offset = 1.0;
        config.qk_norm = if third { QkNorm::Head } else { QkNorm::None };
        config.embedding_scale = (config.hidden_size as f32).sqrt();
        let scalar = self.number("query_pre_attn_scalar")?.unwrap_or(256.0);
        config.attention_scale = (1.0 / scalar.sqrt()) as f32;
        let cap = |key, default: f32| -> Result<Option<f32>, SourceError> {
            let given = self.number(key)?.map(|cap| cap as f32);
            let left_out = self.value.get(key).is_none() && !third;
            Ok(given.or(left_out.then_some(default)))
        };
        config.attention_soft_cap = cap("attn_logit_softcapping", 50.0)?;
        config.final_soft_cap = cap("final_logit_softcapping", 30.0)?;
        let pattern = if third { self.count("sliding_window_pattern")?.unwrap_or(6) } else { 2 };
        let local = self.layer_types(config.layers)?;
        let by_pattern = |layer: usize| pattern == 0 || !(layer + 1).is_multiple_of(pattern);
        let local = local.unwrap_or_else(|| (0..config.layers).map(by_pattern).collect());
        config.sliding_window = local.into_iter().map(|local| window.filter(|_| local)).collect();
        Ok(())
    }

    fn rope(
        &self,
        architecture: Architecture,
        head_dim: usize,
        positions: usize,
    ) -> Result<Rope, SourceError> {
        let file = self.file;
        let inner = |key: &str| self.get(key).map(|value| Object { file, value });
        let both = inner("rope_parameters");
        let nested = |key: &str| both.and_then(|both| both.get(key)).map(|value| Object { file, value });
        let (global, local) = (nested("full_attention"), nested("sliding_attention"));
        let scaling = global.or(both).or(inner("rope_scaling"));
        let in_scaling = |key| scaling.map_or(Ok(None), |scaling: Object<'_>| scaling.number(key));
        let default = if architecture == Architecture::Gemma3 { 1e6 } else { 1e4 };
        let theta = in_scaling("rope_theta")?.or(self.number("rope_theta")?).unwrap_or(default);
        let local_theta = match (architecture, local) {
            (Architecture::Gemma3, Some(local)) => {
                if !matches!(local.rope_type()?, None | Some("default")) {
                    return Err(local.wrong("rope_type", "`default` in layers with a window"));
                }
                local.number("rope_theta")?.or(Some(1e4))
            }
            (Architecture::Gemma3, None) => self.number("rope_local_base_freq")?.or(Some(1e4)),
            _ => None,
        };
        let part =
            in_scaling("partial_rotary_factor")?.or(self.number("partial_rotary_factor")?).unwrap_or(1.0);
        let scaling = match scaling {
            Some(scaling) => scaling.rope_scaling(self, architecture, positions)?,
            None => RopeScaling::None,
        };
        // As Python's `int` does it.
        let rotary_dim = (head_dim as f64 * part.clamp(0.0, 1.0)) as usize;
        Ok(Rope { theta, local_theta, scaling, rotary_dim, interleaved: false })
    }

    fn rope_type(&self) -> Result<Option<&'a str>, SourceError> {
        Ok(self.text("rope_type")?.or(self.text("type")?))
    }

    fn rope_scaling(
        &self,
        model: &Object<'_>,
        architecture: Architecture,
        positions: usize,
    ) -> Result<RopeScaling, SourceError> {
        let outer = model.count("original_max_position_embeddings")?;
        let original = outer.or(self.count("original_max_position_embeddings")?).unwrap_or(positions);
        let need = |key| self.number(key)?.ok_or_else(|| self.missing(key));
        let kind = match (architecture, self.rope_type()?) {
            (Architecture::Phi3, Some("su" | "yarn")) => "longrope",
            (_, kind) => kind.unwrap_or("default"),
        };
        Ok(match kind {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: need("factor")? },
            "dynamic" => RopeScaling::Dynamic { factor: need("factor")?, original: positions },
            "llama3" => RopeScaling::Llama3 {
                factor: need("factor")?,
                low_freq_factor: need("low_freq_factor")?,
                high_freq_factor: need("high_freq_factor")?,
                original,
            },
            "yarn" => self.yarn(original, positions)?,
            "longrope" => {
                let factor = self.number("factor")?.unwrap_or(positions as f64 / original.max(1) as f64);
                let usual = || match factor > 1.0 {
                    true => (1.0 + factor.ln() / (original as f64).ln()).sqrt(),
                    false => 1.0,
                };
                let attention_factor = self.number("attention_factor")?.unwrap_or_else(usual);
                let (short, long) = (self.numbers("short_factor")?, self.numbers("long_factor")?);
                RopeScaling::LongRope { short, long, original, attention_factor }
            }
            _ => {
                return Err(self.wrong(
                    if self.get("rope_type").is_some() { "rope_type" } else { "type" },
                    "`default`, `linear`, `dynamic`, `yarn`, `llama3` or `longrope`",
                ));
            }
        })
    }

    /// The paper's recommendation for the attention factor is `0.1 ln(factor) + 1`.
    fn yarn(&self, original: usize, positions: usize) -> Result<RopeScaling, SourceError> {
        let factor = self.number("factor")?.unwrap_or(positions as f64 / original.max(1) as f64);
        let usual = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
        let given = (self.number("mscale")?, self.number("mscale_all_dim")?);
        let attention_factor = match (self.number("attention_factor")?, given) {
            (Some(attention_factor), _) => attention_factor,
            (None, (Some(some), Some(all))) if some != 0.0 && all != 0.0 => usual(some) / usual(all),
            (None, _) => usual(1.0),
        };
        let or = |key, default: f64| -> Result<f64, SourceError> {
            Ok(self.number(key)?.filter(|value| *value != 0.0).unwrap_or(default))
        };
        let (beta_fast, beta_slow) = (or("beta_fast", 32.0)?, or("beta_slow", 1.0)?);
        let truncate = self.flag("truncate")?.unwrap_or(true);
        Ok(RopeScaling::Yarn { factor, original, beta_fast, beta_slow, attention_factor, truncate })
    }
}

/// One token id or a list of them, in ascending order; none if it is something else.
pub(super) fn ids(value: Option<&Value>) -> Option<Vec<u32>> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let mut ids = match value {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(one).collect::<Option<Vec<u32>>>()?,
        Some(value) => vec![one(value)?],
    };
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}
