//! The tokenizer of a GGUF file, as the `tokenizer.json` that it was made from or could have been.
//!
//! Two kinds are read, which are those of all known architectures: byte-level BPE with merges (`gpt2`), whose way of cutting words is a
//! name there, and BPE in the style of SentencePiece (`llama`), which has scores instead of merges: a score says how early a token is made
//! from any two parts.

use super::super::SourceError;
use super::header::{Header, List, Value};
use crate::tokenizer::{MAX_VOCAB_SIZE, Tokenizer};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";
/// A `tokenizer.json` as it is, which some files carry.
const WHOLE: &str = "tokenizer.huggingface.json";
const TEMPLATE: &str = "tokenizer.chat_template";

/// Numbers of the types of tokens.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const BYTE: u64 = 6;

/// Tokens longer than this many bytes are found whole or not at all. Those of published files have some dozens at most.
const MOST_MERGED: usize = 256;

/// How byte-level tokenizers cut a text into words, by the names that llama.cpp has for it.
struct Cut {
    names: &'static [&'static str],
    expressions: &'static [&'static str],
    /// Whether a word that is a token is not merged from parts.
    ignores_merges: bool,
    /// Whether a text begins with the token for its beginning, if no setting says.
    begins: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const CUTS: [Cut; 6] = [
    Cut {
        names: &["gpt-2", "olmo", "mpt", "jais"],
        expressions: &[GPT2],
        ignores_merges: false,
        begins: false,
    },
    Cut {
        names: &["starcoder", "refact", "smollm", "command-r", "codeshell", "exaone"],
        expressions: &[r"\p{N}", GPT2],
        ignores_merges: false,
        begins: false,
    },
    Cut {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"],
        expressions: &[LLAMA3],
        ignores_merges: true,
        begins: true,
    },
    Cut { names: &["dbrx", "smaug-bpe"], expressions: &[LLAMA3], ignores_merges: false, begins: false },
    Cut {
        names: &["qwen2", "deepseek-r1-qwen", "megrez"],
        expressions: &[QWEN2],
        ignores_merges: false,
        begins: false,
    },
    Cut { names: &["gpt-4o", "llama4"], expressions: &[GPT4O], ignores_merges: false, begins: false },
];
const TEKKEN_CUT: Cut =
    Cut { names: &["tekken"], expressions: &[TEKKEN], ignores_merges: true, begins: true };

/// The name of the cut that tokenizers made here have in a GGUF file.
pub(in super::super) const OWN_CUT: &str = "gpt-2";

/// Makes the tokenizer.
pub(super) fn read(header: &Header<'_>, file: &str) -> Result<Tokenizer, SourceError> {
    let parts = Parts { header, file };
    let json = match header.settings.get(WHOLE) {
        Some(Value::Text(whole)) => whole.to_vec(),
        _ => serde_json::to_vec(&parts.json()?).map_err(|error| SourceError::malformed(file, error))?,
    };
    Tokenizer::from_json(&json).map_err(|reason| SourceError::Tokenizer { file: file.to_owned(), reason })
}

/// What a chat format is made from, in the way of a `tokenizer_config.json`.
pub(super) fn chat(header: &Header<'_>, file: &str, eos: &[u32], bos: Option<u32>) -> Json {
    let parts = Parts { header, file };
    let tokens = parts.list(TOKENS).ok();
    let spelled = |id: Option<u32>| -> Option<String> {
        let value = tokens?.values().nth(id? as usize)?;
        value.text().map(str::to_owned)
    };
    let first = header.settings.get("tokenizer.ggml.eos_token_id").and_then(|value| value.count());
    let mut chat = json!({"eos_token_id": eos});
    if let Some(bos) = spelled(bos) {
        chat["bos_token"] = json!(bos);
    }
    if let Some(eos) = spelled(first.and_then(|id| u32::try_from(id).ok())) {
        chat["eos_token"] = json!(eos);
    }
    if let Some(template) = header.settings.get(TEMPLATE).and_then(|value| value.text()) {
        chat["chat_template"] = json!(template);
    }
    chat
}

struct Parts<'a> {
    header: &'a Header<'a>,
    file: &'a str,
}

/// A token of the file.
struct Token<'a> {
    text: &'a str,
    kind: u64,
}

impl<'a> Parts<'a> {
    fn wrong(&self, key: &str, reason: impl Into<String>) -> SourceError {
        SourceError::setting(self.file, key, reason)
    }

