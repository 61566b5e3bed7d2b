//! Speculative decoding: guesses at the next tokens, which one pass verifies. Pure: tokens in, tokens out.
//!
//! A pass computes the logits at all its input tokens at once, so it costs little more to ask it about several guessed tokens than
//! about one. A guess holds if it is the token that was chosen before it; what follows the first one that does not hold is thrown
//! away. So what comes out is the same, token for token, as without guesses, and only the number of passes differs (Leviathan, Kalman
//! and Matias, "Fast Inference from Transformers via Speculative Decoding", ICML 2023, with verification by equality: the choice
//! at a slot is a function of its logits and the number of its draw, so there is nothing to resample).
//!
//! [`Drafter`] is the engine's own source of guesses, for passes that ask with `output-speculative-tokens`. It needs no model:
//! where the text repeats itself, it proposes that it goes on as it did before (prompt lookup decoding, Saxena, 2023).

mod accounting;
mod drafter;
#[cfg(test)]
mod tests;

pub use accounting::Speculation;
pub use drafter::{Drafter, Lookup};

/// How many tokens the engine's drafter guesses at most. What does not hold was computed in vain, and what holds beyond this
/// saves little more.
pub const MOST_DRAFTS: usize = 8;

/// How many of the drafted tokens hold: the length of the common beginning of what was chosen and what was drafted. `chosen[0]` is the
/// choice at the last plain input token, `chosen[i]` that at the draft `i - 1`.
///
/// The context goes on with `chosen[..=held]`: the drafts that hold and the one choice that was made behind them.
pub fn held(chosen: &[u32], drafted: &[u32]) -> usize {
    chosen.iter().zip(drafted).take_while(|(chosen, drafted)| chosen == drafted).count()
}
