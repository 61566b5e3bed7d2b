//! When a text is led to its end, and on which way.

use super::Matcher;

/// How a matcher leads a text to its end, so that it is there within a number of tokens. All that it does follows from the tokens that were accepted, in
/// whatever pieces they came and whatever was taken back in between.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    /// The tokens that a text has.
    within: usize,
    /// After how many tokens it began to lead.
    from: Option<usize>,
    /// The tokens to the end, from `planned` on.
    plan: Vec<u32>,
    /// How many tokens there were when the plan was made.
    planned: usize,
}

/// The tokens that bring a text to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut {
    /// The tokens before the last.
    pub tokens: Vec<u32>,
    /// The tokens that can be the last: those that end a text. Empty if it is not known yet what comes behind `tokens`.
    pub ends: Vec<u32>,
}

impl WayOut {
    /// The tokens that lead on behind the first `index`.
    pub fn at(&self, index: usize) -> &[u32] {
        let next = self.tokens.get(index..).and_then(<[u32]>::first);
        match next {
            Some(next) => std::slice::from_ref(next),
            None if index == self.tokens.len() => &self.ends,
            None => &[],
        }
    }
}

impl WayOut {
    /// What is left of the way behind some tokens that have followed it.
    pub fn behind(&self, tokens: &[u32]) -> Option<WayOut> {
        let tokens = self.tokens.strip_prefix(tokens)?.to_vec();
        Some(WayOut { tokens, ends: self.ends.clone() })
    }
}

impl Lead {
    pub(super) fn new(within: usize) -> Self {
        Lead { within, from: None, plan: Vec::new(), planned: 0 }
    }

    /// Back to the start.
    pub(super) fn reset(&mut self) {
        *self = Lead::new(self.within);
    }

    /// Whether the way should be looked at after so many tokens. What a model would write by itself is over before that, most often.
    fn looks(&self, count: usize) -> bool {
        count >= self.within / 4 && count.is_multiple_of(self.stride())
    }

    /// How many tokens lie between two looks.
    fn stride(&self) -> usize {
        (self.within / 16).max(1)
    }

    /// Whether a text of so many tokens that lacks so many others should be led.
    fn leads(&self, count: usize, missing: usize) -> bool {
        count + missing >= self.within * 5 / 8
    }

    /// The rest of the plan, if the tokens have followed it.
    fn rest(&self, tokens: &[u32]) -> Option<&[u32]> {
        self.plan.strip_prefix(tokens.get(self.planned..)?)
    }
}

impl Matcher {
    /// The same, leading each text to its end within so many tokens, as far as that is possible: see [`Matcher::way_out`].
    #[must_use]
    pub fn leading(mut self, within: u32) -> Self {
        self.lead = Some(Lead::new(within as usize));
        self
    }

    /// The way to the end, once the text has got so long that it should come to it. None before that; none for a matcher that was not told
    /// to lead; and none where no way is known.
    pub fn way_out(&mut self) -> Option<WayOut> {
        let lead = self.lead.as_ref().filter(|lead| lead.from.is_some() && !self.ended)?;
        let tokens = lead.rest(&self.tokens)?.to_vec();
        let whole = self.fork().accept_and_end(&tokens);
        Some(WayOut {
            tokens,
            ends: if whole { self.vocabulary().end_tokens().to_vec() } else { Vec::new() },
        })
    }

    /// After how many tokens it last was time to look at the way, and how many tokens a text has; none for a matcher that was not told to lead.
    pub fn last_look(&self) -> Option<(usize, usize)> {
        let lead = self.lead.as_ref()?;
        let count = self.tokens.len();
        Some((count - count % lead.stride(), lead.within))
    }

    /// Takes note of a token that was accepted.
    pub(super) fn note_lead(&mut self) {
        let Some(lead) = &self.lead else { return };
        let count = self.tokens.len();
        let wanted = match (lead.from, lead.rest(&self.tokens)) {
            _ if self.ended => false,
            (None, _) => lead.looks(count),
            (Some(_), None) => true,
            (Some(_), Some(rest)) => rest.is_empty() && !self.can_end().unwrap_or(true),
        };
        if wanted {
            self.plan();
        }
    }

    /// Takes note that only so many tokens are left.
    pub(super) fn cut_lead(&mut self, left: usize) {
        let Some(lead) = &mut self.lead else { return };
        if lead.from.is_some_and(|from| left < from) {
            lead.reset();
        } else if lead.from.is_some() && left < lead.planned {
            self.plan();
        }
    }

    fn plan(&mut self) {
        let plan = self.rest();
        let count = self.tokens.len();
        let Some(lead) = &mut self.lead else { return };
        // Without a plan it goes on without being led, and is looked at again.
        let missing = plan.as_ref().map(Vec::len);
        let from = lead.from.or_else(|| missing.filter(|&missing| lead.leads(count, missing)).map(|_| count));
        (lead.from, lead.plan, lead.planned) = match (from, plan) {
            (Some(from), Some(plan)) => (Some(from), plan, count),
            _ => (None, Vec::new(), 0),
        };
    }

    /// Whether the text can end behind these tokens.
    fn accept_and_end(&mut self, tokens: &[u32]) -> bool {
        self.accept(tokens).is_ok() && self.can_end().unwrap_or(false)
    }
}
