//! How a layer differs from the one that was accepted: the first cause in words, the tokens, and the lines.
//!
//! [`cause`] reads the lines of the layers back and names the first thing that changed, since all that comes after it follows from it.

pub mod cause;
mod numbers;
#[cfg(test)]
mod tests;
pub mod tokens;

use similar::{ChangeTag, TextDiff};

pub use tokens::TokenDifference;

use crate::project::case::Layer;

/// Lines around a change.
const AROUND: usize = 2;
/// Texts of more lines are compared only as far as this from their first difference: what comes later follows from it.
const COMPARED_LINES: usize = 4000;

/// How two layers differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The first cause, in words.
    pub cause: String,
    /// The chosen tokens, if they differ.
    pub tokens: Option<TokenDifference>,
    /// The lines around what changed.
    pub lines: Vec<Changed>,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// In both.
    Same(String),
    /// Accepted and not found.
    Gone(String),
    /// Found and not accepted.
    New(String),
    /// So many lines that are the same are left out.
    Gap(usize),
}

/// Compares what was found with what was accepted; none if they are the same.
pub fn compare(layer: Layer, accepted: &str, found: &str, tolerance: f64) -> Option<Difference> {
    if accepted == found || (layer == Layer::Numbers && numbers::close(accepted, found, tolerance)) {
        return None;
    }
    let cause = match layer {
        Layer::Output => cause::of_output(accepted, found),
        Layer::Events => cause::of_events(accepted, found),
        Layer::Numbers => numbers::cause(accepted, found, tolerance),
    };
    let tokens = (layer == Layer::Events).then(|| tokens::compare(accepted, found)).flatten();
    Some(Difference { cause, tokens, lines: lines(layer, accepted, found) })
}

/// The lines around what changed.
pub fn lines(layer: Layer, accepted: &str, found: &str) -> Vec<Changed> {
    let (skipped, accepted, found) = near_the_first_difference(accepted, found);
    let diff = TextDiff::from_slices(&accepted, &found);
    let mut changed = Vec::new();
    let mut at = 0;
    for group in diff.grouped_ops(AROUND) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        let gap = start.saturating_sub(at) + if at == 0 { skipped } else { 0 };
        if gap > 0 {
            changed.push(Changed::Gap(gap));
        }
        for op in &group {
            for change in diff.iter_changes(op) {
                let line = change.value().to_owned();
                changed.push(match change.tag() {
                    ChangeTag::Equal => Changed::Same(line),
                    ChangeTag::Delete => Changed::Gone(line),
                    ChangeTag::Insert => Changed::New(line),
                });
            }
            at = op.old_range().end;
        }
    }
    let rest = accepted.len().saturating_sub(at);
    if rest > 0 && at > 0 {
        changed.push(Changed::Gap(rest));
    }
    if layer == Layer::Numbers { in_pairs(changed) } else { changed }
}

/// Each line that is gone beside the one that took its place: often all numbers differ by a little, and one is to be seen with the other.
fn in_pairs(lines: Vec<Changed>) -> Vec<Changed> {
    let mut paired = Vec::with_capacity(lines.len());
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Changed::Gone(_) if new.is_empty() => gone.push(line),
            Changed::New(_) => new.push(line),
            _ => {
                pair(&mut paired, &mut gone, &mut new);
                if matches!(line, Changed::Gone(_)) { gone.push(line) } else { paired.push(line) }
            }
        }
    }
    pair(&mut paired, &mut gone, &mut new);
    paired
}

/// Adds what is gone and what is new, in turn if there is as much of one as of the other.
fn pair(paired: &mut Vec<Changed>, gone: &mut Vec<Changed>, new: &mut Vec<Changed>) {
    if gone.len() == new.len() {
        paired.extend(gone.drain(..).zip(new.drain(..)).flat_map(|(gone, new)| [gone, new]));
    } else {
        paired.append(gone);
        paired.append(new);
    }
}

/// The lines of both that are worth comparing, and how many equal ones stand before them.
fn near_the_first_difference<'a>(accepted: &'a str, found: &'a str) -> (usize, Vec<&'a str>, Vec<&'a str>) {
    let (accepted, found): (Vec<_>, Vec<_>) = (accepted.lines().collect(), found.lines().collect());
    if accepted.len().max(found.len()) <= COMPARED_LINES {
        return (0, accepted, found);
    }
    let equal = accepted.iter().zip(&found).take_while(|(one, other)| one == other).count();
    let from = equal.saturating_sub(AROUND);
    let part = |lines: Vec<&'a str>| lines.into_iter().skip(from).take(COMPARED_LINES).collect();
    (from, part(accepted), part(found))
}
