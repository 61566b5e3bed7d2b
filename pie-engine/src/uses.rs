//! What inferlets make use of and a trace does not have: each call of a function of the interface, and how far texts have come in grammars.
//!
//! It is counted only for who asks ([`Launch::uses`](crate::Launch::uses)), and beside the trace: a run is the same whether somebody counts or not.

use crate::grammar::{Notation, Prototype};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most walks that are kept of a run. Searches make thousands that differ in their last tokens.
const MOST_WALKS: usize = 256;

/// Counts what a run makes use of. Clones share it.
#[derive(Clone, Default)]
pub struct Uses {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    calls: BTreeMap<&'static str, u64>,
    walks: Vec<(Arc<Prototype>, Vec<u32>)>,
}

/// A grammar, and how much of it texts have come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// What its source is written in.
    pub notation: Notation,
    /// SHA-256 of its source, in hexadecimal.
    pub digest: String,
    /// The places in its rules that texts have come by, by number.
    pub places: BTreeSet<usize>,
    /// How many there are. None where that is not known: see [`Prototype::places`].
    pub of: Option<usize>,
}

impl std::fmt::Debug for Uses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.lock().calls).finish()
    }
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn called(&self, function: &'static str) {
        *self.lock().calls.entry(function).or_default() += 1;
    }

    /// Keeps a walk. One that another goes on with is not kept for itself.
    pub(crate) fn walked(&self, prototype: &Arc<Prototype>, tokens: &[u32]) {
        let mut seen = self.lock();
        let same = |kept: &Arc<Prototype>| Arc::ptr_eq(kept, prototype);
        if seen.walks.iter().any(|(kept, walk)| same(kept) && walk.starts_with(tokens)) {
            return;
        }
        let beginning = seen.walks.iter().position(|(kept, walk)| same(kept) && tokens.starts_with(walk));
        match beginning {
            Some(at) => seen.walks[at].1 = tokens.to_vec(),
            None if seen.walks.len() < MOST_WALKS => {
                seen.walks.push((Arc::clone(prototype), tokens.to_vec()))
            }
            None => {}
        }
    }

    /// How often each function was called: `context.fork`, `runtime.launch`, `forward-pass.constructor`.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.lock().calls.clone()
    }

    /// The grammars that texts were held to, in order of their digests.
    pub fn grammars(&self) -> Vec<Walked> {
        let walks = std::mem::take(&mut self.lock().walks);
        let mut grammars: BTreeMap<String, Walked> = BTreeMap::new();
        for (prototype, tokens) in &walks {
            let grammar = prototype.grammar();
            let (notation, digest) = (grammar.notation(), grammar.digest().to_owned());
            let walked = grammars.entry(digest.clone()).or_insert_with(|| Walked {
                notation,
                digest,
                places: BTreeSet::new(),
                of: None,
            });
            if let Some((places, of)) = prototype.places(tokens) {
                walked.places.extend(places);
                walked.of = Some(of);
            }
        }
        self.lock().walks = walks;
        grammars.into_values().collect()
    }
}

/// What a function of an interface is called: by its resource, if it has one, else by the interface. Decoders are in several interfaces.
pub fn name(interface: &str, function: &str) -> String {
    let (kind, name) = match function.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((kind, name)) => (kind, name),
        None => return format!("{interface}.{function}"),
    };
    match (kind, name.split_once('.')) {
        (_, Some(("decoder", method))) => format!("{interface}.decoder.{method}"),
        (_, Some((resource, method))) => format!("{resource}.{method}"),
        // `[constructor]matcher`
        (kind, None) => format!("{name}.{kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_called_by_what_they_are_of() {
        let named = [
            ("context", "[method]context.fork", "context.fork"),
            ("context", "[static]context.create", "context.create"),
            ("inference", "[constructor]forward-pass", "forward-pass.constructor"),
            ("runtime", "launch", "runtime.launch"),
            ("chat", "[method]decoder.feed", "chat.decoder.feed"),
            ("tool-use", "[method]decoder.feed", "tool-use.decoder.feed"),
        ];
        for (interface, function, expected) in named {
            assert_eq!(name(interface, function), expected);
        }
    }
}
