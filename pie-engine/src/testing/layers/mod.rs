//! From the events of a run to the three layers that are kept of it.
//!
//! | layer | what is in it | what is not |
//! |---|---|---|
//! | [`mod@output`] | answer, messages, files, printed text | how they came about |
//! | [`events`] | calls in their order, with tokens | numbers that a kernel rounds, and what depends on who else runs |
//! | [`numbers`] | log-probabilities, margins, entropies | everything else |
//!
//! Ids are the engine's, which gives them out in the order of first appearance. Values that are large are a digest and a head.

pub mod events;
pub mod line;
pub mod numbers;
pub mod output;
pub mod redact;
#[cfg(test)]
mod tests;

use super::{Layer, Observed, Redaction, Vocabulary};

/// Makes one layer, text without a line feed at its end.
pub fn layer(layer: Layer, observed: &Observed, redactions: &[Redaction], vocabulary: &Vocabulary) -> String {
    match layer {
        Layer::Output => output::output(observed, redactions),
        Layer::Events => events::events(observed, redactions, vocabulary),
        Layer::Numbers => numbers::numbers(observed, redactions),
    }
}
