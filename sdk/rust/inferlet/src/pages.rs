//! Page arithmetic of a context: how many pages to reserve before a pass, and how many are full after it.

/// How the pages of a context are filled. Read from the engine once before a pass, and followed from there: every count is a
/// call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Slots in a page.
    pub page_size: u32,
    /// Full and immutable.
    pub committed_pages: u32,
    /// Filled, partly filled and empty ones.
    pub working_pages: u32,
    /// In all working pages together.
    pub working_tokens: u32,
}

impl Extent {
    /// Tokens in all pages.
    pub fn seq_len(self) -> u32 {
        self.committed_pages * self.page_size + self.working_tokens
    }

    /// Positions for `count` tokens from `offset` behind the sequence.
    pub fn positions(self, offset: u32, count: u32) -> Vec<u32> {
        let start = self.seq_len() + offset;
        (start..start + count).collect()
    }

    /// Working pages to reserve so that `tokens` more fit.
    pub fn missing_pages(self, tokens: u32) -> u32 {
        self.grown(tokens).working_tokens.div_ceil(self.page_size.max(1)).saturating_sub(self.working_pages)
    }

    /// Tokens that fit without another page, beyond those that are there.
    pub fn room(self) -> u32 {
        let pages = self.working_pages.max(self.working_tokens.div_ceil(self.page_size.max(1)));
        (pages * self.page_size).saturating_sub(self.working_tokens)
    }

    /// Working pages that are full.
    pub fn full_pages(self) -> u32 {
        self.working_tokens / self.page_size.max(1)
    }

    /// With `tokens` more.
    pub fn grown(self, tokens: u32) -> Self {
        Extent { working_tokens: self.working_tokens.saturating_add(tokens), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extent(page_size: u32, working_pages: u32, working_tokens: u32) -> Extent {
        Extent { page_size, committed_pages: 2, working_pages, working_tokens }
    }

    #[test]
    fn a_partly_filled_page_is_used_up_before_another_is_reserved() {
        assert_eq!(extent(16, 1, 10).missing_pages(6), 0);
        assert_eq!(extent(16, 1, 10).missing_pages(7), 1);
        assert_eq!(extent(16, 0, 0).missing_pages(33), 3);
        assert_eq!(extent(16, 4, 0).missing_pages(1), 0);
    }

    #[test]
    fn there_is_room_to_the_end_of_the_last_page() {
        assert_eq!(extent(16, 1, 10).room(), 6);
        assert_eq!(extent(16, 1, 16).room(), 0);
        assert_eq!(extent(16, 2, 10).room(), 22);
        assert_eq!(extent(16, 1, 16).grown(1).room(), 15, "the page that one token more needs");
    }

    #[test]
    fn only_full_pages_are_committed() {
        assert_eq!(extent(16, 1, 15).full_pages(), 0);
        assert_eq!(extent(16, 1, 16).full_pages(), 1);
        assert_eq!(extent(16, 3, 47).full_pages(), 2);
    }

    #[test]
    fn positions_go_on_behind_the_sequence() {
        assert_eq!(extent(16, 1, 3).positions(0, 2), [35, 36]);
        assert_eq!(extent(16, 1, 3).positions(2, 2), [37, 38]);
    }

    proptest! {
        #[test]
        fn reserved_pages_hold_the_tokens_and_none_is_left_over(
            page_size in 1u32..64, working_tokens in 0u32..500, new_tokens in 0u32..500,
        ) {
            let held = working_tokens.div_ceil(page_size);
            let pages = held + extent(page_size, held, working_tokens).missing_pages(new_tokens);
            prop_assert!(pages * page_size >= working_tokens + new_tokens);
            prop_assert!(pages == held || (pages - 1) * page_size < working_tokens + new_tokens);
        }
    }
}
