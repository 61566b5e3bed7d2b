//! Reading the market for KV pages. All amounts are in credits.

use crate::context::Context;
use crate::model::Model;
use crate::pie::core::scheduling as raw;

/// What one new page costs now.
pub fn price() -> f64 {
    raw::price()
}

/// What a page of this context paid in the last step: the clearing price of the auction, zero when nothing waits.
pub fn rent(ctx: &Context) -> f64 {
    raw::rent(ctx.inner())
}

/// What this instance received in the last step as its share of the rents.
pub fn dividend(model: &Model) -> f64 {
    raw::dividend(model)
}

/// Seconds from one step of this context to the next.
pub fn latency(ctx: &Context) -> f64 {
    raw::latency(ctx.inner())
}

/// What this instance has left to spend, together with those that it has launched and the one that launched it: a family has one account.
pub fn balance(model: &Model) -> f64 {
    raw::balance(model)
}
