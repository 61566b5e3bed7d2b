//! Prompt lookup: the longest end of the text that occurred before, and what followed it then.

use std::collections::{HashMap, VecDeque};

/// How the drafter looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The fewest tokens at the end of the text that must have occurred before; 0 counts as 1. Fewer give more guesses and worse ones.
    pub shortest: usize,
    /// The most tokens that are compared. Two places that agree in so many are equally good.
    pub longest: usize,
    /// How many tokens back it looks. Bounds memory, and the time of a draft.
    pub window: usize,
}

impl Default for Lookup {
    /// At least 2 tokens in common, up to 8, within the last 4096.
    fn default() -> Self {
        Self { shortest: 2, longest: 8, window: 4096 }
    }
}

/// Guesses how a text goes on from how it went on before.
///
/// It keeps the last `window` tokens, and for each the place where the same token stood before (the hash chains of LZ77 compressors,
/// Ziv and Lempel, "A Universal Algorithm for Sequential Data Compression", 1977). A token is added and taken off in constant time. A draft
/// compares the end of the text with each earlier place of its last token within the window, latest first.
///
/// What it drafts is a function of the tokens in its window: it does not matter in what portions they came, or whether others came
/// and were taken off again while the window was not full. Clones go separate ways, as forks of a context do.
#[derive(Clone, Debug)]
pub struct Drafter {
    lookup: Lookup,
    window: VecDeque<Seen>,
    /// Tokens that left the window. The first in it has this number.
    start: u64,
    /// For each token in the window, the number of its last place. Never walked, so its order decides nothing; its keys are random,
    /// so that no inferlet can choose tokens that collide.
    last: HashMap<u32, u64>,
}

/// A token, and the number of the place where the same token stood before it. That place may have left the window.
#[derive(Clone, Copy, Debug)]
struct Seen {
    token: u32,
    before: Option<u64>,
}

impl Drafter {
    /// A drafter that has seen nothing.
    pub fn new(lookup: Lookup) -> Self {
        let lookup = Lookup { shortest: lookup.shortest.max(1), ..lookup };
        Self { lookup, window: VecDeque::new(), start: 0, last: HashMap::new() }
    }

    /// The text goes on with these tokens.
    pub fn extend(&mut self, tokens: &[u32]) {
        for &token in tokens {
            let before = self.last.insert(token, self.end());
            self.window.push_back(Seen { token, before });
            if self.window.len() > self.lookup.window {
                self.forget_first();
            }
        }
    }

    /// The last `count` tokens are taken back, as far as they are remembered.
    pub fn truncate(&mut self, count: usize) {
        for _ in 0..count {
            let Some(Seen { token, before }) = self.window.pop_back() else { return };
            match before.filter(|&place| place >= self.start) {
                Some(place) => self.last.insert(token, place),
                None => self.last.remove(&token),
            };
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.lookup);
    }

    /// Tokens it remembers, at most as many as its window holds.
    pub fn remembered(&self) -> usize {
        self.window.len()
    }

    /// Up to `most` tokens that may come next; none if the end of the text is new.
    ///
    /// Of all earlier places that end with the same tokens, those that agree longest count, and of these the latest. If the guesses
    /// reach the end of the text they go on with themselves, so a text that repeats every few tokens gets all `most`.
    pub fn draft(&self, most: usize) -> Vec<u32> {
        let Some(next) = self.find() else { return Vec::new() };
        let period = self.window.len() - next;
        (0..most).map(|index| self.window[next + index % period].token).collect()
    }

    /// The index behind the best match in the window.
    fn find(&self) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut place = self.window.back()?.before;
        while let Some(index) = place.and_then(|place| place.checked_sub(self.start)) {
            let index = index as usize;
            let length = self.agreement(index);
            if length >= self.lookup.shortest && best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, index + 1));
            }
            if length >= self.lookup.longest {
                break;
            }
            place = self.window[index].before;
        }
        best.map(|(_, next)| next)
    }

    /// How many tokens up to the one at `index` are the same as at the end of the text, counted up to the longest that is compared.
    fn agreement(&self, index: usize) -> usize {
        let earlier = self.window.range(..=index).rev();
        let end = self.window.iter().rev();
        earlier.zip(end).take(self.lookup.longest).take_while(|(a, b)| a.token == b.token).count()
    }

    /// The number of the next token.
    fn end(&self) -> u64 {
        self.start + self.window.len() as u64
    }

    fn forget_first(&mut self) {
        let Some(Seen { token, .. }) = self.window.pop_front() else { return };
        if self.last.get(&token) == Some(&self.start) {
            self.last.remove(&token);
        }
        self.start += 1;
    }

    /// Entries of the index, to see that they are bounded.
    #[cfg(test)]
    pub(super) fn indexed(&self) -> usize {
        self.last.len()
    }
}
