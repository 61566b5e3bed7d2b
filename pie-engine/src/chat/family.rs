//! What is known about families of models, and written in no template: how they mark reasoning and how they call tools.

use super::call::CallShape;

/// Marks around reasoning. White space next to them belongs to them in all of these.
pub(super) const REASONING: [(&str, &str); 3] = [
    // DeepSeek R1 and its distillations, Qwen 3, QwQ, Phi 4 reasoning and many others.
    ("<think>", "</think>"),
    // Magistral.
    ("[THINK]", "[/THINK]"),
    // Command A.
    ("<|START_THINKING|>", "<|END_THINKING|>"),
];

/// How a family calls tools.
pub(super) struct ToolFamily {
    /// A template that contains this, or a vocabulary with this token, is of the family; the first match counts.
    pub(super) sign: &'static str,
    /// Unless the template contains this.
    pub(super) unless: &'static [&'static str],
    pub(super) open: &'static [&'static str],
    pub(super) close: &'static [&'static str],
    pub(super) bare: Option<&'static str>,
    pub(super) around: &'static [&'static str],
    /// What separates the name from the arguments; without it, a call is one JSON object.
    pub(super) separator: Option<&'static str>,
    /// Tokens besides the template's that end a turn with calls.
    pub(super) stop: &'static [&'static str],
}

impl ToolFamily {
    pub(super) fn shape(&self) -> CallShape {
        self.separator.map_or(CallShape::Json, |separator| CallShape::Separated(separator.to_owned()))
    }
}

const JSON: ToolFamily = ToolFamily {
    sign: "",
    unless: &[],
    open: &[],
    close: &[],
    bare: None,
    around: &[],
    separator: None,
    stop: &[],
};

/// The families, the more specific first.
pub(super) const TOOLS: [ToolFamily; 7] = [
    // DeepSeek V3 and R1, and V3.1 with the name on the left of the separator.
    ToolFamily {
        sign: "<｜tool▁sep｜>",
        open: &["<｜tool▁call▁begin｜>"],
        close: &["<｜tool▁call▁end｜>"],
        around: &["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
        separator: Some("<｜tool▁sep｜>"),
        ..JSON
    },
    // Mistral since tokenizer version 11.
    ToolFamily { sign: "[ARGS]", open: &["[TOOL_CALLS]"], separator: Some("[ARGS]"), ..JSON },
    // Mistral before that: a list of calls.
    ToolFamily { sign: "[TOOL_CALLS]", open: &["[TOOL_CALLS]"], ..JSON },
    // Hermes and Qwen. Two later families took the marks for something that is not JSON.
    ToolFamily {
        sign: "<tool_call>",
        unless: &["<arg_key>", "<function="],
        open: &["<tool_call>"],
        close: &["</tool_call>"],
        ..JSON
    },
    // Llama 3.1 and later, which mostly leave the mark out.
    ToolFamily {
        sign: "<|python_tag|>",
        open: &["<|python_tag|>"],
        bare: Some("{\"name\":"),
        stop: &["<|eom_id|>"],
        ..JSON
    },
    // Phi 4 mini.
    ToolFamily { sign: "<|/tool_call|>", open: &["<|tool_call|>"], close: &["<|/tool_call|>"], ..JSON },
    // Granite 3: a list of calls.
    ToolFamily { sign: "<|tool_call|>", open: &["<|tool_call|>"], ..JSON },
];
