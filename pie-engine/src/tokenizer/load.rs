//! Reads and checks a `tokenizer.json`.

use super::piece::Spelling;
use super::shared::{Cut, Cuts, Pipeline, Shared};
use super::{MAX_VOCAB_SIZE, Table, Tokenizer, TokenizerError};
use crate::trace::sha256_hex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{
    AddedToken, DecoderWrapper, Model, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
};

/// What ByteLevel cuts with when it cuts by itself: the expression of GPT-2, which the library keeps to itself.
const BYTE_LEVEL_REGEX: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Spellings of control tokens that published files declare as ordinary added tokens.
const CONTROL: [&str; 8] = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<start_of_turn>",
    "<end_of_turn>",
];

/// A file, read in one pass: a vocabulary as a tree of values would take longer to build than the tokenizer. What is left out,
/// padding and truncation, belongs to training.
#[derive(Deserialize)]
struct File<M> {
    #[serde(default)]
    version: Value,
    model: M,
    #[serde(default)]
    added_tokens: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
}

/// What is looked at in a file that is not simply BPE.
#[derive(Deserialize)]
#[serde(expecting = "an object with a `model`, as in a `tokenizer.json`")]
struct Head {
    model: Option<ModelHead>,
}

#[derive(Deserialize)]
#[serde(expecting = "`model` to be an object")]
struct ModelHead {
    #[serde(rename = "type")]
    kind: Option<String>,
    merges: Option<IgnoredAny>,
}

pub(super) fn load(json: &[u8]) -> Result<Tokenizer, TokenizerError> {
    let (full, file) = pipeline(json)?;
    check_added_ids(&file.added_tokens, &full)?;
    let spelling = spelling(&file)?;
    let control = control_tokens(&full);
    let vocab = table(&full, spelling)?;
    let plain = without_control(&full)?;
    let split_regex = split_regex(&file.pre_tokenizer).join("|");
    let strips_first_space = strips_first_space(&file.decoder);
    let digest = sha256_hex(json);
    let special = vocab.only(&control);
    Ok(Tokenizer { full, plain, vocab, special, control, strips_first_space, split_regex, digest, logits: 0 })
}

fn unreadable(error: serde_json::Error) -> TokenizerError {
    malformed(if error.is_data() { error.to_string() } else { format!("not JSON: {error}") })
}

fn malformed(reason: impl Into<String>) -> TokenizerError {
    TokenizerError::Malformed(reason.into())
}

/// Fails early and clearly for what the parser would only call a mismatch of its variants.
fn check_model(head: &Head) -> Result<(), TokenizerError> {
    let Some(model) = &head.model else {
        return Err(malformed("there is no `model`; is this a `tokenizer.json`?"));
    };
    match model.kind.as_deref() {
        Some("BPE" | "Unigram") => Ok(()),
        Some(other) => Err(TokenizerError::Unsupported(format!(
            "models of type `{other}`; language models use `BPE` or `Unigram`"
        ))),
        // Files from before the type was written down.
        None if model.merges.is_some() => Ok(()),
        None => Err(malformed("`model.type` is missing")),
    }
}

/// A text with a bit of everything, to try a tokenizer on.
const TRIAL: &str = "a É€\u{1f600}\n  1<s>";

/// Puts the library's pipeline together, and tries it. The library reads formats nested in the file (regular expressions, character
/// maps, templates of special tokens) and trusts some of what they say, so a panic in one of those is turned into an error
/// here: the file is not ours.
fn pipeline(json: &[u8]) -> Result<(Pipeline, File<()>), TokenizerError> {
    catch_unwind(AssertUnwindSafe(|| {
        let (model, file) = parse(json)?;
        let pipeline = assemble(model, &file).map_err(|error| malformed(error.to_string()))?;
        // A vocabulary may fail to express the trial; that is no fault of the file.
        let _ = pipeline.encode_fast(TRIAL, true);
        Ok((pipeline, file))
    }))
    .unwrap_or_else(|_| Err(malformed("it contradicts itself, and the parser gave up on it")))
}

/// The model and the rest of a file. Random segmentation is left out: it belongs to training, and would make encoding random.
fn parse(json: &[u8]) -> Result<(ModelWrapper, File<()>), TokenizerError> {
    // The library finds out of which type a model is by reading it several times; most are BPE.
    if let Ok(file) = serde_json::from_slice::<File<BPE>>(json) {
        let (mut bpe, file) = file.split();
        bpe.dropout = None;
        return Ok((ModelWrapper::BPE(bpe), file));
    }
    check_model(&serde_json::from_slice(json).map_err(unreadable)?)?;
    let file: File<ModelWrapper> =
        serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    let (mut model, file) = file.split();
    match &mut model {
        ModelWrapper::BPE(bpe) => bpe.dropout = None,
        ModelWrapper::Unigram(unigram) => (unigram.alpha, unigram.nbest_size) = (None, None),
        _ => {}
    }
    Ok((model, file))
}

