//! A position in a grammar, moved by tokens.

use super::Grammar;
use super::compile;
use super::ending::{Endings, Piece};
use super::error::{GrammarError, MatcherError};
use super::guard::Guard;
use super::lead::Lead;
use super::mask::Mask;
use super::vocabulary::Vocabulary;
use llguidance::earley::{Parser, ParserError};
use llguidance::panic_utils;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use toktrie::{SimpleVob, TokTrie};

/// How many tokens an error lists.
const LISTED_TOKENS: usize = 8;
/// The most tokens that [`Matcher::forced_tokens`] finds at once.
const MAX_FORCED: usize = 256;

/// A grammar over a vocabulary: what all its matchers share. The states of its lexer, which are found as matchers need them, are
/// shared as well.
pub struct Prototype {
    grammar: Arc<Grammar>,
    vocabulary: Arc<Vocabulary>,
    /// Stays at the start. Its clones share its lexer.
    start: Parser,
    /// The same with a lexer of its own, which nobody uses.
    spare: Parser,
    /// Set when the shared lexer met a limit or failed in the middle of something, from which it does not recover.
    broken: AtomicBool,
    /// How texts end, made when a matcher first wants to know.
    endings: OnceLock<Option<Mutex<Endings>>>,
}

impl Prototype {
    /// Compiles a grammar for a vocabulary. See [`GrammarCache::matcher`](super::GrammarCache::matcher) for one that is kept.
    ///
    /// Fails where the grammar names a token that the vocabulary does not have, and where no text satisfies it.
    pub fn new(grammar: Arc<Grammar>, vocabulary: Arc<Vocabulary>) -> Result<Arc<Self>, GrammarError> {
        let start = compile::parser(&grammar.compiled, grammar.notation(), &vocabulary)?;
        let (spare, broken, endings) = (start.deep_clone(), AtomicBool::new(false), OnceLock::new());
        let prototype = Arc::new(Prototype { grammar, vocabulary, start, spare, broken, endings });
        let mut matcher = Matcher::new(&prototype);
        let notation = prototype.grammar.notation();
        let too_complex =
            |error: MatcherError| GrammarError::TooComplex { notation, message: error.to_string() };
        if matcher.text_set().map_err(too_complex)?.is_zero() && !matcher.can_end().map_err(too_complex)? {
            let message =
                "no token of this vocabulary can begin a text, and the text cannot be empty".to_owned();
            return Err(GrammarError::Unsatisfiable { notation, message });
        }
        Ok(prototype)
    }

    /// The places in the grammar's rules that a text of these tokens has come by, by number, and how many there are. A place is behind a symbol of a rule, so
    /// each case of each rule has some of its own; a text that can be read in several ways has come by those of all. None for grammars with rules that depend
    /// on parameters or with limits in tokens, and where that takes too much. An end token counts for nothing.
    pub fn places(&self, tokens: &[u32]) -> Option<(BTreeSet<usize>, usize)> {
        let trie = self.vocabulary.trie();
        let inner = tokens.iter().filter(|token| !self.vocabulary.end_tokens().contains(token));
        let text: Vec<Piece> = inner.flat_map(|&token| pieces(trie, token)).collect();
        let mut endings = self.endings()?;
        caught(|| endings.places(&text))
    }

