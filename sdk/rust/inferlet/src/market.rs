//! Bids of a context in the market for KV pages.
//!
//! Every resident page pays rent per step, so a bid is good when it is the highest one that can be kept up to the end.
//! [`sustainable_bid`] is that: what the instance has and will receive, less what new pages cost, spread evenly over the
//! pages and steps that remain.
//!
//! A context that says nothing about itself keeps the engine's default, which is the same formula for an output of unknown
//! length. The SDK bids where it knows more: in each step of a [`crate::Generator::horizon`], and to restore a sensible bid after
//! one of the program's own, with [`Context::set_bid`] or [`Context::idle`].

use crate::context::Context;
use crate::scheduling;
use std::cell::Cell;

/// Steps to plan for when nothing says how long the output will be.
pub(crate) const EXPECTED_STEPS: u32 = 256;

/// What a bid depends on. Amounts are credits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub balance: f64,
    /// Income a step.
    pub dividend: f64,
    /// Cost of one new page.
    pub price: f64,
    pub page_size: u32,
    pub seq_len: u32,
    /// Steps that remain, one token each.
    pub steps: u32,
}

/// Reads the market for a context that expects `steps` more steps.
pub(crate) fn observe(ctx: &Context, steps: u32) -> Situation {
    Situation {
        balance: scheduling::balance(ctx.model()),
        dividend: scheduling::dividend(ctx.model()),
        price: scheduling::price(),
        page_size: ctx.page_size(),
        seq_len: ctx.seq_len() + ctx.buffer().len() as u32,
        steps,
    }
}

/// The bid a page and step that uses up the funds exactly when the last step is done; never negative.
///
/// With balance B, dividend d, price p, T steps, n pages now and m pages at the end, the pages in between cost
/// (m - n) p, and about (n + m) / 2 pages are resident in each step: b = (B + d T - (m - n) p) / (T (n + m) / 2).
pub(crate) fn sustainable_bid(s: &Situation) -> f64 {
    let page_size = s.page_size.max(1);
    let now = f64::from(s.seq_len.div_ceil(page_size));
    let end = f64::from(s.seq_len.saturating_add(s.steps).div_ceil(page_size));
    let steps = f64::from(s.steps.max(1));
    let funds = s.balance + s.dividend * steps - (end - now) * s.price;
    let page_steps = (steps * (now + end) / 2.0).max(1.0);
    (funds / page_steps).max(0.0)
}

/// Whether the program has overridden the bid of the next pass.
#[derive(Debug, Default)]
pub(crate) struct Bidding {
    value: Cell<Option<f64>>,
    /// An override was used up: the next step restores the bid of the formula.
    restore: Cell<bool>,
}

impl Bidding {
    pub fn set_override(&self, value: f64) {
        self.value.set(Some(value));
    }

    pub fn overridden(&self) -> Option<f64> {
        self.value.get()
    }

    /// Called before each step. Whether to bid by the formula now: always for a generator with a horizon, and once
    /// after an override, but never in the step that the override is for.
    pub fn begin_step(&self, has_horizon: bool) -> bool {
        if self.value.take().is_some() {
            self.restore.set(true);
            return false;
        }
        self.restore.take() || has_horizon
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLENTY: Situation =
        Situation { balance: 100.0, dividend: 0.0, price: 1.0, page_size: 16, seq_len: 16, steps: 16 };

    #[test]
    fn the_bid_spends_what_new_pages_leave() {
        // One page becomes two: 99 credits over 16 steps of 1.5 pages.
        assert_eq!(sustainable_bid(&PLENTY), 99.0 / 24.0);
        assert_eq!(sustainable_bid(&Situation { dividend: 1.5, ..PLENTY }), 123.0 / 24.0);
    }

    #[test]
    fn who_cannot_pay_for_new_pages_bids_nothing() {
        assert_eq!(sustainable_bid(&Situation { balance: 0.5, ..PLENTY }), 0.0);
        assert_eq!(sustainable_bid(&Situation { balance: -3.0, steps: 0, seq_len: 0, ..PLENTY }), 0.0);
    }

    #[test]
    fn an_override_holds_for_one_step_and_is_restored_on_the_next() {
        let bidding = Bidding::default();
        assert!(!bidding.begin_step(false));
        bidding.set_override(2.5);
        assert!(!bidding.begin_step(true), "this step keeps the override");
        assert!(bidding.begin_step(false), "this one restores the formula");
        assert!(!bidding.begin_step(false));
        assert!(bidding.begin_step(true));
    }

    proptest! {
        #[test]
        fn more_steps_never_raise_the_bid_without_income(
            balance in 0.0f64..1e6, seq_len in 0u32..10_000, steps in 1u32..10_000,
        ) {
            let bid = |steps| sustainable_bid(&Situation { balance, seq_len, steps, ..PLENTY });
            prop_assert!(bid(steps + 1) <= bid(steps) + 1e-9);
        }
    }
}