impl<M> File<M> {
    fn split(self) -> (M, File<()>) {
        let File { version, model, added_tokens, normalizer, pre_tokenizer, post_processor, decoder } = self;
        (model, File { version, model: (), added_tokens, normalizer, pre_tokenizer, post_processor, decoder })
    }
}

fn assemble(model: ModelWrapper, file: &File<()>) -> tokenizers::Result<Pipeline> {
    if !file.version.is_null() && file.version != "1.0" {
        return Err(format!("its version is {}, and `1.0` is known", file.version).into());
    }
    let mut pipeline = Pipeline::new(Shared(Arc::new(model)));
    pipeline.with_normalizer(Option::<NormalizerWrapper>::deserialize(&file.normalizer)?)?;
    let cuts = parts(&file.pre_tokenizer).into_iter().map(Cut::read).collect::<Result<Vec<_>, _>>()?;
    pipeline.with_pre_tokenizer((!cuts.is_empty()).then(|| Cuts(cuts.into())));
    pipeline.with_post_processor(Option::<PostProcessorWrapper>::deserialize(&file.post_processor)?);
    pipeline.with_decoder(Option::<DecoderWrapper>::deserialize(&file.decoder)?);
    pipeline.add_tokens(Option::<Vec<AddedToken>>::deserialize(&file.added_tokens)?.unwrap_or_default())?;
    Ok(pipeline)
}

/// The library numbers added tokens itself; a file whose numbers have gaps would silently get other ids than its model expects.
fn check_added_ids(added_tokens: &Value, tokenizer: &Pipeline) -> Result<(), TokenizerError> {
    for token in added_tokens.as_array().into_iter().flatten() {
        let (Some(content), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) else { continue };
        let given = tokenizer.token_to_id(content);
        if given.map(u64::from) != Some(id) {
            let given = given.map_or("none".to_owned(), |id| id.to_string());
            return Err(malformed(format!(
                "added token `{content}` has id {id} in the file, but its place gives it {given}; added tokens must \
                 follow the vocabulary without a gap"
            )));
        }
    }
    Ok(())
}

/// The type of a component of the file and those of its parts, in order.
fn parts(component: &Value) -> Vec<&Value> {
    let nested = ["decoders", "pretokenizers", "normalizers"];
    match nested.iter().find_map(|key| component[key].as_array()) {
        Some(list) => list.iter().flat_map(parts).collect(),
        None if component.is_object() => vec![component],
        None => Vec::new(),
    }
}

fn spelling(file: &File<()>) -> Result<Spelling, TokenizerError> {
    let decoders = parts(&file.decoder);
    for decoder in &decoders {
        match decoder["type"].as_str() {
            Some("ByteLevel") => return Ok(Spelling::ByteLevel),
            Some("Metaspace") => {
                let space = decoder["replacement"].as_str().and_then(|text| text.chars().next());
                return Ok(Spelling::Metaspace { space: space.unwrap_or('▁') });
            }
            Some("Replace") if decoder["content"] == " " => {
                if let Some(space) = single_char(&decoder["pattern"]["String"]) {
                    return Ok(Spelling::Metaspace { space });
                }
            }
            Some(other @ ("WordPiece" | "BPEDecoder" | "CTC")) => {
                return Err(TokenizerError::Unsupported(format!("decoders of type `{other}`")));
            }
            _ => {}
        }
    }
    let byte_level = parts(&file.pre_tokenizer).iter().any(|part| part["type"] == "ByteLevel");
    Ok(if byte_level { Spelling::ByteLevel } else { Spelling::Text })
}

