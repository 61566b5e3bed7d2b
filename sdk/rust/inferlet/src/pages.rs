//! Page arithmetic of a context: how many pages to reserve before a pass, and how many are full after it.

/// Working pages that are missing so that `new_tokens` fit behind `working_tokens`.
pub(crate) fn missing_pages(page_size: u32, working_pages: u32, working_tokens: u32, new_tokens: u32) -> u32 {
    working_tokens.saturating_add(new_tokens).div_ceil(page_size.max(1)).saturating_sub(working_pages)
}

/// Working pages that are full, when `working_tokens` fill them in order.
pub(crate) fn full_pages(page_size: u32, working_tokens: u32) -> u32 {
    working_tokens / page_size.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_partly_filled_page_is_used_up_before_another_is_reserved() {
        assert_eq!(missing_pages(16, 1, 10, 6), 0);
        assert_eq!(missing_pages(16, 1, 10, 7), 1);
        assert_eq!(missing_pages(16, 0, 0, 33), 3);
        assert_eq!(missing_pages(16, 4, 0, 1), 0);
    }

    #[test]
    fn only_full_pages_are_committed() {
        assert_eq!(full_pages(16, 15), 0);
        assert_eq!(full_pages(16, 16), 1);
        assert_eq!(full_pages(16, 47), 2);
    }

    proptest! {
        #[test]
        fn reserved_pages_hold_the_tokens_and_none_is_left_over(
            page_size in 1u32..64, working_tokens in 0u32..500, new_tokens in 0u32..500,
        ) {
            let held = working_tokens.div_ceil(page_size);
            let pages = held + missing_pages(page_size, held, working_tokens, new_tokens);
            prop_assert!(pages * page_size >= working_tokens + new_tokens);
            prop_assert!(pages == held || (pages - 1) * page_size < working_tokens + new_tokens);
        }
    }
}
