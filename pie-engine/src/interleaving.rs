//! The order of things that nothing puts in order: which of the instances that can go on does so first, and which of the passes that wait are in the next
//! step. In a run it is the natural one, by number. Tests run an inferlet under others too, because what it answers must not depend on it.

use crate::splitmix::splitmix64;

/// One of the possible orders, by number; 0 is the natural one. The same number gives the same order in every run.
#[derive(Clone, Debug, Default)]
pub struct Interleaving {
    number: u64,
    drawn: u64,
}

impl Interleaving {
    /// The interleaving of this number; `stream` tells places apart that draw from it.
    pub fn new(number: u64, stream: u64) -> Self {
        let number = if number == 0 { 0 } else { splitmix64(number ^ splitmix64(stream)).max(1) };
        Interleaving { number, drawn: 0 }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        splitmix64(self.number.wrapping_add(splitmix64(self.drawn)))
    }

    /// Puts things in order.
    pub fn order<T>(&mut self, things: &mut [T]) {
        if self.number == 0 {
            return;
        }
        for at in (1..things.len()).rev() {
            let with = (self.draw() % (at as u64 + 1)) as usize;
            things.swap(at, with);
        }
    }

    /// Leaves some of several things for later: about half, never all.
    pub fn thin<T>(&mut self, things: &mut Vec<T>) {
        if self.number == 0 || things.len() < 2 {
            return;
        }
        let kept = (self.draw() % things.len() as u64) as usize;
        let mut at = 0;
        things.retain(|_| {
            at += 1;
            at - 1 == kept || self.draw().is_multiple_of(2)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_natural_order_changes_nothing() {
        let mut things = vec![1, 2, 3];
        let mut natural = Interleaving::new(0, 1);
        natural.order(&mut things);
        natural.thin(&mut things);
        assert_eq!(things, [1, 2, 3]);
    }

    #[test]
    fn a_number_gives_one_order_and_several_give_several() {
        let ordered = |number| {
            let mut things: Vec<u32> = (0..6).collect();
            Interleaving::new(number, 1).order(&mut things);
            things
        };
        assert_eq!(ordered(7), ordered(7));
        let different: std::collections::BTreeSet<Vec<u32>> = (1..40).map(ordered).collect();
        assert!(different.len() > 20, "{different:?}");
        let mut sorted = ordered(7);
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn something_always_goes_on() {
        for number in 1..200 {
            let mut interleaving = Interleaving::new(number, 2);
            let mut things = vec![1, 2, 3];
            interleaving.thin(&mut things);
            assert!(!things.is_empty());
            assert!(things.is_sorted());
        }
    }
}
