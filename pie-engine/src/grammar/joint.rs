//! The way to an end that several texts have in common, where a text is held to several grammars at once.
//!
//! The shortest way out of one grammar may not be a way in another, and two that are followed by turns can lead round in circles. So this is a search, with the
//! best first: a path costs what it has plus what the grammar that is farthest from its end still needs (A*: Hart, Nilsson and Raphael, "A Formal Basis for
//! the Heuristic Determination of Minimum Cost Paths", 1968). What grammars need by themselves is known, and where their ways lead on; tokens
//! on none of these ways are tried after them, and only a few, so that there may be a way which is not found.

use super::Matcher;
use super::lead::WayOut;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// How many paths are looked at.
const MAX_LOOKS: usize = 200;
/// How many tokens are tried behind a path, beside those on the ways of the grammars.
const OTHERS: usize = 8;

/// A path that was thought of.
struct Path {
    tokens: Vec<u32>,
    /// The matchers behind it.
    matchers: Vec<Matcher>,
    /// What each of them needs from there, once that was looked at.
    ways: Option<Vec<Vec<u32>>>,
}

/// The way to the end for a text that all these matchers have accepted; none if none was found. Follows from the tokens and the grammars alone.
pub fn way_out_together(matchers: &[&Matcher]) -> Option<WayOut> {
    let (mut paths, mut heap) = (Vec::new(), BinaryHeap::new());
    let root = matchers.iter().map(|matcher| matcher.fork_alone()).collect();
    paths.push(Path { tokens: Vec::new(), matchers: root, ways: None });
    heap.push(Reverse((0, Reverse(0), 0)));
    for _ in 0..MAX_LOOKS {
        let Reverse((cost, _, index)) = heap.pop()?;
        let path: &mut Path = &mut paths[index];
        if path.can_end() {
            let ends = path.matchers.first()?.vocabulary().end_tokens().to_vec();
            return Some(WayOut { tokens: path.tokens.clone(), ends });
        }
        let least = path.least();
        let further = if least > cost {
            // It is worse than it looked: others may be better now.
            vec![(least, None)]
        } else {
            path.onward(least)
        };
        for (cost, onward) in further {
            let index = match onward {
                None => index,
                Some(path) => {
                    paths.push(path);
                    paths.len() - 1
                }
            };
            heap.push(Reverse((cost, Reverse(paths[index].tokens.len()), index)));
        }
    }
    None
}

impl Path {
    fn can_end(&mut self) -> bool {
        self.matchers.iter_mut().all(|matcher| matcher.can_end().unwrap_or(false))
    }

    fn ways(&mut self) -> &[Vec<u32>] {
        let matchers = &mut self.matchers;
        // A grammar whose way is not known is left to the others.
        self.ways.get_or_insert_with(|| {
            matchers.iter_mut().map(|matcher| matcher.rest().unwrap_or_default()).collect()
        })
    }

    /// What a whole way has at least, if it begins like this.
    fn least(&mut self) -> usize {
        self.tokens.len() + self.ways().iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The paths that are one token longer, and what they cost at least.
    fn onward(&mut self, least: usize) -> Vec<(usize, Option<Path>)> {
        let mut ways: Vec<&Vec<u32>> = self.ways().iter().collect();
        ways.sort_by_key(|way| Reverse(way.len()));
        let mut tried: Vec<u32> = Vec::new();
        for first in ways.iter().filter_map(|way| way.first()) {
            if !tried.contains(first) {
                tried.push(*first);
            }
        }
        let led = tried.len();
        let others: Vec<u32> = self.others().into_iter().filter(|token| !tried.contains(token)).collect();
        tried.extend(others);
        let onward = tried.into_iter().enumerate();
        onward
            .filter_map(|(at, token)| Some((least + usize::from(at >= led), Some(self.and(token)?))))
            .collect()
    }

    /// Some of the tokens that can come next, the shortest first.
    fn others(&mut self) -> Vec<u32> {
        let mut all = None;
        for matcher in &mut self.matchers {
            let Ok(mask) = matcher.mask() else { return Vec::new() };
            let bits = mask.into_bitset();
            match &mut all {
                None => all = Some(bits),
                Some(all) => all.intersect_with(&bits),
            }
        }
        let Some(vocabulary) = self.matchers.first().map(|matcher| Arc::clone(matcher.vocabulary())) else {
            return Vec::new();
        };
        let text = all.iter().flat_map(|bits| bits.ones()).map(|token| token as u32);
        let mut text: Vec<u32> = text.filter(|token| !vocabulary.is_end(*token)).collect();
        text.sort_by_key(|&token| (vocabulary.trie().token_len(token), token));
        text.truncate(OTHERS);
        text
    }

    /// The path with another token, if that can come.
    fn and(&self, token: u32) -> Option<Path> {
        let mut matchers = Vec::with_capacity(self.matchers.len());
        for matcher in &self.matchers {
            let mut matcher = matcher.fork();
            if !matcher.allows(token).ok()? {
                return None;
            }
            matcher.accept(&[token]).ok()?;
            matchers.push(matcher);
        }
        let tokens = self.tokens.iter().copied().chain([token]).collect();
        Some(Path { tokens, matchers, ways: None })
    }
}
