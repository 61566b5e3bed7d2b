//! What becomes of snapshots that wait: a state machine without input and output. Somebody shows what is [`Review::current`], hands in what was
//! decided, and at the end [`Review::commit`] says what is to be done, all at once.

use super::store::Key;

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which project it is of, a number of the caller's.
    pub project: usize,
    /// Which snapshot.
    pub key: Key,
    /// What is to happen.
    pub change: Change,
}

/// What is to happen to an accepted snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is none yet.
    New,
    /// It is to be replaced.
    Changed,
    /// Nothing asks for it any more: it is to be removed.
    Obsolete {
        /// The file's name.
        file: String,
    },
}

/// What somebody decides about one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// It waits on.
    #[default]
    Skip,
    /// It is accepted.
    Accept,
    /// It is dropped.
    Reject,
}

/// What can be handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Decides about the current one, and goes on to the next.
    Decide(Decision),
    /// Decides about the current one and all behind it that nothing was decided about.
    DecideRest(Decision),
    /// Goes back to the one before.
    Back,
    /// Ends, and does what was decided.
    Finish,
    /// Ends, and does nothing.
    Abort,
}

/// A review under way.
#[derive(Clone, Debug)]
pub struct Review {
    waiting: Vec<Waiting>,
    decisions: Vec<Decision>,
    at: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Deciding,
    Finished,
    Aborted,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The pending one takes the place of the accepted one.
    Accept(usize, Key),
    /// The pending one is removed.
    Reject(usize, Key),
    /// An accepted one is removed.
    Remove(usize, String),
}

impl Review {
    /// Begins with what waits.
    pub fn new(waiting: Vec<Waiting>) -> Review {
        let decisions = vec![Decision::Skip; waiting.len()];
        let state = if waiting.is_empty() { State::Finished } else { State::Deciding };
        Review { waiting, decisions, at: 0, state }
    }

    /// What is to be decided about now, and how many come before it; none once it is over.
    pub fn current(&self) -> Option<(usize, &Waiting)> {
        if self.state == State::Deciding { Some((self.at, self.waiting.get(self.at)?)) } else { None }
    }

    /// All of it, in order.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many were decided about so far, by decision: accepted, rejected, left.
    pub fn counts(&self) -> [usize; 3] {
        let count = |wanted| self.decisions.iter().filter(|decision| **decision == wanted).count();
        [count(Decision::Accept), count(Decision::Reject), count(Decision::Skip)]
    }

    /// Takes in what was decided. Once it is over nothing changes any more.
    pub fn act(&mut self, act: Act) {
        if self.state != State::Deciding {
            return;
        }
        match act {
            Act::Decide(decision) => {
                self.decisions[self.at] = decision;
                self.at += 1;
            }
            Act::DecideRest(decision) => {
                self.decisions[self.at] = decision;
                for rest in &mut self.decisions[self.at + 1..] {
                    if *rest == Decision::Skip {
                        *rest = decision;
                    }
                }
                self.at = self.waiting.len();
            }
            Act::Back => self.at = self.at.saturating_sub(1),
            Act::Finish => self.state = State::Finished,
            Act::Abort => self.state = State::Aborted,
        }
        if self.at == self.waiting.len() && self.state == State::Deciding {
            self.state = State::Finished;
        }
    }

    /// What is to be done; nothing if it was aborted.
    pub fn commit(&self) -> Vec<Operation> {
        if self.state == State::Aborted {
            return Vec::new();
        }
        let decided = self.waiting.iter().zip(&self.decisions);
        let operation = |(waiting, decision): (&Waiting, &Decision)| {
            let Waiting { project, key, change } = waiting;
            match (decision, change) {
                (Decision::Skip, _) | (Decision::Reject, Change::Obsolete { .. }) => None,
                (Decision::Accept, Change::Obsolete { file }) => {
                    Some(Operation::Remove(*project, file.clone()))
                }
                (Decision::Accept, _) => Some(Operation::Accept(*project, key.clone())),
                (Decision::Reject, _) => Some(Operation::Reject(*project, key.clone())),
            }
        };
        decided.filter_map(operation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::case::Layer;
    use proptest::prelude::*;

    fn waiting(count: usize) -> Vec<Waiting> {
        let one = |number: usize| Waiting {
            project: 0,
            key: Key { stem: format!("case-{number}"), layer: Layer::Output },
            change: match number % 3 {
                0 => Change::New,
                1 => Change::Changed,
                _ => Change::Obsolete { file: format!("case-{number}.output.snap") },
            },
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn what_nothing_was_decided_about_waits_on() {
        let mut review = Review::new(waiting(3));
        review.act(Act::Decide(Decision::Skip));
        review.act(Act::Finish);
        assert_eq!(review.commit(), []);
        assert_eq!(review.counts(), [0, 0, 3]);
    }

    #[test]
    fn decisions_are_carried_out_together_at_the_end() {
        let mut review = Review::new(waiting(3));
        review.act(Act::Decide(Decision::Accept));
        review.act(Act::Decide(Decision::Reject));
        review.act(Act::Decide(Decision::Accept));
        assert_eq!(review.current(), None);
        let key = |number: usize| waiting(3)[number].key.clone();
        assert_eq!(
            review.commit(),
            [
                Operation::Accept(0, key(0)),
                Operation::Reject(0, key(1)),
                Operation::Remove(0, "case-2.output.snap".to_owned())
            ]
        );
    }

    #[test]
    fn one_can_go_back_and_decide_anew() {
        let mut review = Review::new(waiting(2));
        review.act(Act::Decide(Decision::Accept));
        review.act(Act::Back);
        assert_eq!(review.current().map(|(at, _)| at), Some(0));
        review.act(Act::Decide(Decision::Reject));
        review.act(Act::DecideRest(Decision::Accept));
        assert_eq!(review.counts(), [1, 1, 0]);
    }

    #[test]
    fn an_aborted_review_changes_nothing() {
        let mut review = Review::new(waiting(2));
        review.act(Act::Decide(Decision::Accept));
        review.act(Act::Abort);
        assert_eq!(review.commit(), []);
    }

    fn act() -> impl Strategy<Value = Act> {
        let decision = prop_oneof![Just(Decision::Skip), Just(Decision::Accept), Just(Decision::Reject)];
        prop_oneof![
            6 => decision.clone().prop_map(Act::Decide),
            1 => decision.prop_map(Act::DecideRest),
            2 => Just(Act::Back),
            1 => Just(Act::Finish),
            1 => Just(Act::Abort),
        ]
    }

    proptest! {
        #[test]
        fn each_is_carried_out_at_most_once_and_only_as_it_was_decided(
            count in 0usize..8,
            acts in prop::collection::vec(act(), 0..30),
        ) {
            let mut review = Review::new(waiting(count));
            for act in &acts {
                review.act(*act);
            }
            let operations = review.commit();
            let [accepted, rejected, left] = review.counts();
            prop_assert_eq!(accepted + rejected + left, count);
            prop_assert!(operations.len() <= accepted + rejected);
            if acts.contains(&Act::Abort) && review.state == State::Aborted {
                prop_assert!(operations.is_empty());
            }
            let mut names: Vec<String> = operations.iter().map(|operation| format!("{operation:?}")).collect();
            names.dedup();
            prop_assert_eq!(names.len(), operations.len());
        }
    }
}
