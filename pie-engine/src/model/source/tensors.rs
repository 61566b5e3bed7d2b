//! Which tensors a model of given settings has, and their shapes.

use super::config::{Config, Norms, QkNorm};

/// The embedding.
pub const EMBEDDING: &str = "model.embed_tokens.weight";
/// The output matrix, unless it is the embedding.
pub const OUTPUT: &str = "lm_head.weight";
/// The norm before it.
pub const FINAL_NORM: &str = "model.norm.weight";

impl Config {
    /// All tensors with their shapes, in the order in which they are computed with.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = vec![(EMBEDDING.to_owned(), vec![self.vocab_size, self.hidden_size])];
        for layer in 0..self.layers {
            self.layer(layer, &mut tensors);
        }
        tensors.push((FINAL_NORM.to_owned(), vec![self.hidden_size]));
        if !self.tied_embeddings {
            tensors.push((OUTPUT.to_owned(), vec![self.vocab_size, self.hidden_size]));
        }
        tensors
    }

    fn layer(&self, layer: usize, tensors: &mut Vec<(String, Vec<usize>)>) {
        let prefix = format!("model.layers.{layer}.");
        let mut add = |name: &str, shape: &[usize]| tensors.push((format!("{prefix}{name}"), shape.to_vec()));
        let hidden = self.hidden_size;
        let norms: &[&str] = match self.norms {
            Norms::Before => &["input_layernorm", "post_attention_layernorm"],
            Norms::Around => &[
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
            ],
            Norms::After => &["post_attention_layernorm", "post_feedforward_layernorm"],
        };
        norms.iter().for_each(|norm| add(&format!("{norm}.weight"), &[hidden]));
        let mut matrix = |name: &str, out: usize, into: usize, biased: bool| {
            add(&format!("{name}.weight"), &[out, into]);
            if biased {
                add(&format!("{name}.bias"), &[out]);
            }
        };
        let (queries, keys) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        if self.fused_qkv {
            matrix("self_attn.qkv_proj", queries + 2 * keys, hidden, self.qkv_bias);
        } else {
            matrix("self_attn.q_proj", queries, hidden, self.qkv_bias);
            matrix("self_attn.k_proj", keys, hidden, self.qkv_bias);
            matrix("self_attn.v_proj", keys, hidden, self.qkv_bias);
        }
        matrix("self_attn.o_proj", hidden, queries, self.output_bias);
        match &self.moe {
            Some(moe) if moe.in_layer(layer) => {
                matrix("mlp.gate", moe.experts, hidden, false);
                for expert in 0..moe.experts {
                    matrix(&format!("mlp.experts.{expert}.gate_proj"), moe.intermediate_size, hidden, false);
                    matrix(&format!("mlp.experts.{expert}.up_proj"), moe.intermediate_size, hidden, false);
                    matrix(&format!("mlp.experts.{expert}.down_proj"), hidden, moe.intermediate_size, false);
                }
            }
            _ if self.fused_gate_up => {
                matrix("mlp.gate_up_proj", 2 * self.intermediate_size, hidden, self.mlp_bias);
                matrix("mlp.down_proj", hidden, self.intermediate_size, self.mlp_bias);
            }
            _ => {
                matrix("mlp.gate_proj", self.intermediate_size, hidden, self.mlp_bias);
                matrix("mlp.up_proj", self.intermediate_size, hidden, self.mlp_bias);
                matrix("mlp.down_proj", hidden, self.intermediate_size, self.mlp_bias);
            }
        }
        match self.qk_norm {
            QkNorm::None => {}
            QkNorm::Head => {
                add("self_attn.q_norm.weight", &[self.head_dim]);
                add("self_attn.k_norm.weight", &[self.head_dim]);
            }
            QkNorm::All => {
                add("self_attn.q_norm.weight", &[queries]);
                add("self_attn.k_norm.weight", &[keys]);
            }
        }
    }
}