fn single_char(value: &Value) -> Option<char> {
    let mut chars = value.as_str()?.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

fn strips_first_space(decoder: &Value) -> bool {
    parts(decoder).iter().any(|part| match part["type"].as_str() {
        Some("Metaspace") => part["prepend_scheme"] != "never" && part["add_prefix_space"] != false,
        Some("Strip") => part["content"] == " " && part["start"].as_u64().unwrap_or(0) > 0,
        _ => false,
    })
}

fn split_regex(pre_tokenizer: &Value) -> Vec<&str> {
    let mut expressions = Vec::new();
    for part in parts(pre_tokenizer) {
        match part["type"].as_str() {
            Some("Split") => expressions.extend(part["pattern"]["Regex"].as_str()),
            Some("ByteLevel") if part["use_regex"] != false => expressions.push(BYTE_LEVEL_REGEX),
            _ => {}
        }
    }
    expressions
}

/// Tokens marked as special, and those that are control tokens by their looks.
fn control_tokens(tokenizer: &Pipeline) -> HashSet<u32> {
    let added = tokenizer.get_added_tokens_decoder();
    added.iter().filter(|(_, token)| is_control(token)).map(|(id, _)| *id).collect()
}

fn is_control(token: &AddedToken) -> bool {
    let content = token.content.as_str();
    let between = |open, close| content.len() > 4 && content.starts_with(open) && content.ends_with(close);
    token.special || between("<|", "|>") || between("<｜", "｜>") || CONTROL.contains(&content)
}

fn table(tokenizer: &Pipeline, spelling: Spelling) -> Result<Table, TokenizerError> {
    let added = tokenizer.get_added_tokens_decoder();
    let mut pieces: Vec<(u32, String)> =
        tokenizer.get_vocab(true).into_iter().map(|(piece, id)| (id, piece)).collect();
    pieces.sort_unstable();
    let mut table = Table::default();
    for pair in pieces.windows(2) {
        if pair[0].0 == pair[1].0 {
            let [(id, one), (_, other)] = pair else { continue };
            return Err(malformed(format!("tokens `{one}` and `{other}` share the id {id}")));
        }
    }
    for (id, piece) in pieces {
        if id >= MAX_VOCAB_SIZE {
            return Err(TokenizerError::IdTooLarge { id });
        }
        let is_added = added.contains_key(&id);
        table.ids.push(id);
        table.bytes.push(if is_added { spelling.added_bytes(&piece) } else { spelling.bytes(&piece) });
    }
    if table.ids.is_empty() { Err(malformed("the vocabulary is empty")) } else { Ok(table) }
}

impl Table {
    fn only(&self, ids: &HashSet<u32>) -> Table {
        let entries = self.ids.iter().zip(&self.bytes).filter(|(id, _)| ids.contains(id));
        let (ids, bytes) = entries.map(|(id, bytes)| (*id, bytes.clone())).unzip();
        Table { ids, bytes }
    }
}

/// The same pipeline, for the middle of a text, that does not find the control tokens.
fn without_control(full: &Pipeline) -> Result<Pipeline, TokenizerError> {
    let failed = |error: tokenizers::Error| malformed(error.to_string());
    let model = full.get_model();
    let mut plain = Pipeline::new(model.clone());
    plain.with_normalizer(full.get_normalizer().cloned()).map_err(failed)?;
    plain.with_pre_tokenizer(full.get_pre_tokenizer().map(for_the_middle));
    let mut added: Vec<_> = full.get_added_tokens_decoder().into_iter().collect();
    added.sort_unstable_by_key(|(id, _)| *id);
    let mut kept = Vec::new();
    for (id, mut token) in added {
        if is_control(&token) {
            if model.token_to_id(&token.content).is_some() {
                continue;
            }
            // The library numbers added tokens by their place, so the place must stay taken. Two noncharacters keep the
            // spelling out of texts, and `encode_text` checks what comes out.
            token.content = format!("\u{10fffe}{id}\u{10ffff}");
            token.normalized = false;
        }
        kept.push(token);
    }
    plain.add_tokens(kept).map_err(failed)?;
    Ok(plain)
}

/// The parts themselves, or a copy that does not take the start of its text for the start of a document.
fn for_the_middle(cuts: &Cuts) -> Cuts {
    if !cuts.0.iter().any(marks_the_first_word) {
        return cuts.clone();
    }
    Cuts(cuts.0.iter().map(without_mark).collect())
}

fn marks_the_first_word(cut: &Cut) -> bool {
    matches!(cut, Cut::Library(PreTokenizerWrapper::Metaspace(part)) if part.prepend_scheme == PrependScheme::First)
}

fn without_mark(cut: &Cut) -> Cut {
    match cut {
        Cut::Words => Cut::Words,
        Cut::Library(part) => {
            let mut part = part.clone();
            if let PreTokenizerWrapper::Metaspace(metaspace) = &mut part
                && metaspace.prepend_scheme == PrependScheme::First
            {
                metaspace.prepend_scheme = PrependScheme::Never;
            }
            Cut::Library(part)
        }
    }
}
