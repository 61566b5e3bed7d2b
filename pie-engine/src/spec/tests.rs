use super::*;
use proptest::prelude::*;

fn drafter(lookup: Lookup, tokens: &[u32]) -> Drafter {
    let mut drafter = Drafter::new(lookup);
    drafter.extend(tokens);
    drafter
}

fn draft(tokens: &[u32], most: usize) -> Vec<u32> {
    drafter(Lookup::default(), tokens).draft(most)
}

#[test]
fn a_text_that_repeats_is_expected_to_go_on_as_before() {
    assert_eq!(draft(&[1, 2, 3, 4, 5, 1, 2], 3), [3, 4, 5]);
}

#[test]
fn a_text_that_is_new_gives_no_draft() {
    assert!(draft(&[], 3).is_empty());
    assert!(draft(&[1], 3).is_empty());
    assert!(draft(&[1, 2, 3, 4], 3).is_empty());
    assert!(draft(&[1, 2, 3, 1], 3).is_empty(), "one token in common is too few");
}

#[test]
fn the_longest_agreement_counts_and_of_these_the_latest() {
    assert_eq!(draft(&[7, 1, 2, 50, 8, 1, 2, 60, 7, 1, 2], 1), [50]);
    assert_eq!(draft(&[8, 1, 2, 50, 8, 1, 2, 60, 7, 1, 2], 1), [60]);
}

#[test]
fn a_draft_that_reaches_the_end_goes_on_with_itself() {
    assert_eq!(draft(&[9, 1, 2, 3, 1, 2, 3], 7), [1, 2, 3, 1, 2, 3, 1]);
    assert_eq!(draft(&[4, 4, 4], 5), [4; 5]);
}

#[test]
fn what_left_the_window_is_not_found() {
    let lookup = Lookup { window: 4, ..Lookup::default() };
    assert!(drafter(lookup, &[1, 2, 3, 1, 2]).draft(2).is_empty());
    let lookup = Lookup { window: 5, ..lookup };
    assert_eq!(drafter(lookup, &[1, 2, 3, 1, 2]).draft(2), [3, 1]);
}

#[test]
fn nothing_is_remembered_without_a_window_and_nothing_breaks() {
    let lookup = Lookup { shortest: 0, longest: 0, window: 0 };
    let mut drafter = drafter(lookup, &[1, 1, 1]);
    drafter.truncate(2);
    assert_eq!((drafter.draft(4), drafter.remembered()), (vec![], 0));
}

#[test]
fn drafts_hold_up_to_the_first_that_differs() {
    assert_eq!(held(&[5, 6, 7], &[5, 6]), 2);
    assert_eq!(held(&[5, 9, 7], &[5, 6]), 1);
    assert_eq!(held(&[9, 6, 7], &[5, 6]), 0, "a guess behind one that does not hold means nothing");
    assert_eq!(held(&[5], &[]), 0);
}

#[test]
fn speculation_is_accounted_for() {
    let mut speculation = Speculation::default();
    assert_eq!((speculation.verified(&[5], &[]), speculation.acceptance()), (0, None));
    assert_eq!(speculation.verified(&[5, 6, 7], &[5, 6]), 2);
    assert_eq!(speculation.verified(&[5, 6, 7], &[4, 6]), 0);
    assert_eq!(speculation, Speculation { passes: 2, drafted: 4, accepted: 2 });
    assert_eq!(speculation.acceptance(), Some(0.5));
}

/// The rule in its plainest form: try every length from the longest, and every place from the latest.
fn reference(tokens: &[u32], lookup: &Lookup, most: usize) -> Vec<u32> {
    let window = &tokens[tokens.len().saturating_sub(lookup.window)..];
    for length in (lookup.shortest.max(1)..=lookup.longest.min(window.len())).rev() {
        let end = &window[window.len() - length..];
        for next in (length..window.len()).rev() {
            if &window[next - length..next] == end {
                let mut text = window.to_vec();
                (0..most).for_each(|index| text.push(text[next + index]));
                return text.split_off(window.len());
            }
        }
    }
    Vec::new()
}

fn lookup() -> impl Strategy<Value = Lookup> {
    (0..4usize, 1..6usize, 0..40usize).prop_map(|(shortest, more, window)| Lookup {
        shortest,
        longest: shortest + more,
        window,
    })
}

/// Few different tokens, so that texts repeat.
fn text() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![prop::collection::vec(0..3u32, 0..80), prop::collection::vec(0..12u32, 0..80)]
}

proptest! {
    #[test]
    fn drafts_follow_the_rule_at_every_token(tokens in text(), lookup in lookup(), most in 0..9usize) {
        let mut drafter = Drafter::new(lookup);
        for (index, &token) in tokens.iter().enumerate() {
            drafter.extend(&[token]);
            prop_assert_eq!(drafter.draft(most), reference(&tokens[..=index], &lookup, most));
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace(
        kept in text(), taken in text(), more in text(), lookup in lookup(), most in 1..9usize,
    ) {
        // Taking back cannot bring back what left the window at its other end.
        let lookup = Lookup { window: lookup.window + kept.len() + taken.len(), ..lookup };
        let mut other = drafter(lookup, &kept);
        other.extend(&taken);
        other.truncate(taken.len());
        let mut same = drafter(lookup, &kept);
        prop_assert_eq!(other.draft(most), same.draft(most));
        for token in more {
            other.extend(&[token]);
            same.extend(&[token]);
            prop_assert_eq!(other.draft(most), same.draft(most));
        }
    }

    #[test]
    fn after_taking_back_past_the_window_drafts_follow_what_is_remembered(
        tokens in text(), taken in 0..90usize, more in text(), lookup in lookup(), most in 1..9usize,
    ) {
        let mut drafter = drafter(lookup, &tokens);
        drafter.truncate(taken);
        let left = &tokens[..tokens.len().saturating_sub(taken)];
        let remembered = drafter.remembered();
        let first = tokens.len().saturating_sub(lookup.window);
        prop_assert_eq!(remembered, left.len().saturating_sub(first));
        let mut text = left[left.len() - remembered..].to_vec();
        for token in more {
            text.push(token);
            drafter.extend(&[token]);
            prop_assert_eq!(drafter.draft(most), reference(&text, &lookup, most));
        }
    }

    #[test]
    fn memory_is_bounded_by_the_window(
        portions in prop::collection::vec((text(), 0..90usize), 0..9), lookup in lookup(),
    ) {
        let mut drafter = Drafter::new(lookup);
        for (tokens, taken) in portions {
            drafter.extend(&tokens);
            drafter.truncate(taken);
        }
        prop_assert!(drafter.remembered() <= lookup.window);
        prop_assert!(drafter.indexed() <= drafter.remembered());
    }

    #[test]
    fn the_text_is_the_same_with_any_drafts_and_takes_no_more_passes(tokens in text(), lookup in lookup(), most in 0..6usize) {
        // A model that says `tokens`, whatever is asked of it.
        let (mut drafter, mut speculation) = (Drafter::new(lookup), Speculation::default());
        let (mut text, mut passes) = (Vec::new(), 0);
        while text.len() < tokens.len() {
            let draft = drafter.draft(most.min(tokens.len() - text.len() - 1));
            let chosen = &tokens[text.len()..=text.len() + draft.len()];
            let held = speculation.verified(chosen, &draft);
            text.extend_from_slice(&chosen[..=held]);
            drafter.extend(&chosen[..=held]);
            passes += 1;
        }
        prop_assert_eq!(passes + speculation.accepted, tokens.len() as u64);
        prop_assert_eq!(text, tokens);
    }
}
