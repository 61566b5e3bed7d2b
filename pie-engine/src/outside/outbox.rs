//! Questions of one run that wait for their answers, and when those are handed over.

use super::{ANSWER_NANOSECONDS, Answer, Asked, Outside};
use crate::control::Bell;
use crate::ids::QuestionId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::SetOnce;

/// The questions of a run. Clones are the same.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Rings when an answer has come.
    bell: Bell,
}

#[derive(Default)]
struct State {
    asked: u64,
    /// Those that have not been handed over, by the time at which they are due, and then by number.
    open: BTreeMap<(u64, QuestionId), Open>,
}

struct Open {
    came: Option<Answer>,
    slot: Arc<SetOnce<Answer>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of several answers that are due is handed over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// That to the first question, however long it takes: a run is the same each time.
    OfQuestions,
    /// One that has come, so that nobody waits for the answer to another.
    OfAnswers,
}

/// What became of the answers that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// None is due.
    NotDue,
    /// One is due and has not come.
    Awaited,
    /// One was handed over.
    Delivered,
}

impl Outbox {
    /// No questions yet. The bell rings when an answer has come.
    pub fn new(bell: Bell) -> Self {
        Outbox { shared: Arc::new(Shared { state: Mutex::default(), bell }) }
    }

    /// The number of the next question.
    pub fn number(&self) -> QuestionId {
        let mut state = self.shared.lock();
        state.asked += 1;
        QuestionId(state.asked)
    }

    /// Puts a question at the virtual time `now`.
    pub fn ask(&self, outside: &dyn Outside, asked: Asked, now: u64) -> Ticket {
        let key = (now.saturating_add(ANSWER_NANOSECONDS), asked.id);
        let slot = Arc::new(SetOnce::new());
        self.shared.lock().open.insert(key, Open { came: None, slot: Arc::clone(&slot) });
        let ticket = Ticket { shared: Arc::clone(&self.shared), key, slot };
        outside.ask(asked, Reply { shared: Arc::clone(&self.shared), key, answered: false });
        ticket
    }

    /// The virtual time behind `now` at which the next answer is due.
    pub fn next_due(&self, now: u64) -> Option<u64> {
        self.shared.lock().open.keys().map(|(due, _)| *due).find(|due| *due > now)
    }

    /// Hands over an answer that is due at the virtual time `now`, if it has come.
    pub fn deliver(&self, now: u64, order: Order) -> Delivery {
        let mut state = self.shared.lock();
        let mut due = state.open.iter().take_while(|((due, _), _)| *due <= now).peekable();
        if due.peek().is_none() {
            return Delivery::NotDue;
        }
        let considered = if order == Order::OfQuestions { 1 } else { usize::MAX };
        let key = due.take(considered).find(|(_, open)| open.came.is_some()).map(|(key, _)| *key);
        let Some(Open { came, slot }) = key.and_then(|key| state.open.remove(&key)) else {
            return Delivery::Awaited;
        };
        drop(state);
        if let Some(answer) = came {
            // It is in the table until it is handed over, and is handed over once.
            let _ = slot.set(answer);
        }
        Delivery::Delivered
    }
}

/// The way of an answer to who asked.
pub struct Reply {
    shared: Arc<Shared>,
    key: (u64, QuestionId),
    answered: bool,
}

impl Reply {
    /// Answers. Nothing happens if nobody wants to know any more.
    pub fn answer(mut self, answer: Answer) {
        self.put(answer);
    }

    /// Whether somebody still wants to know.
    pub fn is_wanted(&self) -> bool {
        self.shared.lock().open.contains_key(&self.key)
    }

    fn put(&mut self, answer: Answer) {
        self.answered = true;
        if let Some(open) = self.shared.lock().open.get_mut(&self.key) {
            open.came = Some(answer);
        }
        self.shared.bell.ring();
    }
}

/// Whoever is to answer may be gone, for example after a panic.
impl Drop for Reply {
    fn drop(&mut self) {
        if !self.answered {
            self.put(Answer::Failed { message: "nobody answered".to_owned() });
        }
    }
}

/// A question that was put. Dropping it says that nobody wants the answer.
pub struct Ticket {
    shared: Arc<Shared>,
    key: (u64, QuestionId),
    slot: Arc<SetOnce<Answer>>,
}

impl Ticket {
    /// The number of the question.
    pub fn id(&self) -> QuestionId {
        self.key.1
    }