    /// How texts end, if that is known.
    fn endings(&self) -> Option<MutexGuard<'_, Endings>> {
        let endings = self
            .endings
            .get_or_init(|| caught(|| Endings::new(self.start.grammar(), &self.vocabulary)).map(Mutex::new));
        // What a panic leaves in there is a cache of states.
        Some(endings.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The grammar.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// The vocabulary that it was compiled for.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Whether new matchers should not be made from it any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// A position in a grammar. A token is accepted if and only if it is in the mask.
pub struct Matcher {
    prototype: Arc<Prototype>,
    parser: Parser,
    pub(super) tokens: Vec<u32>,
    /// What readers of JSON ask of the text, behind each token; none for other texts.
    guards: Option<Vec<Guard>>,
    /// How it leads to the end, if it does.
    pub(super) lead: Option<Lead>,
    /// Whether the last token was an end token.
    pub(super) ended: bool,
    /// Whether the lexer is not the prototype's, since that is broken.
    apart: bool,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("tokens", &self.tokens).field("ended", &self.ended).finish()
    }
}

impl Matcher {
    /// At the start of the grammar.
    pub fn new(prototype: &Arc<Prototype>) -> Self {
        Matcher {
            prototype: Arc::clone(prototype),
            parser: prototype.start.clone(),
            tokens: Vec::new(),
            guards: prototype.grammar.guard.map(|_| Vec::new()),
            lead: None,
            ended: false,
            apart: false,
        }
    }

    /// What it started from.
    pub fn prototype(&self) -> &Arc<Prototype> {
        &self.prototype
    }

    /// The tokens that were accepted, with the end token if there was one.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The vocabulary that its tokens are from.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.prototype.vocabulary
    }

