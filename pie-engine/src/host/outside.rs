//! How host functions ask the outside.

use super::limits::LimitExceeded;
use super::state::State;
use crate::outside::outbox::Ticket;
use crate::outside::{Answer, Asked, Question};
use crate::trace::Event;

impl State {
    /// Puts a question and records it. `shown` is the question as a trace has it: without what is secret.
    pub(crate) fn put(&mut self, question: Question, shown: Question) -> Result<Ticket, LimitExceeded> {
        let id = self.outbox.number();
        self.record(|instance| Event::Asked { instance, id, question: shown })?;
        let asked = Asked { instance: self.port.instance(), id, question };
        Ok(self.outbox.ask(&*self.outside, asked, self.wasi.now()))
    }

    /// Records an answer that reaches the guest.
    pub(crate) fn reached(&self, ticket: &Ticket, shown: Answer) -> Result<(), LimitExceeded> {
        self.record(|instance| Event::Answered { instance, id: ticket.id(), answer: shown })
    }

    /// Asks and waits for the answer. For questions that hold nothing secret.
    pub(crate) async fn consult(&mut self, question: Question) -> wasmtime::Result<Answer> {
        let ticket = self.put(question.clone(), question)?;
        let answer = ticket.answer().wait().await.clone();
        self.reached(&ticket, answer.clone())?;
        Ok(answer)
    }
}
