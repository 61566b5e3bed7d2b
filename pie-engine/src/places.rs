//! Who may begin where there is room for so many instances at once only. Pure.
//!
//! Who has begun keeps its place until it ends, even while it waits for one that it has launched. If everybody could have any place, parents
//! would take them all, and then wait for ever for children that stand in line. So each leaves as many places free as there may be generations
//! below it: **an instance begins only if, with it, fewer than `places - generations` would have begun before**. Those that launch nobody may
//! have them all.
//!
//! # Nobody waits for a child for ever
//! Suppose that all who have begun wait, directly or through others, for children in line, and let `c` be one in line with the fewest
//! generations below it. Whoever has begun has more than it: else its children, and theirs, would have fewer than `c`, so none of them is in
//! line. So when the last of them began, with one generation more than `c` at least, one more place was free than `c` needs, and
//! nobody has begun since. So `c` may begin. This holds as long as there are more places than generations.
//!
//! Who waits for something else than a child, a message for instance, may wait for somebody in line. When nothing else can happen,
//! [`Places::advance_at_last`] gives the places that were kept free.

use crate::ids::InstanceId;
use std::collections::{BTreeMap, BTreeSet};

/// Who has begun, and who waits in line.
#[derive(Debug)]
pub struct Places {
    count: usize,
    begun: BTreeSet<InstanceId>,
    /// By how many generations there may be below.
    line: BTreeMap<u32, BTreeSet<InstanceId>>,
}

impl Places {
    /// So many places, one at least.
    pub fn new(count: u32) -> Self {
        Places { count: count.max(1) as usize, begun: BTreeSet::new(), line: BTreeMap::new() }
    }

    /// An instance stands in line, below which there may be so many generations.
    pub fn join(&mut self, instance: InstanceId, generations: u32) {
        self.line.entry(generations).or_default().insert(instance);
    }

    /// The one that begins now: of those that may, the one who came first.
    pub fn advance(&mut self) -> Option<InstanceId> {
        let may = |generations: u32| {
            let kept = (generations as usize).min(self.count - 1);
            self.begun.len() < self.count - kept
        };
        let heads = self.line.iter().filter(|(generations, _)| may(**generations));
        let first = heads.filter_map(|(_, instances)| instances.first().copied()).min();
        self.begin(first)
    }

    /// The one that begins if nothing can happen unless somebody does: the first of those with the fewest generations below them, for whom the
    /// others may wait.
    pub fn advance_at_last(&mut self) -> Option<InstanceId> {
        let free = self.begun.len() < self.count;
        let (_, fewest) = self.line.first_key_value().filter(|_| free)?;
        self.begin(fewest.first().copied())
    }

    fn begin(&mut self, instance: Option<InstanceId>) -> Option<InstanceId> {
        let instance = instance?;
        self.forget(instance);
        self.begun.insert(instance);
        Some(instance)
    }

    /// An instance ends, whether it has begun or not.
    pub fn leave(&mut self, instance: InstanceId) {
        if !self.begun.remove(&instance) {
            self.forget(instance);
        }
    }

    /// Whether an instance is not in line.
    pub fn has_begun(&self, instance: InstanceId) -> bool {
        self.begun.contains(&instance)
    }

    /// How many wait in line.
    pub fn waiting(&self) -> usize {
        self.line.values().map(BTreeSet::len).sum()
    }

    fn forget(&mut self, instance: InstanceId) {
        self.line.retain(|_, instances| {
            instances.remove(&instance);
            !instances.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn begin_all(places: &mut Places) -> Vec<u64> {
        std::iter::from_fn(|| places.advance()).map(|instance| instance.0).collect()
    }

    #[test]
    fn those_that_launch_nobody_may_have_all_places_in_the_order_of_coming() {
        let mut places = Places::new(3);
        (1..=5).for_each(|number| places.join(InstanceId(number), 0));
        assert_eq!(begin_all(&mut places), [1, 2, 3]);
        assert_eq!((places.waiting(), places.has_begun(InstanceId(4))), (2, false));
        places.leave(InstanceId(4));
        places.leave(InstanceId(2));
        assert_eq!(begin_all(&mut places), [5]);
    }

    #[test]
    fn parents_leave_places_for_their_children() {
        let mut places = Places::new(4);
        (1..=4).for_each(|number| places.join(InstanceId(number), 2));
        assert_eq!(begin_all(&mut places), [1, 2]);
        places.join(InstanceId(5), 1);
        places.join(InstanceId(6), 1);
        assert_eq!(begin_all(&mut places), [5]);
        places.join(InstanceId(7), 0);
        assert_eq!(begin_all(&mut places), [7]);
        assert_eq!(places.waiting(), 3);
    }

    #[test]
    fn places_that_are_kept_are_given_when_nothing_else_can_happen() {
        let mut places = Places::new(3);
        (1..=3).for_each(|number| places.join(InstanceId(number), 8));
        assert_eq!(begin_all(&mut places), [1]);
        places.join(InstanceId(4), 7);
        let last: Vec<u64> =
            std::iter::from_fn(|| places.advance_at_last()).map(|instance| instance.0).collect();
        assert_eq!(last, [4, 2]);
    }

    /// Families in which each member launches its children at once and waits for all of them, in some order of beginning and ending.
    struct Families {
        places: Places,
        /// Parent and generations of each that has not ended, and how many children it waits for.
        alive: BTreeMap<InstanceId, (Option<InstanceId>, u32, usize)>,
        named: u64,
    }

    impl Families {
        fn join(&mut self, parent: Option<InstanceId>, generations: u32) {
            self.named += 1;
            let instance = InstanceId(self.named);
            self.alive.insert(instance, (parent, generations, 0));
            self.places.join(instance, generations);
        }

        /// Lets one that can go on go on; false when nobody can.
        fn go_on(&mut self, width: usize, choice: usize) -> bool {
            while let Some(begun) = self.places.advance() {
                let (_, generations, children) = self.alive.get_mut(&begun).unwrap();
                let generations = *generations;
                *children = if generations > 0 { width } else { 0 };
                (0..*children).for_each(|_| self.join(Some(begun), generations - 1));
            }
            let free = |(instance, (_, _, children)): &(&InstanceId, &(_, _, usize))| {
                *children == 0 && self.places.has_begun(**instance)
            };
            let able: Vec<InstanceId> =
                self.alive.iter().filter(free).map(|(&instance, _)| instance).collect();
            let Some(&instance) = able.get(choice % able.len().max(1)) else { return false };
            self.places.leave(instance);
            let (parent, ..) = self.alive.remove(&instance).unwrap();
            if let Some(parent) = parent {
                self.alive.get_mut(&parent).unwrap().2 -= 1;
            }
            true
        }
    }

    proptest! {
        #[test]
        fn who_waits_for_children_only_never_waits_for_ever(
            roots in prop::collection::vec(0..5u32, 1..12), width in 1..4usize, spare in 1..4u32,
            choices in prop::collection::vec(any::<usize>(), 1..50),
        ) {
            let deepest = roots.iter().copied().max().unwrap_or(0);
            let places = Places::new(deepest + spare);
            let mut families = Families { places, alive: BTreeMap::new(), named: 0 };
            roots.iter().for_each(|&generations| families.join(None, generations));
            let mut choices = choices.iter().cycle();
            while families.go_on(width, *choices.next().unwrap()) {}
            prop_assert!(families.alive.is_empty(), "{:?} wait for ever", families.alive);
        }
    }
}