    /// Moves over the tokens. At the first that cannot come it fails, and the matcher is where it was before the call.
    pub fn accept(&mut self, tokens: &[u32]) -> Result<(), MatcherError> {
        let before = self.tokens.len();
        for (index, &token) in tokens.iter().enumerate() {
            if let Err(error) = self.accept_one(token, index) {
                self.rewind(before)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// As after [`Matcher::reset`] moves over the tokens, but keeps what they have in common with those that were accepted, and takes time for
    /// the others only. If it fails, it is at the start.
    pub fn accept_anew(&mut self, tokens: &[u32]) -> Result<(), MatcherError> {
        let common = self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let back = self.roll_back(self.tokens.len() - common);
        let done = back.and_then(|()| self.accept(&tokens[common..]));
        if done.is_err() {
            self.reset();
        }
        done.map_err(|error| error.behind(common))
    }

    fn accept_one(&mut self, token: u32, index: usize) -> Result<(), MatcherError> {
        let vocab_size = self.vocabulary().size();
        if token >= vocab_size {
            return Err(MatcherError::UnknownToken { token, vocab_size });
        }
        let end = self.vocabulary().is_end(token);
        let allowed = !self.ended && if end { self.can_end()? } else { self.allows(token)? };
        if !allowed {
            return Err(self.not_allowed(token, index));
        }
        let guard = self.guard().and_then(|guard| guard.after(self.vocabulary().trie().token(token)));
        if !end {
            self.advance(token)?;
        }
        self.ended = end;
        self.tokens.push(token);
        if let (Some(guards), Some(guard)) = (&mut self.guards, guard.or(self.prototype.grammar.guard)) {
            guards.push(guard);
        }
        self.note_lead();
        Ok(())
    }

    /// Whether a token that ends no text can come.
    pub(super) fn allows(&mut self, token: u32) -> Result<bool, MatcherError> {
        let text = self.vocabulary().trie().token(token);
        if self.guard().is_some_and(|guard| guard.after(text).is_none()) {
            return Ok(false);
        }
        self.guarded(|parser| Ok(parser.validate_tokens(&[token]) == 1))
    }

    /// Where the text is, if it is JSON.
    fn guard(&self) -> Option<Guard> {
        let last = self.guards.as_ref().and_then(|guards| guards.last().copied());
        last.or(self.prototype.grammar.guard)
    }

    /// Takes the tokens out of a mask that would break a bound of JSON's readers.
    fn forbid_beyond_bounds(&self, set: &mut SimpleVob) {
        let Some(guard) = self.guard() else { return };
        let trie = self.prototype.vocabulary.trie();
        let breaks = |token: &u32| guard.after(trie.token(*token)).is_none();
        let beyond: Vec<u32> = if guard.is_far() {
            let extremes = self.prototype.vocabulary.extremes(&guard).iter().copied();
            extremes.filter(|&token| set.is_allowed(token)).filter(breaks).collect()
        } else {
            set.iter().filter(breaks).collect()
        };
        beyond.into_iter().for_each(|token| set.disallow_token(token));
    }

    /// Moves the parser over a token that can come.
    fn advance(&mut self, token: u32) -> Result<(), MatcherError> {
        let bytes = self.vocabulary().trie().decode_raw(&[token]);
        self.guarded(|parser| match parser.apply_token(&bytes, token) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// The tokens that may come next, end tokens among them exactly if the text can end here. Fails if there are none.
    pub fn mask(&mut self) -> Result<Mask, MatcherError> {
        let size = self.vocabulary().size();
        if self.ended {
            return Err(MatcherError::NothingAllowed("the text has ended"));
        }
        let mut set = self.text_set()?;
        let can_end = self.can_end()?;
        if can_end {
            self.vocabulary().end_tokens().iter().for_each(|&token| set.allow_token(token));
        }
        if set.is_zero() {
            return Err(MatcherError::NothingAllowed(if can_end {
                "the text is complete, and the vocabulary has no token to end it"
            } else {
                "no token of the vocabulary continues the text"
            }));
        }
        Ok(Mask::from_set(&set, size))
    }

    /// The tokens that may continue the text.
    fn text_set(&mut self) -> Result<SimpleVob, MatcherError> {
        let prototype = Arc::clone(&self.prototype);
        let mut set = self.guarded(|parser| Ok(parser.compute_bias(prototype.vocabulary.bias(), &[])))?;
        self.forbid_beyond_bounds(&mut set);
        Ok(set)
    }

    /// Whether the text can end here.
    pub fn can_end(&mut self) -> Result<bool, MatcherError> {
        if self.ended {
            return Ok(false);
        }
        self.guarded(|parser| Ok(parser.is_accepting()))
    }

    /// Whether the text is complete and nothing can follow but its end.
    pub fn is_terminated(&mut self) -> Result<bool, MatcherError> {
        if self.ended {
            return Ok(true);
        }
        if !self.can_end()? {
            return Ok(false);
        }
        // The parser goes on in the middle of a lexeme that cannot grow any more; the mask knows.
        let over = !self.parser.can_advance();
        Ok(over || self.text_set()?.is_zero())
    }

    /// The tokens that are the only way on from here, in order: they can be taken without asking the model. None if there is a
    /// choice, or the text can end, and none of them ends it.
    ///
    /// Where the vocabulary knows its tokenizer, a text that is the only one possible counts as forced, written as the tokenizer
    /// writes it, up to where what follows could change how it is written. Otherwise a token counts if no other is in the mask.
    pub fn forced_tokens(&mut self) -> Result<Vec<u32>, MatcherError> {
        if self.ended {
            return Ok(Vec::new());
        }
        match self.fork().forced_text()? {
            Some(tokens) => Ok(tokens),
            None => self.fork().forced_singly(),
        }
    }

    /// The forced text as the tokenizer writes it; none if that is not known. Leaves the matcher in the middle of it.
    fn forced_text(&mut self) -> Result<Option<Vec<u32>>, MatcherError> {
        let bytes = self.guarded(|parser| Ok(parser.force_bytes().to_vec()))?;
        let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let vocabulary = Arc::clone(self.vocabulary());
        let Some(mut tokens) = vocabulary.encode(text) else { return Ok(None) };
        let trie = vocabulary.trie();
        let open =
            self.guarded(|parser| Ok(parser.with_recognizer(|state| trie.chop_tokens(state, &tokens).0)))?;
        tokens.truncate((tokens.len() - open).min(MAX_FORCED));
        Ok(Some(tokens))
    }

    /// Tokens while there is one in the mask. Moves over them.
    fn forced_singly(&mut self) -> Result<Vec<u32>, MatcherError> {
        let mut forced = Vec::new();
        while forced.len() < MAX_FORCED && !self.can_end()? {
            let set = self.text_set()?;
            let (1, Some(token)) = (set.num_set(), set.first_bit_set()) else { break };
            forced.push(token as u32);
            self.accept(&[token as u32])?;
        }
        Ok(forced)
    }

    /// The tokens of a short way to the end of the text, as far as it is sure that they can come; none if no way is known.
    pub(super) fn rest(&mut self) -> Option<Vec<u32>> {
        if self.can_end().ok()? {
            return Some(Vec::new());
        }
        let prototype = Arc::clone(&self.prototype);
        let mut endings = prototype.endings()?;
        let trie = prototype.vocabulary.trie();
        let text: Vec<Piece> = self.tokens.iter().flat_map(|&token| pieces(trie, token)).collect();
        let rest = caught(|| endings.rest(&text))?;
        let mut fork = self.fork_alone();
        let mut tokens = spelled(trie, &rest);
        let sure = tokens.iter().take_while(|token| fork.accept(&[**token]).is_ok()).count();
        tokens.truncate(sure);
        (sure > 0).then_some(tokens)
    }

    /// A matcher at the same place that goes its own way. Takes time in the number of bytes accepted.
    pub fn fork(&self) -> Matcher {
        Matcher {
            prototype: Arc::clone(&self.prototype),
            parser: self.parser.clone(),
            tokens: self.tokens.clone(),
            guards: self.guards.clone(),
            lead: self.lead.clone(),
            ended: self.ended,
            apart: self.apart,
        }
    }

    /// One that leads nowhere.
    pub(super) fn fork_alone(&self) -> Matcher {
        Matcher { lead: None, ..self.fork() }
    }

    /// Takes back the last tokens.
    pub fn roll_back(&mut self, count: usize) -> Result<(), MatcherError> {
        let accepted = self.tokens.len();
        let Some(left) = accepted.checked_sub(count) else {
            return Err(MatcherError::RollBack { asked: count, accepted });
        };
        self.rewind(left)
    }

    /// Back to the start.
    pub fn reset(&mut self) {
        self.apart = self.prototype.is_broken();
        let Prototype { start, spare, .. } = &*self.prototype;
        self.parser = if self.apart { spare.deep_clone() } else { start.clone() };
        self.tokens.clear();
        self.guards.iter_mut().for_each(Vec::clear);
        self.lead.iter_mut().for_each(Lead::reset);
        self.ended = false;
    }

    /// Back to where so many tokens were accepted. Unlike the public calls it works after the parser failed.
    fn rewind(&mut self, left: usize) -> Result<(), MatcherError> {
        let trie = self.prototype.vocabulary.trie();
        let text = self.tokens[left..].iter().filter(|token| !self.prototype.vocabulary.is_end(**token));
        let bytes: usize = text.map(|&token| trie.token_len(token)).sum();
        let rolled = self.attempt(&|parser| parser.rollback(bytes).map_err(|error| error.to_string()));
        if rolled.is_ok() {
            // The library keeps the last mask by the number of its row, and another row of that number may follow.
            self.parser.invalidate_bias_cache();
            self.ended &= left == self.tokens.len();
            self.tokens.truncate(left);
            self.guards.iter_mut().for_each(|guards| guards.truncate(left));
            self.cut_lead(left);
            return Ok(());
        }
        // Not all grammars can be rolled back, and none after a limit was met.
        self.restart(left)
    }

    /// Goes through the first tokens again from the start.
    fn restart(&mut self, left: usize) -> Result<(), MatcherError> {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.truncate(left);
        self.reset();
        tokens.iter().enumerate().try_for_each(|(index, &token)| self.accept_one(token, index))
    }

    fn not_allowed(&mut self, token: u32, index: usize) -> MatcherError {
        let vocabulary = Arc::clone(self.vocabulary());
        let spelled = match vocabulary.spell(token) {
            text if text.is_empty() => text,
            text => format!(" {text}"),
        };
        let possible = match self.mask() {
            Ok(mask) => possible(&vocabulary, mask),
            Err(error) => format!("none, {error}"),
        };
        MatcherError::NotAllowed { token, index, spelled, possible }
    }

    /// Runs a step of the library. If the lexer that others use too is broken, by this step or before, it runs once more with one
    /// that is not.
    fn guarded<T>(&mut self, step: impl Fn(&mut Parser) -> Result<T, String>) -> Result<T, MatcherError> {
        let done = self.attempt(&step);
        if done.is_ok() || self.apart || !self.prototype.is_broken() {
            return done;
        }
        self.restart(self.tokens.len())?;
        self.attempt(&step)
    }

    /// Runs a step of the library. It reports some failures beside the result, and a panic in it is a failure too.
    fn attempt<T>(&mut self, step: &impl Fn(&mut Parser) -> Result<T, String>) -> Result<T, MatcherError> {
        let parser = &mut self.parser;
        let caught = panic_utils::catch_unwind(AssertUnwindSafe(|| {
            let done = step(parser);
            Ok((done, parser.get_error()))
        }));
        let (broken, error) = match caught {
            Ok((Ok(value), None)) => return Ok(value),
            Ok((Err(error), None)) => (false, error),
            Ok((_, Some(error))) => (matches!(error, ParserError::LexerError(_)), error.message()),
            Err(panic) => (true, panic.to_string()),
        };
        if broken {
            self.prototype.broken.store(true, Ordering::Relaxed);
        }
        // What follows the first line is the source, or a backtrace.
        Err(MatcherError::TooComplex(error.lines().next().unwrap_or_default().to_owned()))
    }
}

/// What a step of the library's gives, if it does not panic.
fn caught<T>(step: impl FnOnce() -> Option<T>) -> Option<T> {
    panic_utils::catch_unwind(AssertUnwindSafe(|| Ok(step()))).ok().flatten()
}

/// The bytes of a token, if it is not a special one.
fn pieces(trie: &TokTrie, token: u32) -> Vec<Piece> {
    match trie.token(token) {
        [TokTrie::SPECIAL_TOKEN_MARKER, ..] => vec![Piece::Token(token)],
        bytes => bytes.iter().map(|&byte| Piece::Byte(byte)).collect(),
    }
}

/// Tokens that spell a text.
fn spelled(trie: &TokTrie, text: &[Piece]) -> Vec<u32> {
    let mut tokens = Vec::new();
    for run in text.chunk_by(|a, b| matches!((a, b), (Piece::Byte(_), Piece::Byte(_)))) {
        let bytes: Vec<u8> = run
            .iter()
            .filter_map(|piece| if let Piece::Byte(byte) = piece { Some(*byte) } else { None })
            .collect();
        tokens.extend(trie.greedy_tokenize(&bytes));
        tokens.extend(
            run.iter().filter_map(|piece| if let Piece::Token(token) = piece { Some(*token) } else { None }),
        );
    }
    tokens
}

/// Some of the tokens of a mask.
fn possible(vocabulary: &Vocabulary, mask: Mask) -> String {
    let count = mask.count() as usize;
    let bits = mask.into_bitset();
    let (end, text): (Vec<u32>, Vec<u32>) = {
        let first = bits.ones().map(|token| token as u32).take(LISTED_TOKENS + vocabulary.end_tokens().len());
        first.partition(|token| vocabulary.is_end(*token))
    };
    let can_end = vocabulary.end_tokens().iter().any(|&token| bits.get(token as usize) == Some(true));
    let mut names: Vec<String> =
        text.iter().take(LISTED_TOKENS).map(|&token| vocabulary.spell(token)).collect();
    let ends = if can_end { vocabulary.end_tokens().len().max(end.len()) } else { 0 };
    if can_end {
        names.push("the end of the text".to_owned());
    }
    let others = count.saturating_sub(ends + text.len().min(LISTED_TOKENS));
    if others > 0 {
        names.push(format!("{others} more"));
    }
    names.join(", ")
}
