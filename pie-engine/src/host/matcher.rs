//! The matchers of `pie:core/inference`: walks through grammars.
//!
//! The interface has neither a fork nor a way back. An SDK makes a fork by walking a new matcher over all tokens, and goes back by walking from the
//! start. Both are recognized here and cost what they are: a walk that begins anew keeps what it has in common with the one before, and one that goes where another
//! matcher of the instance has been is a copy of that.

use super::bindings::pie::core::inference::HostMatcher;
use super::budget::Held;
use super::inference::GrammarHandle;
use super::model::TokenizerHandle;
use super::state::State;
use super::work::{ACCEPTED_TOKEN, COMPILED_BYTE, MASKED_TOKEN};
use crate::brle::Brle;
use crate::grammar::{Grammar, Mask, Matcher, Notation};
use crate::ids::ModelNumber;
use crate::trace::{Elided, Event, GrammarKind, Tokens};
use std::collections::BTreeSet;
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A walk through a grammar.
pub struct MatcherHandle {
    /// The walk; or why there is none, which is told when tokens are to be accepted.
    matcher: Result<Matcher, String>,
    /// The model whose tokens it is over.
    model: ModelNumber,
    /// Whether it was reset, which is not done before something else is asked.
    anew: bool,
    /// The room that the walk takes.
    held: Held,
    /// The token of the last mask, if it has one only and the walk is still there.
    only: Option<u32>,
    /// Tokens taken in a row, each of which was the only one.
    forced: Vec<u32>,
}

/// The handles of the matchers of an instance.
#[derive(Default)]
pub struct Walks(BTreeSet<u32>);

/// What a walk takes, and what it takes for each token, roughly.
const MATCHER_BYTES: u64 = 16 << 10;
/// See [`MATCHER_BYTES`].
const MATCHER_TOKEN_BYTES: u64 = 128;
/// A walk over fewer tokens is done sooner than another that has done it is found.
const WORTH_COPYING: usize = 8;
/// How many other matchers are looked at, the youngest first.
const LOOKED_AT: usize = 16;

impl MatcherHandle {
    /// The walk, at its start if it was reset.
    fn walk(&mut self) -> Result<&mut Matcher, &String> {
        let matcher = self.matcher.as_mut().map_err(|error| &*error)?;
        if std::mem::take(&mut self.anew) {
            matcher.reset();
        }
        Ok(matcher)
    }

    fn accept(&mut self, tokens: &[u32]) -> Result<(), String> {
        let matcher = self.matcher.as_mut().map_err(|error| error.clone())?;
        let anew = std::mem::take(&mut self.anew);
        let accepted = if anew { matcher.accept_anew(tokens) } else { matcher.accept(tokens) };
        accepted.map_err(|error| error.to_string())
    }

    /// The walk, if there is one that was not reset.
    pub(super) fn at(&self) -> Option<&Matcher> {
        self.matcher.as_ref().ok().filter(|_| !self.anew)
    }

    /// A walk to behind these tokens, if this one has been there.
    fn copy_to(&self, matcher: &Matcher, tokens: &[u32]) -> Option<Matcher> {
        let been = self.at()?;
        let same = Arc::ptr_eq(been.prototype(), matcher.prototype()) && been.tokens().starts_with(tokens);
        let mut copy = same.then(|| been.fork())?;
        copy.roll_back(been.tokens().len() - tokens.len()).ok()?;
        Some(copy)
    }
}

impl State {
    /// A handle of a walk from the start of a grammar.
    pub(super) fn matcher(
        &mut self,
        model: ModelNumber,
        grammar: Result<Arc<Grammar>, String>,
    ) -> Result<Resource<MatcherHandle>> {
        let mut held = self.held.nothing();
        held.grow(MATCHER_BYTES)?;
        if let Ok(grammar) = &grammar {
            self.pay(grammar.source().bytes(), COMPILED_BYTE)?;
            let source = Elided::with_digest(grammar.source().text(), grammar.digest().to_owned());
            let kind = kind(grammar.notation());
            self.record(|instance| Event::MatcherCreated { instance, kind, source })?;
        }
        let matcher = grammar.and_then(|grammar| {
            let model = &self.models[model];
            let vocabulary = model.vocabulary().map_err(|error| error.to_string())?;
            model.grammars.matcher(&grammar, vocabulary).map_err(|error| error.to_string())
        });
        let matcher = matcher.map(|matcher| match self.models[model].model.needs_showing() {
            Some(within) => matcher.leading(within),
            None => matcher,
        });
        let handle = MatcherHandle { matcher, model, anew: false, held, only: None, forced: Vec::new() };
        let handle = self.table.push(handle)?;
        self.walks.0.insert(handle.rep());
        Ok(handle)
    }

    /// The number of tokens that a walk is over.
    fn vocabulary_of(&self, matcher: &Resource<MatcherHandle>) -> Result<u32> {
        Ok(self.models[self.table.get(matcher)?.model].info().vocab_size)
    }

    /// Keeps how far a walk has come, for whoever wants to know what of its grammar was made use of.
    fn keep_walk(&self, matcher: &Resource<MatcherHandle>) -> Result<()> {
        if let (Some(uses), Some(walk)) = (&self.uses, self.table.get(matcher)?.at()) {
            uses.walked(walk.prototype(), walk.tokens());
        }
        Ok(())
    }

    /// The same for all walks of an instance that has ended.
    pub(super) fn keep_walks(&self) {
        for &rep in &self.walks.0 {
            // A handle that is not there was dropped, and its walk kept then.
            let _ = self.keep_walk(&Resource::new_borrow(rep));
        }
    }

