//! The tokens that were chosen, then and now.

use similar::{ChangeTag, TextDiff};

use crate::snapshot::project::line::Line;

/// How many tokens are shown before the first difference and behind it.
const SHOWN: usize = 12;

/// Chosen tokens that differ, in the order of choosing.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenDifference {
    /// How many were the same before.
    pub same: usize,
    /// Some of them and what follows.
    pub pieces: Vec<Piece>,
    /// Whether there are more behind.
    pub cut: bool,
}

/// A run of tokens as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Chosen both times.
    Same(String),
    /// Chosen then.
    Gone(String),
    /// Chosen now.
    New(String),
}

/// Compares the tokens of two layers of events; none if they are the same.
pub fn compare(accepted: &str, found: &str) -> Option<TokenDifference> {
    let (accepted, found) = (chosen(accepted), chosen(found));
    if accepted == found {
        return None;
    }
    let same = accepted.iter().zip(&found).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(SHOWN);
    let window = |tokens: &[Chosen]| -> Vec<String> {
        tokens.iter().skip(from).take(3 * SHOWN).map(|token| token.text.clone()).collect()
    };
    let (old, new) = (window(&accepted), window(&found));
    let cut = accepted.len().max(found.len()) > from + 3 * SHOWN;
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut pieces: Vec<Piece> = Vec::new();
    for change in diff.iter_all_changes() {
        push(&mut pieces, change.tag(), change.value());
    }
    Some(TokenDifference { same, pieces, cut })
}

fn push(pieces: &mut Vec<Piece>, tag: ChangeTag, text: &str) {
    match (pieces.last_mut(), tag) {
        (Some(Piece::Same(so_far)), ChangeTag::Equal)
        | (Some(Piece::Gone(so_far)), ChangeTag::Delete)
        | (Some(Piece::New(so_far)), ChangeTag::Insert) => so_far.push_str(text),
        (_, ChangeTag::Equal) => pieces.push(Piece::Same(text.to_owned())),
        (_, ChangeTag::Delete) => pieces.push(Piece::Gone(text.to_owned())),
        (_, ChangeTag::Insert) => pieces.push(Piece::New(text.to_owned())),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    ids: Vec<u32>,
    text: String,
}

/// What samplers chose, pass by pass. Where nobody knows the text, the ids stand for it.
fn chosen(layer: &str) -> Vec<Chosen> {
    let lines = layer.lines().map(Line::read).filter(|line| line.what == "pass-done");
    let tokens = lines.filter_map(|line| {
        let ids = line.tokens("tokens")?;
        let text = match line.value("text") {
            Some(serde_json::Value::String(text)) => text,
            _ => ids.iter().map(|id| format!(" {id}")).collect(),
        };
        Some(Chosen { ids, text })
    });
    tokens.collect()
}
