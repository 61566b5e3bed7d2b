//! Buffers of a pass.

use super::candidates::Candidates;
use super::prior::Symbol;

/// What a pass works in, kept from pass to pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// What a row sees, as a text.
    pub(super) text: VisibleText,
    /// The tokens that may come next.
    pub(super) candidates: Candidates,
}

/// The tokens that a row sees, in the order of their positions, its own last.
///
/// Tokens at or after the row's own position are left out: they count in its state, but a text is read forwards. Tokens at one
/// position are ordered by id, so that the text does not depend on which slots they are in.
#[derive(Clone, Debug, Default)]
pub(super) struct VisibleText {
    pub(super) tokens: Vec<Symbol>,
    /// The same with a topic replaced; filled by who reads the text.
    pub(super) symbols: Vec<Symbol>,
    keys: Vec<u64>,
}

impl VisibleText {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
    }

    /// Adds keys of slots that the row sees.
    pub(super) fn add(&mut self, keys: &[u64]) {
        self.keys.extend_from_slice(keys);
    }

    /// Puts the text in order and adds the row's own token.
    pub(super) fn finish(&mut self, token: u32, position: u32) {
        let end = u64::from(position) << 32;
        if !self.keys.is_sorted() || self.keys.last().is_some_and(|&last| last >= end) {
            self.keys.retain(|&key| key < end);
            self.keys.sort_unstable();
        }
        self.tokens.clear();
        self.tokens.extend(self.keys.iter().map(|&key| key as Symbol));
        self.tokens.push(token as Symbol);
    }
}
