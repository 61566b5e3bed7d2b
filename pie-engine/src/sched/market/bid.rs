//! The bid of a context that does not name one.

use super::credits::Credits;
use super::ledger::PAGE_PRICE;

/// How a context expects to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Steps until it is done, at a token each.
    pub steps: u32,
    /// Pages it has, or needs to come back.
    pub pages: u32,
    /// Tokens in a page.
    pub page_size: u32,
}

impl Outlook {
    /// Steps to expect of a context that says nothing about itself.
    pub const STEPS: u32 = 4096;
}

/// The highest bid that a context can keep up until it is done, should it have to pay all it bids.
///
/// With balance `B`, dividend `d` a step, price `p` of a new page, `s` steps to go, `n` pages now and `m = ⌈s / page_size⌉` pages to
/// be made on the way, it holds `n + m / 2` pages on average. It can spend `B + s·d` and must spend `m·p` on making pages, so
///
/// ```text
/// bid = (B + s·d - m·p) / (s · (n + m / 2))
/// ```
///
/// or nothing if pages alone cost more than there is. So bids rise with what a context has and fall with what it is going to need:
/// who waits saves rent and bids more, and who stays long bids less. The quantities are those that the default bid of Pie is made of (Gim
/// et al., "Pie: A Programmable Serving System for Emerging LLM Applications", SOSP 2025); the formula follows from the budget.
pub fn default_bid(balance: Credits, dividend: Credits, outlook: Outlook) -> Credits {
    let steps = u64::from(outlook.steps.max(1));
    let made = steps.div_ceil(u64::from(outlook.page_size.max(1)));
    let means = balance + dividend.times(steps);
    let left = means.saturating_sub(PAGE_PRICE.times(made));
    let twice_the_pages = 2 * u64::from(outlook.pages) + made;
    let page_steps = u128::from(steps) * u128::from(twice_the_pages);
    Credits::from_millionths(left.times(2).millionths() / page_steps).min(Credits::MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bid(balance: u64, dividend: f64, steps: u32, pages: u32) -> String {
        let outlook = Outlook { steps, pages, page_size: 16 };
        default_bid(Credits::whole(balance), Credits::from_f64(dividend), outlook).to_string()
    }

    #[test]
    fn it_is_what_can_be_kept_up() {
        // 1000 - 10 for pages, over 160 steps with 5 + 10 / 2 pages.
        assert_eq!(bid(1000, 0.0, 160, 5), "0.61875");
        assert_eq!(bid(1000, 2.0, 160, 5), "0.81875");
        assert_eq!(bid(10, 0.0, 160, 5), "0");
        assert_eq!(bid(9, 0.0, 160, 5), "0");
    }

    #[test]
    fn it_is_an_amount_whatever_is_expected() {
        assert_eq!(bid(3, 0.0, 0, 0), "4");
        assert_eq!(bid(u64::MAX, 1e300, u32::MAX, u32::MAX), "0.225775");
        let outlook = Outlook { steps: 1, pages: 1, page_size: 0 };
        assert_eq!(default_bid(Credits::ZERO, Credits::ZERO, outlook), Credits::ZERO);
    }
}
