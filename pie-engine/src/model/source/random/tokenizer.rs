//! The tokenizer of random checkpoints: all bytes, the commonest pairs of English, and the marks of a conversation.

use super::super::gguf::OWN_CUT;
use crate::tokenizer::byte_char;
use serde_json::{Value, json};

/// Pairs of neighbours that become one token, commonest first. Spaces stand for themselves here.
const MERGES: [(&str, &str); 48] = [
    (" ", "t"),
    ("h", "e"),
    ("i", "n"),
    (" ", "a"),
    ("r", "e"),
    ("o", "n"),
    (" t", "he"),
    ("e", "r"),
    (" ", "s"),
    ("a", "t"),
    (" ", "w"),
    (" ", "o"),
    ("e", "n"),
    (" ", "c"),
    ("i", "t"),
    ("i", "s"),
    ("a", "n"),
    ("o", "r"),
    ("e", "s"),
    (" ", "b"),
    ("e", "d"),
    (" ", "f"),
    ("in", "g"),
    (" ", "p"),
    ("o", "u"),
    (" a", "n"),
    ("a", "l"),
    ("a", "r"),
    (" t", "o"),
    (" ", "m"),
    (" o", "f"),
    (" ", "in"),
    (" ", "d"),
    (" ", "h"),
    (" an", "d"),
    ("i", "c"),
    ("a", "s"),
    ("l", "e"),
    (" t", "h"),
    ("i", "on"),
    ("o", "m"),
    ("l", "l"),
    ("en", "t"),
    (" ", "n"),
    (" ", "l"),
    ("s", "t"),
    (" ", "re"),
    ("v", "e"),
];
const END: &str = "<|endoftext|>";
const OPEN: &str = "<|im_start|>";
const CLOSE: &str = "<|im_end|>";
/// The template of a conversation.
pub(super) const TEMPLATE: &str = "{%- for message in messages -%}\n{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}\n{%- endfor -%}\n{%- if add_generation_prompt -%}\n{{ '<|im_start|>assistant\n' }}\n{%- endif -%}";

/// A vocabulary with what belongs to it.
pub(super) struct Made {
    /// Spellings in the byte-level alphabet, but of the marks; the place is the id.
    pub(super) tokens: Vec<String>,
    pub(super) merges: Vec<(String, String)>,
    /// The ids from here on are marks.
    pub(super) marks: usize,
    /// The end of a text.
    pub(super) end: usize,
    /// The end of a turn.
    pub(super) close: usize,
}

pub(super) fn make() -> Made {
    let spelled = |text: &str| text.bytes().map(byte_char).collect::<String>();
    let mut tokens: Vec<String> = (0..=u8::MAX).map(|byte| byte_char(byte).to_string()).collect();
    tokens.extend(MERGES.iter().map(|(left, right)| spelled(&format!("{left}{right}"))));
    let marks = tokens.len();
    tokens.extend([END, OPEN, CLOSE].map(str::to_owned));
    let merges = MERGES.iter().map(|(left, right)| (spelled(left), spelled(right))).collect();
    Made { tokens, merges, marks, end: marks, close: marks + 2 }
}

impl Made {
    /// The number of tokens, and up to a multiple of 32, so that any type can hold a matrix of it.
    pub(super) fn vocab_size(&self) -> usize {
        self.tokens.len().next_multiple_of(32)
    }

    /// All tokens for an embedding of so many rows: one for each, because a random model chooses any.
    pub(super) fn padded(&self, rows: usize) -> impl Iterator<Item = String> {
        let padding = (self.tokens.len()..rows).map(|id| format!("[PAD{id}]"));
        self.tokens.iter().cloned().chain(padding)
    }

    /// As a `tokenizer.json`, for an embedding of so many rows.
    pub(super) fn json(&self, rows: usize) -> Value {
        let vocabulary: serde_json::Map<String, Value> =
            self.padded(rows).enumerate().map(|(id, token)| (token, json!(id))).collect();
        let marks = self.tokens.iter().enumerate().skip(self.marks);
        let added: Vec<Value> = marks
            .map(|(id, token)| {
                json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true})
            })
            .collect();
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary,
                "merges": self.merges.iter().map(|(left, right)| json!([left, right])).collect::<Vec<Value>>(),
            },
        })
    }

    /// As a `tokenizer_config.json`.
    pub(super) fn config(&self) -> Value {
        json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
            "model_max_length": 2048,
            "eos_token": CLOSE,
            "pad_token": END,
            "chat_template": TEMPLATE,
        })
    }

    /// The ids that end a text.
    pub(super) fn ends(&self) -> [usize; 2] {
        [self.end, self.close]
    }

    /// The name that GGUF has for how it cuts words.
    pub(super) fn cut(&self) -> &'static str {
        OWN_CUT
    }
}
