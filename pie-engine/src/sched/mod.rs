//! Which passes run in the next step. Pure: a [`Queue`] of passes goes in, a list of [`Planned`] shares comes out.
//!
//! Batching is continuous: every step is planned anew from whatever waits, so a pass joins at the step after it was submitted and
//! nobody waits for a batch to end.
//!
//! # Order
//! Passes are numbered in the order in which they were submitted, and that number decides everything; there are no ties.
//! - The passes of a table run one after another, at most one in a step.
//! - Short passes ([`DECODE_TOKENS`] and fewer: the next token, a draft to verify) are *decode*, all others *prefill*.
//! - Decode goes first, but for a share of the step that is kept for prefill: a quarter, at least what its oldest pass needs to get on,
//!   and not more than there is to do.
//! - Prefill gets the rest, oldest first. A long pass is cut where a page ends; one with attention masks cannot be cut.
//!
//! # Fairness
//! **The oldest pass that waits is in every step**, even if it alone exceeds the step. So nobody starves: a pass is done, at the latest,
//! after as many steps as the passes submitted before it and it itself have pages and parts, whatever comes after it.
//!
//! Bids do not change the order of passes. They decide which tables have pages, in the [`market`]; a pass of a table that has none does
//! not come here.

pub mod market;
mod plan;
mod queue;
#[cfg(test)]
mod tests;

pub use plan::{Limits, Planned, plan};
pub use queue::{DECODE_TOKENS, Queue, Queued};
