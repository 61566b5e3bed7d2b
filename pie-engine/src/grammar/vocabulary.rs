//! The tokens of a tokenizer as a trie over their bytes: built once per tokenizer and shared.

use super::error::VocabularyError;
use super::guard::Guard;
use llguidance::earley::{BiasComputer, SlicedBiasComputer};
use std::sync::Arc;
use toktrie::{INVALID_TOKEN, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

/// Turns a text that continues another into tokens.
pub type Encoder = Arc<dyn Fn(&str) -> Vec<u32> + Send + Sync>;

/// Nodes that the trie's 22 bits can number.
const MAX_NODES: usize = (1 << 22) - 1;
/// Tokens with more bytes are left out, since the trie numbers the levels above a node with 10 bits. None has been seen in the wild
/// but rows of spaces, which shorter tokens spell as well.
const MAX_TOKEN_BYTES: usize = 1000;

/// What a [`Vocabulary`] is made from.
#[derive(Clone, Default)]
pub struct Tokens<'a> {
    /// One more than the largest id: the length of a mask.
    pub size: u32,
    /// The ids in use.
    pub ids: &'a [u32],
    /// Their bytes, at the same places.
    pub bytes: &'a [Vec<u8>],
    /// Tokens that are no text. They match in a grammar only where it names them.
    pub special: &'a [u32],
    /// Tokens that end a text. They are possible exactly where the grammar can end.
    pub end: &'a [u32],
}

/// A vocabulary, ready for masks.
pub struct Vocabulary {
    pub(super) env: TokEnv,
    /// Masks of sets of tokens that often match as a whole, such as all that may stand in a JSON string.
    pub(super) slices: Arc<SlicedBiasComputer>,
    end: Vec<u32>,
    /// Tokens that alone can break a bound of JSON's readers; and those that can where integers have 64 bits.
    extremes: [Vec<u32>; 2],
    encoder: Option<Encoder>,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary").field("size", &self.size()).field("end", &self.end).finish()
    }
}

impl Vocabulary {
    /// Builds the trie. For a hundred thousand tokens this takes some tenths of a second: do it once.
    pub fn new(tokens: &Tokens) -> Result<Vocabulary, VocabularyError> {
        let words = words(tokens)?;
        let nodes = count_nodes(&words);
        if nodes > MAX_NODES {
            return Err(VocabularyError::TooLarge { nodes, limit: MAX_NODES });
        }
        // The end tokens are this module's business: the parser never hears of them.
        let trie = TokTrie::from(&TokRxInfo::new(tokens.size, INVALID_TOKEN), &words);
        let env: TokEnv = Arc::new(Env { trie });
        let slices = SlicedBiasComputer::new(&env, &SlicedBiasComputer::general_slices())
            .map_err(|error| malformed(tokens, error.to_string()))?;
        let mut end: Vec<u32> = tokens.end.to_vec();
        end.sort_unstable();
        end.dedup();
        let extremes = [false, true].map(|unsigned| {
            let extreme = |token: &u32| Guard::new(unsigned).is_extreme(env.tok_trie().token(*token));
            (0..tokens.size).filter(extreme).collect()
        });
        Ok(Vocabulary { env, slices: Arc::new(slices), end, extremes, encoder: None })
    }

    /// The same with the tokenizer's way to write a text, which makes [`forced_tokens`](super::Matcher::forced_tokens) find more.
    pub fn with_encoder(self, encoder: Encoder) -> Self {
        Vocabulary { encoder: Some(encoder), ..self }
    }

    /// One more than the largest id.
    pub fn size(&self) -> u32 {
        self.trie().vocab_size() as u32
    }

    /// The tokens that end a text, rising.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end
    }

    /// Whether the token ends a text.
    pub fn is_end(&self, token: u32) -> bool {
        self.end.binary_search(&token).is_ok()
    }

    /// Tokens that alone can break a bound of a guard that is far from it.
    pub(super) fn extremes(&self, guard: &Guard) -> &[u32] {
        &self.extremes[usize::from(guard.is_unsigned())]
    }

    pub(super) fn trie(&self) -> &TokTrie {
        self.env.tok_trie()
    }

    pub(super) fn bias(&self) -> &dyn BiasComputer {
        &*self.slices
    }

    /// The tokens that the tokenizer writes a text with, if it is known and they spell that text.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u32>> {
        let tokens = self.encoder.as_ref()?(text);
        let known = tokens.iter().all(|&token| token < self.size());
        (known && self.trie().decode_raw(&tokens) == text.as_bytes()).then_some(tokens)
    }

    /// How an error names a token: its text in backticks, or nothing for one without.
    pub(super) fn spell(&self, token: u32) -> String {
        let bytes = self.trie().token(token);
        let bytes = bytes.strip_prefix(&[TokTrie::SPECIAL_TOKEN_MARKER]).unwrap_or(bytes);
        if bytes.is_empty() { String::new() } else { format!("`{}`", bytes.escape_ascii()) }
    }
}

/// The trie in the form that the parser asks for.
struct Env {
    trie: TokTrie,
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, text: &[u8]) -> Vec<u32> {
        self.trie.greedy_tokenize(text)
    }

    /// Otherwise masks would leave out all but one way to cut a text into tokens, and tokens that are accepted would be missing
    /// from the mask.
    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

/// The bytes of each id in the trie's convention: special tokens begin with a byte that no text has, unused ids have no bytes.
fn words(tokens: &Tokens) -> Result<Vec<Vec<u8>>, VocabularyError> {
    if tokens.ids.len() != tokens.bytes.len() {
        return Err(malformed(tokens, format!("{} ids, {} texts", tokens.ids.len(), tokens.bytes.len())));
    }
    let marker = TokTrie::SPECIAL_TOKEN_MARKER;
    let mut words = vec![Vec::new(); tokens.size as usize];
    for (&id, bytes) in tokens.ids.iter().zip(tokens.bytes) {
        let Some(word) = words.get_mut(id as usize) else {
            return Err(malformed(tokens, format!("id {id}")));
        };
        if bytes.len() <= MAX_TOKEN_BYTES && bytes.first() != Some(&marker) {
            word.clone_from(bytes);
        }
    }
    for &id in tokens.special.iter().chain(tokens.end) {
        match words.get_mut(id as usize) {
            Some(word) if word.first() != Some(&marker) => word.insert(0, marker),
            Some(_) => {}
            None => return Err(malformed(tokens, format!("id {id}"))),
        }
    }
    Ok(words)
}

fn malformed(tokens: &Tokens, message: String) -> VocabularyError {
    VocabularyError::Malformed { size: tokens.size, message }
}

/// How many nodes the trie has: for each word the bytes that it does not share with the one before it in order.
fn count_nodes(words: &[Vec<u8>]) -> usize {
    let mut sorted: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    let mut nodes = 1;
    let mut before: &[u8] = &[];
    for word in sorted {
        let shared = word.iter().zip(before).take_while(|(a, b)| a == b).count();
        // Two tokens with the same bytes have a node each.
        nodes += (word.len() - shared).max(1);
        before = word;
    }
    nodes
}
