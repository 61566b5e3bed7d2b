//! Names of tensors in GGUF and those of Hugging Face for the same.

use super::super::config::{Architecture, Norms};

/// What a tensor of a GGUF file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A tensor of the model.
    Tensor(String),
    /// One tensor for each expert, stacked: what stands before the expert's number, and what behind it.
    Experts(String, String),
    /// Something else, such as the divisors of rotary frequencies, which belong to the settings.
    Other,
}

/// Finds out what the tensor of this name is.
pub(super) fn meaning(name: &str, architecture: Architecture, norms: Norms) -> Meaning {
    let Some((stem, suffix)) = name.rsplit_once('.') else { return Meaning::Other };
    let whole = match stem {
        "token_embd" => Some("model.embed_tokens"),
        "output_norm" => Some("model.norm"),
        "output" => Some("lm_head"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Meaning::Tensor(format!("{whole}.{suffix}"));
    }
    let Some((layer, part)) = stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) else {
        return Meaning::Other;
    };
    let prefix = format!("model.layers.{layer}");
    let experts = match part {
        "ffn_gate_exps" => Some("gate_proj"),
        "ffn_up_exps" => Some("up_proj"),
        "ffn_down_exps" => Some("down_proj"),
        _ => None,
    };
    if let Some(matrix) = experts {
        return Meaning::Experts(format!("{prefix}.mlp.experts"), format!("{matrix}.{suffix}"));
    }
    let part = match part {
        "attn_norm" => "input_layernorm",
        "ffn_norm" if norms == Norms::Around => "pre_feedforward_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "post_attention_norm" => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_qkv" => "self_attn.qkv_proj",
        "attn_output" => "self_attn.o_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "ffn_up" if architecture == Architecture::Phi3 => "mlp.gate_up_proj",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        "ffn_gate_inp" => "mlp.gate",
        _ => return Meaning::Other,
    };
    Meaning::Tensor(format!("{prefix}.{part}.{suffix}"))
}

/// The name in GGUF of a tensor that Hugging Face calls so; for experts, that of the stack.
pub(in super::super) fn in_gguf(name: &str, norms: Norms) -> String {
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let whole = match stem {
        "model.embed_tokens" => Some("token_embd"),
        "model.norm" => Some("output_norm"),
        "lm_head" => Some("output"),
        _ => None,
    };
    if let Some(whole) = whole {
        return format!("{whole}.{suffix}");
    }
    let rest = stem.strip_prefix("model.layers.").unwrap_or(stem);
    let (layer, part) = rest.split_once('.').unwrap_or((rest, ""));
    let expert = part.strip_prefix("mlp.experts.").and_then(|rest| rest.split_once('.'));
    let part = match expert.map_or(part, |(_, matrix)| matrix) {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" if norms == Norms::Before => "ffn_norm",
        "post_attention_layernorm" => "post_attention_norm",
        "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.qkv_proj" => "attn_qkv",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_up_proj" | "mlp.up_proj" => "ffn_up",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.down_proj" => "ffn_down",
        "mlp.gate" => "ffn_gate_inp",
        "gate_proj" => "ffn_gate_exps",
        "up_proj" => "ffn_up_exps",
        "down_proj" => "ffn_down_exps",
        other => other,
    };
    format!("blk.{layer}.{part}.{suffix}")
}
