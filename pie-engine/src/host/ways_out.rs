//! Which passes are held to which grammars, for a model that is shown the way to the end of one.
//!
//! A mask crosses the component twice, and may be combined with others on its way or change its form, so a pass does not say which matchers its mask
//! came from. They are recognized by what they allow. Where there are several that have accepted the same text, the way is one that they have in common.

use super::matcher::MatcherHandle;
use super::state::State;
use crate::brle::Brle;
use crate::engine::request::Draft;
use crate::grammar::{Matcher, WayOut, way_out_together};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::Resource;

/// The longest source of a grammar that an error shows whole, in characters.
const SHOWN: usize = 80;

/// The matchers of an instance that handed out a mask, by handle. Empty for models that need no showing.
#[derive(Default)]
pub struct WaysOut {
    noted: BTreeMap<u32, Noted>,
    /// The last way that several had in common.
    together: Option<Together>,
}

struct Noted {
    /// The last mask that was handed out.
    mask: Brle,
    /// The tokens that were accepted before it.
    tokens: Vec<u32>,
    /// Where the matcher leads, if it does.
    way: Option<WayOut>,
}

struct Together {
    handles: Vec<u32>,
    /// The tokens from which the way was looked for.
    tokens: Vec<u32>,
    way: Option<WayOut>,
}

impl WaysOut {
    /// Takes note of a mask that is handed out.
    pub(super) fn note(
        &mut self,
        handle: &Resource<MatcherHandle>,
        matcher: Option<&mut Matcher>,
        mask: &Brle,
    ) {
        match matcher.filter(|matcher| matcher.last_look().is_some()) {
            Some(matcher) => {
                let (way, tokens) = (matcher.way_out(), matcher.tokens().to_vec());
                self.noted.insert(handle.rep(), Noted { mask: mask.clone(), tokens, way });
            }
            None => self.forget(handle),
        }
    }

    pub(super) fn forget(&mut self, handle: &Resource<MatcherHandle>) {
        self.noted.remove(&handle.rep());
    }

    /// The matchers that a pass is held to, if one of them leads: those that have accepted the same text as that one.
    fn holding(&self, draft: &Draft) -> Vec<u32> {
        let holding = || self.noted.iter().filter(|(_, noted)| noted.holds(draft));
        let Some((_, leader)) = holding().find(|(_, noted)| noted.way.is_some()) else { return Vec::new() };
        holding().filter(|(_, noted)| noted.tokens == leader.tokens).map(|(&handle, _)| handle).collect()
    }

    /// The way out for a pass by one matcher: the first that leads to a token which the pass can choose.
    fn alone(&self, handles: &[u32], draft: &Draft) -> Option<WayOut> {
        let mut leading = handles.iter().filter_map(|handle| self.noted.get(handle)?.way.as_ref());
        leading.find(|way| may_choose(draft, way)).cloned()
    }
}

impl Noted {
    /// Whether a pass chooses what follows the tokens of the matcher. One with a mask allows nothing that the matcher does not. One that verifies guesses
    /// has no mask, since each guess needs its own; its input is the end of what the matcher has accepted.
    fn holds(&self, draft: &Draft) -> bool {
        match draft.allowed() {
            Some(mask) => {
                mask == &self.mask || self.mask.intersection(mask).is_ok_and(|both| both.same(mask))
            }
            None => draft.guesses() && !draft.tokens().is_empty() && self.tokens.ends_with(draft.tokens()),
        }
    }
}

/// Whether a pass can choose a token that a way begins with.
fn may_choose(draft: &Draft, way: &WayOut) -> bool {
    let allowed = |token: &u32| draft.allowed().is_none_or(|mask| mask.get((*token).into()) == Some(true));
    way.at(0).iter().any(allowed)
}

impl State {
    /// The way out for a pass, if it should be led; or why the text that it goes on with has none.
    pub(super) fn way_out(&mut self, draft: &Draft) -> Result<Option<WayOut>, String> {
        let handles = self.ways_out.holding(draft);
        let mut matchers: Vec<(u32, &Matcher)> = Vec::new();
        for &handle in &handles {
            let Some(matcher) =
                self.table.get(&Resource::new_borrow(handle)).ok().and_then(MatcherHandle::at)
            else {
                continue;
            };
            // The same grammar twice is that grammar.
            if !matchers.iter().any(|(_, other)| Arc::ptr_eq(other.prototype(), matcher.prototype())) {
                matchers.push((handle, matcher));
            }
        }
        let alone = self.ways_out.alone(&handles, draft);
        let [(_, first), _, ..] = matchers[..] else { return Ok(alone) };
        let Some((look, within)) = first.last_look() else { return Ok(alone) };
        let (tokens, rest) = first.tokens().split_at(look);
        let handles: Vec<u32> = matchers.iter().map(|(handle, _)| *handle).collect();
        let known = self.ways_out.together.as_ref().filter(|it| it.handles == handles && it.tokens == tokens);
        let way = match known {
            Some(known) => known.way.clone(),
            None => together(&matchers, rest.len()),
        };
        let names = || matchers.iter().map(|(_, matcher)| name(matcher)).collect::<Vec<_>>().join(" and ");
        if way.is_none() && first.tokens().len() >= within {
            let count = first.tokens().len();
            return Err(format!(
                "{} do not come to an end together, as far as is known, and the text has {count} tokens already; loosen one of them",
                names()
            ));
        }
        let left = way.as_ref().and_then(|way| way.behind(rest)).filter(|way| may_choose(draft, way));
        self.ways_out.together = Some(Together { handles, tokens: tokens.to_vec(), way });
        Ok(left.or(alone))
    }
}

/// The way that matchers have in common from some tokens before where they are.
fn together(matchers: &[(u32, &Matcher)], back: usize) -> Option<WayOut> {
    let mut forks: Vec<Matcher> = matchers.iter().map(|(_, matcher)| matcher.fork()).collect();
    forks.iter_mut().try_for_each(|fork| fork.roll_back(back)).ok()?;
    way_out_together(&forks.iter().collect::<Vec<_>>())
}

/// How an error names a constraint.
fn name(matcher: &Matcher) -> String {
    let grammar = matcher.prototype().grammar();
    let text = grammar.source().text();
    let head: String = text.chars().take(SHOWN).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("the {} `{head}{more}`", grammar.notation())
}
