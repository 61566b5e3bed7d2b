//! Which passes are held to which grammar, for a model that is shown the way to the end of one.
//!
//! A mask crosses the component twice, and may be combined with others on its way or change its form, so a pass does not say which matcher its mask
//! came from. It is recognized by what it allows.

use super::matcher::MatcherHandle;
use crate::brle::Brle;
use crate::engine::request::Draft;
use crate::grammar::{Matcher, WayOut};
use std::collections::BTreeMap;
use wasmtime::component::Resource;

/// The matchers of an instance that lead to an end, by handle. Empty for models that need no showing, and most of the time.
#[derive(Default)]
pub struct WaysOut(BTreeMap<u32, Lead>);

struct Lead {
    /// The last mask that was handed out.
    mask: Brle,
    /// The tokens that were accepted before it.
    tokens: Vec<u32>,
    way: WayOut,
}

impl WaysOut {
    /// Takes note of a mask that is handed out.
    pub(super) fn note(
        &mut self,
        handle: &Resource<MatcherHandle>,
        matcher: Option<&mut Matcher>,
        mask: &Brle,
    ) {
        match matcher.and_then(|matcher| Some((matcher.way_out()?, matcher.tokens().to_vec()))) {
            Some((way, tokens)) => {
                drop(self.0.insert(handle.rep(), Lead { mask: mask.clone(), tokens, way }))
            }
            None => self.forget(handle),
        }
    }

    pub(super) fn forget(&mut self, handle: &Resource<MatcherHandle>) {
        self.0.remove(&handle.rep());
    }

    /// The way out for a pass: that of the first matcher which the pass can be held to and whose next token it can choose.
    pub(super) fn for_pass(&self, draft: &Draft) -> Option<WayOut> {
        self.0.values().find(|lead| lead.holds(draft)).map(|lead| lead.way.clone())
    }
}

impl Lead {
    /// Whether a pass chooses what follows the tokens of the matcher. One with a mask allows nothing that the matcher does not. One that verifies guesses
    /// has no mask, since each guess needs its own; its input is the end of what the matcher has accepted.
    fn holds(&self, draft: &Draft) -> bool {
        match draft.allowed() {
            Some(mask) => {
                let inside =
                    mask == &self.mask || self.mask.intersection(mask).is_ok_and(|both| both.same(mask));
                inside && self.way.at(0).iter().any(|&token| mask.get(token.into()) == Some(true))
            }
            None => draft.guesses() && !draft.tokens().is_empty() && self.tokens.ends_with(draft.tokens()),
        }
    }
}
