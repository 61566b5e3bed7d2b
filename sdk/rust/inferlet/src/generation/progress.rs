//! How far a generation is: which tokens it accepts, and when and why it ends. Knows nothing of passes.

/// Why a generation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The model chose this stop token, which is not accepted.
    Stop(u32),
    /// The limit of accepted tokens is reached.
    MaxTokens,
}

/// Accepts tokens until one of them, or their number, ends the generation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    stop: Vec<u32>,
    max_tokens: Option<usize>,
    accepted: usize,
    finish: Option<Finish>,
}

/// A state to go back to; see [`Progress::restore`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoint {
    accepted: usize,
    finish: Option<Finish>,
}

impl Progress {
    pub fn new(stop: Vec<u32>) -> Self {
        Progress { stop, ..Progress::default() }
    }

    pub fn add_stop(&mut self, tokens: &[u32]) {
        self.stop.extend_from_slice(tokens);
    }

    pub fn limit(&mut self, max_tokens: usize) {
        self.max_tokens = Some(max_tokens);
    }

    pub fn accepted(&self) -> usize {
        self.accepted
    }

    pub fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }

    /// Why it has ended; `None` while it goes on.
    pub fn finish(&self) -> Option<Finish> {
        let full = self.max_tokens.is_some_and(|max| self.accepted >= max);
        self.finish.or(full.then_some(Finish::MaxTokens))
    }

    /// How many of some drafts a step can use. What is chosen behind the last of them counts too, so one less than the limit
    /// allows; and nothing comes behind a stop token.
    pub fn useful_drafts(&self, drafts: &[u32]) -> usize {
        let room = self.max_tokens.map_or(usize::MAX, |max| max.saturating_sub(self.accepted + 1));
        drafts.iter().take(room).take_while(|draft| !self.stop.contains(draft)).count()
    }

    /// Accepts tokens in order up to the end of the generation; returns how many.
    pub fn accept(&mut self, tokens: &[u32]) -> usize {
        let before = self.accepted;
        for &token in tokens {
            if self.finish().is_some() {
                break;
            }
            if self.stop.contains(&token) {
                self.finish = Some(Finish::Stop(token));
            } else {
                self.accepted += 1;
            }
        }
        self.accepted - before
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { accepted: self.accepted, finish: self.finish }
    }

    /// Forgets what was accepted since.
    pub fn restore(&mut self, checkpoint: Checkpoint) {
        self.accepted = checkpoint.accepted;
        self.finish = checkpoint.finish;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stop_token_ends_the_generation_and_is_not_accepted() {
        let mut progress = Progress::new(vec![9]);
        assert_eq!(progress.accept(&[1, 2, 9, 3]), 2);
        assert_eq!(progress.finish(), Some(Finish::Stop(9)));
        assert_eq!(progress.accept(&[4]), 0);
        assert_eq!(progress.accepted(), 2);
    }

    #[test]
    fn the_limit_cuts_a_batch_of_tokens() {
        let mut progress = Progress::new(vec![9]);
        progress.limit(3);
        assert_eq!(progress.accept(&[1, 2]), 2);
        assert_eq!(progress.finish(), None);
        assert_eq!(progress.accept(&[3, 4]), 1);
        assert_eq!(progress.finish(), Some(Finish::MaxTokens));
    }

    #[test]
    fn at_the_limit_a_stop_token_makes_no_difference() {
        let mut progress = Progress::new(vec![9]);
        progress.limit(2);
        assert_eq!(progress.accept(&[1, 2, 9]), 2);
        assert_eq!(progress.finish(), Some(Finish::MaxTokens));
    }

    #[test]
    fn a_limit_of_zero_is_reached_before_the_first_token() {
        let mut progress = Progress::new(vec![]);
        progress.limit(0);
        assert_eq!(progress.finish(), Some(Finish::MaxTokens));
    }

    #[test]
    fn restoring_undoes_acceptance_and_end() {
        let mut progress = Progress::new(vec![9]);
        progress.accept(&[1]);
        let checkpoint = progress.checkpoint();
        progress.accept(&[2, 9]);
        progress.restore(checkpoint);
        assert_eq!((progress.accepted(), progress.finish()), (1, None));
    }

    proptest! {
        #[test]
        fn batches_do_not_matter(
            tokens in prop::collection::vec(0u32..6, 0..20), cut in 0usize..20, max in prop::option::of(0usize..12),
        ) {
            let run = |batches: &[&[u32]]| {
                let mut progress = Progress::new(vec![5]);
                max.into_iter().for_each(|max| progress.limit(max));
                batches.iter().for_each(|batch| { progress.accept(batch); });
                (progress.accepted(), progress.finish())
            };
            let (head, tail) = tokens.split_at(cut.min(tokens.len()));
            prop_assert_eq!(run(&[&tokens]), run(&[head, tail]));
        }
    }
}