    /// Records the tokens that a walk had no choice about.
    fn record_forced(&mut self, matcher: &Resource<MatcherHandle>) -> Result<()> {
        let forced = std::mem::take(&mut self.table.get_mut(matcher)?.forced);
        if !forced.is_empty() {
            self.record(|instance| Event::Forced { instance, tokens: Tokens::Full(forced) })?;
        }
        Ok(())
    }

    /// Puts a walk that is at its start where another has been, if there is one that has moved over all of these tokens.
    fn follow_another(&mut self, handle: &Resource<MatcherHandle>, tokens: &[u32]) -> Result<bool> {
        if tokens.len() < WORTH_COPYING {
            return Ok(false);
        }
        let Ok(matcher) = self.table.get_mut(handle)?.walk() else { return Ok(false) };
        if !matcher.tokens().is_empty() {
            return Ok(false);
        }
        let matcher = self.table.get(handle)?.matcher.as_ref().ok();
        let others = self.walks.0.iter().rev().filter(|&&rep| rep != handle.rep()).take(LOOKED_AT);
        let copy = matcher.and_then(|matcher| {
            let mut others = others.filter_map(|&rep| self.table.get(&Resource::new_borrow(rep)).ok());
            others.find_map(|other: &MatcherHandle| other.copy_to(matcher, tokens))
        });
        let Some(copy) = copy else { return Ok(false) };
        self.table.get_mut(handle)?.matcher = Ok(copy);
        Ok(true)
    }
}

fn kind(notation: Notation) -> GrammarKind {
    match notation {
        Notation::JsonSchema => GrammarKind::JsonSchema,
        Notation::Regex => GrammarKind::Regex,
        Notation::Lark => GrammarKind::Lark,
        Notation::Ebnf => GrammarKind::Ebnf,
    }
}

impl HostMatcher for State {
    fn new(
        &mut self,
        grammar: Resource<GrammarHandle>,
        tokenizer: Resource<TokenizerHandle>,
    ) -> Result<Resource<MatcherHandle>> {
        self.called("matcher.constructor");
        let grammar = Arc::clone(&self.table.get(&grammar)?.grammar);
        let model = self.table.get(&tokenizer)?.0;
        self.matcher(model, Ok(grammar))
    }

    fn accept_tokens(
        &mut self,
        matcher: Resource<MatcherHandle>,
        tokens: Vec<u32>,
    ) -> Result<Result<(), String>> {
        self.called("matcher.accept-tokens");
        self.pay(tokens.len(), ACCEPTED_TOKEN)?;
        self.table.get_mut(&matcher)?.held.grow(tokens.len() as u64 * MATCHER_TOKEN_BYTES)?;
        let followed = !self.table.get(&matcher)?.anew && self.follow_another(&matcher, &tokens)?;
        let handle = self.table.get_mut(&matcher)?;
        let accepted = if followed { Ok(()) } else { handle.accept(&tokens) };
        if accepted.is_ok() && !tokens.is_empty() {
            match (handle.only.take(), &tokens[..]) {
                (Some(only), [token]) if only == *token => handle.forced.push(only),
                _ => self.record_forced(&matcher)?,
            }
        }
        Ok(accepted)
    }

    fn next_token_logit_mask(&mut self, matcher: Resource<MatcherHandle>) -> Result<Vec<u32>> {
        self.called("matcher.next-token-logit-mask");
        let vocabulary = self.vocabulary_of(&matcher)?;
        self.pay(vocabulary as usize, MASKED_TOKEN)?;
        let handle = self.table.get_mut(&matcher)?;
        let mut walk = handle.walk().ok();
        let mask = walk.as_mut().and_then(|matcher| matcher.mask().ok());
        let only = mask.as_ref().and_then(Mask::only);
        // The interface has no error here. A pass refuses a mask that allows nothing, and `accept_tokens` says why it does.
        let mask = mask.map_or_else(|| Brle(vec![vocabulary]), Mask::into_brle);
        self.ways_out.note(&matcher, walk, &mask);
        handle.only = only;
        if only.is_none() {
            self.record_forced(&matcher)?;
        }
        Ok(mask.0)
    }

    fn is_terminated(&mut self, matcher: Resource<MatcherHandle>) -> Result<bool> {
        self.called("matcher.is-terminated");
        self.pay(self.vocabulary_of(&matcher)? as usize, MASKED_TOKEN)?;
        let walk = self.table.get_mut(&matcher)?.walk();
        Ok(walk.is_ok_and(|matcher| matcher.is_terminated().unwrap_or(false)))
    }

    fn reset(&mut self, matcher: Resource<MatcherHandle>) -> Result<()> {
        self.called("matcher.reset");
        let mut held = self.held.nothing();
        held.grow(MATCHER_BYTES)?;
        self.keep_walk(&matcher)?;
        self.record_forced(&matcher)?;
        let handle = self.table.get_mut(&matcher)?;
        handle.held = held;
        handle.only = None;
        handle.anew = true;
        self.ways_out.forget(&matcher);
        Ok(())
    }

    fn drop(&mut self, matcher: Resource<MatcherHandle>) -> Result<()> {
        self.keep_walk(&matcher)?;
        self.record_forced(&matcher)?;
        self.ways_out.forget(&matcher);
        self.walks.0.remove(&matcher.rep());
        self.table.delete(matcher)?;
        Ok(())
    }
}