    fn get(&self, key: &str) -> Option<Value<'a>> {
        self.header.settings.get(key).copied()
    }

    fn list(&self, key: &str) -> Result<List<'a>, SourceError> {
        self.get(key).and_then(Value::list).ok_or_else(|| self.wrong(key, "is missing, or no list"))
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::flag)
    }

    fn json(&self) -> Result<Json, SourceError> {
        let tokens = self.tokens()?;
        match self.get(MODEL).and_then(Value::text) {
            Some("gpt2") => self.byte_level(&tokens),
            Some("llama") => self.pieces(&tokens),
            Some(other) => Err(self.wrong(MODEL, format!("is `{other}`; known are `gpt2` and `llama`"))),
            None => Err(self.wrong(MODEL, "is missing")),
        }
    }

    fn tokens(&self) -> Result<Vec<Token<'a>>, SourceError> {
        let list = self.list(TOKENS)?;
        if list.count == 0 || list.count > u64::from(MAX_VOCAB_SIZE) {
            return Err(
                self.wrong(TOKENS, format!("has {} tokens; from 1 to {MAX_VOCAB_SIZE} are read", list.count))
            );
        }
        let kinds = self.get(TYPES).and_then(Value::list);
        if let Some(kinds) = kinds
            && kinds.count != list.count
        {
            return Err(self.wrong(TYPES, format!("has {} types for {} tokens", kinds.count, list.count)));
        }
        let mut kinds = kinds.into_iter().flat_map(List::values).map(|kind| kind.count().unwrap_or(1));
        let mut tokens = Vec::new();
        for (id, token) in list.values().enumerate() {
            let text =
                token.text().ok_or_else(|| self.wrong(TOKENS, format!("has no text as token {id}")))?;
            tokens.push(Token { text, kind: kinds.next().unwrap_or(1) });
        }
        Ok(tokens)
    }

    /// The vocabulary. Files pad it with tokens of one spelling, of which the first counts; the others get a spelling of their own.
    fn vocabulary(tokens: &[Token<'_>]) -> Map<String, Json> {
        let mut vocabulary = Map::new();
        for (id, token) in tokens.iter().enumerate() {
            let spelling = match vocabulary.contains_key(token.text) {
                true => format!("\u{10fffe}{id}\u{10ffff}"),
                false => token.text.to_owned(),
            };
            vocabulary.insert(spelling, json!(id));
        }
        vocabulary
    }

    /// Tokens that are looked for in a text before anything else.
    fn added(tokens: &[Token<'_>]) -> Vec<Json> {
        let is_added = |token: &Token<'_>| matches!(token.kind, CONTROL | USER_DEFINED | UNKNOWN);
        let mut seen = std::collections::HashSet::new();
        let added = tokens.iter().enumerate().filter(|(_, token)| is_added(token) && !token.text.is_empty());
        let added = added.filter(|(_, token)| seen.insert(token.text));
        let entry = |(id, token): (usize, &Token<'_>)| {
            json!({"id": id, "content": token.text, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": token.kind != USER_DEFINED})
        };
        added.map(entry).collect()
    }

    fn byte_level(&self, tokens: &[Token<'_>]) -> Result<Json, SourceError> {
        let name = self.get(PRE).and_then(Value::text).unwrap_or("default");
        let mut cuts = CUTS.iter().chain([&TEKKEN_CUT]);
        let cut = cuts.find(|cut| cut.names.contains(&name)).ok_or_else(|| {
            let known = CUTS.iter().chain([&TEKKEN_CUT]).flat_map(|cut| cut.names);
            let known = known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            self.wrong(PRE, format!("is `{name}`; known ways to cut words are {known}"))
        })?;
        let mut merges = Vec::new();
        for (number, merge) in self.list(MERGES)?.values().enumerate() {
            let pair = merge.text().and_then(|merge| merge.split_once(' '));
            let (left, right) =
                pair.ok_or_else(|| self.wrong(MERGES, format!("has no two tokens as merge {number}")))?;
            merges.push(json!([left, right]));
        }
        let split = |expression: &&str| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
        let mut parts: Vec<Json> = cut.expressions.iter().map(split).collect();
        parts.push(
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}),
        );
        Ok(json!({
            "version": "1.0",
            "added_tokens": Self::added(tokens),
            "normalizer": null,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": parts},
            "post_processor": self.beginning(tokens, cut.begins)?,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                "ignore_merges": cut.ignores_merges,
                "vocab": Self::vocabulary(tokens), "merges": merges,
            },
        }))
    }

    fn pieces(&self, tokens: &[Token<'_>]) -> Result<Json, SourceError> {
        let scores = self.list(SCORES)?;
        if scores.count != tokens.len() as u64 {
            return Err(
                self.wrong(SCORES, format!("has {} scores for {} tokens", scores.count, tokens.len()))
            );
        }
        let scores: Vec<f64> = scores.values().map(|score| score.number().unwrap_or(0.0)).collect();
        let unknown = tokens.iter().find(|token| token.kind == UNKNOWN).map(|token| token.text);
        let prefix = self.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
        let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let mut normalizers = vec![replace];
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if prefix {
            normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        Ok(json!({
            "version": "1.0",
            "added_tokens": Self::added(tokens),
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": null,
            "post_processor": self.beginning(tokens, true)?,
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
                "vocab": Self::vocabulary(tokens), "merges": merges(tokens, &scores),
            },
        }))
    }

    /// What puts the token for the beginning before a text.
    fn beginning(&self, tokens: &[Token<'_>], usual: bool) -> Result<Json, SourceError> {
        if !self.flag("tokenizer.ggml.add_bos_token").unwrap_or(usual) {
            return Ok(Json::Null);
        }
        let key = "tokenizer.ggml.bos_token_id";
        let Some(value) = self.get(key) else { return Ok(Json::Null) };
        let id = value.count().and_then(|id| usize::try_from(id).ok());
        let Some((id, token)) = id.and_then(|id| Some((id, tokens.get(id)?))) else {
            return Err(self.wrong(key, "is no token of the vocabulary"));
        };
        let sequence = |id: &str, kind: usize| json!({"Sequence": {"id": id, "type_id": kind}});
        let special = |kind: usize| json!({"SpecialToken": {"id": token.text, "type_id": kind}});
        Ok(json!({
            "type": "TemplateProcessing",
            "single": [special(0), sequence("A", 0)],
            "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
            "special_tokens": {token.text: {"id": token.text, "ids": [id], "tokens": [token.text]}},
        }))
    }
}

/// All pairs of tokens that make a token, those of the highest score first. SentencePiece merges whatever two neighbours make the token
/// of the highest score, so a list in this order is merged in the same way; within one token, as the converter of `transformers` does
/// it, pairs come in the order of their parts' numbers.
fn merges(tokens: &[Token<'_>], scores: &[f64]) -> Vec<Json> {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for (id, token) in tokens.iter().enumerate() {
        ids.entry(token.text).or_insert(id);
    }
    let mut pairs = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        if matches!(token.kind, CONTROL | USER_DEFINED | UNKNOWN | BYTE) || token.text.len() > MOST_MERGED {
            continue;
        }
        for (at, _) in token.text.char_indices().skip(1) {
            let (left, right) = token.text.split_at(at);
            if let (Some(left), Some(right)) = (ids.get(left), ids.get(right)) {
                pairs.push((id, *left, *right));
            }
        }
    }
    let score = |id: usize| scores.get(id).copied().unwrap_or(0.0);
    pairs.sort_by(|one, other| score(other.0).total_cmp(&score(one.0)).then(one.cmp(other)));
    pairs.into_iter().map(|(_, left, right)| json!([tokens[left].text, tokens[right].text])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::header;
    use super::*;
    use candle_core::quantized::gguf_file::{self, Value as Written};
    use std::io::Cursor;

    /// The tokenizer of a file with these settings and no tensors.
    fn tokenizer(settings: &[(&str, Written)]) -> Result<Tokenizer, SourceError> {
        let mut bytes = Cursor::new(Vec::new());
        let settings: Vec<(&str, &Written)> = settings.iter().map(|(key, value)| (*key, value)).collect();
        gguf_file::write(&mut bytes, &settings, &[]).unwrap();
        let bytes = bytes.into_inner();
        read(&header::read(&bytes, "written").unwrap(), "written")
    }

    fn list<T>(values: &Json, one: impl Fn(&Json) -> T, written: impl Fn(T) -> Written) -> Written {
        Written::Array(values.as_array().unwrap().iter().map(|value| written(one(value))).collect())
    }

    /// `tests/programs/pieces.py` has written the file: vocabularies that SentencePiece was trained to, once as Llama has it and once without the space
    /// before a text, as Gemma has it, and what it makes of some texts.
    #[test]
    fn pieces_with_scores_are_merged_as_sentencepiece_merges_them() {
        let models: Json = serde_json::from_str(include_str!("sentencepiece.json")).unwrap();
        for (name, model) in models.as_object().unwrap() {
            let text = |value: &Json| value.as_str().unwrap().to_owned();
            let settings = [
                (MODEL, Written::String("llama".into())),
                (TOKENS, list(&model["tokens"], text, Written::String)),
                (SCORES, list(&model["scores"], |score| score.as_f64().unwrap() as f32, Written::F32)),
                (TYPES, list(&model["kinds"], |kind| kind.as_i64().unwrap() as i32, Written::I32)),
                ("tokenizer.ggml.add_space_prefix", Written::Bool(model["prefix"] == true)),
                ("tokenizer.ggml.bos_token_id", Written::U32(1)),
            ];
            let tokenizer = tokenizer(&settings).unwrap();
            for case in model["texts"].as_array().unwrap() {
                let text = case["text"].as_str().unwrap();
                let ids: Vec<u64> = tokenizer.encode(text).into_iter().map(u64::from).collect();
                assert_eq!(json!(ids), case["ids"], "{name}: {text:?}");
                let back: Vec<u32> = ids.iter().map(|id| *id as u32).collect();
                assert_eq!(tokenizer.decode(&back).unwrap(), text, "{name}");
            }
            assert_eq!(tokenizer.encode_with_special("x")[0], 1, "a text begins with its token");
            assert_eq!(tokenizer.encode("<|x|>").len(), 1, "tokens of the user are found whole");
        }
    }

    #[test]
    fn a_vocabulary_that_contradicts_itself_is_refused() {
        let words = |words: &[&str]| {
            Written::Array(words.iter().map(|word| Written::String((*word).into())).collect())
        };
        let refused = |settings: &[(&str, Written)]| tokenizer(settings).unwrap_err().to_string();
        let model = |name: &str| (MODEL, Written::String(name.into()));
        assert_eq!(refused(&[model("gpt2")]), "`written`: `tokenizer.ggml.tokens` is missing, or no list");
        let tokens = || (TOKENS, words(&["a", "b"]));
        assert_eq!(
            refused(&[model("bert"), tokens()]),
            "`written`: `tokenizer.ggml.model` is `bert`; known are `gpt2` and `llama`"
        );
        let scores = (SCORES, Written::Array(vec![Written::F32(0.0)]));
        assert_eq!(
            refused(&[model("llama"), tokens(), scores]),
            "`written`: `tokenizer.ggml.scores` has 1 scores for 2 tokens"
        );
        let pre = || (PRE, Written::String("qwen2".into()));
        assert_eq!(
            refused(&[model("gpt2"), tokens(), pre(), (MERGES, words(&["ab"]))]),
            "`written`: `tokenizer.ggml.merges` has no two tokens as merge 0"
        );
        assert!(
            tokenizer(&[model("gpt2"), tokens(), pre(), (MERGES, words(&["a b"]))]).is_err(),
            "there is no `ab`"
        );
        assert!(
            tokenizer(&[model("gpt2"), (TOKENS, words(&["a", "b", "ab"])), pre(), (MERGES, words(&["a b"]))])
                .is_ok()
        );
    }

    #[test]
    fn every_way_to_cut_words_is_an_expression_that_compiles() {
        for cut in CUTS.iter().chain([&TEKKEN_CUT]) {
            for name in cut.names {
                let letters: Vec<String> =
                    (0..=u8::MAX).map(|byte| crate::tokenizer::byte_char(byte).to_string()).collect();
                let tokens = Written::Array(letters.into_iter().map(Written::String).collect());
                let settings = [
                    (MODEL, Written::String("gpt2".into())),
                    (PRE, Written::String((*name).into())),
                    (TOKENS, tokens),
                    (MERGES, Written::Array(Vec::new())),
                ];
                let tokenizer = tokenizer(&settings).unwrap();
                let text = "It's 1234 ÀÉ\r\n\n  日本 don't\t!";
                assert_eq!(tokenizer.encode(text).len(), text.len(), "{name}");
            }
        }
    }
}
