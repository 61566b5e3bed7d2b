//! The architecture from the settings of a GGUF file, as llama.cpp reads them.
//!
//! What llama.cpp has in its code and not in the file is here too: which layers of Gemma have a window, and the scale of attention in its 27 B
//! sizes.

use super::super::SourceError;
use super::super::config::{Activation, Architecture, Config, Moe, Norms, QkNorm, Rope, RopeScaling};
use super::super::settings::most;
use super::header::{Header, Value};

/// Layers of the 27 B sizes of Gemma 2 and 3, whose attention is scaled by the width of the model instead of a head's.
const LARGEST_GEMMA: [(Architecture, usize); 2] = [(Architecture::Gemma2, 46), (Architecture::Gemma3, 62)];

/// What is in all parts of a model together.
pub(super) struct Settings<'a> {
    pub(super) file: &'a str,
    pub(super) header: &'a Header<'a>,
    /// What the names of the architecture's own settings begin with.
    prefix: String,
}

/// The numbers of a tensor, if there is one of the name.
type Found = Option<Result<Vec<f32>, SourceError>>;

/// Tensors that are settings, and the shapes that say what no setting does.
pub(super) struct Tensors<'a> {
    pub(super) has: &'a dyn Fn(&str) -> bool,
    pub(super) numbers: &'a dyn Fn(&str) -> Found,
    pub(super) rows: &'a dyn Fn(&str) -> Option<usize>,
}

/// The architecture that a file says it has.
pub(super) fn architecture(header: &Header<'_>, file: &str) -> Result<Architecture, SourceError> {
    let key = "general.architecture";
    let name = header.settings.get(key).and_then(|value| value.text());
    let name = name.ok_or_else(|| SourceError::setting(file, key, "is missing"))?;
    let known = match name {
        "qwen3moe" => Some(Architecture::Qwen3Moe),
        // These are names of `config.json` alone.
        "mistral" | "qwen3_moe" => None,
        name => Architecture::named(name),
    };
    known.ok_or_else(|| SourceError::UnknownArchitecture { file: file.to_owned(), name: name.to_owned() })
}

/// The name that GGUF has for an architecture.
pub(in super::super) fn name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Mistral => "llama",
        Architecture::Qwen3Moe => "qwen3moe",
        other => other.name(),
    }
}

/// Where a layer of the architecture normalizes.
pub(super) fn norms(architecture: Architecture) -> Norms {
    match architecture {
        Architecture::Gemma2 | Architecture::Gemma3 => Norms::Around,
        Architecture::Olmo2 => Norms::After,
        _ => Norms::Before,
    }
}

/// Reads all settings.
pub(super) fn read(
    header: &Header<'_>,
    file: &str,
    architecture: Architecture,
    tensors: &Tensors<'_>,
) -> Result<Config, SourceError> {
    let settings = Settings { file, header, prefix: name(architecture).to_owned() };
    let mut config = settings.common(architecture, tensors)?;
    let window = settings.count("attention.sliding_window")?.filter(|window| *window > 0);
    let window = window.map(|window| u32::try_from(window).unwrap_or(u32::MAX));
    match architecture {
        Architecture::Llama | Architecture::Mistral => {
            if settings.count("expert_count")?.is_some_and(|count| count > 0) {
                return Err(settings.wrong("expert_count", "is above 0; experts are read of `qwen3moe` only"));
            }
            config.sliding_window = vec![window; config.layers];
        }
        Architecture::Qwen3 => config.qk_norm = QkNorm::Head,
        Architecture::Qwen3Moe => {
            config.qk_norm = QkNorm::Head;
            config.moe = Some(Moe {
                experts: settings.need("expert_count")?,
                per_token: settings.need("expert_used_count")?,
                intermediate_size: settings.need("expert_feed_forward_length")?,
                norm_topk: settings.flag("expert_weights_norm")?.unwrap_or(true),
                layers: vec![true; config.layers],
            });
        }
        Architecture::Gemma2 | Architecture::Gemma3 => settings.gemma(&mut config, window)?,
        Architecture::Phi3 => {
            (config.fused_qkv, config.fused_gate_up) = (true, true);
            config.qkv_bias = (tensors.has)("blk.0.attn_qkv.bias");
            config.sliding_window = vec![window; config.layers];
        }
        Architecture::Olmo2 => {
            config.qk_norm = QkNorm::All;
            if window.is_some() {
                return Err(
                    settings.wrong("attention.sliding_window", "is there; it is OLMo 3, which is not known")
                );
            }
        }
        Architecture::Granite => {
            let scale = settings.number("attention.scale")?.filter(|scale| *scale != 0.0);
            config.attention_scale = scale.map_or(config.attention_scale, |scale| scale as f32);
            let or_one = |key| -> Result<f32, SourceError> {
                Ok(settings.number(key)?.filter(|scale| *scale != 0.0).unwrap_or(1.0) as f32)
            };
            config.embedding_scale = or_one("embedding_scale")?;
            config.residual_multiplier = or_one("residual_scale")?;
            config.logits_scaling = or_one("logit_scale")?;
        }
        Architecture::Qwen2 => {}
    }
    config.check(file)
}