    /// Becomes set with the answer.
    pub fn answer(&self) -> &Arc<SetOnce<Answer>> {
        &self.slot
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.lock().open.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::InstanceId;
    use crate::outside::{Nowhere, Permit, Question};

    /// Keeps what it is to answer.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Reply>>);

    impl Outside for Kept {
        fn ask(&self, _asked: Asked, reply: Reply) {
            self.0.lock().unwrap().push(reply);
        }
    }

    fn ask(outbox: &Outbox, outside: &dyn Outside, now: u64) -> Ticket {
        let (instance, id) = (InstanceId(1), outbox.number());
        let asked = Asked { instance, id, question: Question::McpServers, permit: Permit::default() };
        outbox.ask(outside, asked, now)
    }

    fn said(message: &str) -> Answer {
        Answer::Failed { message: message.to_owned() }
    }

    #[test]
    fn answers_are_handed_over_in_the_order_of_their_questions() {
        let (outbox, kept) = (Outbox::new(Bell::default()), Kept::default());
        let (first, second) = (ask(&outbox, &kept, 0), ask(&outbox, &kept, 0));
        let mut replies = std::mem::take(&mut *kept.0.lock().unwrap());
        let due = ANSWER_NANOSECONDS;
        replies.pop().unwrap().answer(said("second"));
        let deliver = |now| outbox.deliver(now, Order::OfQuestions);
        assert_eq!((deliver(due - 1), deliver(due)), (Delivery::NotDue, Delivery::Awaited));
        replies.pop().unwrap().answer(said("first"));
        assert_eq!(deliver(due), Delivery::Delivered);
        assert_eq!((first.answer().get(), second.answer().get()), (Some(&said("first")), None));
        assert_eq!(deliver(due), Delivery::Delivered);
        assert_eq!((second.answer().get(), outbox.next_due(0)), (Some(&said("second")), None));
    }

    #[test]
    fn where_the_order_does_not_count_an_answer_is_handed_over_when_it_has_come() {
        let (outbox, kept) = (Outbox::new(Bell::default()), Kept::default());
        let (first, second) = (ask(&outbox, &kept, 0), ask(&outbox, &kept, 0));
        let due = ANSWER_NANOSECONDS;
        let deliver = |now| outbox.deliver(now, Order::OfAnswers);
        assert_eq!((deliver(due - 1), deliver(due)), (Delivery::NotDue, Delivery::Awaited));
        assert_eq!((outbox.next_due(due - 1), outbox.next_due(due)), (Some(due), None));
        kept.0.lock().unwrap().pop().unwrap().answer(said("second"));
        assert_eq!((deliver(due), deliver(due)), (Delivery::Delivered, Delivery::Awaited));
        assert_eq!((first.answer().get(), second.answer().get()), (None, Some(&said("second"))));
    }

    #[test]
    fn who_is_to_answer_and_does_not_fails_the_question() {
        let (bell, kept) = (Bell::default(), Kept::default());
        let outbox = Outbox::new(bell.clone());
        let ticket = ask(&outbox, &kept, 5);
        assert!(!bell.heard());
        kept.0.lock().unwrap().clear();
        assert!(bell.heard());
        assert_eq!(outbox.deliver(5 + ANSWER_NANOSECONDS, Order::OfQuestions), Delivery::Delivered);
        assert_eq!(ticket.answer().get(), Some(&said("nobody answered")));
    }

    #[test]
    fn a_question_that_nobody_waits_for_is_forgotten() {
        let (outbox, kept) = (Outbox::new(Bell::default()), Kept::default());
        drop(ask(&outbox, &kept, 0));
        let reply = kept.0.lock().unwrap().pop().unwrap();
        assert!(!reply.is_wanted());
        reply.answer(said("late"));
        assert_eq!(
            (outbox.next_due(0), outbox.deliver(u64::MAX, Order::OfQuestions)),
            (None, Delivery::NotDue)
        );
    }

    #[test]
    fn nowhere_has_no_servers_and_fails_the_rest() {
        let outbox = Outbox::new(Bell::default());
        let ticket = ask(&outbox, &Nowhere, 0);
        assert_eq!(outbox.deliver(ANSWER_NANOSECONDS, Order::OfQuestions), Delivery::Delivered);
        assert_eq!(ticket.answer().get(), Some(&Answer::McpServers { names: Vec::new() }));
    }
}
