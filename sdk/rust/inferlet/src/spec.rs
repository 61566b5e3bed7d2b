//! Speculative decoding: guess several tokens ahead, verify them in one pass, keep those that hold.
//!
//! It never changes what is generated, only how many passes it takes. It is off unless
//! [`crate::Generator::system_speculation`] (the engine's n-gram drafter) or [`crate::Generator::speculator`] turns it on.
//!
//! A pass has one logit mask, but every draft would need its own. So with a constraint drafts are verified without mask and
//! checked against the constraint afterwards; that is exact for the arg max only, and with other samplers a constraint
//! turns speculation off.
//!
//! While pages are short, only as many drafts are verified as fit into the pages that the step needs anyway.

/// Guesses what comes next.
pub trait Speculator: Send {
    /// Drafts for the next pass, with their absolute positions: the first one follows the token that was accepted last.
    /// Empty vectors mean no speculation in this step.
    fn draft(&mut self) -> (Vec<u32>, Vec<u32>);

    /// Takes the tokens that the step accepted. The first one is the model's own prediction behind the last token; the
    /// others, if any, are drafts that held, or what the model chose instead of the first that did not. Where a constraint has turned
    /// speculation off, they may be tokens that it forced.
    fn accept(&mut self, accepted: &[u32]);

    /// Forgets the last `n` drafts, which did not hold. Called before [`Speculator::accept`].
    fn rollback(&mut self, n: u32) {
        let _ = n;
    }

    /// Back to the initial state.
    fn reset(&mut self) {}
}

/// How many drafts hold, given what the sampler chose behind the last token (`chosen[0]`) and behind each draft: the
/// longest run of drafts that agree with the choice before them.
pub(crate) fn held_drafts(drafts: &[u32], chosen: &[u32]) -> usize {
    drafts.iter().zip(chosen).take_while(|(draft, token)| draft == token).count()
}

/// Checks a speculator's answer: as many positions as drafts, and following `first` one by one.
pub(crate) fn check_drafts(drafts: &[u32], positions: &[u32], first: u32) -> crate::Result<()> {
    if drafts.len() != positions.len() {
        return Err(format!(
            "the speculator returned {} drafts with {} positions",
            drafts.len(),
            positions.len()
        ));
    }
    match (first..).zip(positions).find(|(expected, position)| expected != *position) {
        Some((expected, position)) => Err(format!(
            "the speculator placed a draft at position {position}; drafts follow the last token one by one, here {expected}"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_hold_up_to_the_first_that_the_model_would_not_have_chosen() {
        assert_eq!(held_drafts(&[1, 2, 3], &[1, 2, 3, 4]), 3);
        assert_eq!(held_drafts(&[1, 2, 3], &[1, 9, 3, 4]), 1);
        assert_eq!(held_drafts(&[1, 2, 3], &[9, 2, 3, 4]), 0);
        assert_eq!(held_drafts(&[], &[4]), 0);
    }

    #[test]
    fn drafts_at_wrong_positions_are_an_error() {
        assert_eq!(check_drafts(&[5, 6], &[10, 11], 10), Ok(()));
        assert!(check_drafts(&[5, 6], &[10], 10).unwrap_err().contains("2 drafts with 1 positions"));
        assert!(check_drafts(&[5, 6], &[10, 12], 10).unwrap_err().contains("position 12"));
    }
}