impl<'a> Settings<'a> {
    fn common(&self, architecture: Architecture, tensors: &Tensors<'_>) -> Result<Config, SourceError> {
        let (hidden_size, layers) = (self.need("embedding_length")?, self.need("block_count")?);
        let heads = self.need("attention.head_count")?;
        let kv_heads = self.count("attention.head_count_kv")?.unwrap_or(heads);
        let head_dim = match self.count("attention.key_length")? {
            Some(length) => length,
            None => hidden_size.checked_div(heads).unwrap_or(0),
        };
        if self.count("attention.value_length")?.is_some_and(|length| length != head_dim) {
            return Err(self.wrong("attention.value_length", "differs from the length of keys"));
        }
        let max_positions = self.need("context_length")?;
        let vocab_size = (tensors.rows)("token_embd.weight")
            .ok_or_else(|| SourceError::NoTensor { name: "token_embd.weight".to_owned() })?;
        // Layers of experts alone need none.
        let intermediate_size = match self.count("feed_forward_length")? {
            Some(0) | None if architecture == Architecture::Qwen3Moe => 1,
            Some(length) => length,
            None => return Err(self.wrong("feed_forward_length", "is missing")),
        };
        let gemma = matches!(architecture, Architecture::Gemma2 | Architecture::Gemma3);
        Ok(Config {
            architecture,
            hidden_size,
            layers,
            heads,
            kv_heads,
            head_dim,
            intermediate_size,
            vocab_size,
            max_positions,
            norm_eps: self
                .number("attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| self.wrong("attention.layer_norm_rms_epsilon", "is missing"))?,
            // The converter adds 1 to the weights of Gemma's norms.
            norm_offset: 0.0,
            norms: norms(architecture),
            qk_norm: QkNorm::None,
            rope: self.rope(architecture, head_dim, max_positions, tensors)?,
            sliding_window: vec![None; layers],
            attention_scale: 1.0 / (head_dim as f32).sqrt(),
            attention_soft_cap: None,
            final_soft_cap: None,
            logits_scaling: 1.0,
            embedding_scale: 1.0,
            residual_multiplier: 1.0,
            tied_embeddings: !(tensors.has)("output.weight"),
            qkv_bias: (tensors.has)("blk.0.attn_q.bias"),
            output_bias: (tensors.has)("blk.0.attn_output.bias"),
            mlp_bias: (tensors.has)("blk.0.ffn_down.bias"),
            fused_qkv: false,
            fused_gate_up: false,
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
            moe: None,
            bos: self.id("tokenizer.ggml.bos_token_id")?,
            eos: self.ends()?,
        })
    }

    fn gemma(&self, config: &mut Config, window: Option<u32>) -> Result<(), SourceError> {
        let third = config.architecture == Architecture::Gemma3;
        config.qk_norm = if third { QkNorm::Head } else { QkNorm::None };
        config.embedding_scale = (config.hidden_size as f32).sqrt();
        if LARGEST_GEMMA.contains(&(config.architecture, config.layers)) {
            let width = config.hidden_size.checked_div(config.heads).unwrap_or(1);
            config.attention_scale = 1.0 / (width as f32).sqrt();
        }
        if let Some(scale) = self.number("attention.scale")?.filter(|scale| *scale != 0.0) {
            config.attention_scale = scale as f32;
        }
        let cap = |key| -> Result<Option<f32>, SourceError> { Ok(self.number(key)?.map(|cap| cap as f32)) };
        config.attention_soft_cap = cap("attn_logit_softcapping")?.or((!third).then_some(50.0));
        config.final_soft_cap = cap("final_logit_softcapping")?.or((!third).then_some(30.0));
        let pattern = self.count("attention.sliding_window_pattern").unwrap_or(None);
        let pattern = pattern.filter(|pattern| *pattern > 0).unwrap_or(if third { 6 } else { 2 });
        let window = window.or((!third).then_some(4096));
        let local = |layer: usize| !(layer + 1).is_multiple_of(pattern);
        config.sliding_window = (0..config.layers).map(|layer| window.filter(|_| local(layer))).collect();
        Ok(())
    }

    fn rope(
        &self,
        architecture: Architecture,
        head_dim: usize,
        positions: usize,
        tensors: &Tensors<'_>,
    ) -> Result<Rope, SourceError> {
        let factor = self.number("rope.scaling.factor")?.filter(|factor| *factor != 0.0).unwrap_or(1.0);
        let original = self.count("rope.scaling.original_context_length")?.unwrap_or(positions);
        let attention =
            self.number("rope.scaling.attn_factor")?.filter(|factor| *factor != 0.0).unwrap_or(1.0);
        let kind = self.text("rope.scaling.type")?;
        let numbers = |name: &str| (tensors.numbers)(name).transpose();
        let scaling = if let Some(by) = numbers("rope_freqs.weight")? {
            RopeScaling::Divided { by }
        } else if let (Some(short), Some(long)) =
            (numbers("rope_factors_short.weight")?, numbers("rope_factors_long.weight")?)
        {
            RopeScaling::LongRope { short, long, original, attention_factor: attention }
        } else {
            match kind.unwrap_or("none") {
                "none" => RopeScaling::None,
                "linear" => RopeScaling::Linear { factor },
                "yarn" => self.yarn(factor, original, attention)?,
                other => {
                    let reason = format!(
                        "is `{other}`; known are `none`, `linear`, `yarn` and `longrope` with its tensors"
                    );
                    return Err(self.wrong("rope.scaling.type", &reason));
                }
            }
        };
        let third = architecture == Architecture::Gemma3;
        let theta = self.number("rope.freq_base")?.unwrap_or(if third { 1e6 } else { 1e4 });
        let local = self.number("rope.freq_base_swa")?.unwrap_or(1e4);
        Ok(Rope {
            theta,
            local_theta: third.then_some(local),
            scaling,
            rotary_dim: self.count("rope.dimension_count")?.unwrap_or(head_dim),
            interleaved: matches!(
                architecture,
                Architecture::Llama | Architecture::Mistral | Architecture::Granite
            ),
        })
    }

    fn yarn(&self, factor: f64, original: usize, attention: f64) -> Result<RopeScaling, SourceError> {
        let or = |key, default: f64| -> Result<f64, SourceError> {
            Ok(self.number(key)?.filter(|number| *number != 0.0).unwrap_or(default))
        };
        let usual = if factor > 1.0 { 0.1 * factor.ln() + 1.0 } else { 1.0 };
        Ok(RopeScaling::Yarn {
            factor,
            original,
            beta_fast: or("rope.scaling.yarn_beta_fast", 32.0)?,
            beta_slow: or("rope.scaling.yarn_beta_slow", 1.0)?,
            attention_factor: or("rope.scaling.yarn_attn_factor", 1.0)? * attention * usual,
            truncate: true,
        })
    }

    /// The tokens that end a text: end of text, of a turn, and of a message.
    fn ends(&self) -> Result<Vec<u32>, SourceError> {
        let mut ends = Vec::new();
        for key in ["eos", "eot", "eom"] {
            ends.extend(self.id(&format!("tokenizer.ggml.{key}_token_id"))?);
        }
        ends.sort_unstable();
        ends.dedup();
        Ok(ends)
    }

    /// A token's id, by the whole name of the setting; the largest number means that there is none.
    pub(super) fn id(&self, key: &str) -> Result<Option<u32>, SourceError> {
        let Some(value) = self.header.settings.get(key) else { return Ok(None) };
        let id = value.count().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| SourceError::setting(self.file, key, "is no token id"))?;
        Ok(Some(id).filter(|id| *id != u32::MAX))
    }

