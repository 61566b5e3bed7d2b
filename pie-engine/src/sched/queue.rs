use std::collections::{BTreeMap, VecDeque};

/// A pass of up to this many tokens is decode: a sampled token, or that and a draft to verify. What is longer is prefill.
pub const DECODE_TOKENS: u32 = 8;

/// A pass that waits to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its number, greater than those of all passes submitted before it.
    pub pass: u64,
    /// The table it writes to.
    pub table: u64,
    /// The slot of its first token that is not computed.
    pub slot: u32,
    /// Tokens that are not computed.
    pub tokens: u32,
    /// Whether it may be computed in several steps.
    pub splittable: bool,
}

/// The passes that wait, each with what is left of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The passes that may run, by number: for each table its oldest.
    decode: BTreeMap<u64, Queued>,
    prefill: BTreeMap<u64, Queued>,
    /// For each table with a pass in one of the above: the passes that wait for that one, oldest first.
    behind: BTreeMap<u64, VecDeque<Queued>>,
}

impl Queue {
    /// Passes that wait.
    pub fn len(&self) -> usize {
        self.behind.len() + self.behind.values().map(VecDeque::len).sum::<usize>()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.behind.is_empty()
    }

    /// Adds a pass. One without tokens has nothing to wait for and is not added.
    pub fn push(&mut self, queued: Queued) {
        if queued.tokens == 0 {
            return;
        }
        if let Some(behind) = self.behind.get_mut(&queued.table) {
            debug_assert!(behind.back().is_none_or(|last| last.pass < queued.pass), "numbers rise");
            behind.push_back(queued);
        } else {
            self.behind.insert(queued.table, VecDeque::new());
            self.make_ready(queued);
        }
    }

    /// Notes that `tokens` more tokens of a pass were computed. When none is left the pass is gone, and the next one of its table may
    /// run. Returns what is left, or none if the pass does not wait or is behind another one.
    pub fn advance(&mut self, pass: u64, tokens: u32) -> Option<u32> {
        let ready = if self.decode.contains_key(&pass) { &mut self.decode } else { &mut self.prefill };
        let queued = ready.get_mut(&pass)?;
        debug_assert!(tokens <= queued.tokens, "not more is computed than is left");
        queued.tokens = queued.tokens.saturating_sub(tokens);
        queued.slot += tokens;
        let left = queued.tokens;
        if left == 0 {
            self.remove(pass);
        }
        Some(left)
    }

    /// Takes a pass out, wherever it waits. Returns what was left of it.
    pub fn remove(&mut self, pass: u64) -> Option<Queued> {
        if let Some(ready) = self.decode.remove(&pass).or_else(|| self.prefill.remove(&pass)) {
            self.promote(ready.table);
            return Some(ready);
        }
        self.behind.values_mut().find_map(|behind| {
            let at = behind.iter().position(|queued| queued.pass == pass)?;
            behind.remove(at)
        })
    }

    /// The decode passes that may run, oldest first.
    pub(super) fn decode(&self) -> impl Iterator<Item = &Queued> {
        self.decode.values()
    }

    /// The prefill passes that may run, oldest first.
    pub(super) fn prefill(&self) -> impl Iterator<Item = &Queued> {
        self.prefill.values()
    }

    /// The number of the oldest pass of all.
    pub(super) fn oldest(&self) -> Option<u64> {
        let heads = self.decode.first_key_value().into_iter().chain(self.prefill.first_key_value());
        heads.map(|(&pass, _)| pass).min()
    }

    /// Lets the next pass of a table run, after the one before it is gone.
    fn promote(&mut self, table: u64) {
        match self.behind.get_mut(&table).and_then(VecDeque::pop_front) {
            Some(next) => self.make_ready(next),
            None => {
                self.behind.remove(&table);
            }
        }
    }

    fn make_ready(&mut self, queued: Queued) {
        let ready = if queued.tokens <= DECODE_TOKENS { &mut self.decode } else { &mut self.prefill };
        ready.insert(queued.pass, queued);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(pass: u64, table: u64, tokens: u32) -> Queued {
        Queued { pass, table, slot: 0, tokens, splittable: true }
    }

    fn ready(queue: &Queue) -> Vec<u64> {
        queue.decode().chain(queue.prefill()).map(|queued| queued.pass).collect()
    }

    #[test]
    fn a_table_has_one_pass_that_may_run() {
        let mut queue = Queue::default();
        for (pass, table) in [(1, 7), (2, 7), (3, 8), (4, 7)] {
            queue.push(queued(pass, table, 1));
        }
        assert_eq!((ready(&queue), queue.len()), (vec![1, 3], 4));
        assert_eq!(queue.advance(1, 1), Some(0));
        assert_eq!((ready(&queue), queue.len()), (vec![2, 3], 3));
    }

    #[test]
    fn a_pass_advances_through_its_slots() {
        let mut queue = Queue::default();
        queue.push(queued(1, 7, 100));
        assert_eq!(queue.advance(1, 64), Some(36));
        assert_eq!(queue.prefill().next(), Some(&Queued { slot: 64, tokens: 36, ..queued(1, 7, 100) }));
        assert_eq!(queue.advance(1, 36), Some(0));
        assert_eq!(queue, Queue::default());
    }

    #[test]
    fn the_end_of_a_long_pass_stays_prefill() {
        let mut queue = Queue::default();
        queue.push(queued(1, 7, 17));
        queue.advance(1, 16);
        assert_eq!((queue.decode().count(), queue.prefill().count()), (0, 1));
    }

    #[test]
    fn a_pass_is_removed_wherever_it_waits() {
        let mut queue = Queue::default();
        for pass in 1..=4 {
            queue.push(queued(pass, 7, 1));
        }
        assert_eq!(queue.remove(3), Some(queued(3, 7, 1)));
        assert_eq!(queue.remove(1), Some(queued(1, 7, 1)));
        assert_eq!(queue.remove(1), None);
        assert_eq!((ready(&queue), queue.len()), (vec![2], 2));
        queue.remove(2);
        queue.remove(4);
        assert_eq!(queue, Queue::default());
    }

    #[test]
    fn a_pass_behind_another_does_not_advance() {
        let mut queue = Queue::default();
        queue.push(queued(1, 7, 1));
        queue.push(queued(2, 7, 1));
        assert_eq!(queue.advance(2, 1), None);
        assert_eq!(queue.advance(9, 1), None);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_pass_without_tokens_does_not_wait() {
        let mut queue = Queue::default();
        queue.push(queued(1, 7, 0));
        assert!(queue.is_empty());
    }
}
