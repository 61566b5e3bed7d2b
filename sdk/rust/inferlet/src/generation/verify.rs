//! What a step accepts when drafts were verified in its pass.

use crate::brle;
use crate::spec::held_drafts;

/// A mask over the vocabulary; `None` restricts nothing.
pub(super) type Mask = Option<Vec<u32>>;

/// The result of a verification.
#[derive(Debug, PartialEq)]
pub(super) struct Verified {
    /// How many of the chosen tokens count: the drafts that hold and the choice behind them, up to the first token that
    /// the constraints forbid.
    pub accepted: usize,
    /// Drafts that the engine keeps in the context.
    pub held: usize,
    /// The mask behind the last accepted token, where the constraints have already been moved over all of them.
    pub next_mask: Option<Mask>,
}

/// Compares `drafts` with what the sampler chose behind the last token (`chosen[0]`) and behind each draft. The pass ran
/// without logit mask, so each choice is checked here: `mask` belongs to the first, and `advance` moves the constraints over
/// a token and returns the mask behind it, or `None` if they allow nothing there.
pub(super) fn verify(
    drafts: &[u32],
    chosen: &[u32],
    mut mask: Mask,
    mut advance: impl FnMut(u32) -> Option<Mask>,
) -> Verified {
    let held = held_drafts(drafts, chosen);
    let mut accepted = 0;
    for (index, &token) in chosen.iter().take(held + 1).enumerate() {
        let allowed = mask.as_ref().is_none_or(|mask| brle::allows(mask, token));
        if !allowed {
            return Verified { accepted, held, next_mask: Some(mask) };
        }
        accepted += 1;
        if index < held {
            match advance(token) {
                Some(next) => mask = next,
                None => return Verified { accepted, held, next_mask: Some(None) },
            }
        }
    }
    Verified { accepted, held, next_mask: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unconstrained(drafts: &[u32], chosen: &[u32]) -> (usize, usize) {
        let verified = verify(drafts, chosen, None, |_| Some(None));
        assert_eq!(verified.next_mask, None);
        (verified.accepted, verified.held)
    }

    #[test]
    fn drafts_that_hold_are_accepted_with_the_choice_behind_them() {
        assert_eq!(unconstrained(&[1, 2], &[1, 2, 3]), (3, 2));
        assert_eq!(unconstrained(&[1, 2], &[1, 7, 3]), (2, 1));
        assert_eq!(unconstrained(&[1, 2], &[7, 2, 3]), (1, 0));
        assert_eq!(unconstrained(&[], &[7]), (1, 0));
    }

    #[test]
    fn a_forbidden_choice_ends_the_run_and_the_mask_is_kept_for_the_next_step() {
        let only = |id: u32| Some(vec![id, 1, 9 - id]);
        let mut moved = Vec::new();
        let verified = verify(&[1, 2], &[1, 2, 3], only(1), |token| {
            moved.push(token);
            Some(only(5))
        });
        assert_eq!(verified, Verified { accepted: 1, held: 2, next_mask: Some(only(5)) });
        assert_eq!(moved, [1]);
    }

    #[test]
    fn a_dead_end_of_the_constraints_ends_the_run_behind_the_token_that_led_there() {
        let verified = verify(&[1, 2], &[1, 2, 3], None, |_| None);
        assert_eq!(verified, Verified { accepted: 1, held: 2, next_mask: Some(None) });
    }

    #[test]
    fn nothing_is_accepted_when_the_first_choice_is_forbidden() {
        let verified = verify(&[1], &[1, 2], Some(vec![5, 1]), |_| panic!("no token was accepted"));
        assert_eq!((verified.accepted, verified.held), (0, 1));
    }
}
