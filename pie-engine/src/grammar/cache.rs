//! Compiled grammars by content, so that instances which ask for the same one share it.

use super::error::GrammarError;
use super::limits::{CACHED_BYTES, CACHED_GRAMMARS};
use super::matcher::{Matcher, Prototype};
use super::vocabulary::Vocabulary;
use super::{Grammar, Source};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded cache. What was not used for longest goes first; sources that do not compile are not kept. Shared by reference: its
/// lock is held for a look-up, and not while something compiles.
#[derive(Default)]
pub struct GrammarCache {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_source: HashMap<Source, Entry>,
    /// Sources by the time of their last use, which counts uses.
    by_use: BTreeMap<u64, Source>,
    uses: u64,
    bytes: usize,
}

struct Entry {
    grammar: Arc<Grammar>,
    /// One for the last vocabulary: engines have one model.
    prototype: Option<Arc<Prototype>>,
    used: u64,
}

impl GrammarCache {
    /// The grammar of a source.
    pub fn grammar(&self, source: Source) -> Result<Arc<Grammar>, GrammarError> {
        if let Some(entry) = self.lock().touch(&source) {
            return Ok(Arc::clone(&entry.grammar));
        }
        let grammar = Arc::new(Grammar::new(source)?);
        self.lock().insert(&grammar);
        Ok(grammar)
    }

    /// A matcher at the start of a grammar.
    pub fn matcher(
        &self,
        grammar: &Arc<Grammar>,
        vocabulary: &Arc<Vocabulary>,
    ) -> Result<Matcher, GrammarError> {
        if let Some(prototype) = self.lock().prototype(grammar, vocabulary) {
            return Ok(Matcher::new(&prototype));
        }
        let prototype = Prototype::new(Arc::clone(grammar), Arc::clone(vocabulary))?;
        let matcher = Matcher::new(&prototype);
        let mut entries = self.lock();
        entries.insert(grammar);
        if let Some(entry) = entries.touch(grammar.source()) {
            entry.prototype = Some(prototype);
        }
        Ok(matcher)
    }

    /// The number of grammars it holds.
    pub fn len(&self) -> usize {
        self.lock().by_source.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing in here panics half-way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// The entry of a source, which was used now.
    fn touch(&mut self, source: &Source) -> Option<&mut Entry> {
        let entry = self.by_source.get_mut(source)?;
        if let Some(source) = self.by_use.remove(&entry.used) {
            self.uses += 1;
            entry.used = self.uses;
            self.by_use.insert(self.uses, source);
        }
        Some(entry)
    }

    fn prototype(&mut self, grammar: &Grammar, vocabulary: &Arc<Vocabulary>) -> Option<Arc<Prototype>> {
        let prototype = self.touch(grammar.source())?.prototype.as_ref()?;
        let fits = Arc::ptr_eq(prototype.vocabulary(), vocabulary) && !prototype.is_broken();
        fits.then(|| Arc::clone(prototype))
    }

    /// Adds a grammar if it is not there, and drops what is too much, but never the last.
    fn insert(&mut self, grammar: &Arc<Grammar>) {
        if self.touch(grammar.source()).is_some() {
            return;
        }
        self.uses += 1;
        self.bytes += grammar.source().bytes();
        let entry = Entry { grammar: Arc::clone(grammar), prototype: None, used: self.uses };
        self.by_source.insert(grammar.source().clone(), entry);
        self.by_use.insert(self.uses, grammar.source().clone());
        while self.by_source.len() > 1
            && (self.by_source.len() > CACHED_GRAMMARS || self.bytes > CACHED_BYTES)
        {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            self.bytes -= oldest.bytes();
            self.by_source.remove(&oldest);
        }
    }
}
