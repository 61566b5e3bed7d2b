//! The lexer, and the shortest ways out of its states.

use super::super::limits::parser_limits;
use super::super::vocabulary::Vocabulary;
use super::Piece;
use llguidance::derivre::{NextByte, StateID};
use llguidance::earley::lexerspec::{LexemeIdx, LexerSpec};
use llguidance::earley::regexvec::{LexemeSet, RegexVec};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use toktrie::TokTrie;

/// The most states that are looked at for one way out.
const MAX_STATES: usize = 4096;

/// The lexer of a grammar.
pub(super) struct Lexemes {
    lexer: RegexVec,
    /// The lexeme of what may stand between others, for each class of lexemes.
    skips: Vec<LexemeIdx>,
    /// The class of each lexeme.
    classes: Vec<usize>,
    /// Special tokens that some lexemes stand for.
    tokens: BTreeMap<usize, u32>,
    empty: LexemeSet,
}

/// What a byte does to the lexer.
pub(super) enum Moved {
    /// The lexeme goes on.
    To(StateID),
    /// The byte was the last of one of these.
    Ended(Vec<LexemeIdx>),
    /// One of these ended before the byte.
    EndedBefore(Vec<LexemeIdx>),
    /// It was the last of a special token.
    Special,
}

impl Lexemes {
    pub(super) fn new(lexer: RegexVec, spec: &LexerSpec, vocabulary: &Vocabulary) -> Lexemes {
        let trie = vocabulary.trie();
        let is_special = |&token: &u32| trie.token(token).first() == Some(&TokTrie::SPECIAL_TOKEN_MARKER);
        let special: Vec<u32> = (0..vocabulary.size()).filter(is_special).collect();
        let token = |index: usize| {
            let lexeme = spec.lexeme_spec(LexemeIdx::new(index));
            special.iter().copied().find(|&token| lexeme.contains_token(token)).map(|token| (index, token))
        };
        let count = spec.lexemes.len();
        Lexemes {
            lexer,
            skips: spec.skip_by_class.clone(),
            classes: spec.lexemes.iter().map(|lexeme| lexeme.class().as_usize()).collect(),
            tokens: (0..count).filter_map(token).collect(),
            empty: spec.alloc_lexeme_set(),
        }
    }

    pub(super) fn is_skip(&self, lexeme: LexemeIdx) -> bool {
        self.skips.contains(&lexeme)
    }

    /// The special token that a lexeme is.
    pub(super) fn token(&self, lexeme: LexemeIdx) -> Option<u32> {
        self.tokens.get(&lexeme.as_usize()).copied()
    }

    /// The state where any of these can begin, or what may stand before them.
    pub(super) fn start(&mut self, lexemes: impl Iterator<Item = LexemeIdx>) -> StateID {
        let mut set = self.empty.clone();
        for lexeme in lexemes {
            set.add(lexeme);
            let class = self.classes.get(lexeme.as_usize()).copied().unwrap_or(0);
            if let Some(&skip) = self.skips.get(class) {
                set.add(skip);
            }
        }
        self.lexer.initial_state(&set)
    }

    /// Forgets what was spent.
    pub(super) fn refuel(&mut self) {
        self.lexer.set_fuel(parser_limits().initial_lexer_fuel);
    }

    /// Whether these lexemes can be under way.
    pub(super) fn possible(&self, state: StateID) -> impl Iterator<Item = LexemeIdx> {
        self.lexer.state_desc(state).possible.iter()
    }

    /// Moves over a byte as the library does; none where it cannot.
    pub(super) fn step(&mut self, state: StateID, byte: u8) -> Option<Moved> {
        let next = self.lexer.transition(state, byte);
        if next.is_dead() {
            let ended = self.ended(state);
            return (!ended.is_empty()).then_some(Moved::EndedBefore(ended));
        }
        if !next.has_lowest_match() {
            return Some(Moved::To(next));
        }
        let description = self.lexer.state_desc(next);
        if description.has_special_token {
            return Some(Moved::Special);
        }
        // Text that is taken back is nothing that can be planned with.
        let whole = description.lazy_hidden_len == 0;
        whole.then(|| Moved::Ended(description.lazy_accepting.as_slice().to_vec()))
    }

    /// The state behind a byte that ended the lexeme before it, or the lexemes that it is by itself.
    pub(super) fn restart(&mut self, start: StateID, byte: u8) -> Option<Moved> {
        let next = self.lexer.transition(start, byte);
        if next.is_dead() {
            return None;
        }
        if next.has_lowest_match() || self.lexer.next_byte(next) == NextByte::ForcedEOI {
            let description = self.lexer.state_desc(next);
            let ended = if next.has_lowest_match() {
                &description.lazy_accepting
            } else {
                &description.greedy_accepting
            };
            return Some(Moved::Ended(ended.as_slice().to_vec()));
        }
        Some(Moved::To(next))
    }

    /// The lexemes that can end in a state.
    fn ended(&self, state: StateID) -> Vec<LexemeIdx> {
        let description = self.lexer.state_desc(state);
        let ended = if state.has_lowest_match() {
            &description.lazy_accepting
        } else {
            &description.greedy_accepting
        };
        ended.as_slice().to_vec()
    }

    /// For each lexeme that can be under way, the shortest way to its end, as far as some thousand states tell.
    pub(super) fn exits(&mut self, from: StateID) -> BTreeMap<usize, Vec<Piece>> {
        let wanted: BTreeSet<usize> = self.possible(from).map(|lexeme| lexeme.as_usize()).collect();
        let mut found: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
        // States with how they were reached.
        let mut reached: Vec<(StateID, usize, u8)> = vec![(from, 0, 0)];
        let mut seen = BTreeSet::from([from.as_u32()]);
        let mut at = 0;
        while at < reached.len() && found.len() < wanted.len() {
            let state = reached[at].0;
            for lexeme in self.ended(state) {
                found.entry(lexeme.as_usize()).or_insert_with(|| way(&reached, at));
            }
            if !state.has_lowest_match() && self.spread(state, at, &mut reached, &mut seen).is_break() {
                break;
            }
            at += 1;
        }
        found
    }

    /// Adds the states that are a byte further.
    fn spread(
        &mut self,
        state: StateID,
        at: usize,
        reached: &mut Vec<(StateID, usize, u8)>,
        seen: &mut BTreeSet<u32>,
    ) -> ControlFlow<()> {
        for byte in nicest_first(at) {
            let next = self.lexer.transition(state, byte);
            if !next.is_dead() && !self.lexer.state_desc(next).has_special_token && seen.insert(next.as_u32())
            {
                reached.push((next, at, byte));
            }
        }
        if reached.len() > MAX_STATES || self.lexer.has_error() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The bytes that lead to a state.
fn way(reached: &[(StateID, usize, u8)], mut at: usize) -> Vec<Piece> {
    let mut bytes = Vec::new();
    while at > 0 {
        bytes.push(Piece::Byte(reached[at].2));
        at = reached[at].1;
    }
    bytes.reverse();
    bytes
}

/// All bytes that are in texts, letters first and another of them each time, so that what is made up of them is not one letter many times.
fn nicest_first(turn: usize) -> impl Iterator<Item = u8> {
    const LETTERS: &[u8; 26] = b"etaoinshrdlucmfwypvbgkjqxz";
    let letters = (0..LETTERS.len()).map(move |index| LETTERS[(turn + index) % LETTERS.len()]);
    let rest = (b'0'..=b'9').chain(0x20..0x7f).chain(0x09..0x20).chain(0x80..0xff).chain(0..0x09);
    letters.chain(rest)
}