    fn get(&self, key: &str) -> Option<Value<'a>> {
        self.header.settings.get(format!("{}.{key}", self.prefix).as_str()).copied()
    }

    fn wrong(&self, key: &str, reason: &str) -> SourceError {
        SourceError::setting(self.file, &format!("{}.{key}", self.prefix), reason)
    }

    fn need(&self, key: &str) -> Result<usize, SourceError> {
        self.count(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// A number, or a list with the same for each layer.
    fn count(&self, key: &str) -> Result<Option<usize>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let value = match value {
            Value::List(list) => {
                let mut values = list.values().map(Value::count);
                let first = values.next().flatten();
                if values.any(|value| value != first) {
                    return Err(self.wrong(key, "is not the same for all layers, which is not read"));
                }
                first
            }
            value => value.count(),
        };
        let most = most(in_json(key));
        let count = value.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= most);
        count.map(Some).ok_or_else(|| self.wrong(key, &format!("is no whole number up to {most}")))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.number().map(Some).ok_or_else(|| self.wrong(key, "is no number"))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.flag().map(Some).ok_or_else(|| self.wrong(key, "is neither true nor false"))
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, SourceError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.text().map(Some).ok_or_else(|| self.wrong(key, "is no text"))
    }
}

/// The name that `config.json` has for a setting whose size is bounded.
fn in_json(key: &str) -> &str {
    match key {
        "embedding_length" => "hidden_size",
        "block_count" => "num_hidden_layers",
        "attention.head_count" => "num_attention_heads",
        "attention.head_count_kv" => "num_key_value_heads",
        "attention.key_length" | "attention.value_length" | "rope.dimension_count" => "head_dim",
        "feed_forward_length" => "intermediate_size",
        "expert_feed_forward_length" => "moe_intermediate_size",
        "expert_count" | "expert_used_count" => "num_experts",
        other => other,
    }
}
